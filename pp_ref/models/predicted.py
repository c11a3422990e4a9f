"""Predicted weights: a few of each unit are learned, and a fixed dictionary predicts the others (paper, sec. 3)."""

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_arrays, check_integer
from pp_ref.brief import brief_value
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.choose import Plan, choose
from pp_ref.kernels.operands import OperandCache
from pp_ref.kernels.rates import Rates
from pp_ref.kernels.ways import LAYER, POOL, POOLED, Kept
from pp_ref.kernels.work import Arrays, LayerProblem
from pp_ref.models.pooled import PooledInput, pooled_file
from pp_ref.models.weights import Count, Params, Weights, he, uniform

__all__ = ["Predicted"]


@dataclass(frozen=True)
class Predicted(Weights):
    """W = [U_1 w_1, ..., U_J w_J] with a fixed dictionary; only the w_j are learned.

    dictionary  its columns hold alpha_j and U_j (d, k_j)
    m           int: units, divided between the columns as equally as possible
    raises      ShapeError if there are more columns than units; DomainError for another type

    Parameters: w0, ..., w{J-1} (k_j, m_j), b (m,).

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> from pp_ref.models import Predicted
    >>> dictionary = make_dictionary("se", Grid(28, 28), proportion=0.25, n_columns=5, rng=np.random.default_rng(0))
    >>> weights = Predicted(dictionary, 500)
    >>> weights
    Predicted(<se: 5 columns of 196 of 784 weights>, m=500)
    >>> weights.count()  # a quarter of the weights is learned
    Count(dynamic=98000, static=768320, total=392000)
    """

    dictionary: Dictionary
    m: int

    def __repr__(self) -> str:
        J, k = self.dictionary.n_columns, self.dictionary.columns[0].alpha.size
        made = f"{self.dictionary.recipe.kind}: {J} column{'s' * (J > 1)} of {k} of {self.d} weights"
        return f"Predicted(<{made}>, m={self.m})"

    def __post_init__(self) -> None:
        if not isinstance(self.dictionary, Dictionary):
            raise DomainError(
                f"dictionary is {brief_value(self.dictionary)}, expected a Dictionary, as make_dictionary returns it"
            )
        check_integer(1, m=self.m)
        if self.dictionary.n_columns > self.m:
            raise ShapeError(
                f"the dictionary has {self.dictionary.n_columns} columns for {self.m} units; use fewer columns"
            )

    @property
    def d(self) -> int:
        return self.dictionary.space.size

    @cached_property
    def widths(self) -> tuple[int, ...]:
        J = self.dictionary.n_columns
        return tuple(self.m // J + (j < self.m % J) for j in range(J))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        k = (column.U.shape[1] for column in self.dictionary.columns)
        return {f"w{j}": shape for j, shape in enumerate(zip(k, self.widths, strict=True))}

    @cached_property
    def operands(self) -> OperandCache:
        return OperandCache(self.dictionary)

    def count(self) -> Count:
        return Count(sum(k * m for k, m in self.shapes.values()), self.dictionary.static_count, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        params: Params = {}
        for (name, shape), column in zip(self.shapes.items(), self.dictionary.columns, strict=True):
            # The output v U w of a unit has the variance var(w) |U^T v|^2; that of a full unit has |v|^2 = d instead.
            # |U^T v|^2 is |U|_F^2 for white inputs and |U^T 1|^2 for constant ones. The larger one is used, since
            # smooth filters have large outputs on smooth images.
            U = column.U
            reached = max(float(np.sum(U**2)), float(np.sum(U.sum(axis=0) ** 2)))
            params[name] = uniform(rng, shape, spread or he(reached), dtype)
        return params | {"b": np.zeros(self.m, dtype)}

    def plan(self, n: int, dtype: DTypeLike, rates: Rates | None = None, threads: int | None = None) -> Plan:
        """Return the plan for a batch of n examples in NumPy arrays: the chosen way, and the cost of each possible one.

        rates    None: those of this machine
        threads  None: as many as the BLAS may use now
        """
        arrays = Arrays("numpy", np.dtype(dtype).name, (n, self.d))
        return choose(LAYER, self._problem(arrays), rates, threads)

    def forward(self, params: Params, v: Array | PooledInput) -> tuple[Array, Kept]:
        w, b = [params[name] for name in self.shapes], params["b"]
        table, first = (POOLED, v.array) if isinstance(v, PooledInput) else (LAYER, v)
        check_arrays(v=first, **params)
        way = choose(table, self._problem(Arrays.of(first, *w, b))).way
        y, cache = way.forward(v, self.operands, w, b)
        return y, Kept(way, cache)

    def backward(self, dy: Array, cache: Kept, wrt_input: bool) -> tuple[Array | None, Params]:
        way, kept = cache
        dv, dw, db = way.backward(dy, kept) if wrt_input else (None, *way.backward_weights(dy, kept))
        return dv, dict(zip(self.shapes, dw, strict=True)) | {"b": db}

    def prepare(self, v: Array, folder: str | os.PathLike[str] | None = None) -> PooledInput:
        """Return the pooled input of v, to be computed once; `forward` takes it in place of v.

        folder   None keeps it in memory; else it is mapped from a file there (`pooled_file`)
        raises   ShapeError; DataError, DomainError as `pooled_file`
        """
        check_arrays(v=v)
        columns = [column.U for column in self.dictionary.columns]
        pooled = self.pool(v) if folder is None else pooled_file(folder, v, columns, self.pool)
        return PooledInput(pooled, tuple(U.shape[1] for U in columns))

    def pool(self, v: Array) -> Array:
        """[v U_1, ..., v U_J] (n, k_1 + ... + k_J) (paper, sec. 3.3); raises ShapeError."""
        check_arrays(v=v)
        pooled: Array = choose(POOL, self._problem(Arrays.of(v))).way.forward(v, self.operands)
        return pooled

    def _problem(self, arrays: Arrays) -> LayerProblem:
        return LayerProblem(arrays, tuple(self.shapes.values()), self.operands)
