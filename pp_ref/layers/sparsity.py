"""What Reconstruction ICA asks of its features, z = v W: that few of them are far from zero (paper, sec. 4.3)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_positive


class SmoothAbsCache(NamedTuple):
    z: Array
    root: Array  # sqrt(z^2 + eps)


class LogCoshCache(NamedTuple):
    tanh: Array  # the derivative


def smooth_abs_forward(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """loss = sum sqrt(z^2 + eps), elementwise, any shape: |z|, rounded off where |z| is below sqrt(eps).

    eps      float > 0
    returns  loss, a 0-d array; cache
    raises   DomainError
    """
    check_positive(eps=eps)
    xp = array_namespace(z)
    root = xp.sqrt(z * z + eps)
    return xp.sum(root), SmoothAbsCache(z, root)


def smooth_abs_backward(dloss: Array | float, cache: SmoothAbsCache) -> Array:
    """dz = dloss z / sqrt(z^2 + eps).

    Derived in docs/derivations.md#smooth_abs.
    """
    return cache.z / cache.root * dloss


def log_cosh_forward(z: Array) -> tuple[Array, LogCoshCache]:
    """loss = sum log cosh z, elementwise, any shape: z^2 / 2 near zero, |z| - log 2 far from it.

    Written as |z| - log(1 + tanh |z|): nothing overflows, small entries err by their own rounding and not by that of
    log 2, and the derivative comes along. NumPy orders complex numbers by their real part first, so with |z| =
    max(z, -z) the same line serves a complex step.
    """
    xp = array_namespace(z)
    tanh = xp.tanh(z)
    return xp.sum(xp.maximum(z, -z) - xp.log1p(xp.maximum(tanh, -tanh))), LogCoshCache(tanh)


def log_cosh_backward(dloss: Array | float, cache: LogCoshCache) -> Array:
    """dz = dloss tanh z.

    Derived in docs/derivations.md#log_cosh.
    """
    return cache.tanh * dloss
