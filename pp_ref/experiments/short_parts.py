"""One short run with each new setting of Figures 2, 5 and 6, on validation images: it shows that the setting works.

Seconds of training say nothing of the paper's sentences: no verdict is drawn from these runs.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pp_ref.experiments import figure2, figure5, figure6, figure6_left, rica_filters
from pp_ref.experiments.error_curves import cost
from pp_ref.experiments.figure5 import Profile, falling
from pp_ref.experiments.figure5_parts import DECAY, RATE, START, VALIDATION, seconds
from pp_ref.experiments.rica_filters import FilterSettings
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Finished, Part
from pp_ref.experiments.ways import WAYS
from pp_ref.records import markdown

__all__ = ["PARTS"]

Recipe = dict[str, Any]

CONVNET = Profile(
    "cifar10",
    2_000,
    ((0.25, 0),),
    falling(2, 2_000, RATE),
    dropout=0.5,
    also=tuple(
        {"preprocessing": preprocessing, "start": START, "weight_decay": DECAY} | VALIDATION | WAYS
        for preprocessing in ("mean", "contrast", "contrast-zca")
    ),
)
FILTERS = FilterSettings(patch=12, patches=5_000, iterations=100, also=WAYS)
CLASSIFIER = figure6.Settings(
    "cifar10", 2_000, FilterSettings(patch=6, patches=5_000, iterations=50, also=WAYS | VALIDATION), Cs=(10.0, 100.0)
)


def convnet_recipes(_: Finished) -> list[Recipe]:
    """Each preprocessing, with a small start and weight decay."""
    return figure5.recipes(CONVNET)


def filter_recipes(_: Finished) -> list[Recipe]:
    """A quarter of each filter learned, on patches that lose their mean and on patches that keep it."""
    profile = figure2.Profile("natural-images", FILTERS, proportions=(0.25,))
    kept = replace(profile, filters=replace(FILTERS, keep_mean=True))
    return figure2.recipes(profile) + figure2.recipes(kept)


def classifier_recipes(_: Finished) -> list[Recipe]:
    """The same features and either solver."""
    (recipe,) = figure6_left.recipes(figure6_left.Profile(CLASSIFIER, 50, ((0.5, 0),)))
    return [recipe | {"solver": solver} for solver in ("liblinear", "lbfgs")]


def convnet_summary(records: Sequence[Record]) -> str:
    """Validation error of each preprocessing."""
    return _summary("preprocessing", "validation error", "validation_error", records)


def filter_summary(records: Sequence[Record]) -> str:
    """The share of flat filters without and with the means of patches."""
    means = ["kept" if "centre" in record["recipe"]["contrast"] else "lost" for record in records]
    flats = [f"{figure2.flat(record['arrays']['filters']):.0%}" for record in records]
    rows = [list(row) for row in zip(means, flats, strict=True)]
    return markdown(["mean of a patch", "flat filters"], rows) + "\n\n" + _note(records)


def classifier_summary(records: Sequence[Record]) -> str:
    """Validation accuracy with each solver."""
    return _summary("solver", "validation accuracy", "accuracy", records)


def _summary(setting: str, result: str, found: str, records: Sequence[Record]) -> str:
    rows = [[record["recipe"][setting], f"{record[found]:.1%}"] for record in records]
    return markdown([setting, result], rows) + "\n\n" + _note(records)


def _note(records: Sequence[Record]) -> str:
    return f"{len(records)} short runs, {cost(records)}: they say nothing of the paper."


PARTS = {
    "figure5-short": Part(
        "Figure 5: short runs",
        "short",
        convnet_recipes,
        figure5.run,
        figure5.epochs,
        seconds,
        convnet_summary,
    ),
    "figure2-short": Part(
        "Figure 2: short runs",
        "short",
        filter_recipes,
        figure2.run,
        figure2.epochs,
        partial(rica_filters.seconds, channels=1),
        filter_summary,
    ),
    "figure6-short": Part(
        "Figure 6: short runs",
        "short",
        classifier_recipes,
        figure6.run,
        figure6.epochs,
        figure6.seconds,
        classifier_summary,
        check=figure6.check,
    ),
}
