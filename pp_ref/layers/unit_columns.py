"""Columns of unit norm, for the filters of Reconstruction ICA (paper, sec. 4.3; Le et al. 2011)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_axes, real_part
from pp_ref.errors import DomainError

__all__ = ["UnitColumnsCache", "unit_columns_backward", "unit_columns_forward"]


class UnitColumnsCache(NamedTuple):
    directions: Array  # (d, m), what forward returned
    norms: Array  # (m,)


def unit_columns_forward(W: Array) -> tuple[Array, UnitColumnsCache]:
    """What[:, j] = W[:, j] / |W[:, j]|; it does not depend on the scale of a column.

    W        (d, m) weights; column j holds the weights of unit j
    returns  What (d, m), cache
    raises   ShapeError; DomainError for a column of zeros, which has no direction

    A column is divided by its largest magnitude before it is squared, so that no square under- or overflows, not even
    those of entries near 1e-40 or 1e37 in float32. That scale cancels, so no gradient goes through it.
    """
    d = check_axes("d m", W=W)["d"]
    xp, real = array_namespace(W), real_part(W)
    magnitude = xp.maximum(real, -real)
    scale = xp.max(magnitude, axis=0) if d else xp.sum(magnitude, axis=0)  # (m,); no entries have no maximum
    zero = scale == 0
    if xp.any(zero):
        column = int(xp.argmax(xp.astype(zero, xp.int8)))
        raise DomainError(f"column {column} of W is zero, expected an entry that is not zero: draw it anew")
    scaled = W / scale
    root = xp.sqrt(xp.sum(scaled * scaled, axis=0))  # (m,) in 1..sqrt(d)
    directions = scaled / root
    return directions, UnitColumnsCache(directions, scale * root)


def unit_columns_backward(dWhat: Array, cache: UnitColumnsCache) -> Array:
    """dW = (dWhat - What <What, dWhat>) / |W| for each column: the component along the column is removed.

    Derived in docs/derivations.md#unit-columns.
    """
    check_arrays(dWhat=dWhat)
    directions, norms = cache
    xp = array_namespace(dWhat)
    return (dWhat - directions * xp.sum(directions * dWhat, axis=0)) / norms
