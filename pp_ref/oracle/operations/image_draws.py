"""What the arguments of operations on images are drawn from."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.oracle.operations.draws import Arguments, Draw
from pp_ref.oracle.operations.geometries import CONVOLUTIONS

__all__ = [
    "GREY",
    "channels",
    "conv2d",
    "depthwise",
    "dictionary_conv2d",
    "distinct_pixels",
    "images",
    "low_pixels",
    "one_channel",
    "pixels",
    "predicted_conv2d",
    "predicted_filters",
    "tied_pixels",
]


def conv2d(draw: Draw) -> Arguments:
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    return {
        "v": draw(s.n, h, w, s.d),
        "W": draw(fh, fw, s.d, s.m),
        "b": draw(s.m),
        "stride": stride,
        "padding": padding,
    }


def depthwise(draw: Draw) -> Arguments:
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    return {"v": draw(s.n, h, w, s.d), "u": draw(fh, fw, s.m), "stride": stride, "padding": padding}


def predicted_filters(draw: Draw, *wanted: str, **more: Any) -> Arguments:
    """Columns in turn dense and tied across channels."""
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    copies = [s.d if j % 2 else 1 for j in range(len(s.columns))]
    sizes = [(k, m, c) for (k, m), c in zip(s.columns, copies, strict=True)]
    every: dict[str, Callable[[], Any]] = {
        "v": lambda: draw(s.n, h, w, s.d),
        "U": lambda: [draw(fh * fw * s.d // c, k) for k, _, c in sizes],
        "w": lambda: [draw(k * c, m) for k, m, c in sizes],
        "b": lambda: draw(s.m),
        "filter_shape": lambda: (fh, fw),
        "stride": lambda: stride,
        "padding": lambda: padding,
    }
    return {name: every[name]() for name in wanted} | more


def dictionary_conv2d(draw: Draw) -> Arguments:
    return predicted_filters(draw, "v", "U", "filter_shape", "stride", "padding")


def predicted_conv2d(draw: Draw) -> Arguments:
    return predicted_filters(draw, "v", "U", "w", "b", "filter_shape", "stride", "padding")


def one_channel(arguments: Callable[[Draw], Arguments]) -> Callable[[Draw], Arguments]:
    """Of a grey image, with the widest padding there is."""
    widest = max(range(len(CONVOLUTIONS)), key=lambda g: CONVOLUTIONS[g][3])
    return lambda draw: arguments(Draw(draw.sizes.at(d=1, geometry=widest), draw.arithmetic))


GREY = ("an extent is read from the channels, or an axis of length 1 is squeezed away", "grey images alone are wrong")


def images(draw: Draw) -> Arguments:
    return {"v": draw(draw.sizes.n, *draw.image(2, 3), draw.sizes.d)}


def distinct_pixels(draw: Draw) -> Arguments:
    size, stride, ceil, h, w = draw.pooling
    shape = (draw.sizes.n, h, w, draw.sizes.m)
    pixels = draw.rng.permutation(int(np.prod(shape))).reshape(shape) - int(np.prod(shape)) // 2
    return {"v": draw.stored(pixels * 2.0**-5 * draw.sizes.scale), "size": size, "stride": stride, "ceil": ceil}


def low_pixels(draw: Draw) -> Arguments:
    """Of one channel some windows, of the other all, hold nothing but -infinity."""
    v = draw(2, 5, 6, 2)
    v[:, :3, :4, 0] = v[..., 1] = -np.inf
    return {"v": v, "size": 2, "stride": 2, "ceil": True}


def tied_pixels(draw: Draw) -> Arguments:
    """Rows and columns of a 2 x 2 window tie, alone and together; the last window sees one column."""
    v = np.array([[1.0, 0, 0, 2, 3], [1, 0, 2, 0, 3], [0, 5, 0, 0, -1], [5, 5, 0, 0, -1]])
    return {"v": v[None, :, :, None], "size": 2, "stride": 2, "ceil": True}


def pixels(draw: Draw) -> Arguments:
    size, stride, ceil, h, w = draw.pooling
    return {"v": draw(draw.sizes.n, h, w, draw.sizes.m), "size": size, "stride": stride, "ceil": ceil}


def channels(draw: Draw) -> Arguments:
    size = 1 + draw.sizes.geometry % 5
    return {
        "v": draw(draw.sizes.n, *draw.image(1, 2), draw.sizes.m),
        "size": size,
        "alpha": 0.75,
        "beta": 0.625,
        "k": 1.5,
    }
