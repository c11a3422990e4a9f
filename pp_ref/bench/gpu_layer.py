"""The operations of a dictionary on a CUDA device, and a layer's step at several batches, against cuBLAS's products.

The dictionary is that of `gpu_pool`, the layer has 500 units. First each operation and the step have to lie within
their derived bounds.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender
from pp_ref.bench.gpu_pool import CHECKED, COLUMNS, UNITS, Run, event_seconds, smooth_dictionary
from pp_ref.bench.record import Record, record
from pp_ref.kernels.bounds import Bounds, largest_share
from pp_ref.kernels.gpu.ladders import LADDERS
from pp_ref.kernels.gpu.layer import layer_backward
from pp_ref.kernels.gpu.operands import DeviceOperands, device_operands
from pp_ref.layers.predicted import predicted_backward, predicted_forward
from pp_ref.machine import array_library

__all__ = ["measure"]

BATCHES = (100, 1000, 10_000)  # of a layer's step
Step = Callable[[Any], tuple[Any, Any, list[Any], Any]]  # v -> y, dv, dw, db


def measure(rounds: int, images: int = 100_000) -> Record:
    """The fused operations, and steps of the whole layer.

    raises  DeviceError without a CUDA device
    """
    array_library("gpu")
    import cupy as xp

    rng = np.random.default_rng(0)
    o = device_operands(smooth_dictionary(rng), np.float32)
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
    fused = {name: ladder[-1].forward for name, ladder in LADDERS.items()}
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
    every_step = steps(xp, o, w_there, there["b"], there["dy"])
    checked = shares(xp, o, runs, every_step["layer"], v, w, b, dy, g, G)
    everybody = {name: contender(run, checked.get(name)) for name, run in runs.items()}
    shape = {"d": o.host.d, "k": o.host.ends[-1], "units": UNITS}
    measured = [block({"n": images} | shape, everybody, [], rounds, event_seconds)]
    of_step = float(np.max([share for name, share in checked.items() if name.startswith("layer, ")]))
    for batch in BATCHES:
        whole = {
            name: contender(partial(step, there["v"][:batch]), of_step if name == "layer" else None)
            for name, step in every_step.items()
        }
        measured.append(block({"n": batch} | shape, whole, [*whole][1:], rounds, event_seconds))
    return record("gpu_layer", __doc__, rounds, measured, device="gpu", limits=[])


def steps(xp: Any, o: DeviceOperands, w: list[Any], b: Any, dy: Any) -> dict[str, Step]:
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


def shares(
    xp: Any,
    o: DeviceOperands,
    runs: Mapping[str, Run],
    step: Step,
    v: Any,
    w: list[Any],
    b: Any,
    dy: Any,
    g: Any,
    G: Any,
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
