"""The runs of Figure 5 at full strength: settings and rates are chosen on validation images, then all images are used.

From the committed nets of the standard profile, prediction leaves 109 % of the first layer's norm: their filters are
noise, since they learn for 12 epochs from whitened images. Preprocessing, start and weight decay decide whether filters
become smooth. They are compared for the full net and for a quarter learned, each with the same settings.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from pp_ref.data import HELD_OUT
from pp_ref.experiments.figure5 import FULL, PREDICTED, Profile, falling, recipes
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.ways import WAYS

VALIDATION = {"validation": {"images": HELD_OUT["cifar10"]}}
START, DECAY, RATE = 0.1, 2.5e-4, 0.01
# The grid of settings, and that of learning rates under the settings that are chosen, one for each of the two kinds.
SETTINGS = tuple(
    {"preprocessing": preprocessing, "start": start, "weight_decay": decay}
    for preprocessing in ("mean", "contrast", "contrast-zca")
    for start in (1.0, START)
    for decay in (0.0, DECAY)
)
RATES = (0.003, RATE, 0.03)
# Choices are made with fewer images and epochs than the result: a run takes a sixth of the time.
CHOOSING = Profile("cifar10", 20_000, ((1.0, 0), (0.25, 0)), falling(12, 20_000, RATE), dropout=0.5)
RESULT = Profile(
    "cifar10",
    50_000,
    ((0.25, 0), (1.0, 0), (0.25, 1), (1.0, 1), (0.25, 2), (1.0, 2), (0.5, 0), (0.75, 0), (0.1, 0)),
    falling(30, 50_000, RATE),
    dropout=0.5,
)


def settings_recipes() -> list[dict[str, Any]]:
    """The full net and a quarter learned under each of SETTINGS, judged by validation images."""
    return recipes(replace(CHOOSING, also=tuple(settings | VALIDATION | WAYS for settings in SETTINGS)))


def chosen_settings(records: Sequence[Record]) -> dict[str, Any]:
    """The settings with the least mean validation error of both nets; the first ones of equals.

    records  of `settings_recipes`
    """
    return min(SETTINGS, key=lambda settings: mean(_errors(records, settings)))


def rates_recipes(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Both nets at each of RATES; those at the rate of `settings_recipes` are the same runs."""
    return [
        recipe
        for rate in RATES
        for recipe in recipes(
            replace(CHOOSING, training=falling(12, 20_000, rate), also=(settings | VALIDATION | WAYS,))
        )
    ]


def chosen_rates(records: Sequence[Record]) -> dict[str, float]:
    """The learning rate with the least validation error, by label.

    records  of `rates_recipes`
    """
    return {
        label: min(RATES, key=lambda rate: mean(_errors(records, {"label": label, "rate": rate})))
        for label in (FULL, PREDICTED)
    }


def result_recipes(settings: dict[str, Any], rates: dict[str, float]) -> list[dict[str, Any]]:
    """All images and every proportion, judged by the test images; three seeds of the full net and of a quarter."""
    made = recipes(replace(RESULT, also=(settings | WAYS,)))
    for recipe in made:
        recipe["training"]["learning_rate"] = rates[recipe["label"]]
    return made


def _errors(records: Sequence[Record], settings: dict[str, Any]) -> list[float]:
    """Validation errors of the runs with these settings."""
    return [
        record["validation_error"]
        for record in records
        if settings.items() <= (record["recipe"] | {"rate": record["recipe"]["training"]["learning_rate"]}).items()
    ]
