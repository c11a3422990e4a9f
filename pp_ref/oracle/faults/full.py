"""Mistakes in the ordinary and the low-rank layer."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.dense import DenseCache, dense_backward, dense_forward
from pp_ref.oracle.faults.fault import (
    after,
    before,
    cached,
    eleven_bits,
    exchanged,
    faults,
    instead,
    negative,
    next_row,
    transposed_if_square,
    zero,
)

__all__ = ["FAULTS"]


def bias_down_the_batch(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    y, cache = dense_forward(v, W, zero(b))
    return y + (b[:, None] if y.shape[0] == y.shape[1] else b), cache


def bias_in_place(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    y, cache = dense_forward(v, W, b)
    if y.shape[0]:
        b[...] = y[-1, :]
    return y, cache


def last_example_forgotten(dy: Array, cache: DenseCache) -> Any:
    dv, _, _ = dense_backward(dy, cache)
    return dv, *dense_backward(dy[:-1, :], DenseCache(cache.v[:-1, :], cache.W))[1:]


FAULTS = faults(
    dense_forward={
        "bias omitted": ("leaves out the bias", before(zero, 2)),
        "bias subtracted": ("subtracts the bias", before(negative, 2)),
        "bias on the wrong axis": ("adds b to the rows wherever n = m lets it broadcast", bias_down_the_batch),
        "bias overwritten": ("writes its last output row into b", bias_in_place),
        "one input short": (
            "stops summing one input too early",
            instead(lambda y, v, W, b: v[:, :-1] @ W[:-1, :] + b, 0),
        ),
        "W transposed": ("multiplies by W^T wherever W is square", before(transposed_if_square, 1)),
        "eleven bits": ("rounds v to the 11 bits of TF32 before multiplying", before(eleven_bits)),
    },
    dense_backward={
        "dW transposed": ("returns dW^T wherever it is square", after(transposed_if_square, 1)),
        "db of one example": (
            "takes db from the first example alone",
            instead(lambda db, dy, cache: dy[0, :] if dy.shape[0] else db, 2),
        ),
        "db over units": (
            "sums db over units in place of examples wherever n = m",
            instead(lambda db, dy, cache: array_namespace(dy).sum(dy, axis=1) if dy.shape[0] == dy.shape[1] else db, 2),
        ),
        "rows misaligned": ("pairs each example's v with its neighbour's dy", cached(v=next_row)),
        "last example forgotten": ("leaves the last example out of dW and db", last_example_forgotten),
        "order swapped": ("returns dW before dv", exchanged(0, 1)),
    },
    lowrank_forward={
        "bias omitted": ("leaves out the bias", before(zero, 3)),
        "bias doubled": ("adds the bias to both products", before(lambda b: 2 * b, 3)),
        "U transposed": ("multiplies by U^T wherever U is square", before(transposed_if_square, 1)),
    },
    lowrank_backward={
        "w for w^T": (
            "pulls dy back to dU through w in place of w^T wherever w is square",
            instead(lambda dU, dy, c: c.v.T @ (dy @ transposed_if_square(c.w.T)), 1),
        ),
        "dw of unpooled input": (
            "takes dw from v where v U belongs",
            instead(lambda dw, dy, c: c.v[:, : dw.shape[0]].T @ dy if dw.shape[0] <= c.v.shape[1] else dw, 2),
        ),
        "factors share the gradient": (
            "gives each factor half its gradient",
            after(lambda g: (g[0], g[1] / 2, g[2] / 2, g[3])),
        ),
        "rows misaligned": ("pairs each example's v with its neighbour's dy", cached(v=next_row)),
    },
)
