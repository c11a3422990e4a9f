"""A step of each convolution of the CIFAR-10 net, predicted by every way, against dense peers.

A step is y from v, then dw, db and, above the first layer, dv from dy. Every thread has a share of the batch
(`pp_ref.training.in_threads`), PyTorch's and JAX's threads are their own. Filters are the same for all; a dense peer
has them as numbers of its own, and returns their gradient. JAX's pool has every core, so JAX stands where that many
threads are asked for.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Contender, Real, blocks, contender, numbers_of_threads
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import against_peers, times_best_peer
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.bounds import ConvBounds, LayerBounds, largest_share
from pp_ref.kernels.cpu.conv_layer import conv_backward, conv_backward_weights, conv_dense_forward, conv_forward
from pp_ref.kernels.operands import FilterOperands, OperandCache
from pp_ref.kernels.ways import CONV, Way
from pp_ref.layers.conv2d import conv2d_backward, conv2d_backward_weights, conv2d_forward
from pp_ref.layers.fourier_conv2d import (
    fourier_conv2d_flops,
)
from pp_ref.machine import cores
from pp_ref.models import Predicted
from pp_ref.models.stages import Convolution
from pp_ref.training import in_threads

__all__ = ["TABLES", "conv_ways", "measure"]

# (h, w, c), (fh, fw), m, padding, whether dv is wanted: the net of sec. 4.2.
LAYERS = {
    1: ((32, 32, 3), (8, 8), 48, 4, False),
    2: ((16, 16, 48), (8, 8), 64, 3, True),
    3: ((7, 7, 64), (5, 5), 64, 3, True),
}
GOAL = 1.5  # times the best dense convolution, of layer 2 with a quarter learned
Step = Callable[[Real, Real], tuple[Real, Real | None, list[Real], Real]]  # v, dy -> y, dv, dw, db


def measure(
    rounds: int,
    layers: Sequence[int] = (1, 2, 3),
    proportions: Sequence[float] = (0.05, 0.25, 0.5, 1.0),
    n: int = 128,
    dtype: str = "float32",
) -> Record:
    """Of each layer and proportion, the time of every way of a step, and how far the plan's way is behind the best."""
    measured: list[Block] = []
    for layer in layers:
        image, window, m, padding, wrt_input = LAYERS[layer]
        for proportion in proportions:
            rng = np.random.default_rng(0)
            weights = Predicted(_dictionary(Grid(*window, image[2]), proportion, rng), m)
            f = weights.operands.filters(dtype)
            k = f.o.ends[-1]
            v, w = rng.standard_normal((n, *image)).astype(dtype), [rng.standard_normal((k, m)).astype(dtype)]
            b, geometry = rng.standard_normal(m).astype(dtype), (1, padding)
            y, _ = conv_forward(v, w, b, f, *geometry)
            dy = rng.standard_normal(y.shape).astype(dtype)
            plan = Convolution(weights, window, *geometry).plan(v.shape, dtype, threads=1)
            judge = _Judge(v, w, b, dy, f, geometry, wrt_input)
            least = judge.least_bytes
            ways = conv_ways(weights.operands, w, b, (*f.shape, m), geometry, wrt_input)
            flops = _flops(v.shape, y.shape, f, geometry, 3 if wrt_input else 2)
            shape = {"layer": layer, "proportion": proportion, "n": n}
            shares = {name: judge.share(*step(v, dy), whole=name == "theorem") for name, step in ways.items()}
            for number in numbers_of_threads():
                everybody = {
                    name: contender(_shared(step, v, dy, number), shares[name], flops[name], least)
                    for name, step in ways.items()
                }
                peers = _peers(judge, flops["patches"], number)
                (block,) = blocks(shape, everybody | peers, list(peers), rounds, [number])
                medians = {each["name"]: each["median_s"] for each in block["rows"] if each["name"] in ways}
                behind = medians[plan.way.name] / min(medians.values()) - 1
                choice = {"plan": str(plan), "way": plan.way.name, "best": min(medians, key=medians.__getitem__)}
                measured.append(block | {"choice": choice | {"behind": behind}})
    return record("conv", __doc__, rounds, measured, goals, dtype)


def goals(record: Record) -> list[Record]:
    """Layer 2, where it is measured."""
    what = "convolution 2 of the CIFAR-10 net, 25% learned, against the full one"
    return goal(what, "at least", GOAL, times_best_peer(record, layer=2, proportion=0.25))


def table(record: Record) -> str:
    """The plan's way of each convolution, against the best full one."""
    return against_peers(record, ("layer", "proportion"))


TABLES = {"conv": table}


def _dictionary(space: Grid, proportion: float, rng: np.random.Generator) -> Any:
    return make_dictionary("se", space, proportion=proportion, n_columns=1, rng=rng, length_scale=1.0, ridge=1e-3)


def conv_ways(
    operands: OperandCache,
    w: list[Real],
    b: Real,
    filters: tuple[int, ...],
    geometry: tuple[int, int],
    wrt_input: bool,
) -> dict[str, Step]:
    """v, dy -> y, dv, dw, db: the ways of models, and pooled first by the definition."""

    def step(way: Way) -> Step:
        def run(v: Real, dy: Real) -> Any:
            y, cache = way.forward(v, operands, w, b, filters, *geometry)
            return y, *(way.backward(dy, cache) if wrt_input else (None, *way.backward_weights(dy, cache)))

        return run

    def definition(v: Real, dy: Real) -> Any:
        y, cache = conv_dense_forward(v, w, b, operands.filters(v.dtype), *geometry)
        return y, *(conv_backward(dy, cache) if wrt_input else (None, *conv_backward_weights(dy, cache)))

    return {"definition": definition} | {way.name: step(way) for way in CONV}


def _flops(
    images: tuple[int, ...], outputs: tuple[int, ...], f: FilterOperands, geometry: tuple[int, int], passes: int
) -> dict[str, int]:
    """Of each way's products; of passes over planes besides."""
    (n, h, w, c), (_, height, width, m), (fh, fw, _) = images, outputs, f.shape
    pixels, k, padding = n * height * width, f.o.ends[-1], geometry[1]
    taps = c * f.down.size + k * fw
    v, W = (np.broadcast_to(np.float32(0), shape) for shape in (images, (*f.shape, m)))
    return {
        "definition": passes * 2 * pixels * k * (fh * fw + m),
        "separable": passes * (2 * n * (h + 2 * padding - fh + 1) * (w + 2 * padding) * taps + 2 * pixels * k * m),
        "patches": passes * 2 * pixels * f.o.d * m,
        "theorem": passes * fourier_conv2d_flops(v, W, *geometry),
    }


def _shared(step: Step, v: Real, dy: Real, threads: int) -> Callable[[], Any]:
    """The step with a share of the batch in each thread."""

    def objective(params: Any, rows: Any, rng: Any) -> tuple[Any, dict[str, Real]]:
        part = slice(rows[0], rows[-1] + 1)
        _, _, dw, db = step(v[part], dy[part])
        return 0.0, {"w": dw[0], "b": db}

    together, rows, rng = in_threads(objective, threads), np.arange(len(v)), np.random.default_rng(0)
    return lambda: together({}, rows, rng)


class _Judge:
    """The exact step, of float64 or longdouble, and its bounds."""

    def __init__(
        self, v: Real, w: list[Real], b: Real, dy: Real, f: FilterOperands, geometry: tuple[int, int], wrt_input: bool
    ) -> None:
        self.v, self.dy, self.b, self.f, self.geometry, self.wrt_input = v, dy, b, f, geometry, wrt_input
        wide: Any = np.float64 if v.dtype == np.float32 else np.longdouble
        self.U = f.o.U[0].astype(wide)
        self.W = (self.U @ w[0].astype(wide)).reshape(*f.shape, b.size)
        self.y, cache = conv2d_forward(v.astype(wide), self.W, b.astype(wide), *geometry)
        self.dv, self.dW, self.db = conv2d_backward(dy.astype(wide), cache)
        self.bounds: LayerBounds = ConvBounds(f, *geometry).conv_layer(v, w, b, dy)
        dense = ConvBounds(f, *geometry)._convolved(v, abs(self.W), abs(b))[1]  # a dense peer's dW meets no U
        pixels = dy.size // b.size
        self.dW_bound = pixels * np.finfo(v.dtype).eps * conv2d_backward_weights(abs(dy.astype(np.float64)), dense)[0]

    @property
    def least_bytes(self) -> int:
        """v read and dv written, y written and dy read, the smallest weights read and written."""
        return (1 + self.wrt_input) * self.v.nbytes + 2 * self.dy.nbytes

    def share(self, y: Real, dv: Real | None, dw: list[Real], db: Real, whole: bool = False) -> float:
        """The largest share over what there is; ``whole``: of the largest bound in an image or of all dw, to which the
        convolution theorem's errors are relative."""
        return self._largest(y, dv, dw[0], db, self.U.T @ self.dW.reshape(len(self.U), -1), self.bounds.dw[0], whole)

    def dense_share(self, y: Real, dv: Real | None, dW: Real, db: Real) -> float:
        """The same for dW in place of dw."""
        return self._largest(y, dv, dW, db, self.dW, self.dW_bound, False)

    def _largest(
        self, y: Real, dv: Real | None, dw: Real, db: Real, want_dw: Real, dw_bound: Real, whole: bool
    ) -> float:
        pairs = [(y, self.y, self.bounds.y, (1, 2, 3)), (dw, want_dw, dw_bound, None), (db, self.db, self.bounds.db, 0)]
        if dv is not None:
            pairs.append((dv, self.dv, self.bounds.dv, (1, 2, 3)))
        shares = [
            largest_share(got, want, np.max(bound, axis=axes, keepdims=True) if whole else bound)
            for got, want, bound, axes in pairs
        ]
        return float(np.max(shares))  # NaN stays NaN


def _peers(judge: _Judge, flops: int, threads: int) -> dict[str, Contender]:
    """Dense convolutions with the same filters."""
    found: dict[str, Contender] = {}
    W, bytes_ = judge.W.astype(judge.v.dtype), judge.least_bytes + 2 * judge.W.size * judge.v.itemsize
    if find_spec("torch"):
        import torch

        for name, layout in (("torch", torch.contiguous_format), ("torch, channels last", torch.channels_last)):
            run = _torch_step(judge, W, layout)
            y, dv, dW, db = run()
            last = [0, 2, 3, 1]
            dv = None if dv is None else dv.numpy().transpose(last)
            share = judge.dense_share(y.numpy().transpose(last), dv, dW.numpy().transpose(2, 3, 1, 0), db.numpy())
            found[name] = contender(run, share, flops, bytes_)
    if find_spec("jax") and threads == cores():
        run = _jax_step(judge, W)
        y, dv, dW, db = run()
        share = judge.dense_share(np.asarray(y), None if dv is None else np.asarray(dv), np.asarray(dW), np.asarray(db))
        found["jax"] = contender(run, share, flops, bytes_)
    return found


def _torch_step(judge: _Judge, W: Real, layout: Any) -> Callable[[], Any]:
    import torch

    def made(images: Real) -> Any:
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=layout)

    v, dy = made(judge.v).requires_grad_(judge.wrt_input), made(judge.dy)
    weight = torch.from_numpy(W).permute(3, 2, 0, 1).contiguous(memory_format=layout).requires_grad_()
    bias = torch.from_numpy(judge.b.copy()).requires_grad_()

    def run() -> Any:
        v.grad = weight.grad = bias.grad = None
        y = torch.nn.functional.conv2d(v, weight, bias, *judge.geometry)
        torch.autograd.backward(y, dy)
        return y.detach(), v.grad, weight.grad, bias.grad

    return run


def _jax_step(judge: _Judge, W: Real) -> Callable[[], Any]:
    jax: Any = import_module("jax")  # whose functions have no types
    jax.config.update("jax_enable_x64", judge.v.dtype == np.float64)
    stride, padding = judge.geometry

    def convolved(v: Any, W: Any, b: Any) -> Any:
        sides = [(padding, padding)] * 2
        return (
            jax.lax.conv_general_dilated(v, W, (stride, stride), sides, dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        )

    def step(v: Any, W: Any, b: Any, dy: Any) -> Any:
        if judge.wrt_input:
            y, pull = jax.vjp(convolved, v, W, b)
            return y, *pull(dy)
        y, pull = jax.vjp(lambda W, b: convolved(v, W, b), W, b)
        return y, None, *pull(dy)

    compiled, arrays = jax.jit(step), [jax.device_put(array) for array in (judge.v, W, judge.b, judge.dy)]
    return lambda: jax.block_until_ready(compiled(*arrays))
