"""Where in a tensor the errors are: a map of |computed - exact| / bound, a colour for each power of ten, as SVG."""

import math

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.reports.elements import Element, element
from pp_ref.oracle.reports.words import wrong
from pp_ref.oracle.verdict.findings import TensorVerdict

__all__ = ["EDGES", "LEVELS", "SQUARES", "error_map"]

Grid = NDArray[np.float64]

EDGES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)  # of the levels: a share of 1 and less is within the bound
LEVELS = ("≤ 1/1000", "≤ 1/100", "≤ 1/10", "≤ 1", "≤ 10", "≤ 100", "≤ 1000", "more, or NaN")
SQUARES = 48  # at most, either way
TEXT = 11  # height of a letter in pixels; its width is 0.6 of that


def error_map(tensor: TensorVerdict) -> Element | None:
    """The map of a tensor whose errors are recorded, (all axes but the last) x last; None where nothing is.

    More than 48 rows or columns are reduced by the maximum over blocks. Wrong squares carry a dot and the worst one a
    frame, so that nothing depends on colour alone. Levels are classes, "level0" to "level7", for the page to colour.
    """
    if not tensor.errors:
        return None
    *leading, last = tensor.shape or (1,)
    errors = np.asarray(tensor.errors).reshape(-1, last)
    blocks = [math.ceil(length / SQUARES) for length in errors.shape]
    starts = [range(0, length, block) for length, block in zip(errors.shape, blocks, strict=True)]
    reduced = np.maximum.reduceat(np.maximum.reduceat(errors, starts[0], axis=0), starts[1], axis=1)

    rows, columns = reduced.shape
    side = max(8, min(24, 480 // max(rows, columns)))
    column_names = [str(start) for start in starts[1]] if tensor.shape else []
    row_names = [_index(start, leading) for start in starts[0]] if leading else []
    left = 2 * TEXT + _width(row_names)
    top = 3 * TEXT
    said = description(tensor, blocks)
    return element(
        "svg",
        element("title", said),
        *_columns_axis(column_names, len(leading), side, left),
        *_rows_axis(row_names, len(leading), side, left, top),
        element(
            "g",
            *_levels(reduced),
            element("path", d=_dots(reduced), class_="dots"),
            *_frame(tensor, leading, blocks),
            transform=f"translate({left} {top}) scale({side})",
        ),
        viewBox=f"0 0 {left + side * columns + 4 * TEXT} {top + side * rows + TEXT}",
        width=left + side * columns + 4 * TEXT,
        role="img",
        aria_label=said,
        class_="map",
    )


def description(tensor: TensorVerdict, blocks: list[int]) -> str:
    """The map in words, for those who do not see it."""
    each = "" if blocks == [1, 1] else f" Each square is the largest of up to {blocks[0]} x {blocks[1]} entries."
    at = f", the worst at {tensor.at}" if tensor.at is not None else ""
    return f"Error over bound of {tensor.name} {tensor.shape}: {wrong(tensor)}{at}.{each}"


def _index(row: int, leading: list[int]) -> str:
    return ", ".join(str(i) for i in np.unravel_index(row, leading))


def _width(names: list[str]) -> int:
    """Pixels of the longest name."""
    return math.ceil(0.6 * TEXT * max(map(len, names), default=0))


def _columns_axis(names: list[str], axis: int, side: int, left: int) -> list[Element]:
    """Its title, and the index at which every few columns begin, above them; a single number has none."""
    if not names:
        return []
    every = math.ceil((_width(names) + TEXT) / side)
    ticks = [
        element("text", name, x=left + side * (x + 0.5), y=2.6 * TEXT, text_anchor="middle")
        for x, name in list(enumerate(names))[::every]
    ]
    return [element("text", f"axis {axis}", x=left, y=TEXT), *ticks]


def _rows_axis(names: list[str], axes: int, side: int, left: int, top: int) -> list[Element]:
    """The same to the left of the rows, the title upwards; a vector has none."""
    if not names:
        return []
    every = math.ceil(1.5 * TEXT / side)
    ticks = [
        element("text", name, x=left - 4, y=top + side * (y + 0.5) + 0.35 * TEXT, text_anchor="end")
        for y, name in list(enumerate(names))[::every]
    ]
    title = "axis 0" if axes == 1 else f"axes 0 to {axes - 1}"
    turned = f"translate({TEXT} {top + side * len(names)}) rotate(-90)"
    return [element("text", title, transform=turned), *ticks]


def _levels(grid: Grid) -> list[Element]:
    """A path for each level, of its runs in every row."""
    levels = np.searchsorted(EDGES, grid)  # NaN is sorted to the end
    paths: dict[int, list[str]] = {}
    for y, row in enumerate(levels):
        starts = [0, *(int(x) + 1 for x in np.flatnonzero(np.diff(row)))]
        for x, end in zip(starts, [*starts[1:], len(row)], strict=True):
            paths.setdefault(int(row[x]), []).append(f"M{x} {y}h{end - x}v1h{x - end}z")
    return [element("path", d="".join(paths[level]), class_=f"level{level}") for level in sorted(paths)]


def _dots(grid: Grid) -> str:
    """Strokes of no length with round ends, in every square with an entry outside its bound."""
    return "".join(f"M{x}.5 {y}.5h0" for y, x in np.argwhere(~(grid <= 1)))


def _frame(tensor: TensorVerdict, leading: list[int], blocks: list[int]) -> list[Element]:
    """Around the square of the worst entry."""
    if not tensor.at:
        return []
    *row, x = tensor.at
    y = int(np.ravel_multi_index(row, leading)) if row else 0
    return [element("rect", x=x // blocks[1], y=y // blocks[0], width=1, height=1, class_="worst")]
