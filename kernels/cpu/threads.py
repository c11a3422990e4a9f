"""Python threads around compiled loops that release the lock, as many as the BLAS has; their number changes no bit.

Numba's own threads would be a second pool beside the BLAS's. They do not outlive a fork, and on some machines the
process ends if two Python threads start them at once.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

from threadpoolctl import ThreadpoolController

from pp_ref.machine import cores

__all__ = ["blas_threads", "share_rows"]

LEAST = 8  # least number of examples per thread: handing them over takes 50 microseconds


def share_rows(work: Callable[[slice], None], n: int, threads: int | None = None) -> None:
    """Call work(rows) for slices that together are range(n), each in its own thread.

    threads  int >= 1; None: as many as the BLAS may use now, so that one limit (threadpoolctl's) holds for both
    """
    threads = max(1, min(blas_threads() if threads is None else threads, n // LEAST))
    bounds = [n * t // threads for t in range(threads + 1)]
    slices = [slice(start, end) for start, end in pairwise(bounds)]
    waiting = [_pool(os.getpid()).submit(work, rows) for rows in slices[1:]]
    work(slices[0])
    for future in waiting:
        future.result()


def blas_threads() -> int:
    """The number of threads that NumPy's BLAS may use; the number of cores if threadpoolctl finds no BLAS."""
    found = [library.num_threads for library in _blas(os.getpid())]
    return min(found) if found else cores()


@cache
def _blas(process: int) -> list:  # type: ignore[type-arg]
    import numpy  # noqa: F401  the library has to be loaded to be found

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The pool of a process; after a fork, threads exist only in the parent."""
    return ThreadPoolExecutor(cores(), "pp_ref.kernels")
