"""Arrays of NumPy, PyTorch, JAX and CuPy: made from numbers that the declared arithmetic stores, and read back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DomainError, MissingExtraError, check_known, import_extra
from pp_ref.files import reason
from pp_ref.oracle.algebras.arithmetic import Arithmetic

__all__ = ["LIBRARIES", "Library", "library", "viewed"]


@dataclass(frozen=True)
class Library:
    """How a library's arrays are told apart, made and read.

    make     (numbers, name of a dtype) -> array, on the device that was asked for
    read     array -> numbers in NumPy, of a dtype that holds them, once all that its device had to do is done
    is_own   whether something is an array of this library
    gradient (function of arrays -> list of arrays, arrays, cotangents) -> gradients; None: no automatic differentiation
    view     (array of one axis, shape, entries from one to the next along each axis, place of the first) -> array in
             the same memory; None: no array shares another's memory
    write    (array, another of its shape) puts the numbers of the second into the first
    freeze   makes an array read-only; None: there are no such arrays
    layouts  the memory orders of arrays that it has: "C", "F", "strided", "reversed"
    shared   whether two arrays share memory
    is_subclass  whether an array is of a class that somebody derived from the library's
    """

    name: str
    make: Callable[[NDArray[Any], str], Any]
    read: Callable[[Any], NDArray[Any]]
    is_own: Callable[[Any], bool]
    gradient: Callable[..., list[Any]] | None = None
    view: Callable[[Any, tuple[int, ...], Sequence[int], int], Any] | None = None
    write: Callable[[Any, Any], None] = lambda x, other: None
    freeze: Callable[[Any], None] | None = None
    layouts: tuple[str, ...] = ("C",)
    shared: Callable[[Any, Any], bool] = lambda a, b: False  # JAX arrays cannot be written to
    is_subclass: Callable[[Any], bool] = lambda x: False

    def check(self, arithmetic: Arithmetic, autodiff: bool) -> None:
        """Refuse what the library has not.

        raises  DomainError
        """
        if self.name == "numpy" and arithmetic.dtype == "bfloat16":
            raise DomainError(
                "arithmetic is 'bfloat16', but NumPy has no such dtype: expected float64, float32 or float16"
            )
        if autodiff and self.gradient is None:
            raise DomainError(f"autodiff needs torch or jax arrays, but the candidate's are {self.name}'s")

    def numbers(self, x: Any) -> NDArray[np.float64]:
        return np.asarray(self.read(x), np.float64)

    def dtype_of(self, x: Any) -> str:
        """ "float32" of numpy.float32 and of torch.float32 alike."""
        return str(getattr(x, "dtype", type(x).__name__)).rpartition(".")[2]

    def device_of(self, x: Any) -> str:
        device = getattr(x, "device", "cpu")
        return str(device() if callable(device) else device)


def _numpy(device: str | None) -> Library:
    if device not in (None, "cpu"):
        raise DomainError(f"device is {device!r}, but NumPy has its arrays in the processor's memory: expected 'cpu'")

    return Library(
        "numpy",
        lambda x, dtype: np.array(x, dtype),
        np.asarray,
        lambda x: isinstance(x, np.ndarray | np.generic),
        view=viewed,
        write=_write,
        freeze=lambda x: x.setflags(write=False),
        layouts=("C", "F", "strided", "reversed"),
        shared=lambda a, b: np.may_share_memory(a, b) and np.shares_memory(a, b),
        is_subclass=lambda x: isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap),
    )


def viewed(x: NDArray[Any], shape: tuple[int, ...], steps: Sequence[int], first: int) -> NDArray[Any]:
    """An array in the memory of x, which has one axis.

    steps  entries from one to the next along each axis
    first  place of the first entry
    """
    size = x.itemsize
    return np.ndarray(shape, x.dtype, x.data, first * size, [step * size for step in steps])


def _write(x: Any, other: Any) -> None:
    x[...] = other


def _torch(device: str | None) -> Library:
    torch = import_extra("torch", "torch")

    def make(x: NDArray[Any], dtype: str) -> Any:
        return torch.from_numpy(np.array(x)).to(device, getattr(torch, dtype))

    def read(x: Any) -> NDArray[Any]:
        if x.is_cuda:  # another stream than the current one may still write to it
            torch.cuda.synchronize(x.device)
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
        view=lambda x, shape, steps, first: torch.as_strided(x, shape, tuple(steps), first),
        write=_write,
        layouts=("C", "F", "strided"),
        shared=lambda a, b: a.numel() > 0 and storage(a) == storage(b),
        is_subclass=lambda x: isinstance(x, torch.Tensor) and type(x) not in (torch.Tensor, torch.nn.Parameter),
    )


def _jax(device: str | None) -> Library:
    jax = import_extra("jax", "jax")
    jax.config.update("jax_enable_x64", True)  # else float64 is silently float32
    kind, _, number = (device or "").partition(":")
    where = jax.devices(kind)[int(number or 0)] if device else None

    def make(x: NDArray[Any], dtype: str) -> Any:
        return jax.numpy.asarray(x, dtype=dtype, device=where)

    def read(x: Any) -> NDArray[Any]:
        return np.asarray(x).astype(np.float64)

    def gradient(function: Any, arrays: list[Any], cotangents: list[Any]) -> list[Any]:
        outputs, pull = jax.vjp(function, arrays)
        dy = [jax.numpy.asarray(each, y.dtype) for each, y in zip(cotangents, outputs, strict=True)]
        return list(pull(dy)[0])

    return Library("jax", make, read, lambda x: isinstance(x, jax.Array), gradient)


def _cupy(device: str | None) -> Library:
    cupy = import_extra("cupy", "gpu")

    def view(x: Any, shape: tuple[int, ...], steps: Sequence[int], first: int) -> Any:
        size = x.itemsize
        return cupy.ndarray(shape, x.dtype, x.data + first * size, tuple(step * size for step in steps))

    kind, _, number = (device or "cuda").partition(":")
    if kind != "cuda":
        raise DomainError(f"device is {device!r}, but CuPy has its arrays on one of CUDA: expected 'cuda' or 'cuda:1'")

    def make(x: NDArray[Any], dtype: str) -> Any:
        if not number:
            return cupy.asarray(x, dtype=dtype)
        with cupy.cuda.Device(int(number)):
            return cupy.asarray(x, dtype=dtype)

    def read(x: Any) -> NDArray[Any]:
        with x.device:
            x.device.synchronize()  # another stream than the current one may still write to it
            return np.asarray(cupy.asnumpy(x))

    return Library(
        "cupy",
        make,
        read,
        lambda x: isinstance(x, cupy.ndarray),
        view=view,
        write=_write,
        layouts=("C", "F", "strided", "reversed"),
        shared=lambda a, b: bool(cupy.may_share_memory(a, b)),
    )


LIBRARIES: dict[str, Callable[[str | None], Library]] = {"numpy": _numpy, "torch": _torch, "jax": _jax, "cupy": _cupy}


def library(name: str, device: str | None = None) -> Library:
    """The library of this name, imported.

    device  on which arrays are made, "cuda" or "cuda:1", say; None: where the library puts them
    raises  DomainError for another name, or a device that is not there; MissingExtraError where it is not installed
    """
    check_known("arrays", name, LIBRARIES)
    try:
        found = LIBRARIES[name](device)
        found.make(np.zeros(1), "float32")
    except Exception as error:  # of the library's own kinds
        if device is None or isinstance(error, DomainError | MissingExtraError):
            raise
        raise DomainError(f"device is {device!r}, which {name} does not find here ({reason(error)})") from error
    return found
