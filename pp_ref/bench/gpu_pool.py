"""v U on a CUDA device (float32, 28 x 28 images, ten SE columns that keep a quarter): the ladder against cuBLAS.

cuBLAS's product has all columns at once, in float32 and in TF32. First some rows of every result have to lie within
their derived bound of the dense product in float64; then all take turns, timed by events. The limit is a copy of as
many bytes as the gathered pool moves: v read once, the result written once.
"""

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender
from pp_ref.bench.record import Record, goal, reached, record
from pp_ref.dictionaries import Dictionary, Grid, make_dictionary
from pp_ref.dictionaries.covariances import se_covariance
from pp_ref.kernels.gpu.ladders import POOL
from pp_ref.machine import array_library

__all__ = [
    "CHECKED",
    "COLUMNS",
    "PROPORTION",
    "SIDE",
    "UNITS",
    "Run",
    "event_seconds",
    "measure",
    "smooth_dictionary",
]

SIDE, COLUMNS, PROPORTION, UNITS = 28, 10, 0.25, 500
HALF = 6  # at a distance of 7 the SE kernel of length scale 1 is 2e-11, in float32 nothing beside 1
GOAL_COPY, GOALS = 0.8, {"cuBLAS float32": 5.0, "cuBLAS TF32": 1.5}  # share of the copy's rate, times cuBLAS
CHECKED = 64  # rows at both ends that are compared
TF32 = 2.0**-11  # unit roundoff of what the tensor cores read: 10 bits behind the point
Run = Callable[[], Any]


def measure(rounds: int, images: int = 100_000) -> Record:
    """Every rung, and a copy.

    raises  DeviceError without a CUDA device
    """
    array_library("gpu")
    import cupy as xp

    given = problem(images)
    (n, d), k = given.v.shape, given.alpha.size
    rows = np.unique(np.r_[:CHECKED, -CHECKED:0] % n)

    def share(name: str, result: Any) -> float:
        return share_of_bound(name, to_numpy(result[xp.asarray(rows)]), given, rows)

    source = xp.asarray(np.zeros(n * (d + k) // 2, "f4"))
    target, moved = xp.empty(source.shape, source.dtype), {"separable": 8 * n * d}
    everybody = {}
    for name, run in contenders(xp, given).items():
        least = moved.get(name, 4 * n * (d + UNITS if name.startswith("layer") else d + k))
        everybody[name] = contender(run, partial(share, name), 0, least)
    everybody["copy"] = contender(lambda: xp.copyto(target, source), None, 0, 2 * source.nbytes)
    shape = {"n": n, "d": d, "k": k, "units": UNITS, "taps": 2 * HALF + 1}
    measured = [block(shape, everybody, [name for name in everybody if name in GOALS], rounds, event_seconds)]
    copy = measured[0]["rows"][-1]
    limits = [{"copy_gb_s": copy["least_bytes"] / copy["min_s"] / 1e9}]
    return record("gpu_pool", __doc__, rounds, measured, goals, device="gpu", limits=limits)


def goals(record: Record) -> list[Record]:
    """The gathered rung: its share of the copy's rate, and times cuBLAS's products."""
    share, (ours,) = reached(record, "gathered", "share_of_copy"), reached(record, "gathered", "median_s").values()
    found = goal("v U on the device, share of the copy's rate", "at least", GOAL_COPY, share)
    for peer, wanted in GOALS.items():
        times = {number: theirs / ours for number, theirs in reached(record, peer, "median_s").items()}
        found += goal(f"v U on the device, times {peer}", "at least", wanted, times)
    return found


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
