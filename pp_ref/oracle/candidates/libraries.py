"""Arrays of NumPy, PyTorch, JAX and CuPy: made from numbers that the declared arithmetic stores, and read back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DomainError, import_extra, unknown
from pp_ref.oracle.algebras.arithmetic import Arithmetic

__all__ = ["LIBRARIES", "Library", "library"]


@dataclass(frozen=True)
class Library:
    """How a library's arrays are told apart, made and read.

    make     (numbers, name of a dtype) -> array
    read     array -> numbers in NumPy, of a dtype that holds them
    is_own   whether something is an array of this library
    gradient (function of arrays -> list of arrays, arrays, cotangents) -> gradients; None: no automatic differentiation
    strided  whether it has arrays that are not contiguous in memory
    shared   whether two arrays share memory
    """

    name: str
    make: Callable[[NDArray[Any], str], Any]
    read: Callable[[Any], NDArray[Any]]
    is_own: Callable[[Any], bool]
    gradient: Callable[..., list[Any]] | None = None
    strided: bool = False
    shared: Callable[[Any, Any], bool] = lambda a, b: False  # JAX arrays cannot be written to

    def arrays(self, x: Any, arithmetic: Arithmetic, layout: str = "C") -> Any:
        """x as an array of the library: floats in the arithmetic's dtype, integers in int64."""
        if isinstance(x, list | tuple):
            return type(x)(self.arrays(each, arithmetic, layout) for each in x)
        if not isinstance(x, np.ndarray):
            return x
        made = self.make(x, arithmetic.dtype if x.dtype.kind == "f" else "int64")
        return _laid_out(made, layout) if self.strided and layout != "C" else made

    def numbers(self, x: Any) -> NDArray[np.float64]:
        return np.asarray(self.read(x), np.float64)

    def dtype_of(self, x: Any) -> str:
        """ "float32" of numpy.float32 and of torch.float32 alike."""
        return str(getattr(x, "dtype", type(x).__name__)).rpartition(".")[2]

    def device_of(self, x: Any) -> str:
        device = getattr(x, "device", "cpu")
        return str(device() if callable(device) else device)


def _laid_out(array: Any, layout: str) -> Any:
    """The same numbers in another memory layout: no operation may care. Of NumPy and CuPy."""
    if layout == "F":
        return array.copy(order="F")
    if layout == "reversed":
        every = (slice(None, None, -1),) * array.ndim
        return array[every].copy(order="C")[every]
    held = array.repeat(2) if array.ndim == 0 else array
    for axis in range(array.ndim):
        held = held.repeat(2, axis=axis)
    return held[(slice(None, None, 2),) * array.ndim]


def _numpy() -> Library:
    def make(x: NDArray[Any], dtype: str) -> NDArray[Any]:
        if dtype == "bfloat16":
            raise DomainError(
                "arithmetic is 'bfloat16', but NumPy has no such dtype: expected float64, float32 or float16"
            )
        return np.array(x, dtype)

    return Library(
        "numpy",
        make,
        np.asarray,
        lambda x: isinstance(x, np.ndarray | np.generic),
        strided=True,
        shared=lambda a, b: np.may_share_memory(a, b) and np.shares_memory(a, b),
    )


def _torch() -> Library:
    torch = import_extra("torch", "torch")

    def make(x: NDArray[Any], dtype: str) -> Any:
        return torch.from_numpy(np.array(x)).to(getattr(torch, dtype))

    def read(x: Any) -> NDArray[Any]:
        return np.asarray(x.detach().cpu().to(torch.float64).numpy())

    def gradient(function: Any, arrays: list[Any], cotangents: list[Any]) -> list[Any]:
        inputs = [x.detach().requires_grad_() for x in arrays]
        outputs = function(inputs)
        found = torch.autograd.grad(
            outputs, inputs, [dy.to(y) for dy, y in zip(cotangents, outputs, strict=True)], allow_unused=True
        )
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]

    def storage(x: Any) -> int:
        return int(x.untyped_storage().data_ptr())

    return Library(
        "torch",
        make,
        read,
        lambda x: isinstance(x, torch.Tensor),
        gradient,
        shared=lambda a, b: a.numel() > 0 and storage(a) == storage(b),
    )


def _jax() -> Library:
    jax = import_extra("jax", "jax")
    jax.config.update("jax_enable_x64", True)  # else float64 is silently float32

    def make(x: NDArray[Any], dtype: str) -> Any:
        return jax.numpy.asarray(x, dtype=dtype)

    def read(x: Any) -> NDArray[Any]:
        return np.asarray(x).astype(np.float64)

    def gradient(function: Any, arrays: list[Any], cotangents: list[Any]) -> list[Any]:
        outputs, pull = jax.vjp(function, arrays)
        dy = [jax.numpy.asarray(each, y.dtype) for each, y in zip(cotangents, outputs, strict=True)]
        return list(pull(dy)[0])

    return Library("jax", make, read, lambda x: isinstance(x, jax.Array), gradient)


def _cupy() -> Library:
    cupy = import_extra("cupy", "gpu")
    return Library(
        "cupy",
        lambda x, dtype: cupy.asarray(x, dtype=dtype),
        lambda x: np.asarray(cupy.asnumpy(x)),
        lambda x: isinstance(x, cupy.ndarray),
        strided=True,
        shared=lambda a, b: bool(cupy.may_share_memory(a, b)),
    )


LIBRARIES: dict[str, Callable[[], Library]] = {"numpy": _numpy, "torch": _torch, "jax": _jax, "cupy": _cupy}


def library(name: str) -> Library:
    """The library of this name, imported.

    raises  DomainError for another name, MissingExtraError where it is not installed
    """
    if name not in LIBRARIES:
        raise DomainError(unknown("arrays", name, LIBRARIES))
    return LIBRARIES[name]()
