"""The times of a record as a figure: a panel for each number of threads, a line for each shape."""

import numpy as np
from matplotlib.figure import Figure

from pp_ref.bench.record import BESIDE_SHAPE, Record
from pp_ref.bench.roofline import MARKERS

__all__ = ["times"]

LINE = 0.22  # inches of a shape


def times(record: Record) -> Figure:
    """Return a figure with the median of every row, and a bar from its quickest round to its slowest.

    record  of a subject with rows that were timed
    """
    numbers = list(dict.fromkeys(block.get("threads") for block in record["measured"]))
    names = list(dict.fromkeys(row["name"] for block in record["measured"] for row in block["rows"]))
    shapes = list(dict.fromkeys(_shape(block) for block in record["measured"]))
    figure = Figure(figsize=(3.2 + 4.4 * len(numbers), 2 + LINE * max(len(shapes), len(names))), layout="constrained")
    panels = figure.subplots(1, len(numbers), squeeze=False, sharex=True, sharey=True)[0]
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
            places = [place for place, _ in mine]
            axes.errorbar(
                median, places, xerr=(median - low, high - median), linestyle="", markersize=4, label=name, **look
            )
        axes.set(xscale="log", xlabel="ms a step: median, least to most")
        axes.set_yticks(range(len(shapes)), shapes, fontsize=7)
        axes.grid(alpha=0.3)
        if threads:
            axes.set_title(f"{threads} thread{'s' * (threads > 1)}")
    panels[0].invert_yaxis()
    labels = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(labels.values(), labels.keys(), fontsize=7, loc="outside right upper")
    figure.suptitle(record["what"], fontsize=9)
    return figure


def _shape(block: dict[str, object]) -> str:
    shape = {name: value for name, value in block.items() if name not in (*BESIDE_SHAPE, "threads")}
    return ", ".join(f"{name} {value}" for name, value in shape.items()) or "step"
