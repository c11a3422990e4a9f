"""Is g the gradient of f? Judged by a complex step or by the order of a Taylor remainder, never by a fixed tolerance.

`docs/gradient_check.md` has the error model, and what the check was measured to find and to miss.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pp_ref.errors import DomainError
from pp_ref.gradient_check.problem import Measured, Path, Problem, Tree, Vector
from pp_ref.gradient_check.words import OutOfTime, counted, digits

__all__ = ["GradientCheck", "WrongEntry", "check_gradient"]

Verdict = Literal["right", "wrong", "undecided"]
Method = Literal["complex step", "Taylor remainder", "none"]

DIRECTIONS = 3
EVERY_ENTRY = 64  # up to this length of x each entry is measured
FIRST_ENTRIES = 10  # of a longer x so many wrong entries are sought


@dataclass(frozen=True)
class WrongEntry:
    """An entry of g that is further from what was measured than the uncertainty of the measurement.

    index        of the entry, after the key or position of its array where x is a dict or a list
    claimed      what g says
    measured     what f says; at a kink the middle of its two one-sided slopes
    uncertainty  of ``measured``: six standard deviations, and at a kink half the distance of the two slopes

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.gradient_check import check_gradient
    >>> check = check_gradient(lambda x: (x**2).sum(), np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    >>> wrong = check.wrong_entries[0]
    >>> wrong.index, wrong.claimed, round(wrong.measured, 6)
    ((1,), 5.0, 4.0)
    """

    index: Path
    claimed: float
    measured: float
    uncertainty: float

    def __str__(self) -> str:
        measured, claimed = digits(self.measured, self.claimed, self.uncertainty)
        index = ", ".join(map(repr, self.index))
        return f"[{index}] is {claimed}, measured {measured} ± {self.uncertainty:.1g}"


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

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.gradient_check import check_gradient
    >>> check = check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2, np.array([1.0, 2.0]))
    >>> check.verdict, check.method, round(check.order, 2)
    ('right', 'complex step', 3.0)
    >>> check.wrong_entries, check.resolution < 1e-12
    ((), True)
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
    f: Callable[[Tree], Any],
    g: Callable[[Tree], Tree] | Tree,
    x: Tree,
    rng: np.random.Generator | None = None,
    time_limit: float = math.inf,
    progress: bool = False,
) -> GradientCheck:
    """Return whether g is the gradient of f at x, along random directions d with entries ±[1/2, 1].

    f        x -> real scalar, deterministic; it is called some 700 times, and for each wrong entry of a long x some
             4 log2(n) + 30 times (complex step) or 16 log2(n) + 150 (Taylor remainder)
    g        x -> the gradient claimed, or that gradient: as x is, arrays of the same shapes
    x        an array of float32, float64 or longdouble, or a dict, list or tuple of such arrays
    rng      draws the directions; None is ``np.random.default_rng(0)``
    time_limit  seconds, > 0: then the verdict is what was found by then, "undecided" if nothing was. A call of f that
             has begun is waited for
    progress whether a bar on standard error shows the calls of f
    returns  a `GradientCheck`. Where f is analytic and takes complex x, Im f(x + i t d)/t is compared with <g, d> to
             rounding; elsewhere f(x + h d) - f(x - h d) - 2 h <g, d> = a h + b h^3 + ... is fitted where it stands
             out of f's own rounding, and g is wrong if a is not zero. Nothing but measured noise sets the tolerances
    raises   ShapeError if f(x) is no scalar, or g's arrays have other shapes than x's; DomainError for x that is not
             real, floating-point and finite, for f(x) that is not real and finite, and if f or g writes to x

    NaN in g is wrong. What f was meant to be is not known here: a wrong objective with its own right gradient passes,
    which is what `pp-ref conform` is for. Errors that f's own rounding hides pass too: `resolution` says how large.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.gradient_check import check_gradient
    >>> x = np.array([1.0, 2.0])
    >>> check_gradient(lambda x: (x**3).sum(), lambda x: 3 * x**2, x).verdict
    'right'
    >>> check_gradient(lambda x: (x**3).sum(), lambda x: 2 * x**2, x).verdict
    'wrong'
    """
    rng = np.random.default_rng(0) if rng is None else rng
    if not time_limit > 0:
        raise DomainError(f"time_limit is {time_limit!r}, expected seconds, more than 0")
    with np.errstate(all="ignore"), counted(progress) as advance:  # far from x, f may overflow
        problem = Problem(f, g, x, rng, time_limit, advance)
        try:
            return _trivial_verdict(problem) or _verdict(problem)
        except OutOfTime:
            return GradientCheck(
                "undecided", f"the time limit of {time_limit:g} s was reached after {problem.calls:,} calls of f"
            )


def _analytic(problem: Problem, directions: list[Vector], real: list[Measured]) -> bool:
    """Whether complex steps give the real slopes: along every direction at x, and along one nearby.

    Where f drops the imaginary part its complex slope is zero; so may be the real one, but only at x.
    """
    away = problem.x + problem.probe / 8
    pairs: list[tuple[Measured | None, Measured | None]]
    pairs = [(problem.by_complex_step(d), m) for d, m in zip(directions, real, strict=True)]
    pairs.append((problem.by_complex_step(directions[0], away), problem.by_taylor(directions[0], away)))
    return all(
        a is not None
        and b is not None
        and b.resolved
        and not b.jump
        and abs(a.excess - b.excess) <= a.uncertainty + b.uncertainty
        for a, b in pairs
    )


def _trivial_verdict(problem: Problem) -> GradientCheck | None:
    """What needs no measurement."""
    if problem.again != problem.y:
        return GradientCheck(
            "undecided", f"f is not deterministic, it gave {problem.y} and then {problem.again} for one x: fix its seed"
        )
    bad = np.flatnonzero(~np.isfinite(problem.g))
    if bad.size:
        entries = (
            WrongEntry(problem.path(i), float(problem.g[i]), math.nan, math.nan)
            for i in bad[: EVERY_ENTRY if problem.n <= EVERY_ENTRY else FIRST_ENTRIES].tolist()
        )
        kinds = {"infinite, which is an overflow": np.isinf(problem.g), "NaN": np.isnan(problem.g)}
        counts = {words: int(each.sum()) for words, each in kinds.items() if each.any()}
        reason = " and ".join(f"{count} of {problem.n} entries of g are {words}" for words, count in counts.items())
        return GradientCheck("wrong", reason, wrong_entries=tuple(entries))
    if not problem.n:
        return GradientCheck("undecided", "x has no entries, so nothing was checked")
    return None


def _verdict(problem: Problem) -> GradientCheck:
    problem.sample()
    directions = [problem.direction(np.arange(problem.n)) for _ in range(DIRECTIONS)]
    measured = [problem.by_taylor(d) for d in directions]
    real = [m for m in measured if m]
    if len(real) < len(measured) and problem.overflowed:
        reason = (
            f"f overflows near x: it is not finite at a step of {problem.overflowed * problem.size:.1g} in each entry, "
            "so too few steps are left to measure a slope: scale x, or choose another one"
        )
        return GradientCheck("undecided", reason, "Taylor remainder")
    if len(real) < len(measured):
        reason = (
            "f is not smooth near x: along a random direction no polynomial fits what g leaves of "
            f"f(x + h d) - f(x - h d), down to steps of {problem.steps[0] * problem.size:.1g} in each entry"
        )
        return GradientCheck("undecided", reason, "Taylor remainder")

    judged = real
    method: Method = "Taylor remainder"
    measure: Callable[[Vector], Measured | None] = problem.by_taylor
    if all(m.resolved and not m.jump for m in real) and _analytic(problem, directions, real):
        measure, method = problem.by_complex_step, "complex step"
        judged = [m for d in directions if (m := measure(d))]
    worst, d = max(zip(judged, directions, strict=True), key=lambda pair: pair[0].share)
    kinks = any(m.jump for m in judged)
    entries: list[tuple[int, Measured, Vector]] = []
    if worst.wrong or (problem.n <= EVERY_ENTRY and (kinks or method == "complex step")):
        shares = (m.uncertainty / float(np.linalg.norm(d)) for m, d in zip(judged, directions, strict=True))
        entries = _entries(problem, measure, max(shares) if method == "complex step" else 0.0, worst)
    blamed = tuple(
        WrongEntry(
            problem.path(i), *map(float, (problem.g[i], problem.g[i] + m.excess / d[i], m.uncertainty / abs(d[i])))
        )
        for i, m, d in entries
        if m.wrong
    )
    order = min((m.order for m in real), key=lambda order: (math.isnan(order[0]), order[1]))
    # An entry's step is half of size at least, and what it adds has to exceed the uncertainty twice.
    resolution = float(4 * max(m.uncertainty for m in judged) / problem.size)

    largest = float(np.max(np.abs(problem.g)))
    verdict: Verdict = "right"
    if worst.wrong or blamed:
        verdict, reason = "wrong", _sentence(problem, worst, d)
    elif kinks:
        verdict = "undecided"
        bent = [(m, d, f"entry {list(problem.path(i))}") for i, m, d in entries if m.jump]
        bent += [(m, d, "a random direction") for m, d in zip(judged, directions, strict=True) if m.jump]
        reason = _kink(problem, *bent[0])
    elif not all(m.resolved for m in judged):
        verdict = "undecided"
        reason = (
            f"f is too noisy: its values scatter by {problem.noise:.1g}, which hides errors of an entry of g up to "
            f"{resolution:.1g}, and its slopes are not ten times larger"
        )
    elif resolution > largest > 0:
        verdict = "undecided"
        reason = (
            f"an entry of g that is off by all of its size would not have shown: errors up to {resolution:.1g} are "
            f"hidden by f's rounding, and the largest entry of g is {largest:.1g}"
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


def _sentence(problem: Problem, m: Measured, d: Vector) -> str:
    """Of a wrong slope."""
    claimed, length = float(problem.g @ d), float(np.linalg.norm(d))
    uncertainty = m.uncertainty / length
    measured, says = digits((claimed + m.excess) / length, claimed / length, uncertainty)
    f_says = f"{measured} ± {uncertainty:.1g}"
    if not m.wrong:
        return f"along random directions g agrees with f, {f_says}, but single entries do not"
    return f"along a random unit direction the slope of f is {f_says}, g says {says}"


def _kink(problem: Problem, m: Measured, d: Vector, where: str) -> str:
    """Of a slope that jumps."""
    per = float(d.sum()) if np.count_nonzero(d) == 1 else float(np.linalg.norm(d))
    ends = sorted((float(problem.g @ d) + m.excess + side * m.jump / 2) / per for side in (-1, 1))
    low, high = digits(ends[0], ends[1], abs(ends[1] - ends[0]) / 100)
    _, says = digits(ends[0], float(problem.g @ d) / per, abs(ends[1] - ends[0]) / 100)
    return (
        f"f has a kink at x: along {where} its one-sided slopes are {low} and {high}, and g says "
        f"{says}; a subgradient may say anything between the two"
    )


def _entries(
    problem: Problem, measure: Callable[[Vector], Measured | None], least: float, whole: Measured | None
) -> list[tuple[int, Measured, Vector]]:
    """Those that are wrong or bent: each is measured, or where there are many, halves of halves that are wrong.

    least  of an uncertainty, per unit of |d|. A complex step along one entry is not believed to be more exact than
           along all: roundings that are the same everywhere near x do not show as noise.
    whole  what is wrong along all entries: of a half that shows at one step whether it has any of it, single entries
           alone are measured
    """
    few = problem.n <= EVERY_ENTRY
    parts = [np.array([i]) for i in reversed(range(problem.n))] if few else [np.arange(problem.n)]
    found: list[tuple[int, Measured, Vector]] = []
    while parts and len(found) < (problem.n if few else FIRST_ENTRIES):
        part = parts.pop()
        d, halves = problem.direction(part), [part[part.size // 2 :], part[: part.size // 2]]
        if part.size > 1 and whole is not None:
            shows = problem.shows(d, whole, measure == problem.by_complex_step)
            if shows is not None:
                parts += halves if shows else []
                continue
        m = measure(d)
        if m is None:
            continue
        m = replace(m, uncertainty=max(m.uncertainty, least * float(np.linalg.norm(d))))
        if not (m.wrong or m.jump):
            continue
        if part.size == 1:
            found.append((int(part[0]), m, d))
        else:
            parts += halves
    return found
