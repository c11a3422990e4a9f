"""This machine: its processor, cores, BLAS and memory, and which devices and array libraries can be used."""

import os
import platform
import resource
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
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
    "numba_absence",
    "peak_memory_mb",
]

Device = Literal["cpu", "gpu"]


def gpu() -> str:
    """The name of the CUDA device in use."""
    import cupy

    name: bytes = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())["name"]
    return name.decode()


def machine() -> dict[str, str | int]:
    """The processor, the number of cores that this process may use, and the operating system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blas() -> dict[str, str | int]:
    """The library of NumPy's matrix products: its name, version, kernels for this processor, and number of threads.

    If OpenBLAS does not know the processor, it uses kernels for an older one: on AMD's Zen 5 those without AVX-512, at
    half the rate. `OPENBLAS_CORETYPE=SkylakeX` in the environment overrides its choice.
    """
    import numpy  # noqa: F401  threadpoolctl lists loaded libraries only
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools.sort(key=lambda pool: "numpy" not in pool["filepath"])  # SciPy's wheels contain another BLAS
    found = pools[0] if pools else {}
    return {
        "library": found.get("internal_api", "unknown"),
        "version": found.get("version") or "unknown",
        "kernels": found.get("architecture", "unknown"),
        "threads": found.get("num_threads", 1),
    }


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MB (1e6 bytes)."""
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
    """The array-API namespace for arrays on the device: NumPy or array-api-compat's CuPy.

    raises  DeviceError if device is "gpu" and none can be used
    """
    if device == "cpu":
        import numpy

        return numpy
    if absence := gpu_absence():
        raise DeviceError(f"{absence}: use device cpu")
    from array_api_compat import cupy

    return cupy


def gpu_absence() -> str | None:
    """None if a CUDA device can be used, else one sentence that says why not.

    CuPy can be imported on a machine without a GPU, so the driver is asked.
    """
    try:
        import cupy

        return None if cupy.cuda.runtime.getDeviceCount() else "the CUDA driver lists no device"
    except (ImportError, RuntimeError) as error:  # CuPy's driver errors are RuntimeErrors
        return f"CuPy found no usable GPU: {error}"


@cache
def numba_absence() -> str | None:
    """None if Numba is installed, else one sentence that says what to do. It is not imported: that takes a while."""
    try:
        found = find_spec("numba")
    except ValueError:  # it was imported in vain
        found = None
    return None if found else "Numba is not installed: pip install numba (the extra 'fast' of pp-ref)"


def available() -> dict[str, str | None]:
    """For each backend None if it can be used here, else one sentence that says why not."""
    reasons: dict[str, str | None] = {"numpy": None, "numba": numba_absence(), "cupy": gpu_absence()}
    if reasons["numba"] is None:
        try:
            import_module("numba")
        except ImportError as error:
            reasons["numba"] = f"Numba cannot be imported: {error}"
    return reasons
