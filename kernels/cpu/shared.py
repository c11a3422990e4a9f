"""v U through one product v K for all columns; each column is gathered from it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.dense import pool_dense
from pp_ref.kernels.gate import check_rows, new_or_checked
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["pool_shared", "pool_smoothed"]


def pool_shared(v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """[(v K)[:, alpha_1] R_1, ..., (v K)[:, alpha_J] R_J].

    2 n (d^2 + sum of k_j^2) flops; `pool_dense` takes 2 n d (k_1 + ... + k_J).
    """
    check_rows(o, "d", o.d, v=v)
    return pool_smoothed(v, v @ o.K, o, new_or_checked(out, (len(v), o.ends[-1]), o, v=v))


def pool_smoothed(v: NDArray[Any], smoothed: NDArray[Any], o: SeparableOperands, out: NDArray[Any]) -> NDArray[Any]:
    """[(v K)[:, alpha_1] R_1, ...] from smoothed = v K; `pool_dense` pools the examples that are not finite."""
    if o.R is None:
        np.take(smoothed, o.alpha, axis=1, out=out, mode="clip")  # "raise" would make a copy
    else:
        for part, alpha, R in zip(o.parts, o.factors.alpha, o.R, strict=True):
            np.matmul(smoothed[:, alpha], R, out=out[:, part])  # (n, k) (k, k)
    strange = ~np.isfinite(v).all(axis=1)
    if strange.any():
        out[strange] = pool_dense(v[strange], o)
    return out
