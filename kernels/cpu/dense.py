"""The products with all U_j side by side, by BLAS: the definition, and the speed that other rungs have to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.gate import check_project, check_rows, check_weights, new_or_checked
from pp_ref.kernels.operands import Operands

__all__ = ["expand_dense", "pool_adjoint_dense", "pool_dense", "project_dense"]


def pool_dense(v: NDArray[Any], o: Operands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """[v U_1, ..., v U_J] (n, k_1 + ... + k_J)."""
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    return np.matmul(v, o.beside, out=out)  # (n, d) (d, k_1 + ... + k_J)


def pool_adjoint_dense(g: NDArray[Any], o: Operands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """sum_j g_j U_j^T (n, d), with g (n, k_1 + ... + k_J)."""
    check_rows(o, "k", o.ends[-1], g=g)
    out = new_or_checked(out, (len(g), o.d), o, g=g)
    return np.matmul(g, o.beneath, out=out)  # (n, k_1 + ... + k_J) (k_1 + ... + k_J, d)


def expand_dense(w: Sequence[NDArray[Any]], o: Operands) -> NDArray[Any]:
    """W = [U_1 w_1, ..., U_J w_J] (d, m)."""
    check_weights(o, w)
    return np.concatenate([U @ w_j for U, w_j in zip(o.U, w, strict=True)], axis=1)  # (d, k) (k, m_j)


def project_dense(G: NDArray[Any], o: Operands, widths: Sequence[int]) -> list[NDArray[Any]]:
    """U_j^T G_j (k_j, m_j), with G = [G_1, ..., G_J] (d, m) cut at the widths m_j."""
    check_project(G, o, widths)
    blocks = np.split(G, np.cumsum(widths)[:-1], axis=1)
    return [U.T @ block for U, block in zip(o.U, blocks, strict=True)]  # (k, d) (d, m_j)
