"""Everything that needs a CUDA device, in one command: the kernels' tests, their speed, the convnet's, and Figure 5.

    make gpu
    python benchmarks/speed/gpu.py [--stages tests pool convnet figure5] [--images 100000] [--rounds 20] [--out FILE]

tests    every test marked `gpu`; one that would be skipped fails
pool     float32, 28 x 28 images, ten SE columns that keep a quarter: each rung of the ladder against cuBLAS's
         product with all columns at once, in float32 and in TF32. First some rows of every result have to lie within
         their derived bound of the dense product in float64; then all take turns, timed by events. Beside each stands
         what share of the measured copy bandwidth its minimum traffic makes: v read once, the result written once
convnet  an epoch of the convnet of sec. 4.2 with a quarter of the weights learned, and in full, against PyTorch's on
         the same device, after their gradients agree
figure5  `pp-ref reproduce figure5 --profile authors --device gpu`, which goes on where it was stopped

`pool` and `convnet` write the record, with the device's name; each keeps what the other wrote before.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.backends import array_library, gpu_absence
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.dictionaries.kernels import se_kernel
from pp_ref.environment import circumstances
from pp_ref.kernels.gpu.ladder import POOL

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


def problem(images: int) -> Problem:
    rng = np.random.default_rng(0)
    dictionary = make_dictionary(
        "se", Grid(SIDE, SIDE), proportion=PROPORTION, n_columns=COLUMNS, rng=rng, length_scale=1.0, ridge=1e-3
    )
    points = Grid(SIDE, SIDE).site_points()
    K = se_kernel(points, points, 1.0)
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
    F, run = [xp.asarray(F_j) for F_j in given.F], {rung.name: rung.run for rung in POOL}
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
    return se_kernel(points, points, 1.0)


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


def convnet(xp: Any, device: str, images: int, rounds: int, batch: int = 128) -> dict[str, Any]:
    """Epochs of plain gradient steps on images that lie on the device, pp_ref's nets and PyTorch's in turns."""
    import convnet_step
    import torch

    from pp_ref.models.convnet import paper_convnet
    from pp_ref.timing import interleaved, row

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


def run_tests() -> None:
    command = [sys.executable, "-m", "pytest", "-m", "gpu"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PP_REF_REQUIRE_GPU": "1"}, check=True)


def run_figure5() -> None:
    command = [sys.executable, "-m", "pp_ref.cli", "reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    subprocess.run(command, cwd=ROOT, check=True)


def write(path: Path, name: str, part: dict[str, Any]) -> None:
    """Put this part into the record and leave the other as it is."""
    before = json.loads(path.read_text()) if path.exists() else {}
    record = before | {"what": __doc__.splitlines()[0], "goals": GOALS, name: part | circumstances()}
    path.write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    stages = ("tests", "pool", "convnet", "figure5")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", choices=stages, default=stages)
    parser.add_argument("--images", type=int, default=100_000, help="of the pool; the convnet's epoch has 50,000")
    parser.add_argument("--rounds", type=int, default=20, help="of the pool; the convnet's epochs take 3")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    if absence := gpu_absence():
        sys.exit(f"gpu.py: {absence}: nothing was run")
    if "tests" in arguments.stages:
        run_tests()
    if "pool" in arguments.stages:
        import cupy

        part = pool(cupy, arguments.images, arguments.rounds)
        write(arguments.out, "pool", part)
        print(f"copy: {part['copy_bytes_per_s'] / 1e9:.0f} GB/s; reached {part['reached']}, goals {GOALS}")
        for each in part["rows"]:
            print(
                "  {name:24} median {median_s:.6f} s, {share_of_copy_bandwidth:.0%} of the copy's rate".format(**each)
            )
    if "convnet" in arguments.stages:
        part = convnet(array_library("gpu"), "cuda", 50_000, 3)
        write(arguments.out, "convnet", part)
        for each in part["rows"]:
            print("  {name:30} epoch {median_s:.2f} s, {min_s:.2f} to {max_s:.2f}".format(**each))
    if "figure5" in arguments.stages:
        run_figure5()


if __name__ == "__main__":
    main()
