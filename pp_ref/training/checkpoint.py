"""Checkpoints of a fit: written whole or not at all, and refused if the fit has another recipe."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError

from pp_ref.arrays import Array, to_numpy
from pp_ref.brief import brief
from pp_ref.envelope import Format
from pp_ref.errors import DataError, DomainError

__all__ = ["CHECKPOINT", "Checkpoint", "State", "read_checkpoint"]

CHECKPOINT = Format(
    "pp_ref.checkpoint", "a checkpoint", lambda metadata: metadata.keys() == {"recipe", "rng", "history"}
)
AFRESH = "move it away to start afresh"


@brief
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

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import SGD, Checkpoint, fit_sgd
    >>> def objective(params, rows, rng):
    ...     return (params["w"] ** 2).sum(), {"w": 2 * params["w"]}
    >>> def fit(epochs):
    ...     rng, kept = np.random.default_rng(0), Checkpoint("checkpoint.safetensors", {"learning_rate": 0.25})
    ...     return fit_sgd(objective, {"w": np.ones(1)}, 1, SGD(epochs, 0.25), rng, checkpoint=kept)
    >>> fit(epochs=2).params
    {'w': array([0.25])}
    >>> fit(epochs=3).params  # one more epoch, from the file
    {'w': array([0.125])}
    """

    path: str | os.PathLike[str]
    recipe: dict[str, Any]

    @property
    def file(self) -> Path:
        """The path, whatever it was given as."""
        return Path(self.path)

    def numbered(self, number: int) -> "Checkpoint":
        """The checkpoint of one step of the fit, with the same recipe, in a file beside this one."""
        return replace(self, path=self.file.with_name(f"{self.file.stem}-{number:05}{self.file.suffix}"))

    def save(self, state: State) -> None:
        """Replace the file by this state, atomically.

        raises  DataError if it cannot be written; the previous checkpoint is then untouched
                DomainError for a dtype that safetensors does not have (longdouble, complex128)
        """
        vectors = {name: to_numpy(vector) for name, vector in state.vectors.items()}
        metadata = {"recipe": self.recipe, "rng": state.rng, "history": state.history}
        try:
            CHECKPOINT.write_tensors(self.file, vectors, metadata)
        except SafetensorError as error:
            dtypes = ", ".join(f"{name} is {vector.dtype}" for name, vector in vectors.items())
            raise DomainError(f"{dtypes}: a checkpoint cannot hold that; expected float32 or float64") from error

    def load(self) -> State | None:
        """Return the saved state, to the bit, as NumPy arrays; None if there is no file.

        raises  DataError if the file is no checkpoint, is damaged, or belongs to another recipe
        """
        if not CHECKPOINT.exists(self.file):
            return None
        recipe, state = _read(self.file)
        if recipe != (wanted := json.loads(json.dumps(self.recipe))):
            differing = sorted(name for name in recipe | wanted if recipe.get(name) != wanted.get(name))
            raise DataError(
                f"{self.file} is a checkpoint of another recipe: {', '.join(differing)} differ "
                f"({[recipe.get(name) for name in differing]}, expected {[wanted.get(name) for name in differing]}): "
                f"use another path, or {AFRESH}"
            )
        return state

    def resume(self, start: Mapping[str, Array], rng: np.random.Generator, epochs: int) -> State | None:
        """Load the state, check that a fit by epochs can go on from it, and put ``rng`` into its state.

        start    vectors of the fit before its first step
        epochs   number of all epochs
        returns  as `load` does
        raises   DataError as `load` does; for vectors that are not finite, or of other names, shapes or dtypes than
                 those of ``start``; for a history that is not of epochs 1, 2, ... up to ``epochs`` at most
        """
        if (state := self.load()) is None:
            return None
        with CHECKPOINT.reading(self.file, f"use another path, or {AFRESH}"):
            found, expected = (
                {name: f"{vector.dtype} {vector.shape}" for name, vector in sorted(vectors.items())}
                for vectors in (state.vectors, {name: to_numpy(vector) for name, vector in start.items()})
            )
            if found != expected:
                raise ValueError(f"it has the vectors {found}, but the fit {expected}")
            if bad := [name for name, vector in state.vectors.items() if not np.isfinite(vector).all()]:
                raise ValueError(f"{', '.join(bad)} has entries that are NaN or infinite")
            numbers = [epoch["epoch"] for epoch in state.history]
            if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > epochs:
                raise ValueError(f"it has the epochs {numbers}, but the fit 1 to {epochs}")
            rng.bit_generator.state = state.rng
        return state


def read_checkpoint(path: str | os.PathLike[str]) -> State:
    """Return the state in a checkpoint of any recipe, to the bit; `Model.restore` makes parameters of it.

    raises  DataError if the file cannot be read, is damaged, or no checkpoint

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import SGD, Checkpoint, fit_sgd, read_checkpoint
    >>> def objective(params, rows, rng):
    ...     return (params["w"] ** 2).sum(), {"w": 2 * params["w"]}
    >>> rng, kept = np.random.default_rng(0), Checkpoint("halves.safetensors", {})
    >>> fit = fit_sgd(objective, {"w": np.ones(1)}, 1, SGD(2, 0.25), rng, checkpoint=kept)
    >>> read_checkpoint("halves.safetensors").vectors["params"]
    array([0.25])
    """
    return _read(Path(path))[1]


def _read(path: Path) -> tuple[dict[str, Any], State]:
    """The recipe and the state in a file."""
    vectors, metadata, _ = CHECKPOINT.read_tensors(path, AFRESH)
    with CHECKPOINT.reading(path, AFRESH):
        recipe, rng, history = dict(metadata["recipe"]), dict(metadata["rng"]), list(map(dict, metadata["history"]))
    return recipe, State(vectors, rng, history)
