"""Mistakes in the predicted layer: its columns, its two orders, and the fixed maps it is made of."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.predicted import (
    Arrays,
    CombineCache,
    DictionaryFirstCache,
    ExpandCache,
    PoolCache,
    combine_backward,
    combine_forward,
    expand_backward,
    expand_forward,
    pool_backward,
    pool_forward,
    predicted_backward,
    predicted_forward,
)
from pp_ref.oracle.faults.fault import (
    Fault,
    accumulating,
    after,
    before,
    cached,
    double_precision,
    each,
    eleven_bits,
    halved,
    last_row_missing,
    mean_for_sum,
    nan_to_zero,
    negative,
    neighbour,
    stale,
    transposed_if_square,
    zero,
)


def first_for_all(arrays: Arrays) -> list[Array]:
    """The first column's array in the place of every one that has its shape."""
    return [arrays[0] if array.shape == arrays[0].shape else array for array in arrays]


def shifted(arrays: Arrays) -> list[Array]:
    """Each column's array from the column before, as far as the shapes let it pass."""
    moved = [arrays[j - 1] for j in range(len(arrays))]
    return [new if new.shape == old.shape else old for new, old in zip(moved, arrays, strict=True)]


def backwards(arrays: Arrays) -> list[Array]:
    return list(arrays)[::-1]


def last_zero(arrays: Arrays) -> list[Array]:
    return [*arrays[:-1], zero(arrays[-1])]


def untransposed(arrays: Arrays) -> list[Array]:
    return [transposed_if_square(array) for array in arrays]


def equal_widths(arrays: Arrays, total: Array) -> list[Array]:
    """``total`` cut into equal blocks, where these divide it, and else as it should be."""
    width, start = total.shape[1] // len(arrays), 0
    blocks: list[Array] = []
    for array in arrays:
        cut = start if width * len(arrays) != total.shape[1] else width * len(blocks)
        blocks.append(total[:, cut : cut + array.shape[1]])
        start += array.shape[1]
    return blocks


def one_column_short(v: Array, U: Arrays) -> tuple[list[Array], PoolCache]:
    return [v[:, :-1] @ U_j[:-1, :] for U_j in U], PoolCache(U)


def dv_of_last_column(dpooled: Arrays, cache: PoolCache) -> Array:
    return dpooled[-1] @ cache.U[-1].T


def dv_mean_of_columns(dpooled: Arrays, cache: PoolCache) -> Array:
    return pool_backward(dpooled, cache) / len(dpooled)


def dv_added_in_place(dpooled: Arrays, cache: PoolCache) -> Array:
    dv = pool_backward(dpooled, cache)
    dpooled[0][...] = zero(dpooled[0])
    return dv


def bias_restarts(pooled: Arrays, w: Arrays, b: Array) -> tuple[Array, CombineCache]:
    xp = array_namespace(b)
    y, cache = combine_forward(pooled, w, zero(b))
    return y + xp.concat([b[: w_j.shape[1]] for w_j in w]), cache


def units_interleaved(pooled: Arrays, w: Arrays, b: Array) -> tuple[Array, CombineCache]:
    xp = array_namespace(b)
    blocks = [pooled_j @ w_j for pooled_j, w_j in zip(pooled, w, strict=True)]
    if len({block.shape for block in blocks}) > 1:
        return combine_forward(pooled, w, b)
    return xp.reshape(xp.stack(blocks, axis=2), (blocks[0].shape[0], b.shape[0])) + b, CombineCache(pooled, w)


def columns_added(pooled: Arrays, w: Arrays, b: Array) -> tuple[Array, CombineCache]:
    xp = array_namespace(b)
    y, cache = combine_forward(pooled, w, zero(b))
    width = w[0].shape[1]
    if any(w_j.shape[1] != width for w_j in w):
        return y + b, cache
    total = y[:, :width]
    for j in range(1, len(w)):
        total = total + y[:, j * width : (j + 1) * width]
    return xp.concat([total] * len(w), axis=1) + b, cache


def cut_one_late(dy: Array, cache: CombineCache) -> Any:
    return combine_backward(neighbour(dy), cache)


def dw_mean(dy: Array, cache: CombineCache) -> Any:
    dpooled, dw, db = combine_backward(dy, cache)
    return dpooled, [mean_for_sum(dw_j, dy.shape[0]) for dw_j in dw], db


def dpooled_untransposed(dy: Array, cache: CombineCache) -> Any:
    return combine_backward(dy, cache._replace(w=untransposed(cache.w)))[0], *combine_backward(dy, cache)[1:]


def db_per_column(dy: Array, cache: CombineCache) -> Any:
    dpooled, dw, db = combine_backward(dy, cache)
    return dpooled, dw, db / len(dw)


def dw_swapped_with_dpooled(dy: Array, cache: CombineCache) -> Any:
    dpooled, dw, db = combine_backward(dy, cache)
    return dw, dpooled, db


def W_at_kept_weights(U: Arrays, w: Arrays) -> tuple[Array, ExpandCache]:
    W, cache = expand_forward(U, w)
    k = w[0].shape[0]
    return array_namespace(W).concat([W[:k, :], zero(W[k:, :])], axis=0), cache


def dw_at_kept_weights(dW: Array, cache: ExpandCache) -> list[Array]:
    return [
        dW_j[: U_j.shape[1], :] if U_j.shape[1] <= dW.shape[0] else dw_j
        for dW_j, U_j, dw_j in zip(_blocks(dW, cache), cache.U, expand_backward(dW, cache), strict=True)
    ]


def cut_at_equal_widths(dW: Array, cache: ExpandCache) -> list[Array]:
    right = expand_backward(dW, cache)
    wrong = equal_widths(_blocks(dW, cache), dW)
    return [
        U_j.T @ dW_j if dW_j.shape[1] == dw_j.shape[1] else dw_j
        for U_j, dW_j, dw_j in zip(cache.U, wrong, right, strict=True)
    ]


def _blocks(dW: Array, cache: ExpandCache) -> list[Array]:
    ends = [sum(cache.widths[: j + 1]) for j in range(len(cache.widths))]
    return [dW[:, end - width : end] for end, width in zip(ends, cache.widths, strict=True)]


def without_bias_by_weights(v: Array, U: Arrays, w: Arrays, b: Array, order: Any = "dictionary") -> Any:
    return predicted_forward(v, U, w, zero(b) if order == "weights" else b, order)


def one_dictionary(v: Array, U: Arrays, w: Arrays, b: Array, order: Any = "dictionary") -> Any:
    y, _ = predicted_forward(v, first_for_all(U), w, b, order)
    return y, predicted_forward(v, U, w, b, order)[1]


def dw_of_unpooled_input(dy: Array, cache: Any) -> Any:
    dv, dw, db = predicted_backward(dy, cache)
    if isinstance(cache, DictionaryFirstCache):
        return dv, dw, db
    return dv, dw_at_kept_weights(cache.dense.v.T @ dy, cache.expand), db


def dictionary_learned(dy: Array, cache: Any) -> Any:
    dv, dw, db = predicted_backward(dy, cache)
    return dv, dw, dw, db


FAULTS = (
    Fault(
        "first dictionary for all",
        "pool_forward",
        "pools every column with U_1",
        before(pool_forward, 1, first_for_all),
    ),
    Fault(
        "neighbour's dictionary",
        "pool_forward",
        "pools each column with its neighbour's U",
        before(pool_forward, 1, shifted),
    ),
    Fault("U transposed", "pool_forward", "pools with U^T wherever U is square", before(pool_forward, 1, untransposed)),
    Fault("columns reversed", "pool_forward", "returns the columns in reverse", after(pool_forward, 0, backwards)),
    Fault("one input short", "pool_forward", "stops summing one input too early", one_column_short),
    Fault(
        "last row stale",
        "pool_forward",
        "does not compute the batch's last row",
        after(pool_forward, 0, each(last_row_missing)),
    ),
    Fault(
        "eleven bits",
        "pool_forward",
        "rounds v to the 11 bits of TF32 before multiplying",
        before(pool_forward, 0, eleven_bits),
    ),
    Fault("NaN swallowed", "pool_forward", "replaces NaN by zero", after(pool_forward, 0, each(nan_to_zero))),
    Fault("last column only", "pool_backward", "assigns each column's dv where it has to add", dv_of_last_column),
    Fault("mean over columns", "pool_backward", "averages the columns' dv in place of adding them", dv_mean_of_columns),
    Fault(
        "neighbour's dictionary",
        "pool_backward",
        "pulls each column back through its neighbour's U",
        cached(pool_backward, U=shifted),
    ),
    Fault(
        "U for U^T",
        "pool_backward",
        "pulls back through U in place of U^T wherever U is square",
        cached(pool_backward, U=untransposed),
    ),
    Fault("dv sign", "pool_backward", "has the opposite sign of dv", after(pool_backward, None, negative)),
    Fault("dpooled overwritten", "pool_backward", "clears the first column's cotangent after use", dv_added_in_place),
    Fault("bias restarts", "combine_forward", "adds the first entries of b to every column", bias_restarts),
    Fault(
        "units interleaved",
        "combine_forward",
        "deals out the columns' units in turn where they belong in blocks",
        units_interleaved,
    ),
    Fault(
        "columns added", "combine_forward", "adds equal columns where it has to set them side by side", columns_added
    ),
    Fault(
        "neighbour's w",
        "combine_forward",
        "combines each column with its neighbour's w",
        before(combine_forward, 1, shifted),
    ),
    Fault("bias omitted", "combine_forward", "leaves out the bias", before(combine_forward, 2, zero)),
    Fault("cut one late", "combine_backward", "cuts dy one unit off its place", cut_one_late),
    Fault("dw sign", "combine_backward", "has the opposite sign of dw", after(combine_backward, 1, each(negative))),
    Fault("dw mean for sum", "combine_backward", "divides dw by n though dy holds that factor already", dw_mean),
    Fault(
        "w for w^T",
        "combine_backward",
        "pulls back through w in place of w^T wherever w is square",
        dpooled_untransposed,
    ),
    Fault(
        "first pooled input for all",
        "combine_backward",
        "takes every dw from the first column's pooled input",
        cached(combine_backward, pooled=first_for_all),
    ),
    Fault(
        "dw reversed", "combine_backward", "returns dw in reverse column order", after(combine_backward, 1, backwards)
    ),
    Fault(
        "last column unlearned",
        "combine_backward",
        "has no dw of the last column",
        after(combine_backward, 1, last_zero),
    ),
    Fault("db shared", "combine_backward", "divides db by the number of columns", db_per_column),
    Fault("order swapped", "combine_backward", "returns dw before dpooled", dw_swapped_with_dpooled),
    Fault("stale cache", "combine_backward", "reads the cache of the call before", stale(combine_backward)),
    Fault(
        "U^T w for U w",
        "expand_forward",
        "expands by U^T wherever U is square",
        before(expand_forward, 0, untransposed),
    ),
    Fault(
        "first dictionary for all",
        "expand_forward",
        "predicts every column with U_1",
        before(expand_forward, 0, first_for_all),
    ),
    Fault("neighbour's w", "expand_forward", "expands each column's neighbour's w", before(expand_forward, 1, shifted)),
    Fault(
        "columns reversed",
        "expand_forward",
        "sets the columns of W in reverse",
        lambda U, w: expand_forward(backwards(U), backwards(w)),
    ),
    Fault(
        "kept weights only",
        "expand_forward",
        "fills the kept rows of W and leaves the predicted ones zero",
        W_at_kept_weights,
    ),
    Fault(
        "U for U^T",
        "expand_backward",
        "pulls dW back through U in place of U^T wherever U is square",
        cached(expand_backward, U=untransposed),
    ),
    Fault(
        "kept weights only",
        "expand_backward",
        "takes dW at the kept weights, though w moves every weight through U",
        dw_at_kept_weights,
    ),
    Fault(
        "cut at equal widths",
        "expand_backward",
        "cuts dW into equal columns though their widths differ",
        cut_at_equal_widths,
    ),
    Fault(
        "neighbour's dictionary",
        "expand_backward",
        "pulls each column back through its neighbour's U",
        cached(expand_backward, U=shifted),
    ),
    Fault("dw halved", "expand_backward", "has half of dw", after(expand_backward, None, each(halved))),
    Fault("accumulates", "expand_backward", "adds to the gradients of the call before", accumulating(expand_backward)),
    Fault("bias lost by weights", "predicted_forward", "leaves out the bias, weights first", without_bias_by_weights),
    Fault("one dictionary", "predicted_forward", "predicts every column with U_1", one_dictionary),
    Fault(
        "promoted",
        "predicted_forward",
        "returns float64 whatever it is given",
        after(predicted_forward, 0, double_precision),
    ),
    Fault(
        "last row stale",
        "predicted_forward",
        "does not compute the batch's last row",
        after(predicted_forward, 0, last_row_missing),
    ),
    Fault("dv zero", "predicted_backward", "passes nothing on to the layer below", after(predicted_backward, 0, zero)),
    Fault(
        "dw of unpooled input",
        "predicted_backward",
        "takes dw from v^T dy at the first rows, weights first, in place of U^T v^T dy",
        dw_of_unpooled_input,
    ),
    Fault(
        "dw reversed",
        "predicted_backward",
        "returns dw in reverse column order",
        after(predicted_backward, 1, backwards),
    ),
    Fault("db sign", "predicted_backward", "has the opposite sign of db", after(predicted_backward, 2, negative)),
    Fault(
        "one gradient too many",
        "predicted_backward",
        "returns a gradient for U too, though U is static",
        dictionary_learned,
    ),
    Fault("stale cache", "predicted_backward", "reads the cache of the call before", stale(predicted_backward)),
)
