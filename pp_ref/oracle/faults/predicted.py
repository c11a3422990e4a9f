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
    after,
    before,
    cached,
    eleven_bits,
    faults,
    instead,
    neighbour,
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


dv_of_last_column = instead(pool_backward, None, lambda dv, dpooled, cache: dpooled[-1] @ cache.U[-1].T)
dv_mean_of_columns = instead(pool_backward, None, lambda dv, dpooled, cache: dv / len(dpooled))


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


cut_one_late = before(combine_backward, 0, neighbour)


db_per_column = instead(combine_backward, 2, lambda db, dy, cache: db / len(cache.w))


def dw_swapped_with_dpooled(dy: Array, cache: CombineCache) -> Any:
    dpooled, dw, db = combine_backward(dy, cache)
    return dw, dpooled, db


W_at_kept_weights = instead(
    expand_forward,
    0,
    lambda W, U, w: array_namespace(W).concat([W[: w[0].shape[0], :], zero(W[w[0].shape[0] :, :])], axis=0),
)


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


FAULTS = faults(
    {
        "pool_forward": {
            "first dictionary for all": ("pools every column with U_1", before(pool_forward, 1, first_for_all)),
            "neighbour's dictionary": ("pools each column with its neighbour's U", before(pool_forward, 1, shifted)),
            "U transposed": ("pools with U^T wherever U is square", before(pool_forward, 1, untransposed)),
            "columns reversed": ("returns the columns in reverse", after(pool_forward, 0, backwards)),
            "one input short": ("stops summing one input too early", one_column_short),
            "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(pool_forward, 0, eleven_bits)),
        },
        "pool_backward": {
            "last column only": ("assigns each column's dv where it has to add", dv_of_last_column),
            "mean over columns": ("averages the columns' dv in place of adding them", dv_mean_of_columns),
            "neighbour's dictionary": (
                "pulls each column back through its neighbour's U",
                cached(pool_backward, U=shifted),
            ),
        },
        "combine_forward": {
            "bias restarts": ("adds the first entries of b to every column", bias_restarts),
            "units interleaved": (
                "deals out the columns' units in turn where they belong in blocks",
                units_interleaved,
            ),
            "columns added": ("adds equal columns where it has to set them side by side", columns_added),
            "neighbour's w": ("combines each column with its neighbour's w", before(combine_forward, 1, shifted)),
            "bias omitted": ("leaves out the bias", before(combine_forward, 2, zero)),
        },
        "combine_backward": {
            "cut one late": ("cuts dy one unit off its place", cut_one_late),
            "first pooled input for all": (
                "takes every dw from the first column's pooled input",
                cached(combine_backward, pooled=first_for_all),
            ),
            "dw reversed": ("returns dw in reverse column order", after(combine_backward, 1, backwards)),
            "last column unlearned": ("has no dw of the last column", after(combine_backward, 1, last_zero)),
            "db shared": ("divides db by the number of columns", db_per_column),
            "order swapped": ("returns dw before dpooled", dw_swapped_with_dpooled),
        },
        "expand_forward": {
            "U^T w for U w": ("expands by U^T wherever U is square", before(expand_forward, 0, untransposed)),
            "first dictionary for all": ("predicts every column with U_1", before(expand_forward, 0, first_for_all)),
            "neighbour's w": ("expands each column's neighbour's w", before(expand_forward, 1, shifted)),
            "columns reversed": (
                "sets the columns of W in reverse",
                lambda U, w: expand_forward(backwards(U), backwards(w)),
            ),
            "kept weights only": ("fills the kept rows of W and leaves the predicted ones zero", W_at_kept_weights),
        },
        "expand_backward": {
            "kept weights only": (
                "takes dW at the kept weights, though w moves every weight through U",
                dw_at_kept_weights,
            ),
            "cut at equal widths": ("cuts dW into equal columns though their widths differ", cut_at_equal_widths),
            "neighbour's dictionary": (
                "pulls each column back through its neighbour's U",
                cached(expand_backward, U=shifted),
            ),
        },
        "predicted_forward": {
            "bias lost by weights": ("leaves out the bias, weights first", without_bias_by_weights),
            "one dictionary": ("predicts every column with U_1", one_dictionary),
        },
        "predicted_backward": {
            "dw of unpooled input": (
                "takes dw from v^T dy at the first rows, weights first, in place of U^T v^T dy",
                dw_of_unpooled_input,
            ),
            "dw reversed": ("returns dw in reverse column order", after(predicted_backward, 1, backwards)),
            "one gradient too many": ("returns a gradient for U too, though U is static", dictionary_learned),
        },
    }
)
