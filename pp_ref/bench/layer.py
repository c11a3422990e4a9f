"""A predicted layer 784-500 with 10 columns, y, dw and db, against a full layer.

The arrays of a layer's step, the steps of every way and of dense peers, and the check of their results serve other
subjects as well.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Contender, Real, blocks, contender, installed, share_of_bounds
from pp_ref.bench.peers import by_jax, by_torch, torch_modes
from pp_ref.bench.pooling import BATCHES, COLUMNS, PROPORTIONS, SIDE, se_operands, wide
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import against_peers, times_best_peer
from pp_ref.bench.timing import Run, Timing
from pp_ref.kernels.bounds import Bounds
from pp_ref.kernels.cpu.combine import columns_backward_weights, pooled_forward
from pp_ref.kernels.cpu.dense import pool_dense
from pp_ref.kernels.cpu.layer import layer_backward_weights, layer_forward
from pp_ref.kernels.operands import OperandCache, SeparableOperands
from pp_ref.kernels.ways import LAYER, Way
from pp_ref.kernels.work import Arrays, LayerProblem, Work
from pp_ref.layers.predicted import Order, predicted_backward_weights, predicted_forward

__all__ = ["UNITS", "dense_steps", "goals", "layer_arrays", "layer_shares", "measure", "ways"]

UNITS = 500
ORDERS: tuple[Order, ...] = ("dictionary", "weights")
WAYS = ("separable", "dictionary first", "weights first")
GOALS = ((0.25, 2.0, WAYS, ""), (0.05, 4.0, WAYS, ""), (0.05, 10.0, ("pooled once",), ", pooled once"))


def measure(
    timing: Timing, batches: Sequence[int] = BATCHES, proportions: Sequence[float] = PROPORTIONS, dtype: str = "float32"
) -> Record:
    """Return the record of forward and weight gradient for these batches and proportions."""
    measured: list[Block] = []
    for proportion, n in product(proportions, batches):
        o = se_operands(SIDE, proportion, COLUMNS, dtype)
        peers, contenders = _layers(n, o)
        measured += blocks({"proportion": proportion, "n": n}, contenders | peers, list(peers), timing)
    return record("layer", __doc__, timing, measured, goals, dtype)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals: the best of some ways against the best full layer."""
    for (proportion, wanted, names, how), n in product(GOALS, BATCHES):
        what = f"layer 784-500, y and dw, {proportion:.0%} learned, n {n}, against the full layer{how}"
        times, ceiling = (
            times_best_peer(record, *names, key=key, proportion=proportion, n=n) for key in ("median_s", "limit_s")
        )
        yield from goal(what, "at least", wanted, times, ceiling)


TABLES = {"layer": partial(against_peers, shape=("proportion", "n"), contender="separable")}


def layer_arrays(n: int, o: SeparableOperands, units: int = UNITS) -> tuple[Real, list[Real], Real, Real]:
    """Return v (n, d), w (J of (k_j, m_j)), b (m,) and dy (n, m) of a layer of m = ``units`` units."""
    rng, J = np.random.default_rng(1), len(o.U)
    widths = [units // J + (j < units % J) for j in range(J)]
    w = [rng.uniform(-0.1, 0.1, (U.shape[1], m)).astype(o.dtype) for U, m in zip(o.U, widths, strict=True)]
    b, dy = rng.random(units).astype(o.dtype), rng.standard_normal((n, units)).astype(o.dtype)
    return rng.random((n, o.d)).astype(o.dtype), w, b, dy


def layer_shares(
    o: SeparableOperands, v: Real, w: list[Real], b: Real, dy: Real, passes: bool = False
) -> Callable[[Any], float]:
    """Return the check of (y, dv or None, dw, db), arrays of any library: the largest error in units of its bound.

    passes  as for `Bounds`
    """
    bounds, precise = Bounds(o, passes).layer(v, w, b, dy), wide(o.dtype)
    U, long_v, long_dy = [U_j.astype(precise) for U_j in o.U], v.astype(precise), dy.astype(precise)
    W = np.hstack([U_j @ w_j.astype(precise) for U_j, w_j in zip(U, w, strict=True)])
    columns = np.split(long_dy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
    y, dv, db = long_v @ W + b, long_dy @ W.T, long_dy.sum(axis=0)
    dw = [(long_v @ U_j).T @ dy_j for U_j, dy_j in zip(U, columns, strict=True)]

    def share(got: Any) -> float:
        got_y, got_dv, got_dw, got_db = got
        parts = (got_y, y, bounds.y), (got_dv, dv, bounds.dv), (got_db, db, bounds.db)
        return share_of_bounds(*parts, *zip(got_dw, dw, bounds.dw, strict=True))

    return share


def ways(operands: OperandCache, v: Real, w: list[Real], b: Real, dy: Real) -> dict[str, tuple[Run, Work]]:
    """Return, for each possible way of a layer, its step (y, dv, dw, db) and the work of the step."""
    problem = LayerProblem(Arrays.of(v, *w, b), tuple((len(w_j), w_j.shape[1]) for w_j in w), operands)

    def step(way: Way) -> Any:
        y, cache = way.forward(v, operands, w, b)
        return y, *way.backward(dy, cache)

    return {way.name: (partial(step, way), way.work(problem)) for way in LAYER if not way.needs(problem)}


def dense_steps(o: SeparableOperands, v: Real, w: list[Real], b: Real, dy: Real) -> dict[str, Run]:
    """Return the step (y, dv, dw, db) in both orders by PyTorch and JAX, if they are installed."""

    def layer(join: Any, order: Order, U: Any, v: Any, b: Any, *w: Any) -> Any:
        if order == "dictionary":
            return join([(v @ U_j) @ w_j for U_j, w_j in zip(U, w, strict=True)], 1) + b
        return v @ join([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], 1) + b

    def in_our_order(step: Run) -> Any:
        y, dv, db, *dw = step()
        return y, dv, dw, db

    found, leaves = {}, (v, b, *w)
    if torch := installed("torch"):
        U = [torch.from_numpy(U_j) for U_j in o.U]
        for order in ORDERS:
            there = [torch.from_numpy(array.copy()) for array in leaves]
            found[f"torch, {order}"] = by_torch(partial(layer, torch.cat, order, U), there, torch.from_numpy(dy))
    if jax := installed("jax"):
        for order in ORDERS:
            found[f"jax, {order}"] = by_jax(partial(layer, jax.numpy.concatenate, order), list(o.U), leaves, dy)
    return {name: partial(in_our_order, step) for name, step in found.items()}


def _layers(n: int, o: SeparableOperands) -> tuple[dict[str, Contender], dict[str, Contender]]:
    """Return the full layers and the predicted ones, with the step y, dw and db."""
    v, w, b, dy = layer_arrays(n, o)
    columns, products = o.ends[-1], sum(w_j.size for w_j in w)
    learned = sum(array.nbytes for array in (*w, b))
    moved, full = v.nbytes + 2 * dy.nbytes + 2 * learned, 4 * n * o.d * UNITS
    pooled = pool_dense(v, o)

    def step(forward: Callable[..., Any], backward: Callable[..., Any], *arguments: Any) -> Any:
        y, cache = forward(*arguments)
        return y, None, *backward(dy, cache)

    dense = partial(step, predicted_forward, predicted_backward_weights, v, o.U, w, b)
    folds = sum(4 * alpha.size**2 * w_j.shape[1] for alpha, w_j in zip(o.factors.alpha, w, strict=True))
    passes = 4 * v.size * sum(axis.size for axis in o.taps) - 2 * v.size
    runs: dict[str, tuple[Run, int]] = {
        "dictionary first": (partial(dense, "dictionary"), 2 * n * (o.d * columns + 2 * products)),
        "weights first": (partial(dense, "weights"), full + 4 * o.d * products),
        "separable": (
            partial(step, layer_forward, layer_backward_weights, v, w, b, o),
            passes + 4 * n * products + folds,
        ),
        "pooled once": (partial(step, pooled_forward, columns_backward_weights, pooled, w, b, o), 4 * n * products),
    }
    share = layer_shares(o, v, w, b, dy)
    ours = {name: contender(run, share, flops, moved) for name, (run, flops) in runs.items()}
    return _full_layers(v, b, dy, full), ours


def _full_layers(v: Real, b: Real, dy: Real, flops: int) -> dict[str, Contender]:
    """Return the layers with a full W in NumPy, PyTorch and JAX; y and dW need no graph."""
    W = np.random.default_rng(2).uniform(-0.1, 0.1, (v.shape[1], UNITS)).astype(v.dtype)
    moved, precise, u = v.nbytes + 2 * dy.nbytes + 2 * W.nbytes, wide(v.dtype), float(np.finfo(v.dtype).eps) / 2
    long, ldW = v.astype(precise), v.T.astype(precise) @ dy.astype(precise)
    gy, gW = ((length + 1) * u / (1 - (length + 1) * u) for length in (v.shape[1], len(v)))
    want_y, bound_y = long @ W.astype(precise) + b, gy * (abs(long) @ abs(W) + abs(b))
    bound_dW = gW * (abs(long).T @ abs(dy))

    def ours() -> Any:
        y = v @ W
        y += b
        return y, v.T @ dy, dy.sum(axis=0)

    runs: dict[str, Run] = {"full, numpy": ours}
    if torch := installed("torch"):
        there = tuple(map(torch.from_numpy, (v, W.T.copy(), b, dy)))

        def theirs(v: Any, weight: Any, b: Any, dy: Any) -> Any:
            return torch.nn.functional.linear(v, weight, b), (dy.T @ v).T, dy.sum(0)

        runs |= {f"full, {mode}": partial(step, *there) for mode, step in torch_modes(theirs).items()}
    if installed("jax"):
        runs["full, jax"] = by_jax(lambda v, W, b: v @ W + b, v, (W, b), dy)

    def share(got: Any) -> float:
        """Return the share of (y, dW, db)."""
        return share_of_bounds((got[0], want_y, bound_y), (got[1], ldW, bound_dW))

    return {name: contender(run, share, flops, moved) for name, run in runs.items()}
