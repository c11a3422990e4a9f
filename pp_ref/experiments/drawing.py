"""Filters as images, and figures as files that are the same for the same records."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pp_ref.errors import ShapeError
from pp_ref.files import write_atomically

__all__ = ["filter_grid", "save_figure", "show_filters"]

CHARACTERS = 15  # of a caption, in an inch


def save_figure(figure: Figure, stem: Path, caption: str = "") -> list[Path]:
    """Write a figure as PNG and as SVG, each whole or not at all.

    stem     path without a suffix
    caption  sentences below the figure
    returns  the two paths
    raises   DataError if a file cannot be written
    """
    if caption:
        width = int(figure.get_figwidth() * CHARACTERS)
        figure.supxlabel(fill(caption, width), x=0.01, ha="left", fontsize=8)
    paths = []
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        content = BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "pp_ref"}):  # ids that do not change from run to run
            figure.savefig(content, format=suffix, dpi=150, metadata=metadata)
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_atomically(path, content.getvalue())
        paths.append(path)
    return paths


def filter_grid(W: NDArray[Any], shape: Sequence[int], columns: int | None = None) -> NDArray[np.float64]:
    """Filters as one image. Each is scaled by its own largest |weight|; grey is 0; the frames are one pixel wide.

    W        (d, m) weights, one filter a column
    shape    (height, width) or (height, width, 1 or 3) with product d, as `Grid` lays weights out
    columns  filters side by side; None makes the image about square
    returns  (rows, columns) or (rows, columns, channels) float64 in [0, 1]
    raises   ShapeError
    """
    d, m = W.shape
    if d != np.prod(shape) or len(shape) not in (2, 3):
        raise ShapeError(
            f"W has {d} weights a filter, but shape {tuple(shape)} holds {np.prod(shape)}: expected an image of {d}"
        )
    columns = columns or int(np.ceil(np.sqrt(m)))
    rows = -(-m // columns)
    height, width, *channels = shape
    image = np.ones((rows * (height + 1) + 1, columns * (width + 1) + 1, *channels))
    scale = np.maximum(np.abs(W).max(axis=0, initial=0.0), np.finfo(np.float64).tiny)
    for number, w in enumerate((0.5 + 0.5 * (W / scale)).T):
        top, left = (number // columns) * (height + 1) + 1, (number % columns) * (width + 1) + 1
        image[top : top + height, left : left + width] = w.reshape(shape)
    return image


def show_filters(axes: Axes, W: NDArray[Any], shape: Sequence[int], columns: int | None = None) -> None:
    """Draw the image that `filter_grid` makes, without ticks."""
    axes.imshow(filter_grid(W, shape, columns), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
