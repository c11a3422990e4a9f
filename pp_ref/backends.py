"""What this machine can compute with."""

from importlib import import_module

__all__ = ["available", "gpu_absence"]


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
