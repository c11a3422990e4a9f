"""What records have in common: versions, machine, peak memory; the format of studies; and tables in Markdown."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from pp_ref import __version__
from pp_ref.envelope import Format
from pp_ref.machine import Device, blas, gpu, machine, peak_memory_mb

__all__ = ["PACKAGES", "STUDY", "circumstances", "markdown", "versions"]

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
    "librosa",
    "soundfile",
    "RapidFuzz",
    "safetensors",
    "mpi4py",
    "mpich",
    "distributed",
)
STUDY = Format("pp_ref.study", "the record of a study")  # which a program in benchmarks/ made


def versions() -> dict[str, str]:
    """The versions of pp_ref, of Python, and of every installed package on which results may depend."""
    found = {"pp_ref": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def circumstances(device: Device = "cpu") -> dict[str, object]:
    """Versions, the machine with its BLAS and (if used) its GPU, and the peak memory of this process."""
    described = machine() | {"blas": blas()} | ({"gpu": gpu()} if device == "gpu" else {})
    return {"versions": versions(), "machine": described, "peak_memory_mb": peak_memory_mb()}


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. The first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))
