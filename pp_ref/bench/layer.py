"""A predicted layer's forward and weight gradient against a full layer's, and what a step's results are held to."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Contender, Real, blocks, contender, installed
from pp_ref.bench.pooling import BATCHES, COLUMNS, PROPORTIONS, SIDE, se_operands, wide
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import against_peers, times_best_peer
from pp_ref.kernels.bounds import Bounds, largest_share
from pp_ref.kernels.cpu.combine import columns_backward_weights, pooled_forward
from pp_ref.kernels.cpu.dense import pool_dense
from pp_ref.kernels.cpu.layer import layer_backward_weights, layer_forward
from pp_ref.kernels.operands import SeparableOperands
from pp_ref.layers.predicted import predicted_backward_weights, predicted_forward

__all__ = ["TABLES", "UNITS", "layer_arrays", "layer_shares", "measure"]

UNITS = 500
WAYS = ("separable", "dictionary first", "weights first")
GOALS = ((0.25, 2.0, WAYS, ""), (0.05, 4.0, WAYS, ""), (0.05, 10.0, ("pooled once",), ", pooled once"))


def measure(
    rounds: int,
    batches: Sequence[int] = BATCHES,
    proportions: Sequence[float] = PROPORTIONS,
    dtype: str = "float32",
) -> Record:
    """Forward and weight gradient of the MNIST net's first layer, 784-500 in 10 columns, against a full layer."""
    measured: list[Block] = []
    for proportion, n in product(proportions, batches):
        o = se_operands(SIDE, proportion, COLUMNS, dtype)
        peers, contenders = _layers(n, o)
        measured += blocks({"proportion": proportion, "n": n}, {**contenders, **peers}, list(peers), rounds)
    return record("layer", "A predicted layer 784-500, 10 columns: y, dw and db", rounds, measured, goals, dtype)


def goals(record: Record) -> list[Record]:
    """The best of some ways, against PyTorch's full layer."""
    found: list[Record] = []
    for (proportion, wanted, names, how), n in product(GOALS, BATCHES):
        what = f"layer 784-500, y and dw, {proportion:.0%} learned, n {n}, against PyTorch's full layer{how}"
        times = times_best_peer(record, *names, peer="full, torch", proportion=proportion, n=n)
        found += goal(what, "at least", wanted, times)
    return found


def table(record: Record) -> str:
    """The separable layer against the best full layer."""
    return against_peers(record, ("proportion", "n"), "separable")


TABLES = {"layer": table}


def layer_arrays(n: int, o: SeparableOperands, units: int = UNITS) -> tuple[Real, list[Real], Real, Real]:
    """v, w, b, dy."""
    rng, J = np.random.default_rng(1), len(o.U)
    widths = [units // J + (j < units % J) for j in range(J)]
    w = [rng.uniform(-0.1, 0.1, (U.shape[1], m)).astype(o.dtype) for U, m in zip(o.U, widths, strict=True)]
    b, dy = rng.random(units).astype(o.dtype), rng.standard_normal((n, units)).astype(o.dtype)
    return rng.random((n, o.d)).astype(o.dtype), w, b, dy


def layer_shares(o: SeparableOperands, v: Real, w: list[Real], b: Real, dy: Real) -> Callable[[Any], float]:
    """The largest share of its bound that anything in (y, dv or None, dw, db) takes up, arrays of any library."""
    bounds, precise = Bounds(o).layer(v, w, b, dy), wide(o.dtype)
    U, long_v, long_dy = [U_j.astype(precise) for U_j in o.U], v.astype(precise), dy.astype(precise)
    W = np.hstack([U_j @ w_j.astype(precise) for U_j, w_j in zip(U, w, strict=True)])
    columns = np.split(long_dy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
    y, dv, db = long_v @ W + b, long_dy @ W.T, long_dy.sum(axis=0)
    dw = [(long_v @ U_j).T @ dy_j for U_j, dy_j in zip(U, columns, strict=True)]

    def share(got: Any) -> float:
        got_y, got_dv, got_dw, got_db = got
        pairs = [(got_y, y, bounds.y), (got_db, db, bounds.db), *zip(got_dw, dw, bounds.dw, strict=True)]
        if got_dv is not None:
            pairs.append((got_dv, dv, bounds.dv))
        return float(np.max([largest_share(np.asarray(a), want, bound) for a, want, bound in pairs]))  # NaN stays NaN

    return share


def _layers(n: int, o: SeparableOperands) -> tuple[dict[str, Contender], dict[str, Contender]]:
    """Full layers, and predicted ones: y, dw and db."""
    v, w, b, dy = layer_arrays(n, o)
    columns, products = o.ends[-1], sum(w_j.size for w_j in w)
    learned = sum(array.nbytes for array in (*w, b))
    moved, full = v.nbytes + 2 * dy.nbytes + 2 * learned, 4 * n * o.d * UNITS
    pooled = pool_dense(v, o)

    def dense(order: Any) -> Any:
        y, cache = predicted_forward(v, o.U, w, b, order)
        return y, None, *predicted_backward_weights(dy, cache)

    def separable() -> Any:
        y, cache = layer_forward(v, w, b, o)
        return y, None, *layer_backward_weights(dy, cache)

    def once() -> Any:
        y, cache = pooled_forward(pooled, w, b, o)
        return y, None, *columns_backward_weights(dy, cache)

    folds = sum(4 * alpha.size**2 * w_j.shape[1] for alpha, w_j in zip(o.factors.alpha, w, strict=True))
    passes = 4 * v.size * sum(axis.size for axis in o.taps) - 2 * v.size
    runs: dict[str, tuple[Callable[[], Any], int]] = {
        "dictionary first": (lambda: dense("dictionary"), 2 * n * (o.d * columns + 2 * products)),
        "weights first": (lambda: dense("weights"), full + 4 * o.d * products),
        "separable": (separable, passes + 4 * n * products + folds),
        "pooled once": (once, 4 * n * products),
    }
    share = layer_shares(o, v, w, b, dy)
    return _full_layers(v, b, dy, full), {
        name: contender(run, share, flops, moved) for name, (run, flops) in runs.items()
    }


def _full_layers(v: Real, b: Real, dy: Real, flops: int) -> dict[str, Contender]:
    """W is learned in full: what NumPy, PyTorch and JAX take for it."""
    W = np.random.default_rng(2).uniform(-0.1, 0.1, (v.shape[1], UNITS)).astype(v.dtype)
    moved, precise, u = v.nbytes + 2 * dy.nbytes + 2 * W.nbytes, wide(v.dtype), float(np.finfo(v.dtype).eps) / 2
    long, ldW = v.astype(precise), v.T.astype(precise) @ dy.astype(precise)
    gy, gW = ((length + 1) * u / (1 - (length + 1) * u) for length in (v.shape[1], len(v)))
    want_y, bound_y = long @ W.astype(precise) + b, gy * (abs(long) @ abs(W) + abs(b))
    bound_dW = gW * (abs(long).T @ abs(dy))

    def share(got: Any) -> float:
        """Of (y, dW, ...)."""
        y, dW, *_ = (np.asarray(array) for array in got)
        return float(np.max([largest_share(y, want_y, bound_y), largest_share(dW, ldW, bound_dW)]))

    def ours() -> Any:
        y = v @ W
        y += b
        return y, v.T @ dy, dy.sum(axis=0)

    runs: dict[str, Callable[[], Any]] = {"full, numpy": ours}
    if torch := installed("torch"):
        tv, tdy = torch.from_numpy(v), torch.from_numpy(dy)
        weight = torch.from_numpy(W.T.copy()).requires_grad_()
        bias = torch.from_numpy(b.copy()).requires_grad_()

        def theirs() -> Any:
            weight.grad = bias.grad = None
            y = torch.nn.functional.linear(tv, weight, bias)
            torch.autograd.backward(y, tdy)
            return y.detach(), weight.grad.T

        runs["full, torch"] = theirs
    if jax := installed("jax"):
        jv, jdy, jW, jb = map(jax.numpy.asarray, (v, dy, W, b))

        def step(v: Any, W: Any, b: Any, dy: Any) -> Any:
            y, back = jax.vjp(lambda W, b: v @ W + b, W, b)
            return y, *back(dy)

        compiled = jax.jit(step)
        runs["full, jax"] = lambda: jax.block_until_ready(compiled(jv, jW, jb, jdy))
    return {name: contender(run, share, flops, moved) for name, run in runs.items()}
