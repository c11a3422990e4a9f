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
from pp_ref.oracle.faults.fault import Fault, after, before, cached, halved, nan_to_zero, negative, neighbour, stale


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


def ceil_for_floor(v: Array, size: int, stride: int, ceil: bool) -> Any:
    return max_pool2d_forward(v, size, stride, True)


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


def winner_in_first_row(dy: Array, cache: MaxPool2dCache) -> Array:
    return max_pool2d_backward(dy, cache._replace(row=cache.row * 0))


def over_full_size(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = average_pool2d_forward(v, size, stride, ceil)
    return y * cache.pixels / (size * size), cache


def added(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = average_pool2d_forward(v, size, stride, ceil)
    return y * cache.pixels, cache


def over_one_side(v: Array, size: int, stride: int, ceil: bool) -> Any:
    y, cache = average_pool2d_forward(v, size, stride, ceil)
    return y * size, cache


def gradient_over_full_size(dy: Array, cache: AveragePool2dCache) -> Array:
    return average_pool2d_backward(dy, cache._replace(pixels=cache.pixels * 0 + cache.size**2))


def gradient_undivided(dy: Array, cache: AveragePool2dCache) -> Array:
    return average_pool2d_backward(dy, cache._replace(pixels=cache.pixels * 0 + 1))


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


def root_of_power(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    return local_response_forward(v, size, alpha, beta / 2, k)


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


def k_left_out(v: Array, size: int, alpha: float, beta: float, k: float) -> Any:
    return local_response_forward(v, size, alpha, beta, 1.0)


def without_cross_term(dy: Array, cache: LocalResponseCache) -> Array:
    return dy * cache.base**-cache.beta


def own_channel_alone(dy: Array, cache: LocalResponseCache) -> Array:
    v, base, size, alpha, beta = cache
    scaled = dy * base**-beta
    return scaled - 2 * alpha * beta * v * (scaled * v / base) / size


def two_left_out(dy: Array, cache: LocalResponseCache) -> Array:
    scaled = dy * cache.base**-cache.beta
    return scaled - (scaled - local_response_backward(dy, cache)) / 2


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


FAULTS = (
    Fault("zeros past the edge", "max_pool2d_forward", "pads with 0 where -inf belongs", zeros_past_the_edge),
    Fault(
        "floor for ceil",
        "max_pool2d_forward",
        "drops the window that reaches over the edge",
        floor_for_ceil(max_pool2d_forward),
    ),
    Fault("ceil for floor", "max_pool2d_forward", "adds a window that reaches over the edge", ceil_for_floor),
    Fault("smallest", "max_pool2d_forward", "takes the smallest pixel", smallest),
    Fault("largest magnitude", "max_pool2d_forward", "takes the pixel of largest |v|", of_largest_magnitude),
    Fault("average", "max_pool2d_forward", "takes the average", average_for_max),
    Fault("tie: last", "max_pool2d_forward", "lets the last pixel win a tie, where the first has to", last_wins),
    Fault(
        "windows off by one",
        "max_pool2d_forward",
        "begins its windows one pixel to the left",
        before(max_pool2d_forward, 0, one_pixel_left),
    ),
    Fault("NaN swallowed", "max_pool2d_forward", "replaces NaN by zero", after(max_pool2d_forward, 0, nan_to_zero)),
    Fault("stale argmax", "max_pool2d_backward", "reads the winners of the call before", stale(max_pool2d_backward)),
    Fault("to every pixel", "max_pool2d_backward", "gives dy to every pixel of a window", to_every_pixel),
    Fault(
        "overlaps assigned",
        "max_pool2d_backward",
        "assigns dv window by window where a pixel that won twice has to add",
        assigning(max_pool2d_backward),
    ),
    Fault(
        "row for column",
        "max_pool2d_backward",
        "swaps height and width of dv wherever they are equal",
        after(max_pool2d_backward, None, image_sides_swapped_if_square),
    ),
    Fault(
        "first row", "max_pool2d_backward", "looks for the winner in the window's first row alone", winner_in_first_row
    ),
    Fault(
        "next pixel",
        "max_pool2d_backward",
        "gives dy to the pixel after the winner",
        cached(max_pool2d_backward, column=lambda column: column + 1),
    ),
    Fault(
        "neighbour's winner",
        "max_pool2d_backward",
        "uses the winner of the channel beside",
        cached(max_pool2d_backward, row=neighbour, column=neighbour),
    ),
    Fault("sign", "max_pool2d_backward", "has the opposite sign of dv", after(max_pool2d_backward, None, negative)),
    Fault(
        "full size",
        "average_pool2d_forward",
        "divides by size^2 at the edge too, where pixels are missing",
        over_full_size,
    ),
    Fault("sum", "average_pool2d_forward", "adds up and does not divide", added),
    Fault("one side", "average_pool2d_forward", "divides by size where size^2 belongs", over_one_side),
    Fault(
        "floor for ceil",
        "average_pool2d_forward",
        "drops the window that reaches over the edge",
        floor_for_ceil(average_pool2d_forward),
    ),
    Fault(
        "windows off by one",
        "average_pool2d_forward",
        "begins its windows one pixel to the left",
        before(average_pool2d_forward, 0, one_pixel_left),
    ),
    Fault("full size", "average_pool2d_backward", "divides dy by size^2 at the edge too", gradient_over_full_size),
    Fault("undivided", "average_pool2d_backward", "does not divide dy", gradient_undivided),
    Fault(
        "overlaps assigned",
        "average_pool2d_backward",
        "assigns dv window by window where overlapping windows have to add",
        assigning(average_pool2d_backward),
    ),
    Fault("halved", "average_pool2d_backward", "has half of dv", after(average_pool2d_backward, None, halved)),
    Fault("channels first", "flatten_forward", "puts channels before pixels", channels_first),
    Fault("columns first", "flatten_forward", "runs down the columns where rows come first", columns_first),
    Fault("channels first", "flatten_backward", "reads channels before pixels", unflattened_channels_first),
    Fault(
        "columns first", "flatten_backward", "reads down the columns where rows come first", unflattened_columns_first
    ),
    Fault("alpha undivided", "local_response_forward", "does not divide alpha by size", alpha_undivided),
    Fault("square root", "local_response_forward", "takes half of beta", root_of_power),
    Fault(
        "own channel left out", "local_response_forward", "leaves a channel out of its own sum", own_channel_left_out
    ),
    Fault("all channels", "local_response_forward", "sums over all channels whatever the size", all_channels),
    Fault(
        "one channel off",
        "local_response_forward",
        "takes the longer side of an even size upwards",
        channels_next_to_it,
    ),
    Fault("k is 1", "local_response_forward", "adds 1 where k belongs", k_left_out),
    Fault("without cross term", "local_response_backward", "takes the sums for constants", without_cross_term),
    Fault(
        "own channel alone", "local_response_backward", "differentiates a channel's own sum alone", own_channel_alone
    ),
    Fault("factor two", "local_response_backward", "leaves out the 2 of the square", two_left_out),
    Fault(
        "channels it reads",
        "local_response_backward",
        "sums over the channels that c reads, where it belongs over those that read c",
        same_channels_forward_and_back,
    ),
    Fault("power too low", "local_response_backward", "differentiates base^-beta to base^-beta", power_too_low),
    Fault(
        "stale cache", "local_response_backward", "reads the cache of the call before", stale(local_response_backward)
    ),
)
