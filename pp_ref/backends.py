"""What this machine can compute with, and what it shall: the one switch of the pooling path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal, cast, get_args

from pp_ref.errors import DeviceError, DomainError

__all__ = [
    "Backend",
    "Device",
    "array_library",
    "available",
    "gpu_absence",
    "kernels_take",
    "pooling_backend",
    "use_backend",
]

Device = Literal["cpu", "gpu"]
Backend = Literal["auto", "numpy", "numba", "cupy"]

_COMPILED = ("float32", "float64")
_chosen: list[Backend] = []  # the innermost `use_backend` last


def pooling_backend() -> Backend:
    """How models evaluate predicted layers and max-pooling. Where they do is where the arrays are: no choice moves one.

    "auto"   as a plan of the costs says (pp_ref.kernels.plan), max-pooling of NumPy arrays always in Numba: the default
    "numpy"  by pp_ref.layers alone
    "numba"  NumPy arrays by pp_ref.kernels.cpu wherever the dictionary allows it, others by pp_ref.layers
    "cupy"   CuPy arrays by pp_ref.kernels.gpu wherever the dictionary allows it, others by pp_ref.layers

    The innermost `use_backend` decides, else the environment's PP_REF_BACKEND. Layers know none of this.
    raises   DomainError for another name in PP_REF_BACKEND
    """
    return _chosen[-1] if _chosen else _checked("PP_REF_BACKEND", os.environ.get("PP_REF_BACKEND") or "auto")


def kernels_take(first: Any, *others: Any) -> bool:
    """Whether compiled kernels may compute with these arrays: NumPy's, all of float32 or all of float64.

    Only where `pooling_backend` is "auto" or "numba".
    """
    allowed = pooling_backend() in ("auto", "numba")
    if not allowed or type(first).__module__ != "numpy" or first.dtype.name not in _COMPILED:
        return False
    return all(type(array) is type(first) and array.dtype == first.dtype for array in others)


@contextmanager
def use_backend(backend: Backend) -> Iterator[None]:
    """Choose for all threads of this process, until the block ends.

    raises  DomainError for another name
    """
    _chosen.append(_checked("backend", backend))
    try:
        yield
    finally:
        _chosen.pop()


def _checked(name: str, backend: str) -> Backend:
    if backend not in get_args(Backend):
        raise DomainError(f"{name} is {backend!r}, expected one of {', '.join(get_args(Backend))}")
    return cast(Backend, backend)


def array_library(device: Device) -> Any:
    """The namespace whose arrays live on the device: NumPy, or CuPy as the array API has it.

    raises  DeviceError where no GPU answers
    """
    if device == "cpu":
        import numpy

        return numpy
    if absence := gpu_absence():
        raise DeviceError(f"{absence}: use device cpu")
    from array_api_compat import cupy

    return cupy


def gpu_absence() -> str | None:
    """None if a CUDA device answers, else one sentence saying why not.

    It asks the driver: importing CuPy succeeds on a machine without a GPU.
    """
    try:
        import cupy

        return None if cupy.cuda.runtime.getDeviceCount() else "the CUDA driver lists no device"
    except (ImportError, RuntimeError) as error:  # CuPy's driver errors are RuntimeErrors
        return f"CuPy found no usable GPU: {error}"


def available() -> dict[str, str | None]:
    """Each backend of the pooling path: None if it can be used here, else one sentence saying why not."""
    reasons: dict[str, str | None] = {"numpy": None, "numba": None, "cupy": gpu_absence()}
    try:
        import_module("numba")
    except ImportError as error:
        reasons["numba"] = f"Numba cannot be imported: {error}"
    return reasons
