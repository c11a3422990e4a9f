"""Features of 10,000 CIFAR-10 images: 400 filters of 6 x 6 x 3 at every place, summed over quadrants (float32).

    python benchmarks/speed/features.py [--images 10000] [--rounds 3] [--out FILE]

The rate, and what the products alone are of the machine's limit, the rate of a large float32 product; with one thread
and with two. First the features of some images must be those of the written-out definition in float64, within the
rounding of float32. The process's peak memory is recorded.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pp_ref.bench.timing import interleaved, peak_rate, row
from pp_ref.data import load_cifar10
from pp_ref.errors import DataError
from pp_ref.features import COATES, extract_features, fit_whitening, normalise_contrast, sample_patches
from pp_ref.features.whitening import Whitening
from pp_ref.records import circumstances

PATCH, FILTERS, CHECKED = (6, 6), 400, 3
GOAL_MB = 4000


def images_of(n: int) -> tuple[str, np.ndarray]:
    """CIFAR-10's first images, or noise where no place holds them: the time is the same."""
    try:
        data = load_cifar10()
    except DataError:
        return "noise", np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
    return data.name, np.asarray(data.train.x[:n])


def share_of_bound(images: np.ndarray, W: np.ndarray, whitening: Whitening) -> float:
    """How far features of a few images are from the definition in float64, in shares of a bound.

    A response is a sum of d + 1 products; 196 of them are added. (d + 1 + 196) u of the sums of their magnitudes bounds
    both (Higham, sec. 3.5), and the contrast's own rounding is one u more for each of the d numbers.
    """
    got = extract_features(images, W, PATCH, whitening)
    A = whitening.P @ W.astype(float)
    want, magnitude = (np.zeros((len(images), 4, FILTERS)) for _ in range(2))
    for n, i, j in np.ndindex(len(images), 27, 27):
        patch = images[n, i : i + 6, j : j + 6].reshape(1, -1).astype(float)
        y = normalise_contrast(patch, **COATES)
        quadrant = 2 * (i >= 14) + (j >= 14)
        want[n, quadrant] += np.abs((y - whitening.mean) @ A)[0]
        magnitude[n, quadrant] += ((np.abs(y) + np.abs(whitening.mean)) @ np.abs(A))[0]
    d = len(W)
    allowed = (2 * d + 1 + 196) * np.finfo(np.float32).eps / 2 * magnitude
    return float(np.max(np.abs(got - want.reshape(got.shape)) / allowed.reshape(got.shape)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    name, images = images_of(arguments.images)
    rng = np.random.default_rng(0)
    patches = normalise_contrast(sample_patches(images, PATCH, 20_000, rng), **COATES)
    whitening = fit_whitening(patches)
    W = rng.standard_normal((patches.shape[1], FILTERS)).astype(np.float32)
    share = share_of_bound(images[:CHECKED], W, whitening)
    if not share <= 1:
        sys.exit(f"features are off by {share:.1f} times the bound: nothing was timed")
    flops = 2 * len(images) * 27 * 27 * (len(W) + 1) * FILTERS
    measured: list[dict[str, Any]] = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            peak = peak_rate()
            contenders = {"extract_features": lambda: extract_features(images, W, PATCH, whitening)}
            ((name_of, times),) = interleaved(contenders, arguments.rounds).items()
        measured.append(
            row(
                name_of,
                times,
                threads=threads,
                peak_gflops=peak,
                images_a_second=len(images) / min(times),
                share_of_peak=flops / min(times) / 1e9 / peak,
            )
        )
    record = {
        "what": __doc__.splitlines()[0],
        "goal_mb": GOAL_MB,
        "data": name,
        "images": len(images),
        "filters": FILTERS,
        "flops": flops,
        "share_of_bound": share,
        "rounds": arguments.rounds,
        "rows": measured,
    } | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for each in measured:
        said = (
            "{threads} threads: {images_a_second:.0f} images a second, {share_of_peak:.0%} of {peak_gflops:.0f} Gflop/s"
        )
        print(said.format(**each))
    print(f"peak memory {record['peak_memory_mb']:.0f} MB, share of the bound {share:.1e}")


if __name__ == "__main__":
    main()
