"""The envelope of the files that pp_ref writes and reads back: format, version and checksum.

A file is plain JSON that holds an object, or plain safetensors. Three fields of the object, or three entries of
safetensors' metadata, are its envelope:

format    name of the format, such as "pp_ref.run"
version   integer >= 2. Files of pp_ref 0.1.0 are version 1: they have no envelope
checksum  SHA-256, in hex, of everything else

The checksum is of the content in one form, so another program may write the file anew, with other spaces, another order
of keys, or 1 for 1.0. The form is JSON with sorted keys, the separators "," and ":", ASCII alone, and an integer for
each float that is one. Of a JSON file it is the object without its checksum. Of safetensors it is the list [metadata
without the checksum, list of [name, dtype, shape]], sorted by name, and behind it the tensors' bytes in that order,
little-endian, row by row.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.brief import brief
from pp_ref.errors import DataError, DomainError
from pp_ref.files import open_regular, read_regular, reason, write_atomically

__all__ = ["Format", "Tensors", "json_checksum"]

ENVELOPE = ("format", "version", "checksum")
LARGEST = 2**26  # bytes of a JSON file, or of a safetensors header
FIRST = 2  # the first version with an envelope
# What Python, NumPy and safetensors raise for damaged content.
DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


@brief
class Tensors(NamedTuple):
    """The content of a safetensors file."""

    tensors: dict[str, NDArray[Any]]
    metadata: dict[str, Any]
    checksum: str | None  # None: the file is of 0.1.0


def _always_new(_: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """One format of files.

    name     in every file, such as "pp_ref.run"
    what     its files in words, such as "the record of a run"
    is_old   (the JSON object, or the metadata as text) -> whether it is precisely what 0.1.0 wrote; by default 0.1.0
             wrote none
    version  the newest version that is read, and the one that is written
    """

    name: str
    what: str
    is_old: Callable[[Mapping[str, Any]], bool] = _always_new
    version: int = FIRST

    def write_json(self, path: Path, content: Mapping[str, Any], indent: int | None = 1) -> None:
        """Write ``content`` and its envelope as JSON, whole or not at all.

        content  JSON-serialisable, without the keys of an envelope
        indent   spaces a level, as of `json.dumps`
        raises   DataError if it cannot be written; DomainError if content has a key of the envelope
        """
        described = self._described(content)
        checksum = json_checksum(json.loads(json.dumps(described | dict(content))))
        enclosed = described | {"checksum": checksum} | dict(content)
        write_atomically(path, (json.dumps(enclosed, indent=indent) + "\n").encode())

    def read_json(self, path: Path, advice: str) -> dict[str, Any]:
        """Return the content of a file that `write_json` wrote, without its envelope.

        advice  what to do if the file is damaged, for the message
        raises  DataError if the file cannot be read, is damaged, of another format, or of a newer version
        """
        with self.reading(path, advice):
            content = json.loads(read_regular(path, LARGEST))
            if not isinstance(content, dict):
                raise ValueError(f"its JSON is a {type(content).__name__}, expected an object")
            self._check(path, content, lambda: json_checksum(content))
            return {name: value for name, value in content.items() if name not in ENVELOPE}

    def write_tensors(self, path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> str:
        """Write arrays, metadata and their envelope as safetensors, whole or not at all.

        tensors   arrays by name; copied into little-endian order, row by row, if they are not
        metadata  JSON-serialisable values by name; stored as JSON text
        returns   the checksum
        raises    DataError if it cannot be written; DomainError if metadata has a key of the envelope; SafetensorError
                  for a dtype that the format does not have
        """
        from safetensors.numpy import save

        # safetensors copies memory as it lies: the entries of a strided array would change places.
        rows = {
            name: np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C") for name, array in tensors.items()
        }
        described = {name: str(value) for name, value in self._described(metadata).items()}
        described |= {name: json.dumps(value) for name, value in metadata.items()}
        checksum = _tensors_checksum(rows, described)
        write_atomically(path, save(rows, described | {"checksum": checksum}))
        return checksum

    def read_tensors(self, path: Path, advice: str) -> Tensors:
        """Return the content of a file that `write_tensors` wrote, to the bit; the arrays are writable.

        advice  what to do if the file is damaged, for the message
        raises  DataError if the file cannot be read, is damaged, of another format, or of a newer version
        """
        with self.reading(path, advice):
            tensors, texts = _read_safetensors(path)
            described: dict[str, Any] = dict(texts)
            if "version" in texts:
                described["version"] = json.loads(texts["version"])
            old = self._check(path, described, lambda: _tensors_checksum(tensors, texts))
            metadata = {name: json.loads(text) for name, text in texts.items() if name not in ENVELOPE}
            return Tensors(tensors, metadata, None if old else texts["checksum"])

    @contextmanager
    def reading(self, path: Path, advice: str) -> Iterator[None]:
        """A context in which a file's content is checked: what damage makes Python raise becomes a DataError.

        advice  what to do if the file is damaged, for the message
        raises  DataError, which names the file and the reason
        """
        try:
            yield
        except DataError:
            raise
        except OSError as error:
            raise self._unreadable(path, error) from error
        except DAMAGE as error:
            said = reason(error) if isinstance(error, ValueError) else repr(error)
            raise DataError(f"{path} is not {self.what}, or it is damaged ({said}): {advice}") from error

    def exists(self, path: Path) -> bool:
        """Return whether there is a file, or a link to one; raise DataError if its folder cannot be searched."""
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._unreadable(path, error) from error
        return True

    def _unreadable(self, path: Path, error: OSError) -> DataError:
        return DataError(f"{path} cannot be read ({reason(error)}): expected {self.what}")

    def _described(self, content: Mapping[str, Any]) -> dict[str, Any]:
        if taken := [name for name in ENVELOPE if name in content]:
            raise DomainError(f"content has the key {taken[0]!r}, which is the envelope's: choose another name")
        return {"format": self.name, "version": self.version}

    def _check(self, path: Path, content: Mapping[str, Any], checksum: Callable[[], str]) -> bool:
        """Return whether the content is precisely that of a file of 0.1.0; if not, check its envelope.

        raises  ValueError if it is damaged; DataError if it may be good, but of another format or a newer version
        """
        if self.is_old(content):
            return True
        if lacking := [name for name in ENVELOPE if name not in content]:
            held = ", ".join([*content][:8]) or "nothing"
            raise ValueError(f"it holds {held}, no {' and no '.join(lacking)}, and is not what pp_ref 0.1.0 wrote")
        form, version = content["format"], content["version"]
        if type(version) is not int or version < FIRST:
            raise ValueError(f"its version is {version!r}, expected an integer >= {FIRST}")
        if form == self.name and version > self.version:
            raise DataError(
                f"{path} was written by a newer pp_ref: version {version} of {self.name}, this reads up to "
                f"{self.version}: use that pp_ref; the file is left as it is"
            )
        if checksum() != content["checksum"]:
            raise ValueError("its content does not have its checksum")
        if form != self.name:
            raise DataError(f"{path} has the format {form!r}, expected {self.what}, {self.name!r}: choose another file")
        return False


def _canonical(value: Any) -> bytes:
    return json.dumps(_same_numbers(value), sort_keys=True, separators=(",", ":")).encode("ascii")


def _same_numbers(value: Any) -> Any:
    """Return the value with an integer for each float that is one."""
    if isinstance(value, dict):
        return {name: _same_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_same_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def json_checksum(content: Mapping[str, Any]) -> str:
    """Return the checksum of a JSON object, which may hold one already."""
    return sha256(_canonical({name: value for name, value in content.items() if name != "checksum"})).hexdigest()


def _tensors_checksum(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    listed = [[name, tensors[name].dtype.name, list(tensors[name].shape)] for name in sorted(tensors)]
    described = {name: text for name, text in metadata.items() if name != "checksum"}
    hashed = sha256(_canonical([described, listed]))
    for name in sorted(tensors):
        hashed.update(tensors[name].reshape(-1).view(np.uint8).data)
    return hashed.hexdigest()


def _read_safetensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and the metadata. No more is read than the header says that there is.

    raises  OSError, or one of DAMAGE
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, LARGEST):
            raise ValueError(f"its {size:,} bytes hold no header of {length:,}")
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        expected = 8 + length + max((each["data_offsets"][1] for each in header.values()), default=0)
        if size != expected:
            raise ValueError(f"it has {size:,} bytes, expected {expected:,}")
        file.seek(0)
        content = file.read(size)
    try:
        return load(content), metadata
    except SafetensorError as error:
        raise ValueError(str(error)) from error
