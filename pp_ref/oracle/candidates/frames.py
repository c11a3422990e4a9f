"""What the judge and a candidate's process say to each other: frames of JSON and numbers, which execute nothing.

A frame is `MARK`, the lengths of its header and its body in 8 bytes each (little-endian), the header (an object of JSON
in ASCII), and the body (float64 numbers, little-endian).
"""

import json
import math
import os
import re
import select
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates.behaviour import Observation

__all__ = ["CLOSED", "Listener", "Malformed", "observation", "observed", "send", "typed"]

MARK = b"pp_ref/1"
HEAD = struct.Struct("<8sQQ")
HEADER = 2**20  # bytes of a header
TEXT, ITEMS, ARRAYS = 1000, 100, 10_000  # characters of a string, strings of a list, results of a case
CLOSED = 120  # exit code of a process whose pipe for answers is closed
PRINTED = 2**15  # bytes: of more output than twice that, the first and the last so many are kept
HINTS = get_type_hints(Observation)


class Malformed(Exception):
    """What came is no frame, or not the one that is due: the words say what it is."""


def send(pipe: int, header: dict[str, Any], numbers: Sequence[NDArray[np.float64]] = ()) -> None:
    """Write a frame whole.

    raises  OSError if the pipe is closed, ValueError or TypeError if JSON cannot hold the header
    """
    text = json.dumps(header, allow_nan=False).encode("ascii")
    body = b"".join(x.astype("<f8", copy=False).tobytes() for x in numbers)
    left = memoryview(HEAD.pack(MARK, len(text), len(body)) + text + body)
    while left:
        left = left[os.write(pipe, left) :]


class Listener:
    """Reads frames out of one pipe, and what is printed out of another, and waits for neither longer than asked.

    frames   from which exactly what a frame has is taken: what else comes stays in the pipe
    printed  standard output and standard error; -1: none
    """

    def __init__(self, frames: int, printed: int) -> None:
        self.frames, self.printed, self._held, self._output = frames, printed, bytearray(), bytearray()
        self._lost = 0
        for pipe in (frames, *([printed] if printed >= 0 else [])):
            os.set_blocking(pipe, False)

    def receive(self, limit: float, room: int = 0) -> tuple[dict[str, Any], bytearray]:
        """The next frame.

        limit   seconds
        room    bytes that its body may have
        raises  TimeoutError, EOFError if the other end is closed, Malformed
        """
        deadline = time.monotonic() + limit
        _, header, body = HEAD.unpack(self._read(HEAD.size, deadline, MARK))
        if header > HEADER or body > room or body % 8:
            raise Malformed(f"a frame of {header:,} and {body:,} bytes, where at most {HEADER:,} and {room:,} are due")
        text = self._read(header, deadline)
        try:
            found = json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{_quoted(text)} instead of JSON") from error
        if not isinstance(found, dict):
            raise Malformed(f"{_quoted(text)} instead of an object")
        return found, self._read(body, deadline)

    @property
    def pending(self) -> bool:
        """Whether something came, or the other end is closed."""
        return bool(_ready([self.frames], 0))

    def output(self) -> str:
        """What was printed since the last call, with escapes for what a terminal would obey."""
        self._drain()
        text, self._output = bytes(self._output), bytearray()
        if self._lost:
            text = text[:PRINTED] + f"\n[{self._lost:,} bytes are left out]\n".encode() + text[PRINTED:]
        self._lost = 0
        return escaped(text.decode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close both pipes."""
        os.close(self.frames)
        if self.printed >= 0:
            os.close(self.printed)

    def _read(self, size: int, deadline: float, start: bytes = b"") -> bytearray:
        """So many bytes, which begin with ``start``."""
        held = self._held
        while len(held) < size:
            left = deadline - time.monotonic()
            ready = _ready([self.frames, self.printed], left) if left > 0 else []
            if not ready:
                raise TimeoutError
            if self.printed in ready:
                self._drain()
            if self.frames in ready:
                more = os.read(self.frames, min(size - len(held), 2**20))
                held += more
                if not held.startswith(start[: len(held)]):
                    with suppress(BlockingIOError):
                        held += os.read(self.frames, 40)
                    raise Malformed(f"{_quoted(held)} instead of a frame")
                if not more:
                    raise EOFError
        self._held = bytearray()
        return held

    def _drain(self) -> None:
        """Take what is in the pipe for output, and keep its first and its last bytes."""
        with suppress(BlockingIOError):
            while self.printed >= 0:
                more = os.read(self.printed, 2**16)
                if not more:
                    os.close(self.printed)
                    self.printed = -1
                self._output += more
                surplus = len(self._output) - 2 * PRINTED
                if surplus > 0:
                    del self._output[PRINTED : PRINTED + surplus]
                    self._lost += surplus


def observed(seen: Observation, room: int) -> tuple[dict[str, Any], list[NDArray[np.float64]]]:
    """A header and the numbers of a frame: every field of an observation, long texts cut, arrays by their shapes.

    room  bytes that the numbers may have; of more, a message says so
    """
    numbers: list[NDArray[np.float64]] = []
    header = {each.name: _written(getattr(seen, each.name), numbers) for each in fields(seen)}
    size = sum(x.nbytes for x in numbers)
    if len(numbers) > ARRAYS or size > room:
        return observed(Observation(messages=[f"returns {len(numbers):,} arrays of {size:,} bytes: too many"]), room)
    return header, numbers


def observation(header: Any, body: bytearray) -> Observation:
    """The observation in a frame.

    raises  Malformed if it has other fields, or others than an observation's types
    """
    if not isinstance(header, dict) or header.keys() != HINTS.keys():
        raise Malformed(f"{_quoted(str(header).encode())} instead of an observation")
    left = [np.frombuffer(body, "<f8")]
    found = {name: typed(header[name], hint, left) for name, hint in HINTS.items()}
    if left[0].size:
        raise Malformed("numbers of no result")
    return Observation(**found)


def typed(value: Any, hint: Any, left: list[NDArray[np.float64]] | None = None) -> Any:
    """A value out of JSON as the type that it has to be, long texts cut.

    left    numbers, of which an array takes as many as its shape has
    raises  Malformed if it is another
    """
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        for each in inner:
            with suppress(Malformed):
                return typed(value, each, left)
    elif kind is np.ndarray and left is not None:
        return _taken(typed(value, list[int]), left)
    elif kind in (list, tuple) and isinstance(value, list):
        return kind(typed(each, inner[0], left) for each in value)
    elif kind is dict and isinstance(value, dict):
        return {name: typed(each, inner[1], left) for name, each in value.items()}
    elif hint is float and type(value) in (int, float) and abs(value) < 1e300:
        return float(value)
    elif hint is str and isinstance(value, str):
        return _cut(value, 2 * TEXT)  # what was cut has a few words more
    elif hint is Any or type(value) is hint:
        return value
    raise Malformed(f"{_quoted(str(value).encode())} instead of a {getattr(hint, '__name__', hint)}")


def escaped(text: str) -> str:
    """The same, with escapes for control characters but tab and line feed."""
    return re.sub(r"[^\t\n -~]", lambda each: each[0] if each[0].isprintable() else ascii(each[0])[1:-1], text)


def _written(value: Any, numbers: list[NDArray[np.float64]]) -> Any:
    """A field as JSON has it; its arrays are put to the numbers."""
    if isinstance(value, np.ndarray):
        numbers.append(value)
        return list(value.shape)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, dict):
        return {name: _written(each, numbers) for name, each in value.items()}
    if isinstance(value, list | tuple):
        more = [f"{len(value) - ITEMS:,} more"] if len(value) > ITEMS else []
        return [*(_written(each, numbers) for each in value[:ITEMS]), *more]
    return value


def _cut(text: str, longest: int = TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]} ... ({len(text):,} characters)"


def _taken(shape: list[int], left: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    size = math.prod(shape)
    try:
        if min(shape, default=0) < 0:
            raise ValueError("it is negative")
        found, left[0] = left[0][:size].reshape(shape), left[0][size:]
    except (ValueError, OverflowError) as error:
        raise Malformed(f"numbers that do not have their shape ({error})") from error
    return found


def _ready(pipes: list[int], seconds: float) -> list[int]:
    """Those of which something can be read, or the end seen."""
    waiting = select.poll()
    for pipe in pipes:
        if pipe >= 0:
            waiting.register(pipe, select.POLLIN)
    return [pipe for pipe, _ in waiting.poll(None if seconds == math.inf else math.ceil(1000 * seconds))]


def _quoted(content: bytes | bytearray) -> str:
    return repr(bytes(content[:40])) + (" ..." if len(content) > 40 else "")


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
