"""v_alpha = v U in compiled loops: the definition, with the rows of the output divided between threads."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_numpy, check_sizes
from pp_ref.errors import DomainError
from pp_ref.kernels.cpu.loop_cache import LoopCache

__all__ = ["pool"]


def pool(v: NDArray[Any], U: NDArray[Any]) -> NDArray[Any]:
    """v_alpha = v U (paper, sec. 3.3), the pooled input of a predicted layer.

    v        (n, d) float32 or float64, the input batch; n = 0 is fine
    U        (d, k) of v's dtype, the static dictionary
    returns  (n, k) of that dtype
    raises   ShapeError if axis d differs; DomainError for any other dtype, or two

    A thread owns whole rows of the output and sums axis d in order, so the bits do not depend on the number of threads.
    The first call compiles for seconds; later processes read Numba's cache if it could be written.
    """
    check_numpy("float32 or float64", v=v, U=U)
    check_sizes("n d, d k", v=v, U=U)
    if v.dtype != U.dtype:
        raise DomainError(
            f"v is {v.dtype} and U is {U.dtype}; expected both float32 or both float64: cast one with astype"
        )
    out: NDArray[Any] = compiled(np.ascontiguousarray(v), np.ascontiguousarray(U))
    return out


def rows(v: NDArray[Any], U: NDArray[Any]) -> NDArray[Any]:
    """The loops of `pool`, with k innermost, the contiguous axis of U and of the output."""
    out = np.zeros((v.shape[0], U.shape[1]), v.dtype)
    for n in numba.prange(v.shape[0]):
        for d in range(U.shape[0]):
            for k in range(U.shape[1]):
                out[n, k] += v[n, d] * U[d, k]
    return out


def compile_loops(loops: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return the loops, compiled at the first call; the machine code is kept on disk if a folder can be written.

    options  of `numba.njit`; none: parallel=True
    """
    options = options or {"parallel": True}
    compiled: Callable[..., Any] = numba.njit(loops, **options)
    with suppress(RuntimeError):  # Numba found no folder that it may write to
        compiled._cache = LoopCache(loops)  # type: ignore[attr-defined]  # as numba.njit(cache=True) does with its own
    return compiled


compiled = compile_loops(rows)
