"""A step of each convolution of the CIFAR-10 net, predicted by every way, against dense peers.

A step is y from v, then dw, db and, above the first layer, dv from dy. Ways share the batch between threads
(`pp_ref.training.in_threads`). PyTorch and JAX use threads of their own, JAX always one a core, so it is timed only
with that many threads. All have the same filters; a dense peer holds them as numbers and returns their gradient dW.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from pp_ref.bench.contest import (
    Block,
    Contender,
    Real,
    blocks,
    choice,
    contender,
    installed,
    numbers_of_threads,
    share_of_bounds,
)
from pp_ref.bench.convnet_step import geometry
from pp_ref.bench.peers import by_jax, by_torch, torch_modes
from pp_ref.bench.pooling import wide
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import against_peers, times_best_peer
from pp_ref.bench.timing import Run, Timing
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.bounds import ConvBounds
from pp_ref.kernels.cpu.conv_layer import conv_backward, conv_backward_weights, conv_dense_forward
from pp_ref.kernels.operands import FilterOperands, OperandCache
from pp_ref.kernels.ways import CONV, Way
from pp_ref.layers.conv2d import conv2d_backward, conv2d_backward_weights, conv2d_forward
from pp_ref.layers.fourier_conv2d import fourier_conv2d_flops
from pp_ref.machine import cores
from pp_ref.models import Predicted
from pp_ref.models.convnet import paper_convnet
from pp_ref.models.stages import Convolution
from pp_ref.training import in_threads

__all__ = ["conv_arrays", "conv_ways", "goals", "measure"]

GOAL = 1.5  # times the best dense convolution, of layer 2 with a quarter learned
DEFINITION = Way(
    "definition",
    "pools first, by the definition",
    lambda v, operands, w, b, filters, *geometry: conv_dense_forward(v, w, b, operands.filters(v.dtype), *geometry),
    conv_backward,
    conv_backward_weights,
)
Step = Callable[[Real, Real], tuple[Real, Real | None, list[Real], Real]]  # v, dy -> y, dv, dw, db


def measure(
    timing: Timing,
    layers: Sequence[int] = (1, 2, 3),
    proportions: Sequence[float] = (0.05, 0.25, 0.5, 1.0),
    n: int = 128,
    dtype: str = "float32",
) -> Record:
    """Return the record of these layers and proportions; `choice` compares the plan's way with the best."""
    measured: list[Block] = []
    for layer, proportion in product(layers, proportions):
        images, filters, padding = geometry(paper_convnet(), n)[layer - 1]
        weights, v, w, b, dy = conv_arrays(images, filters, padding, proportion, dtype)
        problem = _Problem(weights.operands.filters(dtype), v, w, b, dy, padding, layer > 1)
        plan = Convolution(weights, (filters[0], filters[1]), 1, padding).plan(v.shape, dtype, threads=1)
        steps = conv_ways(weights.operands, w, b, filters, padding, layer > 1)
        flops = _flops(images, dy.shape, problem.f, padding, 3 if layer > 1 else 2)
        shape = {"layer": layer, "proportion": proportion, "n": n}
        shares = {name: problem.share(*step(v, dy), whole=name == "theorem") for name, step in steps.items()}
        for number in numbers_of_threads():
            ours = {
                name: contender(_shared(step, v, dy, number), shares[name], flops[name], problem.least_bytes)
                for name, step in steps.items()
            }
            peers = _peers(problem, flops["patches"], number)
            (block,) = blocks(shape, ours | peers, list(peers), timing, [number])
            measured.append(block | {"choice": choice(plan, [row for row in block["rows"] if row["name"] in ours])})
    return record("conv", __doc__, timing, measured, goals, dtype)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal of layer 2, if it is measured."""
    what = "convolution 2 of the CIFAR-10 net, 25% learned, against the full one"
    times, ceiling = (times_best_peer(record, key=key, layer=2, proportion=0.25) for key in ("median_s", "limit_s"))
    yield from goal(what, "at least", GOAL, times, ceiling)


TABLES = {"conv": partial(against_peers, shape=("layer", "proportion"))}


def conv_arrays(
    images: tuple[int, ...], filters: tuple[int, ...], padding: int, proportion: float, dtype: str
) -> tuple[Predicted, Real, list[Real], Real, Real]:
    """Return the weights of a convolution with one SE column, and its v, w, b and dy.

    images   (n, h, w, c)
    filters  (fh, fw, c, m)
    """
    rng, (n, height, width, _), (fh, fw, c, m) = np.random.default_rng(0), images, filters
    weights = Predicted(make_dictionary("se", Grid(fh, fw, c), proportion=proportion, n_columns=1, rng=rng), m)
    outputs = n, height + 2 * padding - fh + 1, width + 2 * padding - fw + 1, m
    v, w, b, dy = (rng.standard_normal(s).astype(dtype) for s in (images, weights.shapes["w0"], m, outputs))
    return weights, v, [w], b, dy


def conv_ways(
    operands: OperandCache, w: list[Real], b: Real, filters: tuple[int, ...], padding: int, wrt_input: bool
) -> dict[str, Step]:
    """Return the step of every way, and that of the definition, which pools first."""

    def step(way: Way, v: Real, dy: Real) -> Any:
        y, cache = way.forward(v, operands, w, b, filters, 1, padding)
        return y, *(way.backward(dy, cache) if wrt_input else (None, *way.backward_weights(dy, cache)))

    return {way.name: partial(step, way) for way in (DEFINITION, *CONV)}


def _flops(
    images: tuple[int, ...], outputs: tuple[int, ...], f: FilterOperands, padding: int, passes: int
) -> dict[str, int]:
    """Return the flops of each way's products, and of its passes over planes."""
    (n, h, w, c), (_, height, width, m), (fh, fw, _) = images, outputs, f.shape
    pixels, k = n * height * width, f.o.ends[-1]
    taps = c * f.down.size + k * fw
    v, W = (np.broadcast_to(np.float32(0), shape) for shape in (images, (*f.shape, m)))
    return {
        "definition": passes * 2 * pixels * k * (fh * fw + m),
        "separable": passes * (2 * n * (h + 2 * padding - fh + 1) * (w + 2 * padding) * taps + 2 * pixels * k * m),
        "patches": passes * 2 * pixels * f.o.d * m,
        "theorem": passes * fourier_conv2d_flops(v, W, 1, padding),
    }


def _shared(step: Step, v: Real, dy: Real, threads: int) -> Run:
    """Return the step with a share of the batch in each thread."""

    def objective(params: Any, rows: Any, rng: Any) -> tuple[Any, dict[str, Real]]:
        part = slice(rows[0], rows[-1] + 1)
        _, _, dw, db = step(v[part], dy[part])
        return 0.0, {"w": dw[0], "b": db}

    return partial(in_threads(objective, threads), {}, np.arange(len(v)), np.random.default_rng(0))


class _Problem:
    """A step in float64 or longdouble, and the bounds of its results."""

    def __init__(
        self, f: FilterOperands, v: Real, w: list[Real], b: Real, dy: Real, padding: int, wrt_input: bool
    ) -> None:
        self.f, self.v, self.b, self.dy, self.padding, self.wrt_input = f, v, b, dy, padding, wrt_input
        precise, bounds = wide(v.dtype), ConvBounds(f, 1, padding)
        self.U = f.o.U[0].astype(precise)
        self.W = (self.U @ w[0].astype(precise)).reshape(*f.shape, b.size)
        self.y, cache = conv2d_forward(v.astype(precise), self.W, b.astype(precise), 1, padding)
        self.dv, self.dW, self.db = conv2d_backward(dy.astype(precise), cache)
        self.bounds = bounds.conv_layer(v, w, b, dy)
        dense = bounds._convolved(v, abs(self.W), abs(b))[1]  # a dense peer's dW meets no U
        pixels = dy.size // b.size
        self.dW_bound = pixels * np.finfo(v.dtype).eps * conv2d_backward_weights(abs(dy.astype(np.float64)), dense)[0]

    @property
    def least_bytes(self) -> int:
        """Size of v, y and dy and, if it is computed, of dv; the smallest weights count nothing."""
        return (1 + self.wrt_input) * self.v.nbytes + 2 * self.dy.nbytes

    def share(self, y: Any, dv: Any, dw: list[Any], db: Any, whole: bool = False) -> float:
        """Return the largest error in units of its bound.

        whole  use the largest bound of an image or of dw: errors of the convolution theorem are relative to these
        """
        want_dw = self.U.T @ self.dW.reshape(len(self.U), -1)
        return share_of_bounds(
            *(
                (got, want, np.max(bound, axis=axes, keepdims=True) if whole else bound)
                for got, want, bound, axes in (*self._parts(y, dv, db), (dw[0], want_dw, self.bounds.dw[0], None))
            )
        )

    def dense_share(self, got: Any) -> float:
        """Return the same for a dense peer's (y, dW, db) or (y, dW, db, dv)."""
        y, dW, db, dv = (*got, None)[:4]
        return share_of_bounds(*(part[:3] for part in self._parts(y, dv, db)), (dW, self.dW, self.dW_bound))

    def _parts(self, y: Any, dv: Any, db: Any) -> Any:
        return (
            (y, self.y, self.bounds.y, (1, 2, 3)),
            (dv, self.dv, self.bounds.dv, (1, 2, 3)),
            (db, self.db, self.bounds.db, 0),
        )


def _peers(problem: _Problem, flops: int, threads: int) -> dict[str, Contender]:
    """Return dense convolutions with the same filters."""
    runs, W = {}, problem.W.astype(problem.v.dtype)
    if torch := installed("torch"):
        layouts = {"torch": torch.contiguous_format, "torch, channels last": torch.channels_last}
        for name, layout in layouts.items():
            for mode, step in _torch_steps(torch, problem, W, layout).items():
                runs[name.replace("torch", mode)] = step
    if threads == cores() and (jax := installed("jax")):
        runs["jax"] = _jax_step(jax, problem, W)
    least = problem.least_bytes + 2 * W.nbytes
    return {name: contender(run, problem.dense_share, flops, least) for name, run in runs.items()}


def _torch_steps(torch: Any, problem: _Problem, W: Real, layout: Any) -> dict[str, Run]:
    """Return, by PyTorch's modes, a step whose tensors have our axes, and in memory the layout."""

    def laid_out(array: Real, *axes: int) -> Any:
        theirs = torch.from_numpy(array).permute(axes).contiguous(memory_format=layout)
        return theirs.permute(*np.argsort(axes).tolist())

    def forward(W: Any, b: Any, v: Any) -> Any:
        y = torch.nn.functional.conv2d(v.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b, padding=problem.padding)
        return y.permute(0, 2, 3, 1)

    v, dy = laid_out(problem.v, 0, 3, 1, 2), laid_out(problem.dy, 0, 3, 1, 2)
    leaves = laid_out(W, 3, 2, 0, 1), torch.from_numpy(problem.b.copy())
    if problem.wrt_input:
        return {mode: by_torch(each, (*leaves, v), dy) for mode, each in torch_modes(forward).items()}
    return {mode: by_torch(partial(each, v=v), leaves, dy) for mode, each in torch_modes(forward).items()}


def _jax_step(jax: Any, problem: _Problem, W: Real) -> Run:
    sides, axes = [(problem.padding, problem.padding)] * 2, ("NHWC", "HWIO", "NHWC")

    def forward(fixed: Any, W: Any, b: Any, *images: Any) -> Any:
        (v,) = fixed or images
        return jax.lax.conv_general_dilated(v, W, (1, 1), sides, dimension_numbers=axes) + b

    leaves = W, problem.b
    if problem.wrt_input:
        return by_jax(forward, (), (*leaves, problem.v), problem.dy)
    return by_jax(forward, (problem.v,), leaves, problem.dy)
