"""Mistakes in the predicted layer: its columns, its two orders, and the fixed maps it is made of."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.predicted import (
    Arrays,
    DictionaryFirstCache,
    ExpandCache,
    combine_forward,
    expand_forward,
    predicted_forward,
)
from pp_ref.oracle.faults.fault import (
    Derived,
    Function,
    after,
    before,
    cached,
    eleven_bits,
    exchanged,
    faults,
    instead,
    neighbour,
    transposed_if_square,
    zero,
)

__all__ = [
    "FAULTS",
    "backwards",
    "first_for_all",
    "kept_rows",
    "last_zero",
    "mean_of_columns",
    "shifted",
    "without_bias_by_weights",
]


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


def kept_rows(dW: Array, dw: Arrays) -> list[Array]:
    """Rows of dW in place of U^T dW: of each column's units the first, as many as w has, if there are so many."""
    found, start = [], 0
    for dw_j in dw:
        rows, units = dw_j.shape
        found.append(dW[:rows, start : start + units] if rows <= dW.shape[0] else dw_j)
        start += units
    return found


mean_of_columns = instead(lambda dv, dpooled, cache: dv / len(dpooled))


@Derived
def without_bias_by_weights(right: Function) -> Function:
    return lambda v, U, w, b, *rest: right(v, U, w, zero(b) if rest[-1:] == ("weights",) else b, *rest)


def bias_restarts(y: Array, pooled: Arrays, w: Arrays, b: Array) -> Array:
    restarted = array_namespace(b).concat([b[: w_j.shape[1]] for w_j in w])
    return combine_forward(pooled, w, restarted)[0]


def units_interleaved(y: Array, pooled: Arrays, w: Arrays, b: Array) -> Array:
    xp = array_namespace(b)
    blocks = [pooled_j @ w_j for pooled_j, w_j in zip(pooled, w, strict=True)]
    return y if len({block.shape for block in blocks}) > 1 else xp.reshape(xp.stack(blocks, axis=2), y.shape) + b


def columns_added(y: Array, pooled: Arrays, w: Arrays, b: Array) -> Array:
    blocks = [pooled_j @ w_j for pooled_j, w_j in zip(pooled, w, strict=True)]
    if len({block.shape[1] for block in blocks}) > 1:
        return y
    return array_namespace(b).concat([sum(blocks[1:], blocks[0])] * len(w), axis=1) + b


def cut_at_equal_widths(dw: Arrays, dW: Array, cache: ExpandCache) -> list[Array]:
    width = dW.shape[1] // len(dw)
    if width * len(dw) != dW.shape[1]:
        return list(dw)
    wrong = [dW[:, j * width : j * width + units] for j, units in enumerate(cache.widths)]
    return [
        U_j.T @ dW_j if dW_j.shape[1] == dw_j.shape[1] else dw_j
        for U_j, dW_j, dw_j in zip(cache.U, wrong, dw, strict=True)
    ]


def dw_of_unpooled_input(dw: Arrays, dy: Array, cache: Any) -> Arrays:
    return dw if isinstance(cache, DictionaryFirstCache) else kept_rows(cache.dense.v.T @ dy, dw)


FAULTS = faults(
    pool_forward={
        "first dictionary for all": ("pools every column with U_1", before(first_for_all, 1)),
        "neighbour's dictionary": ("pools each column with its neighbour's U", before(shifted, 1)),
        "U transposed": ("pools with U^T wherever U is square", before(untransposed, 1)),
        "columns reversed": ("returns the columns in reverse", after(backwards, 0)),
        "one input short": (
            "stops summing one input too early",
            instead(lambda y, v, U: [v[:, :-1] @ U_j[:-1, :] for U_j in U], 0),
        ),
        "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(eleven_bits)),
    },
    pool_backward={
        "last column only": (
            "assigns each column's dv where it has to add",
            instead(lambda dv, dpooled, cache: dpooled[-1] @ cache.U[-1].T),
        ),
        "mean over columns": ("averages the columns' dv in place of adding them", mean_of_columns),
        "neighbour's dictionary": ("pulls each column back through its neighbour's U", cached(U=shifted)),
    },
    combine_forward={
        "bias restarts": ("adds the first entries of b to every column", instead(bias_restarts, 0)),
        "units interleaved": (
            "deals out the columns' units in turn where they belong in blocks",
            instead(units_interleaved, 0),
        ),
        "columns added": ("adds equal columns where it has to set them side by side", instead(columns_added, 0)),
        "neighbour's w": ("combines each column with its neighbour's w", before(shifted, 1)),
        "bias omitted": ("leaves out the bias", before(zero, 2)),
    },
    combine_backward={
        "cut one late": ("cuts dy one unit off its place", before(neighbour)),
        "first pooled input for all": (
            "takes every dw from the first column's pooled input",
            cached(pooled=first_for_all),
        ),
        "dw reversed": ("returns dw in reverse column order", after(backwards, 1)),
        "last column unlearned": ("has no dw of the last column", after(last_zero, 1)),
        "db shared": ("divides db by the number of columns", instead(lambda db, dy, cache: db / len(cache.w), 2)),
        "order swapped": ("returns dw before dpooled", exchanged(0, 1)),
    },
    expand_forward={
        "U^T w for U w": ("expands by U^T wherever U is square", before(untransposed)),
        "first dictionary for all": ("predicts every column with U_1", before(first_for_all)),
        "neighbour's w": ("expands each column's neighbour's w", before(shifted, 1)),
        "columns reversed": (
            "sets the columns of W in reverse",
            lambda U, w: expand_forward(backwards(U), backwards(w)),
        ),
        "kept weights only": (
            "fills the kept rows of W and leaves the predicted ones zero",
            instead(
                lambda W, U, w: array_namespace(W).concat([W[: w[0].shape[0], :], zero(W[w[0].shape[0] :, :])], axis=0),
                0,
            ),
        ),
    },
    expand_backward={
        "kept weights only": (
            "takes dW at the kept weights, though w moves every weight through U",
            instead(lambda dw, dW, cache: kept_rows(dW, dw)),
        ),
        "cut at equal widths": ("cuts dW into equal columns though their widths differ", instead(cut_at_equal_widths)),
        "neighbour's dictionary": ("pulls each column back through its neighbour's U", cached(U=shifted)),
    },
    predicted_forward={
        "bias lost by weights": ("leaves out the bias, weights first", without_bias_by_weights),
        "one dictionary": (
            "predicts every column with U_1",
            instead(lambda y, v, U, *rest: predicted_forward(v, first_for_all(U), *rest)[0], 0),
        ),
    },
    predicted_backward={
        "dw of unpooled input": (
            "takes dw from v^T dy at the first rows, weights first, in place of U^T v^T dy",
            instead(dw_of_unpooled_input, 1),
        ),
        "dw reversed": ("returns dw in reverse column order", after(backwards, 1)),
        "one gradient too many": (
            "returns a gradient for U too, though U is static",
            after(lambda g: (g[0], g[1], g[1], g[2])),
        ),
    },
)
