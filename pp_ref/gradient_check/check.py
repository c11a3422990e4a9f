"""Is g the gradient of f? Judged by a complex step or by the order of a Taylor remainder, never by a fixed tolerance.

`docs/gradient_check.md` has the error model, and what the check was measured to find and to miss.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.exceptions import ComplexWarning
from numpy.typing import NDArray

from pp_ref.arrays import check_finite
from pp_ref.errors import DomainError, ShapeError
from pp_ref.gradient_check.remainders import SIGMAS, intercept, misfits, noise_of, order_of

Vector = NDArray[Any]
Tree = Any  # an array, or a dict, list or tuple of arrays
Path = tuple[Any, ...]
Verdict = Literal["right", "wrong", "undecided"]
Method = Literal["complex step", "Taylor remainder", "none"]

DIRECTIONS = 3
RESOLVED = 0.1  # of f's slope: what cannot tell apart errors of this size decides nothing
SAMPLES = 32  # points whose differences show the rounding
EVERY_ENTRY = (
    64  # up to this length of x each entry is measured, beyond it the first FIRST_ENTRIES wrong ones are sought
)
FIRST_ENTRIES = 10


@dataclass(frozen=True)
class WrongEntry:
    """An entry of g that is further from what was measured than the uncertainty of the measurement.

    index        of the entry, after the key or position of its array where x is a dict or a list
    claimed      what g says
    measured     what f says; at a kink the middle of its two one-sided slopes
    uncertainty  of ``measured``: six standard deviations, and at a kink half the distance of the two slopes
    """

    index: Path
    claimed: float
    measured: float
    uncertainty: float

    def __str__(self) -> str:
        return (
            f"[{', '.join(map(repr, self.index))}] is {self.claimed:.6g}, measured {self.measured:.6g} "
            f"± {self.uncertainty:.1g}"
        )


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradient` found; `str` of it is a sentence or two.

    verdict            "right", "wrong" or "undecided"
    reason             why
    method             "complex step" or "Taylor remainder"; "none" where there was nothing to measure
    order              of the central remainder at the smallest steps that show it: 3 where g is right, 1 where it is
                       wrong, NaN where rounding hides it at every step
    order_uncertainty  its standard deviation
    resolution         an entry that is off by more than this would have shown
    wrong_entries      every one that was found if x has at most 64 entries, else the first ten
    """

    verdict: Verdict
    reason: str
    method: Method = "none"
    order: float = math.nan
    order_uncertainty: float = math.nan
    resolution: float = math.nan
    wrong_entries: tuple[WrongEntry, ...] = ()

    def __str__(self) -> str:
        entries, more = "; ".join(map(str, self.wrong_entries[:3])), len(self.wrong_entries) - 3
        found = f" Entry {entries}" + (f"; and {more} more." if more > 0 else ".")
        return f"{self.verdict}: {self.reason}." + (found if entries else "")


def check_gradient(
    f: Callable[[Tree], Any], g: Callable[[Tree], Tree] | Tree, x: Tree, rng: np.random.Generator | None = None
) -> GradientCheck:
    """Whether g is the gradient of f at x, along random directions d with entries ±[1/2, 1].

    f        x -> real scalar, deterministic; it is called some 700 times, and for each wrong entry of a long x some
             2 log2(n) times 30 (complex step) or 150 (Taylor remainder)
    g        x -> the gradient claimed, or that gradient: as x is, arrays of the same shapes
    x        an array of float32, float64 or longdouble, or a dict, list or tuple of such arrays
    rng      draws the directions; None is ``np.random.default_rng(0)``
    returns  a `GradientCheck`. Where f is analytic and takes complex x, Im f(x + i t d)/t is compared with <g, d> to
             rounding; elsewhere f(x + h d) - f(x - h d) - 2 h <g, d> = a h + b h^3 + ... is fitted where it stands
             out of f's own rounding, and g is wrong if a is not zero. Nothing but measured noise sets the tolerances
    raises   ShapeError if f(x) is no scalar, or g's arrays have other shapes than x's; DomainError for x that is not
             real, floating-point and finite, for f(x) that is not real and finite, and if f or g writes to x

    NaN in g is wrong. What f was meant to be is not known here: a wrong objective with its own right gradient passes,
    which is what `pp-ref conform` is for. Errors that f's own rounding hides pass too: `resolution` says how large.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    with np.errstate(all="ignore"):  # far from x, f may overflow
        problem = _Problem(f, g, x, rng)
        return problem.trivial_verdict() or problem.verdict()


@dataclass(frozen=True)
class _Measured:
    """<grad f - g, d> along one d. Half of ``jump``, by which the slope changes at x, is part of the uncertainty."""

    excess: float
    uncertainty: float
    slope: float = math.inf  # the size of the slopes of f along d
    jump: float = 0.0
    order: tuple[float, float] = (math.nan, math.nan)  # with its standard deviation

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


class _Problem:
    """f and g around x, all arrays of x in one vector of float64 (longdouble if one of them is)."""

    def __init__(self, f: Callable[[Tree], Any], g: Any, x: Tree, rng: np.random.Generator) -> None:
        self.f, self.rng, self.tree = f, rng, x
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
            raise DomainError(f"f(x) is {y} of dtype {y.dtype}, expected a real, finite number: choose another f or x")
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

    def _path(self, entry: int) -> Path:
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

    def by_taylor(self, d: Vector, base: Vector | None = None) -> _Measured | None:
        """From f(x + h d) - f(x - h d), its steps doubled until no polynomial fits; None where none ever did."""
        base = self.x if base is None else base
        rest = cache(lambda h: self.rest(base + h * d, base))
        noise = self.noise
        for _ in range(2):  # the second time with the noise at the far end, if that is larger
            odd, even, used = [], [], []
            for h in self.steps:
                ahead, behind = rest(h), rest(-h)
                if not np.isfinite(ahead - behind):
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
        return _Measured(
            excess=excess,
            uncertainty=uncertainty + SIGMAS * self.g_noise(d, 0.0) + abs(jump) / 2,
            slope=max(moved, abs(claimed)),
            jump=jump,
            order=order_of(np.array(used[: top + 1]), np.array(odd[: top + 1]), noise),
        )

    def by_complex_step(self, d: Vector, base: Vector | None = None) -> _Measured | None:
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
        return _Measured(excess, SIGMAS * (noise + self.g_noise(d, noise)))

    def analytic(self, directions: list[Vector], real: list[_Measured]) -> bool:
        """Whether complex steps give the real slopes: along every direction at x, and along one nearby.

        Where f drops the imaginary part its complex slope is zero; so may be the real one, but only at x.
        """
        away = self.x + self.probe / 8
        pairs: list[tuple[_Measured | None, _Measured | None]]
        pairs = [(self.by_complex_step(d), m) for d, m in zip(directions, real, strict=True)]
        pairs.append((self.by_complex_step(directions[0], away), self.by_taylor(directions[0], away)))
        return all(
            a is not None
            and b is not None
            and b.resolved
            and not b.jump
            and abs(a.excess - b.excess) <= a.uncertainty + b.uncertainty
            for a, b in pairs
        )

    # The verdict.

    def trivial_verdict(self) -> GradientCheck | None:
        """What needs no measurement."""
        if self.again != self.y:
            return GradientCheck(
                "undecided", f"f is not deterministic, it gave {self.y} and then {self.again} for one x: fix its seed"
            )
        bad = np.flatnonzero(~np.isfinite(self.g))
        if bad.size:
            entries = (
                WrongEntry(self._path(i), float(self.g[i]), math.nan, math.nan)
                for i in bad[: EVERY_ENTRY if self.n <= EVERY_ENTRY else FIRST_ENTRIES].tolist()
            )
            reason = f"{bad.size} of {self.n} entries of g are NaN or infinite"
            return GradientCheck("wrong", reason, wrong_entries=tuple(entries))
        if not self.n:
            return GradientCheck("undecided", "x has no entries, so nothing was checked")
        return None

    def verdict(self) -> GradientCheck:
        self.sample()
        directions = [self.direction(np.arange(self.n)) for _ in range(DIRECTIONS)]
        measured = [self.by_taylor(d) for d in directions]
        real = [m for m in measured if m]
        if len(real) < len(measured):
            reason = (
                "f is not smooth near x: along a random direction no polynomial fits what g leaves of "
                f"f(x + h d) - f(x - h d), down to steps of {self.steps[0] * self.size:.1g} in each entry"
            )
            return GradientCheck("undecided", reason, "Taylor remainder")

        judged = real
        method: Method = "Taylor remainder"
        measure: Callable[[Vector], _Measured | None] = self.by_taylor
        if all(m.resolved and not m.jump for m in real) and self.analytic(directions, real):
            measure, method = self.by_complex_step, "complex step"
            judged = [m for d in directions if (m := measure(d))]
        worst, d = max(zip(judged, directions, strict=True), key=lambda pair: pair[0].share)
        kinks = any(m.jump for m in judged)
        entries: list[tuple[int, _Measured, Vector]] = []
        if worst.wrong or (self.n <= EVERY_ENTRY and (kinks or method == "complex step")):
            shares = (m.uncertainty / float(np.linalg.norm(d)) for m, d in zip(judged, directions, strict=True))
            entries = self.entries(measure, max(shares) if method == "complex step" else 0.0)
        blamed = tuple(
            WrongEntry(self._path(i), *map(float, (self.g[i], self.g[i] + m.excess / d[i], m.uncertainty / abs(d[i]))))
            for i, m, d in entries
            if m.wrong
        )
        order = min((m.order for m in real), key=lambda order: (math.isnan(order[0]), order[1]))
        # An entry's step is half of size at least, and what it adds has to exceed the uncertainty twice.
        resolution = float(4 * max(m.uncertainty for m in judged) / self.size)

        verdict: Verdict = "right"
        if worst.wrong or blamed:
            verdict, reason = "wrong", self.sentence(worst, d)
        elif kinks:
            verdict = "undecided"
            bent = [(m, d, f"entry {list(self._path(i))}") for i, m, d in entries if m.jump]
            bent += [(m, d, "a random direction") for m, d in zip(judged, directions, strict=True) if m.jump]
            reason = self.kink(*bent[0])
        elif not all(m.resolved for m in judged):
            verdict = "undecided"
            reason = (
                f"f is too noisy: its values scatter by {self.noise:.1g}, which hides errors of an entry of g up to "
                f"{resolution:.1g}, and its slopes are not ten times larger"
            )
        else:
            shown = f"falls with order {order[0]:.2f} ± {order[1]:.2f}"
            reason = (
                f"along {DIRECTIONS} random directions the central remainder "
                + ("is all rounding" if math.isnan(order[0]) else shown)
                + (", and complex steps agree with g" if method == "complex step" else "")
                + f"; an entry off by more than {resolution:.1g} would have shown"
            )
        return GradientCheck(verdict, reason, method, *order, resolution, blamed)

    def sentence(self, m: _Measured, d: Vector) -> str:
        """Of a wrong slope."""
        claimed, length = float(self.g @ d), float(np.linalg.norm(d))
        f_says = f"{(claimed + m.excess) / length:.6g} ± {m.uncertainty / length:.1g}"
        if not m.wrong:
            return f"along random directions g agrees with f, {f_says}, but single entries do not"
        return f"along a random unit direction the slope of f is {f_says}, g says {claimed / length:.6g}"

    def kink(self, m: _Measured, d: Vector, where: str) -> str:
        """Of a slope that jumps."""
        per = float(d.sum()) if np.count_nonzero(d) == 1 else float(np.linalg.norm(d))
        low, high = sorted((float(self.g @ d) + m.excess + side * m.jump / 2) / per for side in (-1, 1))
        return (
            f"f has a kink at x: along {where} its one-sided slopes are {low:.6g} and {high:.6g}, and g says "
            f"{float(self.g @ d) / per:.6g}; a subgradient may say anything between the two"
        )

    def entries(
        self, measure: Callable[[Vector], _Measured | None], least: float
    ) -> list[tuple[int, _Measured, Vector]]:
        """Those that are wrong or bent: each is measured, or where there are many, halves of halves that are wrong.

        least  of an uncertainty, per unit of |d|. A complex step along one entry is not believed to be more exact than
               along all: roundings that are the same everywhere near x do not show as noise.
        """
        few = self.n <= EVERY_ENTRY
        parts = [np.array([i]) for i in reversed(range(self.n))] if few else [np.arange(self.n)]
        found: list[tuple[int, _Measured, Vector]] = []
        while parts and len(found) < (self.n if few else FIRST_ENTRIES):
            part = parts.pop()
            d = self.direction(part)
            m = measure(d)
            if m is None:
                continue
            m = replace(m, uncertainty=max(m.uncertainty, least * float(np.linalg.norm(d))))
            if not (m.wrong or m.jump):
                continue
            if part.size == 1:
                found.append((int(part[0]), m, d))
            else:
                parts += [part[part.size // 2 :], part[: part.size // 2]]
        return found


def _leaves(tree: Tree, name: str) -> dict[Path, tuple[str, Vector]]:
    """The arrays of a tree by key or position, each with the name it has in a message."""
    if isinstance(tree, Mapping):
        return {(key,): (f"{name}[{key!r}]", np.asarray(leaf)) for key, leaf in tree.items()}
    if isinstance(tree, list | tuple):
        return {(i,): (f"{name}[{i}]", np.asarray(leaf)) for i, leaf in enumerate(tree)}
    return {(): (name, np.asarray(tree))}
