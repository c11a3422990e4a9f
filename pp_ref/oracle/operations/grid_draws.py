"""What the arguments of operations on a grid are drawn from: sizes, taps, kept indices, and R of every column."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.oracle.operations.draws import Arguments, Draw, Real

__all__ = ["RUN", "SQUARE", "TAILS", "grid", "of_a_run", "on_long_tails", "on_square"]


def _symmetric(draw: Draw, k: int) -> Real:
    """As (K_alpha + ridge I)^-1 is."""
    A = draw(k, k)
    return draw.stored(A + A.T)


def grid(draw: Draw, *wanted: str, slowly: bool = False) -> Arguments:
    """A 5 x 6 grid, so that axes are told apart, and R of every column. Taps may decay slowly."""
    s, sizes = draw.sizes, draw.image(5, 6)
    d = sizes[0] * sizes[1]
    columns = [(min(k, d), m) for k, m in draw.sizes.columns]
    every: dict[str, Callable[[], Any]] = {
        "v": lambda: draw(s.n, d),
        "g": lambda: [draw(s.n, k) for k, _ in columns],
        "w": lambda: [draw(k, m) for k, m in columns],
        "G": lambda: draw(d, s.m),
        "widths": lambda: tuple(m for _, m in columns),
        "sizes": lambda: sizes,
        "taps": lambda: [draw.taps(size, slowly) for size in sizes],
        "alpha": lambda: [draw.rng.permutation(draw.kept(d, k)) for k, _ in columns],
        "R": lambda: [_symmetric(draw, k) for k, _ in columns],
    }
    return {name: every[name]() for name in (*wanted, "sizes", "taps", "alpha", "R")}


def on_long_tails(*wanted: str) -> Callable[[Draw], Arguments]:
    """Of another grid: no few taps are nearly all of it."""
    return lambda draw: grid(Draw(draw.sizes.at(image=(4, 9)), draw.arithmetic), *wanted, slowly=True)


TAILS = ("taps are cut off where a Gaussian's would be small", "a kernel that decays slowly is another")


def on_square(*wanted: str) -> Callable[[Draw], Arguments]:
    """Of a square grid, whose axes only the taps tell apart, and columns of one shape."""

    def arguments(draw: Draw) -> Arguments:
        sizes = draw.sizes.at(image=(5, 5), columns=((3, 2),) * 3)
        found = grid(Draw(sizes, draw.arithmetic), *wanted, slowly=True)
        return found | {"taps": [found["taps"][0], draw.stored(np.exp(-0.5 * np.arange(5)))]}

    return arguments


SQUARE = ("axes of the grid or columns are exchanged", "what only shapes tell apart is another's")


def of_a_run(*wanted: str) -> Callable[[Draw], Arguments]:
    """Kept indices that follow on each other, those of the first column from 0 on."""

    def arguments(draw: Draw) -> Arguments:
        found = grid(draw, *wanted, slowly=True)
        lengths = [len(alpha_j) for alpha_j in found["alpha"]]
        starts = [0, *map(int, draw.rng.integers(9, 20, len(lengths) - 1))]
        return found | {"alpha": [np.arange(k) + start for k, start in zip(lengths, starts, strict=True)]}

    return arguments


RUN = ("kept indices are taken to be scattered, or a slice of K", "another place's rows")
