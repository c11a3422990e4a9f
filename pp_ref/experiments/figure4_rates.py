"""The learning rates of Figure 4 (left), chosen on validation images: a rate for each kind, from one grid.

10,000 of MNIST's training images are held out, the same for all runs. Nets with ten columns and 95 % of all parameters
predicted are fine-tuned on the other 50,000 with every rate of `RATES`; the rate with the smallest error on the images
that are held out is taken. No test image is looked at. The rate of the first records was chosen by test errors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from pp_ref.data import HELD_OUT
from pp_ref.data.validation import SEED
from pp_ref.experiments.error_curves import cost
from pp_ref.experiments.figure4_left import FINE_TUNING, PRETRAINING, PROFILES
from pp_ref.experiments.mlp_runs import AE_VARIANTS, LABELS, Profile, epochs, falling, recipe_of, run
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Finished, Part
from pp_ref.experiments.ways import WAYS
from pp_ref.records import markdown

__all__ = [
    "ALMOST",
    "MANY",
    "PARTS",
    "RATES",
    "chosen_ae",
    "chosen_rates",
    "profile_at",
    "rate_recipes",
    "rate_summary",
    "seconds",
    "setting_recipes",
]

RATES = (0.1, 0.3, 0.03, 1.0, 0.01)  # of fine-tuning's first step, in the order in which they are tried
ALMOST = 0.041  # of each predicted layer: 95 % of all parameters are predicted
MANY = 50  # columns
TRAINED = 60_000  # training images of MNIST
VALIDATION = {"images": HELD_OUT["mnist"], "seed": SEED}
SHORT = {"pretraining": 1, "fine_tuning": 3}  # epochs of a run that only shows that a setting works
SECONDS = 2.5  # a guess for an epoch on one core
AE = ("SE-AE", *AE_VARIANTS)


def profile_at(rate: float, examples: int = TRAINED) -> Profile:
    """The profile of all runs: a rate that falls to a twentieth over 30 epochs of so many examples."""
    return Profile(
        data="mnist",
        labels=LABELS,
        proportions=(ALMOST,),
        seeds=1,
        repeated_to=1.0,
        pretraining=PRETRAINING,
        fine_tuning=falling(replace(FINE_TUNING, learning_rate=rate), examples, by=20),
        also=WAYS,
    )


def validated(label: str, rate: float, **also: Any) -> dict[str, Any]:
    """The recipe of a run that trains on 50,000 images and is judged by the 10,000 that are held out."""
    profile = profile_at(rate, TRAINED - HELD_OUT["mnist"])
    return recipe_of(profile, label, 1.0 if label == "nokernel" else ALMOST, 0, validation=VALIDATION, **also)


def rate_recipes(_: Finished) -> list[dict[str, Any]]:
    """Every label with every rate, the first seed."""
    return [validated(label, rate) for rate in RATES for label in LABELS]


def setting_recipes(_: Finished) -> list[dict[str, Any]]:
    """What the first records lack, once each in a short run: columns, alpha, atoms, the authors' constants."""
    rate, many = FINE_TUNING.learning_rate, {"n_columns": MANY}
    made = [
        validated("SE-Emp2", rate, **many),
        validated("SE-Emp2", rate, **many, alpha=["variance", "variance"]),
        validated("SE-AE shared unit", rate),
        recipe_of(PROFILES["authors"], "SE-Emp2", ALMOST, 0, validation=VALIDATION),
    ]
    return [recipe | {phase: recipe[phase] | {"epochs": n} for phase, n in SHORT.items()} for recipe in made]


def _tried(records: Iterable[Record]) -> dict[str, dict[float, float]]:
    """Validation errors by label and rate."""
    errors: dict[str, dict[float, float]] = {}
    for record in records:
        recipe = record["recipe"]
        errors.setdefault(recipe["label"], {})[recipe["fine_tuning"]["learning_rate"]] = record["validation_error"]
    return errors


def chosen_rates(records: Iterable[Record]) -> dict[str, float]:
    """The rate of each label with the smallest validation error, the smallest rate of equals."""
    return {label: min(sorted(errors), key=errors.__getitem__) for label, errors in _tried(records).items()}


def chosen_ae(records: Iterable[Record]) -> str:
    """The label of kind ae with the smallest validation error at its own rate; the first one without a record."""
    best = {label: min(errors.values()) for label, errors in _tried(records).items() if label in AE}
    return min(best, key=best.__getitem__) if best else AE[0]


def rate_summary(records: Sequence[Record]) -> str:
    """All that was tried: a row a label, a column a rate. After the last run, the chosen rates are in bold."""
    chosen, rates, runs = chosen_rates(records), sorted(RATES), len(RATES) * len(LABELS)
    finished = len(records) == runs
    rows = []
    for label, errors in _tried(records).items():
        cells = {rate: f"{errors[rate]:.2%}" if rate in errors else "" for rate in rates}
        if finished:
            cells[chosen[label]] = f"**{cells[chosen[label]]}**"
        rows.append([label, *cells.values()])
    held = VALIDATION["images"]
    note = (
        f"Error on {held:,} of the training images, which are held out; {TRAINED - held:,} others to train on, ten "
        f"columns, {ALMOST} of each layer learned, one seed. {len(records)} of {runs} runs, "
        f"{cost(records)}. "
        + (f"Chosen for kind ae: {chosen_ae(records)}." if finished else "Rates are chosen after the last run.")
    )
    return markdown(["first learning rate", *map(str, rates)], rows) + "\n\n" + note


def setting_summary(records: Sequence[Record]) -> str:
    """Validation error of each setting."""
    rows = []
    for record in records:
        recipe = record["recipe"]
        said = [
            recipe["label"],
            f"{recipe['n_columns']} columns",
            *(["alpha by variance"] if "alpha" in recipe else []),
        ]
        said += ["the authors' constants"] if "stacked_cost" in recipe else []
        rows.append([", ".join(said), f"{record['validation_error']:.2%}"])
    course = f"{SHORT['pretraining']} epoch of pretraining and {SHORT['fine_tuning']} of fine-tuning"
    note = f"Runs of {course}, which only show that a setting works; {cost(records)}."
    return markdown(["setting", "validation error"], rows) + "\n\n" + note


def seconds(recipe: dict[str, Any]) -> float:
    """A guess of a run's core seconds."""
    return SECONDS * epochs(recipe)


PARTS = {
    "figure4-settings": Part(
        "Figure 4 (left): new settings in short runs",
        "figure4-rates",
        setting_recipes,
        run,
        epochs,
        seconds,
        setting_summary,
    ),
    "figure4-rates": Part(
        "Figure 4 (left): learning rates on validation images",
        "figure4-rates",
        rate_recipes,
        run,
        epochs,
        seconds,
        rate_summary,
    ),
}
