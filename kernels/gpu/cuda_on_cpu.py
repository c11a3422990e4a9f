"""A stand-in for CuPy whose device is one core of the processor: CUDA sources run unchanged, compiled by g++.

The tests run every kernel on it, and lesson 9 shows what the order of threads does.

Its arrays are NumPy arrays of a class of their own, so that arrays which were never moved to the device are noticed.
A kernel that reads or writes behind an array is stopped. Before an array it reads NaN, and a write is reported after
the launch.
"""

import ctypes
import hashlib
import mmap
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pp_ref.errors import DeviceError

__all__ = ["CompileError", "DeviceArray", "LaunchError", "StandIn"]

HEADER = Path(__file__).with_suffix(".h")
RUNTIME = HEADER.with_suffix(".cpp")
FLAGS = ("-std=c++17", "-O1", "-fPIC", "-U_FORTIFY_SOURCE", "-ffp-contract=off")
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
    "-Wno-unused",
    "-Wno-unused-parameter",
    "-Wno-sign-compare",
    "-Werror",
)
PAGE, GUARD = mmap.PAGESIZE, 1024  # bytes; at least GUARD bytes lie before each array
LIBC = ctypes.CDLL(None, use_errno=True)
LARGE = 1 << 28  # elements: larger arrays take memory only when it is touched, and are not guarded
STATIC_LIMIT = 48 << 10  # bytes of shared memory that a kernel gets unasked
SHARED_LIMIT = 227 << 10  # an H100's


class LaunchError(Exception):
    """The behaviour of a device would be undefined: the message has the block, the thread and the reason."""


class CompileError(Exception):
    """g++ does not compile the source."""


class DeviceArray(np.ndarray):
    """An array on the device."""

    @property
    def device(self) -> SimpleNamespace:  # type: ignore[override]  # NumPy's has only a CPU
        return SimpleNamespace(id=0)

    def get(self) -> np.ndarray:
        return self.view(np.ndarray)

    def all(self, *arguments: Any, **more: Any) -> Any:
        """A 0-d array, as in CuPy; NumPy returns a number."""
        return np.asarray(super().all(*arguments, **more)).view(DeviceArray)


class Memory:
    """The memory of the device's arrays. A page that traps follows each array; guard words precede it."""

    def __init__(self) -> None:
        self.guards: list[tuple[tuple[int, ...], np.ndarray, int]] = []

    def empty(self, shape: Any, dtype: Any = np.float64) -> DeviceArray:
        """An uninitialised array: all NaN; integers are an index far outside of all arrays."""
        shape, dtype = tuple(map(int, np.atleast_1d(shape))), np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64))
        if size >= LARGE:
            return np.empty(shape, dtype).view(DeviceArray)
        length = -(-(GUARD + size * dtype.itemsize) // PAGE) * PAGE
        memory = mmap.mmap(-1, length + PAGE)
        words = np.frombuffer(memory, np.int32, length // 4)
        words[:] = nothing(dtype)
        trap = ctypes.c_void_p(words.ctypes.data + length)
        if LIBC.mprotect(trap, PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        start = length - size * dtype.itemsize
        self.guards.append((shape, words[: start // 4], nothing(dtype)))
        return np.frombuffer(memory, dtype, size, start).reshape(shape).view(DeviceArray)

    def asarray(self, values: Any, dtype: Any = None) -> DeviceArray:
        if isinstance(values, DeviceArray) and dtype in (None, values.dtype):
            return values
        values = np.asarray(values, dtype)
        array = self.empty(values.shape, values.dtype)
        array[...] = values
        return array

    def ascontiguousarray(self, array: DeviceArray) -> DeviceArray:
        return array if array.flags.c_contiguous else self.asarray(np.array(array))

    def check(self) -> None:
        """raises LaunchError if a kernel wrote before an array"""
        for shape, words, guard in self.guards:
            if (words != guard).any():
                raise LaunchError(f"a kernel wrote before an array of shape {shape}")


def nothing(dtype: np.dtype[Any]) -> int:
    """The 4 bytes that fill unwritten memory."""
    return 0x3FFFFFFF if dtype.kind == "i" else -1


class Kernel:
    """One compiled kernel: ``kernel((blocks,), (threads,), arguments, shared_mem=bytes)``."""

    def __init__(self, library: ctypes.CDLL, name: str, stand_in: "StandIn") -> None:
        self.name, self.stand_in, self.max_dynamic_shared_size_bytes = name, stand_in, STATIC_LIMIT
        self.launch, self.message = library[f"launch_{name}"], library.cuda_message
        self.message.restype = ctypes.c_char_p
        sizes = (ctypes.c_int * 64)()
        self.sizes = sizes[: library[f"sizes_{name}"](sizes)]

    def __call__(self, grid: Any, block: Any, arguments: Any, *, shared_mem: int = 0) -> None:
        if [self._size(argument) for argument in arguments] != self.sizes:
            given = [self._size(argument) for argument in arguments]
            raise LaunchError(f"{self.name}: arguments have {given} bytes, but it takes {self.sizes}")
        if shared_mem > min(self.max_dynamic_shared_size_bytes, SHARED_LIMIT):
            raise LaunchError(f"{self.name}: {shared_mem} bytes of shared memory were not asked for")
        if not 1 <= np.prod(block) <= 1024 or not 1 <= grid[0] < 1 << 31:
            raise LaunchError(f"{self.name}: grid {grid} of blocks {block}")
        kept = [
            ctypes.c_void_p(argument.ctypes.data)
            if isinstance(argument, np.ndarray)
            else ctypes.create_string_buffer(np.asarray(argument).tobytes())
            for argument in arguments
        ]
        pointers = (ctypes.c_void_p * len(kept))(*map(ctypes.addressof, kept))
        dimensions = [(ctypes.c_uint * 3)(*(*sizes, 1, 1)[:3]) for sizes in (grid, block)]
        seed, blocks = ctypes.c_uint(self.stand_in.order), ctypes.c_uint64(self.stand_in.last_blocks)
        self.stand_in.launched.append(self.name)
        if self.launch(*dimensions, ctypes.c_size_t(shared_mem), pointers, seed, blocks):
            raise LaunchError(f"{self.name}: {self.message().decode()}")
        self.stand_in.memory.check()

    @staticmethod
    def _size(argument: Any) -> int:
        if isinstance(argument, np.ndarray) and not isinstance(argument, DeviceArray):
            raise LaunchError(f"an argument of shape {argument.shape} is not on the device")
        return 8 if isinstance(argument, np.ndarray) else np.asarray(argument).itemsize


class StandIn:
    """The part of the module `cupy` that the launchers use.

    order        of the threads of a block and of the blocks: 0 forward, 1 backward, others at random
    last_blocks  how many blocks of a grid run, the last ones
    launched     names of the kernels, in turn
    """

    ndarray = DeviceArray
    float32, float64, int32, int64 = np.float32, np.float64, np.int32, np.int64
    dtype = np.dtype
    may_share_memory, isfinite = staticmethod(np.may_share_memory), np.isfinite

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory = folder, Memory()
        self.order, self.last_blocks, self.launched = 0, 2**63, list[str]()
        self.empty, self.asarray, self.ascontiguousarray = (
            self.memory.empty,
            self.memory.asarray,
            self.memory.ascontiguousarray,
        )
        limit = {"cudaDevAttrMaxSharedMemoryPerBlockOptin": 97}
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(
                getDeviceCount=lambda: 1,
                getDevice=lambda: 0,
                deviceGetAttribute=lambda attribute, device: SHARED_LIMIT,
                **limit,
            ),
            get_current_stream=lambda: SimpleNamespace(synchronize=lambda: None),
            memory=SimpleNamespace(OutOfMemoryError=type("OutOfMemoryError", (MemoryError,), {})),
        )

    def copyto(self, target: DeviceArray, source: DeviceArray) -> None:
        target[...] = source

    def concatenate(self, arrays: Any, axis: int = 0) -> DeviceArray:
        if any(not isinstance(array, DeviceArray) for array in arrays):
            raise TypeError("Only cupy arrays can be concatenated")
        return self.asarray(np.concatenate([np.asarray(array) for array in arrays], axis))

    def where(self, choice: DeviceArray, chosen: DeviceArray, other: DeviceArray) -> DeviceArray:
        return self.asarray(np.where(choice, chosen, other))

    def zeros(self, shape: Any, dtype: Any = np.float64) -> DeviceArray:
        return self.asarray(np.zeros(shape, dtype))

    def from_dlpack(self, array: Any) -> DeviceArray:
        return self.asarray(array)

    def RawModule(self, *, code: str, options: tuple[str, ...] = ()) -> Any:
        library = compiled(code, options, self.folder)
        return SimpleNamespace(get_function=lambda name: Kernel(library, name, self))


def compiled(code: str, options: tuple[str, ...], folder: Path) -> ctypes.CDLL:
    """The source as a library of the processor, compiled once per folder."""
    defined = [option.removeprefix("-D").replace("=", " ", 1) for option in options if option.startswith("-D")]
    names = re.findall(r'extern "C" __global__ void\s+(?:__launch_bounds__\(\w+\)\s+)?(\w+)', code)
    text = "\n".join(
        [
            f'#include "{HEADER}"',
            *(f"#define {each}" for each in defined),
            '#line 1 "source.cu"',
            code,
            *(f"CUDA_KERNEL({name})" for name in names),
        ]
    )
    runtime = built(RUNTIME.read_text("utf-8"), ("-c", "-I", str(HEADER.parent)), ".o", folder)
    return ctypes.CDLL(str(built(text, ("-shared", "-Wl,-Bsymbolic", str(runtime)), ".so", folder)))


def built(text: str, how: tuple[str, ...], suffix: str, folder: Path) -> Path:
    """The file that g++ makes of the source, once per folder."""
    digest = hashlib.sha256("\n".join([*how, HEADER.read_text("utf-8"), text]).encode()).hexdigest()[:20]
    file = folder / f"{digest}{suffix}"
    if not file.exists():
        compiler = shutil.which("g++")
        if compiler is None:
            raise DeviceError("g++ was not found: install it to run CUDA kernels on the processor")
        unfinished = folder / f"{digest}.{os.getpid()}{suffix}"  # another worker may compile it too
        command = [compiler, *FLAGS, *WARNINGS, "-x", "c++", "-", "-x", "none", *how, "-o", str(unfinished)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError(done.stderr)
        unfinished.replace(file)
    return file
