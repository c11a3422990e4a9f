"""A product by the definition for the rows that are not finite, on a CUDA device: launches ``defined.cu``.

Short passes and folded factors spread NaN and infinity to other entries than the definition does. The host never
synchronises: the flags stay on the device, and the kernel skips finite rows.
"""

from pp_ref.arrays import Array, check_sizes
from pp_ref.kernels.gpu.launching import Kernel, launch

__all__ = ["define"]

THREADS = 256
MOST_BLOCKS = 4096  # with a block per row, most blocks would only read a flag


def define(a: Array, B: Array, finite: Array, out: Array) -> None:
    """out[i] = a[i] B for each i whose flag is False; the other rows stay as they are.

    a       (n, d) CuPy array, float32 or float64
    B       (d, k) of a's dtype
    finite  (n,) bool, or () for all rows
    out     (n, k) of a's dtype, written to; all four arrays are on the current device, with any strides
    raises  ShapeError

    A thread owns one output and sums axis d in order: the bits are those of `pp_ref.kernels.gpu.naive.pool`.
    """
    spec = "n d, d k, n k, n" if finite.ndim else "n d, d k, n k"
    sizes = check_sizes(spec, a=a, B=B, out=out, **({"finite": finite} if finite.ndim else {}))
    rows, inner, columns = (sizes[axis] for axis in "ndk")
    if rows and columns:
        steps = [stride // array.itemsize for array in (a, B, finite, out) for stride in array.strides]
        if not finite.ndim:
            steps.insert(4, 0)
        blocks = min(rows, MOST_BLOCKS)
        launch(kernel(a.dtype.name), blocks, THREADS, (a, B, finite, out, rows, inner, columns, *steps))


def kernel(dtype: str) -> Kernel:
    """The kernel that `define` launches."""
    return Kernel("product_defined", ("defined.cu",), dtype)
