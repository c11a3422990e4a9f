"""Mistakes in predicted convolutions: how a vector becomes a filter, and the two orders."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.conv2d import conv2d_backward
from pp_ref.layers.predicted import Arrays
from pp_ref.layers.predicted_conv2d import (
    DictionaryFirstConv2dCache,
    ExpandFiltersCache,
    WeightsFirstConv2dCache,
    dictionary_conv2d_backward,
    dictionary_conv2d_forward,
    expand_filters_forward,
    predicted_conv2d_forward,
)
from pp_ref.oracle.faults.convolution import channels_before_filters, read_channels_first, rotated
from pp_ref.oracle.faults.fault import Change, Function, after, before, faults, instead, zero
from pp_ref.oracle.faults.predicted import (
    backwards,
    first_for_all,
    kept_rows,
    last_zero,
    mean_of_columns,
    shifted,
    without_bias_by_weights,
)

__all__ = ["FAULTS"]


def elements(U: Arrays, filter_shape: Any, change: Change) -> list[Array]:
    """U, each of whose elements, of (fh, fw, c), is put through ``change``."""
    xp, area = array_namespace(U[0]), filter_shape[0] * filter_shape[1]
    shapes = [(*filter_shape, U_j.shape[0] // area, U_j.shape[1]) for U_j in U]
    return [xp.reshape(change(xp.reshape(U_j, shape)), U_j.shape) for U_j, shape in zip(U, shapes, strict=True)]


def with_elements(change: Change) -> Function:
    return lambda v, U, shape, *rest: dictionary_conv2d_forward(v, elements(U, shape, change), shape, *rest)


def read_columns_first(U: Array) -> Array:
    xp, (fh, fw, c, k) = array_namespace(U), U.shape
    return xp.permute_dims(xp.reshape(U, (fw, fh, c, k)), (1, 0, 2, 3))


def mirrored_by_dictionary(v: Array, U: Arrays, w: Arrays, b: Array, shape: Any, *rest: Any) -> Any:
    U = elements(U, shape, rotated) if rest[-1] == "dictionary" else U
    return predicted_conv2d_forward(v, U, w, b, shape, *rest)


def elements_by_channel(pooled: Arrays, v: Array, U: Arrays, *geometry: Any) -> list[Array]:
    xp = array_namespace(v)
    shapes = [(*y.shape[:3], U_j.shape[1], y.shape[3] // U_j.shape[1]) for y, U_j in zip(pooled, U, strict=True)]
    return [
        xp.reshape(channels_before_filters(xp.reshape(y, shape)), y.shape)
        for y, shape in zip(pooled, shapes, strict=True)
    ]


def tied_to_first_channel(pooled: Arrays, v: Array, U: Arrays, *geometry: Any) -> list[Array]:
    first = array_namespace(v).concat([v[..., :1]] * v.shape[3], axis=3)
    other, _ = dictionary_conv2d_forward(first, U, *geometry)
    return [b if b.shape[3] != U_j.shape[1] else a for a, b, U_j in zip(pooled, other, U, strict=True)]


def tied_w_by_channel(w: Array, copies: int) -> Array:
    """(c, k) rows taken for (k, c)."""
    xp, (k, m) = array_namespace(w), w.shape
    return xp.reshape(xp.permute_dims(xp.reshape(w, (copies, k // copies, m)), (1, 0, 2)), (k, m))


def by_channel(U: Arrays, w: Arrays, *rest: Any) -> Any:
    wrong = [tied_w_by_channel(w_j, w_j.shape[0] // U_j.shape[1]) for U_j, w_j in zip(U, w, strict=True)]
    return expand_filters_forward(U, wrong, *rest)


def kept_sites_alone(W: Array) -> Array:
    return array_namespace(W).concat([W[:1, ...], zero(W[1:, ...])], axis=0)


def dw_by_channel(dw: Arrays, dW: Array, cache: ExpandFiltersCache) -> list[Array]:
    return [
        tied_w_by_channel(dw_j, dw_j.shape[0] // column.U[0].shape[1])
        for dw_j, column in zip(dw, cache.columns, strict=True)
    ]


def shared_by_channels(dw: Arrays, dW: Array, cache: ExpandFiltersCache) -> list[Array]:
    """As if one weight served every channel: tying alpha ties places, not weights."""
    xp, wrong = array_namespace(dW), []
    for dw_j, column in zip(dw, cache.columns, strict=True):
        k = column.U[0].shape[1]
        by_channel = xp.reshape(dw_j, (k, dw_j.shape[0] // k, dw_j.shape[1]))
        mean = xp.mean(by_channel, axis=1, keepdims=True)
        wrong.append(xp.reshape(xp.zeros_like(by_channel) + mean, dw_j.shape))
    return wrong


def dw_of_W(dw: Arrays, dy: Array, cache: Any) -> Arrays:
    """Weights first, dW where U^T dW belongs, at the kept rows."""
    if isinstance(cache, DictionaryFirstConv2dCache):
        return dw
    _, dW, _ = conv2d_backward(dy, cache.conv2d)
    return kept_rows(array_namespace(dy).reshape(dW, (dW.shape[0] * dW.shape[1] * dW.shape[2], dW.shape[3])), dw)


def per_pixel(gradients: Any, dy: Array, cache: Any) -> Any:
    dv, dw, db = gradients
    pixels = 1 if isinstance(cache, WeightsFirstConv2dCache) else dy.shape[1] * dy.shape[2]
    return dv, [dw_j / pixels for dw_j in dw], db / pixels


FAULTS = faults(
    dictionary_conv2d_forward={
        "dictionary channels first": (
            "reshapes each element to (c, fh, fw) where channels come last",
            with_elements(read_channels_first),
        ),
        "dictionary column by column": (
            "reshapes each element column by column where rows come first",
            with_elements(read_columns_first),
        ),
        "elements by channel": (
            "orders a tied dictionary's elements channel by channel",
            instead(elements_by_channel, 0),
        ),
        "tied to one channel": (
            "convolves the first channel alone where alpha is tied",
            instead(tied_to_first_channel, 0),
        ),
        "first dictionary for all": ("convolves every column with U_1", before(first_for_all, 1)),
    },
    dictionary_conv2d_backward={
        "last column only": (
            "assigns each column's dv where it has to add",
            lambda dpooled, cache: dictionary_conv2d_backward(dpooled[-1:], cache._replace(columns=cache.columns[-1:])),
        ),
        "mean over columns": ("averages the columns' dv in place of adding them", mean_of_columns),
    },
    expand_filters_forward={
        "filters channels first": (
            "reshapes each column of U w to (c, fh, fw) where channels come last",
            after(read_channels_first, 0),
        ),
        "weights by channel": ("reads a tied column's w channel by channel where elements come first", by_channel),
        "neighbour's w": ("expands each column's neighbour's w", before(shifted, 1)),
        "first row alone": ("fills the filters' first row and leaves the others zero", after(kept_sites_alone, 0)),
    },
    expand_filters_backward={
        "gradient by channel": (
            "returns a tied column's dw channel by channel where elements come first",
            instead(dw_by_channel),
        ),
        "weights shared by channels": (
            "averages dw over channels, though tying alpha ties places and not weights",
            instead(shared_by_channels),
        ),
        "filters channels first": ("reads dW as (c, fh, fw) where channels come last", before(read_channels_first)),
    },
    predicted_conv2d_forward={
        "bias lost by weights": ("leaves out the bias, weights first", without_bias_by_weights),
        "flip by dictionary": (
            "turns the dictionary's filters by half a turn, dictionary first",
            mirrored_by_dictionary,
        ),
    },
    predicted_conv2d_backward={
        "mean over pixels": ("divides dw and db by the number of pixels, dictionary first", instead(per_pixel)),
        "kept weights only": ("returns rows of dW in place of U^T dW, weights first", instead(dw_of_W, 1)),
        "dw reversed": ("returns dw in reverse column order", after(backwards, 1)),
        "last column unlearned": ("has no dw of the last column", after(last_zero, 1)),
    },
)
