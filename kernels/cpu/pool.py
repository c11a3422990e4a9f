"""v_alpha = v U in compiled loops: the definition, with the rows of the output across threads."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_axes
from pp_ref.errors import DomainError

__all__ = ["pool"]


def pool(v: NDArray[Any], U: NDArray[Any]) -> NDArray[Any]:
    """v_alpha = v U, sec. 3.3 of the paper: what every unit of a predicted layer reads in place of v.

    v        (n, d) float32 or float64, the input batch; n = 0 is fine
    U        (d, k) of v's dtype, the static dictionary
    returns  (n, k) of that dtype
    raises   ShapeError if axis d differs; DomainError for any other dtype, or two

    A thread owns whole rows of the output and adds up axis d in order, so no sum is split: the bits do not depend on
    the number of threads. The first call compiles (seconds); later processes read the cache, where one can be written.
    """
    check_axes("n d, d k", v=v, U=U)
    if v.dtype != U.dtype or v.dtype not in (np.float32, np.float64):
        raise DomainError(
            f"v is {v.dtype} and U is {U.dtype}; expected both float32 or both float64: cast one with astype"
        )
    out: NDArray[Any] = compiled(np.ascontiguousarray(v), np.ascontiguousarray(U))
    return out


def rows(v: NDArray[Any], U: NDArray[Any]) -> NDArray[Any]:
    """The loops, with k innermost: it is the axis along which U and the output lie in memory."""
    out = np.zeros((v.shape[0], U.shape[1]), v.dtype)
    for n in numba.prange(v.shape[0]):
        for d in range(U.shape[0]):
            for k in range(U.shape[1]):
                out[n, k] += v[n, d] * U[d, k]
    return out


def compile_loops(loops: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile when first called, and keep the machine code on disk where some folder takes it.

    options  Numba's; for its own threads, unless there are any
    """
    options = options or {"parallel": True}
    try:
        return numba.njit(loops, cache=True, **options)  # type: ignore[no-any-return]
    except RuntimeError:  # Numba found no folder that it may write to
        return numba.njit(loops, **options)  # type: ignore[no-any-return]


compiled = compile_loops(rows)
