"""This machine: processor, cores, BLAS, memory, and which devices and array libraries answer."""

import os
import platform
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pp_ref.errors import DeviceError

__all__ = [
    "Device",
    "array_library",
    "available",
    "blas",
    "cores",
    "gpu",
    "gpu_absence",
    "machine",
    "peak_memory_mb",
]

Device = Literal["cpu", "gpu"]


def gpu() -> str:
    """The name of the CUDA device in use."""
    import cupy

    name: bytes = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"]
    return name.decode()


def machine() -> dict[str, str | int]:
    """Processor, number of cores this process may use, and operating system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blas() -> dict[str, str | int]:
    """The library behind NumPy's matrix products: its name, version, the kernels it chose for this processor, threads.

    OpenBLAS takes kernels for an older processor where it does not know this one: on AMD's Zen 5 those without AVX-512,
    at half the rate. `OPENBLAS_CORETYPE=SkylakeX` in the environment chooses for it.
    """
    import numpy  # noqa: F401  the library has to be loaded to be asked
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools.sort(key=lambda pool: "numpy" not in pool["filepath"])  # SciPy's wheels bring a BLAS of their own
    found = pools[0] if pools else {}
    return {
        "library": found.get("internal_api", "unknown"),
        "version": found.get("version") or "unknown",
        "kernels": found.get("architecture", "unknown"),
        "threads": found.get("num_threads", 1),
    }


def peak_memory_mb() -> float:
    """The most memory this process has held so far, in MB (1e6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux, bytes on macOS
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


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
