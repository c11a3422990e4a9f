"""Draw the pictures of the pages, docs/pictures/*.png and .svg.

    python -m benchmarks.picture

prediction, of README and of the site's first page, is drawn from a record of Figure 1; rooms, of the page on how a case
flows, from the imports of the oracle; kinds, of the page of dictionaries, from dictionaries that are made here.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from benchmarks.oracle.pages import arrows
from pp_ref.dictionaries import KINDS, Grid, make_dictionary
from pp_ref.experiments.drawing import save_figure, show_filters

ROOT = Path(__file__).parent.parent
(RECORD,) = (ROOT / "benchmarks" / "figures" / "figure1").glob("MLP-*.json")
PICTURES = ROOT / "docs" / "pictures"


def prediction() -> Figure:
    """Return the drawing: four features of the first layer as learned, what is kept of them, and what is predicted."""
    shown, arrays = json.loads(RECORD.read_text())["shown"], load_file(RECORD.with_suffix(".safetensors"))
    kept = np.zeros_like(arrays["features"])
    kept[shown["alpha"]] = arrays["features"][shown["alpha"]]
    columns = {
        "learned": arrays["features"],
        f"{shown['proportion']:.0%} kept": kept,
        "predicted from these": arrays["predicted"],
    }
    figure = Figure(figsize=(8.4, 2.9), layout="constrained")
    for axes, (title, W) in zip(figure.subplots(1, 3), columns.items(), strict=True):
        show_filters(axes, W, shown["shape"], columns=2)
        axes.set_title(title)
    return figure


def rooms() -> Figure:
    """Return the drawing: a box a room of the oracle, and an arrow to each room that it imports from."""
    below: dict[str, set[str]] = {}
    for a, b in arrows():
        below.setdefault(a, set()).add(b)
        below.setdefault(b, set())

    def depth(name: str) -> int:
        return 1 + max(map(depth, below[name]), default=-1)

    names = sorted(below, key=depth)
    beside = {name: sum(depth(other) == depth(name) for other in names[:i]) for i, name in enumerate(names)}
    figure = Figure(figsize=(1.5 * (1 + max(map(depth, names))), 0.7 + 0.6 * max(beside.values())))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.5, 0.5 + max(map(depth, names))), ylim=(-0.5, 0.5 + max(beside.values())))
    axes.set_axis_off()
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "black"}
    for a, others in below.items():
        for b in others:
            arrow = {"arrowstyle": "->", "shrinkA": 30, "shrinkB": 32}
            axes.annotate("", (depth(b), beside[b]), (depth(a), beside[a]), arrowprops=arrow)
        axes.text(depth(a), beside[a], a, ha="center", va="center", bbox=box)
    return figure


def kinds() -> Figure:
    """Return the drawing: six atoms of one column of each kind, for 8 x 8 digits."""
    data = load_digits().data / 16
    names = [name for name in KINDS if name != "nokernel"]
    figure = Figure(figsize=(8.4, 0.62 * -(-len(names) // 2)), layout="constrained")
    for half, part in zip(figure.subfigures(1, 2), (names[::2], names[1::2]), strict=True):
        for row, name in zip(half.subplots(len(part), 6), part, strict=True):
            given = data if KINDS[name].data else None
            made = make_dictionary(name, Grid(8, 8), proportion=0.25, rng=np.random.default_rng(0), data=given)
            for axes, atom in zip(row, made.columns[0].U.T, strict=False):
                limit = np.abs(atom).max()
                axes.imshow(atom.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
                axes.set(xticks=[], yticks=[])
            row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


if __name__ == "__main__":
    for draw in (prediction, rooms, kinds):
        save_figure(draw(), PICTURES / draw.__name__)
