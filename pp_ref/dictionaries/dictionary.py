"""A Dictionary: the static half of a predicted layer, with the recipe that made it, on disk and back."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.dictionaries.columns import Column, gather_column
from pp_ref.dictionaries.spaces import Space, space_from_json
from pp_ref.errors import DataError, DomainError
from pp_ref.files import write_atomically

BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


@dataclass(frozen=True, eq=False)
class Dictionary:
    """J columns over one space.

    space    where each weight sits
    columns  one `Column` (alpha, U, structure, condition, rank) a column
    recipe   JSON-serialisable: kind, space, proportion and n_alpha, n_columns, settings (every default filled in, alpha
             and form among them), rng (state of the bit generator on entry), digests of data, kernel name
    """

    space: Space
    columns: tuple[Column, ...]
    recipe: dict[str, Any]

    @property
    def n_columns(self) -> int:
        """J."""
        return len(self.columns)

    @property
    def alpha(self) -> list[NDArray[np.int64]]:
        """(k,) int64 for each column."""
        return [column.alpha for column in self.columns]

    @property
    def dynamic(self) -> bool:
        """True if U is learned too and the columns hold only its start (kind lowrank)."""
        return bool(self.recipe["kind"] == "lowrank")

    @property
    def static_count(self) -> int:
        """Numbers computed once and never learned: d k a column, as sec. 3.4 counts; k indices where U only gathers.

        0 for nokernel, which predicts nothing, and for lowrank, whose U is learned.
        """
        if self.recipe["kind"] in ("lowrank", "nokernel"):
            return 0
        return sum(c.alpha.size if c.structure == "gather" else c.U.size for c in self.columns)

    def U(self, dtype: DTypeLike = np.float64) -> list[NDArray[Any]]:
        """Each column's U (d, k) in ``dtype``, C-contiguous and fresh, with subnormals of that format set to 0.

        Subnormals make a BLAS product up to 60 times slower; flushing them moves no entry by more than the
        format's smallest normal number, 1.2e-38 in float32.
        """
        return [flush_subnormals(np.array(column.U, dtype=dtype, order="C")) for column in self.columns]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write arrays and recipe to one safetensors file, whole or not at all.

        Columns that only gather are kept as alpha alone, which is exact.
        raises  DataError if it cannot be written (a full disk, say); an older file is then untouched
        """
        from safetensors.numpy import save

        tensors = {
            "condition": np.array([column.condition for column in self.columns]),
            "rank": np.array([column.rank for column in self.columns]),
        }
        for j, column in enumerate(self.columns):
            tensors[f"alpha.{j}"] = column.alpha
            if column.structure != "gather":
                tensors[f"U.{j}"] = column.U
        metadata = {
            "format": "pp_ref.Dictionary 1",
            "recipe": json.dumps(self.recipe),
            "structure": json.dumps([column.structure for column in self.columns]),
        }
        write_atomically(Path(path), save(tensors, metadata))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Dictionary":
        """Read what `save` wrote: the same bits, and the recipe.

        raises  DataError if the file is missing, truncated, or not a dictionary
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path} cannot be read as a dictionary ({error}): save it again or rebuild it") from error
        if metadata.get("format") != "pp_ref.Dictionary 1":
            raise DataError(f"{path} is a safetensors file but holds no dictionary: expected one from Dictionary.save")
        recipe = json.loads(metadata["recipe"])
        space = space_from_json(recipe["space"])
        columns = []
        for j, structure in enumerate(json.loads(metadata["structure"])):
            alpha = tensors[f"alpha.{j}"]
            if structure == "gather":
                columns.append(gather_column(space.size, alpha))
            else:
                condition, rank = float(tensors["condition"][j]), int(tensors["rank"][j])
                columns.append(Column(alpha, tensors[f"U.{j}"], structure, condition, rank))
        return cls(space, tuple(columns), recipe)

    @classmethod
    def from_recipe(
        cls,
        recipe: dict[str, Any],
        data: NDArray[Any] | None = None,
        *,
        kernel: Callable[..., Any] | None = None,
        U: Any = None,
    ) -> "Dictionary":
        """Make the dictionary again from its recipe: the same bits on one machine, library and thread count.

        data    the array of a data-driven kind; its digest must be the recipe's
        kernel  the function of a dictionary made from the caller's own
        U       the arrays of kind "own"
        raises  DomainError if what the recipe needs is missing or is not what it was made from
        """
        from pp_ref.dictionaries.make import make_dictionary  # make builds Dictionaries: the arrow points here

        if recipe["kind"] == "callable" and kernel is None:
            raise DomainError(f"kernel is missing: the recipe was made with {recipe['kernel']}, pass that function")
        settings = dict(recipe["settings"])
        if data is not None:
            settings["data"] = data
        if recipe["kind"] == "own":
            if U is None:
                raise DomainError(
                    "U is missing: a recipe of kind own holds only its digest, pass the arrays or load a file"
                )
            settings["U"] = U
        again = make_dictionary(
            kernel if recipe["kind"] == "callable" and kernel is not None else recipe["kind"],
            space_from_json(recipe["space"]),
            proportion=recipe["proportion"],
            n_alpha=recipe["n_alpha"],
            n_columns=recipe["n_columns"],
            rng=generator_from_state(recipe["rng"]),
            **settings,
        )
        for name in ("data", "U", "kernel"):
            if again.recipe[name] != recipe[name]:
                raise DomainError(
                    f"{name} is {again.recipe[name]}, but the recipe was made from {recipe[name]}: pass the same {name}"
                )
        return again


def flush_subnormals(array: NDArray[Any]) -> NDArray[Any]:
    """Set entries below the smallest normal number of the array's format to zero, in place; returns the array."""
    array[abs(array) < np.finfo(array.dtype).tiny] = 0
    return array


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The bit generator's state with arrays as lists, ready for JSON (which holds integers of any size)."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    return dict(plain(rng.bit_generator.state))


def generator_from_state(state: dict[str, Any]) -> np.random.Generator:
    """A Generator that goes on where `generator_state` was taken.

    raises  DomainError for a bit generator that is not NumPy's
    """
    if state["bit_generator"] not in BIT_GENERATORS:
        raise DomainError(f"bit generator is {state['bit_generator']!r}, expected one of {', '.join(BIT_GENERATORS)}")

    def arrays(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: arrays(entry) for key, entry in value.items()}
        return np.array(value, dtype=np.uint64) if isinstance(value, list) else value

    bits = getattr(np.random, state["bit_generator"])()
    bits.state = arrays(state)
    return np.random.Generator(bits)
