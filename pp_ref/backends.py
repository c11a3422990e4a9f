"""What this machine can compute with."""

from importlib import import_module
from typing import Any, Literal

from pp_ref.errors import DeviceError

__all__ = ["Device", "array_library", "available", "gpu_absence"]

Device = Literal["cpu", "gpu"]


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
