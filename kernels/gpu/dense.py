"""The products by their definition on a CUDA device, a thread per output.

`product` multiplies two matrices: `pp_ref.kernels.gpu.naive.pool`, or another rung in its place.
"""

from collections.abc import Callable, Sequence

from pp_ref.arrays import Array
from pp_ref.kernels.gpu import naive
from pp_ref.kernels.gpu.operands import DeviceOperands, check_project, check_rows, check_weights
from pp_ref.layers.predicted import split

__all__ = ["expand_dense", "pool_adjoint_dense", "pool_dense", "project_dense"]

Product = Callable[[Array, Array], Array]


def pool_dense(v: Array, o: DeviceOperands, product: Product = naive.pool) -> Array:
    """v [U_1, ..., U_J] (n, k_1 + ... + k_J)."""
    (v,) = check_rows(o, "d", o.host.d, v=v)
    return product(v, o.U)


def pool_adjoint_dense(g: Array, o: DeviceOperands, product: Product = naive.pool) -> Array:
    """sum_j g_j U_j^T (n, d), with g (n, k_1 + ... + k_J)."""
    (g,) = check_rows(o, "k", o.host.ends[-1], g=g)
    return product(g, o.U.T)


def expand_dense(w: Sequence[Array], o: DeviceOperands, product: Product = naive.pool) -> Array:
    """W = [U_1 w_1, ..., U_J w_J] (d, m)."""
    import cupy

    w = check_weights(o, w)
    return cupy.concatenate([product(o.U[:, part], w_j) for part, w_j in zip(o.host.parts, w, strict=True)], axis=1)


def project_dense(G: Array, o: DeviceOperands, widths: Sequence[int], product: Product = naive.pool) -> list[Array]:
    """U_j^T G_j (k_j, m_j), with G = [G_1, ..., G_J] (d, m) cut at the widths m_j."""
    G = check_project(G, o, widths)
    return [product(o.U[:, part].T, block) for part, block in zip(o.host.parts, split(G, widths), strict=True)]
