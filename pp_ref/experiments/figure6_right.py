"""Figure 6 (right): RICA, and RICA-50 % with twice the features, at equal dynamic parameters (sec. 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from rich.table import Table

from pp_ref.experiments import figure6
from pp_ref.experiments.demo import Change, conclusion, data_name
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.figure6 import HALF, Point, accuracy_and_spread, bars, bars_are, errors, points, recipe_of
from pp_ref.experiments.intervals import GAIN, judge, together
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Part
from pp_ref.machine import Device
from pp_ref.records import markdown

__all__ = ["EXPERIMENT", "LARGER", "PARTS", "PROFILES", "RESULT", "demo", "recipes", "verdict"]

NAMES = {1.0: "RICA", HALF: "RICA-50%"}

epochs, run, check, seconds = figure6.epochs, figure6.run, figure6.check, figure6.seconds


@dataclass(frozen=True)
class Profile:
    """How thoroughly the figure is made: `figure6.Settings`, features of plain RICA, and the number of seeds."""

    settings: figure6.Settings
    sizes: tuple[int, ...]
    seeds: int = 1


PROFILES = {
    "demo": Profile(figure6.DEMO, (5, 10, 20)),
    "standard": Profile(figure6.STANDARD, (50, 100, 200)),
    "authors": Profile(figure6.AUTHORS, (100, 200, 400, 800), seeds=3),
}
RESULT = Profile(figure6.RESULT, (100, 200, 400), seeds=3)
LARGER = Profile(figure6.RESULT, (800,), seeds=3)


def recipes(profile: Profile, data: str | None = None, device: Device = "cpu") -> list[dict[str, Any]]:
    """One recipe a run. ``data`` replaces the data of the profile; None keeps it."""
    return [
        recipe_of(p, seed, features, profile.settings, data, device)
        for seed in range(profile.seeds)
        for size in profile.sizes
        for p, features in ((1.0, size), (HALF, 2 * size))
    ]


def table(records: Sequence[Record]) -> Table:
    """Accuracy for each size of either kind."""
    return figure6.table(records, f"Figure 6 (right): RICA and RICA-50% on {data_name(records)}")


def figure(records: Sequence[Record]) -> Figure:
    """Accuracy against dynamic parameters, a line for each kind."""
    drawn = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = drawn.subplots()
    for (proportion, name), marker in zip(NAMES.items(), "so", strict=True):
        x, y, lengths = bars([point for point in points(records) if point.proportion == proportion])
        axes.errorbar(x, y, lengths, marker=marker, capsize=3, label=name)
    axes.set(xscale="log", xlabel="Dynamic parameters", ylabel=f"Test accuracy ({bars_are(records)})")
    axes.set_title(f"Equal dynamic parameters on {data_name(records)}")
    ticks = sorted({point.dynamic for point in points(records)})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return drawn


def summary(records: Sequence[Record]) -> str:
    """Accuracy of both kinds, a column a number of dynamic parameters."""
    found = pairs(records)
    rows = [
        ["RICA", *(f"{accuracy_and_spread(plain)}, {plain.features} features" for plain, _ in found)],
        ["RICA-50%", *(f"{accuracy_and_spread(half)}, {half.features} features" for _, half in found)],
    ]
    return markdown(["dynamic parameters", *(f"{plain.dynamic:,}" for plain, _ in found)], rows)


def demo(records: Sequence[Record]) -> str:
    """At which sizes RICA-50 % differs from RICA with as many dynamic parameters by more than chance."""
    changes = [
        Change(f"{half.features} features of RICA-50%", 1 - half.accuracy, 1 - plain.accuracy)
        for plain, half in pairs(records)
    ]
    return conclusion(records, "RICA with as many dynamic parameters", changes)


def verdict(records: Sequence[Record]) -> str:
    """Whether RICA-50 % gains accuracy over RICA with as many dynamic parameters, at every size."""
    judged = {
        plain.features: judge(errors(records, half.features, HALF), errors(records, plain.features, 1.0), GAIN)
        for plain, half in pairs(records)
    }
    listed = "; ".join(f"{judgement} for {m} against {2 * m} features" for m, judgement in judged.items())
    return f"**{together(judged.values()).capitalize()}**. The error changes by {listed}."


def pairs(records: Sequence[Record]) -> list[tuple[Point, Point]]:
    """(RICA, RICA-50 %) at equal dynamic parameters, for every size that has both."""
    found = {(point.proportion, point.features): point for point in points(records)}
    return [(point, found[HALF, 2 * m]) for (p, m), point in found.items() if p == 1.0 and (HALF, 2 * m) in found]


EXPERIMENT = Experiment(PROFILES, recipes, epochs, run, table, {"figure6-right": figure}, summary, demo, verdict, check)


def _part(title: str, profile: Profile, stem: str) -> Part:
    made = recipes(profile)
    return Part(
        f"Figure 6 (right): {title}",
        "figure6",
        lambda _: made,
        run,
        epochs,
        seconds,
        lambda records: f"{summary(records)}\n\n{figure6.note(records)}",
        figures={stem: figure},
        verdict=verdict,
        check=check,
    )


PARTS = {
    "figure6-right": _part("RICA and RICA-50% at equal dynamic parameters", RESULT, "figure6-right"),
    "figure6-larger": _part("larger sizes", LARGER, "figure6-larger"),
}
