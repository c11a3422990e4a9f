"""Definitions on longdouble arrays: where NaN and infinity go, and values where balls would take too long."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.rounded import Exact
from pp_ref.oracle.algebras.tape import Algebra

__all__ = ["ALGEBRA", "SHAPES"]


def _scattered(x: NDArray[Any], at: NDArray[Any], size: int) -> NDArray[Any]:
    out = np.zeros(size, Exact)
    np.add.at(out, at, x)
    return out


ALGEBRA = Algebra(
    exp=np.exp,
    log=np.log,
    sqrt=np.sqrt,
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    sum=np.sum,
    where=np.where,
    concat=np.concat,
    take=np.take,
    scattered=_scattered,
    reshape=np.reshape,
    solved=lambda A, B: np.linalg.solve(A.astype(float), B.astype(float)).astype(Exact),
    compared=np.asarray,
    lifted=lambda x: np.asarray(x, Exact),
)

# On zeros in float32, which take the least time: for who asks for shapes alone.
SHAPES = replace(
    ALGEBRA,
    lifted=lambda x: np.zeros(np.shape(x), np.float32),
    solved=lambda A, B: np.zeros_like(B),
)
