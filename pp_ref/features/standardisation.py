"""Standardisation: every feature gets mean 0 and a variance near 1, for a linear classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_finite, check_positive, check_sizes
from pp_ref.brief import brief
from pp_ref.errors import DomainError, ShapeError
from pp_ref.features.whitening import check_rows

__all__ = ["Standardisation", "fit_standardisation"]

BLOCK = 1024  # rows held in float64 at a time: 13 MB of 1,600 features


@brief
@dataclass(frozen=True, eq=False)
class Standardisation:
    """y = (x - mean) / deviation, fitted on training data and applied to any other.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import Standardisation
    >>> Standardisation(mean=np.array([1.0]), deviation=np.array([2.0])).transform(np.array([[5.0]]))
    array([[2.]])
    """

    mean: NDArray[np.float64]  # (d,)
    deviation: NDArray[np.float64]  # (d,), sqrt(var + eps)

    def transform(self, x: NDArray[Any]) -> NDArray[Any]:
        """Apply the map.

        x        (n, d) float32 or float64
        returns  (n, d), in the dtype of x
        raises   ShapeError for another number of columns, DomainError for another dtype
        """
        check_rows(x)
        check_sizes("n d", x=x)
        if x.shape[1] != len(self.mean):
            raise ShapeError(f"x has shape {x.shape}, expected {len(self.mean)} columns, as in the fit")
        y: NDArray[Any] = x - self.mean.astype(x.dtype)
        y /= self.deviation.astype(x.dtype)
        return y


def fit_standardisation(x: NDArray[Any], eps: float = 0.01) -> Standardisation:
    """Fit the mean and sqrt(var + eps) of each column.

    x        (n, d) float32 or float64, n >= 2
    eps      > 0, in the unit of the variance: it limits the gain of columns that hardly vary; a constant one becomes 0
    returns  Standardisation
    raises   DomainError if x has fewer than 2 rows, another dtype or entries that are not finite, or eps is not > 0

    The variance has ddof 1 and is summed in float64 over centred blocks of rows, without a copy of x.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011, with eps
    0.01 for sums over some 180 patches of 0..255 images.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fit_standardisation
    >>> fit = fit_standardisation(np.array([[0.0], [2.0]]), eps=2.0)  # mean 1, variance 2
    >>> fit.transform(np.array([[0.0], [2.0], [5.0]]))
    array([[-0.5],
           [ 0.5],
           [ 2. ]])
    """
    check_positive(eps=eps)
    check_rows(x)
    n, d = check_sizes("n d", x=x).values()
    if n < 2:
        raise DomainError(f"x has {n} rows, expected at least 2: a variance needs them")
    mean = x.sum(axis=0, dtype=np.float64) / n
    if not np.isfinite(mean).all():
        check_finite(x=x)
    squares = np.zeros(d)
    for start in range(0, n, BLOCK):
        squares += ((x[start : start + BLOCK] - mean) ** 2).sum(axis=0)
    return Standardisation(mean, np.sqrt(squares / (n - 1) + eps))
