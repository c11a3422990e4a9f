"""More mistakes that people make, which only some sizes or values show: known to a diagnosis, and planted nowhere."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.conv2d import conv2d_backward
from pp_ref.layers.windows import pad
from pp_ref.oracle.faults.fault import Derived, faults, instead

__all__ = ["FAMILIES"]


def padded_at_one_end(dy: Array, cache: Any) -> Any:
    """dW of an image whose zeros are all below and right of it."""
    dv, _, db = conv2d_backward(dy, cache)
    v = cache.v
    for axis in (1, 2):
        v = pad(v, axis, 0, 2 * cache.padding, 0.0)
    return dv, conv2d_backward(dy, cache._replace(v=v, padding=0))[1], db


def unpadded(dy: Array, cache: Any) -> Any:
    """dW of the image alone, as far as its patches reach."""
    dv, dW, db = conv2d_backward(dy, cache)
    xp, (_, h, w, _) = array_namespace(dy), cache.v.shape
    rows, columns = ((extent - size) // cache.stride + 1 for extent, size in zip((h, w), dW.shape[:2], strict=True))
    if min(rows, columns) < 1:
        return dv, xp.zeros_like(dW), db
    inner = dy[:, :rows, :columns, :]
    plain = cache._replace(v=cache.v, padding=0)
    return dv, conv2d_backward(inner, plain)[1], db


def first_patches(dy: Array, cache: Any) -> Any:
    """dW from patches side by side, the first ones of the padded image."""
    dv, dW, db = conv2d_backward(dy, cache)
    v = cache.v
    for axis in (1, 2):
        v = pad(v, axis, cache.padding, cache.padding, 0.0)
    rows, columns = (count + size - 1 for count, size in zip(dy.shape[1:3], dW.shape[:2], strict=True))
    if min(dy.shape[1:3]) < 1:
        return dv, dW, db
    return dv, conv2d_backward(dy, cache._replace(v=v[:, :rows, :columns, :], padding=0, stride=1))[1], db


def _averaged(over: str) -> Derived:
    def changed(gradients: Any, dy: Array, cache: Any) -> Any:
        dv, dW, db = gradients
        n = {"images": dy.shape[0], "pixels": dy.shape[1] * dy.shape[2]}[over]
        return dv, dW / max(n, 1), db / max(n, 1) if over == "images" else db

    return instead(changed)


def _logistic(dv: Array, dy: Array, cache: Any) -> Array:
    return dy * cache.y * (1 - cache.y)


FAMILIES = faults(
    conv2d_backward={
        "padding at one end in dW": (
            "takes dW from an image whose padding is below and right of it alone",
            padded_at_one_end,
        ),
        "no stride in dW": ("takes dW from the first patches side by side, whatever the stride", first_patches),
        "no padding in dW": ("takes dW from the image without its padding", unpadded),
        "dW mean over images": ("averages dW and db over images in place of adding", _averaged("images")),
        "dW mean over pixels": ("averages dW over pixels in place of adding", _averaged("pixels")),
    },
    sigmoid_backward={
        "1 - y": ("computes y (1 - y), which is 0 where y rounds to 1", instead(_logistic)),
    },
)
