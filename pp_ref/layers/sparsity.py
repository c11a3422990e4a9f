"""What Reconstruction ICA asks of its features, z = v W: that few of them are far from zero (paper, sec. 4.3)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_positive, real_part
from pp_ref.errors import DomainError


class SmoothAbsCache(NamedTuple):
    z: Array
    root: Array  # sqrt(z^2 + eps)


class LogCoshCache(NamedTuple):
    tanh: Array  # the derivative


def smooth_abs_forward(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """loss = sum sqrt(z^2 + eps), elementwise, any shape: |z|, rounded off where |z| is below sqrt(eps).

    eps      float > 0, among the normal numbers of z's dtype: from 1.2e-38 to 3.4e38 in float32
    returns  loss, a 0-d array; cache
    raises   DomainError

    With s = max(|z|, sqrt(eps)) written as s sqrt((z / s)^2 + eps / s^2), whose terms are at most 1: nothing overflows
    that a root could hold. s cancels, so that a complex step goes through z alone.
    """
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
    """
    return cache.z / cache.root * dloss


def log_cosh_forward(z: Array) -> tuple[Array, LogCoshCache]:
    """loss = sum log cosh z, elementwise, any shape: z^2 / 2 near zero, |z| - log 2 far from it.

    Written as -log(1 - tanh^2 z) / 2 up to |z| = 1 and as |z| - log(1 + tanh |z|) beyond: nothing overflows, every term
    errs by a few units of its own last place, and the derivative comes along. NumPy orders complex numbers by their
    real part first, so with |z| = max(z, -z) the same lines serve a complex step.
    """
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
    """
    return cache.tanh * dloss


def check_eps(eps: float, z: Array) -> None:
    """Refuse an eps that z's dtype does not hold: as a zero it would divide 0 by 0, as an infinity swallow z.

    raises  DomainError
    """
    check_positive(eps=eps)
    limits = array_namespace(z).finfo(z.dtype)
    least, most = float(limits.smallest_normal), float(limits.max)  # 0 and infinity of a dtype wider than eps
    if not least <= eps <= most:
        raise DomainError(
            f"eps is {eps}, expected {least:.2g} to {most:.2g}, what z's {z.dtype} holds to full precision: choose "
            "another eps, or a wider dtype"
        )
