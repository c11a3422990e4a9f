"""Lesson 9: tails, places in memory, and the roofline."""

from dataclasses import replace

import numpy as np

from pp_ref.lessons.exercise import SMALL, Exercise, Mistake, defined, numbers
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw


def _in_tiles(x: Quantity, tile: int) -> Quantity:
    count = -(-x.shape[0] // tile)
    places = np.arange(count * tile)
    return x.take(np.where(places < x.shape[0], places, -1).reshape(count, tile)).sum(axis=1)


def _line(draw: Draw) -> Arguments:
    return {"x": draw(draw.sizes.d), "tile": 2 + draw.sizes.seed % 2}


def _seconds(work: Quantity, traffic: Quantity, peak: Quantity, bandwidth: Quantity) -> Quantity:
    computing, moving = work / peak, traffic / bandwidth
    longer = np.asarray(computing.algebra.compared(computing.data) >= moving.algebra.compared(moving.data))
    return computing.where(longer, moving)


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "9.1",
        "Tiles, and what is left over",
        "A kernel goes through a line in tiles of `tile` numbers. The last tile may be shorter: a tail. Return the sum "
        "of each tile, the tail's last, for `x` of shape (d,). There are ceil(d / tile) of them.",
        '''
def in_tiles(x, tile):
    """Return the sums of x[0:tile], x[tile:2 tile], ..., the last one of what is left."""
    return ...
''',
        defined("in_tiles", _in_tiles, _line),
        {"y": "Tile t is x[t tile : (t + 1) tile]; the last one ends at d, not at (t + 1) tile."},
        "Three numbers in tiles of two: the sum of the first two, then the third.",
        (
            Mistake(
                "tail dropped",
                "range(0, len(x), tile)",
                "range(0, len(x) - tile + 1, tile)",
                "The tail is dropped: only full tiles are there.",
                "Go on while a tile begins inside x: range(0, len(x), tile).",
            ),
            Mistake(
                "tail moved back",
                "x[start : start + tile].sum()",
                "x[max(min(start, len(x) - tile), 0) :][:tile].sum()",
                "The last tile is moved back to be full: numbers before the tail count twice.",
                "Let the last tile be shorter.",
            ),
            Mistake(
                "mean",
                "x[start : start + tile].sum()",
                "x[start : start + tile].mean()",
                "These are means of the tiles, not sums.",
                "Use sum.",
            ),
            Mistake(
                "running sum",
                "x[start : start + tile].sum()",
                "x[: start + tile].sum()",
                "Each sum goes on from the tile before: the accumulator is not set back.",
                "Begin each tile at 0.",
            ),
            Mistake(
                "one short",
                "x[start : start + tile].sum()",
                "x[start : start + tile - 1].sum()",
                "The last number of every full tile is left out.",
                "A slice ends before its end: write start + tile.",
            ),
            Mistake(
                "strided",
                "np.array([x[start : start + tile].sum() for start in range(0, len(x), tile)])",
                "np.array([x[i :: -(-len(x) // tile)].sum() for i in range(-(-len(x) // tile))])",
                "Numbers are dealt out in turn, one to each tile, not in runs.",
                "Tile t has the numbers from t tile on, side by side.",
            ),
        ),
        sizes=tuple(replace(size, d=d) for size, d in zip(SMALL, (4, 4, 7, 7, 9, 13, 25), strict=True)),
    ),
    Exercise(
        "9.2",
        "Where a pixel lies in memory",
        "Images are (height, width, channels), the last index fastest. Return the place of the number at row `i`, "
        "column `j`, channel `c`, counted from 0 at the first: **(i width + j) channels + c**.",
        '''
def place(i, j, c, height, width, channels):
    """Return the place in memory of [i, j, c] of a (height, width, channels) image."""
    return ...
''',
        defined(
            "place",
            lambda i, j, c, height, width, channels: (i * width + j) * channels + c,
            numbers(
                i=(1, 1, 1, 2, 3, 17, 5),
                j=(0, 1, 2, 1, 2, 30, 7),
                c=(0, 0, 1, 2, 1, 2, 6),
                height=(2, 2, 2, 3, 5, 32, 9),
                width=(2, 3, 4, 2, 6, 31, 8),
                channels=(1, 2, 2, 3, 4, 3, 7),
            ),
        ),
        {"y": "A step in i passes width channels numbers, one in j channels numbers, one in c a single number."},
        "Row 1 begins after width * channels numbers.",
        (
            Mistake(
                "height for width",
                "i * width + j",
                "i * height + j",
                "A row is taken to be height pixels long.",
                "A row has width pixels.",
            ),
            Mistake(
                "channels first",
                "(i * width + j) * channels + c",
                "(c * height + i) * width + j",
                "This is the place where channels come first, (channels, height, width).",
                "The last index is the fastest: channels lie side by side.",
            ),
            Mistake(
                "columns first",
                "(i * width + j) * channels + c",
                "(j * height + i) * channels + c",
                "Rows and columns are exchanged: this goes down a column first.",
                "A step in j is the shorter one.",
            ),
            Mistake(
                "channels left out",
                "(i * width + j) * channels + c",
                "i * width + j + c",
                "A pixel is taken to be one number.",
                "A pixel has as many numbers as channels.",
            ),
            Mistake(
                "only j by channels",
                "(i * width + j) * channels + c",
                "i * width + j * channels + c",
                "The step in i is width, not width times channels.",
                "A row has width * channels numbers.",
            ),
            Mistake(
                "first index fastest",
                "(i * width + j) * channels + c",
                "(c * width + j) * height + i",
                "The first index is the fastest here: Fortran's order.",
                "The last index is the fastest.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "9.3",
        "The roofline",
        "A kernel does `work` flops and moves `traffic` bytes. A machine does at most `peak` flops a second, and moves "
        "at most `bandwidth` bytes a second, both at the same time. Return the fewest seconds it can take.",
        '''
def least_seconds(work, traffic, peak, bandwidth):
    """Return the fewest seconds that the kernel can take."""
    return ...
''',
        defined(
            "least_seconds",
            _seconds,
            numbers(
                work=(8, 6, 12, 100, 7, 2e9, 1e6),
                traffic=(4, 12, 6, 50, 21, 4e6, 3e7),
                peak=(2, 3, 4, 10, 2, 3e9, 5e9),
                bandwidth=(4, 2, 1, 10, 3, 2e9, 1e10),
            ),
        ),
        {"y": "work / peak seconds of computing, traffic / bandwidth of moving; at once, so the longer one decides."},
        "8 flops at 2 a second take 4 s; 4 bytes at 4 a second take 1 s, meanwhile. 4 s.",
        (
            Mistake(
                "one after the other",
                "max(work / peak, traffic / bandwidth)",
                "work / peak + traffic / bandwidth",
                "The two times are added, as if nothing moved while it computes.",
                "They go on at once: take the longer one.",
            ),
            Mistake(
                "shorter",
                "max(work / peak, traffic / bandwidth)",
                "min(work / peak, traffic / bandwidth)",
                "The shorter of the two times is taken.",
                "Both have to be done: take the longer one.",
            ),
            Mistake(
                "computing alone",
                "max(work / peak, traffic / bandwidth)",
                "work / peak",
                "Only the computing is counted.",
                "Where moving takes longer, it decides.",
            ),
            Mistake(
                "moving alone",
                "max(work / peak, traffic / bandwidth)",
                "traffic / bandwidth",
                "Only the moving is counted.",
                "Where computing takes longer, it decides.",
            ),
            Mistake(
                "a rate",
                "max(work / peak, traffic / bandwidth)",
                "min(peak, work / traffic * bandwidth)",
                "This is the rate, flops a second, not the time.",
                "Divide the work by it.",
            ),
        ),
        whole=False,
    ),
)
