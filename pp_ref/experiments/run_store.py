"""One JSON record a run: written when the run is finished, and the reason why it is not run again."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pp_ref.errors import DataError
from pp_ref.files import write_atomically

Record = dict[str, Any]


@dataclass(frozen=True)
class RunStore:
    """A folder of records. A run is known by its recipe: another constant, another record."""

    folder: Path

    def name(self, recipe: dict[str, Any]) -> str:
        """A file name to read, and a digest of the whole recipe to be sure."""
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:10]
        said = f"{recipe['label']}-p{recipe['proportion']:.3f}-s{recipe['seed']}"
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', said)}-{digest}"

    def path(self, recipe: dict[str, Any]) -> Path:
        return self.folder / f"{self.name(recipe)}.json"

    def checkpoint(self, recipe: dict[str, Any], phase: str) -> Path:
        """Where a phase of an unfinished run keeps its checkpoint."""
        return self.folder / "unfinished" / f"{self.name(recipe)}.{phase}.safetensors"

    def load(self, recipe: dict[str, Any]) -> Record | None:
        """The record of a finished run, or None.

        raises  DataError if the file is not a record
        """
        path = self.path(recipe)
        return read_record(path) if path.exists() else None

    def save(self, record: Record) -> Path:
        """Write the record of a finished run, atomically, and drop its checkpoints.

        raises  DataError if it cannot be written
        """
        path = self.path(record["recipe"])
        write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
        for left in self.checkpoint(record["recipe"], "*").parent.glob(f"{path.stem}.*"):
            left.unlink()
        return path

    def records(self) -> list[Record]:
        """All finished runs, in the order of their names.

        raises  DataError if a file is not a record
        """
        return [read_record(path) for path in sorted(self.folder.glob("*.json"))]


def read_record(path: Path) -> Record:
    """The record in a file.

    raises  DataError if it is missing or is no record
    """
    try:
        record = json.loads(path.read_bytes())
        return {"recipe": record["recipe"], **record}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): expected the JSON record of a run") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not the record of a run ({error!r}): delete it, and that run is done again"
        ) from error
