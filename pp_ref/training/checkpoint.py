"""Checkpoints of a fit: written whole or not at all, and refused if the fit has another recipe."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pp_ref.arrays import Array, to_numpy
from pp_ref.errors import DataError, DomainError
from pp_ref.files import write_atomically


class State(NamedTuple):
    """The state from which a fit continues."""

    vectors: dict[str, Array]  # flat parameters, velocity, ...
    rng: dict[str, Any]  # the bit generator's state, as `generator_state` gives it
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A safetensors file with the state of one fit.

    path    of the file
    recipe  settings that identify the fit, JSON-serialisable; a file with another recipe is refused
    """

    path: Path
    recipe: dict[str, Any]

    def numbered(self, number: int) -> "Checkpoint":
        """The checkpoint of one step of the fit, with the same recipe, in a file beside this one."""
        return replace(self, path=self.path.with_name(f"{self.path.stem}-{number:05}{self.path.suffix}"))

    def save(self, state: State) -> None:
        """Replace the file by this state, atomically.

        raises  DataError if it cannot be written; the previous checkpoint is then untouched
                DomainError for a dtype that safetensors does not have (longdouble, complex128)
        """
        meta = {"recipe": self.recipe, "rng": state.rng, "history": state.history}
        # safetensors copies raw memory, which would reorder the entries of a strided array.
        vectors = {name: np.asarray(to_numpy(vector), order="C") for name, vector in state.vectors.items()}
        try:
            content = save(vectors, {name: json.dumps(value) for name, value in meta.items()})
        except SafetensorError as error:
            dtypes = ", ".join(f"{name} is {vector.dtype}" for name, vector in vectors.items())
            raise DomainError(f"{dtypes}: a checkpoint cannot hold that; expected float32 or float64") from error
        write_atomically(self.path, content)

    def load(self) -> State | None:
        """Return the saved state, to the bit, as NumPy arrays; None if there is no file.

        raises  DataError if the file is no checkpoint, is damaged, or belongs to another recipe
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                meta = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
                vectors = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            recipe, rng, history = meta["recipe"], meta["rng"], meta["history"]
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise DataError(f"{self.path} is not a readable checkpoint ({error}): delete it to start afresh") from error
        if recipe != (wanted := json.loads(json.dumps(self.recipe))):
            differing = sorted(name for name in recipe | wanted if recipe.get(name) != wanted.get(name))
            raise DataError(
                f"{self.path} is a checkpoint of another recipe: {', '.join(differing)} differ "
                f"({[recipe.get(name) for name in differing]}, expected {[wanted.get(name) for name in differing]}): "
                "use another path, or delete it to start afresh"
            )
        return State(vectors, rng, history)
