"""Checkpoints of a fit: written whole or not at all, and refused by a fit they do not belong to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DataError, import_extra
from pp_ref.files import write_atomically


class State(NamedTuple):
    """Everything that decides how a fit goes on."""

    vectors: dict[str, NDArray[Any]]  # flat parameters, velocity, ...
    rng: dict[str, Any]  # the bit generator's state
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A safetensors file with the state of one fit.

    path    where it lies
    recipe  what the fit is of, JSON-serialisable; a file with another recipe is refused
    """

    path: Path
    recipe: dict[str, Any]

    def save(self, state: State) -> None:
        """Replace the file by this state, atomically.

        raises  DataError if it cannot be written; the previous checkpoint is then untouched
        """
        safetensors = import_extra("safetensors.numpy", "oracle")
        meta = {"recipe": self.recipe, "rng": state.rng, "history": state.history}
        content = safetensors.save(state.vectors, {name: json.dumps(value) for name, value in meta.items()})
        write_atomically(self.path, content)

    def load(self) -> State | None:
        """The saved state, to the bit; None if there is no file.

        raises  DataError if the file is no checkpoint, is damaged, or belongs to another recipe
        """
        if not self.path.exists():
            return None
        safetensors = import_extra("safetensors", "oracle")
        try:
            with safetensors.safe_open(self.path, framework="numpy") as file:
                meta = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
                vectors = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            recipe, rng, history = meta["recipe"], meta["rng"], meta["history"]
        except (safetensors.SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"{self.path} is not a readable checkpoint ({error}): delete it to start afresh") from error
        if recipe != (wanted := json.loads(json.dumps(self.recipe))):
            differing = sorted(name for name in recipe | wanted if recipe.get(name) != wanted.get(name))
            raise DataError(
                f"{self.path} is a checkpoint of another recipe: {', '.join(differing)} differ "
                f"({[recipe.get(name) for name in differing]}, expected {[wanted.get(name) for name in differing]}): "
                "use another path, or delete it to start afresh"
            )
        return State(vectors, rng, history)
