"""One product for all columns: v K, of which every column gathers its part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.dense import pool_dense
from pp_ref.kernels.gate import check_rows, new_or_checked
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["gathered", "pool_shared"]


def pool_shared(v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """[(v K)[:, alpha_1] R_1, ...]: 2 n d (d + k) flops, whatever the number of columns, where `pool_dense` takes
    2 n d (k_1 + ... + k_J)."""
    check_rows(o, "d", o.d, v=v)
    return gathered(v, v @ o.K, o, new_or_checked(out, (len(v), o.ends[-1]), o, v=v))


def gathered(v: NDArray[Any], smooth: NDArray[Any], o: SeparableOperands, out: NDArray[Any]) -> NDArray[Any]:
    """Take every column's part of smooth = v K, and apply R. Examples that are not finite go by the definition."""
    if o.R is None:
        np.take(smooth, o.alpha, axis=1, out=out, mode="clip")  # "raise" would make a copy
    else:
        for part, alpha, R in zip(o.parts, o.factors.alpha, o.R, strict=True):
            np.matmul(smooth[:, alpha], R, out=out[:, part])  # (n, k) (k, k)
    strange = ~np.isfinite(v).all(axis=1)
    if strange.any():
        out[strange] = pool_dense(v[strange], o)
    return out
