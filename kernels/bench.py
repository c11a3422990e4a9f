"""`pp-ref bench`: the pooling path against BLAS and PyTorch, and the plan against what was measured.

A result is compared with the definition before it is timed: its largest share of the derived bound is in the record,
and a share above 1 ends the benchmark. Contenders take turns in one process with the same number of threads. Beside
them stand the machine's limits, the rate of a large float32 product and of a copy, and of each contender the flops it
needs and the bytes that it cannot avoid. Dictionaries have their subnormals flushed, for everybody.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from statistics import median
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.environment import circumstances, cores
from pp_ref.kernels.bounds import Bounds, largest_share
from pp_ref.kernels.cpu.layer import layer_backward, layer_backward_weights, layer_forward
from pp_ref.kernels.cpu.operands import Operands, operands
from pp_ref.kernels.cpu.rungs import LADDERS
from pp_ref.kernels.plan import Way, plan_layer
from pp_ref.kernels.rung import Rung
from pp_ref.layers.predicted import (
    combine_backward_weights,
    combine_forward,
    predicted_backward,
    predicted_backward_weights,
    predicted_forward,
)
from pp_ref.timing import copy_rate, interleaved, peak_rate, row

__all__ = ["bench_layer", "bench_plan", "bench_pooling", "lines"]

Real = NDArray[Any]
Record = dict[str, Any]
SIDE, UNITS, COLUMNS = 28, 500, 10  # the first layer of the MNIST net
BATCHES, PROPORTIONS = (100, 1000), (0.05, 0.25, 0.5)


class Contender(NamedTuple):
    run: Callable[[], Any]
    share: float  # of the bound that its result takes up
    flops: int
    least_bytes: int  # arrays read and written, once each


def bench_pooling(
    rounds: int = 9,
    batches: Sequence[int] = BATCHES,
    proportions: Sequence[float] = PROPORTIONS,
    dtype: str = "float32",
) -> Record:
    """v U for all columns of a 28 x 28 grid (SE, length scale 1): every rung, and the best dense peers.

    Atoms are what is pooled where R is folded into w; ridge form applies R to every example.
    """
    blocks = []
    for form, proportion, n in product(("atom", "ridge"), proportions, batches):
        o = operands(_dictionary(SIDE, proportion, COLUMNS, form=form), dtype)
        v = np.random.default_rng(1).random((n, o.d)).astype(dtype)
        peers = _dense_pools(v, o)
        rungs = {rung.name: _rung(rung, v, o) for rung in LADDERS["pool"] if rung.name != "loops" or n <= 100}
        blocks += _blocks(
            {"form": form, "proportion": proportion, "n": n}, {**rungs, **peers}, ["dense", *peers], rounds
        )
    return _record("v U for 10 columns of a 28 x 28 grid, length scale 1", dtype, rounds, blocks)


def bench_layer(
    rounds: int = 9,
    batches: Sequence[int] = BATCHES,
    proportions: Sequence[float] = PROPORTIONS,
    dtype: str = "float32",
) -> Record:
    """Forward and weight gradient of the MNIST net's first layer, 784-500 in 10 columns, against a full layer."""
    blocks = []
    for proportion, n in product(proportions, batches):
        o = operands(_dictionary(SIDE, proportion, COLUMNS), dtype)
        peers, contenders = _layers(n, o)
        blocks += _blocks({"proportion": proportion, "n": n}, {**contenders, **peers}, list(peers), rounds)
    return _record("A predicted layer 784-500, 10 columns: y, dw and db", dtype, rounds, blocks)


def bench_plan(
    rounds: int = 5,
    sides: Sequence[int] = (8, 12, 16, 28),
    batches: Sequence[int] = (10, 100, 1000),
    proportions: Sequence[float] = (0.05, 0.25, 0.5),
    columns: Sequence[int] = (1, 10),
    dtype: str = "float32",
) -> Record:
    """Of each shape, the time of every way of a step (y, dv, dw, db), and how far the plan's way is behind the best."""
    blocks = []
    for side, proportion, J, n in product(sides, proportions, columns, batches):
        o = operands(_dictionary(side, proportion, J), dtype)
        v, w, b, dy = _arrays(n, o)
        plan = plan_layer(n, o.d, [w_j.shape for w_j in w], dtype, o.factors)
        ways: dict[str, Contender] = {}
        for way, step in _steps(o, v, w, b, dy):
            ways[way] = Contender(step, _layer_share(step(), o, v, w, b, dy), 0, 0)
        shape = {"side": side, "proportion": proportion, "columns": J, "n": n, "plan": str(plan)}
        for block in _blocks(shape, ways, [], rounds):
            medians = {each["name"]: each["median_s"] for each in block["rows"]}
            blocks.append(block | {"behind": medians[plan.way] / min(medians.values()) - 1})
    record = _record("The plan of a layer's step against its ways, 500 units", dtype, rounds, blocks)
    behind = [block["behind"] for block in blocks]
    return record | {"shapes": len(blocks), "median_behind": median(behind), "most_behind": max(behind)}


def lines(record: Record) -> Iterator[str]:
    """What a record says, for a terminal."""
    yield record["what"]
    for limits in record["limits"]:
        yield "{threads} threads: product {peak_gflops:.0f} Gflop/s, copy {copy_gb_s:.0f} GB/s".format(**limits)
    for block in record["measured"]:
        shape = ", ".join(f"{name} {value}" for name, value in block.items() if name not in ("rows", "behind"))
        yield shape + (f"; behind the best by {block['behind']:.0%}" if "behind" in block else "")
        for each in block["rows"]:
            said = "  {name:22} median {ms:9.3f} ms, {low:.3f} to {high:.3f}; {share:.1%} of bound"
            times = {key: 1e3 * each[of] for key, of in (("ms", "median_s"), ("low", "min_s"), ("high", "max_s"))}
            more = f"; {each['times_best_peer']:.1f} x the best peer" if "times_best_peer" in each else ""
            yield said.format(name=each["name"], share=each["share_of_bound"], **times) + more
    if "most_behind" in record:
        yield "{shapes} shapes: behind by {median_behind:.0%} at the median, {most_behind:.0%} at most".format(**record)


def _dictionary(side: int, proportion: float, columns: int, **settings: Any) -> Any:
    rng = np.random.default_rng(0)
    return make_dictionary("se", Grid(side, side), proportion=proportion, n_columns=columns, rng=rng, **settings)


def _wide(dtype: np.dtype[Any]) -> Any:
    """A dtype whose own rounding is far below the bounds of the other."""
    return np.float64 if dtype == np.float32 else np.longdouble


def _rung(rung: Rung, v: Real, o: Operands) -> Contender:
    out = np.empty((len(v), o.ends[-1]), o.dtype)
    dense = 2 * v.size * o.ends[-1]
    folds = 0 if o.factors.R is None else sum(2 * len(v) * alpha.size**2 for alpha in o.factors.alpha)
    passes = 4 * v.size * sum(axis.size for axis in o.taps) - 2 * v.size  # T + 1 products, 2 T sums, an axis
    flops = {"loops": dense, "dense": dense, "shared": 2 * v.size * o.d + folds}.get(rung.name, passes + folds)
    share = _pool_share(rung.run(v, o), v, o, rung.passes)
    return Contender(lambda: rung.run(v, o, out), share, flops, v.nbytes + out.nbytes)


def _pool_share(got: Real, v: Real, o: Operands, passes: bool = False) -> float:
    wide = _wide(o.dtype)
    want = np.hstack([v.astype(wide) @ U.astype(wide) for U in o.U])
    return largest_share(got, want, Bounds(o, passes).pool(v))


def _dense_pools(v: Real, o: Operands) -> dict[str, Contender]:
    """All columns side by side in one product, and PyTorch's products."""
    U = np.ascontiguousarray(np.hstack(o.U))
    out = np.empty((len(v), U.shape[1]), o.dtype)
    flops, least = 2 * v.size * U.shape[1], v.nbytes + U.nbytes + out.nbytes
    found = {"numpy, side by side": Contender(lambda: np.matmul(v, U, out=out), _pool_share(v @ U, v, o), flops, least)}
    if find_spec("torch"):
        import torch

        tv, tU, tout = torch.from_numpy(v), torch.from_numpy(U), torch.empty(out.shape, dtype=torch.from_numpy(v).dtype)
        each = [torch.from_numpy(U_j) for U_j in o.U]
        shares = [_pool_share(got.numpy(), v, o) for got in (tv @ tU, torch.hstack([tv @ column for column in each]))]
        found["torch, side by side"] = Contender(lambda: torch.matmul(tv, tU, out=tout), shares[0], flops, least)
        found["torch, by column"] = Contender(lambda: [tv @ column for column in each], shares[1], flops, least)
    return found


def _arrays(n: int, o: Operands) -> tuple[Real, list[Real], Real, Real]:
    """v, w, b, dy."""
    rng, J = np.random.default_rng(1), len(o.U)
    widths = [UNITS // J + (j < UNITS % J) for j in range(J)]
    w = [rng.uniform(-0.1, 0.1, (U.shape[1], m)).astype(o.dtype) for U, m in zip(o.U, widths, strict=True)]
    b, dy = rng.random(UNITS).astype(o.dtype), rng.standard_normal((n, UNITS)).astype(o.dtype)
    return rng.random((n, o.d)).astype(o.dtype), w, b, dy


def _steps(o: Operands, v: Real, w: list[Real], b: Real, dy: Real) -> list[tuple[Way, Callable[[], Any]]]:
    """y, dv, dw and db, by every way."""

    def dense(order: Any) -> Callable[[], Any]:
        def step() -> Any:
            y, cache = predicted_forward(v, o.U, w, b, order)
            return y, *predicted_backward(dy, cache)

        return step

    def kernels() -> Any:
        y, cache = layer_forward(v, w, b, o)
        return y, *layer_backward(dy, cache)

    return [("dictionary", dense("dictionary")), ("weights", dense("weights")), ("separable", kernels)]


def _layer_share(
    got: tuple[Real, Real | None, list[Real], Real], o: Operands, v: Real, w: list[Real], b: Real, dy: Real
) -> float:
    """The largest share over y, dv where there is one, dw and db."""
    wide = _wide(o.dtype)
    U, long_v, long_dy = [U_j.astype(wide) for U_j in o.U], v.astype(wide), dy.astype(wide)
    W = np.hstack([U_j @ w_j.astype(wide) for U_j, w_j in zip(U, w, strict=True)])
    bounds, (y, dv, dw, db) = Bounds(o).layer(v, w, b, dy), got
    shares = [largest_share(y, long_v @ W + b, bounds.y), largest_share(db, long_dy.sum(axis=0), bounds.db)]
    if dv is not None:
        shares.append(largest_share(dv, long_dy @ W.T, bounds.dv))
    blocks = np.split(long_dy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
    for dw_j, U_j, block, bound in zip(dw, U, blocks, bounds.dw, strict=True):
        shares.append(largest_share(dw_j, (long_v @ U_j).T @ block, bound))
    return float(np.max(shares))  # NaN stays NaN


def _layers(n: int, o: Operands) -> tuple[dict[str, Contender], dict[str, Contender]]:
    """Full layers, and predicted ones: y, dw and db."""
    v, w, b, dy = _arrays(n, o)
    columns, products = o.ends[-1], sum(w_j.size for w_j in w)
    learned = sum(array.nbytes for array in (*w, b))
    moved, full = v.nbytes + 2 * dy.nbytes + 2 * learned, 4 * n * o.d * UNITS
    pooled = [np.ascontiguousarray(v @ U) for U in o.U]

    def dense(order: Any) -> Any:
        y, cache = predicted_forward(v, o.U, w, b, order)
        return y, None, *predicted_backward_weights(dy, cache)

    def separable() -> Any:
        y, cache = layer_forward(v, w, b, o)
        return y, None, *layer_backward_weights(dy, cache)

    def once() -> Any:
        y, cache = combine_forward(pooled, w, b)
        return y, None, *combine_backward_weights(dy, cache)

    folds = sum(4 * alpha.size**2 * w_j.shape[1] for alpha, w_j in zip(o.factors.alpha, w, strict=True))
    passes = 4 * v.size * sum(axis.size for axis in o.taps) - 2 * v.size
    runs: dict[str, tuple[Callable[[], Any], int]] = {
        "dictionary first": (lambda: dense("dictionary"), 2 * n * (o.d * columns + 2 * products)),
        "weights first": (lambda: dense("weights"), full + 4 * o.d * products),
        "separable": (separable, passes + 4 * n * products + folds),
        "pooled once": (once, 4 * n * products),
    }
    contenders = {
        name: Contender(run, _layer_share(run(), o, v, w, b, dy), flops, moved) for name, (run, flops) in runs.items()
    }
    return _full_layers(v, b, dy, full), contenders


def _full_layers(v: Real, b: Real, dy: Real, flops: int) -> dict[str, Contender]:
    """W is learned in full: what NumPy and PyTorch take for it."""
    W = np.random.default_rng(2).uniform(-0.1, 0.1, (v.shape[1], UNITS)).astype(v.dtype)
    moved = v.nbytes + 2 * dy.nbytes + 2 * W.nbytes

    def share(y: Real, dW: Real) -> float:
        wide, u = _wide(v.dtype), float(np.finfo(v.dtype).eps) / 2
        long, ldW = v.astype(wide), v.T.astype(wide) @ dy.astype(wide)
        gy, gW = ((length + 1) * u / (1 - (length + 1) * u) for length in (v.shape[1], len(v)))
        return max(
            largest_share(y, long @ W.astype(wide) + b, gy * (abs(long) @ abs(W) + abs(b))),
            largest_share(dW, ldW, gW * (abs(long).T @ abs(dy))),
        )

    def ours() -> Any:
        y = v @ W
        y += b
        return y, v.T @ dy, dy.sum(axis=0)

    found = {"full, numpy": Contender(ours, share(*ours()[:2]), flops, moved)}
    if find_spec("torch"):
        import torch

        tv, tdy = torch.from_numpy(v), torch.from_numpy(dy)
        weight = torch.from_numpy(W.T.copy()).requires_grad_()
        bias = torch.from_numpy(b.copy()).requires_grad_()

        def theirs() -> Any:
            weight.grad = bias.grad = None
            y = torch.nn.functional.linear(tv, weight, bias)
            torch.autograd.backward(y, tdy)
            return y, weight.grad

        y, dW = theirs()
        found["full, torch"] = Contender(theirs, share(y.detach().numpy(), dW.numpy().T), flops, moved)
    return found


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    """All libraries with this many threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    if find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield
    numba.set_num_threads(before)


def _blocks(shape: Record, contenders: dict[str, Contender], peers: list[str], rounds: int) -> list[Record]:
    """Rows for one and two threads. The best peer is the one with the smallest median."""
    wrong = {name: each.share for name, each in contenders.items() if not each.share <= 1}
    if wrong:
        sys.exit(f"{shape}: off by more than the bound, in shares of it: {wrong}; nothing was timed")
    found = []
    for threads in (1, 2) if cores() > 1 else (1,):
        with _threads(threads):
            seconds = interleaved({name: each.run for name, each in contenders.items()}, rounds)
        best = min((median(seconds[name]) for name in peers), default=None)
        rows = [
            row(name, times, share_of_bound=contenders[name].share)
            | ({"times_best_peer": best / median(times)} if best else {})
            | ({"flops": contenders[name].flops, "least_bytes": contenders[name].least_bytes} if best else {})
            for name, times in seconds.items()
        ]
        found.append(shape | {"threads": threads, "rows": rows})
    return found


def _record(what: str, dtype: str, rounds: int, blocks: list[Record]) -> Record:
    """The blocks, with the machine's limits, and of each row its share of them."""
    limits = {}
    for threads in sorted({block["threads"] for block in blocks}):
        with _threads(threads):
            limits[threads] = {"threads": threads, "peak_gflops": peak_rate(), "copy_gb_s": copy_rate()}
    for block in blocks:
        limit = limits[block["threads"]]
        for each in block["rows"]:
            if "flops" in each:
                each["share_of_peak"] = each["flops"] / each["min_s"] / 1e9 / limit["peak_gflops"]
                each["share_of_copy"] = each["least_bytes"] / each["min_s"] / 1e9 / limit["copy_gb_s"]
    head = {"what": what, "dtype": dtype, "rounds": rounds, "limits": list(limits.values())}
    return head | {"measured": blocks} | circumstances()
