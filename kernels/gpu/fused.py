"""The products through K in one kernel for all columns, which smooths and gathers, or scatters and smooths.

CuPy computes the products with R_j. NaN and infinity reach the same entries as in the definition: the kernels flag the
rows that are not finite, and `define` computes those again. The host never waits for the device.
"""

from collections.abc import Sequence

from pp_ref.arrays import Array
from pp_ref.kernels.gpu.defined import define
from pp_ref.kernels.gpu.launching import empty, new_or_checked, room
from pp_ref.kernels.gpu.operands import DeviceOperands, check_project, check_rows, check_weights
from pp_ref.layers.predicted import split

__all__ = ["expand_fused", "pool_adjoint_fused", "pool_fused", "project_fused"]


@room("a product with R_j")
def pool_fused(v: Array, o: DeviceOperands, out: Array | None = None) -> Array:
    """v_alpha = v U for all columns, side by side: v U_j = (v K)[:, alpha_j] R_j.

    v        (n, d) CuPy array, or any with ``__dlpack__``, of the operands' dtype; n = 0 and any strides are fine
    out      (n, k_1 + ... + k_J), C-contiguous, to write into
    returns  out, or a new array
    raises   ShapeError; DomainError for another dtype, or an out that overlaps v; DeviceError without a GPU, for arrays
             that are not on the current one, or without room

    It returns before the device is done, on CuPy's current stream. The definition pools the examples that hold NaN or
    infinity.
    """
    (v,) = check_rows(o, "d", o.host.d, v=v)
    if o.R is None:
        out, finite = o.gather(v, out=out)
    else:
        out = new_or_checked(out, (v.shape[0], o.host.ends[-1]), o.dtype, v=v)
        gathered, finite = o.gather(v)
        for part, R in zip(o.host.parts, o.R, strict=True):
            out[:, part] = gathered[:, part] @ R  # (n, k) (k, k)
    define(v, o.U, finite, out)
    return out


@room("a product with R_j")
def pool_adjoint_fused(g: Array, o: DeviceOperands, out: Array | None = None) -> Array:
    """sum_j g_j U_j^T (n, d) = [g_1 R_1, ..., g_J R_J] S^T K, S = I[:, alpha]; one product with K for all columns.

    g  (n, k_1 + ... + k_J); the rest as in `pool_fused`
    """
    import cupy

    (g,) = check_rows(o, "k", o.host.ends[-1], g=g)
    out, solved = new_or_checked(out, (g.shape[0], o.host.d), o.dtype, g=g), g
    if o.R is not None:
        parts = zip(o.host.parts, o.R, strict=True)
        solved = cupy.concatenate([g[:, part] @ R for part, R in parts], axis=1)  # R is symmetric
    _, finite = o.scatter(solved, out=out)
    define(g, o.U.T, finite, out)
    return out


@room("a product with R_j")
def expand_fused(w: Sequence[Array], o: DeviceOperands) -> Array:
    """W = [U_1 w_1, ..., U_J w_J] (d, m), in Fortran order: U_j w_j = K[:, alpha_j] (R_j w_j), a pass per unit.

    w       J arrays (k_j, m_j) of the operands' dtype
    raises  as `pool_fused`
    """
    w = check_weights(o, w)
    W, first = empty((sum(w_j.shape[1] for w_j in w), o.host.d), o.dtype), 0
    for j, (part, w_j, folded) in enumerate(zip(o.host.parts, w, o.fold(w), strict=True)):
        units = W[first : first + w_j.shape[1]]
        _, finite = o.scatter(folded.T, j, out=units)
        define(w_j.T, o.U[:, part].T, finite, units)
        first += w_j.shape[1]
    return W.T


@room("a product with R_j")
def project_fused(G: Array, o: DeviceOperands, widths: Sequence[int]) -> list[Array]:
    """U_j^T G_j (k_j, m_j) = R_j (K G_j)[alpha_j], with G = [G_1, ..., G_J] (d, m) cut at the widths m_j.

    raises  as `pool_fused`
    """
    G, projected = check_project(G, o, widths), []
    flags = []
    for j, block in enumerate(split(G, widths)):
        gathered, finite = o.gather(block.T, j)
        projected.append(gathered.T)
        flags.append(finite)
    projected = o.fold(projected)
    for part, block, finite, out in zip(o.host.parts, split(G, widths), flags, projected, strict=True):
        define(block.T, o.U[:, part], finite, out.T)
    return projected
