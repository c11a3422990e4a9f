"""Synchronous data parallelism on one machine: the paper's setting (sec. 1), with threads in place of machines."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from threading import Lock, local
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pp_ref.arrays import Array, check_integer
from pp_ref.training.fit import Objective, Params

__all__ = ["in_threads"]

# The number of BLAS threads belongs to the process. A call must set and restore it before another call reads it.
_TURN = Lock()
_thread = local()  # `in_a_share` is set in the threads that compute shares


def in_threads(objective: Objective, threads: int) -> Objective:
    """Return the objective, a mean over examples, with a share of the examples in every thread.

    objective  (params, rows, rng) -> (loss, gradient), as `fit_sgd` calls it
    threads    int >= 1; 1 returns the objective itself
    returns    an objective that adds the shares' losses and gradients, weighted by their numbers of examples
    raises     DomainError

    Each share calls a BLAS with one thread, which is faster for small products: at batch 128 the convnet of sec. 4.2
    gains nothing from two BLAS threads. Two runs agree to the bit, but only with the same number of threads: each share
    draws its masks from a generator of its own, seeded by rng, and the sum over shares rounds in another order.
    Calls from several threads take turns. A share is not divided again.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import in_threads
    >>> x = np.array([1.0, 2.0, 3.0, 6.0])
    >>> def objective(params, rows, rng):
    ...     return x[rows].mean(), {"w": x[rows].mean(keepdims=True)}
    >>> loss, gradient = in_threads(objective, 2)({}, np.arange(4), np.random.default_rng(0))
    >>> float(loss)  # the mean of 1.5 and 4.5
    3.0
    """
    check_integer(1, threads=threads)
    if threads == 1:
        return objective
    libraries = ThreadpoolController()
    pool = ThreadPoolExecutor(threads, initializer=lambda: setattr(_thread, "in_a_share", True))

    def together(params: Params, rows: np.ndarray[Any, Any], rng: np.random.Generator) -> tuple[Array, Params]:
        n = len(rows)
        if n < threads or hasattr(_thread, "in_a_share"):
            return objective(params, rows, rng)
        shares = np.array_split(rows, threads)
        generators = [np.random.default_rng(seed) for seed in rng.integers(0, 2**63, threads)]
        with _TURN, libraries.limit(limits=1, user_api="blas"):
            losses, gradients = zip(*pool.map(objective, repeat(params), shares, generators), strict=True)
        sizes = [len(share) for share in shares]

        def mean(parts: Sequence[Array]) -> Array:
            return sum(size * part for size, part in zip(sizes, parts, strict=True)) / n

        return mean(losses), {name: mean([gradient[name] for gradient in gradients]) for name in gradients[0]}

    return together
