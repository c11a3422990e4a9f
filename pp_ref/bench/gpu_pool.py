"""v U on a CUDA device (float32, 28 x 28 images, ten SE columns that keep a quarter): the ladder against cuBLAS.

cuBLAS computes all columns in one product, in float32 and in TF32. Some rows of every result are compared with the
dense product in float64 first; then the contenders take turns, timed by events. The limit is a copy of as many bytes as
the gathered pool moves: v read once, the result written once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender
from pp_ref.bench.pooling import se_dictionary
from pp_ref.bench.record import Record, goal, reached, record
from pp_ref.bench.timing import Run, Timing
from pp_ref.kernels.bounds import largest_share
from pp_ref.kernels.gpu.ladders import POOL
from pp_ref.kernels.gpu.operands import DeviceOperands, device_operands
from pp_ref.machine import array_library

__all__ = [
    "CHECKED",
    "Problem",
    "contenders",
    "event_seconds",
    "goals",
    "half",
    "in_tf32",
    "measure",
    "problem",
    "rounding",
    "share_of_bound",
    "tensor_cores",
]

SIDE, COLUMNS, PROPORTION, UNITS = 28, 10, 0.25, 500
GOAL_COPY, GOALS = 0.8, {"cuBLAS float32": 5.0, "cuBLAS TF32": 1.5}  # share of the copy's rate, times cuBLAS
CHECKED = 64  # rows at both ends that are compared
TF32 = 2.0**-11  # unit roundoff of the tensor cores' operands, which have 10 bits behind the point


class Problem(NamedTuple):
    """A dictionary in atom form, U = K[:, alpha], and the arrays of a pooled layer, float32 on the host.

    v (n, d); F: J of (k_j, m_j); b (m,); W = [U_1 F_1, ...] (d, m), rounded from float64
    """

    o: DeviceOperands
    v: Any
    F: list[Any]
    b: Any
    W: Any


def problem(images: int) -> Problem:
    """Return the problem for these many images; raises DeviceError without a CUDA device."""
    rng = np.random.default_rng(0)
    o = device_operands(se_dictionary(SIDE, PROPORTION, COLUMNS, form="atom"), np.float32)
    F = [rng.standard_normal((a.size, UNITS // COLUMNS)) / a.size for a in o.host.factors.alpha]
    W = np.hstack([o.host.factors.atoms(a) @ F_j for a, F_j in zip(o.host.factors.alpha, F, strict=True)])
    v, b = rng.random((images, o.host.d), np.float32), rng.standard_normal(UNITS)
    return Problem(o, v, [F_j.astype("f4") for F_j in F], b.astype("f4"), W.astype("f4"))


def measure(timing: Timing, images: int = 100_000) -> Record:
    """Return the record of every rung and of a copy; raises DeviceError without a CUDA device."""
    array_library("gpu")
    import cupy as xp

    given = problem(images)
    (n, d), k = given.v.shape, given.o.host.ends[-1]
    rows = np.unique(np.r_[:CHECKED, -CHECKED:0] % n)

    def share(name: str, result: Any) -> float:
        return share_of_bound(name, to_numpy(result[xp.asarray(rows)]), given, given.v[rows])

    source = xp.asarray(np.zeros(n * (d + k) // 2, "f4"))
    target, moved = xp.empty(source.shape, source.dtype), {"separable": 8 * n * d}
    everybody = {}
    for name, run in contenders(xp, given).items():
        least = moved.get(name, 4 * n * (d + UNITS if name.startswith("layer") else d + k))
        everybody[name] = contender(run, partial(share, name), 0, least)
    everybody["copy"] = contender(lambda: xp.copyto(target, source), None, 0, 2 * source.nbytes)
    shape = {"n": n, "d": d, "k": k, "units": UNITS, "taps": 2 * half(given) + 1}
    measured = [
        block(shape, everybody, [name for name in everybody if name in GOALS], timing._replace(clock=event_seconds))
    ]
    copy = measured[0]["rows"][-1]
    limits = [{"copy_gb_s": copy["least_bytes"] / copy["min_s"] / 1e9}]
    return record("gpu_pool", __doc__, timing, measured, goals, device="gpu", limits=limits)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals of the gathered rung: its share of the copy's rate, and its speed against cuBLAS."""
    share, ours = reached(record, "gathered", "share_of_copy"), reached(record, "gathered", "median_s")
    yield from goal("v U on the device, share of the copy's rate", "at least", GOAL_COPY, share)
    for peer, wanted in GOALS.items():
        theirs = reached(record, peer, "median_s")
        times = {n: seconds / mine if seconds and (mine := ours[n]) else None for n, seconds in theirs.items()}
        yield from goal(f"v U on the device, times {peer}", "at least", wanted, times)


@contextmanager
def tensor_cores(xp: Any) -> Any:
    """float32 products by TF32; raises AttributeError if this CuPy has no switch for it."""
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
    """Return the rungs and products: pooled (n, k) of all columns, all pixels (`separable`), or a layer's y (n, m)."""
    o, v, b, W = given.o, *map(xp.asarray, (given.v, given.b, given.W))
    F, run = [xp.asarray(F_j) for F_j in given.F], {rung.name: rung.forward for rung in POOL}
    found: dict[str, Run] = {
        "cuBLAS float32": lambda: v @ o.U,
        "cuBLAS TF32": lambda: in_tf32(xp, v, o.U),
        "naive": lambda: run["naive"](v, o.U),
        "tiled": lambda: run["tiled"](v, o.U),
        "separable": lambda: run["separable"](v, *o.taps, SIDE, SIDE),
        "gathered": lambda: run["gathered"](v, *o.taps, o.alpha[-1], SIDE, SIDE),
        "layer, cuBLAS float32": lambda: v @ W + b,
        "layer, cuBLAS TF32": lambda: in_tf32(xp, v, W) + b,
        "layer, combined": lambda: run["combined"](v, *o.taps, o.alpha[-1], F, b, SIDE, SIDE),
    }
    try:
        with tensor_cores(xp):
            return found
    except AttributeError:
        return {name: each for name, each in found.items() if "TF32" not in name}


def rounding(length: int) -> float:
    """g = k u / (1 - k u) of a float32 sum of `length` products: Higham, sec. 3.1."""
    ku = length * np.finfo(np.float32).eps / 2
    return float(ku / (1 - ku))


def half(given: Problem) -> int:
    """Number of taps on one side: 6, since the SE covariance at a distance of 7 is lost in float32."""
    return len(given.o.host.taps[0]) - 1


def share_of_bound(name: str, got: Any, given: Problem, v: Any) -> float:
    """Return the largest error of a contender's rows in units of its bound; v (n, d) holds their images.

    Every result is v K S (+ b), for all pixels with S = I, for the pool with S = I[:, alpha], for a layer with the rows
    alpha of S equal to F. The bound is relative to the same sum of absolute values. It counts the roundings of two
    filters of 13 taps, or of 784 products and their factors, and adds what the taps leave out; TF32 rounds both factors
    first.
    """
    factors, v = given.o.host.factors, v.astype("f8")
    K, S, b = factors.K(), np.eye(SIDE * SIDE), np.zeros(1)
    filtered = (1 + rounding(2 * half(given) + 2)) ** 2 - 1  # the taps are rounded too
    relative = rounding(SIDE * SIDE + 1) + ((1 + TF32) ** 2 - 1 if "TF32" in name else 0)
    by_filters = name in ("separable", "gathered", "layer, combined")
    if name.startswith("layer"):
        S, b = np.hstack([S[:, a] @ F_j for a, F_j in zip(factors.alpha, given.F, strict=True)]), given.b
        # W's entries round their terms, F and the sum; one more rounding is that of the addition of b.
        terms = len(given.F[0]) + 1 if by_filters else 3
        relative = (1 + (filtered if by_filters else relative)) * (1 + rounding(terms)) - 1
    else:
        S = S if name == "separable" else S[:, given.o.host.alpha]
        relative = filtered if by_filters else relative
    allowed = relative * (abs(v) @ K @ abs(S) + abs(b))
    left_out = np.where(factors.K(np.float32), 0, K) if by_filters else 0 * K
    return largest_share(got, v @ K @ S + b, allowed + abs(v) @ left_out @ abs(S))


def event_seconds(run: Run) -> float:
    """Return the seconds of a run between two events on the current stream."""
    import cupy

    begun, ended = cupy.cuda.Event(), cupy.cuda.Event()
    begun.record()
    run()
    ended.record()
    ended.synchronize()
    return float(cupy.cuda.get_elapsed_time(begun, ended)) / 1e3
