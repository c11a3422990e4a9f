"""A Dictionary, the static half of a predicted layer: its columns, the recipe that made them, and its file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.brief import brief, brief_value
from pp_ref.dictionaries.columns import Column, Structure, gather_column
from pp_ref.dictionaries.html import columns_html
from pp_ref.dictionaries.spaces import Space, space_from_json
from pp_ref.envelope import Format
from pp_ref.errors import unknown

__all__ = ["DICTIONARY", "Dictionary", "Recipe", "flush_subnormals"]

DICTIONARY = Format(
    "pp_ref.dictionary",
    "a dictionary",
    lambda metadata: (
        metadata.keys() == {"format", "recipe", "structure"} and metadata["format"] == "pp_ref.Dictionary 1"
    ),
)


@brief
@dataclass(frozen=True)
class Recipe:
    """What `make_dictionary` was asked for. JSON can hold all of it.

    kind        one of `KINDS`, "own", or "callable" for the caller's covariance function
    space       where each weight sits
    proportion  in (0, 1], or None if it was not given; likewise n_alpha
    n_columns   J
    settings    every setting of the kind, defaults included, and alpha: the name of a choice, or J lists of indices
    rng         state of the bit generator before the first draw
    data        `digest` of the data, or None
    U           J digests of the caller's own U, or None
    covariance  module and name of the caller's covariance function, with what `functools.partial` binds, or None

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> recipe = make_dictionary("se", Grid(4, 4), proportion=0.5, rng=np.random.default_rng(0)).recipe
    >>> recipe.kind, recipe.proportion, recipe.space
    ('se', 0.5, Grid(height=4, width=4, channels=1))
    >>> recipe.settings
    {'length_scale': 1.0, 'ridge': 0.001, 'form': 'ridge', 'alpha': 'uniform'}
    """

    kind: str
    space: Space
    proportion: float | None
    n_alpha: int | None
    n_columns: int
    settings: dict[str, Any]
    rng: dict[str, Any]
    data: dict[str, Any] | None
    U: list[dict[str, Any]] | None
    covariance: str | None

    def to_json(self) -> dict[str, Any]:
        """The fields by name, in order, for JSON; ``covariance`` is stored as "kernel", as in version 1 of the file."""
        description = {**vars(self), "space": self.space.to_json()}
        description["kernel"] = description.pop("covariance")
        return description

    @classmethod
    def from_json(cls, description: dict[str, Any]) -> "Recipe":
        """The recipe that ``to_json`` described."""
        named = {**description, "space": space_from_json(description["space"])}
        return cls(covariance=named.pop("kernel"), **named)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The fixed half of a predicted layer: J columns over one space, each with its alpha and its U (sec. 3.1, 3.4).

    columns  J `Column`s (alpha, U, structure, condition, rank)
    recipe   what they were made from: `dictionary_from_recipe` makes them again

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Dictionary, Grid, make_dictionary
    >>> dictionary = make_dictionary("randcon", Grid(2, 2), n_alpha=2, n_columns=3, rng=np.random.default_rng(0))
    >>> dictionary.alpha
    [array([2, 3]), array([0, 1]), array([0, 3])]
    >>> dictionary.save("dictionary.safetensors")
    >>> Dictionary.load("dictionary.safetensors")
    Dictionary('randcon', Grid(height=2, width=2, channels=1), n_alpha=2, n_columns=3, alpha='uniform')
    """

    columns: tuple[Column, ...]
    recipe: Recipe

    def __repr__(self) -> str:
        """As the call that made it, but with n_alpha for any proportion."""
        known = {"n_alpha": self.columns[0].alpha.size, "n_columns": self.n_columns} | self.recipe.settings
        asked = ", ".join(f"{name}={brief_value(value)}" for name, value in known.items() if value is not None)
        return f"Dictionary({self.recipe.kind!r}, {self.space}, {asked})"

    def _repr_html_(self) -> str:
        return columns_html(repr(self), self.columns, self.space.shape)

    @property
    def space(self) -> Space:
        """Where each weight sits."""
        return self.recipe.space

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
        return self.recipe.kind == "lowrank"

    @property
    def static_count(self) -> int:
        """How many numbers are computed once and never learned: d k for each column, as sec. 3.4 counts.

        A column that only gathers counts its k indices. The count is 0 for nokernel, which predicts nothing, and for
        lowrank, whose U is learned.
        """
        if self.recipe.kind in ("lowrank", "nokernel"):
            return 0
        return sum(c.alpha.size if c.structure == "gather" else c.U.size for c in self.columns)

    def U(self, dtype: DTypeLike = np.float64) -> list[NDArray[Any]]:
        """New C-contiguous arrays U (d, k) in ``dtype``, one for each column, with subnormals of that format set to 0.

        Subnormals make a BLAS product up to 60 times slower. Setting them to 0 changes no entry by more than the
        smallest normal number of the format, 1.2e-38 in float32.
        """
        return [flush_subnormals(np.array(column.U, dtype=dtype, order="C")) for column in self.columns]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the arrays and the recipe to one safetensors file, whole or not at all.

        A column that only gathers is stored as its alpha, which determines U exactly.
        raises  DataError if it cannot be written (a full disk, say); an older file is then unchanged
        """
        tensors, description = self.to_tensors()
        DICTIONARY.write_tensors(Path(path), tensors, description)

    def to_tensors(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return the arrays of the file by name, and for JSON the recipe and the columns' structures."""
        tensors: dict[str, NDArray[Any]] = {
            "condition": np.array([column.condition for column in self.columns]),
            "rank": np.array([column.rank for column in self.columns]),
        }
        for j, column in enumerate(self.columns):
            tensors[f"alpha.{j}"] = column.alpha
            if column.structure != "gather":
                tensors[f"U.{j}"] = column.U
        structure = [column.structure for column in self.columns]
        return tensors, {"recipe": self.recipe.to_json(), "structure": structure}

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Dictionary":
        """The dictionary that `save` wrote: the same bits and the same recipe.

        raises  DataError if the file cannot be read, is damaged, or not a dictionary
        """
        advice = "save it again, or make it again from its recipe"
        tensors, metadata, _ = DICTIONARY.read_tensors(Path(path), advice)
        with DICTIONARY.reading(Path(path), advice):
            return cls.from_tensors(tensors, metadata)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> "Dictionary":
        """The dictionary that `to_tensors` described.

        raises  ValueError, LookupError or TypeError if they are no dictionary
        """
        recipe, structures = Recipe.from_json(description["recipe"]), description["structure"]
        if len(structures) != recipe.n_columns:
            raise ValueError(f"it has {len(structures)} columns, but its recipe {recipe.n_columns}")
        return cls(tuple(_columns(tensors, structures, recipe.space.size)), recipe)


def flush_subnormals(array: NDArray[Any]) -> NDArray[Any]:
    """Set entries below the smallest normal number of the array's format to 0, in place, and return the array."""
    array[abs(array) < np.finfo(array.dtype).tiny] = 0
    return array


def _columns(tensors: Mapping[str, NDArray[Any]], structures: Sequence[Structure], d: int) -> Iterator[Column]:
    """The columns that `Dictionary.save` wrote.

    raises  ValueError if there are other tensors, or their dtypes, shapes or values are not those of a `Column`
    """
    J, dense = len(structures), [j for j, structure in enumerate(structures) if structure != "gather"]
    names = {"condition", "rank", *(f"alpha.{j}" for j in range(J)), *(f"U.{j}" for j in dense)}
    if tensors.keys() != names:
        raise ValueError(f"it has the tensors {', '.join(sorted(tensors))}, expected {', '.join(sorted(names))}")
    condition, rank = tensors["condition"], tensors["rank"]
    if [condition.dtype, condition.shape, rank.dtype, rank.shape] != [np.float64, (J,), np.int64, (J,)]:
        raise ValueError(f"condition and rank are not a float64 and an int64 for each of {J} columns")
    if np.isnan(condition).any():
        raise ValueError("a condition is NaN")
    for j, structure in enumerate(structures):
        alpha = tensors[f"alpha.{j}"]
        if alpha.dtype != np.int64 or alpha.ndim != 1 or not alpha.size:
            raise ValueError(f"alpha.{j} is {alpha.dtype} {alpha.shape}, expected int64 (k,)")
        if alpha[0] < 0 or (alpha[1:] <= alpha[:-1]).any():
            raise ValueError(f"alpha.{j} is not sorted and distinct from 0 on")
        if structure == "gather":
            if alpha[-1] >= d:
                raise ValueError(f"alpha.{j} has {alpha[-1]}, expected less than {d}")
            yield gather_column(d, alpha)
            continue
        U, shape = tensors[f"U.{j}"], (d, alpha.size)
        if structure not in get_args(Structure):
            raise ValueError(unknown("structure", structure, get_args(Structure)))
        if U.dtype != np.float64 or U.shape != shape or not np.isfinite(U).all():
            raise ValueError(f"U.{j} is {U.dtype} {U.shape}, expected finite float64 {shape}")
        if not 0 <= rank[j] <= alpha.size:
            raise ValueError(f"the rank of column {j} is {rank[j]}, expected 0 to {alpha.size}")
        yield Column(alpha, U, structure, float(condition[j]), int(rank[j]))
