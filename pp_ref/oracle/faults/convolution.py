"""Mistakes in convolutions, plain and depthwise."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.conv2d import Conv2dCache, conv2d_backward, conv2d_backward_input, conv2d_forward
from pp_ref.layers.depthwise_conv2d import DepthwiseConv2dCache, depthwise_conv2d_backward
from pp_ref.layers.windows import pad
from pp_ref.oracle.faults.fault import (
    Derived,
    Function,
    Mistakes,
    accumulating,
    after,
    before,
    cached,
    eleven_bits,
    exchanged,
    faults,
    instead,
    last_row_missing,
    zero,
)

__all__ = [
    "FAULTS",
    "assigning",
    "channels_before_filters",
    "channels_reversed",
    "dW_of_last_image",
    "image_sides_swapped_if_square",
    "one_pixel_left",
    "read_channels_first",
    "rotated",
    "sides_swapped_if_square",
]

# Changes of images (n, h, w, c) and of filters (fh, fw, ...).


def rotated(W: Array) -> Array:
    """By half a turn: a convolution where a correlation is meant."""
    return array_namespace(W).flip(W, axis=(0, 1))


def sides_swapped_if_square(W: Array) -> Array:
    """Height for width, which only square filters let through."""
    return array_namespace(W).permute_dims(W, (1, 0, *range(2, W.ndim))) if W.shape[0] == W.shape[1] else W


def image_sides_swapped_if_square(v: Array) -> Array:
    return array_namespace(v).permute_dims(v, (0, 2, 1, 3)) if v.shape[1] == v.shape[2] else v


def channels_reversed(v: Array) -> Array:
    """BGR for RGB."""
    return array_namespace(v).flip(v, axis=-1)


def channels_for_units_if_equal(W: Array) -> Array:
    return array_namespace(W).permute_dims(W, (0, 1, 3, 2)) if W.shape[2] == W.shape[3] else W


def read_channels_first(W: Array) -> Array:
    """The memory of (c, fh, fw, m) taken for (fh, fw, c, m)."""
    xp, (fh, fw, c, m) = array_namespace(W), W.shape
    return xp.permute_dims(xp.reshape(W, (c, fh, fw, m)), (1, 2, 0, 3))


def one_pixel_left(v: Array) -> Array:
    return array_namespace(v).roll(v, 1, axis=2)


def last_channel_zero(v: Array) -> Array:
    return array_namespace(v).concat([v[..., :-1], zero(v[..., -1:])], axis=-1)


def edges_repeated(y: Array, v: Array, W: Array, b: Array, stride: int, padding: int) -> Array:
    xp = array_namespace(v)
    for _ in range(padding):
        v = xp.concat([v[:, :1, ...], v, v[:, -1:, ...]], axis=1)
        v = xp.concat([v[:, :, :1, :], v, v[:, :, -1:, :]], axis=2)
    return conv2d_forward(v, W, b, stride, 0)[0]


@Derived
def stride_ignored(right: Function) -> Function:
    """The first patches side by side, as many as there should be."""

    def wrong(v: Array, filters: Array, *rest: Any) -> Any:
        y, cache = right(v, filters, *rest)
        every, _ = right(v, filters, *rest[:-2], 1, rest[-1])
        return every[:, : y.shape[1], : y.shape[2], ...], cache

    return wrong


@Derived
def adding_to_last(right: Function) -> Function:
    """A forward pass whose output buffer nobody cleared."""
    total = accumulating(lambda *args: right(*args)[0])
    return lambda *args: (total(*args), right(*args)[1])


@Derived
def assigning(right: Function) -> Function:
    """A gradient of the input that is assigned, window by window, where overlapping windows have to add."""

    def wrong(dy: Array, cache: Any) -> Array:
        xp, dv = array_namespace(dy), zero(right(dy, cache))
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                only = zero(dy)
                only[:, i, j, ...] = dy[:, i, j, ...]
                one = right(only, cache)
                dv = xp.where(one != 0, one, dv)
        return dv

    return wrong


def with_dv(other: Function) -> Derived:
    return instead(lambda dv, dy, cache: other(dy, cache), 0)


@Derived
def dW_of_last_image(right: Function) -> Function:
    return instead(lambda dW, dy, cache: right(dy[-1:, ...], cache._replace(v=cache.v[-1:, ...]))[1], 1)(right)


def dv_not_cut(dy: Array, cache: Conv2dCache) -> Array:
    """The upper left of the padded gradient, which belongs to the padding."""
    v, _, _, padding = cache
    xp, (n, h, w, c) = array_namespace(dy), v.shape
    padded = xp.zeros((n, h + 2 * padding, w + 2 * padding, c), dtype=v.dtype)
    return conv2d_backward_input(dy, cache._replace(v=padded, padding=0))[:, :h, :w, :]


def dv_of_neighbouring_patches(dy: Array, cache: Conv2dCache) -> Array:
    """As if the stride were 1: all patches at the upper left of the padded image."""
    (v, W, _, padding), xp = cache, array_namespace(dy)
    n, h, w, c = v.shape
    rows, columns = dy.shape[1] + W.shape[0] - 1, dy.shape[2] + W.shape[1] - 1
    seen = xp.zeros((n, rows, columns, c), dtype=v.dtype)
    dv = conv2d_backward_input(dy, Conv2dCache(seen, W, stride=1, padding=0))
    padded = pad(pad(dv, 1, 0, h + 2 * padding - rows), 2, 0, w + 2 * padding - columns)
    return padded[:, padding : padding + h, padding : padding + w, :]


def dW_of_neighbouring_patches(dy: Array, cache: Conv2dCache) -> Any:
    """As if the stride were 1."""
    dv, dW, db = conv2d_backward(dy, cache)
    reach = (dy.shape[1] + dW.shape[0] - 1 - 2 * cache.padding, dy.shape[2] + dW.shape[1] - 1 - 2 * cache.padding)
    if min(reach) < 1:
        return dv, dW, db
    near = cache._replace(v=cache.v[:, : reach[0], : reach[1], :], stride=1)
    return dv, conv2d_backward(dy, near)[1], db


def summed_units_first(db: Array, dy: Array, cache: Conv2dCache) -> Array:
    xp, m = array_namespace(dy), dy.shape[3]
    return xp.sum(xp.reshape(dy, (m, dy.shape[0] * dy.shape[1] * dy.shape[2])), axis=1)


def channels_before_filters(y: Array) -> Array:
    """(c, k) in memory, called (k, c)."""
    xp = array_namespace(y)
    return xp.reshape(xp.permute_dims(y, (0, 1, 2, 4, 3)), y.shape)


def first_filter_alone(dy: Array, cache: DepthwiseConv2dCache) -> Array:
    return depthwise_conv2d_backward(dy[:, :, :, :1, :], cache._replace(u=cache.u[:, :, :1]))


def depthwise_not_cut(dy: Array, cache: DepthwiseConv2dCache) -> Array:
    (n, h, w, c), padding = cache.v_shape, cache.padding
    padded = cache._replace(v_shape=(n, h + 2 * padding, w + 2 * padding, c), padding=0)
    return depthwise_conv2d_backward(dy, padded)[:, :h, :w, :]


FILTERS: Mistakes = {
    "flip": ("turns the filters by half a turn", before(rotated, 1)),
    "height for width": (
        "swaps height and width of the filters wherever they are square",
        before(sides_swapped_if_square, 1),
    ),
    "stride ignored": ("takes neighbouring patches whatever the stride", stride_ignored),
}

FAULTS = faults(
    conv2d_forward=FILTERS
    | {
        "images transposed": (
            "swaps height and width of the images wherever they are square",
            before(image_sides_swapped_if_square),
        ),
        "padding off by one": ("begins its patches one pixel to the left", before(one_pixel_left)),
        "edges repeated": ("pads with the edge's pixels in place of zeros", instead(edges_repeated, 0)),
        "channel order": ("reads the channels in reverse, BGR for RGB", before(channels_reversed)),
        "filters channels first": ("reads the filters' memory as (c, fh, fw, m)", before(read_channels_first, 1)),
        "filters transposed": (
            "takes channels for units wherever there are as many",
            before(channels_for_units_if_equal, 1),
        ),
        "last filter row missing": ("stops one row short of the filter's height", before(last_row_missing, 1)),
        "last channel missing": ("stops summing one channel too early", before(last_channel_zero)),
        "bias omitted": ("leaves out the bias", before(zero, 2)),
        "accumulates": ("adds to the output of the call before", adding_to_last),
        "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(eleven_bits)),
    },
    conv2d_backward={
        "flip": ("pulls dy back through filters that are turned by half a turn once too often", cached(W=rotated)),
        "overlaps assigned": (
            "assigns dv patch by patch where overlapping patches have to add",
            with_dv(assigning(conv2d_backward_input)),
        ),
        "stride ignored in dv": (
            "spreads dv as if the stride were 1",
            with_dv(dv_of_neighbouring_patches),
        ),
        "stride ignored in dW": ("takes dW from neighbouring patches", dW_of_neighbouring_patches),
        "padding not cut off": ("returns the upper left of the padded dv in place of its middle", with_dv(dv_not_cut)),
        "channels for units": (
            "pulls dy back through W with channels and units swapped wherever there are as many",
            cached(W=channels_for_units_if_equal),
        ),
        "dW flipped": ("returns dW turned by half a turn", after(rotated, 1)),
        "dW height for width": (
            "swaps height and width of dW wherever they are equal",
            after(sides_swapped_if_square, 1),
        ),
        "dW of the last image": ("assigns dW image by image where it has to add", dW_of_last_image),
        "db of one pixel": (
            "takes db from each image's first pixel alone",
            instead(lambda db, dy, cache: array_namespace(dy).sum(dy[:, 0, 0, :], axis=0), 2),
        ),
        "db mean over pixels": (
            "averages db over pixels in place of adding",
            instead(lambda db, dy, cache: db / (dy.shape[1] * dy.shape[2]), 2),
        ),
        "db units first": (
            "sums db over the wrong axis, as if dy were laid out as (m, n, h', w')",
            instead(summed_units_first, 2),
        ),
        "order swapped": ("returns dW before dv", exchanged(0, 1)),
    },
    depthwise_conv2d_forward=FILTERS
    | {
        "channels before filters": (
            "puts out channel by channel where filters come first",
            after(channels_before_filters, 0),
        )
    },
    depthwise_conv2d_backward={
        "first filter alone": ("adds no filter's dv but the first's", first_filter_alone),
        "flip": ("pulls dy back through filters turned by half a turn", cached(u=rotated)),
        "padding not cut off": ("returns the upper left of the padded dv in place of its middle", depthwise_not_cut),
        "overlaps assigned": ("assigns dv patch by patch where overlapping patches have to add", assigning),
    },
)
