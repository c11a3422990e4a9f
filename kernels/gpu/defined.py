"""A product by the definition for the rows that are not finite, on a CUDA device: launches ``defined.cu``.

Short passes and folded factors take NaN and infinity elsewhere than the definition does. Nobody waits to hear whether
there are any: the flags stay on the device, and the kernel that reads them has nothing to do where all is finite.
"""

from pp_ref.arrays import Array, check_axes
from pp_ref.kernels.gpu.launching import Kernel, launch

__all__ = ["define"]

THREADS = 256
MOST_BLOCKS = 4096  # each of more rows would cost a block that only reads its flag


def define(a: Array, B: Array, finite: Array, out: Array) -> None:
    """out[i] = a[i] B for each i that is not finite; the other rows are left alone.

    a       (n, d) CuPy array, float32 or float64
    B       (d, k) of a's dtype
    finite  (n,) bool, or () for all rows
    out     (n, k) of a's dtype, written to; each of the four on the current device, with any strides
    raises  ShapeError

    A thread owns one output and adds up axis d in order: the bits are those of `pp_ref.kernels.gpu.naive.pool`.
    """
    spec = "n d, d k, n k, n" if finite.ndim else "n d, d k, n k"
    sizes = check_axes(spec, a=a, B=B, out=out, **({"finite": finite} if finite.ndim else {}))
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
