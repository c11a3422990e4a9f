"""Three ways to hold the weights W (d, m) of a layer: in full, predicted through a dictionary, as a learned product.

A model asks its weights for an affine map and its backward pass, or for W itself and the pull-back of dW (an
autoencoder ties its decoder through it). Parameters are named arrays, dynamic ones only: what is learned, and what a
distributed run would communicate (paper, sec. 1). The bias b is dynamic too, and never predicted.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace, is_cupy_array, real_part
from pp_ref.dictionaries import Dictionary
from pp_ref.dictionaries.separable import Separable, separable
from pp_ref.dictionaries.shared import Shared, shared
from pp_ref.errors import ShapeError
from pp_ref.kernels.choose import kernels_take, pooling_backend
from pp_ref.kernels.cpu.combine import (
    PooledCache,
    columns_backward,
    columns_backward_weights,
    columns_forward,
    pooled_forward,
)
from pp_ref.kernels.cpu.dense import pool_dense
from pp_ref.kernels.cpu.operands import Columns, Factored, Operands
from pp_ref.kernels.cpu.shared_layer import SharedCache, shared_backward, shared_backward_weights, shared_forward
from pp_ref.kernels.plan import DEVICE, MOST_AMPLIFICATION, Plan, Rates, plan_layer, plan_pool
from pp_ref.layers.dense import dense_backward_input, dense_backward_weights, dense_forward
from pp_ref.layers.lowrank import lowrank_backward, lowrank_backward_weights, lowrank_forward
from pp_ref.layers.predicted import (
    CombineCache,
    DictionaryFirstCache,
    Order,
    WeightsFirstCache,
    combine_backward_weights,
    combine_forward,
    pool_forward,
    predicted_backward,
    predicted_backward_weights,
    predicted_forward,
)
from pp_ref.layers.predicted_conv2d import expand_filters_backward, expand_filters_forward
from pp_ref.models.pooled import PooledInput

Params = dict[str, Array]


class Count(NamedTuple):
    """How many numbers a layer's weights hold: learned, computed once, and in the full matrix W they stand for."""

    dynamic: int
    static: int
    total: int


class Weights(Protocol):
    """What a model needs of its weights.

    `init` draws dynamic weights from Uniform(+-spread), or, where spread is None, so that full weights have the
    variance 2 / d and predicted ones answer white and constant inputs no more strongly.
    `backward` returns dv only where `wrt_input`, since data needs none.
    """

    @property
    def d(self) -> int: ...
    @property
    def m(self) -> int: ...
    def count(self) -> Count: ...
    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params: ...
    def forward(self, params: Params, v: Array) -> tuple[Array, Any]: ...
    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]: ...
    def expand(self, params: Params) -> tuple[Array, Any]: ...
    def expand_backward(self, dW: Array, cache: Any) -> Params: ...


def _he(d: float) -> float:
    """Half the width of a uniform distribution of variance 2 / d, at which relu keeps the variance from layer to layer
    (He et al. 2015)."""
    return math.sqrt(6 / d)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], spread: float, dtype: DTypeLike) -> Array:
    return rng.uniform(-spread, spread, shape).astype(dtype)


@dataclass(frozen=True)
class Full:
    """Every weight is learned ("nokernel" in Figure 4). Parameters: W (d, m), b (m,)."""

    d: int
    m: int

    def count(self) -> Count:
        return Count(self.d * self.m, 0, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        return {"W": _uniform(rng, (self.d, self.m), spread or _he(self.d), dtype), "b": np.zeros(self.m, dtype)}

    def forward(self, params: Params, v: Array) -> tuple[Array, Any]:
        return dense_forward(v, params["W"], params["b"])

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        dW, db = dense_backward_weights(dy, cache)
        return dense_backward_input(dy, cache) if wrt_input else None, {"W": dW, "b": db}

    def expand(self, params: Params) -> tuple[Array, None]:
        return params["W"], None

    def expand_backward(self, dW: Array, cache: None) -> Params:
        return {"W": dW}


@dataclass(frozen=True)
class Predicted:
    """Only w is learned, W = [U_1 w_1, ..., U_J w_J] with a fixed dictionary (paper, sec. 3).

    dictionary  its columns hold alpha_j and U_j (d, k_j)
    m           int: units, divided between the columns as equally as they can be
    Parameters: w0, ..., w{J-1} (k_j, m_j), b (m,).
    raises      ShapeError if there are more columns than units

    `forward` takes the input v, or `PooledInput` in its place: a first layer's never changes.
    """

    dictionary: Dictionary
    m: int

    def __post_init__(self) -> None:
        if self.dictionary.n_columns > self.m:
            raise ShapeError(
                f"the dictionary has {self.dictionary.n_columns} columns for {self.m} units; use fewer columns"
            )

    @property
    def d(self) -> int:
        return self.dictionary.space.size

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shape (k_j, m_j) of every w_j."""
        J = self.dictionary.n_columns
        widths = [self.m // J + (j < self.m % J) for j in range(J)]
        return {
            f"w{j}": (column.U.shape[1], width)
            for j, (column, width) in enumerate(zip(self.dictionary.columns, widths, strict=True))
        }

    @cached_property
    def _cast(self) -> dict[tuple[str, str], list[Array]]:
        return {}

    def U(self, like: Array) -> list[Array]:
        """The dictionaries in the array library and real precision of `like`, cast once and kept."""
        xp = array_namespace(like)
        dtype = np.dtype(str(real_part(like).dtype).rpartition(".")[2])
        key = (xp.__name__, dtype.name)
        if key not in self._cast:
            self._cast[key] = [xp.asarray(U) for U in self.dictionary.U(dtype)]
        return self._cast[key]

    @cached_property
    def _factors(self) -> Separable | None:
        return separable(self.dictionary)

    @cached_property
    def _covariance(self) -> Shared | None:
        """The one K of all columns, where it rounds no worse than a plan allows."""
        factors = None if self._factors else shared(self.dictionary)
        return factors if factors and factors.amplification <= MOST_AMPLIFICATION else None

    def _shared(self, dtype: DTypeLike) -> Shared | None:
        """The same, for a dtype whose rounding hides what the columns disagree on."""
        K = self._covariance
        return K if K and K.residual <= np.finfo(dtype).eps / 2 else None

    @cached_property
    def _plans(self) -> dict[tuple[int, str, Rates | None], Plan]:
        return {}

    def plan(self, n: int, dtype: DTypeLike, rates: Rates | None = None) -> Plan:
        """What is thought of the ways to evaluate a batch of n in a dtype, and which is the cheapest."""
        key = (n, np.dtype(dtype).name, rates)
        if key not in self._plans:
            self._plans[key] = plan_layer(n, self.d, list(self.shapes.values()), dtype, self._factors, rates)
        return self._plans[key]

    def _kernels(self, planned: Callable[[Rates | None], Plan], v: Array, *others: Array) -> tuple[str, Any] | None:
        """The machine on which two short passes take these arrays, and what they multiply by: they can, and the plan
        says so where `pp_ref.kernels.choose` lets it."""
        on_gpu, backend = is_cupy_array(v), pooling_backend()
        machine, own, rates = ("gpu", "cupy", DEVICE) if on_gpu else ("cpu", "numba", None)
        known = (on_gpu or type(v) is np.ndarray) and v.ndim == 2 and v.dtype in (np.float32, np.float64)
        if backend not in ("auto", own) or not known or self._factors is None:
            return None
        if any(type(a) is not type(v) or a.dtype != v.dtype for a in others):
            return None
        if backend == "auto" and planned(rates).way != "separable":
            return None
        o = self._on_device(v.dtype) if on_gpu else self._columns(v.dtype)
        return None if o is None else (machine, o)

    def filter_factors(self, filter_shape: tuple[int, int]) -> Separable | None:
        """Of a dictionary that is tied across the channels of such filters, and has factors."""
        factors, tied = self._factors, self._copies == self.dictionary.space.channels
        return factors if factors is not None and tied and factors.sizes[:2] == filter_shape else None

    def convolves(self, plan: Plan, filter_shape: tuple[int, int], params: Params, v: Array) -> bool:
        """Whether the processor's kernels take these images and filters, as `_kernels` has it."""
        if v.ndim != 4 or not kernels_take(v, *params.values()):
            return False
        if pooling_backend() == "numba":
            return self.filter_factors(filter_shape) is not None
        return plan.way == "separable"

    def filters(self, dtype: DTypeLike) -> Any:
        """What the kernels convolve with, computed once and kept."""
        from pp_ref.kernels.cpu.filters import filters

        key = ("filters", np.dtype(dtype).name)
        if key not in self._cast:
            self._cast[key] = [filters(self.dictionary, dtype)]
        return self._cast[key][0]

    def _on_device(self, dtype: DTypeLike) -> Any:
        """What the kernels multiply by, moved once to each device, and kept; None where the current one cannot hold an
        image."""
        import cupy

        operands = import_module("pp_ref.kernels.gpu.operands")  # CuPy is loaded by whoever computes with it
        key = (f"device {cupy.cuda.runtime.getDevice()}", np.dtype(dtype).name)
        if key not in self._cast:
            possible = operands.fits(self._factors, dtype)
            self._cast[key] = [operands.operands(self.dictionary, dtype) if possible else None]
        return self._cast[key][0]

    def _columns(self, dtype: DTypeLike) -> Columns:
        """What the kernels multiply by, computed once and kept."""
        key = ("kernels", np.dtype(dtype).name)
        if key not in self._cast:
            U, dtype = tuple(self.dictionary.U(dtype)), np.dtype(dtype)
            if self._factors:
                self._cast[key] = [Operands(dtype, U, self._factors)]
            else:
                K = self._shared(dtype)
                self._cast[key] = [Factored(dtype, U, K) if K else Columns(dtype, U)]
        return cast(Columns, self._cast[key][0])

    def pool(self, v: Array) -> Array:
        """[v U_1, ..., v U_J] (n, k_1 + ... + k_J): what `forward` takes, as `PooledInput`, in place of v.

        raises  ShapeError
        """
        k = [k for k, _ in self.shapes.values()]
        if found := self._kernels(lambda rates: plan_pool(v.shape[0], self.d, k, v.dtype, self._factors, rates), v):
            machine, o = found
            return import_module(f"pp_ref.kernels.{machine}.fused").pool_fused(v, o)
        if v.ndim == 2 and kernels_take(v):
            return pool_dense(v, self._columns(v.dtype))
        pooled, _ = pool_forward(v, self.U(v))
        return array_namespace(v).concat(pooled, axis=1)

    def order(self, n: int) -> Order:
        """The order with fewer flops for a batch of n, forward and backward together."""
        return min(self._products(n).items(), key=lambda each: each[1])[0]  # of equals the first

    def _products(self, n: int) -> dict[Order, int]:
        """Multiplications of each order, forward and backward together."""
        K, d, m = sum(k for k, _ in self.shapes.values()), self.d, self.m
        products = sum(k * width for k, width in self.shapes.values())  # of one pass over all w_j
        return {"dictionary": n * (2 * d * K + 3 * products), "weights": 2 * d * products + 3 * n * d * m}

    def _shares(self, n: int, dtype: DTypeLike) -> bool:
        """Whether v K, gathered by every column, takes fewer multiplications than either order: by a quarter, since
        gathers and folds of small columns take time of their own."""
        K = self._shared(dtype)
        if K is None:
            return False
        products = sum(k * width for k, width in self.shapes.values())
        folds = 0 if K.R is None else 2 * sum(k * k * width for k, width in self.shapes.values())
        return n * (2 * K.kept.size + 3 * products) + folds < 0.75 * min(self._products(n).values())

    def count(self) -> Count:
        return Count(sum(k * width for k, width in self.shapes.values()), self.dictionary.static_count, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        params: Params = {}
        for (name, shape), column in zip(self.shapes.items(), self.dictionary.columns, strict=True):
            # A unit's input v U w has the variance var(w) |U^T v|^2. In place of d = |v|^2 stands what U makes of white
            # inputs, |U|_F^2, or of constant ones, |U^T 1|^2, if that is more: smooth filters add up smooth images.
            U = column.U
            reached = max(float(np.sum(U**2)), float(np.sum(U.sum(axis=0) ** 2)))
            params[name] = _uniform(rng, shape, spread or _he(reached), dtype)
        return params | {"b": np.zeros(self.m, dtype)}

    def forward(self, params: Params, v: Array | PooledInput) -> tuple[Array, Any]:
        w, b = [params[name] for name in self.shapes], params["b"]
        if isinstance(v, PooledInput):
            if kernels_take(v.array, *w, b):
                return pooled_forward(v.array, w, b, self._columns(v.array.dtype))
            return combine_forward(v.columns(), w, b)
        if found := self._kernels(lambda rates: self.plan(v.shape[0], v.dtype, rates), v, *w, b):
            machine, o = found
            y, cache = import_module(f"pp_ref.kernels.{machine}.layer").layer_forward(v, w, b, o)
            return y, cache
        order = self.order(v.shape[0])
        if v.ndim == 2 and kernels_take(v, *w, b):
            if self._shares(v.shape[0], v.dtype):
                return shared_forward(v, w, b, cast(Factored, self._columns(v.dtype)))
            if order == "dictionary":
                return columns_forward(v, w, b, self._columns(v.dtype))
        return predicted_forward(v, self.U(v), w, b, order)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        dv = None
        if isinstance(cache, CombineCache):
            dw, db = combine_backward_weights(dy, cache)
        else:
            backward, backward_weights = _passes(cache)
            if wrt_input:
                dv, dw, db = backward(dy, cache)
            else:
                dw, db = backward_weights(dy, cache)
        return dv, dict(zip(self.shapes, dw, strict=True)) | {"b": db}

    @cached_property
    def _copies(self) -> int:
        """c, where every U_j is the same U_s for each of c channels: expanding by U_s takes c times less."""
        tied = all(column.structure == "channel-tied" for column in self.dictionary.columns)
        return self.dictionary.space.channels if tied else 1

    def expand(self, params: Params) -> tuple[Array, Any]:
        w, c = [params[name] for name in self.shapes], self._copies
        factors = [U[::c, ::c] for U in self.U(w[0])]
        W, cache = expand_filters_forward(factors, w, (self.d // c, 1), c)
        return array_namespace(W).reshape(W, (self.d, self.m)), cache

    def expand_backward(self, dW: Array, cache: Any) -> Params:
        dW = array_namespace(dW).reshape(dW, (self.d // self._copies, 1, self._copies, self.m))
        return dict(zip(self.shapes, expand_filters_backward(dW, cache), strict=True))


def _passes(cache: Any) -> tuple[Any, Any]:
    """The backward passes of what made the cache: all of it, and that of the weights alone."""
    if isinstance(cache, DictionaryFirstCache | WeightsFirstCache):
        return predicted_backward, predicted_backward_weights
    if isinstance(cache, PooledCache):
        return columns_backward, columns_backward_weights
    if isinstance(cache, SharedCache):
        return shared_backward, shared_backward_weights
    kernels = sys.modules[type(cache).__module__]
    return kernels.layer_backward, kernels.layer_backward_weights


@dataclass(frozen=True)
class LowRank:
    """Both factors are learned, W = U w ("LowRank" in Figure 4). Parameters: U (d, rank), w (rank, m), b (m,)."""

    d: int
    m: int
    rank: int

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= min(self.d, self.m):
            raise ShapeError(
                f"rank is {self.rank}, expected 1..{min(self.d, self.m)}, the rank of a full {self.d}x{self.m}"
            )

    @classmethod
    def with_proportion(cls, d: int, m: int, proportion: float) -> "LowRank":
        """The rank at which both factors together hold that share of d m weights: rank (d + m) = proportion d m."""
        return cls(d, m, max(1, min(d, m, round(proportion * d * m / (d + m)))))

    def count(self) -> Count:
        return Count(self.rank * (self.d + self.m), 0, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        """Draw both factors from Uniform(+-s), s^4 = 3 spread^2 / rank: the variance of U w is then spread^2 / 3, that
        of full weights."""
        s = (3 * (spread or _he(self.d)) ** 2 / self.rank) ** 0.25
        return {
            "U": _uniform(rng, (self.d, self.rank), s, dtype),
            "w": _uniform(rng, (self.rank, self.m), s, dtype),
            "b": np.zeros(self.m, dtype),
        }

    def forward(self, params: Params, v: Array) -> tuple[Array, Any]:
        return lowrank_forward(v, params["U"], params["w"], params["b"])

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        if wrt_input:
            dv, dU, dw, db = lowrank_backward(dy, cache)
            return dv, {"U": dU, "w": dw, "b": db}
        return None, dict(zip(("U", "w", "b"), lowrank_backward_weights(dy, cache), strict=True))

    def expand(self, params: Params) -> tuple[Array, tuple[Array, Array]]:
        return params["U"] @ params["w"], (params["U"], params["w"])

    def expand_backward(self, dW: Array, cache: tuple[Array, Array]) -> Params:
        U, w = cache
        return {"U": dW @ w.T, "w": U.T @ dW}
