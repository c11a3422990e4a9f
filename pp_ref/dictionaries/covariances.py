"""Covariances between weights: smooth functions of position, and statistics of the layer's input.

Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), ch. 4; the paper's sec. 3.2 and 3.5.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

from pp_ref.dictionaries.columns import Floats

__all__ = ["BLOCK", "covariance", "matern_covariance", "se_covariance", "variance"]

# Rows of data in one product: their float64 copy takes 25 MB for MNIST; one of all rows would take 376 MB.
BLOCK = 4096


def se_covariance(a: Floats, b: Floats, length_scale: float) -> Floats:
    """The squared exponential ``k(i, j) = exp(-|i - j|^2 / (2 sigma^2))`` (sec. 3.2).

    a, b          (n, p), (m, p) float64 positions of sites, in pixels or frames
    length_scale  sigma > 0, in the same unit
    returns       (n, m) float64 in [0, 1], unit diagonal

    The value is exactly 0 beyond about 38 length scales, and subnormal in float32 beyond 13.
    """
    square: Floats = sum(np.subtract.outer(x, y) ** 2 for x, y in zip(a.T, b.T, strict=True))
    K: Floats = np.exp(-0.5 * square / length_scale**2)
    return K


def matern_covariance(a: Floats, b: Floats, length_scale: float, nu: float) -> Floats:
    """The Matern covariance ``k(r) = 2^(1-nu) / Gamma(nu) z^nu K_nu(z)``, ``z = sqrt(2 nu) r / length_scale``.

    nu       in (0, 50]: a draw is differentiable ceil(nu) - 1 times; 1/2 gives exp(-r / length_scale), infinity SE
    returns  (n, m) float64 in [0, 1], unit diagonal

    R&W eq. 4.14. Logarithms and the scaled Bessel function evaluate it, since z^nu underflows where K_nu overflows.
    """
    z: Floats = np.sqrt(2 * nu) * scipy.spatial.distance.cdist(a, b) / length_scale
    if nu == 0.5:
        return np.exp(-z)
    if nu == 1.5:
        return (1 + z) * np.exp(-z)
    if nu == 2.5:
        return (1 + z + z**2 / 3) * np.exp(-z)
    K = np.ones_like(z)
    apart = z > 0
    r = z[apart]
    scaled = scipy.special.kve(nu, r)
    # Where K_nu overflows, r is so small that the first term of the series is exact: 1 - r^2 / (4 (nu - 1)).
    log_k = (1 - nu) * np.log(2) - scipy.special.gammaln(nu) + nu * np.log(r) + np.log(scaled) - r
    K[apart] = np.where(np.isinf(scaled), 1 - r**2 / (4 * max(nu - 1, 1)), np.exp(np.minimum(log_k, 0)))
    return K


def covariance(data: NDArray[np.floating], power: int = 1) -> Floats:
    """``K = cov(V^power)`` (sec. 3.5), centred and divided by n - 1: ``np.cov((V**power).T)`` in blocks of rows.

    data     (n, d) real, n >= 2: the layer's input, of any real dtype; sums are taken in float64
    power    1 for Emp, 2 for Emp2: the covariance of the squared activations, not the squared covariance
    returns  (d, d) float64, symmetric, with the scale of the data: a ridge added to it is absolute

    The mean is computed first, so a mean that is large compared to the spread costs no digits.
    """
    blocks = range(0, len(data), BLOCK)
    mean = sum((data[i : i + BLOCK].astype(np.float64) ** power).sum(0) for i in blocks) / len(data)
    K = np.zeros((data.shape[1], data.shape[1]))
    for i in blocks:
        centred = data[i : i + BLOCK].astype(np.float64) ** power - mean
        K += centred.T @ centred  # (d, b) (b, d) -> (d, d)
    return K / (len(data) - 1)


def variance(data: NDArray[np.floating]) -> Floats:
    """The diagonal of ``covariance(data)``, (d,), without the rest of it."""
    blocks = range(0, len(data), BLOCK)
    mean = sum(data[i : i + BLOCK].astype(np.float64).sum(0) for i in blocks) / len(data)
    squares: Floats = sum(((data[i : i + BLOCK].astype(np.float64) - mean) ** 2).sum(0) for i in blocks)
    return squares / (len(data) - 1)
