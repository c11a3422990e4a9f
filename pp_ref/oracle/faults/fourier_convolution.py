"""Mistakes in convolutions by the convolution theorem."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers import fourier_conv2d
from pp_ref.layers.fourier_conv2d import Torus
from pp_ref.oracle.faults.convolution import channels_reversed, dW_of_last_image, rotated, sides_swapped_if_square
from pp_ref.oracle.faults.fault import Derived, Function, after, before, cached, eleven_bits, faults, instead, zero

__all__ = ["FAULTS"]

right_inverse = fourier_conv2d._inverse


def built_from(**parts: Derived | Function) -> Derived:
    """The right function with some of the functions that it is built from replaced while it runs."""
    own = {name: getattr(fourier_conv2d, name) for name in parts}
    others = {name: part(own[name]) if isinstance(part, Derived) else part for name, part in parts.items()}

    def make(right: Function) -> Function:
        def wrong(*args: Any) -> Any:
            try:
                vars(fourier_conv2d).update(others)
                return right(*args)
            finally:
                vars(fourier_conv2d).update(own)

        return wrong

    return Derived(make)


# As large as the larger of image and filter: what is beyond the edge comes back on the other side.
unpadded = built_from(
    _torus=instead(
        lambda torus, v, W, *_: torus._replace(size=(max(v.shape[1], W.shape[0]), max(v.shape[2], W.shape[1])))
    )
)
stride_forgotten = built_from(_torus=after(lambda torus: torus._replace(y=[range(len(at)) for at in torus.y])))


def one_row_low(torus: Torus) -> Torus:
    rows, columns = torus.v
    return torus._replace(v=(range(rows.start + 1, rows.stop + 1), columns))


def with_signs(first: int, second: int) -> Derived:
    return built_from(_inverse=before(lambda signs: (first * signs[0], second * signs[1]), 2))


def real_part(A: Array) -> Array:
    return array_namespace(A).concat([A[:, :, :1, ...], zero(A[:, :, 1:, ...])], axis=2)


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


not_divided = built_from(_inverse=instead(lambda x, A, B, signs, places, torus: x * torus.size[1]))


FAULTS = faults(
    fourier_conv2d_forward={
        "flip": ("conjugates no factor, so that it convolves where a correlation is meant", with_signs(1, -1)),
        "image conjugated": ("conjugates the image's transform in place of the filter's", with_signs(-1, -1)),
        "wraps around": ("leaves the padding out of the torus", unpadded),
        "stride ignored": ("takes neighbouring outputs whatever the stride", stride_forgotten),
        "off by one": ("lays the images one row too low", built_from(_torus=after(one_row_low))),
        "real part alone": ("drops the images' imaginary parts", built_from(_inverse=before(real_part))),
        "conjugates left out": (
            "counts every frequency once, though half of them are left out",
            built_from(_inverse=counted_once),
        ),
        "Nyquist twice": ("counts the highest frequency of an even height twice", built_from(_inverse=nyquist_twice)),
        "not divided": ("forgets the inverse transform's 1 / N", not_divided),
        "sides swapped": (
            "swaps height and width of square outputs",
            built_from(_inverse=after(sides_swapped_if_square)),
        ),
        "filters transposed": ("swaps height and width of square filters", before(sides_swapped_if_square, 1)),
        "channel order": ("reads the channels in reverse", before(channels_reversed)),
        "bias omitted": ("leaves out the bias", before(zero, 2)),
        "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(eleven_bits)),
    },
    fourier_conv2d_backward={
        "filters conjugated": (
            "conjugates the filters' transform in dv, as forward does",
            built_from(_inverse=before(lambda signs: (signs[0], -1), 2)),
        ),
        "dy not conjugated": ("conjugates no factor of dW", with_signs(1, -1)),
        "wraps around": ("leaves the padding out of the torus", unpadded),
        "stride ignored": ("lays dy out as if the stride were 1", stride_forgotten),
        "not divided": ("forgets the inverse transform's 1 / N", not_divided),
        "Nyquist twice": ("counts the highest frequency of an even height twice", built_from(_inverse=nyquist_twice)),
        "flip": ("pulls dy back through filters turned by half a turn", cached(W=rotated)),
        "dW of the last image": ("assigns dW image by image where it has to add", dW_of_last_image),
    },
)
