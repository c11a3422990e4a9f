"""Local response normalisation across channels (Krizhevsky, Sutskever and Hinton 2012, sec. 3.3)."""

from functools import reduce
from operator import add
from typing import NamedTuple

from pp_ref.arrays import Array, check_axes, check_gradient_of, check_integer, check_positive
from pp_ref.errors import DomainError
from pp_ref.layers.windows import overlap_add, pad, windows

__all__ = ["LocalResponseCache", "local_response_backward", "local_response_forward"]

CHANNELS = 3


class LocalResponseCache(NamedTuple):
    v: Array  # (n, h, w, c)
    base: Array  # (n, h, w, c)  k + alpha / size sum v^2
    size: int
    alpha: float
    beta: float


def local_response_forward(
    v: Array, size: int, alpha: float, beta: float, k: float
) -> tuple[Array, LocalResponseCache]:
    """y[c] = v[c] / (k + alpha / size sum over i of v[i]^2)^beta, i from c - size // 2 to c + (size - 1) // 2.

    v        (n, h, w, c) images; channels beyond the first and the last count as 0
    size     int >= 1, channels in a sum
    alpha    float >= 0
    beta     float >= 0
    k        float > 0, so that the power is real and smooth
    returns  y (n, h, w, c), cache
    raises   ShapeError, DomainError

    alpha is divided by size, as in cuda-convnet and PyTorch. The formula printed in the paper of 2012 has alpha alone:
    its 1e-4 at size 5 is 5e-4 here.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import local_response_forward
    >>> v = np.array([[[[1.0, 2.0, 3.0]]]])  # one pixel of 3 channels
    >>> y, cache = local_response_forward(v, size=1, alpha=1.0, beta=1.0, k=1.0)  # v / (1 + v^2)
    >>> y[0, 0, 0]
    array([0.5, 0.4, 0.3])
    """
    check_axes("n h w c", v=v)
    check_integer(1, size=size)
    check_positive(k=k)
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 <= value < float("inf"):
            raise DomainError(f"{name} is {value}, expected a finite number >= 0")
    squares = pad(v * v, CHANNELS, size // 2, (size - 1) // 2)
    total = reduce(add, windows(squares, CHANNELS, size, 1, v.shape[CHANNELS]))
    base = k + alpha * total / size
    return v * base**-beta, LocalResponseCache(v, base, size, alpha, beta)


def local_response_backward(dy: Array, cache: LocalResponseCache) -> Array:
    """dv[c] = dy[c] base[c]^-beta - 2 alpha beta / size v[c] sum of dy[i] v[i] base[i]^(-beta - 1), v[c] in base[i].

    Derived in docs/derivations.md#local_response.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import local_response_backward, local_response_forward
    >>> v = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> y, cache = local_response_forward(v, size=1, alpha=1.0, beta=1.0, k=1.0)
    >>> local_response_backward(np.ones_like(y), cache)[0, 0, 0].round(6)  # (1 - v^2) / (1 + v^2)^2
    array([ 0.  , -0.12, -0.08])
    """
    v, base, size, alpha, beta = cache
    check_gradient_of(v.shape, dy=dy)
    scaled = dy * base**-beta
    cross = scaled * v / base  # each base's contribution to every channel in its sum
    before, c = size // 2, v.shape[CHANNELS]
    shared = overlap_add([cross] * size, CHANNELS, 1, c + size - 1)[..., before : before + c]
    return scaled - 2 * alpha * beta * v * shared / size
