"""What is done to files, and around the code that reads and writes them."""

import bz2
import gzip
import io
import lzma
import os
import pwd
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from tests import odd_files

LONGEST = 64  # bytes that one fault zeroes or inserts
LARGE = 2**27  # bytes that a small hostile file decodes to
CHUNK = 2**24
NOBODY = 65534  # the user that owns nothing


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    start, length = rng.integers(len(content)), rng.integers(1, LONGEST + 1)
    return content[:start] + bytes(len(content[start : start + length])) + content[start + length :]


def inserted(content: bytes, rng: np.random.Generator) -> bytes:
    start = rng.integers(len(content) + 1)
    return content[:start] + rng.bytes(rng.integers(1, LONGEST + 1)) + content[start:]


# (content, rng) -> damaged content
DAMAGE: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "truncated": truncated,
    "bit flipped": flipped,
    "bytes zeroed": zeroed,
    "bytes inserted": inserted,
}


# kind -> (path where the file was, its content) -> a context in which the path is that
ODD: dict[str, Callable[[Path, bytes], AbstractContextManager[object]]] = {
    **{kind: lambda path, content, make=make: make(path) for kind, (make, _) in odd_files.ODD.items()},
    "link to an empty device": lambda path, content: nullcontext(path.symlink_to("/dev/null")),
    "link to a copy": lambda path, content: nullcontext(linked_copy(path, content)),
    "empty file": lambda path, content: nullcontext(path.touch()),
    "missing": lambda path, content: nullcontext(),
}
ABSENT = {"link to nothing", "missing"}  # a reader may return None


def linked_copy(path: Path, content: bytes) -> None:
    """A link to a file of another folder."""
    copy = path.parent / "copies" / "copy"
    copy.parent.mkdir()
    copy.write_bytes(content)
    path.symlink_to(copy)


def tar(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar archive, gzip-compressed."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=1) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(data), kind
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def npz(shape: tuple[int, ...], data: bytes, names: tuple[str, ...] = ("X", "hyvarinen")) -> bytes:
    """An archive of arrays of uint8 whose header says ``shape``."""
    header, content = io.BytesIO(), io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in names:
            archive.writestr(f"{name}.npy", header.getvalue() + data)
    return content.getvalue()


def tiff(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (side, side)).save(content, "TIFF", compression="tiff_deflate")
    return content.getvalue()


BATCHES = ("cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-py/data_batch_1", "stl10_binary/train_X.bin")
# Small contents that a reader without bounds decodes to a large object, for minutes, or to an error of its own.
HOSTILE: dict[str, Callable[[], bytes]] = {
    "large gzip": lambda: gzip.compress(bytes(CHUNK), 1) * (LARGE // CHUNK),
    "large bzip2": lambda: bz2.compress(bytes(CHUNK)) * (LARGE // CHUNK),
    "large xz": lambda: lzma.compress(bytes(CHUNK), preset=0) * (LARGE // CHUNK),
    "large IDX": lambda: gzip.compress(b"\0\0\x08\1" + LARGE.to_bytes(4, "big") + bytes(LARGE), 1),
    "large members of a tar": lambda: tar(dict.fromkeys(BATCHES, bytes(LARGE // 2))),
    "large pax header of a tar": lambda: tar({"header": b"0" * 2**20}, tarfile.XHDTYPE),
    "large arrays of an npz": lambda: npz((LARGE,), bytes(LARGE)),
    "large shape in an npz": lambda: npz((2**40,), b""),
    "large TIFF": lambda: tiff(13_000),  # just below Pillow's own limit
    "large memo of a pickle": lambda: b"]r\xff\xff\xff\x7f.",
    "IDX of 65 axes": lambda: b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0",
    "IDX of 2**127 numbers": lambda: b"\0\0\x08\4" + b"\x7f\xff\xff\xff" * 4,
    "nested JSON": lambda: b"[" * 100_000,
    "nested JSON objects": lambda: b'{"recipe":' * 100_000,
    "long number in JSON": lambda: b"1" * 1_000_000,
    "safetensors with a header of 2**40 bytes": lambda: (2**40).to_bytes(8, "little") + b"{}",
    "a pickle that calls": lambda: b"cposix\ngetpid\n(tR.",
}


@contextmanager
def unprivileged() -> Iterator[None]:
    """The superuser may do anything; in the context this process is nobody, if it is the superuser."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


@contextmanager
def with_mode(paths: list[Path], mode: int) -> Iterator[None]:
    """The files or folders have another mode, which this process has to respect."""
    before = [path.stat().st_mode for path in paths]
    for path in reversed(paths):
        path.chmod(mode)
    try:
        with unprivileged():
            yield
    finally:
        for path, old in zip(paths, before, strict=True):
            path.chmod(old)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written into the folder or below."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    with with_mode(folders, 0o555):
        yield


@contextmanager
def no_home(known: bool) -> Iterator[None]:
    """No folder for the user's cache: HOME cannot be made, or (not ``known``) there is neither HOME nor account."""
    with mock.patch.dict(os.environ):
        os.environ.pop("XDG_CACHE_HOME", None)
        if known:
            os.environ["HOME"] = "/dev/null/home"
            yield
        else:
            os.environ.pop("HOME", None)
            with mock.patch.object(pwd, "getpwuid", side_effect=KeyError("uid not found")):
                yield


def hostile_files(folder: Path) -> dict[str, Path]:
    """Write every hostile content once."""
    folder.mkdir(parents=True)
    for number, make in enumerate(HOSTILE.values()):
        (folder / str(number)).write_bytes(make())
    return {name: folder / str(number) for number, name in enumerate(HOSTILE)}


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with what it holds."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
