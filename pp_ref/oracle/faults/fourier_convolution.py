"""Mistakes in convolutions by the convolution theorem."""

from collections.abc import Callable
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers import fourier_conv2d
from pp_ref.layers.fourier_conv2d import (
    FourierConv2dCache,
    Torus,
    fourier_conv2d_backward,
    fourier_conv2d_backward_weights,
    fourier_conv2d_forward,
)
from pp_ref.oracle.faults.convolution import channels_reversed, rotated, sides_swapped_if_square
from pp_ref.oracle.faults.fault import (
    Fault,
    Function,
    accumulating,
    after,
    before,
    cached,
    double_precision,
    eleven_bits,
    last_row_missing,
    mean_for_sum,
    nan_to_zero,
    stale,
    zero,
)

right_torus, right_inverse = fourier_conv2d._torus, fourier_conv2d._inverse


def built_from(right: Function, **parts: Callable[..., Any]) -> Function:
    """``right`` with some of the functions that it is built from replaced while it runs."""

    def wrong(*args: Any) -> Any:
        own = {name: getattr(fourier_conv2d, name) for name in parts}
        try:
            for name, part in parts.items():
                setattr(fourier_conv2d, name, part)
            return right(*args)
        finally:
            for name, part in own.items():
                setattr(fourier_conv2d, name, part)

    return wrong


def unpadded_torus(v: Array, W: Array, stride: int, padding: int) -> Torus:
    """As large as the larger of image and filter: what is beyond the edge comes back on the other side."""
    torus = right_torus(v, W, stride, padding)
    return torus._replace(size=(max(v.shape[1], W.shape[0]), max(v.shape[2], W.shape[1])))


def stride_forgotten(v: Array, W: Array, stride: int, padding: int) -> Torus:
    torus = right_torus(v, W, stride, padding)
    return torus._replace(y=(range(len(torus.y[0])), range(len(torus.y[1]))))


def images_one_row_low(v: Array, W: Array, stride: int, padding: int) -> Torus:
    torus = right_torus(v, W, stride, padding)
    rows, columns = torus.v
    return torus._replace(v=(range(rows.start + 1, rows.stop + 1), columns))


def with_signs(first: int, second: int) -> Callable[..., Array]:
    return lambda A, B, signs, places, torus: right_inverse(A, B, (first * signs[0], second * signs[1]), places, torus)


def no_imaginary_part(A: Array, B: Array, signs: tuple[int, int], places: Any, torus: Torus) -> Array:
    return right_inverse(
        array_namespace(A).concat([A[:, :, :1, ...], zero(A[:, :, 1:, ...])], axis=2), B, signs, places, torus
    )


def counted_once(A: Array, B: Array, signs: tuple[int, int], places: Any, torus: Torus) -> Array:
    """Half the spectrum taken for all of it: only what is its own mirror image is right."""
    own = [f for f in range(A.shape[0]) if f == 0 or 2 * f == torus.size[0]]
    xp, alone = array_namespace(A), zero(A)
    for f in own:
        alone[f, ...] = A[f, ...]
    return (right_inverse(A, B, signs, places, torus) + right_inverse(alone, B, signs, places, torus)) / xp.asarray(
        2, dtype=A.dtype
    )


def nyquist_twice(A: Array, B: Array, signs: tuple[int, int], places: Any, torus: Torus) -> Array:
    """The last frequency of an even height counted twice, though it is its own mirror image."""
    x = right_inverse(A, B, signs, places, torus)
    if torus.size[0] % 2:
        return x
    last = zero(A)
    last[-1, ...] = A[-1, ...]
    return x + right_inverse(last, B, signs, places, torus)


def not_divided(A: Array, B: Array, signs: tuple[int, int], places: Any, torus: Torus) -> Array:
    """An inverse without its 1 / N."""
    return right_inverse(A, B, signs, places, torus) * torus.size[1]


def sides_of_output_swapped(A: Array, B: Array, signs: tuple[int, int], places: Any, torus: Torus) -> Array:
    x = right_inverse(A, B, signs, places, torus)
    return array_namespace(x).permute_dims(x, (1, 0, 2, 3)) if x.shape[0] == x.shape[1] else x


def dW_of_last_image(dy: Array, cache: FourierConv2dCache) -> Any:
    dv, _, db = fourier_conv2d_backward(dy, cache)
    return dv, fourier_conv2d_backward_weights(dy[-1:, ...], cache._replace(v=cache.v[-1:, ...]))[0], db


def dW_mean(dy: Array, cache: FourierConv2dCache) -> Any:
    dv, dW, db = fourier_conv2d_backward(dy, cache)
    return dv, mean_for_sum(dW, dy.shape[0]), db


def _forward(name: str, sentence: str, wrong: Function) -> Fault:
    return Fault(name, "fourier_conv2d_forward", sentence, wrong)


def _backward(name: str, sentence: str, wrong: Function) -> Fault:
    return Fault(name, "fourier_conv2d_backward", sentence, wrong)


forward, backward = fourier_conv2d_forward, fourier_conv2d_backward
FAULTS = (
    _forward(
        "flip",
        "conjugates no factor, so that it convolves where a correlation is meant",
        built_from(forward, _inverse=with_signs(1, -1)),
    ),
    _forward(
        "image conjugated",
        "conjugates the image's transform in place of the filter's",
        built_from(forward, _inverse=with_signs(-1, -1)),
    ),
    _forward("wraps around", "leaves the padding out of the torus", built_from(forward, _torus=unpadded_torus)),
    _forward(
        "stride ignored", "takes neighbouring outputs whatever the stride", built_from(forward, _torus=stride_forgotten)
    ),
    _forward("off by one", "lays the images one row too low", built_from(forward, _torus=images_one_row_low)),
    _forward("real part alone", "drops the images' imaginary parts", built_from(forward, _inverse=no_imaginary_part)),
    _forward(
        "conjugates left out",
        "counts every frequency once, though half of them are left out",
        built_from(forward, _inverse=counted_once),
    ),
    _forward(
        "Nyquist twice",
        "counts the highest frequency of an even height twice",
        built_from(forward, _inverse=nyquist_twice),
    ),
    _forward("not divided", "forgets the inverse transform's 1 / N", built_from(forward, _inverse=not_divided)),
    _forward(
        "sides swapped",
        "swaps height and width of square outputs",
        built_from(forward, _inverse=sides_of_output_swapped),
    ),
    _forward(
        "filters transposed", "swaps height and width of square filters", before(forward, 1, sides_swapped_if_square)
    ),
    _forward("channel order", "reads the channels in reverse", before(forward, 0, channels_reversed)),
    _forward("bias omitted", "leaves out the bias", before(forward, 2, zero)),
    _forward("last image missing", "does not compute the batch's last image", after(forward, 0, last_row_missing)),
    _forward("eleven bits", "rounds v to the 11 bits of TF32 before multiplying", before(forward, 0, eleven_bits)),
    _forward("promoted", "returns float64 whatever it is given", after(forward, 0, double_precision)),
    _forward("NaN swallowed", "replaces NaN by zero", after(forward, 0, nan_to_zero)),
    _backward(
        "filters conjugated",
        "conjugates the filters' transform in dv, as forward does",
        built_from(
            backward, _inverse=lambda A, B, signs, places, torus: right_inverse(A, B, (signs[0], -1), places, torus)
        ),
    ),
    _backward("dy not conjugated", "conjugates no factor of dW", built_from(backward, _inverse=with_signs(1, -1))),
    _backward("wraps around", "leaves the padding out of the torus", built_from(backward, _torus=unpadded_torus)),
    _backward("stride ignored", "lays dy out as if the stride were 1", built_from(backward, _torus=stride_forgotten)),
    _backward("not divided", "forgets the inverse transform's 1 / N", built_from(backward, _inverse=not_divided)),
    _backward(
        "Nyquist twice",
        "counts the highest frequency of an even height twice",
        built_from(backward, _inverse=nyquist_twice),
    ),
    _backward("flip", "pulls dy back through filters turned by half a turn", cached(backward, W=rotated)),
    _backward("dW of the last image", "assigns dW image by image where it has to add", dW_of_last_image),
    _backward("mean for sum", "divides dW by n though dy holds that factor already", dW_mean),
    _backward("stale cache", "reads the cache of the call before", stale(backward)),
    _backward("accumulates", "adds to the gradients of the call before", accumulating(backward)),
)
