"""Mistakes in what a convnet has between convolutions: pooling, flattening, local response normalisation."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.flatten import FlattenCache, flatten_forward
from pp_ref.layers.local_response import LocalResponseCache, local_response_backward, local_response_forward
from pp_ref.layers.pooling import (
    AveragePool2dCache,
    MaxPool2dCache,
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from pp_ref.layers.windows import count_windows, pad
from pp_ref.oracle.faults.convolution import assigning, channels_reversed, image_sides_swapped_if_square, one_pixel_left
from pp_ref.oracle.faults.fault import (
    after,
    before,
    cached,
    faults,
    instead,
    neighbour,
)


def past_the_edge(v: Array, size: int, stride: int, ceil: bool, fill: float) -> Array:
    """v with real pixels of ``fill`` as far as the last windows reach."""
    for axis in (1, 2):
        reach = stride * (count_windows(v.shape[axis], size, stride, ceil) - 1) + size
        v = pad(v, axis, 0, max(0, reach - v.shape[axis]), fill)
    return v


def zeros_past_the_edge(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, _ = max_pool2d_forward(past_the_edge(v, size, stride, ceil, 0.0), size, stride, ceil)
    return y, max_pool2d_forward(v, size, stride, ceil)[1]


def floor_for_ceil(right: Any) -> Any:
    return lambda v, size, stride, ceil: right(v, size, stride, False)


ceil_for_floor = before(max_pool2d_forward, 3, lambda ceil: True)


def smallest(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = max_pool2d_forward(-v, size, stride, ceil)
    return -y, cache


def of_largest_magnitude(v: Array, size: int, stride: int, ceil: bool) -> Any:
    xp = array_namespace(v)
    low, cache = smallest(v, size, stride, ceil)
    high, _ = max_pool2d_forward(v, size, stride, ceil)
    return xp.where(-low > high, low, high), cache


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


def average_for_max(v: Array, size: int, stride: int, ceil: bool) -> Any:
    return average_pool2d_forward(v, size, stride, ceil)[0], max_pool2d_forward(v, size, stride, ceil)[1]


def to_every_pixel(dy: Array, cache: MaxPool2dCache) -> Array:
    xp, (h, w) = array_namespace(dy), cache.image_shape
    ones = xp.zeros((dy.shape[0], h, w, dy.shape[3]), dtype=dy.dtype) + 1
    _, average = average_pool2d_forward(ones, cache.size, cache.stride, True)
    if average.pixels.shape[:2] != dy.shape[1:3]:
        return max_pool2d_backward(dy, cache)
    return average_pool2d_backward(dy * average.pixels, average)


winner_in_first_row = cached(max_pool2d_backward, row=lambda row: row * 0)


def over_full_size(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = average_pool2d_forward(v, size, stride, ceil)
    return y * cache.pixels / (size * size), cache


def added(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = average_pool2d_forward(v, size, stride, ceil)
    return y * cache.pixels, cache


over_one_side = instead(average_pool2d_forward, 0, lambda y, v, size, *rest: y * size)


def gradient_over_full_size(dy: Array, cache: AveragePool2dCache) -> Array:
    return average_pool2d_backward(dy, cache._replace(pixels=cache.pixels * 0 + cache.size**2))


gradient_undivided = cached(average_pool2d_backward, pixels=lambda pixels: pixels * 0 + 1)


def channels_first(v: Array) -> tuple[Array, FlattenCache]:
    xp, (y, cache) = array_namespace(v), flatten_forward(v)
    return xp.reshape(xp.permute_dims(v, (0, 3, 1, 2)), y.shape), cache


def columns_first(v: Array) -> tuple[Array, FlattenCache]:
    xp, (y, cache) = array_namespace(v), flatten_forward(v)
    return xp.reshape(xp.permute_dims(v, (0, 2, 1, 3)), y.shape), cache


def unflattened_channels_first(dy: Array, cache: FlattenCache) -> Array:
    xp, (h, w, c) = array_namespace(dy), cache.image_shape
    return xp.permute_dims(xp.reshape(dy, (dy.shape[0], c, h, w)), (0, 2, 3, 1))


def unflattened_columns_first(dy: Array, cache: FlattenCache) -> Array:
    xp, (h, w, c) = array_namespace(dy), cache.image_shape
    return xp.permute_dims(xp.reshape(dy, (dy.shape[0], w, h, c)), (0, 2, 1, 3))


def _normalised(v: Array, base: Array, like: LocalResponseCache) -> Any:
    return v * base**-like.beta, like._replace(base=base)


def alpha_undivided(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    return local_response_forward(v, size, alpha * size, beta, k)


root_of_power = before(local_response_forward, 3, lambda beta: beta / 2)


def own_channel_left_out(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    _, cache = local_response_forward(v, size, alpha, beta, k)
    return _normalised(v, cache.base - alpha * v * v / size, cache)


def all_channels(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    _, cache = local_response_forward(v, size, alpha, beta, k)
    total = array_namespace(v).sum(v * v, axis=3, keepdims=True)
    return _normalised(v, k + alpha * total / size + v * 0, cache)


def channels_next_to_it(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    """One channel off: what an even size decides."""
    _, cache = local_response_forward(channels_reversed(v), size, alpha, beta, k)
    return _normalised(v, channels_reversed(cache.base), cache._replace(v=v))


k_left_out = before(local_response_forward, 4, lambda k: 1.0)


without_cross_term = instead(local_response_backward, None, lambda dv, dy, cache: dy * cache.base**-cache.beta)


def own_channel_alone(dy: Array, cache: LocalResponseCache) -> Array:
    v, base, size, alpha, beta = cache
    scaled = dy * base**-beta
    return scaled - 2 * alpha * beta * v * (scaled * v / base) / size


two_left_out = instead(local_response_backward, None, lambda dv, dy, cache: (dv + dy * cache.base**-cache.beta) / 2)


def same_channels_forward_and_back(dy: Array, cache: LocalResponseCache) -> Array:
    """The sum over the channels that c reads, where it belongs over those that read c."""
    dv = local_response_backward(
        channels_reversed(dy), cache._replace(v=channels_reversed(cache.v), base=channels_reversed(cache.base))
    )
    return channels_reversed(dv)


def power_too_low(dy: Array, cache: LocalResponseCache) -> Array:
    """base^-beta where the power's derivative has base^(-beta - 1)."""
    scaled = dy * cache.base**-cache.beta
    right = local_response_backward(dy * cache.base, cache) - scaled * cache.base
    return scaled + right


FAULTS = faults(
    {
        "max_pool2d_forward": {
            "zeros past the edge": ("pads with 0 where -inf belongs", zeros_past_the_edge),
            "floor for ceil": ("drops the window that reaches over the edge", floor_for_ceil(max_pool2d_forward)),
            "ceil for floor": ("adds a window that reaches over the edge", ceil_for_floor),
            "smallest": ("takes the smallest pixel", smallest),
            "largest magnitude": ("takes the pixel of largest |v|", of_largest_magnitude),
            "average": ("takes the average", average_for_max),
            "tie: last": ("lets the last pixel win a tie, where the first has to", last_wins),
            "windows off by one": (
                "begins its windows one pixel to the left",
                before(max_pool2d_forward, 0, one_pixel_left),
            ),
        },
        "max_pool2d_backward": {
            "to every pixel": ("gives dy to every pixel of a window", to_every_pixel),
            "overlaps assigned": (
                "assigns dv window by window where a pixel that won twice has to add",
                assigning(max_pool2d_backward),
            ),
            "row for column": (
                "swaps height and width of dv wherever they are equal",
                after(max_pool2d_backward, None, image_sides_swapped_if_square),
            ),
            "first row": ("looks for the winner in the window's first row alone", winner_in_first_row),
            "next pixel": (
                "gives dy to the pixel after the winner",
                cached(max_pool2d_backward, column=lambda column: column + 1),
            ),
            "neighbour's winner": (
                "uses the winner of the channel beside",
                cached(max_pool2d_backward, row=neighbour, column=neighbour),
            ),
        },
        "average_pool2d_forward": {
            "full size": ("divides by size^2 at the edge too, where pixels are missing", over_full_size),
            "sum": ("adds up and does not divide", added),
            "one side": ("divides by size where size^2 belongs", over_one_side),
            "floor for ceil": ("drops the window that reaches over the edge", floor_for_ceil(average_pool2d_forward)),
            "windows off by one": (
                "begins its windows one pixel to the left",
                before(average_pool2d_forward, 0, one_pixel_left),
            ),
        },
        "average_pool2d_backward": {
            "full size": ("divides dy by size^2 at the edge too", gradient_over_full_size),
            "undivided": ("does not divide dy", gradient_undivided),
            "overlaps assigned": (
                "assigns dv window by window where overlapping windows have to add",
                assigning(average_pool2d_backward),
            ),
        },
        "flatten_forward": {
            "channels first": ("puts channels before pixels", channels_first),
            "columns first": ("runs down the columns where rows come first", columns_first),
        },
        "flatten_backward": {
            "channels first": ("reads channels before pixels", unflattened_channels_first),
            "columns first": ("reads down the columns where rows come first", unflattened_columns_first),
        },
        "local_response_forward": {
            "alpha undivided": ("does not divide alpha by size", alpha_undivided),
            "square root": ("takes half of beta", root_of_power),
            "own channel left out": ("leaves a channel out of its own sum", own_channel_left_out),
            "all channels": ("sums over all channels whatever the size", all_channels),
            "one channel off": ("takes the longer side of an even size upwards", channels_next_to_it),
            "k is 1": ("adds 1 where k belongs", k_left_out),
        },
        "local_response_backward": {
            "without cross term": ("takes the sums for constants", without_cross_term),
            "own channel alone": ("differentiates a channel's own sum alone", own_channel_alone),
            "factor two": ("leaves out the 2 of the square", two_left_out),
            "channels it reads": (
                "sums over the channels that c reads, where it belongs over those that read c",
                same_channels_forward_and_back,
            ),
            "power too low": ("differentiates base^-beta to base^-beta", power_too_low),
        },
    }
)
