"""Mistakes in the ordinary and the low-rank layer."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.dense import DenseCache, dense_backward, dense_forward
from pp_ref.layers.lowrank import LowRankCache, lowrank_backward, lowrank_forward
from pp_ref.oracle.faults.fault import (
    Fault,
    accumulating,
    after,
    before,
    cached,
    double_precision,
    eleven_bits,
    halved,
    last_row_missing,
    mean_for_sum,
    nan_to_zero,
    negative,
    neighbour,
    next_row,
    stale,
    transposed_if_square,
    zero,
)


def bias_down_the_batch(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    y, cache = dense_forward(v, W, zero(b))
    return y + (b[:, None] if y.shape[0] == y.shape[1] else b), cache


def bias_in_place(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    y, cache = dense_forward(v, W, b)
    if y.shape[0]:
        b[...] = y[-1, :]
    return y, cache


def one_input_short(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    return v[:, :-1] @ W[:-1, :] + b, DenseCache(v, W)


def dv_with_untransposed_W(dy: Array, cache: DenseCache) -> Any:
    _, dW, db = dense_backward(dy, cache)
    return dy @ transposed_if_square(cache.W.T), dW, db


def db_of_first_example(dy: Array, cache: DenseCache) -> Any:
    dv, dW, db = dense_backward(dy, cache)
    return dv, dW, dy[0, :] if dy.shape[0] else db


def db_over_units(dy: Array, cache: DenseCache) -> Any:
    dv, dW, db = dense_backward(dy, cache)
    return dv, dW, array_namespace(dy).sum(dy, axis=1) if dy.shape[0] == dy.shape[1] else db


def last_example_forgotten(dy: Array, cache: DenseCache) -> Any:
    dv, _, _ = dense_backward(dy, cache)
    return dv, *dense_backward(dy[:-1, :], DenseCache(cache.v[:-1, :], cache.W))[1:]


def dy_scaled_in_place(dy: Array, cache: DenseCache) -> Any:
    n = max(dy.shape[0], 1)
    gradients = dense_backward(dy, cache)
    dy[...] = dy / n
    return gradients


def mean_of_parameters(dy: Array, cache: DenseCache) -> Any:
    dv, dW, db = dense_backward(dy, cache)
    return dv, mean_for_sum(dW, dy.shape[0]), mean_for_sum(db, dy.shape[0])


def dw_of_unpooled_input(dy: Array, cache: LowRankCache) -> Any:
    dv, dU, dw, db = lowrank_backward(dy, cache)
    k = cache.U.shape[1]
    return dv, dU, cache.v[:, :k].T @ dy if k <= cache.v.shape[1] else dw, db


def dU_with_untransposed_w(dy: Array, cache: LowRankCache) -> Any:
    dv, _, dw, db = lowrank_backward(dy, cache)
    return dv, cache.v.T @ (dy @ transposed_if_square(cache.w.T)), dw, db


def factors_averaged(dy: Array, cache: LowRankCache) -> Any:
    dv, dU, dw, db = lowrank_backward(dy, cache)
    return dv, dU / 2, dw / 2, db


def dense_last_row(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    y, cache = dense_forward(v, W, b)
    return last_row_missing(y), cache


FAULTS = (
    Fault("bias omitted", "dense_forward", "leaves out the bias", before(dense_forward, 2, zero)),
    Fault("bias subtracted", "dense_forward", "subtracts the bias", before(dense_forward, 2, negative)),
    Fault(
        "bias on the wrong axis",
        "dense_forward",
        "adds b to the rows wherever n = m lets it broadcast",
        bias_down_the_batch,
    ),
    Fault("bias overwritten", "dense_forward", "writes its last output row into b", bias_in_place),
    Fault("last row stale", "dense_forward", "does not compute the batch's last row", dense_last_row),
    Fault(
        "neighbour's unit",
        "dense_forward",
        "puts every unit in its neighbour's place",
        after(dense_forward, 0, neighbour),
    ),
    Fault("one input short", "dense_forward", "stops summing one input too early", one_input_short),
    Fault(
        "W transposed",
        "dense_forward",
        "multiplies by W^T wherever W is square",
        before(dense_forward, 1, transposed_if_square),
    ),
    Fault(
        "promoted", "dense_forward", "returns float64 whatever it is given", after(dense_forward, 0, double_precision)
    ),
    Fault("NaN swallowed", "dense_forward", "replaces NaN by zero", after(dense_forward, 0, nan_to_zero)),
    Fault(
        "eleven bits",
        "dense_forward",
        "rounds v to the 11 bits of TF32 before multiplying",
        before(dense_forward, 0, eleven_bits),
    ),
    Fault("dv sign", "dense_backward", "has the opposite sign of dv", after(dense_backward, 0, negative)),
    Fault("dW sign", "dense_backward", "has the opposite sign of dW", after(dense_backward, 1, negative)),
    Fault(
        "W for W^T",
        "dense_backward",
        "pulls dy back through W in place of W^T wherever W is square",
        dv_with_untransposed_W,
    ),
    Fault(
        "dW transposed",
        "dense_backward",
        "returns dW^T wherever it is square",
        after(dense_backward, 1, transposed_if_square),
    ),
    Fault(
        "mean for sum",
        "dense_backward",
        "divides dW and db by n though dy holds that factor already",
        mean_of_parameters,
    ),
    Fault("db of one example", "dense_backward", "takes db from the first example alone", db_of_first_example),
    Fault("db over units", "dense_backward", "sums db over units in place of examples wherever n = m", db_over_units),
    Fault("db zero", "dense_backward", "has no gradient of the bias", after(dense_backward, 2, zero)),
    Fault("dv zero", "dense_backward", "passes nothing on to the layer below", after(dense_backward, 0, zero)),
    Fault(
        "rows misaligned",
        "dense_backward",
        "pairs each example's v with its neighbour's dy",
        cached(dense_backward, v=next_row),
    ),
    Fault("stale cache", "dense_backward", "reads the cache of the call before", stale(dense_backward)),
    Fault("accumulates", "dense_backward", "adds to the gradients of the call before", accumulating(dense_backward)),
    Fault(
        "last example forgotten", "dense_backward", "leaves the last example out of dW and db", last_example_forgotten
    ),
    Fault(
        "order swapped",
        "dense_backward",
        "returns dW before dv",
        lambda dy, cache: (lambda g: (g[1], g[0], g[2]))(dense_backward(dy, cache)),
    ),
    Fault("dy overwritten", "dense_backward", "divides dy by n in place", dy_scaled_in_place),
    Fault("bias omitted", "lowrank_forward", "leaves out the bias", before(lowrank_forward, 3, zero)),
    Fault(
        "bias doubled", "lowrank_forward", "adds the bias to both products", before(lowrank_forward, 3, lambda b: 2 * b)
    ),
    Fault(
        "U transposed",
        "lowrank_forward",
        "multiplies by U^T wherever U is square",
        before(lowrank_forward, 1, transposed_if_square),
    ),
    Fault("U fixed", "lowrank_backward", "treats U as static: dU is zero", after(lowrank_backward, 1, zero)),
    Fault("w fixed", "lowrank_backward", "learns U alone: dw is zero", after(lowrank_backward, 2, zero)),
    Fault("dU sign", "lowrank_backward", "has the opposite sign of dU", after(lowrank_backward, 1, negative)),
    Fault(
        "w for w^T",
        "lowrank_backward",
        "pulls dy back to dU through w in place of w^T wherever w is square",
        dU_with_untransposed_w,
    ),
    Fault("dw of unpooled input", "lowrank_backward", "takes dw from v where v U belongs", dw_of_unpooled_input),
    Fault("factors share the gradient", "lowrank_backward", "gives each factor half its gradient", factors_averaged),
    Fault("pooled halved", "lowrank_backward", "uses half the pooled input", cached(lowrank_backward, pooled=halved)),
    Fault("stale cache", "lowrank_backward", "reads the cache of the call before", stale(lowrank_backward)),
    Fault(
        "rows misaligned",
        "lowrank_backward",
        "pairs each example's v with its neighbour's dy",
        cached(lowrank_backward, v=next_row),
    ),
)
