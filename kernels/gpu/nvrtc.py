"""Compile kernels without a device or driver and report their resources: NVRTC from `nvidia-cuda-nvrtc` on PyPI.

CuPy compiles with the same library. It has no headers, so the kernels include none.
"""

import ctypes
import re
import site
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pp_ref.errors import DeviceError, MissingExtraError
from pp_ref.kernels.gpu.launching import Kernel

__all__ = ["Usage", "compile_for", "nvrtc_version"]

INSTALL = "pip install nvidia-cuda-nvrtc"


class Usage(NamedTuple):
    """The resources of a compiled kernel: registers, spills and stack of a thread, shared memory of a block."""

    registers: int
    spilled_bytes: int  # stores and loads of registers in memory
    stack_bytes: int
    static_shared_bytes: int  # without the bytes that a launch requests


def compile_for(architecture: str, kernel: Kernel) -> Usage:
    """Compile a kernel to machine code, and return the resources in the assembler's report.

    architecture  "sm_80" (A100), "sm_90" (H100, H200), ...
    raises        MissingExtraError if NVRTC is not installed; DeviceError with the compiler's log if it fails
    """
    library, program = _library(), ctypes.c_void_p()
    source, name = kernel.source().encode(), f"{kernel.name}.cu".encode()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), source, name, 0, None, None))
    options = [f"--gpu-architecture={architecture}", "--ptxas-options=-v", *kernel.options()]
    try:
        failed = library.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        )
        size = ctypes.c_size_t()
        _check(library.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
        text = ctypes.create_string_buffer(size.value)
        _check(library.nvrtcGetProgramLog(program, text))
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
    log = text.value.decode()
    if failed:
        raise DeviceError(f"NVRTC does not compile {kernel.name} for {architecture}:\n{log}")
    return _usage(log)


def nvrtc_version() -> str:
    """The compiler's version, e.g. "13.0".

    raises  MissingExtraError if NVRTC is not installed
    """
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"{major.value}.{minor.value}"


def _usage(log: str) -> Usage:
    stack, stores, loads = map(
        int, _found(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    )
    (registers,) = _found(r"Used (\d+) registers", log)
    shared = re.search(r"(\d+) bytes smem", log)
    return Usage(int(registers), stores + loads, stack, int(shared[1]) if shared else 0)


def _found(pattern: str, log: str) -> tuple[str, ...]:
    match = re.search(pattern, log)
    if match is None:
        raise DeviceError(f"NVRTC's report has another form than expected:\n{log}")
    return match.groups()


@cache
def _library() -> Any:
    for folder in dict.fromkeys([*site.getsitepackages(), *sys.path]):
        for file in sorted(Path(folder).glob("nvidia/*/lib/libnvrtc.so.*")):
            for companion in file.parent.glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(companion), ctypes.RTLD_GLOBAL)  # NVRTC loads it by its name alone
            return ctypes.CDLL(str(file))
    raise MissingExtraError(f"NVRTC was not found: {INSTALL}")


def _check(status: int) -> None:
    if status:
        raise DeviceError(f"NVRTC fails with status {status}")
