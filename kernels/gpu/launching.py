"""The steps of every launcher: check arrays, compile a kernel, launch it. CuPy is imported when it is used."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import Array
from pp_ref.errors import DeviceError, DomainError, ShapeError
from pp_ref.machine import gpu_absence

__all__ = ["Kernel", "empty", "forget", "gate", "launch", "new_or_checked", "on_device", "room"]

REAL = {"float32": "float", "float64": "double"}
UNASKED = 48 * 1024  # bytes of shared memory that any kernel gets; more must be requested
ON_CUDA = (2, 13)  # DLPack's numbers for CUDA's device memory and managed memory


class Kernel(NamedTuple):
    """A kernel of one or more ``*.cu`` files, for one dtype and one value of each constant of the source."""

    name: str
    files: tuple[str, ...]
    dtype: str
    constants: tuple[tuple[str, int], ...] = ()

    def source(self) -> str:
        """The text of the files, one after the other."""
        return "".join(f'#line 1 "{file}"\n{text(file)}' for file in self.files)

    def options(self) -> tuple[str, ...]:
        """The compiler's options: they define the macros of the source."""
        return (f"-Dreal={REAL[self.dtype]}", *(f"-D{name}={value}" for name, value in self.constants))


def text(file: str) -> str:
    """The content of a ``*.cu`` file."""
    return resources.files("pp_ref.kernels.gpu").joinpath(file).read_text("utf-8")


def gate(instead: str, **arrays: Array) -> list[Array]:
    """As `on_device`, for arrays that must have one dtype.

    raises  as `on_device`; DomainError for two dtypes, or one that is neither float32 nor float64
    """
    taken = on_device(instead, **arrays)
    dtypes = {name: array.dtype.name for name, array in zip(arrays, taken, strict=True)}
    if len(set(dtypes.values())) > 1 or not set(dtypes.values()) <= REAL.keys():
        said = " and ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        every = "both" if len(dtypes) == 2 else "all"
        raise DomainError(f"{said}; expected {every} float32 or {every} float64: cast one with astype")
    return taken


def on_device(instead: str, **arrays: Array) -> list[Array]:
    """Return the arrays on the current device, C-contiguous; those that are so already are not copied.

    instead  what the message recommends without a GPU
    arrays   CuPy arrays, or arrays of any library with ``__dlpack__``
    raises   DeviceError without a GPU, for an array that is not on the current one, or without room for a copy
    """
    if absence := gpu_absence():
        raise DeviceError(f"{absence}: use {instead}")
    import cupy

    current, taken = cupy.cuda.runtime.getDevice(), []
    for name, given in arrays.items():
        array = given if isinstance(given, cupy.ndarray) else _from_another_library(name, given)
        if array.device.id != current:
            raise DeviceError(
                f"{name} is on GPU {array.device.id}, but GPU {current} is the current one: "
                f"call under cupy.cuda.Device({array.device.id}), or move it with cupy.asarray({name})"
            )
        with room(f"a copy of {name} {tuple(array.shape)}, row after row"):
            taken.append(cupy.ascontiguousarray(array))
    return taken


def _from_another_library(name: str, array: Any) -> Array:
    import cupy

    where = getattr(array, "__dlpack_device__", lambda: (None, 0))()
    if where[0] not in ON_CUDA:
        raise DeviceError(f"{name} is a {type(array).__name__}, not on the GPU: move it with cupy.asarray({name})")
    return cupy.from_dlpack(array)


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an uninitialised array on the current device.

    raises  DeviceError if there is no room for it
    """
    import cupy

    with room(f"{shape} of {np.dtype(dtype).name}"):
        return cupy.empty(shape, dtype)


def new_or_checked(out: Array | None, shape: tuple[int, ...], dtype: Any, **inputs: Array) -> Array:
    """Return ``out`` if a kernel can write into it while it reads the inputs; a new array if ``out`` is None.

    raises  DeviceError as `empty`, and unless ``out`` is on the current device; DomainError for another dtype, or if it
            overlaps an input; ShapeError unless it is a C-contiguous CuPy array of that shape
    """
    if out is None:
        return empty(shape, dtype)
    import cupy

    (taken,) = on_device("", out=out)
    if taken.dtype != dtype:
        raise DomainError(f"out is {taken.dtype.name}, expected {dtype.name}: omit it, or make it with cupy.empty")
    if not isinstance(out, cupy.ndarray) or out.shape != shape or not out.flags.c_contiguous:
        raise ShapeError(
            f"out is a {type(out).__name__} of shape {tuple(out.shape)}, expected a C-contiguous CuPy array {shape}: "
            "omit it, or make it with cupy.empty"
        )
    for name, array in inputs.items():
        if cupy.may_share_memory(out, array):
            raise DomainError(f"out overlaps {name} in memory, expected another array: omit it, or pass a fresh one")
    return out


@contextmanager
def room(what: str) -> Iterator[None]:
    """Turn a MemoryError of CuPy into a DeviceError that names what the memory was for.

    raises  DeviceError
    """
    try:
        yield
    except MemoryError as error:
        raise DeviceError(f"no room on the GPU for {what}: pass fewer rows at a time") from error


def launch(kernel: Kernel, blocks: int, threads: int, arguments: tuple[Any, ...], shared: int = 0) -> None:
    """Launch the kernel on CuPy's current stream, and return before it is done.

    shared  bytes of shared memory per block
    raises  DomainError if a block cannot have so many
    """
    import cupy

    runtime = cupy.cuda.runtime
    function = compiled(kernel, runtime.getDevice())
    if shared > UNASKED:
        attribute = runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin
        limit = runtime.deviceGetAttribute(attribute, runtime.getDevice())
        if shared > limit:
            raise DomainError(
                f"a block needs {shared} bytes of shared memory, but this GPU has {limit}: "
                "use smaller images, fewer taps, or pool_tiled with U"
            )
        function.max_dynamic_shared_size_bytes = shared
    function((blocks,), (threads,), arguments, shared_mem=shared)


@cache
def compiled(kernel: Kernel, device: int) -> Any:
    """Return the kernel compiled for one device; CuPy also keeps it on disk for later processes."""
    import cupy

    module = cupy.RawModule(code=kernel.source(), options=kernel.options())
    return module.get_function(kernel.name)


def forget() -> None:
    """Drop the compiled kernels, for tests that change the sources or CuPy."""
    compiled.cache_clear()
