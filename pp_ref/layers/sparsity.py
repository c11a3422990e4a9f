"""Sparsity penalties of Reconstruction ICA on its features z = v W (paper, sec. 4.3)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_factor, check_positive, real_part
from pp_ref.errors import DomainError

__all__ = [
    "LogCoshCache",
    "SmoothAbsCache",
    "check_eps",
    "log_cosh_backward",
    "log_cosh_forward",
    "smooth_abs_backward",
    "smooth_abs_forward",
]


class SmoothAbsCache(NamedTuple):
    z: Array
    root: Array  # sqrt(z^2 + eps)


class LogCoshCache(NamedTuple):
    tanh: Array  # the derivative


def smooth_abs_forward(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """loss = sum sqrt(z^2 + eps), elementwise, any shape: |z|, smoothed where |z| is below sqrt(eps).

    eps      float > 0, among the normal numbers of z's dtype: from 1.2e-38 to 3.4e38 in float32
    returns  loss, a 0-d array; cache
    raises   DomainError

    Computed as s sqrt((z / s)^2 + eps / s^2) with s = max(|z|, sqrt(eps)). Both terms are at most 1, so nothing
    overflows before the root does. s cancels, so a complex step goes through z alone.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import smooth_abs_forward
    >>> loss, cache = smooth_abs_forward(np.array([3.0]), eps=16.0)
    >>> float(loss)  # sqrt(9 + 16)
    5.0
    """
    check_arrays(z=z)
    check_eps(eps, z)
    xp, real = array_namespace(z), real_part(z)
    edge = xp.sqrt(xp.zeros_like(real) + eps)
    s = xp.maximum(xp.maximum(real, -real), edge)
    scaled, rounded_off = z / s, edge / s
    root = s * xp.sqrt(scaled * scaled + rounded_off * rounded_off)
    return xp.sum(root), SmoothAbsCache(z, root)


def smooth_abs_backward(dloss: Array | float, cache: SmoothAbsCache) -> Array:
    """dz = dloss z / sqrt(z^2 + eps).

    Derived in docs/derivations.md#smooth_abs.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import smooth_abs_backward, smooth_abs_forward
    >>> loss, cache = smooth_abs_forward(np.array([3.0, -3.0]), eps=16.0)
    >>> smooth_abs_backward(1.0, cache)
    array([ 0.6, -0.6])
    """
    check_factor(dloss=dloss)
    return cache.z / cache.root * dloss


def log_cosh_forward(z: Array) -> tuple[Array, LogCoshCache]:
    """loss = sum log cosh z, elementwise, any shape: z^2 / 2 near zero, |z| - log 2 far from it (sec. 4.3).

    Computed as -log(1 - tanh^2 z) / 2 up to |z| = 1 and as |z| - log(1 + tanh |z|) beyond: nothing overflows, every
    term is right to a few units in its last place, and tanh z is the derivative. NumPy orders complex numbers by their
    real part first, so |z| = max(z, -z) also serves a complex step.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import log_cosh_forward
    >>> loss, cache = log_cosh_forward(np.array([0.0, 100.0]))
    >>> round(float(loss), 3)  # 100 - log 2
    99.307
    """
    check_arrays(z=z)
    xp = array_namespace(z)
    tanh, magnitude = xp.tanh(z), xp.maximum(z, -z)
    near = real_part(magnitude) <= 1
    inner = xp.where(near, tanh, xp.zeros_like(tanh))  # far from zero 1 - tanh^2 rounds to zero
    parabola = xp.log1p(-inner * inner) / -2
    line = magnitude - xp.log1p(xp.maximum(tanh, -tanh))
    return xp.sum(xp.where(near, parabola, line)), LogCoshCache(tanh)


def log_cosh_backward(dloss: Array | float, cache: LogCoshCache) -> Array:
    """dz = dloss tanh z.

    Derived in docs/derivations.md#log_cosh.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import log_cosh_backward, log_cosh_forward
    >>> loss, cache = log_cosh_forward(np.array([0.0, 100.0]))
    >>> log_cosh_backward(2.0, cache)
    array([0., 2.])
    """
    check_factor(dloss=dloss)
    return cache.tanh * dloss


def check_eps(eps: float, z: Array) -> None:
    """Refuse an eps that is not a normal number of z's dtype: rounded to 0 or infinity it would make NaN or hide z.

    raises  DomainError
    """
    check_positive(eps=eps)
    limits = array_namespace(z).finfo(z.dtype)
    least, most = float(limits.smallest_normal), float(limits.max)  # longdouble's become 0 and infinity
    if not least <= eps <= most:
        raise DomainError(
            f"eps is {eps}, expected {least:.2g} to {most:.2g}, the normal numbers of z's {z.dtype}: choose another "
            "eps, or a wider dtype"
        )
