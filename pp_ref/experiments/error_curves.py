"""Tables and figure of error against the proportion learned: a line a label, a point a proportion, bars over seeds."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from rich.table import Table

from pp_ref.experiments.demo import Change, conclusion
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.ways import ways_taken
from pp_ref.models import LowRank, Weights
from pp_ref.records import markdown
from pp_ref.tables import plain_table

__all__ = [
    "cost",
    "describe",
    "error_and_spread",
    "error_conclusion",
    "error_figure",
    "error_summary",
    "error_table",
    "errors_by_seed",
    "grouped",
    "label_of",
    "learned",
]

Label = Callable[[Record], str]  # the line of a figure that a record belongs to


def label_of(record: Record) -> str:
    """The label of the recipe."""
    return str(record["recipe"]["label"])


def describe(layer: Weights) -> dict[str, Any]:
    """What the record says of a layer: the kind of its weights; of `Predicted` its dictionary and the ways taken."""
    if layer.dictionary is None:
        return {"weights": type(layer).__name__} | ({"rank": layer.rank} if isinstance(layer, LowRank) else {})
    columns = layer.dictionary.columns
    return {
        "weights": "Predicted",
        "kind": layer.dictionary.recipe.kind,
        # Index arrays, up to d numbers a column, say no more than "given".
        "settings": {
            name: "given" if isinstance(setting, list) else setting
            for name, setting in layer.dictionary.recipe.settings.items()
        },
        "n_alpha": [column.alpha.size for column in columns],
        # JSON has no infinity: a singular K has no condition number.
        "condition": [column.condition if isfinite(column.condition) else None for column in columns],
        "rank": [column.rank for column in columns],
        "ways": ways_taken(layer),
    }


def learned(record: Record) -> float:
    """The dynamic share of all weights and biases of the net, with those of the softmax, in [0, 1]."""
    counts = record["counts"].values()
    return float(sum(count["dynamic"] for count in counts) / sum(count["total"] for count in counts))


def grouped(
    records: Sequence[Record], labels: Iterable[str], label: Label = label_of
) -> dict[tuple[str, float], list[Record]]:
    """Records by (label, proportion): labels in the order given, proportions rising."""
    groups: dict[tuple[str, float], list[Record]] = {}
    for name in labels:
        own = [record for record in records if label(record) == name]
        for record in sorted(own, key=lambda record: float(record["recipe"]["proportion"])):
            groups.setdefault((name, record["recipe"]["proportion"]), []).append(record)
    return groups


def errors_by_seed(records: Iterable[Record]) -> dict[int, float]:
    """Test errors in [0, 1] by the seed of the recipe, as `judge` takes them."""
    return {record["recipe"]["seed"]: record["test_error"] for record in records}


def error_table(records: Sequence[Record], labels: Iterable[str], title: str, label: Label = label_of) -> Table:
    """Parameters, mean test error and half its range over seeds, for each label and proportion."""
    made = plain_table(title, ("dictionaries", "kept", "dynamic", "static", "learned", "seeds", "test error"))
    for (name, proportion), group in grouped(records, labels, label).items():
        errors = [record["test_error"] for record in group]
        counts = group[0]["counts"].values()
        made.add_row(
            name,
            f"{proportion:.3f}",
            f"{sum(count['dynamic'] for count in counts):,}",
            f"{sum(count['static'] for count in counts):,}",
            f"{learned(group[0]):.1%}",
            str(len(errors)),
            error_and_spread(errors),
        )
    return made


def error_and_spread(errors: Sequence[float]) -> str:
    """The mean in per cent; after it half the range, if there are several errors."""
    spread = f" ± {50 * (max(errors) - min(errors)):.2f}" if len(errors) > 1 else ""
    return f"{mean(errors):.2%}{spread}"


def cost(records: Sequence[Record], on: str = "") -> str:
    """Core hours of all runs together, ``on`` which machine, and the most memory that one took."""
    hours = sum(record["seconds"] for record in records) / 3600
    return f"{hours:.1f} core hours{on}, at most {max(record['peak_memory_mb'] for record in records):,.0f} MB"


def error_summary(records: Sequence[Record], labels: Iterable[str], heading: str, label: Label = label_of) -> str:
    """Mean test error and half its range over seeds in Markdown, a row a label, a column a proportion; and the cost."""
    errors = {key: [record["test_error"] for record in group] for key, group in grouped(records, labels, label).items()}
    proportions = sorted({proportion for _, proportion in errors})
    rows = [
        [name, *(error_and_spread(errors[name, p]) if (name, p) in errors else "" for p in proportions)]
        for name in dict.fromkeys(name for name, _ in errors)
    ]
    seeds = sorted({len(found) for found in errors.values()})
    processors = sorted({record["machine"]["processor"] for record in records})
    kernels = sorted({record["machine"]["blas"]["kernels"] for record in records})
    machine = f" on {', '.join(processors)} (OpenBLAS kernels: {', '.join(kernels)})"
    note = (
        f"{len(records)} runs, {' or '.join(map(str, seeds))} seeds each (± half the range over seeds), "
        f"{cost(records, machine)}."
    )
    return markdown([heading, *(f"{p:.3g}" for p in proportions)], rows) + "\n\n" + note


def error_conclusion(records: Sequence[Record], labels: Iterable[str], baseline: str) -> str:
    """`conclusion` on every label and proportion against the baseline, the net without prediction."""
    errors = {key: mean(r["test_error"] for r in group) for key, group in grouped(records, labels).items()}
    full = next((error for (name, _), error in errors.items() if name == baseline), None)
    changes = [
        Change(f"{name} at {p:.3g}", error, full)
        for (name, p), error in errors.items()
        if full is not None and name != baseline
    ]
    return conclusion(records, f"{baseline}, with all weights learned", changes)


def error_figure(
    records: Sequence[Record],
    labels: Iterable[str],
    baseline: str,
    title: str,
    label: Label = label_of,
    error: str = "Test error",
) -> Figure:
    """Error against proportion, a line a label, bars from best to worst seed; `baseline` is a horizontal line."""
    drawn = Figure(figsize=(7.5, 5), layout="constrained")
    axes = drawn.subplots()
    groups = grouped(records, labels, label)
    for number, line in enumerate(dict.fromkeys(name for name, _ in groups)):
        errors = {
            proportion: [record["test_error"] for record in group]
            for (owner, proportion), group in groups.items()
            if owner == line
        }
        means = np.array([mean(found) for found in errors.values()])
        low, high = (np.array([pick(found) for found in errors.values()]) for pick in (min, max))
        if line == baseline:
            axes.axhline(means[0], color="black", linestyle="--", linewidth=1, label=f"{line} ({means[0]:.2%})")
            axes.axhspan(low[0], high[0], color="black", alpha=0.12, linewidth=0)
            continue
        look: dict[str, Any] = {
            "color": f"C{number}",
            "marker": "osD^vPX*"[number % 8],
            "markersize": 5,
            "linewidth": 1.5,
        }
        axes.errorbar(list(errors), means, (means - low, high - means), label=line, capsize=3, **look)
    ticks = sorted({proportion for _, proportion in groups})
    axes.set(xscale="log", yscale="log", xlabel="Proportion of parameters learned", ylabel=error, title=title)
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return drawn
