"""v_alpha = v U on a CUDA device, by the definition: launches ``naive.cu``."""

from pp_ref.arrays import Array, check_axes
from pp_ref.kernels.gpu.launching import Kernel, empty, gate, launch

__all__ = ["pool"]

THREADS = 256  # per block; any multiple of a warp's 32 gives the same result


def pool(v: Array, U: Array) -> Array:
    """v_alpha = v U (paper, sec. 3.3) on the device that holds the arrays.

    v        (n, d) CuPy array, or any with ``__dlpack__``, float32 or float64, the input batch; n = 0 is fine
    U        (d, k) of v's dtype, the static dictionary
    returns  (n, k) CuPy array of that dtype
    raises   ShapeError if axis d differs; DeviceError without a GPU, for arrays that are not on the current one, or
             without room for the result; DomainError for any other dtype, or two

    A thread owns one output and sums axis d in order, so two runs agree bit for bit. The compiler fuses multiply and
    add, which rounds once; the processor's loops round twice. The bits differ, and the same bound holds for both.
    """
    sizes = check_axes("n d, d k", v=v, U=U)
    v, U = gate("pp_ref.kernels.cpu.pool", v=v, U=U)
    out = empty((sizes["n"], sizes["k"]), v.dtype)
    if out.size:
        launch(kernel(v.dtype.name), blocks(out.size), THREADS, (v, U, out, sizes["n"], sizes["d"], sizes["k"]))
    return out


def blocks(outputs: int) -> int:
    """The number of blocks with a thread per output."""
    return -(-outputs // THREADS)


def kernel(dtype: str) -> Kernel:
    """The kernel that `pool` launches."""
    return Kernel("pool_naive", ("naive.cu",), dtype)
