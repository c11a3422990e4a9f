"""Synchronous data parallelism on one machine: the paper's setting (sec. 1), with threads in place of machines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pp_ref.arrays import Array, check_integer

Params = dict[str, Array]
Objective = Callable[[Params, np.ndarray[Any, Any], np.random.Generator], tuple[Array, Params]]

__all__ = ["in_threads"]


def in_threads(objective: Objective, threads: int) -> Objective:
    """The same objective, a mean over examples, with a share of the examples in every thread.

    objective  (params, rows, rng) -> (loss, gradient), as `fit_sgd` calls it
    threads    int >= 1; with 1 it is returned as it is
    returns    an objective that adds up the shares' losses and gradients, weighted by their examples
    raises     DomainError

    Each share has the BLAS to itself with one thread, which pays where products are small: at batch 128 the convnet of
    sec. 4.2 gains nothing from a BLAS with two. A share draws from a generator of its own, seeded by rng, so another
    number of threads draws other masks; the sum over shares rounds in another order as well. Two runs agree to the bit.
    """
    check_integer(1, threads=threads)
    if threads == 1:
        return objective
    pool, libraries = ThreadPoolExecutor(threads), ThreadpoolController()

    def together(params: Params, rows: np.ndarray[Any, Any], rng: np.random.Generator) -> tuple[Array, Params]:
        shares = np.array_split(rows, min(threads, max(len(rows), 1)))
        generators = [np.random.default_rng(seed) for seed in rng.integers(0, 2**63, len(shares))]
        with libraries.limit(limits=1, user_api="blas"):
            losses, gradients = zip(*pool.map(objective, repeat(params), shares, generators), strict=True)
        weights = [len(share) / max(len(rows), 1) for share in shares]
        total = sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
        gradient = dict(gradients[0])
        for name in gradient:
            gradient[name] = sum(weight * each[name] for weight, each in zip(weights, gradients, strict=True))
        return total, gradient

    return together
