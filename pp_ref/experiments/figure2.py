"""Figure 2: RICA filters of natural images, side by side, with 100 % to 10 % of the parameters learned (sec. 4.3)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from pp_ref.data import Images, load_natural_images, load_photographs, load_stl10_sample
from pp_ref.experiments.demo import data_name, sentence_of
from pp_ref.experiments.drawing import show_filters
from pp_ref.experiments.error_curves import describe
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.rica_filters import (
    REPORTS,
    FilterSettings,
    LearnedFilters,
    filter_recipe,
    learn_filters,
    seconds,
)
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.sweeps import Part
from pp_ref.experiments.ways import WAYS
from pp_ref.machine import Device
from pp_ref.records import markdown
from pp_ref.tables import plain_table

__all__ = [
    "DATA",
    "EXPERIMENT",
    "PARTS",
    "PROFILES",
    "RESULT",
    "Profile",
    "demo",
    "epochs",
    "figure",
    "flat",
    "recipes",
    "run",
    "summary",
    "table",
    "train",
]

PROPORTIONS = tuple(tenths / 10 for tenths in range(10, 0, -1))
SHOWN = 24  # filters, the first ones: features have no order


@dataclass(frozen=True)
class Profile:
    """How thoroughly the figure is made.

    data         "natural-images" (Hyvarinen's), "photographs" (scikit-learn's two) or "stl10-sample"
    filters      FilterSettings
    features     int >= 1
    proportions  of parameters learned
    """

    data: str
    filters: FilterSettings
    features: int = 100
    proportions: tuple[float, ...] = PROPORTIONS


PROFILES = {
    "demo": Profile("photographs", FilterSettings(patch=8, patches=10_000, iterations=200), 36, (1.0, 0.5, 0.2)),
    "standard": Profile("natural-images", FilterSettings(patch=12, patches=50_000, iterations=300)),
    "authors": Profile("natural-images", FilterSettings(patch=16, patches=200_000, iterations=500), 256),
}
# With their mean, no filter is free; the budget is one that fits end before.
RESULT = Profile("natural-images", FilterSettings(patch=12, patches=50_000, iterations=3000, keep_mean=True, also=WAYS))

DATA: dict[str, Callable[[], Images]] = {
    "natural-images": load_natural_images,
    "photographs": load_photographs,
    "stl10-sample": load_stl10_sample,
}


def recipes(profile: Profile, device: Device = "cpu") -> list[dict[str, Any]]:
    """One recipe a proportion: everything that decides the filters."""
    return [
        filter_recipe("figure2", p, 0, profile.features, profile.filters, device) | {"data": profile.data}
        for p in profile.proportions
    ]


def epochs(recipe: dict[str, Any]) -> int:
    """How often `run` reports."""
    return REPORTS


def train(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> tuple[Images, LearnedFilters]:
    """Learn the filters of one recipe; return its images and the filters."""
    images = DATA[recipe["data"]]()
    return images, learn_filters(recipe, images.x, store, report)


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Learn the filters of one proportion.

    returns  the record: loss a patch, counts, dictionary, and the array "filters", (d, features) float16
    """
    began = time.perf_counter()
    images, learned = train(recipe, store, report)
    loss = learned.fit.history[-1]["loss"] / recipe["patches"]
    return record_of(
        recipe,
        began,
        f"loss {loss:.3f} a patch, {learned.fit.stop.value}",
        learned.fit,
        images,
        learned.group,
        loss=loss,
        counts={name: count._asdict() for name, count in learned.model.count().items()},
        dictionaries=[describe(learned.model.weights)],
        filter_shape=learned.grid.shape,
        arrays={"filters": np.float16(learned.W)},
    )


def table(records: Sequence[Record]) -> Table:
    """Loss a patch, parameters, and why the fit ended, for each proportion."""
    headings = ("learned", "dynamic", "static", "loss a patch", "ended because")
    made = plain_table(f"Figure 2: RICA on {data_name(records)}", headings, ("ended because",))
    for record in records:
        count = record["counts"]["1"]
        made.add_row(
            f"{record['recipe']['proportion']:.0%}",
            f"{count['dynamic']:,}",
            f"{count['static']:,}",
            f"{record['loss']:.3f}",
            record["stop"].lower(),
        )
    return made


def figure(records: Sequence[Record]) -> Figure:
    """A column of filters a proportion, with everything learned on the left, as in the paper."""
    drawn = Figure(figsize=(1.05 * len(records), 6.5), layout="constrained")
    for axes, record in zip(drawn.subplots(1, len(records), squeeze=False)[0], records, strict=True):
        show_filters(axes, record["arrays"]["filters"][:, :SHOWN], record["filter_shape"], columns=2)
        axes.set_title(f"{record['recipe']['proportion']:.0%}")
    return drawn


def summary(records: Sequence[Record]) -> str:
    """Loss a patch and the share of flat filters, a column a proportion."""
    rows = [
        ["loss a patch", *(f"{record['loss']:.2f}" for record in records)],
        ["flat filters", *(f"{flat(record['arrays']['filters']):.0%}" for record in records)],
    ]
    recipe, minutes = records[0]["recipe"], sum(record["seconds"] for record in records) / 60
    converged = sum(record["stop"] in ("FLAT", "GRADIENT") for record in records)
    note = (
        f"{recipe['features']} filters of {recipe['patch']} x {recipe['patch']}, {recipe['patches']:,} patches, "
        f"{converged} of {len(records)} fits converged within {recipe['iterations']:,} iterations; {minutes:.0f} core "
        "minutes."
    )
    headings = ["learned", *(f"{record['recipe']['proportion']:.0%}" for record in records)]
    return markdown(headings, rows) + "\n\n" + note


def demo(records: Sequence[Record]) -> str:
    """The loss with everything learned and with least."""
    first, *_, last = sorted(records, key=lambda record: -record["recipe"]["proportion"])
    return (
        f"{sentence_of(data_name(records))}, {first['recipe']['patches']:,} patches, one seed. The loss a patch is "
        f"{first['loss']:.2f} with {first['recipe']['proportion']:.0%} learned and {last['loss']:.2f} with "
        f"{last['recipe']['proportion']:.0%}. Whether filters look alike is for the eye: no number here says so."
    )


def flat(W: NDArray[Any]) -> float:
    """The share of filters, unit columns of W (d, m), that have more than half of their squared norm in their mean."""
    return float(np.mean(W.sum(axis=0, dtype=np.float64) ** 2 / len(W) > 0.5))


EXPERIMENT = Experiment(PROFILES, recipes, epochs, run, table, {"figure2": figure}, summary, demo)
PARTS = {
    "figure2": Part(
        "Figure 2: RICA on natural images, which keep their mean",
        "figure2",
        lambda _: recipes(RESULT),
        run,
        epochs,
        partial(seconds, channels=1),
        summary,
        figures=EXPERIMENT.figures,
    )
}
