"""f and its claimed gradient g around x: values, noise, and two ways to measure the slope that g leaves.

`docs/gradient_check.md` has the error model.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_finite
from pp_ref.errors import DomainError, ShapeError
from pp_ref.gradient_check.remainders import SIGMAS, intercept, misfits, noise_of, order_of
from pp_ref.gradient_check.words import OutOfTime

__all__ = ["Measured", "Path", "Problem", "Tree", "Vector"]

Vector = NDArray[Any]
Tree = Any  # an array, or a dict, list or tuple of arrays
Path = tuple[Any, ...]

RESOLVED = 0.1  # of f's slope: what cannot tell apart errors of this size decides nothing
SAMPLES = 32  # points whose differences show the rounding


@dataclass(frozen=True)
class Measured:
    """<grad f - g, d> along one d. Half of ``jump``, by which the slope changes at x, is part of the uncertainty."""

    excess: float
    uncertainty: float
    slope: float = math.inf  # the size of the slopes of f along d
    jump: float = 0.0
    order: tuple[float, float] = (math.nan, math.nan)  # with its standard deviation
    step: float = math.nan  # the largest one whose truncation does not show

    @property
    def wrong(self) -> bool:
        return self.share > 1

    @property
    def share(self) -> float:
        """Of the uncertainty, that is used up."""
        return abs(self.excess) / self.uncertainty if self.excess else 0.0

    @property
    def resolved(self) -> bool:
        return self.uncertainty <= RESOLVED * self.slope or self.slope == 0


class Problem:
    """f and g around x, all arrays of x in one vector of float64 (longdouble if one of them is)."""

    def __init__(
        self,
        f: Callable[[Tree], Any],
        g: Any,
        x: Tree,
        rng: np.random.Generator,
        time_limit: float = math.inf,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        self.rng, self.tree, self.calls, self.overflowed = rng, x, 0, 0.0
        ends = time.monotonic() + time_limit

        def called(at: Tree) -> Any:
            """f, unless the time is over."""
            if time.monotonic() > ends:
                raise OutOfTime
            self.calls += 1
            advance()
            return f(at)

        self.f = called
        self.leaves = _leaves(x, "x")
        for name, leaf in self.leaves.values():
            if leaf.dtype.kind != "f":
                raise DomainError(
                    f"{name} has dtype {leaf.dtype}, expected float32, float64 or longdouble: convert integers, and "
                    "make real and imaginary parts two arrays"
                )
            check_finite(**{name: leaf})
        dtypes = [leaf.dtype for _, leaf in self.leaves.values()]
        self.wide = np.result_type(np.float64, *dtypes)
        self.x = self._flat(leaf for _, leaf in self.leaves.values())
        self.n = self.x.size

        given = self._copied()
        y = np.asarray(f(given))
        self._unwritten(given, "f")
        if y.shape != ():
            raise ShapeError(f"f(x) has shape {y.shape}, expected a scalar: take its sum or its mean")
        if y.dtype.kind not in "fiu" or not np.isfinite(y):
            overflow = " (an overflow)" if y.dtype.kind == "f" and np.isinf(y) else ""
            raise DomainError(
                f"f(x) is {y} of dtype {y.dtype}{overflow}, expected a real, finite number: choose another f or x"
            )
        self.y = y
        self.again = np.asarray(f(self._copied()))
        self.gradient: Callable[[Vector], Vector] | None = None
        if callable(g):
            given = self._copied()
            claimed = g(given)
            self._unwritten(given, "g")
            self.gradient = lambda at: self._flat(
                np.asarray(leaf) for _, leaf in _leaves(g(self._at(at)), "g").values()
            )
        else:
            claimed = g
        self.g, g_dtypes = self._claimed(claimed)

        rounded = [dtype for dtype in (*dtypes, y.dtype) if dtype.kind == "f"]
        self.bits = min((np.finfo(dtype).nmant for dtype in rounded), default=52)
        self.eps = 2.0**-self.bits
        self.g_eps = max((float(np.finfo(dtype).eps) for dtype in g_dtypes if dtype.kind == "f"), default=self.eps)
        size = float(np.sqrt(np.mean(np.square(self.x, dtype=np.longdouble)))) if self.n else 0.0
        self.size = 2.0 ** round(math.log2(size)) if size > 0 else 1.0

    # Between the caller's arrays and one vector.

    def _flat(self, leaves: Iterator[Vector]) -> Vector:
        parts = [np.ravel(leaf).astype(self.wide) for leaf in leaves]
        return np.concatenate(parts) if parts else np.zeros(0, self.wide)

    def _at(self, vector: Vector) -> Tree:
        """The caller's structure with the numbers of ``vector``, which f may overwrite, each rounded to its dtype."""
        built, start = [], 0
        for _, leaf in self.leaves.values():
            dtype = np.result_type(leaf.dtype, np.complex64) if vector.dtype.kind == "c" else leaf.dtype
            built.append(vector[start : start + leaf.size].reshape(leaf.shape).astype(dtype, copy=False))
            start += leaf.size
        if isinstance(self.tree, Mapping):
            return dict(zip(self.tree, built, strict=True))
        return type(self.tree)(built) if isinstance(self.tree, list | tuple) else built[0]

    def _copied(self) -> Tree:
        return self._at(self.x.copy())

    def _unwritten(self, given: Tree, name: str) -> None:
        if not np.array_equal(self._flat(leaf for _, leaf in _leaves(given, "x").values()), self.x):
            raise DomainError(f"{name} writes to x, expected it to leave its argument as it is: let it copy x first")

    def _claimed(self, tree: Tree) -> tuple[Vector, list[np.dtype[Any]]]:
        found = _leaves(tree, "g")
        if list(found) != list(self.leaves):
            if set(found) != set(self.leaves):
                names = [", ".join(name for name, _ in part.values()) for part in (found, self.leaves)]
                raise ShapeError(f"g consists of {names[0] or 'nothing'}, x of {names[1]}: expected one array for each")
            found = {path: found[path] for path in self.leaves}
        for path, (name, leaf) in found.items():
            x_name, x_leaf = self.leaves[path]
            if leaf.shape != x_leaf.shape:
                raise ShapeError(f"{name} has shape {leaf.shape}, but {x_name} has {x_leaf.shape}: expected the same")
            if leaf.dtype.kind not in "fiu":
                raise DomainError(f"{name} has dtype {leaf.dtype}, expected real numbers")
        return self._flat(leaf for _, leaf in found.values()), [leaf.dtype for _, leaf in found.values()]

    def path(self, entry: int) -> Path:
        for path, (_, leaf) in self.leaves.items():
            if entry < leaf.size:
                return path + tuple(int(i) for i in np.unravel_index(entry, leaf.shape))
            entry -= leaf.size
        raise IndexError(entry)

    # Values of f.

    def value(self, at: Vector) -> np.longdouble:
        return np.longdouble(self.f(self._at(at)))

    def rest(self, at: Vector, base: Vector) -> np.longdouble:
        """f without the linear part that g claims: with the step as it was rounded, which then needs no bound."""
        rounded = self._at(at)
        moved = self._flat(leaf for _, leaf in _leaves(rounded, "x").values()) - base
        return np.longdouble(self.f(rounded)) - np.sum(self.g * moved, dtype=np.longdouble)

    def direction(self, entries: Vector) -> Vector:
        d = np.zeros(self.n, self.wide)
        signs = self.rng.choice([-1.0, 1.0], entries.size)
        d[entries] = self.size * signs * self.rng.uniform(0.5, 1.0, entries.size)
        return d

    def sample(self) -> None:
        """Find the spacing at which most values of f near x differ, and how they and g scatter there."""
        self.probe = self.direction(np.arange(self.n))
        smallest = 3 * self.bits // 4
        for power in range(-smallest, -2, 4):
            self.spacing = 2.0**power
            values = {float(self.value(at)) for at in self.nearby(self.x)}
            if len(values) > SAMPLES // 2:
                break
        self.noise = self.scatter(self.x)
        self.g_near = None
        if self.gradient:
            self.g_near = np.array([self.gradient(at) for at in self.nearby(self.x)])
        self.steps = 2.0 ** np.arange(-smallest, 0)

    def nearby(self, base: Vector) -> Iterator[Vector]:
        return (base + (j * self.spacing) * self.probe for j in range(SAMPLES))

    def scatter(self, base: Vector) -> float:
        """The noise of f near ``base``; at least that of rounding its value."""
        rest = [self.rest(at, base) for at in self.nearby(base)]
        return max(noise_of(rest), self.eps * abs(float(rest[0])))  # at base itself f has no linear part

    def g_noise(self, d: Vector, without: float) -> float:
        """That of <g, d>: measured if g is a function, else ``without`` and the rounding of each entry."""
        rounding = self.g_eps * float(np.linalg.norm(self.g * d))
        return math.hypot(without if self.g_near is None else noise_of(list(self.g_near @ d)), rounding)

    # Two ways to measure <grad f - g, d>.

    def by_taylor(self, d: Vector, base: Vector | None = None) -> Measured | None:
        """From f(x + h d) - f(x - h d), its steps doubled until no polynomial fits; None where none ever did."""
        base = self.x if base is None else base
        rest = cache(lambda h: self.rest(base + h * d, base))
        noise = self.noise
        for _ in range(len(self.steps)):  # again with the noise at the far end, until it is no larger than was taken
            odd, even, used = [], [], []
            for h in self.steps:
                ahead, behind = rest(h), rest(-h)
                if not np.isfinite(ahead - behind):
                    self.overflowed = self.overflowed or float(h)
                    break
                used.append(h)
                odd.append(float(ahead - behind) / (2 * h))
                even.append(float(ahead + behind - 2 * rest(0.0)) / h)
                if misfits(used, odd, noise / math.sqrt(2), (0, 2, 4)):
                    break
            slope = intercept(used, odd, noise / math.sqrt(2), (0, 2, 4))
            if slope is None:
                return None
            excess, uncertainty, top = slope
            ends = (base + side * used[top] * d for side in (-1, 1))
            far = self.scatter(max(ends, key=lambda at: abs(self.value(at))))
            if far <= noise:
                break
            noise = far
        # The rounding of f(x) is in all of them: a term in 1/h takes it up.
        bend = intercept(used[: top + 1], even[: top + 1], 2 * noise, (0, -1, 1, 3))
        if bend is None:
            return None
        jump = bend[0] if abs(bend[0]) > bend[1] else 0.0
        claimed, h = float(self.g @ d), used[top]
        moved = max(abs(float(self.value(base + s * h * d) - self.value(base.copy()))) for s in (-1, 1)) / h
        return Measured(
            excess=excess,
            uncertainty=uncertainty + SIGMAS * self.g_noise(d, 0.0) + abs(jump) / 2,
            slope=max(moved, abs(claimed)),
            jump=jump,
            order=order_of(np.array(used[: top + 1]), np.array(odd[: top + 1]), noise),
            step=h,
        )

    def shows(self, d: Vector, whole: Measured, complex_step: bool) -> bool | None:
        """Whether a few values tell that d, a part of a direction that is wrong, has some of the error of the whole, or
        none of it: an error of an eighth of its size would have shown. None where they do not tell: d has to be
        measured.
        """
        if complex_step:
            value = np.longdouble(np.asarray(self.f(self._at(self.x + 1j * self.eps * d))).imag) / self.eps
            excess, uncertainty = float(value - np.sum(self.g * d, dtype=np.longdouble)), whole.uncertainty
        else:
            near, far = (
                float(self.rest(self.x + h * d, self.x) - self.rest(self.x - h * d, self.x)) / (2 * h)
                for h in (whole.step / 2, whole.step)
            )
            excess = (4 * near - far) / 3  # without the term in h^2
            uncertainty = 3 * SIGMAS * self.noise / whole.step + abs(near - far) / 3
        return bool(abs(excess) > uncertainty) if uncertainty <= abs(whole.excess) / 8 else None

    def by_complex_step(self, d: Vector, base: Vector | None = None) -> Measured | None:
        """From Im f(x + i t d)/t, whose truncation t^2 is below rounding; None if f does not take or return it."""
        t, values = self.eps, []
        step = 1j * t * d
        with warnings.catch_warnings():
            warnings.simplefilter("error", ComplexWarning)
            for at in self.nearby(self.x if base is None else base):
                try:
                    value = np.asarray(self.f(self._at(at + step)))
                except Exception:  # a function that was not written for complex numbers may raise anything
                    return None
                if value.dtype.kind != "c" or value.shape != () or not np.isfinite(value):
                    return None
                values.append(np.longdouble(value.imag) / t)
        noise = max(noise_of(values), self.eps * abs(float(values[0])))
        excess = float(values[0] - np.sum(self.g * d, dtype=np.longdouble))
        return Measured(excess, SIGMAS * (noise + self.g_noise(d, noise)))


def _leaves(tree: Tree, name: str) -> dict[Path, tuple[str, Vector]]:
    """The arrays of a tree by key or position, each with the name it has in a message; DomainError for a mask."""
    named: dict[Path, tuple[str, Any]]
    if isinstance(tree, Mapping):
        named = {(key,): (f"{name}[{key!r}]", leaf) for key, leaf in tree.items()}
    elif isinstance(tree, list | tuple):
        named = {(i,): (f"{name}[{i}]", leaf) for i, leaf in enumerate(tree)}
    else:
        named = {(): (name, tree)}
    return {path: (called, _plain(called, leaf)) for path, (called, leaf) in named.items()}


def _plain(name: str, leaf: Any) -> Vector:
    array = np.asanyarray(leaf)  # keeps a mask, which asarray drops
    check_arrays("numbers", **{name: array})
    return np.asarray(array)
