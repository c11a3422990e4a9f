"""Whitening: the linear map after which the training data are uncorrelated, with variance 1."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from pp_ref.arrays import check_finite, check_numpy
from pp_ref.brief import brief
from pp_ref.errors import DomainError, ShapeError

__all__ = ["Whitening", "check_rows", "fit_whitening", "mean_and_covariance"]

BLOCK = 2048  # rows held in float64 at a time: 50 MB of CIFAR-10


@brief
@dataclass(frozen=True, eq=False)
class Whitening:
    """y = (x - mean) P, fitted on training data and applied to any other.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fit_whitening
    >>> x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]])  # on one line
    >>> whitening = fit_whitening(x, "pca", eps=0.0)
    >>> whitening.rank, whitening.transform(x).shape
    (1, (3, 1))
    """

    kind: Literal["zca", "pca"]
    mean: NDArray[np.float64]  # (d,)
    P: NDArray[np.float64]  # (d, d) for zca, (d, rank) for pca
    rank: int  # number of kept directions
    eigenvalues: NDArray[np.float64]  # (d,) of the covariance, falling, clipped at 0

    def transform(self, x: NDArray[Any]) -> NDArray[Any]:
        """Apply the map.

        x        (n, ...) float32 or float64 with d numbers per row, like the data of the fit
        returns  zca: the shape of x; pca: (n, rank); in the dtype of x
        raises   ShapeError for another number of columns, DomainError for another dtype
        """
        check_rows(x)
        n, d = len(x), int(np.prod(x.shape[1:]))
        if d != len(self.mean):
            raise ShapeError(f"x has shape {x.shape}, {d} numbers per row; expected {len(self.mean)}, as in the fit")
        rows, mean, P = x.reshape(n, d), self.mean.astype(x.dtype), self.P.astype(x.dtype)
        y = np.empty((n, P.shape[1]), x.dtype)
        for start in range(0, n, BLOCK):
            at = slice(start, start + BLOCK)
            y[at] = (rows[at] - mean) @ P  # (block, d) (d, d or rank)
        return y.reshape(x.shape) if self.kind == "zca" else y


def fit_whitening(x: NDArray[Any], kind: Literal["zca", "pca"] = "zca", eps: float = 0.1) -> Whitening:
    """Whiten by the covariance C = E diag(l) E^T: P = E diag((l + eps)^-1/2), and for zca times E^T.

    x        (n, ...) float32 or float64, n >= 2; d numbers per row after flattening
    kind     "zca": the symmetric P, after which images still look like images; "pca": coordinates, largest first
    eps      >= 0, in the unit of l: it limits the gain of directions with a smaller variance
    returns  Whitening
    raises   DomainError if x has fewer than 2 rows, another dtype or entries that are not finite, if kind is unknown or
             eps is negative

    l is clipped at 0. A direction is dropped (mapped to 0) if l + eps is at most max(n, d) float64 epsilons of the
    largest, since rounding decides the sign of l. A larger eps drops nothing. With eps 0 the whitened training data
    have the identity for covariance on the kept directions.

    C is summed in float64 over blocks of centred rows. For rows of 3072 numbers the fit takes half a GB beside x, for
    any n. Global contrast normalisation makes one direction, the mean, exactly flat: without the cut it would be
    divided by rounding noise.

    Sources: eps 0.1 after contrast normalisation, Coates, Ng, Lee, An analysis of single-layer networks in unsupervised
    feature learning, 2011, and the CIFAR-10 of Goodfellow et al., Maxout networks, 2013; zca, Bell and Sejnowski, The
    "independent components" of natural scenes are edge filters, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fit_whitening
    >>> x = np.random.default_rng(0).standard_normal((50, 2)) @ np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> y = fit_whitening(x, eps=0.0).transform(x)
    >>> np.allclose(np.cov(y.T), np.eye(2))
    True
    """
    if kind not in ("zca", "pca"):
        raise DomainError(f"kind is {kind!r}, expected 'zca' or 'pca'")
    if not 0 <= eps < np.inf:
        raise DomainError(f"eps is {eps}, expected a finite number >= 0")
    check_rows(x)
    n = len(x)
    if n < 2:
        raise DomainError(f"x has {n} rows, expected at least 2: a covariance needs them")
    mean, C = mean_and_covariance(x)
    eigenvalues, E = eigh(C, overwrite_a=True)
    eigenvalues, E = eigenvalues[::-1].clip(0), E[:, ::-1]
    variance = eigenvalues + eps
    kept = variance > max(n, len(mean)) * np.finfo(np.float64).eps * variance.max(initial=0)
    if kind == "pca":
        P = E[:, kept] / np.sqrt(variance[kept])  # (d, rank)
    else:
        half = E[:, kept] / variance[kept] ** 0.25  # a product with its own transpose is symmetric to the bit
        P = half @ half.T
    return Whitening(kind, mean, P, int(kept.sum()), eigenvalues)


def mean_and_covariance(x: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (d,) and covariance (d, d) of the rows of x, ddof 1, in float64, one block of rows at a time."""
    n, d = len(x), int(np.prod(x.shape[1:]))
    rows, blocks = x.reshape(n, d), [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]
    mean = sum((rows[at].sum(axis=0, dtype=np.float64) for at in blocks), np.zeros(d)) / n
    if not np.isfinite(mean).all():
        check_finite(x=x)
    C = np.zeros((d, d))
    for at in blocks:
        z = rows[at] - mean  # (block, d)
        C += z.T @ z
    return mean, C / (n - 1)


def check_rows(x: NDArray[Any]) -> None:
    """Refuse an array that is not rows of float32 or float64."""
    check_numpy("float32 or float64", x=x)
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}, expected axes (n, ...) with one image per row")
