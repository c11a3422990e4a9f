"""Figure 6 (left): accuracy of RICA features against the parameters learned, with and without prediction (sec. 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from rich.table import Table

from pp_ref.experiments import figure6
from pp_ref.experiments.demo import Change, conclusion, data_name
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.figure6 import HALF, accuracy_and_spread, bars, bars_are, errors, points, recipe_of
from pp_ref.experiments.intervals import NO_DROP, Outcome, judge
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Part
from pp_ref.machine import Device
from pp_ref.records import markdown

__all__ = ["EXPERIMENT", "PARTS", "PROFILES", "RESULT", "Profile", "recipes", "verdict"]

epochs, run, check, seconds = figure6.epochs, figure6.run, figure6.check, figure6.seconds


@dataclass(frozen=True)
class Profile:
    """How thoroughly the figure is made: `figure6.Settings`, features int >= 1, and (proportion, seed) of each run."""

    settings: figure6.Settings
    features: int
    runs: tuple[tuple[float, int], ...]


PROFILES = {
    "demo": Profile(figure6.DEMO, 20, tuple((p, 0) for p in (1.0, 0.5, 0.2, 0.1, 0.06))),
    "standard": Profile(
        figure6.STANDARD,
        200,
        ((1.0, 0), (0.5, 0), (0.25, 0), (0.1, 0), (0.75, 0), (0.5, 1), (1.0, 1), (0.5, 2), (1.0, 2)),
    ),
    "authors": Profile(
        figure6.AUTHORS, 400, tuple((tenths / 10, seed) for seed in range(3) for tenths in range(1, 11))
    ),
}
RESULT = Profile(figure6.RESULT, 400, tuple((p, seed) for seed in range(3) for p in (1.0, 0.5, 0.25, 0.1)))


def recipes(profile: Profile, data: str | None = None, device: Device = "cpu") -> list[dict[str, Any]]:
    """One recipe a run. ``data`` replaces the data of the profile; None keeps it."""
    return [recipe_of(p, seed, profile.features, profile.settings, data, device) for p, seed in profile.runs]


def table(records: Sequence[Record]) -> Table:
    """Accuracy for each proportion."""
    return figure6.table(records, f"Figure 6 (left): RICA on {data_name(records)}")


def figure(records: Sequence[Record]) -> Figure:
    """Accuracy against dynamic parameters; RICA without prediction is the horizontal line."""
    drawn = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = drawn.subplots()
    found = points(records)
    for full in (point for point in found if point.proportion == 1):
        axes.axhline(full.accuracy, color="black", linestyle="--", label=f"nokernel ({full.accuracy:.1%})")
        axes.axhspan(full.low, full.high, color="black", alpha=0.12, linewidth=0)
    x, y, lengths = bars([point for point in found if point.proportion < 1])
    axes.errorbar(x, y, lengths, marker="o", capsize=3, label="SE")
    axes.set(
        xlabel="Dynamic parameters",
        ylabel=f"Test accuracy ({bars_are(records)})",
        title=f"RICA on {data_name(records)}",
    )
    ticks = [point.dynamic for point in found if point.proportion < 1]
    axes.set(xscale="log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    axes.legend()
    return drawn


def summary(records: Sequence[Record]) -> str:
    """Accuracy, dynamic parameters and seeds, a column a proportion."""
    found = sorted(points(records), key=lambda point: -point.proportion)
    rows = [
        ["test accuracy", *map(accuracy_and_spread, found)],
        ["dynamic parameters", *(f"{point.dynamic:,}" for point in found)],
        ["seeds", *(str(point.seeds) for point in found)],
    ]
    return markdown(["RICA on CIFAR-10", *(f"{point.proportion:.0%} learned" for point in found)], rows)


def demo(records: Sequence[Record]) -> str:
    """Which proportions differ from RICA with everything learned by more than chance."""
    found = points(records)
    full = next((1 - point.accuracy for point in found if point.proportion == 1), None)
    changes = [
        Change(f"{point.proportion:.0%} learned", 1 - point.accuracy, full)
        for point in reversed(found)
        if full is not None and point.proportion < 1
    ]
    return conclusion(records, "RICA with everything learned", changes)


def verdict(records: Sequence[Record]) -> str:
    """Whether more than half of the parameters can be predicted without a substantial drop in accuracy.

    It is borne out if one proportion below a half is, and not borne out if none of them is.
    """
    recipe = records[0]["recipe"]
    full = errors(records, recipe["features"], 1.0)
    judged = {
        p: judge(errors(records, recipe["features"], p), full, NO_DROP[recipe["data"]])
        for p in sorted({record["recipe"]["proportion"] for record in records} - {1.0}, reverse=True)
    }
    outcomes = {judgement.outcome for p, judgement in judged.items() if p < HALF} or {Outcome.undecided}
    said = next((each for each in (Outcome.borne_out, Outcome.undecided) if each in outcomes), Outcome.not_borne_out)
    drops = "; ".join(f"{judgement} at {p:.0%}" for p, judgement in judged.items())
    return f"**{said.capitalize()}**. Against RICA with everything learned, the error changes by {drops}."


EXPERIMENT = Experiment(PROFILES, recipes, epochs, run, table, {"figure6-left": figure}, summary, demo, verdict, check)
PARTS = {
    "figure6-left": Part(
        "Figure 6 (left): RICA on CIFAR-10",
        "figure6",
        lambda _: recipes(RESULT),
        run,
        epochs,
        seconds,
        lambda records: f"{summary(records)}\n\n{figure6.note(records)}",
        figures=EXPERIMENT.figures,
        verdict=verdict,
        check=check,
    )
}
