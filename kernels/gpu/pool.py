"""v_alpha = v U on a CUDA device: launches the kernels of ``pool.cu`` with CuPy."""

from functools import cache
from importlib import resources
from typing import Any

from pp_ref.arrays import Array, check_axes
from pp_ref.backends import gpu_absence
from pp_ref.errors import DeviceError, DomainError

__all__ = ["pool"]

THREADS = 256  # a block; any multiple of a warp's 32 gives the same result


def pool(v: Array, U: Array) -> Array:
    """v_alpha = v U, sec. 3.3 of the paper, on the device that holds the arrays.

    v        (n, d) CuPy array, float32 or float64, the input batch; n = 0 is fine
    U        (d, k) CuPy array of v's dtype, the static dictionary
    returns  (n, k) CuPy array of that dtype
    raises   ShapeError if axis d differs; DeviceError without a GPU, or for arrays that are not on it; DomainError for
             any other dtype, or two

    A thread owns one output and adds up axis d in order, so two runs agree bit for bit. The compiler fuses multiply and
    add, which rounds once where the processor's loops round twice: the same bound holds, other bits come out.
    """
    sizes = check_axes("n d, d k", v=v, U=U)
    if absence := gpu_absence():
        raise DeviceError(f"{absence}: use pp_ref.kernels.cpu.pool")
    import cupy

    for name, array in (("v", v), ("U", U)):
        if not isinstance(array, cupy.ndarray):
            raise DeviceError(f"{name} is a {type(array).__name__}, not on the GPU: move it with cupy.asarray({name})")
    if v.dtype != U.dtype or v.dtype not in (cupy.float32, cupy.float64):
        raise DomainError(
            f"v is {v.dtype} and U is {U.dtype}; expected both float32 or both float64: cast one with astype"
        )
    out = cupy.empty((sizes["n"], sizes["k"]), v.dtype)
    if out.size:
        arguments = (cupy.ascontiguousarray(v), cupy.ascontiguousarray(U), out, sizes["n"], sizes["d"], sizes["k"])
        module().get_function(f"pool_{v.dtype.name}")((blocks(out.size),), (THREADS,), arguments)
    return out


def blocks(outputs: int) -> int:
    """How many blocks give each output a thread."""
    return -(-outputs // THREADS)


def source() -> str:
    """The text of ``pool.cu``, wherever the package is installed."""
    return resources.files("pp_ref.kernels.gpu").joinpath("pool.cu").read_text("utf-8")


@cache
def module() -> Any:
    """The kernels, which CuPy compiles once a device and keeps on disk."""
    import cupy

    return cupy.RawModule(code=source())
