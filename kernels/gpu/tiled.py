"""v_alpha = v U on a CUDA device, a tile of outputs per block: launches ``tiled.cu``."""

from pp_ref.arrays import Array, check_axes
from pp_ref.kernels.gpu.launching import Kernel, empty, gate, launch

__all__ = ["pool_tiled"]

TILE, DEPTH, EACH = 64, 16, 4  # TILE^2 outputs per block, EACH^2 per thread; DEPTH inputs in shared memory at a time
THREADS = (TILE // EACH) ** 2
SHARED = DEPTH * (2 * TILE + 1)  # numbers in shared memory; v's tile has rows of an odd length


def pool_tiled(v: Array, U: Array) -> Array:
    """v_alpha = v U for a dictionary of any structure, with the contract of `pp_ref.kernels.gpu.naive.pool`.

    Sums run over axis d in the same order, so both give the same bits.
    """
    sizes = check_axes("n d, d k", v=v, U=U)
    v, U = gate("pp_ref.kernels.cpu.pool", v=v, U=U)
    n, d, k = (sizes[axis] for axis in "ndk")
    out = empty((n, k), v.dtype)
    if out.size:
        tiles = -(-n // TILE) * -(-k // TILE)
        launch(kernel(v.dtype.name), tiles, THREADS, (v, U, out, n, d, k), SHARED * v.dtype.itemsize)
    return out


def kernel(dtype: str) -> Kernel:
    """The kernel that `pool_tiled` launches."""
    constants = (("THREADS", THREADS), ("TILE", TILE), ("DEPTH", DEPTH), ("EACH", EACH))
    return Kernel("pool_tiled", ("tiled.cu",), dtype, constants)
