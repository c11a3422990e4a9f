"""Records of finished runs, one JSON file a run, its arrays beside it; a run that has a record is not run again."""

import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from pp_ref.envelope import Format
from pp_ref.errors import DataError
from pp_ref.records import circumstances
from pp_ref.training import Fit, Group

__all__ = ["ARRAYS", "COMMON", "FOUND", "RUN", "Record", "RunStore", "read_record", "record_of"]

Record = dict[str, Any]  # of a finished run, as `record_of` makes it

# The keys of a record of 0.1.0: those of all runs, and what the runs of a figure found.
COMMON = {"recipe", "summary", "stop", "history", "data", "seconds", "versions", "machine", "peak_memory_mb"}
FOUND = (
    {"features", "shown", "errors", "arrays"},  # Figure 1
    {"features", "shown", "errors", "arrays", "test_error"},
    {"counts", "dictionaries", "filter_shape", "loss", "arrays"},  # 2
    {"counts", "dictionaries", "pretraining", "test_error"},  # 4
    {"counts", "dictionaries", "filter_shape", "test_error", "arrays"},  # 5
    {"counts", "dictionaries", "classifiers", "accuracies", "accuracy"},  # 6
)
RUN = Format(
    "pp_ref.run",
    "the record of a run",
    lambda record: record.keys() >= COMMON and record.keys() - COMMON in FOUND,
)
ARRAYS = Format("pp_ref.arrays", "the arrays of a run", lambda metadata: not metadata)
AGAIN = "and that run is done again"


def record_of(
    recipe: dict[str, Any], began: float, said: str, fit: Fit, data: Any, group: Group | None = None, **found: Any
) -> Record:
    """The record of a run that has just ended.

    recipe   everything that decides the result
    began    `time.perf_counter()` when the run began
    said     the result in one line
    fit      Fit; the record keeps its history and the name of its stop
    data     a data set with name, digest and source
    group    the parts into which batches were cut; if there are several, the record has their `Group.cost` as
             "distributed"
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
        **({"distributed": group.cost()} if group and group.parts > 1 else {}),
    } | circumstances(recipe.get("device", "cpu"))


@dataclass(frozen=True)
class RunStore:
    """A folder of records. A run is known by its recipe: a recipe with one other constant is another run.

    The record is NAME.json. If it has arrays, they are in NAME.safetensors beside it, and NAME.json has their names and
    the checksum of their file.
    """

    folder: Path

    def name(self, recipe: dict[str, Any]) -> str:
        """The name of the files of a run: label, proportion and seed to read, and the recipe id."""
        recipe_id = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:10]
        said = f"{recipe['label']}-p{recipe['proportion']:.3f}-s{recipe['seed']}"
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', said)}-{recipe_id}"

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

        raises  DataError if a file is missing or damaged, or the record is of another recipe
        """
        path = self.path(recipe)
        return self._read(path) if RUN.exists(path) else None

    def save(self, record: Record) -> Path:
        """Write the record of a finished run, and clear away what the run has left.

        The arrays are written first: a record that exists is whole.

        returns  the path of the JSON file
        raises   DataError if a file cannot be written
        """
        path = self.path(record["recipe"])
        if arrays := record.get("arrays"):
            checksum = ARRAYS.write_tensors(path.with_suffix(".safetensors"), arrays, {})
            record = record | {"arrays": list(arrays), "arrays_checksum": checksum}
        RUN.write_json(path, record)
        self.clear(record["recipe"])
        return path

    def records(self) -> list[Record]:
        """All finished runs with their arrays, in the order of their names.

        raises  DataError if a file is missing or damaged, or has the name of another recipe
        """
        return [self._read(path) for path in sorted(self.folder.glob("*.json"))]

    def _read(self, path: Path) -> Record:
        record = RUN.read_json(path, f"move it away, {AGAIN}")
        with RUN.reading(path, f"move it away, {AGAIN}"):
            if (name := self.name(record["recipe"])) != path.stem:
                raise DataError(f"{path} is the record of another recipe: rename it to {name}.json, or move it away")
        checksum, names = record.pop("arrays_checksum", None), record.get("arrays")
        if names:
            beside, advice = path.with_suffix(".safetensors"), f"move it and {path.name} away, {AGAIN}"
            with ARRAYS.reading(beside, advice):
                if not ARRAYS.exists(beside):
                    raise DataError(f"{beside} is missing: put it back, or move {path.name} away, {AGAIN}")
                arrays = ARRAYS.read_tensors(beside, advice)
                if checksum not in (None, arrays.checksum):
                    raise ValueError(f"it is not the file that {path.name} was written with")
                record["arrays"] = {name: arrays.tensors[name] for name in names}
        return record


def read_record(path: str | os.PathLike[str]) -> Record:
    """Return the record in a JSON file, with the names of its arrays only.

    raises  DataError if the file cannot be read, is damaged, or is not the record of a run

    Examples
    --------
    >>> from pp_ref.experiments import read_record
    >>> read_record("nowhere.json")
    Traceback (most recent call last):
        ...
    pp_ref.errors.DataError: nowhere.json cannot be read (No such file or directory): expected the record of a run
    """
    advice, place = "choose a record that pp-ref reproduce wrote", Path(path)
    record = RUN.read_json(place, advice)
    with RUN.reading(place, advice):
        return {"recipe": record["recipe"], **record}
