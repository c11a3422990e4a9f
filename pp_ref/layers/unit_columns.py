"""Columns of unit norm: how the filters of Reconstruction ICA are held (paper, sec. 4.3; Le et al. 2011)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes
from pp_ref.errors import DomainError


class UnitColumnsCache(NamedTuple):
    directions: Array  # (d, m), what forward returned
    norms: Array  # (m,)


def unit_columns_forward(W: Array) -> tuple[Array, UnitColumnsCache]:
    """What[:, j] = W[:, j] / |W[:, j]|, which the scale of no column changes.

    W        (d, m) weights; column j is what unit j receives
    returns  What (d, m), cache
    raises   ShapeError; DomainError for a column whose norm is zero in W's dtype, which has no direction

    In float32 the squares of entries below 1e-19 are lost: such a column counts as zero.
    """
    check_axes("d m", W=W)
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=0))  # (m,)
    zero = norms == 0
    if xp.any(zero):
        column = int(xp.argmax(xp.astype(zero, xp.int8)))
        raise DomainError(f"column {column} of W is zero, expected one that has a direction: draw it anew")
    directions = W / norms
    return directions, UnitColumnsCache(directions, norms)


def unit_columns_backward(dWhat: Array, cache: UnitColumnsCache) -> Array:
    """dW = (dWhat - What <What, dWhat>) / |W| for each column: what would stretch it is taken out.

    Derived in docs/derivations.md#unit-columns.
    """
    directions, norms = cache
    xp = array_namespace(dWhat)
    return (dWhat - directions * xp.sum(directions * dWhat, axis=0)) / norms
