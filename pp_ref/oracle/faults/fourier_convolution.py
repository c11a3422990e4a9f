"""Mistakes in convolutions by the convolution theorem."""

from collections.abc import Callable
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers import fourier_conv2d
from pp_ref.layers.fourier_conv2d import (
    Torus,
    fourier_conv2d_backward,
    fourier_conv2d_backward_weights,
    fourier_conv2d_forward,
)
from pp_ref.oracle.faults.convolution import channels_reversed, rotated, sides_swapped_if_square
from pp_ref.oracle.faults.fault import (
    Function,
    before,
    cached,
    eleven_bits,
    faults,
    instead,
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


dW_of_last_image = instead(
    fourier_conv2d_backward,
    1,
    lambda dW, dy, c: fourier_conv2d_backward_weights(dy[-1:, ...], c._replace(v=c.v[-1:, ...]))[0],
)


forward, backward = fourier_conv2d_forward, fourier_conv2d_backward
FAULTS = faults(
    {
        "fourier_conv2d_forward": {
            "flip": (
                "conjugates no factor, so that it convolves where a correlation is meant",
                built_from(forward, _inverse=with_signs(1, -1)),
            ),
            "image conjugated": (
                "conjugates the image's transform in place of the filter's",
                built_from(forward, _inverse=with_signs(-1, -1)),
            ),
            "wraps around": ("leaves the padding out of the torus", built_from(forward, _torus=unpadded_torus)),
            "stride ignored": (
                "takes neighbouring outputs whatever the stride",
                built_from(forward, _torus=stride_forgotten),
            ),
            "off by one": ("lays the images one row too low", built_from(forward, _torus=images_one_row_low)),
            "real part alone": ("drops the images' imaginary parts", built_from(forward, _inverse=no_imaginary_part)),
            "conjugates left out": (
                "counts every frequency once, though half of them are left out",
                built_from(forward, _inverse=counted_once),
            ),
            "Nyquist twice": (
                "counts the highest frequency of an even height twice",
                built_from(forward, _inverse=nyquist_twice),
            ),
            "not divided": ("forgets the inverse transform's 1 / N", built_from(forward, _inverse=not_divided)),
            "sides swapped": (
                "swaps height and width of square outputs",
                built_from(forward, _inverse=sides_of_output_swapped),
            ),
            "filters transposed": (
                "swaps height and width of square filters",
                before(forward, 1, sides_swapped_if_square),
            ),
            "channel order": ("reads the channels in reverse", before(forward, 0, channels_reversed)),
            "bias omitted": ("leaves out the bias", before(forward, 2, zero)),
            "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(forward, 0, eleven_bits)),
        },
        "fourier_conv2d_backward": {
            "filters conjugated": (
                "conjugates the filters' transform in dv, as forward does",
                built_from(
                    backward,
                    _inverse=lambda A, B, signs, places, torus: right_inverse(A, B, (signs[0], -1), places, torus),
                ),
            ),
            "dy not conjugated": ("conjugates no factor of dW", built_from(backward, _inverse=with_signs(1, -1))),
            "wraps around": ("leaves the padding out of the torus", built_from(backward, _torus=unpadded_torus)),
            "stride ignored": ("lays dy out as if the stride were 1", built_from(backward, _torus=stride_forgotten)),
            "not divided": ("forgets the inverse transform's 1 / N", built_from(backward, _inverse=not_divided)),
            "Nyquist twice": (
                "counts the highest frequency of an even height twice",
                built_from(backward, _inverse=nyquist_twice),
            ),
            "flip": ("pulls dy back through filters turned by half a turn", cached(backward, W=rotated)),
            "dW of the last image": ("assigns dW image by image where it has to add", dW_of_last_image),
        },
    }
)
