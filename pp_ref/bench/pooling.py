"""v U for all columns of an image: every rung of the ladder, and the best dense peers."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Contender, Real, blocks, contender, installed
from pp_ref.bench.peers import torch_compiled
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import against_peers, times_best_peer
from pp_ref.bench.timing import Run, Timing
from pp_ref.dictionaries import Dictionary, Grid, make_dictionary
from pp_ref.kernels.bounds import Bounds, largest_share
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.kernels.operands import SeparableOperands, separable_operands
from pp_ref.kernels.ways import Way

__all__ = ["dense_pools", "goals", "measure", "rung_contender", "se_dictionary", "se_operands", "wide"]

SIDE, COLUMNS = 28, 10  # the first layer of the MNIST net
BATCHES, PROPORTIONS = (100, 1000), (0.05, 0.25, 0.5)
GOALS = {0.25: 10.0, 0.5: 15.0}  # times the best dense peer, by proportion


def measure(
    timing: Timing, batches: Sequence[int] = BATCHES, proportions: Sequence[float] = PROPORTIONS, dtype: str = "float32"
) -> Record:
    """Return the record of v U for ten SE columns (length scale 1) of a 28 x 28 grid.

    In atom form U = K[:, alpha], as where R is folded into w; in ridge form R multiplies every example.
    """
    measured: list[Block] = []
    for form, proportion, n in product(("atom", "ridge"), proportions, batches):
        o = se_operands(SIDE, proportion, COLUMNS, dtype, form=form)
        v = np.random.default_rng(1).random((n, o.d)).astype(dtype)
        peers = dense_pools(v, o)
        rungs = {rung.name: rung_contender(rung, v, o) for rung in LADDERS["pool"] if rung.name != "loops" or n <= 100}
        shape = {"form": form, "proportion": proportion, "n": n}
        measured += blocks(shape, {**rungs, **peers}, ["dense", *peers], timing)
    return record("pooling", __doc__, timing, measured, goals, dtype)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals: the fused rung against the best dense peer."""
    for proportion, wanted in GOALS.items():
        times, ceiling = (
            times_best_peer(record, "fused", key=key, form="atom", proportion=proportion, n=1000)
            for key in ("median_s", "limit_s")
        )
        what = f"v U, ten columns, {proportion:.0%} kept, n 1000 (PyTorch, NumPy, JAX)"
        yield from goal(what, "at least", wanted, times, ceiling)


TABLES = {"pooling": partial(against_peers, shape=("form", "proportion", "n"), contender="fused")}


def se_dictionary(side: int, proportion: float, columns: int, **settings: Any) -> Dictionary:
    """Return an SE dictionary of a square image, with length scale 1."""
    rng, space = np.random.default_rng(0), Grid(side, side)
    return make_dictionary("se", space, proportion=proportion, n_columns=columns, rng=rng, **settings)


def se_operands(side: int, proportion: float, columns: int, dtype: str, **settings: Any) -> SeparableOperands:
    """Return the operands of `se_dictionary` in a dtype, subnormals flushed."""
    return separable_operands(se_dictionary(side, proportion, columns, **settings), dtype)


def wide(dtype: np.dtype[Any]) -> Any:
    """Return float64 for float32, else longdouble: its rounding is far below the bounds of dtype."""
    return np.float64 if dtype == np.float32 else np.longdouble


def rung_contender(rung: Way, v: Real, o: SeparableOperands) -> Contender:
    """Return a rung of the ladder "pool" as a contender, with its flops."""
    out = np.empty((len(v), o.ends[-1]), o.dtype)
    dense = 2 * v.size * o.ends[-1]
    folds = 0 if o.factors.R is None else sum(2 * len(v) * alpha.size**2 for alpha in o.factors.alpha)
    passes = 4 * v.size * sum(axis.size for axis in o.taps) - 2 * v.size  # T + 1 products, 2 T sums, an axis
    flops = {"loops": dense, "dense": dense, "shared": 2 * v.size * o.d + folds}.get(rung.name, passes + folds)
    return contender(lambda: rung.forward(v, o, out), _shares(v, o, rung.passes), flops, v.nbytes + out.nbytes)


def _shares(v: Real, o: SeparableOperands, passes: bool = False) -> Callable[[Any], float]:
    """Return the check of v U, an array of any library: its largest error in units of its bound."""
    bound, precise = Bounds(o, passes).pool(v), wide(o.dtype)
    want = np.hstack([v.astype(precise) @ U.astype(precise) for U in o.U])
    return lambda got: largest_share(np.hstack(got) if isinstance(got, list) else np.asarray(got), want, bound)


def dense_pools(v: Real, o: SeparableOperands) -> dict[str, Contender]:
    """Return the products by NumPy with all columns side by side, and by PyTorch and JAX also with each by itself.

    No tensor asks for a gradient, so PyTorch makes no graph.
    """
    U = np.ascontiguousarray(np.hstack(o.U))
    out, share = np.empty((len(v), U.shape[1]), o.dtype), _shares(v, o)
    runs: dict[str, Run] = {"numpy, side by side": lambda: np.matmul(v, U, out=out)}
    if torch := installed("torch"):
        tv, tU, tout = torch.from_numpy(v), torch.from_numpy(U), torch.empty(out.shape, dtype=torch.from_numpy(v).dtype)
        each = [torch.from_numpy(U_j) for U_j in o.U]
        runs["torch, side by side"] = lambda: torch.matmul(tv, tU, out=tout)
        runs["torch, by column"] = lambda: [tv @ column for column in each]
        if compiled := torch_compiled(torch.matmul):
            runs["torch, compiled, side by side"] = lambda: compiled(tv, tU)
    if jax := installed("jax"):
        jv, jU, each_U = jax.numpy.asarray(v), jax.numpy.asarray(U), [jax.numpy.asarray(U_j) for U_j in o.U]
        together, apart = jax.jit(jax.numpy.matmul), jax.jit(lambda v, U: [v @ U_j for U_j in U])
        runs["jax, side by side"] = lambda: together(jv, jU).block_until_ready()
        runs["jax, by column"] = lambda: jax.block_until_ready(apart(jv, each_U))
    flops, least = 2 * v.size * U.shape[1], v.nbytes + U.nbytes + out.nbytes
    return {name: contender(run, share, flops, least) for name, run in runs.items()}
