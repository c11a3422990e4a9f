"""Features of CIFAR-10 images: 400 filters of 6 x 6 x 3 at every place, summed over quadrants (float32).

The rate, and what the products alone are of a large float32 product's. First the features of some images must be those
of the written-out definition in float64, within the rounding of float32.
"""

from typing import Any

import numpy as np

from pp_ref.bench.contest import Real, blocks, contender
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import with_threads
from pp_ref.data import load_cifar10
from pp_ref.errors import DataError
from pp_ref.features import COATES, extract_features, fit_whitening, normalise_contrast, sample_patches
from pp_ref.features.whitening import Whitening

__all__ = ["TABLES", "measure"]

PATCH, FILTERS, CHECKED = (6, 6), 400, 3
GOAL_MB = 4000


def measure(rounds: int, images: int = 10_000, patches: int = 20_000) -> Record:
    """These many images, whitened as these many patches are."""
    data, x = images_of(images)
    rng = np.random.default_rng(0)
    sample = normalise_contrast(sample_patches(x, PATCH, patches, rng), **COATES)
    whitening = fit_whitening(sample)
    W = rng.standard_normal((sample.shape[1], FILTERS)).astype(np.float32)
    share = share_of_bound(x[:CHECKED], W, whitening)
    flops = 2 * len(x) * 27 * 27 * (len(W) + 1) * FILTERS
    extract = contender(lambda: extract_features(x, W, PATCH, whitening), share, flops)
    measured = blocks({}, {"extract_features": extract}, [], rounds)
    return record("features", __doc__, rounds, measured, goals, data=data, images=len(x), filters=FILTERS)


def images_of(n: int) -> tuple[str, Real]:
    """CIFAR-10's first images, or noise where no place holds them: the time is the same."""
    try:
        data = load_cifar10()
    except DataError:
        return "noise", np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
    return data.name, np.asarray(data.train.x[:n])


def share_of_bound(images: Real, W: Real, whitening: Whitening) -> float:
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


def goals(record: Record) -> list[Record]:
    """The process's peak memory."""
    return goal("peak memory of 10,000 images' features, MB", "at most", GOAL_MB, {None: record["peak_memory_mb"]})


def table(record: Record) -> str:
    """Images a second."""
    images, rates = record["settings"]["images"], []
    for block in record["measured"]:
        (row,) = block["rows"]
        rates.append(
            f"{images / row['min_s']:,.0f} images a second {with_threads(block['threads'])} "
            f"({row['share_of_peak']:.0%} of the peak product rate)"
        )
    return (
        f"Features of {images:,} CIFAR-10 images with {record['settings']['filters']} filters: {' and '.join(rates)}, "
        f"{record['peak_memory_mb']:,.0f} MB."
    )


TABLES: dict[str, Any] = {"features": table}
