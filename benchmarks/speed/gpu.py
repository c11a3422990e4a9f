"""Everything that needs a CUDA device, in one command: the kernels' tests, their speed, models', and Figure 5.

    make gpu
    python benchmarks/speed/gpu.py [--stages tests pool layer mlp convnet figure5] [--images 100000] [--rounds 20]
                                   [--out FILE]

tests    every test marked `gpu`; one that would be skipped fails
pool     float32, 28 x 28 images, ten SE columns that keep a quarter: each rung of the ladder against cuBLAS's
         product with all columns at once, in float32 and in TF32. First some rows of every result have to lie within
         their derived bound of the dense product in float64; then all take turns, timed by events. Beside each stands
         what share of the measured copy bandwidth its minimum traffic makes: v read once, the result written once
layer    the other operations of that dictionary with 500 units, and a step of the whole layer at several batches, each
         against cuBLAS's products; first each has to lie within its derived bound
mlp      a training step of 784-500-500-10, SE-Emp with a quarter of the weights, against PyTorch's on the same device,
         eager and compiled, after their gradients agree
convnet  an epoch of the convnet of sec. 4.2 with a quarter of the weights learned, and in full, against PyTorch's on
         the same device, after their gradients agree
figure5  `pp-ref reproduce figure5 --profile authors --device gpu`, which goes on where it was stopped

Each writes its part of the record, with the device's name, and keeps what the others wrote before. What fails is
written down too, and the others go on.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.timing import interleaved, row
from pp_ref.dictionaries import Dictionary, Grid, Units, make_dictionary
from pp_ref.dictionaries.covariances import se_covariance
from pp_ref.kernels.bounds import Bounds, largest_share
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.gpu.ladder import LADDERS, POOL
from pp_ref.kernels.gpu.layer import layer_backward
from pp_ref.kernels.gpu.operands import Operands, operands
from pp_ref.layers.predicted import predicted_backward, predicted_forward
from pp_ref.machine import array_library, gpu_absence
from pp_ref.models import MLP, Predicted
from pp_ref.records import circumstances

ROOT = Path(__file__).resolve().parents[2]
SIDE, COLUMNS, PROPORTION, UNITS = 28, 10, 0.25, 500
HALF = 6  # at a distance of 7 the SE kernel of length scale 1 is 2e-11, in float32 nothing beside 1
GOALS = {"share_of_copy_bandwidth": 0.8, "times_cublas_float32": 5.0, "times_cublas_tf32": 1.5}
CHECKED = 64  # rows at both ends that are compared
TF32 = 2.0**-11  # unit roundoff of what the tensor cores read: 10 bits behind the point
Run = Callable[[], Any]


class Problem(NamedTuple):
    """The arrays on the host, float32, and what the results have to be near, in float64."""

    v: Any  # (n, d)
    taps: Any  # (13,)
    alpha: Any  # (k,) int32, of all columns
    U: Any  # (d, k): K[:, alpha], the dense factor
    F: list[Any]  # J of (k_j, m_j)
    b: Any  # (m,)
    W: Any  # (d, m): the weights that the layer's dense product has


def smooth_dictionary(rng: np.random.Generator) -> Dictionary:
    return make_dictionary(
        "se", Grid(SIDE, SIDE), proportion=PROPORTION, n_columns=COLUMNS, rng=rng, length_scale=1.0, ridge=1e-3
    )


def problem(images: int) -> Problem:
    rng = np.random.default_rng(0)
    dictionary = smooth_dictionary(rng)
    points = Grid(SIDE, SIDE).site_points()
    K = se_covariance(points, points, 1.0)
    F = [rng.standard_normal((a.size, UNITS // COLUMNS)) / a.size for a in dictionary.alpha]
    W = np.concatenate([K[:, a] @ F_j for a, F_j in zip(dictionary.alpha, F, strict=True)], axis=1)
    alpha = np.concatenate(dictionary.alpha)
    return Problem(
        rng.random((images, SIDE * SIDE), np.float32),
        np.exp(-0.5 * np.arange(-HALF, HALF + 1) ** 2).astype("f4"),
        alpha.astype("i4"),
        K[:, alpha].astype("f4"),
        [F_j.astype("f4") for F_j in F],
        rng.standard_normal(UNITS).astype("f4"),
        W.astype("f4"),
    )


@contextmanager
def tensor_cores(xp: Any) -> Any:
    """float32 products by TF32, where this CuPy can switch it."""
    switch = xp._core._routines_linalg
    before = switch.get_compute_type(xp.float32)
    switch.set_compute_type(xp.float32, switch.COMPUTE_TYPE_TF32)
    try:
        yield
    finally:
        switch.set_compute_type(xp.float32, before)


def in_tf32(xp: Any, a: Any, b: Any) -> Any:
    with tensor_cores(xp):
        return a @ b


def contenders(xp: Any, given: Problem) -> dict[str, Run]:
    """What each computes: pooled (n, k) of all columns, but `separable` all pixels, and the layers pre-activations."""
    v, taps, alpha, U, b, W = map(xp.asarray, (given.v, given.taps, given.alpha, given.U, given.b, given.W))
    F, run = [xp.asarray(F_j) for F_j in given.F], {rung.name: rung.forward for rung in POOL}
    found: dict[str, Run] = {
        "cuBLAS float32": lambda: v @ U,
        "cuBLAS TF32": lambda: in_tf32(xp, v, U),
        "naive": lambda: run["naive"](v, U),
        "tiled": lambda: run["tiled"](v, U),
        "separable": lambda: run["separable"](v, taps, taps, SIDE, SIDE),
        "gathered": lambda: run["gathered"](v, taps, taps, alpha, SIDE, SIDE),
        "layer, cuBLAS float32": lambda: v @ W + b,
        "layer, cuBLAS TF32": lambda: in_tf32(xp, v, W) + b,
        "layer, combined": lambda: run["combined"](v, taps, taps, alpha, F, b, SIDE, SIDE),
    }
    try:
        with tensor_cores(xp):
            pass
    except AttributeError:  # a CuPy without the switch
        return {name: each for name, each in found.items() if "TF32" not in name}
    return found


def rounding(length: int) -> float:
    """g = k u / (1 - k u) of a float32 sum of `length` products: Higham, sec. 3.1."""
    ku = length * np.finfo(np.float32).eps / 2
    return float(ku / (1 - ku))


def share_of_bound(name: str, got: Any, given: Problem, rows: Any) -> float:
    """The largest share of its bound by which what it got for these rows is off; above 1, or NaN, is a failure.

    A bound is relative to the same sum over absolute values. It counts the roundings of two filters of 13 taps or of
    784 products, those of the factors' entries, and what the taps leave out; TF32 rounds both factors first.
    """
    v, K = given.v[rows].astype("f8"), kernel64()
    filtered = (1 + rounding(2 * HALF + 2)) ** 2 - 1  # the taps are rounded too
    dense = rounding(SIDE * SIDE + 1) + ((1 + TF32) ** 2 - 1 if "TF32" in name else 0)
    left_out = np.abs(v) @ np.where(within(HALF), 0, K)
    if name == "separable":
        want, allowed = v @ K, filtered * (np.abs(v) @ K) + left_out
    elif name.startswith("layer"):
        columns = [(K[:, a], F_j.astype("f8")) for a, F_j in zip(alphas(given), given.F, strict=True)]
        want = v @ np.concatenate([K_a @ F_j for K_a, F_j in columns], axis=1) + given.b
        size = np.abs(v) @ np.concatenate([K_a @ np.abs(F_j) for K_a, F_j in columns], axis=1) + np.abs(given.b)
        ours = (1 + filtered) * (1 + rounding(len(given.F[0]) + 1)) - 1
        missing = [left_out[:, a] @ np.abs(F_j) for a, F_j in zip(alphas(given), given.F, strict=True)]
        combined = name == "layer, combined"
        # Of W's entries the terms are rounded, with F, and the sum; one more is for the addition of b.
        allowed = (ours if combined else (1 + dense) * (1 + rounding(3)) - 1) * size
        allowed = allowed + (np.concatenate(missing, axis=1) if combined else 0)
    else:
        want, size = v @ K[:, given.alpha], np.abs(v) @ K[:, given.alpha]
        allowed = filtered * size + left_out[:, given.alpha] if name == "gathered" else dense * size
    return float(np.max(np.abs(got - want) / allowed))


def kernel64() -> Any:
    points = Grid(SIDE, SIDE).site_points()
    return se_covariance(points, points, 1.0)


def within(half: int) -> Any:
    """(d, d) bool: pixels whose distance along both axes is at most half."""
    points = Grid(SIDE, SIDE).site_points()
    return np.all(np.abs(points[:, None] - points) <= half, axis=2)


def alphas(given: Problem) -> list[Any]:
    return np.split(given.alpha, np.cumsum([len(F_j) for F_j in given.F])[:-1])


def event_seconds(run: Run) -> float:
    """Between two events on the current stream."""
    import cupy

    begun, ended = cupy.cuda.Event(), cupy.cuda.Event()
    begun.record()
    run()
    ended.record()
    ended.synchronize()
    return float(cupy.cuda.get_elapsed_time(begun, ended)) / 1e3


def pool(xp: Any, images: int, rounds: int, seconds: Callable[[Run], float] = event_seconds) -> dict[str, Any]:
    """Correctness, then every contender in turns, and a copy of as many bytes as the gathered pool moves."""
    given = problem(images)
    (n, d), k = given.v.shape, given.alpha.size
    runs = contenders(xp, given)
    rows = np.unique(np.r_[:CHECKED, -CHECKED:0] % n)
    shares, first_calls = {}, {}
    for name, run in runs.items():
        began = time.perf_counter()
        picked = to_numpy(run()[xp.asarray(rows)])
        first_calls[name] = time.perf_counter() - began  # compiled, where it had to be, and run
        shares[name] = share_of_bound(name, picked, given, rows)
        if not shares[name] <= 1:
            sys.exit(f"gpu.py: {name} is off by {shares[name]:.1f} times its bound: nothing was timed")
    source = xp.asarray(np.zeros(n * (d + k) // 2, "f4"))
    target = xp.empty(source.shape, source.dtype)
    runs |= {"copy": lambda: xp.copyto(target, source)}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    bandwidth = 2 * source.nbytes / min(times["copy"])
    least = {"copy": 2 * source.nbytes, "separable": 8 * n * d}
    layer = 4 * n * (d + UNITS)
    measured = []
    for name, found in times.items():
        moved = least.get(name, layer if name.startswith("layer") else 4 * n * (d + k))
        median = float(np.median(found))
        measured.append(
            {"name": name, "min_s": min(found), "median_s": median, "max_s": max(found)}
            | {"first_call_s": first_calls.get(name), "share_of_bound": shares.get(name)}
            | {"minimum_bytes": moved, "share_of_copy_bandwidth": moved / median / bandwidth}
        )
    medians = {row["name"]: row["median_s"] for row in measured}
    reached = {"share_of_copy_bandwidth": measured[list(times).index("gathered")]["share_of_copy_bandwidth"]}
    for goal, peer in (("times_cublas_float32", "cuBLAS float32"), ("times_cublas_tf32", "cuBLAS TF32")):
        if peer in medians:
            reached[goal] = medians[peer] / medians["gathered"]
    shapes = {"n": n, "d": d, "k": k, "units": UNITS, "taps": 2 * HALF + 1, "dtype": "float32"}
    return {"shapes": shapes, "rounds": rounds, "copy_bytes_per_s": bandwidth, "reached": reached, "rows": measured}


BATCHES = (100, 1000, 10_000)  # of a layer's step
Step = Callable[[Any], tuple[Any, Any, list[Any], Any]]  # v -> y, dv, dw, db


def layer(xp: Any, images: int, rounds: int, seconds: Callable[[Run], float] = event_seconds) -> dict[str, Any]:
    """The fused operations and a layer's step: each within its bound, then all in turns with cuBLAS's products."""
    rng = np.random.default_rng(0)
    o = operands(smooth_dictionary(rng), np.float32)
    width = UNITS // COLUMNS
    w = [rng.standard_normal((U.shape[1], width), np.float32) / U.shape[1] for U in o.host.U]
    b, widths = np.zeros(UNITS, np.float32), [width] * COLUMNS
    v, g, dy, G = (
        rng.standard_normal(shape, np.float32)
        for shape in (
            (images, o.host.d),
            (images, o.host.ends[-1]),
            (max(BATCHES), UNITS),
            (o.host.d, UNITS),
        )
    )
    there = {name: xp.asarray(array) for name, array in {"v": v, "g": g, "dy": dy, "G": G, "b": b}.items()}
    w_there, U = [xp.asarray(w_j) for w_j in w], [o.U[:, part] for part in o.host.parts]
    fused = {name: ladder[-1].run for name, ladder in LADDERS.items()}
    runs: dict[str, Run] = {
        "pool": lambda: fused["pool"](there["v"], o),
        "pool, cuBLAS": lambda: there["v"] @ o.U,
        "pool_adjoint": lambda: fused["pool_adjoint"](there["g"], o),
        "pool_adjoint, cuBLAS": lambda: there["g"] @ o.U.T,
        "expand": lambda: fused["expand"](w_there, o),
        "expand, cuBLAS": lambda: [U_j @ w_j for U_j, w_j in zip(U, w_there, strict=True)],
        "project": lambda: fused["project"](there["G"], o, widths),
        "project, cuBLAS": lambda: [U_j.T @ there["G"][:, j * width :][:, :width] for j, U_j in enumerate(U)],
    }
    steps = layer_steps(xp, o, w_there, there["b"], there["dy"])
    for batch in BATCHES:
        for name, step in steps.items():
            runs[f"{name}, batch {batch}"] = lambda step=step, batch=batch: step(there["v"][:batch])  # type: ignore[misc]
    shares = layer_shares(xp, o, runs, steps["layer"], v, w, b, dy, g, G)
    if not max(shares.values()) <= 1:
        sys.exit(f"gpu.py: the largest shares of bounds are {shares}: nothing was timed")
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    shapes = {"n": images, "d": o.host.d, "k": o.host.ends[-1], "units": UNITS, "dtype": "float32"}
    return {"shapes": shapes, "rounds": rounds, "shares_of_bounds": shares} | {
        "rows": [row(name, found) for name, found in times.items()]
    }


def layer_steps(xp: Any, o: Operands, w: list[Any], b: Any, dy: Any) -> dict[str, Step]:
    """Forward and the whole backward pass, by the kernels and by either order of dense products."""
    U = [xp.ascontiguousarray(o.U[:, part]) for part in o.host.parts]

    def ours(v: Any) -> Any:
        y, cache = LADDERS["layer"][-1].forward(v, w, b, o)
        return y, *layer_backward(dy[: v.shape[0]], cache)

    def dense(order: Any) -> Step:
        def step(v: Any) -> Any:
            y, cache = predicted_forward(v, U, w, b, order)
            return y, *predicted_backward(dy[: v.shape[0]], cache)

        return step

    return {"layer": ours} | {f"layer, cuBLAS, {order} first": dense(order) for order in ("dictionary", "weights")}


def layer_shares(
    xp: Any, o: Operands, runs: Mapping[str, Run], step: Step, v: Any, w: list[Any], b: Any, dy: Any, g: Any, G: Any
) -> dict[str, float]:
    """By how much of its bound each of ours is off at most: the first and last rows, and the smallest batch."""
    bounds, widths = Bounds(o.host, passes=True), [w_j.shape[1] for w_j in w]
    U = [U_j.astype("f8") for U_j in o.host.U]
    rows = np.unique(np.r_[:CHECKED, -CHECKED:0] % len(v))

    def picked(name: str) -> Any:
        return to_numpy(runs[name]()[xp.asarray(rows)])

    W = np.concatenate([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)
    blocks = np.split(G, np.cumsum(widths)[:-1], axis=1)
    projected = zip(runs["project"](), U, blocks, bounds.project(G, widths), strict=True)
    batch = min(BATCHES[0], len(v))
    first, slope = v[:batch], dy[:batch].astype("f8")
    y, dv, dw, db = step(xp.asarray(first))
    limits = bounds.layer(first, w, b, dy[:batch])
    slopes = zip(dw, U, np.split(slope, np.cumsum(widths)[:-1], axis=1), limits.dw, strict=True)
    return {
        "pool": largest_share(picked("pool"), v[rows] @ np.hstack(U), bounds.pool(v[rows])),
        "pool_adjoint": largest_share(picked("pool_adjoint"), g[rows] @ np.hstack(U).T, bounds.pool_adjoint(g[rows])),
        "expand": largest_share(to_numpy(runs["expand"]()), W, bounds.expand(w)),
        "project": max(largest_share(to_numpy(got), U_j.T @ block, bound) for got, U_j, block, bound in projected),
        "layer, y": largest_share(to_numpy(y), first @ W + b, limits.y),
        "layer, dv": largest_share(to_numpy(dv), slope @ W.T, limits.dv),
        "layer, dw": max(
            largest_share(to_numpy(got), (first @ U_j).T @ block, bound) for got, U_j, block, bound in slopes
        ),
        "layer, db": largest_share(to_numpy(db), slope.sum(axis=0), limits.db),
    }


def se_emp() -> MLP:
    """784-500-500-10 of Figure 4 (left), a quarter of the weights learned in both layers."""
    rng = np.random.default_rng(0)
    hidden = make_dictionary(
        "emp", Units(UNITS), proportion=PROPORTION, n_columns=COLUMNS, rng=rng, data=rng.random((2 * UNITS, UNITS))
    )
    return MLP((Predicted(smooth_dictionary(rng), UNITS), Predicted(hidden, UNITS)), 10)


def mlp(xp: Any, device: str, rounds: int, steps: int = 100, batch: int = 100) -> dict[str, Any]:
    """Runs of plain gradient steps on a batch that lies on the device, pp_ref's net by each backend and PyTorch's in
    turns. A compiled net that does not compile is recorded with its reason."""
    import torch

    model, rng, rate = se_emp(), np.random.default_rng(1), 1e-2
    params = model.init(rng, 0.1, np.float32)
    x, y = rng.random((batch, SIDE * SIDE), np.float32), rng.integers(0, 10, batch)
    share = mlp_agreement(xp, model, params, x, y)
    if not share <= 1:
        sys.exit(f"gpu.py: gradients differ from PyTorch's by {share:.1f} times the bound: nothing was timed")
    x_here, y_here = xp.asarray(x), xp.asarray(y)
    x_there, y_there = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)

    def ours(backend: Any) -> Run:
        weights = {name: xp.asarray(array) for name, array in params.items()}

        def run() -> None:
            with use_backend(backend):
                for _ in range(steps):
                    loss, gradient = model.loss_and_gradient(weights, x_here, y_here)
                    for name, g in gradient.items():
                        weights[name] = weights[name] - rate * g
            float(loss)  # which waits for the device

        return run

    def theirs(loss_of: Callable[..., Any]) -> Run:
        weights = tensors(params, device)
        optimiser = torch.optim.SGD(list(weights.values()), rate)

        def run() -> None:
            for _ in range(steps):
                optimiser.zero_grad()
                loss = loss_of(weights, x_there, y_there)
                loss.backward()
                optimiser.step()
            loss.item()

        return run

    eager, failed = torch_loss(model, torch.float32, device), {}
    nets = {f"pp_ref, {backend}": ours(backend) for backend in ("cupy", "numpy", "auto")}
    nets |= {"PyTorch, eager": theirs(eager), "PyTorch, compiled": theirs(torch.compile(eager))}
    try:
        nets["PyTorch, compiled"]()
    except Exception as error:  # whatever a compiler of this machine raises
        del nets["PyTorch, compiled"]
        failed["PyTorch, compiled"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    rows = [row(name, [each / steps for each in found]) for name, found in interleaved(nets, rounds).items()]
    best = min(float(each["median_s"]) for each in rows[3:])
    ratios = {each["name"]: float(each["median_s"]) / best for each in rows[:3]}
    settings = {"batch": batch, "steps": steps, "share_of_bound": share, "failed": failed}
    return settings | {"rows": rows, "times_pytorch": ratios}


def tensors(params: Mapping[str, Any], device: str) -> dict[str, Any]:
    import torch

    return {name: torch.tensor(array, device=device, requires_grad=True) for name, array in params.items()}


def torch_loss(model: MLP, dtype: Any, device: str) -> Callable[..., Any]:
    """The same net in PyTorch: pools first, a column after the other."""
    import torch

    dictionaries = [
        [torch.tensor(column.U, dtype=dtype, device=device) for column in weights.dictionary.columns]
        for weights in model.layers
        if isinstance(weights, Predicted)
    ]

    def loss(weights: Mapping[str, Any], x: Any, y: Any) -> Any:
        for number, U in enumerate(dictionaries, 1):
            columns = [x @ U_j @ weights[f"{number}.w{j}"] for j, U_j in enumerate(U)]
            x = torch.sigmoid(torch.cat(columns, dim=1) + weights[f"{number}.b"])
        return torch.nn.functional.cross_entropy(x @ weights["softmax.W"] + weights["softmax.b"], y)

    return loss


def mlp_agreement(xp: Any, model: MLP, params: Mapping[str, Any], x: Any, y: Any) -> float:
    """Our float64 gradient, by the kernels, against PyTorch's on the processor, as a share of the rounding bound.

    L u bounds the relative error of sums within sums, L the lengths on the longest path, relative to the same sums of
    magnitudes, which n times the layer's largest entry stands for; the SE dictionary's K |R| is larger than |U|.
    """
    import torch

    double = {name: array.astype(np.float64) for name, array in params.items()}
    here = {name: xp.asarray(array) for name, array in double.items()}
    with use_backend("cupy"):
        _, gradient = model.loss_and_gradient(here, xp.asarray(x.astype(np.float64)), xp.asarray(y))
    theirs = tensors(double, "cpu")
    torch_loss(model, torch.float64, "cpu")(theirs, torch.from_numpy(x).double(), torch.from_numpy(y)).backward()
    first = model.layers[0]
    assert isinstance(first, Predicted)
    factors = operands(first.dictionary, np.float64).host.factors
    length = sum(weights.d + weights.m for weights in model.layers) + model.classes + len(x)
    unit = length * np.finfo(np.float64).eps / 2 * factors.amplification * len(x)
    shares = []
    for name, got in gradient.items():
        want = theirs[name].grad.numpy()
        shares.append(float(np.max(np.abs(to_numpy(got) - want)) / (unit * np.max(np.abs(want)))))
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def convnet(xp: Any, device: str, images: int, rounds: int, batch: int = 128) -> dict[str, Any]:
    """Epochs of plain gradient steps on images that lie on the device, pp_ref's nets and PyTorch's in turns."""
    import convnet_step
    import torch

    from pp_ref.models.convnet import paper_convnet

    full, predicted = paper_convnet(), convnet_step.predicted_net()
    rng, rate = np.random.default_rng(1), 1e-3
    x, y = rng.standard_normal((images, *full.shape), np.float32), rng.integers(0, 10, images)
    params = full.init(np.random.default_rng(0), None, "float32")
    share = agreement(xp, full, params, x[:batch], y[:batch])
    if not share <= 1:
        sys.exit(f"gpu.py: gradients differ from PyTorch's by {share:.1f} times the bound: nothing was timed")
    x_here, y_here = xp.asarray(x), xp.asarray(y)
    images_there = torch.from_numpy(x).permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last)
    labels = torch.from_numpy(y).to(device)

    def ours(model: Any) -> Run:
        weights = {
            name: xp.asarray(array) for name, array in model.init(np.random.default_rng(0), None, "float32").items()
        }

        def epoch() -> None:
            for start in range(0, images - batch + 1, batch):
                rows = slice(start, start + batch)
                loss, gradient = model.loss_and_gradient(weights, x_here[rows, ...], y_here[rows])
                for name, g in gradient.items():
                    weights[name] = weights[name] - rate * g
            float(loss)  # which waits for the device

        return epoch

    def theirs(layout: Any) -> Run:
        net = convnet_step.torch_net(params, layout).to(device)
        there = images_there.contiguous(memory_format=layout)
        optimiser = torch.optim.SGD(net.parameters(), rate)

        def epoch() -> None:
            for start in range(0, images - batch + 1, batch):
                rows = slice(start, start + batch)
                optimiser.zero_grad()
                loss = torch.nn.functional.cross_entropy(net(there[rows]), labels[rows])
                loss.backward()
                optimiser.step()
            loss.item()

        return epoch

    nets = {
        "pp_ref, full": ours(full),
        "pp_ref, 25% learned": ours(predicted),
        "PyTorch, full": theirs(torch.contiguous_format),
        "PyTorch, channels last, full": theirs(torch.channels_last),
    }
    rows = [row(name, times) for name, times in interleaved(nets, rounds).items()]
    best = min(float(each["median_s"]) for each in rows[2:])
    ratios = {each["name"]: float(each["median_s"]) / best for each in rows[:2]}
    tf32 = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.backends.cuda.matmul.allow_tf32}
    settings = {"images": images, "batch": batch, "share_of_bound": share, "pytorch_tf32": tf32}
    return settings | {"rows": rows, "times_pytorch": ratios}


def agreement(xp: Any, model: Any, params: Mapping[str, Any], x: Any, y: Any) -> float:
    """Our float64 gradient on the device against PyTorch's on the processor, as a share of the rounding bound."""
    import convnet_step
    import torch

    double = {name: array.astype(np.float64) for name, array in params.items()}
    here = {name: xp.asarray(array) for name, array in double.items()}
    _, gradient = model.loss_and_gradient(here, xp.asarray(x.astype(np.float64)), xp.asarray(y))
    net = convnet_step.torch_net(double, torch.contiguous_format).double()
    images = torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2)
    torch.nn.functional.cross_entropy(net(images), torch.from_numpy(y)).backward()
    return float(convnet_step.share_of_bound({name: to_numpy(g) for name, g in gradient.items()}, net))


def run_tests() -> dict[str, Any]:
    command = [sys.executable, "-m", "pytest", "-m", "gpu"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PP_REF_REQUIRE_GPU": "1"}, check=True)
    return {"passed": " ".join(command[1:])}


def run_figure5() -> dict[str, Any]:
    command = [sys.executable, "-m", "pp_ref.cli", "reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    subprocess.run(command, cwd=ROOT, check=True)
    return {"done": " ".join(command[2:])}


def write(path: Path, name: str, part: dict[str, Any]) -> None:
    """Put this part into the record and leave the others as they are."""
    before = json.loads(path.read_text()) if path.exists() else {}
    record = before | {"what": __doc__.splitlines()[0], "goals": GOALS, name: part | circumstances()}
    path.write_text(json.dumps(record, indent=1) + "\n")


def said(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of a part of the record."""
    if "failed" in part and "rows" not in part:
        yield f"{name} failed: {part['failed']}"
    if name == "pool" and "rows" in part:
        yield f"copy: {part['copy_bytes_per_s'] / 1e9:.0f} GB/s; reached {part['reached']}, goals {GOALS}"
    for each in part.get("rows", ()):
        share = (
            f", {each['share_of_copy_bandwidth']:.0%} of the copy's rate" if "share_of_copy_bandwidth" in each else ""
        )
        yield "  {name:40} median {median_s:.6f} s, {min_s:.6f} to {max_s:.6f}".format(**each) + share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--images", type=int, default=100_000, help="of pool and layer; the convnet's epoch has 50,000")
    parser.add_argument("--rounds", type=int, default=20, help="of pool, layer and mlp; the convnet's epochs take 3")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    if absence := gpu_absence():
        sys.exit(f"gpu.py: {absence}: nothing was run")
    failed = []
    for name in arguments.stages:
        try:
            part = STAGES[name](arguments.images, arguments.rounds)
        except (Exception, SystemExit) as error:  # whatever it is, the others are run
            part = {"failed": f"{type(error).__name__}: {error}"}
            failed.append(name)
        write(arguments.out, name, part)
        print("\n".join(said(name, part)))
    if failed:
        sys.exit(f"gpu.py: failed: {', '.join(failed)}")


def _cupy() -> Any:
    import cupy

    return cupy


STAGES: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "tests": lambda images, rounds: run_tests(),
    "pool": lambda images, rounds: pool(_cupy(), images, rounds),
    "layer": lambda images, rounds: layer(_cupy(), images, rounds),
    "mlp": lambda images, rounds: mlp(array_library("gpu"), "cuda", rounds),
    "convnet": lambda images, rounds: convnet(array_library("gpu"), "cuda", 50_000, 3),
    "figure5": lambda images, rounds: run_figure5(),
}


if __name__ == "__main__":
    main()
