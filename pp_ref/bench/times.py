"""The times of a record as a figure: a panel for each number of threads, a line for each shape."""

import numpy as np
from matplotlib.figure import Figure

from pp_ref.bench.record import BESIDE_SHAPE, Record
from pp_ref.bench.roofline import MARKERS

__all__ = ["times"]

LINE, MOST = 0.07, 40.0  # inches of a row in a shape, and of all shapes at most


def times(record: Record) -> Figure:
    """Return a figure with the median of every row, and a bar from its quickest round to its slowest.

    record  of a subject with rows that were timed
    """
    numbers = list(dict.fromkeys(block.get("threads") for block in record["measured"]))
    names = list(dict.fromkeys(row["name"] for block in record["measured"] for row in block["rows"]))
    shapes = list(dict.fromkeys(_shape(block) for block in record["measured"]))
    height = 2 + min(MOST, max(3 * LINE, LINE * (len(names) + 2)) * len(shapes))
    figure = Figure(figsize=(3.2 + 4.4 * len(numbers), max(3.0, height)), layout="constrained")
    panels = figure.subplots(1, len(numbers), squeeze=False, sharex=True, sharey=True)[0]
    extremes = [1e3 * row[key] for block in record["measured"] for row in block["rows"] for key in ("min_s", "max_s")]
    panels[0].set(xscale="log", xlim=(min(extremes) / 1.1, max(extremes) * 1.1))
    for axes, threads in zip(panels, numbers, strict=True):
        blocks = [block for block in record["measured"] if block.get("threads") == threads]
        for number, name in enumerate(names):
            mine = [
                (shapes.index(_shape(block)), row) for block in blocks for row in block["rows"] if row["name"] == name
            ]
            if not mine:
                continue
            median, low, high = (
                np.array([1e3 * row[key] for _, row in mine]) for key in ("median_s", "min_s", "max_s")
            )
            look = {"color": f"C{number % 10}", "marker": MARKERS[number % len(MARKERS)]}
            places = [place + 0.7 * ((number + 0.5) / len(names) - 0.5) for place, _ in mine]
            axes.errorbar(
                median, places, xerr=(median - low, high - median), linestyle="", markersize=4, label=name, **look
            )
        axes.set(xlabel="ms a step: median, least to most")
        axes.set_yticks(range(len(shapes)), shapes, fontsize=7)
        axes.set_ylim(len(shapes) - 0.5, -0.5)
        axes.set_yticks(np.arange(len(shapes) - 1) + 0.5, minor=True)
        axes.grid(alpha=0.3, which="major", axis="x")
        axes.grid(alpha=0.6, which="minor", axis="y")
        if threads:
            axes.set_title(f"{threads} thread{'s' * (threads > 1)}")
    labels = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(labels.values(), labels.keys(), fontsize=7, loc="outside right upper")
    figure.suptitle(record["what"], fontsize=9)
    return figure


def _shape(block: dict[str, object]) -> str:
    shape = {name: value for name, value in block.items() if name not in (*BESIDE_SHAPE, "threads")}
    return ", ".join(f"{name} {value}" for name, value in shape.items()) or "step"
