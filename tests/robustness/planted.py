"""Readers and writers with faults of their own, each of which the injector has to report."""

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

from pp_ref.errors import DataError
from pp_ref.files import write_atomically
from tests.robustness.trials import Format

NAME = "file.json"


def write(folder: Path, version: int) -> None:
    content = {"version": version, "numbers": list(range(200)), "text": "x" * 2000}
    write_atomically(folder / NAME, json.dumps(content).encode())


def write_in_place(folder: Path, version: int) -> None:
    with (folder / NAME).open("wb") as file:
        for _ in range(20):
            file.write(bytes([version]) * 100)
            file.flush()
            time.sleep(2e-3)


def write_and_leave(folder: Path, version: int) -> None:
    try:
        write(folder, version)
    except DataError:
        (folder / f"{NAME}.new").touch()
        raise


def write_by_force(folder: Path, version: int) -> None:
    try:
        write(folder, version)
    except DataError as error:
        raise OSError(str(error)) from error


def unchecked(folder: Path) -> Any:
    """Every byte is taken as it is."""
    return (folder / NAME).read_bytes()


def careful(folder: Path) -> Any:
    """Only a regular file of the expected size, and no damage that JSON shows; any number is believed."""
    path = folder / NAME
    if not path.is_file() or path.stat().st_size > 10_000:
        raise DataError(f"{path} is no small file")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} is no JSON") from error


def raw(folder: Path) -> Any:
    return json.loads((folder / NAME).read_bytes())


def nameless(folder: Path) -> Any:
    try:
        return careful(folder)
    except DataError as error:
        raise DataError("a file is damaged") from error


def verbose(folder: Path) -> Any:
    try:
        return careful(folder)
    except DataError as error:
        raise DataError(f"{error}:\nsee above") from error


def unbounded(folder: Path) -> Any:
    """What is compressed is decompressed, of any size."""
    path = folder / NAME
    try:
        return len(gzip.decompress(path.read_bytes())) and careful(folder)
    except (OSError, EOFError):
        return careful(folder)


def crashing(folder: Path) -> Any:
    try:
        return careful(folder)
    except DataError:
        os.abort()


def homely(folder: Path) -> Any:
    """A cache where HOME is."""
    cache = Path(os.path.expanduser("~")) / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    return careful(folder)


def planted(name: str, write: Any = write, read: Any = careful) -> Format:
    return Format(name, (), write, read)


FORMATS = {
    form.name: form
    for form in (
        planted("unchecked", read=unchecked),
        planted("careful"),
        planted("raw", read=raw),
        planted("nameless", read=nameless),
        planted("verbose", read=verbose),
        planted("unbounded", read=unbounded),
        planted("crashing", read=crashing),
        planted("homely", read=homely),
        planted("in place", write_in_place, unchecked),
        planted("leaves a file", write_and_leave),
        planted("by force", write_by_force),
        planted("never read", read=lambda folder: 1 / 0),
    )
}
# name, fault, trials: the verdict that some of them have
CAUGHT = {
    ("unchecked", "truncated", 3): "silent",
    ("unchecked", "bytes inserted", 3): "silent",
    ("careful", "bit flipped", 20): "silent",
    ("raw", "truncated", 3): "raw",
    ("raw", "odd file", 3): "hung",
    ("nameless", "truncated", 3): "raw",
    ("verbose", "truncated", 3): "raw",
    ("unbounded", "hostile content", 3): "too much memory",
    ("crashing", "truncated", 2): "raw",
    ("homely", "no HOME", 2): "left",
    ("in place", "killed", 20): "silent",
    ("leaves a file", "full disk", 4): "left",
    ("by force", "full disk", 4): "raw",
    ("by force", "read-only folder", 2): "raw",
}
