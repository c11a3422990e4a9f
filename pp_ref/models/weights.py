"""The common interface of the weights W (d, m) of a layer.

`Full` learns all of W, `Predicted` predicts W through a dictionary, `LowRank` learns two factors of W. Parameters are
named arrays and dynamic: they are learned, and communicated by a distributed run (paper, sec. 1). The bias b is dynamic
too, and never predicted.
"""

import math
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_arrays, check_positive
from pp_ref.brief import brief_value
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError
from pp_ref.generators import check_generator
from pp_ref.kernels.operands import LearnedOperands, OperandCache
from pp_ref.models.pooled import PooledInput

__all__ = ["Count", "Params", "Weights", "check_weights", "he", "uniform"]

Params = dict[str, Array]


class Count(NamedTuple):
    """How many weights a layer has: learned, computed once, and entries of the full matrix W.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> from pp_ref.models import Full, Predicted
    >>> dictionary = make_dictionary("se", Grid(4, 4), n_alpha=4, rng=np.random.default_rng(0))
    >>> Predicted(dictionary, 10).count()  # 4 * 10 are learned, 16 * 4 are in the dictionary
    Count(dynamic=40, static=64, total=160)
    >>> Full(16, 10).count()
    Count(dynamic=160, static=0, total=160)
    """

    dynamic: int
    static: int
    total: int


class Weights(ABC):
    """The weights of one affine map y = v W + b, and W itself for models that tie it.

    d           inputs
    m           units
    dictionary  the dictionary that predicts W; None if all of W is learned
    """

    if TYPE_CHECKING:  # fields or properties of the dataclasses below this one

        @property
        def d(self) -> int: ...
        @property
        def m(self) -> int: ...
        @property
        def dictionary(self) -> Dictionary | None: ...

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone, for `pickle` and `copy`: operands are made again."""
        return {name: getattr(self, name) for name in vars(self) if name not in vars(type(self))}

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shapes of the learned arrays of W by name, without b."""

    @property
    @abstractmethod
    def operands(self) -> OperandCache | LearnedOperands:
        """The operands that compute W from these arrays."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of units of each column; (m,) if there are no columns."""
        return (self.m,)

    @abstractmethod
    def count(self) -> Count:
        """Dynamic, static and total weights, without b."""

    @abstractmethod
    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        """Return parameters: learned arrays drawn from Uniform(+-spread), b zero.

        spread  None: full weights have the variance 2 / d; predicted ones give white and constant inputs outputs of at
                most the same variance
        """

    @abstractmethod
    def forward(self, params: Params, v: Any) -> tuple[Array, Any]:
        """y (n, m) = v W + b for v (n, d) or its prepared input, and the cache of `backward`."""

    @abstractmethod
    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        """Pull dy (n, m) back to dv (n, d), or None unless `wrt_input`, and to the gradient of the parameters."""

    def prepare(self, v: Array, folder: str | os.PathLike[str] | None = None) -> Array | PooledInput:
        """Return the prepared input of v (n, d), which `forward` takes in place of v: pooled, or v itself."""
        check_arrays(v=v)
        return v

    def expand(self, params: Params) -> tuple[Array, Any]:
        """W (d, m), and the cache of `expand_backward`."""
        learned = {name: params[name] for name in self.shapes}
        check_arrays(**learned)
        return self.operands.expand(list(learned.values()))

    def expand_backward(self, dW: Array, cache: Any) -> Params:
        """Pull dW (d, m) back to the learned arrays."""
        check_arrays(dW=dW)
        return dict(zip(self.shapes, self.operands.expand_backward(dW, cache), strict=True))


def check_weights(**named: Any) -> None:
    """raises DomainError for anything but weights, such as a Dictionary, a number or a class"""
    for name, weights in named.items():
        if not isinstance(weights, Weights):
            remedy = f": pass Predicted({name}, m)" if isinstance(weights, Dictionary) else ""
            raise DomainError(f"{name} is {brief_value(weights)}, expected Full, LowRank or Predicted{remedy}")


def he(d: float) -> float:
    """The spread at which Uniform(+-spread) has the variance 2 / d: relu then keeps the variance from layer to layer
    (He et al. 2015)."""
    return math.sqrt(6 / d)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], spread: float, dtype: DTypeLike) -> Array:
    """Draw from Uniform(+-spread) in float64, then cast to dtype; raise DomainError for what cannot be drawn."""
    check_generator(rng)
    check_positive(spread=spread)
    if np.dtype(dtype).kind != "f":
        raise DomainError(f"dtype is {np.dtype(dtype)}, expected one of floating-point numbers, such as float32")
    return rng.uniform(-spread, spread, shape).astype(dtype)
