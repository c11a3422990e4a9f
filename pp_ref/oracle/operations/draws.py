"""What the arguments of every operation are drawn from: sizes, an arithmetic and a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.operations.geometries import CONVOLUTIONS, POOLINGS

__all__ = [
    "LOWEST",
    "MASKED",
    "OVERFLOW",
    "SPACE",
    "TIES",
    "Arguments",
    "Draw",
    "Real",
    "Sizes",
    "autoencoder",
    "away_from_zero",
    "cross_entropy",
    "filters",
    "grid_points",
    "in_three_coordinates",
    "large_logits",
    "large_mean",
    "low",
    "low_pieces",
    "many_classes",
    "nearly_orthonormal",
    "of_a_run",
    "one_class",
    "partial_sums",
    "pieces",
    "points",
    "ridge",
    "saturated",
    "shaped",
    "short",
    "tied_pieces",
    "uneven",
    "unsorted",
    "within",
    "zero_columns",
    "zeros",
]

Real = NDArray[np.float64]
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """One problem: n examples, d inputs, (k_j, m_j) of every column, a scale of the numbers, a geometry, a seed.

    geometry  an index into the tables of `geometries`, or a filter or window as they have it, without the image
    image     height and width; None: what the geometry has
    """

    n: int = 5
    d: int = 7
    columns: tuple[tuple[int, int], ...] = ((3, 2), (2, 3), (3, 1))
    scale: float = 1.0
    geometry: Any = 0
    image: tuple[int, int] | None = None
    seed: int = 0

    k = property(lambda self: self.columns[0][0])
    m = property(lambda self: sum(m_j for _, m_j in self.columns))

    def at(self, **changes: Any) -> "Sizes":
        return replace(self, **changes)


class Draw:
    """Numbers that the arithmetic stores exactly."""

    def __init__(self, sizes: Sizes, arithmetic: Arithmetic) -> None:
        self.sizes, self.arithmetic = sizes, arithmetic
        self.rng = np.random.default_rng(sizes.seed)
        # Terms have at most eight factors (the gradient of a squared v W W^T - v has seven), sums 2^16 of them: not
        # even their majorants overflow. Of 1/4 in float16, of no consequence elsewhere.
        # And not so small that beside 1, or squared, nothing is left of them: 1/2 in bfloat16, 1/4 in float16.
        least = 2.0 ** (3 - arithmetic.bits // 2)
        self.scale = max(min(sizes.scale, (arithmetic.largest / 2.0**32) ** (1 / 8)), least)

    def __call__(self, *shape: int, scale: float = 1.0) -> Real:
        return self.stored(self.rng.standard_normal(shape) * self.scale * scale)

    def weights(self, *shape: int, size: float = 1.0) -> Real:
        """A model's, of deviation size / sqrt(rows), whatever the scale: its units neither saturate nor fade."""
        return self(*shape, scale=size / self.scale / np.sqrt(max(shape[0], 1)))

    def stored(self, x: Any) -> Real:
        return self.arithmetic.representable(np.asarray(x, np.float64))

    def columns(self, shape: Callable[[int, int], tuple[int, ...]], scale: float = 1.0) -> list[Real]:
        return [self(*shape(k, m), scale=scale) for k, m in self.sizes.columns]

    def labels(self, classes: int) -> NDArray[np.int64]:
        return self.rng.integers(0, classes, self.sizes.n)

    def kept(self, of: int, k: int) -> NDArray[np.int64]:
        """Distinct indices, sorted."""
        return np.sort(self.rng.permutation(of)[: min(k, of)])

    @property
    def convolution(self) -> tuple[int, ...]:
        return self._geometry(CONVOLUTIONS)

    @property
    def pooling(self) -> tuple[Any, ...]:
        return self._geometry(POOLINGS)

    def _geometry(self, table: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        g = self.sizes.geometry
        *window, height, width = table[g % len(table)] if isinstance(g, int) else (*g, 1, 1)
        return (*window, *self.image(height, width))

    def image(self, height: int, width: int) -> tuple[int, int]:
        """Of these extents, unless the sizes have others."""
        return self.sizes.image or (height, width)

    def taps(self, size: int, slowly: bool) -> Real:
        """Of a symmetric Toeplitz matrix: they decay slowly, or so fast that few of them count."""
        i = np.arange(size)
        return self.stored(1 / (1 + i / 4) if slowly else np.exp(-0.5 * i**2.0))


def shaped(*passed: str, **given: Any) -> Callable[[Draw], Arguments]:
    """Arrays, drawn in this order, and settings.

    passed  the names of those that are passed on; none: all
    given   name -> axes, "n d" of the sizes, with k_j or m_j one array a column; anything else is a setting
    """

    def array(draw: Draw, axes: list[str]) -> Any:
        s = draw.sizes
        sizes = {"n": s.n, "d": s.d, "k": s.k, "m": s.m}
        if {"k_j", "m_j"}.isdisjoint(axes):
            return draw(*(sizes[axis] for axis in axes))
        return draw.columns(lambda k, m: tuple((sizes | {"k_j": k, "m_j": m})[axis] for axis in axes))

    def arguments(draw: Draw) -> Arguments:
        every = {name: array(draw, x.split()) if isinstance(x, str) else x for name, x in given.items()}
        return {name: every[name] for name in passed or every}

    return arguments


def saturated(name: str, **settings: Any) -> Callable[[Draw], Arguments]:
    def arguments(draw: Draw) -> Arguments:
        # exp(88.8) is float32's largest number and exp(709.8) float64's: far beyond either, and beyond tanh's 1.
        ladder = np.array([0.0, 1e-4, 1.0, 9.0, 20.0, 40.0, 90.0, 720.0])
        ladder = ladder[ladder**2 < draw.arithmetic.largest]  # a square may be formed
        # The first row shows nothing of the others: who looks at it alone takes the wrong way for them.
        return {name: draw.stored(np.stack([ladder / 1024, ladder, -ladder, ladder[::-1]])), **settings}

    return arguments


OVERFLOW = (
    "exp of a large number overflows, or the branch for large numbers is wrong",
    "infinity or NaN where a finite number is due, or a gradient of zero",
)


def away_from_zero(draw: Draw) -> Arguments:
    v = draw(draw.sizes.n, draw.sizes.d)
    return {"v": draw.stored(v + np.where(v > 0, 0.25, -0.25))}


def zeros(draw: Draw) -> Arguments:
    return {"v": np.array([[0.0, 1.0, -1.0, 0.0]])}


def positive(draw: Draw) -> Arguments:
    return {"v": abs(away_from_zero(draw)["v"])}


def low(draw: Draw) -> Arguments:
    v = away_from_zero(draw)["v"]
    v[::2, 0] = -np.inf
    return {"v": v}


MASKED = ("numbers are multiplied by a mask, and 0 times infinity is NaN", "NaN where 0 is due")


def pieces(draw: Draw) -> Arguments:
    return {"v": draw(draw.sizes.n, 3 * draw.sizes.m), "pieces": 3}


def tied_pieces(draw: Draw) -> Arguments:
    return {"v": np.array([[1.0, 1.0, 0.0, 0.0, 2.0, 2.0], [3.0, 3.0, 3.0, -1.0, -2.0, -1.0]]), "pieces": 3}


TIES = (
    "a tie is broken otherwise than by the first, or its gradient is shared or counted twice",
    "another subgradient",
)


def cross_entropy(draw: Draw) -> Arguments:
    return {"z": draw(draw.sizes.n, draw.sizes.m), "labels": draw.labels(draw.sizes.m)}


def large_logits(draw: Draw) -> Arguments:
    """The last row lies far below the others: their maximum is not its own."""
    most = min(1e4, draw.arithmetic.largest / 32)  # of a half, so that a batch of them does not overflow
    z = draw.rng.choice([-most, 0.0, most], (4, 5))
    z[3] = draw.rng.choice([-most, -most / 2], 5)
    return {"z": draw.stored(z), "labels": draw.rng.integers(0, 5, 4)}


def one_class(draw: Draw) -> Arguments:
    return {"z": draw(4, 5), "labels": np.full(4, 4)}


def many_classes(draw: Draw) -> Arguments:
    """Beyond 2048, from where float16 holds only every other whole number; labels at both ends, and in between."""
    classes = 2050 + int(draw.rng.integers(40))
    return {"z": draw(5, classes), "labels": np.array([0, classes - 1, 2049, 2047, 1])}


def low_pieces(draw: Draw) -> Arguments:
    v = draw(3, 12)
    v[:, :4] = v[1, 9] = -np.inf
    return {"v": v, "pieces": 3}


LOWEST = (
    "a maximum starts from the lowest finite number, or from 0",
    "a finite number where all are -infinity",
)


def partial_sums(draw: Draw) -> Arguments:
    """Sums that are small, of terms that add up to 100 000 on the way: float16 ends at 65504."""
    half = 104 + int(draw.rng.integers(9))
    v = np.full((3, 2 * half + 1), 1000.0)
    v[:, half:-1] = -1000.0
    v[:, -1] = 8.0 * draw.rng.integers(1, 9, 3)
    return {"v": v, "W": np.ones((2 * half + 1, 4)), "b": 8.0 * draw.rng.integers(-9, 9, 4)}


def autoencoder(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"v": draw(s.n, s.d), "W": draw(s.d, s.m, scale=0.5), "b": draw(s.m), "c": draw(s.d)}


def filters(draw: Draw) -> Arguments:
    return {"W": draw(max(draw.sizes.d, 3), draw.sizes.m)}  # a single row has no direction to learn


def short(draw: Draw) -> Arguments:
    """Columns whose squares do not underflow; of float64's, squares in float32 would."""
    length = max(np.log2(draw.arithmetic.tiny) / 2 + 3, -90.0)
    return {"W": draw.stored(filters(draw)["W"] * 2.0 ** np.rint(length))}


def points(draw: Draw, **settings: Any) -> Arguments:
    s = draw.sizes
    return {"a": draw(s.n, 2), "b": draw(s.m, 2), "length_scale": 0.75 * draw.scale, **settings}


def large_mean(draw: Draw) -> Arguments:
    """A mean whose square has still some digits of the variance beside it."""
    mean = min(64.0, 2.0 ** (draw.arithmetic.bits // 2 - 2))
    return {"data": draw.stored(draw(20, 3) + mean), "power": 1}


def grid_points(**settings: Any) -> Callable[[Draw], Arguments]:
    """All of a 6 x 6 grid, with coincident points and distant ones."""
    grid = np.stack(np.unravel_index(np.arange(36), (6, 6)), axis=1).astype(float)
    return lambda draw: {"a": grid, "b": grid[::5], "length_scale": 0.5, **settings}


def in_three_coordinates(**settings: Any) -> Callable[[Draw], Arguments]:
    return lambda draw: {"a": draw(draw.sizes.n, 3), "b": draw(draw.sizes.m, 3), "length_scale": 0.75, **settings}


SPACE = ("two coordinates are written out", "distances without the third")


def zero_columns(draw: Draw) -> Arguments:
    W = draw(draw.sizes.d, draw.sizes.m)
    W[:, ::2] = 0.0
    return {"W": W, "limit": 1.5}


def within(draw: Draw) -> Arguments:
    return {"W": draw(draw.sizes.d, draw.sizes.m), "limit": float(draw.stored(64 * draw.scale))}


def nearly_orthonormal(draw: Draw) -> Arguments:
    """W W^T is a little more than I, by a power of two that every arithmetic tells apart."""
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    return {"v": draw(5, 4), "W": signs * (0.5 + 2.0 ** -(draw.arithmetic.bits // 2))}


def _se_matrix(image: tuple[int, int], length_scale: float) -> Real:
    points = np.stack(np.unravel_index(np.arange(image[0] * image[1]), image), axis=1).astype(float)
    square = ((points[:, None] - points[None, :]) ** 2).sum(axis=2)
    K: Real = np.exp(-0.5 * square / length_scale**2)
    return K


def ridge(side: int, length_scale: float, ridge: float, form: str = "ridge") -> Callable[[Draw], Arguments]:
    def arguments(draw: Draw) -> Arguments:
        image = draw.image(side, side)
        d = image[0] * image[1]
        alpha = draw.kept(d, d // 2)
        K = draw.stored(_se_matrix(image, length_scale))
        # With less, K is not definite to those who round it, nor are there bounds of a large one.
        least = 1.0 if draw.sizes.image else min(2.0**16 * draw.arithmetic.unit, 1.0)
        return {"K": K, "alpha": alpha, "ridge": float(draw.stored(max(ridge, least))), "form": form}

    return arguments


def unsorted(draw: Draw) -> Arguments:
    arguments = ridge(4, 1.0, 1e-3)(draw)
    return arguments | {"alpha": arguments["alpha"][::-1].copy()}


def of_a_run(draw: Draw) -> Arguments:
    arguments = ridge(4, 1.0, 1e-3)(draw)
    return arguments | {"alpha": np.arange(len(arguments["alpha"])) + int(draw.rng.integers(1, 8))}


def uneven(draw: Draw) -> Arguments:
    arguments = ridge(4, 1.0, 2.0**-6)(draw)
    scale = np.linspace(1.0, 3.0, len(arguments["K"]))
    return arguments | {"K": draw.stored(np.outer(scale, scale) * arguments["K"])}
