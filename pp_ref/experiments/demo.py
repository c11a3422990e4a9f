"""What a figure says of the data that it was made from, and what a demo allows to conclude.

A demo has one seed. The test error of a net on n images is a mean of n trials, so two nets of one true error p differ
by chance: the difference has the variance 2 p (1 - p) / n if their mistakes are independent. They share the images, so
the true variance is smaller, and the interval is on the safe side.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import NamedTuple

from pp_ref.experiments.run_store import Record

__all__ = ["NAMES", "Change", "chance", "conclusion", "data_name", "sentence_of"]

NAMES = {
    "digits": "5,000 digits",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "stl10": "STL-10",
    "stl10-sample": "246 images of STL-10",
    "hyvarinen": "natural images",
    "photographs": "two photographs",
    "timit-sample": "16 speakers of TIMIT",
    "timit": "TIMIT",
}
# Images to learn from and to test on, by the data of a recipe.
IMAGES = {"digits": (4000, 1000), "mnist": (60_000, 10_000), "cifar10": (50_000, 10_000), "stl10": (100_000, 8000)}
Z = 1.96  # standard deviations of 95 %


class Change(NamedTuple):
    """A net that is compared with another."""

    name: str
    error: float  # of the test images, in [0, 1]
    against: float


def data_name(records: Sequence[Record]) -> str:
    """The name of the data for titles; that in the record if no other is known."""
    name: str = records[0]["data"]["name"]
    return NAMES.get(name, name)


def sentence_of(name: str) -> str:
    """A name at the beginning of a sentence."""
    return name[0].upper() + name[1:]


def chance(change: Change, tested: int) -> float:
    """The difference of errors up to which 95 % of the pairs differ by chance.

    tested  number of test images
    """
    return Z * sqrt(sum(p * (1 - p) for p in (change.error, change.against)) / tested)


def conclusion(records: Sequence[Record], against: str, changes: Iterable[Change]) -> str:
    """What the demo is, and which of its differences are more than chance.

    against  the net that the others are compared with, in words
    """
    recipe = records[0]["recipe"]
    (all_images, tested), seeds = IMAGES[recipe["data"]], len({record["recipe"]["seed"] for record in records})
    learned = f"{recipe.get('images', all_images):,} learned from, "
    said = [f"{data_name(records)}: {learned}{tested:,} test images, {'one seed' if seeds == 1 else f'{seeds} seeds'}."]
    made = list(changes)
    bounds = [100 * chance(change, tested) for change in made]
    if made:
        span = " to ".join(dict.fromkeys(f"{bound:.1f}" for bound in (min(bounds), max(bounds))))
        said.append(f"A difference of less than {span} points may be chance (95 %).")
    found: dict[str, list[str]] = {"Better": [], "Within chance": [], "Worse": []}
    for change, bound in zip(made, bounds, strict=True):
        points = 100 * (change.error - change.against)
        found["Better" if points < -bound else "Worse" if points > bound else "Within chance"].append(change.name)
    judged = [f"{how}: {', '.join(names)}." for how, names in found.items() if names]
    return " ".join([*said, *([f"Against {against}:"] * bool(judged)), *judged])
