"""Records of finished runs, one JSON file a run, its arrays beside it; a run that has a record is not run again."""

import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pp_ref.errors import DataError
from pp_ref.files import write_atomically
from pp_ref.records import circumstances
from pp_ref.training import Fit

Record = dict[str, Any]  # of a finished run, as `record_of` makes it


def record_of(recipe: dict[str, Any], began: float, said: str, fit: Fit, data: Any, **found: Any) -> Record:
    """The record of a run that has just ended.

    recipe   everything that decides the result
    began    `time.perf_counter()` when the run began
    said     the result in one line
    fit      Fit; the record keeps its history and the name of its stop
    data     a data set with name, digest and source
    found    the results: JSON-serialisable, but for "arrays", NumPy arrays by name
    returns  the record; "seconds" is the duration of the run, "summary" one line
    """
    seconds = time.perf_counter() - began
    return {
        "recipe": recipe,
        "summary": f"{said}, {seconds:.0f} s",
        **found,
        "stop": fit.stop.name,
        "history": fit.history,
        "data": {"name": data.name, "digest": data.digest, "source": data.source},
        "seconds": seconds,
    } | circumstances(recipe.get("device", "cpu"))


@dataclass(frozen=True)
class RunStore:
    """A folder of records. A run is known by its recipe: a recipe with one other constant is another run.

    The record is NAME.json. If it has arrays, they are in NAME.safetensors beside it, and NAME.json lists their names.
    """

    folder: Path

    def name(self, recipe: dict[str, Any]) -> str:
        """The name of the files of a run: label, proportion and seed to read, and a digest of the whole recipe."""
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:10]
        said = f"{recipe['label']}-p{recipe['proportion']:.3f}-s{recipe['seed']}"
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', said)}-{digest}"

    def path(self, recipe: dict[str, Any]) -> Path:
        return self.folder / f"{self.name(recipe)}.json"

    @property
    def unfinished(self) -> Path:
        """The folder of what belongs to unfinished runs: checkpoints and claims."""
        return self.folder / "unfinished"

    def checkpoint(self, recipe: dict[str, Any], phase: str) -> Path:
        """The file in which a phase of an unfinished run keeps its checkpoint."""
        return self.unfinished / f"{self.name(recipe)}.{phase}.safetensors"

    def leftovers(self, recipe: dict[str, Any]) -> list[Path]:
        """The files of a run that are worth nothing once it has a record: checkpoints, claims, and what a kill left."""
        name = self.name(recipe)
        parts = (part for folder in (self.folder, self.unfinished) for part in folder.glob(f".{name}.*.part"))
        return [*self.unfinished.glob(f"{name}.*"), *parts]

    def clear(self, recipe: dict[str, Any]) -> None:
        """Remove the `leftovers` of a run. Only the process that holds its claim may do so."""
        for path in self.leftovers(recipe):
            path.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Make the folder, and write into it.

        raises  DataError if it cannot be written
        """
        try:
            self.unfinished.mkdir(parents=True, exist_ok=True)
            for place in (self.folder, self.unfinished):
                with TemporaryFile(dir=place) as file:
                    file.write(b"some")
        except OSError as error:
            raise DataError(
                f"{self.folder} cannot keep records ({error.strerror}): expected a folder that can be written: "
                "choose another one with --out"
            ) from error

    def load(self, recipe: dict[str, Any]) -> Record | None:
        """The record of a finished run with its arrays, or None if the run has no record.

        raises  DataError if a file is missing or damaged
        """
        path = self.path(recipe)
        return _with_arrays(path) if path.exists() else None

    def save(self, record: Record) -> Path:
        """Write the record of a finished run, and remove the checkpoints of the run.

        The arrays are written first: a record that exists is whole.

        returns  the path of the JSON file
        raises   DataError if a file cannot be written
        """
        path = self.path(record["recipe"])
        if arrays := record.get("arrays"):
            # safetensors copies memory as it lies: the entries of a strided array would change places.
            content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
            write_atomically(path.with_suffix(".safetensors"), content)
            record = record | {"arrays": list(arrays)}
        write_atomically(path, (json.dumps(record, indent=1) + "\n").encode())
        self.clear(record["recipe"])
        return path

    def records(self) -> list[Record]:
        """All finished runs with their arrays, in the order of their names.

        raises  DataError if a file is missing or damaged
        """
        return [_with_arrays(path) for path in sorted(self.folder.glob("*.json"))]


def read_record(path: Path) -> Record:
    """The record in a JSON file, with the names of its arrays only.

    raises  DataError if the file is missing or is not a record
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


def _with_arrays(path: Path) -> Record:
    record = read_record(path)
    if names := record.get("arrays"):
        beside = path.with_suffix(".safetensors")
        try:
            arrays = load(beside.read_bytes())
            record["arrays"] = {name: arrays[name] for name in names}
        except (OSError, SafetensorError, KeyError) as error:
            raise DataError(
                f"{beside} does not hold the arrays {', '.join(names)} of its record ({error!r}): delete {path}, and "
                "that run is done again"
            ) from error
    return record
