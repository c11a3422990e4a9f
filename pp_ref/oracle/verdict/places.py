"""Which entries of a result are wrong, what stands there, and by how much."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.evidence import Evidence, apart, axis_name, base, outside

__all__ = ["UNKNOWN", "place", "special"]

Real = NDArray[np.float64]
UNKNOWN = "no known mistake: "  # how a diagnosis begins that only says where
TILES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)


def special(failed: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str] | None:
    """Entries past the last full tile; numbers that are cut off at a limit, or 0 below one."""
    name = base(failed[0].wrong[0][0].name)
    if any(base(each.name) != name for item in failed for each, _ in item.wrong[:1]):
        return None
    pairs = [item.wrong[0] for item in failed]
    bad = [outside(*pair) for pair in pairs]
    if said := _tile(failed, passed, bad):
        return said
    at = np.concatenate([computed[wrong] for (_, computed), wrong in zip(pairs, bad, strict=True)])
    due = np.concatenate([each.exact[wrong] for (each, _), wrong in zip(pairs, bad, strict=True)])
    right = np.concatenate([each.exact[~wrong] for (each, _), wrong in zip(pairs, bad, strict=True)])
    right = np.concatenate(
        [right, *(each.exact.ravel() for item in passed for each in item.expected if base(each.name) == name)]
    )
    finite = np.isfinite(due).all() and at.size > 1
    if finite and (argument := _itself(failed, pairs, bad)):
        return f"argument/{argument}", f"{name} is {argument} itself wherever it is wrong"
    right = abs(right[np.isfinite(right) & (right != 0)])
    sizes = abs(at)
    alike = finite and bool(right.size) and bool((sizes == sizes[0]).all()) and bool(sizes[0])
    if alike and (abs(due) > sizes[0]).all() and right.max() <= sizes[0]:
        return "cut off", f"{name} is cut off at {sizes[0]:.6g}: all larger values are that, all others are right"
    if finite and at.size > 3 and not at.any() and (due != 0).all() and all(map(_smallest, pairs, bad)):
        return "small is zero", f"{name} is 0 where small numbers are due, as {abs(due).max():.1g}, and right elsewhere"
    if alike and (at == at[0]).all() and (abs(due) < sizes[0]).all() and sizes[0] <= right.min() * (1 + 1e-9):
        return "kept above", f"{name} does not go below {abs(at[0]):.6g}, though smaller values are due"
    return _of_argument(failed, passed, name)


def _itself(failed: Sequence[Evidence], pairs: list[tuple[Expected, Real]], bad: list[NDArray[np.bool_]]) -> str | None:
    """The argument whose numbers stand in all wrong entries, which are four at least, and not all alike."""
    for name, value in failed[0].case.arguments.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        there = [item.case.arguments[name] for item in failed]
        if all(x.shape == each.exact.shape for x, (each, _) in zip(there, pairs, strict=True)):
            same = [(x[b], c[b]) for x, (_, c), b in zip(there, pairs, bad, strict=True)]
            if all(np.array_equal(*each) for each in same) and len(np.unique(np.concatenate([c for _, c in same]))) > 3:
                return name
    return None


def _smallest(pair: tuple[Expected, Real], bad: NDArray[np.bool_]) -> bool:
    """Whether what is wrong is smaller than all that is right, zeros aside."""
    exact = abs(pair[0].exact)
    right = exact[~bad & (pair[1] != 0)]
    return bool(right.size and exact[bad].max() <= right.min())


def _of_argument(failed: Sequence[Evidence], passed: Sequence[Evidence], name: str) -> tuple[str, str] | None:
    """Entries whose own argument is beyond a number, or below one in size: these are wrong, and all others right."""
    case = failed[0].case
    shape = failed[0].wrong[0][0].exact.shape
    for argument, value in case.arguments.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.shape != shape or not shape:
            continue
        wrong, right = [], []
        for item in (*failed, *passed):
            x = item.case.arguments[argument]
            bad = np.zeros(x.shape, bool)
            for each, computed in item.wrong:
                if base(each.name) == name:
                    if each.exact.shape != x.shape:
                        return None
                    bad |= outside(each, computed)
            wrong.append(x[bad])
            right.append(x[~bad])
        bad_, good = np.concatenate(wrong), np.concatenate(right)
        if bad_.size < 2 or good.size < 8:
            continue
        if np.isinf(bad_).all() and np.isfinite(good).all():
            return "infinite argument", f"{name} is wrong wherever {argument} is infinite: {_by_all(failed)}"
        if not bad_.any() and good.all():
            return "at zero", f"{name} is wrong wherever {argument} is 0, and right elsewhere"
        for words, size in (("", np.asarray), ("|", np.abs), ("-", np.negative)):
            least, most = float(size(bad_).min()), float(size(good).max())
            shown = {"": argument, "|": f"|{argument}|", "-": f"-{argument}"}[words]
            if least > most and most > 1:
                return "large argument", (
                    f"{name} is wrong wherever {shown} is large, beyond {most:.3g}, and right elsewhere: "
                    f"{_by_all(failed)}"
                )
        if np.abs(bad_).max() < np.abs(good).min():
            return "small argument", (
                f"{name} is wrong wherever |{argument}| is small, below {np.abs(good).min():.3g}, and right elsewhere"
            )
    return None


def _by_all(failed: Sequence[Evidence]) -> str:
    pairs = [item.wrong[0] for item in failed]
    bad = [outside(*pair) for pair in pairs]
    at = np.concatenate([computed[wrong] for (_, computed), wrong in zip(pairs, bad, strict=True)])
    due = np.concatenate([each.exact[wrong] for (each, _), wrong in zip(pairs, bad, strict=True)])
    return _by(due, at)


def _tile(
    failed: Sequence[Evidence], passed: Sequence[Evidence], bad: list[NDArray[np.bool_]]
) -> tuple[str, str] | None:
    """A number of rows, say: what is left over of the last full tile of so many is wrong, and nothing else.

    Measured in all cases: of several such numbers the smallest.
    """
    first = failed[0].wrong[0][0]
    ndim, name = first.exact.ndim, base(first.name)
    if any(wrong.ndim != ndim for wrong in bad):
        return None
    for axis in range(ndim):
        others = tuple(i for i in range(ndim) if i != axis)
        rests = []
        for wrong in bad:
            hit, length = np.flatnonzero(wrong.any(axis=others)), wrong.shape[axis]
            if hit[0] + hit.size != length:
                break
            rests.append((length, int(hit[0])))
        if len(rests) < len(bad) or not any(start for _, start in rests):
            continue
        whole = [
            each.exact.shape[axis]
            for item in passed
            for each in item.expected
            if base(each.name) == name and each.exact.ndim == ndim and each.exact.size and not item.case.wild
        ]
        fits = [
            tile
            for tile in TILES
            if all(length % tile and start == length // tile * tile for length, start in rests)
            and all(length % tile == 0 for length in whole)
        ]
        along = axis_name(ndim, axis)
        if fits:
            length, start = min((length, start) for length, start in rests if start)
            there = _stands([(item.wrong[0][1], wrong) for item, wrong in zip(failed, bad, strict=True)])
            return (
                "tile",
                f"{name} is wrong past the last full tile of {fits[0]} of {along}, where {there} stands: "
                f"of {length} from {start} on",
            )
    return None


def _stands(parts: list[tuple[Real, NDArray[np.bool_]]]) -> str:
    at = np.concatenate([computed[wrong] for computed, wrong in parts])
    if not at.any():
        return "0"
    if np.isnan(at).all():
        return "NaN"
    if (at == at[0]).all():
        return f"{at[0]:.6g}"
    return "another number"


def place(failed: Sequence[Evidence]) -> str:
    """Which entries of the first wrong result, what stands there, and by how much, where that result is largest."""
    item = max(failed, key=lambda item: item.wrong[0][1].size)
    expected, computed = item.wrong[0]
    bad = outside(expected, computed)
    where = _slices(bad)
    count = f"{int(bad.sum()):,} of {bad.size:,} {'entry' if bad.size == 1 else 'entries'}"
    others = sorted({base(each.name) for each, _ in item.wrong[1:]} - {base(expected.name)})
    also = f", and so are {', '.join(others)}" if others else "; the rest is within its bounds"
    return f"{UNKNOWN}{expected.name} is wrong in {count}{where}, {_by(expected.exact[bad], computed[bad])}{also}"


def _by(exact: Real, computed: Real) -> str:
    """What stands there in the place of what is due, or by how much it is off."""
    if np.isnan(computed).all():
        return "where NaN stands"
    if not computed.any():
        return "where 0 stands"
    if computed.size > 1 and (computed == computed[0]).all():
        return f"where {computed[0]:.6g} stands"
    off, finite = apart(computed, exact), np.isfinite(computed) & np.isfinite(exact)
    if not finite.any():
        return "where infinity stands" if np.isinf(computed).any() else "where infinity is due"
    with np.errstate(all="ignore"):
        relative = np.where(exact != 0, off / abs(exact), 0.0)[finite]
    said = []
    if relative.any():
        said.append(f"by up to {relative.max():.1g} of {'their value' if exact.size > 1 else 'its value'}")
    zeros = off[finite & (exact == 0)]
    if zeros.size and zeros.any():
        said.append(f"by up to {zeros.max():.1g} where 0 is due")
    if not finite.all():
        said.append("with infinities or NaN besides")
    signs = {bool(each) for each in (computed > exact)[finite]}
    if relative.size > 7 and len(signs) == 1:
        said.append("always upwards" if signs == {True} else "always downwards")
    return ", ".join(said)


def _slices(bad: NDArray[np.bool_]) -> str:
    """Words for the smallest range of one axis that holds every bad entry, if it is not all of it."""
    best: tuple[float, str] | None = None
    for axis in range(bad.ndim):
        along = axis_name(bad.ndim, axis)
        hit = np.flatnonzero(bad.any(axis=tuple(i for i in range(bad.ndim) if i != axis)))
        length = bad.shape[axis]
        share = hit.size / length
        if hit.size == length or (best is not None and share >= best[0]):
            continue
        tail = hit[-1] == length - 1 and hit.size == length - hit[0]
        if hit.size == 1:
            said = f", all at {hit[0]} of {along}"
        elif tail:
            said = f", all from {hit[0]} of {along} on"
        elif hit.size > 2 and hit[1] - hit[0] > 1 and len(set(np.diff(hit))) == 1:
            said = f", at every {hit[1] - hit[0]} of {along} from {hit[0]} on"
        else:
            said = f", between {hit[0]} and {hit[-1]} of {along}"
        best = (share, said)
    return best[1] if best else ""
