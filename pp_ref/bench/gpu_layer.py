"""The operations of a dictionary on a CUDA device, and a layer's step at several batches, against cuBLAS's products.

The dictionary is that of `gpu_pool`, the layer has 500 units. Each operation and the step are compared with their
derived bounds first.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender, share_of_bounds
from pp_ref.bench.gpu_pool import CHECKED, COLUMNS, PROPORTION, SIDE, UNITS, event_seconds
from pp_ref.bench.layer import layer_arrays, layer_shares
from pp_ref.bench.pooling import se_dictionary
from pp_ref.bench.record import Record, record
from pp_ref.bench.timing import Run, Timing
from pp_ref.kernels.bounds import Bounds
from pp_ref.kernels.gpu.ladders import LADDERS
from pp_ref.kernels.gpu.layer import layer_backward
from pp_ref.kernels.gpu.operands import DeviceOperands, device_operands
from pp_ref.layers.predicted import predicted_backward, predicted_forward
from pp_ref.machine import array_library

__all__ = ["checks_of", "measure", "steps"]

BATCHES = (100, 1000, 10_000)  # of a layer's step
Step = Callable[[Any], tuple[Any, Any, list[Any], Any]]  # v -> y, dv, dw, db


def measure(timing: Timing, images: int = 100_000) -> Record:
    """Return the record of the fused operations and of steps of the layer.

    raises  DeviceError without a CUDA device
    """
    array_library("gpu")
    import cupy as xp

    rng, o = np.random.default_rng(0), device_operands(se_dictionary(SIDE, PROPORTION, COLUMNS), np.float32)
    v, w, b, dy = layer_arrays(images, o.host)
    g, G = (rng.standard_normal(shape, np.float32) for shape in ((images, o.host.ends[-1]), (o.host.d, UNITS)))
    v_there, g_there, G_there, *w_there = map(xp.asarray, (v, g, G, *w))
    U, units = [o.U[:, part] for part in o.host.parts], np.split(np.arange(UNITS), COLUMNS)
    fused = {name: ladder[-1].forward for name, ladder in LADDERS.items()}
    runs: dict[str, Run] = {
        "pool": lambda: fused["pool"](v_there, o),
        "pool, cuBLAS": lambda: v_there @ o.U,
        "pool_adjoint": lambda: fused["pool_adjoint"](g_there, o),
        "pool_adjoint, cuBLAS": lambda: g_there @ o.U.T,
        "expand": lambda: fused["expand"](w_there, o),
        "expand, cuBLAS": lambda: [U_j @ w_j for U_j, w_j in zip(U, w_there, strict=True)],
        "project": lambda: fused["project"](G_there, o, [len(of_column) for of_column in units]),
        "project, cuBLAS": lambda: [U_j.T @ G_there[:, j[0] : j[-1] + 1] for j, U_j in zip(units, U, strict=True)],
    }
    checks = checks_of(xp, o, v, w, g, G)
    everybody = {name: contender(run, checks.get(name)) for name, run in runs.items()}
    shape = {"d": o.host.d, "k": o.host.ends[-1], "units": UNITS}
    measured = [block({"n": images} | shape, everybody, [], timing._replace(clock=event_seconds))]
    every_step, first = steps(xp, o, w_there, xp.asarray(b), xp.asarray(dy)), slice(BATCHES[0])
    share = layer_shares(o.host, v[first], w, b, dy[first], passes=True)(every_step["layer"](v_there[first, :]))
    for batch in BATCHES:
        whole = {
            name: contender(partial(step, v_there[:batch]), share if name == "layer" else None)
            for name, step in every_step.items()
        }
        measured.append(block({"n": batch} | shape, whole, [*whole][1:], timing._replace(clock=event_seconds)))
    return record("gpu_layer", __doc__, timing, measured, device="gpu", limits=[])


def steps(xp: Any, o: DeviceOperands, w: list[Any], b: Any, dy: Any) -> dict[str, Step]:
    """Return the step (y, dv, dw, db) of v by the kernels, and in both orders of dense products."""
    U = [xp.ascontiguousarray(o.U[:, part]) for part in o.host.parts]

    def ours(v: Any) -> Any:
        y, cache = LADDERS["layer"][-1].forward(v, w, b, o)
        return y, *layer_backward(dy[: v.shape[0]], cache)

    def dense(order: Any, v: Any) -> Any:
        y, cache = predicted_forward(v, U, w, b, order)
        return y, *predicted_backward(dy[: v.shape[0]], cache)

    orders = ("dictionary", "weights")
    return {"layer": ours} | {f"layer, cuBLAS, {order} first": partial(dense, order) for order in orders}


def checks_of(xp: Any, o: DeviceOperands, v: Any, w: list[Any], g: Any, G: Any) -> dict[str, Callable[[Any], float]]:
    """Return the check of each fused operation, of its first and last rows: the largest error in units of its bound."""
    bounds, widths, U = Bounds(o.host, passes=True), [w_j.shape[1] for w_j in w], [U_j.astype("f8") for U_j in o.host.U]
    rows = np.unique(np.r_[:CHECKED, -CHECKED:0] % len(v))
    W = np.hstack([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)])
    projected = [U_j.T @ G_j for U_j, G_j in zip(U, np.split(G, np.cumsum(widths)[:-1], axis=1), strict=True)]

    def picked(got: Any) -> Any:
        return to_numpy(got[xp.asarray(rows)])

    v, g, beside = v[rows], g[rows], np.hstack(U)
    return {
        "pool": lambda got: share_of_bounds((picked(got), v @ beside, bounds.pool(v))),
        "pool_adjoint": lambda got: share_of_bounds((picked(got), g @ beside.T, bounds.pool_adjoint(g))),
        "expand": lambda got: share_of_bounds((got, W, bounds.expand(w))),
        "project": lambda got: share_of_bounds(*zip(got, projected, bounds.project(G, widths), strict=True)),
    }
