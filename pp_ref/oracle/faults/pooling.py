"""Mistakes in what a convnet has between convolutions: pooling, flattening, local response normalisation."""

from collections.abc import Callable
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.local_response import LocalResponseCache, local_response_backward, local_response_forward
from pp_ref.layers.pooling import (
    MaxPool2dCache,
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from pp_ref.layers.windows import count_windows, pad
from pp_ref.oracle.faults.convolution import assigning, channels_reversed, image_sides_swapped_if_square, one_pixel_left
from pp_ref.oracle.faults.fault import Derived, Function, after, before, cached, faults, instead, neighbour
from pp_ref.oracle.faults.units import smallest

__all__ = ["FAULTS"]


def past_the_edge(v: Array, size: int, stride: int, ceil: bool) -> Array:
    """v with real pixels of zero as far as the last windows reach."""
    for axis in (1, 2):
        reach = stride * (count_windows(v.shape[axis], size, stride, ceil) - 1) + size
        v = pad(v, axis, 0, max(0, reach - v.shape[axis]), 0.0)
    return v


def of_largest_magnitude(v: Array, size: int, stride: int, ceil: bool) -> Any:
    low, cache = smallest(max_pool2d_forward)(v, size, stride, ceil)
    high, _ = max_pool2d_forward(v, size, stride, ceil)
    return array_namespace(v).where(-low > high, low, high), cache


def last_wins(v: Array, size: int, stride: int, ceil: bool) -> Any:
    """The images turned by half a turn, and back: where windows come out even, the last of a tie comes first."""
    y, cache = max_pool2d_forward(v, size, stride, ceil)
    xp, (h, w) = array_namespace(v), v.shape[1:3]
    reach = [stride * (count - 1) + size for count in y.shape[1:3]]
    padded = pad(pad(v, 1, 0, max(0, reach[0] - h), -float("inf")), 2, 0, max(0, reach[1] - w), -float("inf"))
    turned = xp.flip(padded[:, : reach[0], : reach[1], :], axis=(1, 2))
    _, other = max_pool2d_forward(turned, size, stride, ceil)
    row = size - 1 - xp.flip(other.row, axis=(1, 2))
    column = size - 1 - xp.flip(other.column, axis=(1, 2))
    missing = max(h - reach[0], 0)
    column = xp.concat([column[:, : min(h, reach[0]), ...], cache.column[:, h - missing :, ...]], axis=1)
    return y, cache._replace(row=row, column=column)


def to_every_pixel(dy: Array, cache: MaxPool2dCache) -> Array:
    xp, (h, w) = array_namespace(dy), cache.image_shape
    ones = xp.zeros((dy.shape[0], h, w, dy.shape[3]), dtype=dy.dtype) + 1
    _, average = average_pool2d_forward(ones, cache.size, cache.stride, True)
    if average.pixels.shape[:2] != dy.shape[1:3]:
        return max_pool2d_backward(dy, cache)
    return average_pool2d_backward(dy * average.pixels, average)


def flattened(*axes: int) -> Derived:
    """Images whose axes are laid out in another order."""
    return instead(lambda y, v: array_namespace(v).reshape(array_namespace(v).permute_dims(v, axes), y.shape), 0)


def unflattened(*axes: int) -> Derived:
    """Images that are read as if `flattened` had laid them out."""

    def other(dv: Array, dy: Array, cache: Any) -> Array:
        xp = array_namespace(dy)
        back = tuple(axes.index(axis) for axis in range(4))
        return xp.permute_dims(xp.reshape(dy, tuple(dv.shape[axis] for axis in axes)), back)

    return instead(other)


def with_base(other: Callable[[Array, LocalResponseCache, float], Array]) -> Function:
    """Powers of other(v, cache, k), and their gradient as if that were the right base."""

    def wrong(v: Array, *settings: Any) -> Any:
        _, cache = local_response_forward(v, *settings)
        base = other(v, cache, settings[-1])
        return v * base**-cache.beta, cache._replace(base=base)

    return wrong


def of_all_channels(v: Array, cache: LocalResponseCache, k: float) -> Array:
    total = array_namespace(v).sum(v * v, axis=3, keepdims=True)
    return k + cache.alpha * total / cache.size + v * 0


def of_channels_next_to_it(v: Array, cache: LocalResponseCache, k: float) -> Array:
    """One channel off: what an even size decides."""
    turned = local_response_forward(channels_reversed(v), cache.size, cache.alpha, cache.beta, k)[1]
    return channels_reversed(turned.base)


def own_channel_alone(dy: Array, cache: LocalResponseCache) -> Array:
    v, base, size, alpha, beta = cache
    scaled = dy * base**-beta
    return scaled - 2 * alpha * beta * v * (scaled * v / base) / size


def same_channels_forward_and_back(dy: Array, cache: LocalResponseCache) -> Array:
    """The sum over the channels that c reads, where it belongs over those that read c."""
    turned = cached(v=channels_reversed, base=channels_reversed)(local_response_backward)
    return channels_reversed(turned(channels_reversed(dy), cache))


def power_too_low(dy: Array, cache: LocalResponseCache) -> Array:
    """base^-beta where the power's derivative has base^(-beta - 1)."""
    scaled = dy * cache.base**-cache.beta
    right = local_response_backward(dy * cache.base, cache) - scaled * cache.base
    return scaled + right


FAULTS = faults(
    max_pool2d_forward={
        "zeros past the edge": (
            "pads with 0 where -inf belongs",
            instead(lambda y, v, *size: max_pool2d_forward(past_the_edge(v, *size), *size)[0], 0),
        ),
        "floor for ceil": ("drops the window that reaches over the edge", before(lambda ceil: False, 3)),
        "ceil for floor": ("adds a window that reaches over the edge", before(lambda ceil: True, 3)),
        "smallest": ("takes the smallest pixel", smallest),
        "largest magnitude": ("takes the pixel of largest |v|", of_largest_magnitude),
        "average": ("takes the average", instead(lambda y, *args: average_pool2d_forward(*args)[0], 0)),
        "tie: last": ("lets the last pixel win a tie, where the first has to", last_wins),
        "windows off by one": ("begins its windows one pixel to the left", before(one_pixel_left)),
    },
    max_pool2d_backward={
        "to every pixel": ("gives dy to every pixel of a window", to_every_pixel),
        "overlaps assigned": ("assigns dv window by window where a pixel that won twice has to add", assigning),
        "row for column": (
            "swaps height and width of dv wherever they are equal",
            after(image_sides_swapped_if_square),
        ),
        "first row": ("looks for the winner in the window's first row alone", cached(row=lambda row: row * 0)),
        "next pixel": ("gives dy to the pixel after the winner", cached(column=lambda column: column + 1)),
        "neighbour's winner": ("uses the winner of the channel beside", cached(row=neighbour, column=neighbour)),
    },
    average_pool2d_forward={
        "full size": (
            "divides by size^2 at the edge too, where pixels are missing",
            after(lambda found: (found[0] * found[1].pixels / found[1].size ** 2, found[1])),
        ),
        "sum": ("adds up and does not divide", after(lambda found: (found[0] * found[1].pixels, found[1]))),
        "one side": ("divides by size where size^2 belongs", instead(lambda y, v, size, *rest: y * size, 0)),
        "floor for ceil": ("drops the window that reaches over the edge", before(lambda ceil: False, 3)),
        "windows off by one": ("begins its windows one pixel to the left", before(one_pixel_left)),
    },
    average_pool2d_backward={
        "full size": (
            "divides dy by size^2 at the edge too",
            before(lambda cache: cache._replace(pixels=cache.pixels * 0 + cache.size**2), 1),
        ),
        "undivided": ("does not divide dy", cached(pixels=lambda pixels: pixels * 0 + 1)),
        "overlaps assigned": ("assigns dv window by window where overlapping windows have to add", assigning),
    },
    flatten_forward={
        "channels first": ("puts channels before pixels", flattened(0, 3, 1, 2)),
        "columns first": ("runs down the columns where rows come first", flattened(0, 2, 1, 3)),
    },
    flatten_backward={
        "channels first": ("reads channels before pixels", unflattened(0, 3, 1, 2)),
        "columns first": ("reads down the columns where rows come first", unflattened(0, 2, 1, 3)),
    },
    local_response_forward={
        "alpha undivided": (
            "does not divide alpha by size",
            lambda v, size, alpha, *rest: local_response_forward(v, size, alpha * size, *rest),
        ),
        "square root": ("takes half of beta", before(lambda beta: beta / 2, 3)),
        "own channel left out": (
            "leaves a channel out of its own sum",
            with_base(lambda v, c, k: c.base - c.alpha * v * v / c.size),
        ),
        "all channels": ("sums over all channels whatever the size", with_base(of_all_channels)),
        "one channel off": ("takes the longer side of an even size upwards", with_base(of_channels_next_to_it)),
        "k is 1": ("adds 1 where k belongs", before(lambda k: 1.0, 4)),
    },
    local_response_backward={
        "without cross term": (
            "takes the sums for constants",
            instead(lambda dv, dy, cache: dy * cache.base**-cache.beta),
        ),
        "own channel alone": ("differentiates a channel's own sum alone", own_channel_alone),
        "factor two": (
            "leaves out the 2 of the square",
            instead(lambda dv, dy, cache: (dv + dy * cache.base**-cache.beta) / 2),
        ),
        "channels it reads": (
            "sums over the channels that c reads, where it belongs over those that read c",
            same_channels_forward_and_back,
        ),
        "power too low": ("differentiates base^-beta to base^-beta", power_too_low),
    },
)
