"""The runs of Figure 5 by which its sentence is judged: settings and rates on validation images, then all images.

From the nets of the first records, prediction leaves 109 % of the first layer's norm: their filters are noise, since
they learn for 12 epochs from whitened images. Preprocessing, start and weight decay decide whether filters become
smooth. They are compared for the full net and for a quarter learned, each with the same settings.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from pp_ref.data import HELD_OUT
from pp_ref.data.validation import SEED
from pp_ref.experiments import figure5
from pp_ref.experiments.error_curves import cost
from pp_ref.experiments.figure5 import FULL, PREDICTED, Profile, falling, recipes
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Finished, Part
from pp_ref.experiments.ways import WAYS
from pp_ref.records import markdown

__all__ = [
    "DECAY",
    "PARTS",
    "RATE",
    "RATES",
    "RESULT",
    "SETTINGS",
    "START",
    "VALIDATION",
    "chosen_rates",
    "chosen_settings",
    "rate_recipes",
    "rate_summary",
    "result_recipes",
    "seconds",
    "setting_recipes",
    "setting_summary",
]

Recipe = dict[str, Any]
Settings = dict[str, Any]

VALIDATION = {"validation": {"images": HELD_OUT["cifar10"], "seed": SEED}}
START, DECAY, RATE = 0.1, 2.5e-4, 0.01
# The grid of settings; and that of learning rates, one for each of the two nets, with the settings that are chosen.
SETTINGS: tuple[Settings, ...] = tuple(
    {"preprocessing": preprocessing, "start": start, "weight_decay": decay}
    for preprocessing in ("mean", "contrast", "contrast-zca")
    for start in (1.0, START)
    for decay in (0.0, DECAY)
)
RATES = (0.003, RATE, 0.03)
NAMES = {FULL: "all learned", PREDICTED: "a quarter learned"}
# Choices are made with fewer images and epochs than the result: a run takes a sixth of the time.
CHOOSING = Profile("cifar10", 20_000, ((1.0, 0), (0.25, 0)), falling(12, 20_000, RATE), dropout=0.5)
RESULT = Profile(
    "cifar10",
    50_000,
    ((0.25, 0), (1.0, 0), (0.25, 1), (1.0, 1), (0.25, 2), (1.0, 2), (0.5, 0), (0.75, 0), (0.1, 0)),
    falling(30, 50_000, RATE),
    dropout=0.5,
)
SECONDS = 1.6e-3  # a guess for an image in an epoch on one core


def setting_recipes(_: Finished) -> list[Recipe]:
    """The full net and a quarter learned with each of SETTINGS, judged by validation images."""
    return recipes(replace(CHOOSING, also=tuple(settings | VALIDATION | WAYS for settings in SETTINGS)))


def rate_recipes(finished: Finished) -> list[Recipe]:
    """Both nets with each of RATES; those with the rate of `setting_recipes` are the same runs."""
    also = (chosen_settings(finished("figure5-settings")) | VALIDATION | WAYS,)
    profiles = [replace(CHOOSING, training=replace(CHOOSING.training, learning_rate=rate), also=also) for rate in RATES]
    return [recipe for profile in profiles for recipe in recipes(profile)]


def result_recipes(finished: Finished) -> list[Recipe]:
    """All images and every proportion, judged by the test images; three seeds of the full net and of a quarter."""
    rates = chosen_rates(finished("figure5-rates"))
    made = recipes(replace(RESULT, also=(chosen_settings(finished("figure5-settings")) | WAYS,)))
    return [recipe | {"training": recipe["training"] | {"learning_rate": rates[recipe["label"]]}} for recipe in made]


def chosen_settings(records: Sequence[Record]) -> Settings:
    """The settings with the least mean validation error of both nets, the first ones of equals.

    records  of `setting_recipes`; settings without a record of both nets are left out
    """
    tried = [settings for settings in SETTINGS if len(_errors(records, settings)) == len(NAMES)]
    return min(tried, key=lambda settings: mean(_errors(records, settings).values()), default=SETTINGS[0])


def chosen_rates(records: Sequence[Record]) -> dict[str, float]:
    """The learning rate with the least validation error, by label; RATE without records."""
    return {
        label: min(tried, key=tried.__getitem__) if (tried := _by_rate(records, label)) else RATE for label in NAMES
    }


def _errors(records: Sequence[Record], settings: Settings) -> dict[str, float]:
    """Validation errors by label of the runs with these settings."""
    return {
        record["recipe"]["label"]: record["validation_error"]
        for record in records
        if settings.items() <= record["recipe"].items()
    }


def _by_rate(records: Sequence[Record], label: str) -> dict[float, float]:
    """Validation errors of a net by learning rate, in the order of RATES."""
    found = {
        record["recipe"]["training"]["learning_rate"]: record["validation_error"]
        for record in records
        if record["recipe"]["label"] == label
    }
    return {rate: found[rate] for rate in RATES if rate in found}


def setting_summary(records: Sequence[Record]) -> str:
    """All that was tried: a row for each of SETTINGS, a column a net; the chosen settings in bold."""
    chosen, rows = chosen_settings(records), []
    for settings in SETTINGS:
        errors = _errors(records, settings)
        said = f"{settings['preprocessing']}, start {settings['start']:g}, decay {settings['weight_decay']:g}"
        cells = [f"{errors[label]:.2%}" if label in errors else "" for label in NAMES]
        rows.append([f"**{said}**" if settings == chosen else said, *cells])
    return markdown(["validation error", *NAMES.values()], rows) + "\n\n" + _note(records)


def rate_summary(records: Sequence[Record]) -> str:
    """All that was tried: a row a net, a column a rate; the chosen rates in bold."""
    chosen, rows = chosen_rates(records), []
    for label, name in NAMES.items():
        errors = _by_rate(records, label)
        cells = {rate: f"{errors[rate]:.2%}" if rate in errors else "" for rate in RATES}
        rows.append([name, *(f"**{cell}**" if rate == chosen[label] else cell for rate, cell in cells.items())])
    return markdown(["validation error at a first rate of", *map(str, RATES)], rows) + "\n\n" + _note(records)


def _note(records: Sequence[Record]) -> str:
    recipe = records[0]["recipe"]
    return (
        f"Error on {recipe['validation']['images']:,} of the training images, which are held out; {recipe['images']:,} "
        f"others to train on, {recipe['training']['epochs']} epochs, one seed. {len(records)} runs, {cost(records)}."
    )


def seconds(recipe: Recipe) -> float:
    """A guess of a run's core seconds."""
    return SECONDS * float(recipe["images"] * recipe["training"]["epochs"])


PARTS = {
    "figure5-settings": Part(
        "Figure 5: settings on validation images",
        "figure5-validation",
        setting_recipes,
        figure5.run,
        figure5.epochs,
        seconds,
        setting_summary,
    ),
    "figure5-rates": Part(
        "Figure 5: learning rates on validation images",
        "figure5-validation",
        rate_recipes,
        figure5.run,
        figure5.epochs,
        seconds,
        rate_summary,
        needs=("figure5-settings",),
    ),
    "figure5": Part(
        "Figure 5: the convnet on CIFAR-10",
        "figure5",
        result_recipes,
        figure5.run,
        figure5.epochs,
        seconds,
        figure5.summary,
        figures=figure5.EXPERIMENT.figures,
        verdict=figure5.verdict,
        needs=("figure5-rates",),
    ),
}
