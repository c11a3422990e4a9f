"""Whether a candidate computes in an arithmetic with fewer bits than it declared, or with an inaccurate function."""

import ast
import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain, rounded
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.faults.alterations import called
from pp_ref.oracle.faults.arguments import coarser, significant
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import cotangents_of, evaluated
from pp_ref.oracle.verdict.evidence import Evidence, base, outside
from pp_ref.oracle.verdict.judge import shares

__all__ = ["coarse", "inaccurate", "like_single", "overflowed", "partial_sums", "widened"]

Real = NDArray[np.float64]
MOST_CASES = 12
FILLED = 0.75  # of the entries have to err by more than roundings of the declared arithmetic make likely
OFTEN = 0.25  # of the cases that round have to fail
LIKE = 8.0  # times as far off, at most
TYPICAL, FAR = (
    0.06,
    4.0,
)  # share of what is likely by which the middle entry errs, and how far from it, in bits, is none
FUNCTIONS = {"exp", "log", "sqrt", "sigmoid", "log_loss", "log_sum_exp", "softmax", "tanh", "Pow"}


def coarse(failed: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str] | None:
    """The arithmetic whose bounds hold everything, and are filled in every wrong result as roundings fill them.

    Few bits show in many cases: where a few fail, something else is wrong in these.
    """
    rounds = [item for item in failed if not item.case.whole]
    if len(rounds) < OFTEN * (len(rounds) + sum(not item.case.whole for item in passed)):
        return None
    if not rounds:
        return None
    declared = rounds[0].case.arithmetic
    tried = sorted(rounds, key=lambda item: -sum(each.exact.size for each, _ in item.wrong))[:MOST_CASES]
    wrong = [(each, computed) for item in tried for each, computed in item.wrong]
    likely = np.concatenate([shares(computed, each.exact, each.spread)[each.exact != 0] for each, computed in wrong])
    if likely.size < 4 or np.mean(likely > 1) < FILLED:
        return None
    found: list[tuple[float, Arithmetic, bool]] = []
    for arithmetic in coarser(declared):
        stored = _stored(arithmetic, wrong)
        if any(_exact(arithmetic, item) for item in failed):
            continue
        if not stored and _functions(tried[0].case.operation):
            continue
        for each in (arithmetic, replace(arithmetic, sums=max(arithmetic.sums, arithmetic.unit, arithmetic.operand))):
            share = _filled(each, tried)
            if share is not None:
                found.append((abs(float(np.log2(share / TYPICAL))), arithmetic, stored))
    if not found:
        return None
    distance, arithmetic, stored = min(found, key=lambda each: (not each[2], each[0]))
    if distance > FAR:
        return None
    names = ", ".join(dict.fromkeys(base(each.name) for each, _ in wrong))
    said = f"rounds to {significant(arithmetic)} bits, as {arithmetic.name} does, where {declared.name} was declared"
    return f"coarser/{arithmetic.name}", f"{said}: {names}{', whose numbers are stored so' if stored else ''}"


def partial_sums(failed: Sequence[Evidence]) -> tuple[str, str] | None:
    """Sums that are kept in the format of the results, where a wider one was declared: they hold everything, and many
    more entries err by more than their own last rounding than a wider sum lets."""
    rounds = [item for item in failed if not item.case.whole]
    if not rounds or _functions(rounds[0].case.operation):
        return None
    declared = rounds[0].case.arithmetic
    if declared.sums >= declared.unit:
        return None
    kept = replace(declared, sums=declared.unit)
    if _filled(kept, rounds[:MOST_CASES]) is None:
        return None
    wrong = [(each, computed) for item in rounds[:MOST_CASES] for each, computed in item.wrong]
    off = np.concatenate([(abs(x - e.exact) > 1.01 * declared.unit * abs(e.exact))[e.exact != 0] for e, x in wrong])
    if off.size < 32 or off.mean() < 0.2:
        return None
    names = ", ".join(dict.fromkeys(base(each.name) for each, _ in wrong))
    return f"partial sums/{declared.name}", (
        f"keeps partial sums in {declared.name}, {declared.bits} bits, where sums of "
        f"{-int(np.log2(declared.sums))} bits were declared: {names}"
    )


# Regimes of whole numbers, and bits that hold all their sums.
WHOLE = {"whole numbers": 8, "partial sums": 17}


def _exact(arithmetic: Arithmetic, item: Evidence) -> bool:
    """Whether a case is wrong in which the arithmetic would be exact."""
    bits = WHOLE.get(item.case.regime, 99)
    return (
        bits <= significant(arithmetic)
        and any(
            (abs(each.exact[outside(each, computed)]) < 2.0 ** significant(arithmetic)).any()
            for each, computed in item.wrong
        )
        and not _functions(item.case.operation)
    )


def like_single(failed: Sequence[Evidence]) -> tuple[str, str] | None:
    """Errors that are in every case of the size that the same definition has in float32 or float16, though that size is
    not the same: a solve of an ill-conditioned matrix, say."""
    tried = [item for item in failed if not item.case.whole and item.wrong][:MOST_CASES]
    wrong = [pair for item in tried for pair in item.wrong[:1]]
    if len(tried) < 3 or len({base(each.name) for each, _ in wrong}) > 1:
        return None
    for arithmetic in coarser(tried[0].case.arithmetic):
        if arithmetic.name not in ("float32", "float16"):
            continue
        sizes = [_like(arithmetic.dtype, item) for item in tried]
        if any(size is None for size in sizes):
            continue
        apart = [own / other for own, other, _ in sizes if other]  # type: ignore[misc]
        relative = [size for *_, size in sizes]  # type: ignore[misc]
        varies = max(relative) > 4 * min(relative)
        if len(apart) > 2 and max(apart) < LIKE and min(apart) > 1 / LIKE and (varies or _stored(arithmetic, wrong)):
            name = base(wrong[0][0].name)
            declared, sizes_ = tried[0].case.arithmetic.name, f"{min(relative):.1g} to {max(relative):.1g}"
            return f"coarser/{arithmetic.name}", (
                f"{name} is as far off in every case as in {arithmetic.name}, {arithmetic.bits} bits, where {declared} "
                f"was declared: by {sizes_} of its size"
            )
    return None


def _like(dtype: str, item: Evidence) -> tuple[float, float, float] | None:
    """How far a result is off, how far it is where the definition computes in that dtype, and the first by its size."""
    each, computed = item.wrong[0]
    algebra = replace(
        plain.ALGEBRA,
        lifted=lambda x: np.asarray(x, dtype),
        solved=lambda A, B: np.linalg.solve(A.astype("float32"), B.astype("float32")).astype(dtype),
    )
    try:
        with np.errstate(all="ignore"):
            found = evaluated(item.case, algebra, cotangents_of(item.case)).results[each.name]
    except (TypeError, np.linalg.LinAlgError):
        return None
    own, other = (float(np.sqrt(np.mean((x - each.exact) ** 2))) for x in (computed, np.asarray(found, float)))
    size = float(np.sqrt(np.mean(each.exact**2)))
    return (own, other, own / size) if np.isfinite(own + other) and own and other and size else None


def widened(item: Evidence, arithmetic: Arithmetic) -> Evidence:
    """The same case with the bounds of a coarser arithmetic."""
    with np.errstate(all="ignore"):
        bounds = evaluated(item.case, rounded.algebra(arithmetic), cotangents_of(item.case)).results
    wide = []
    for each in item.expected:
        error = np.nan_to_num(np.asarray(bounds[each.name].error, float), nan=np.inf) + each.radius
        wide.append(replace(each, bound=np.fmax(error, each.bound)))
    return replace(item, expected=wide)


def _filled(arithmetic: Arithmetic, tried: Sequence[Evidence]) -> float | None:
    """What the middle entry errs by, as a share of what is likely; None if a bound does not hold, or tells nothing."""
    # What comes in is rounded as well, which an arithmetic that is declared need not do.
    rounding = replace(arithmetic, operand=max(arithmetic.operand, arithmetic.unit))
    filled = []
    for item in tried:
        with np.errstate(all="ignore"):
            bounds = evaluated(item.case, rounded.algebra(rounding), cotangents_of(item.case)).results
        for each, computed in item.wrong:
            bound = np.asarray(bounds[each.name].error, float) + each.radius
            if not (shares(computed, each.exact, bound) <= 1).all():
                return None
            spread = np.minimum(np.asarray(bounds[each.name].spread, float), bound)
            filled.append(shares(computed, each.exact, spread)[(each.exact != 0) & (bound < abs(each.exact))])
    together = np.concatenate(filled)
    return float(np.median(together)) if together.size > 3 and np.median(together) > 0 else None


def _stored(arithmetic: Arithmetic, wrong: Sequence[tuple[object, Real]]) -> bool:
    """Whether the results are numbers that the arithmetic stores: 16 bits of evidence an entry, or so."""
    numbers = np.concatenate([computed.ravel() for _, computed in wrong])
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    if numbers.size < 4:
        return False
    own = ARITHMETICS["float16"] if arithmetic.name == "tf32" else arithmetic
    return bool((own.representable(numbers) == numbers).all())


def _functions(operation: Operation) -> set[str]:
    """The elementary functions of its definition."""
    found = set[str]()
    for function in called(operation.definition):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {type(node.op).__name__ for node in ast.walk(tree) if isinstance(node, ast.BinOp)}
        found |= names & FUNCTIONS
    return found | ({operation.definition.__name__} & FUNCTIONS)


def overflowed(operation: Operation, failed: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str] | None:
    """Infinity or NaN in every case that fails, where an argument is beyond the logarithm of the largest number, and no
    case that fails where none is."""
    if not _functions(operation) or any(all(np.isfinite(x).all() for _, x in item.first) for item in failed):
        return None
    limit = float(np.log(failed[0].case.arithmetic.largest))
    for name, value in failed[0].case.arguments.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        sizes = [
            [float(np.max(abs(item.case.arguments[name]), initial=0.0)) for item in part] for part in (failed, passed)
        ]
        if min(sizes[0]) > limit and max(sizes[1], default=0.0) <= limit and not _held(failed, name, limit):
            at = np.concatenate([x[~np.isfinite(x)] for item in failed for _, x in item.first])
            stands = "NaN" if np.isnan(at).all() else "infinity" if np.isinf(at).all() else "infinity or NaN"
            return "overflow", (
                f"{failed[0].name} has {stands} wherever |{name}| goes beyond {limit:.3g}, where exp({name}) "
                "overflows, and is right in all other cases"
            )
    return None


def _held(failed: Sequence[Evidence], name: str, limit: float) -> bool:
    """Whether a row of an argument goes beyond the limit, and that of a result which is wrong elsewhere is finite."""
    for item in failed:
        x = item.case.arguments[name]
        for _, computed in item.wrong:
            if computed.ndim and computed.shape == x.shape:
                beyond, finite = (x > limit).any(axis=-1), np.isfinite(computed).all(axis=-1)
                if (beyond & finite).any():
                    return True
    return False


def inaccurate(failed: Sequence[Evidence]) -> tuple[str, str] | None:
    """An elementary function whose error depends on nothing but its value: nearly all entries are off, by a little, and
    entries of nearly the same value by nearly as much."""
    wrong = [item.wrong[0] for item in failed if not item.case.large]
    functions = _functions(failed[0].case.operation)
    if not functions or len({base(each.name) for each, _ in wrong}) != 1:
        return None
    bad = np.concatenate([outside(each, computed).ravel() for each, computed in wrong])
    exact = np.concatenate([each.exact.ravel() for each, _ in wrong])
    computed = np.concatenate([x.ravel() for _, x in wrong])
    there = np.isfinite(computed) & np.isfinite(exact) & (exact != 0)
    if there.sum() < 16 or bad.mean() < 0.5:
        return None
    off = (computed[there] - exact[there]) / exact[there]
    if abs(off).max() > 0.01:
        return None
    in_order = off[np.argsort(exact[there])]
    steps, all_of_it = float(np.mean(np.diff(in_order) ** 2)), float(2 * np.var(in_order))
    if not all_of_it or steps > 0.25 * all_of_it:
        return None
    name = base(wrong[0][0].name)
    return "inaccurate function", (
        f"{name} is off by up to {abs(off).max():.1g} of its value, by an amount that depends on the value alone: an "
        f"elementary function ({', '.join(sorted(functions)).lower()}) is inaccurate"
    )
