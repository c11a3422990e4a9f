"""Features of CIFAR-10 images: 400 filters of 6 x 6 x 3 at every place, summed over quadrants (float32).

It measures images a second, and the rate of the products against that of a large float32 product. The features of some
images are compared with the definition in float64 first, within the rounding of float32.
"""

from collections.abc import Iterator

import numpy as np

from pp_ref.bench.contest import Real, blocks, contender, share_of_bounds
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.tables import of_row, with_threads
from pp_ref.bench.timing import Timing
from pp_ref.data import load_cifar10
from pp_ref.errors import DataError
from pp_ref.features import COATES, extract_features, fit_whitening, normalise_contrast, sample_patches
from pp_ref.features.whitening import Whitening

__all__ = ["goals", "images_of", "measure", "share_of_bound", "table"]

PATCH, FILTERS, CHECKED = (6, 6), 400, 3
GOAL_MB = 4000


def measure(timing: Timing, images: int = 10_000, patches: int = 20_000) -> Record:
    """Return the record of these many images; the whitening is fitted to these many patches."""
    data, x = images_of(images)
    rng = np.random.default_rng(0)
    sample = normalise_contrast(sample_patches(x, PATCH, patches, rng), **COATES)
    whitening = fit_whitening(sample)
    W = rng.standard_normal((sample.shape[1], FILTERS)).astype(np.float32)
    share = share_of_bound(x[:CHECKED], W, whitening)
    flops = 2 * len(x) * 27 * 27 * (len(W) + 1) * FILTERS
    extract = contender(lambda: extract_features(x, W, PATCH, whitening), share, flops)
    measured = blocks({}, {"extract_features": extract}, [], timing)
    return record("features", __doc__, timing, measured, goals, data=data, images=len(x), filters=FILTERS)


def images_of(n: int) -> tuple[str, Real]:
    """Return the data's name and CIFAR-10's first images, or noise without CIFAR-10: the time is the same."""
    try:
        data = load_cifar10()
    except DataError:
        return "noise", np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
    return data.name, np.asarray(data.train.x[:n])


def share_of_bound(images: Real, W: Real, whitening: Whitening) -> float:
    """Compare features of a few images with the definition in float64; return the largest error in units of its bound.

    A response is a sum of d + 1 products, a feature the sum of 196 responses. (d + 1 + 196) u of the sums of magnitudes
    bounds the rounding of both (Higham, sec. 3.5); the normalised contrast adds one u for each of d numbers.
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
    return share_of_bounds((got, want.reshape(got.shape), allowed.reshape(got.shape)))


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal: the process's peak memory."""
    yield from goal("peak memory of 10,000 images' features, MB", "at most", GOAL_MB, {None: record["peak_memory_mb"]})


def table(record: Record) -> str:
    """Return a sentence with the images a second."""
    images, rates = record["settings"]["images"], []
    for block in record["measured"]:
        (row,) = block["rows"]
        rates.append(
            f"{images / row['min_s']:,.0f} images a second {with_threads(block['threads'])} "
            f"({of_row(row, 'share_of_peak', '.0%')} of the peak product rate)"
        )
    return (
        f"Features of {images:,} CIFAR-10 images with {record['settings']['filters']} filters: {' and '.join(rates)}, "
        f"{record['peak_memory_mb']:,.0f} MB."
    )


TABLES = {"features": table}
