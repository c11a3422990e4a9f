"""The kernels and instructions that the libraries took for this processor."""

import os
import shutil
import sys

from threadpoolctl import threadpool_info

__all__ = ["SETTINGS", "compiler", "libraries"]

# Variables of the environment by which a library takes other kernels than it would.
SETTINGS = (
    "OPENBLAS_CORETYPE",
    "ATEN_CPU_CAPABILITY",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "NPY_DISABLE_CPU_FEATURES",
    "NUMBA_CPU_NAME",
    "XLA_FLAGS",
)


def compiler() -> str | None:
    """Return the C++ compiler with which `torch.compile` makes kernels for a processor; None: there is none."""
    return shutil.which(os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++"))


def libraries() -> dict[str, str]:
    """Return, for each library that this process has loaded, what it computes with, in words.

    Variables of SETTINGS that are set in the environment stand beside the libraries.
    """
    found = {}
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            owner = "scipy" if "scipy.libs" in pool["filepath"] else "numpy"
            found[owner] = f"{pool['internal_api']} {pool['version']}, kernels {pool.get('architecture', 'unknown')}"
    if torch := sys.modules.get("torch"):
        products = "MKL" if torch.backends.mkl.is_available() else "no MKL"
        convolutions = "oneDNN" if torch.backends.mkldnn.is_available() else "no oneDNN"
        capability = torch.backends.cpu.get_cpu_capability()
        found["torch"] = f"CPU capability {capability}, {products}, {convolutions}"
        found["torch, compiled"] = "max-autotune" if compiler() else "missing: no C++ compiler (g++, or that of CXX)"
    if "jax" in sys.modules:
        found["jax"] = "XLA, compiled for this processor"
    return found | {name: os.environ[name] for name in SETTINGS if name in os.environ}
