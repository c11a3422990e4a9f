"""What a result was computed with: written into every record, printed by `pp-ref info`."""

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pp_ref import __version__
from pp_ref.backends import Device

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "cupy-cuda13x",
    "torch",
    "jax",
    "scikit-learn",
    "PyWavelets",
    "mlxtend",
    "safetensors",
)


def versions() -> dict[str, str]:
    """pp_ref, Python and every installed package that results may depend on, with their versions."""
    found = {"pp_ref": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def circumstances(device: Device = "cpu") -> dict[str, object]:
    """What every record says of how it came about: versions, machine with its BLAS, and this process's peak memory."""
    described = machine() | {"blas": blas()} | ({"gpu": gpu()} if device == "gpu" else {})
    return {"versions": versions(), "machine": described, "peak_memory_mb": peak_memory_mb()}


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
