"""Columns of unit norm, for the filters of Reconstruction ICA (paper, sec. 4.3; Le et al. 2011)."""

import math
from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of, check_not_negative, real_part
from pp_ref.errors import DomainError

__all__ = ["UnitColumnsCache", "unit_columns_backward", "unit_columns_forward"]


class UnitColumnsCache(NamedTuple):
    directions: Array  # (d, m), what forward returned
    norms: Array  # (m,)


def unit_columns_forward(W: Array, eps: float = 0.0) -> tuple[Array, UnitColumnsCache]:
    """What[:, j] = W[:, j] / sqrt(|W[:, j]|^2 + eps); with eps = 0 it does not depend on the scale of a column.

    W        (d, m) weights; column j holds the weights of unit j
    eps      float >= 0; 1e-5 in UFLDL's l2rowscaled
    returns  What (d, m), cache
    raises   ShapeError; DomainError for another eps, and for a column of zeros, which has no direction if eps is 0

    A column is divided by its largest magnitude before it is squared, so that no square under- or overflows, not even
    those of entries near 1e-40 or 1e37 in float32. That scale cancels, so no gradient goes through it.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import unit_columns_forward
    >>> What, cache = unit_columns_forward(np.array([[3.0, 0.0], [4.0, 2.0]]))
    >>> What.round(6)
    array([[0.6, 0. ],
           [0.8, 1. ]])
    """
    d = check_axes("d m", W=W)["d"]
    check_not_negative(eps=eps)
    xp, real = array_namespace(W), real_part(W)
    if eps:  # sqrt(|w|^2 + eps) is the length of w with one more entry, sqrt(eps)
        row = xp.full((1, W.shape[1]), math.sqrt(eps), dtype=W.dtype)
        longer, cache = unit_columns_forward(xp.concat([W, row], axis=0))
        return longer[:-1, :], UnitColumnsCache(longer[:-1, :], cache.norms)
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
    """dW = (dWhat - What <What, dWhat>) / sqrt(|W|^2 + eps) for each column.

    With eps = 0 the component along the column is removed.

    Derived in docs/derivations.md#unit-columns.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import unit_columns_backward, unit_columns_forward
    >>> What, cache = unit_columns_forward(np.array([[0.0], [2.0]]))
    >>> unit_columns_backward(np.array([[1.0], [1.0]]), cache)  # along the column nothing is left
    array([[0.5],
           [0. ]])
    """
    directions, norms = cache
    check_gradient_of(directions.shape, dWhat=dWhat)
    xp = array_namespace(dWhat)
    return (dWhat - directions * xp.sum(directions * dWhat, axis=0)) / norms
