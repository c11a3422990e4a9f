"""Bounds of products of three matrices, of `rounded.Rounded` arrays, of other branches, and of two ways."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["chained", "either", "strayed"]

Exact = np.longdouble


def chained(a: Any, b: Any, c: Any) -> Any:
    """a b c by (a b) c, and by a (b c): the larger of the errors that the two make themselves.

    What is inherited is linear in each operand, whatever the order: an error of a comes through b c as it is, not
    through |b||c|.
    """
    x, y, z = a.value, b.value, c.value

    def inherited(e_a: Any, e_b: Any, e_c: Any) -> Any:
        first = e_a @ abs(y @ z) + abs(x) @ e_b @ abs(z) + abs(x @ y) @ e_c
        return first + e_a @ e_b @ (abs(z) + e_c) + (e_a @ abs(y) + abs(x) @ e_b) @ e_c

    def pair(left: Any, right: Any) -> tuple[Any, Any]:
        """How far their errors move the product of two operands."""
        errors = (left.error, right.error), (left.spread, right.spread)
        first, second = (e @ abs(right.value) + (abs(left.value) + e) @ f for e, f in errors)
        return first, second

    moved, likely = inherited(a.error, b.error, c.error), inherited(a.spread, b.spread, c.spread)
    A, B, C = (each.made(each.value, 0, abs(each.value) + each.error, 0, each.terms) for each in (a, b, c))
    ways = [
        ((A @ B).formed(*pair(a, b)) @ C).formed(moved, likely),
        (A @ (B @ C).formed(*pair(b, c))).formed(moved, likely),
    ]
    error, spread = (np.maximum(*(getattr(way, name) for way in ways)) for name in ("error", "spread"))
    value, terms = ways[0].value, max(way.terms for way in ways)
    return a.made(value, moved + error, None, likely + spread, terms)


def strayed(x: Any, entries: Any, at: NDArray[Any]) -> Any:
    """x, where computed numbers may lack these entries at these flat places, or have them besides."""

    def off(part: Any, name: str) -> Any:
        lost = np.zeros(x.size, Exact)
        np.add.at(lost, at, abs(entries.value) + getattr(entries, name))
        return part + lost.reshape(x.shape)

    return x.made(x.value, off(x.error, "error"), x.majorant, off(x.spread, "spread"), x.terms)


def either(x: Any, y: Any) -> Any:
    """x, which computed numbers may be by the roundings of y, of the same value in every entry, as well."""
    error, spread = (np.maximum(*np.broadcast_arrays(getattr(x, n), getattr(y, n))) for n in ("error", "spread"))
    return x.made(x.value, error, x.majorant, spread, x.terms)
