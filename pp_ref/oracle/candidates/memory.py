"""Where arguments lie: in larger buffers of poison, which no function may read or write."""

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.candidates.libraries import Library, viewed
from pp_ref.oracle.operations.nested import leaves

__all__ = ["Held", "Placed", "free"]

MARGIN = 64  # entries of poison before and behind an array, at least; a multiple of it keeps an array aligned
FAR = 4096  # more of them, up to this many, where the array itself is large: what a tile of rows reads too far
SMALL = 1024  # bytes of a block below which NumPy keeps several that were freed


class Placed:
    """One array and its buffer. Of a library without views, JAX, the array alone.

    x        the numbers, floats or integers
    layout   "C", "F", "strided" or "reversed"; "C" where the library has no such arrays
    huge     poison is a huge number, which a sum or a maximum lets through; else NaN, and of integers minus that number
    copies   how often the numbers are repeated along the first axis; of more than one, the array has no buffer either
    """

    def __init__(
        self, library: Library, x: NDArray[Any], arithmetic: Arithmetic, layout: str, huge: bool, copies: int = 1
    ) -> None:
        self.library, self.dtype = library, arithmetic.dtype if x.dtype.kind == "f" else "int64"
        self.alone = library.view is None or copies > 1
        if copies > 1:
            stored = x.astype("float32" if self.dtype == "bfloat16" else self.dtype)
            x = np.tile(stored, (copies, *[1] * (x.ndim - 1)))
        if self.alone:
            self.array = self.buffer = library.make(x, self.dtype)
            return
        assert library.view is not None
        layout = layout if layout in library.layouts else "C"
        steps, first, length = _steps(x.shape, layout)
        margin = MARGIN + min(FAR, -(-length // MARGIN) * MARGIN)
        first += margin
        self.poison, self.length, self.place = _poison(self.dtype, huge), length + 2 * margin, (x.shape, steps, first)
        self.buffer = library.make(self._content(x), self.dtype)
        self.array = library.view(self.buffer, *self.place)
        self.before = self._bits().tobytes()

    def refill(self, x: NDArray[Any]) -> None:
        """Put other numbers into the same array, where the library can write to one; else a new array."""
        if self.alone:
            self.array = self.buffer = self.library.make(x, self.dtype)
            return
        self.library.write(self.buffer, self.library.make(self._content(x), self.dtype))
        self.before = self._bits().tobytes()

    def written(self) -> str | None:
        """ "to" if the array was written to, "beside" if its buffer was outside of it; None if neither was."""
        if self.alone or (bits := self._bits()).tobytes() == self.before:
            return None
        before = np.frombuffer(self.before, bits.dtype)
        changed = (bits != before) & ~(np.isnan(bits) & np.isnan(before))
        return "to" if (changed & self.inside).any() else "beside"

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Of every entry of the buffer, whether it is one of the array's."""
        inside = np.zeros(self.length, bool)
        viewed(inside, *self.place)[...] = True
        return inside

    def _content(self, x: NDArray[Any]) -> NDArray[Any]:
        """Poison, and the numbers in their place."""
        content = np.full(self.length, self.poison, x.dtype)
        viewed(content, *self.place)[...] = x
        return content

    def _bits(self) -> NDArray[Any]:
        return self.library.read(self.buffer)


class Held:
    """The arguments of a call, or its cotangents, with the buffers in which they lie.

    named   name -> array of numbers, nested list of them, or a setting; tuples stay tuples
    frozen  the names of those that are read-only, where the library has such arrays
    copies  how often the numbers of the arguments in `repeated` are repeated
    """

    def __init__(
        self,
        library: Library,
        named: dict[str, Any],
        arithmetic: Arithmetic,
        layout: str = "C",
        huge: bool = False,
        frozen: frozenset[str] = frozenset(),
        copies: int = 1,
        repeated: Collection[str] = (),
    ) -> None:
        self.placed: list[tuple[str, Placed]] = []
        self.named = named

        def placed(name: str, value: Any) -> Any:
            if isinstance(value, list | tuple):
                return type(value)(placed(name, each) for each in value)
            if not isinstance(value, np.ndarray):
                return value
            one = Placed(library, value, arithmetic, layout, huge, copies if name in repeated else 1)
            if name in frozen and library.freeze is not None:
                library.freeze(one.array)
            self.placed.append((name, one))
            return one.array

        self.arguments = [placed(name, value) for name, value in named.items()]

    def refill(self, named: dict[str, Any]) -> None:
        """Put other numbers of the same shapes into the same arrays."""
        numbers = [leaf for value in named.values() for leaf in leaves(value) if isinstance(leaf, np.ndarray)]
        for (_, one), x in zip(self.placed, numbers, strict=True):
            one.refill(x)

    @property
    def arrays(self) -> list[tuple[str, Any]]:
        """The arrays, each with the name of its argument."""
        return [(name, one.array) for name, one in self.placed]

    def written(self) -> list[tuple[str, str]]:
        """Name and "to" or "beside" of what was written."""
        return [(name, where) for name, one in self.placed if (where := one.written())]


def free(shapes: list[tuple[int, ...]], dtype: str, byte: int) -> float:
    """Fill memory that NumPy gives next to arrays of these shapes, and free it: what is returned unwritten shows.

    returns  the number whose every byte is `byte`
    """
    size = np.dtype(dtype).itemsize
    for shape in shapes:
        length = math.prod(shape) * size
        blocks = [np.full(length, byte, np.uint8) for _ in range(8 if length < SMALL else 2)]
        del blocks
    return float(np.full(size, byte, np.uint8).view(dtype)[0])


def _steps(shape: tuple[int, ...], layout: str) -> tuple[list[int], int, int]:
    """Of every axis the entries from one to the next; where the first entry is; how many entries the array spans."""
    wide = 2 if layout == "strided" else 1  # a gap of one entry behind each, along every axis
    extents = [wide * extent for extent in shape]
    order = range(len(shape)) if layout == "F" else range(len(shape) - 1, -1, -1)
    steps, length = [0] * len(shape), 1
    for axis in order:
        steps[axis] = wide * length
        length *= extents[axis]
    if layout == "reversed":
        return [-step for step in steps], max(length - 1, 0), length
    return steps, 0, length


def _poison(dtype: str, huge: bool) -> float | int:
    if dtype == "int64":
        return 2**62 if huge else -(2**62)
    largest = {"float64": 1023, "float16": 15}.get(dtype, 127)
    return 2.0**largest if huge else np.nan
