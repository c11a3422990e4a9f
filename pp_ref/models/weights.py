"""The weights W (d, m) of a layer: what a model asks of them, whatever they are made of.

`Full` learns all of W, `Predicted` predicts W through a dictionary, `LowRank` learns a product. Parameters are named
arrays, dynamic ones only: what is learned, and what a distributed run would communicate (paper, sec. 1). The bias b is
dynamic too, and never predicted.
"""

import math
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array
from pp_ref.dictionaries import Dictionary
from pp_ref.kernels.operands import LearnedOperands, OperandCache
from pp_ref.models.pooled import PooledInput

__all__ = ["Count", "Params", "Weights", "he", "uniform"]

Params = dict[str, Array]


class Count(NamedTuple):
    """Numbers of a layer's weights: learned, computed once, and in the full matrix W that they stand for."""

    dynamic: int
    static: int
    total: int


class Weights(ABC):
    """The weights of one affine map y = v W + b, and W itself for models that tie it.

    d           inputs
    m           units
    dictionary  what predicts W; None if all of W is learned
    """

    if TYPE_CHECKING:  # fields or properties of the dataclasses below this one

        @property
        def d(self) -> int: ...
        @property
        def m(self) -> int: ...
        @property
        def dictionary(self) -> Dictionary | None: ...

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shapes of the learned arrays that make W, by name; b (m,) comes on top."""

    @property
    @abstractmethod
    def operands(self) -> OperandCache | LearnedOperands:
        """What makes W of these arrays."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each column; all m together if there are no columns."""
        return (self.m,)

    @abstractmethod
    def count(self) -> Count:
        """Dynamic, static and total weights, without b."""

    @abstractmethod
    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        """Draw the learned arrays from Uniform(+-spread); b is zero.

        spread  None: full weights have the variance 2 / d, and predicted ones answer white and constant inputs no more
                strongly
        """

    @abstractmethod
    def forward(self, params: Params, v: Any) -> tuple[Array, Any]:
        """y (n, m) = v W + b for v (n, d), or for what `prepare` returned, and the cache of `backward`."""

    @abstractmethod
    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        """Pull dy (n, m) back to dv, which is None unless `wrt_input`, and to the gradient of the parameters."""

    def prepare(self, v: Array, folder: str | os.PathLike[str] | None = None) -> Array | PooledInput:
        """The input v (n, d) as `forward` reads it fastest at every step: v itself unless the weights pool it."""
        return v

    def expand(self, params: Params) -> tuple[Array, Any]:
        """W (d, m), and the cache of `expand_backward`."""
        return self.operands.expand([params[name] for name in self.shapes])

    def expand_backward(self, dW: Array, cache: Any) -> Params:
        """Pull dW (d, m) back to the learned arrays."""
        return dict(zip(self.shapes, self.operands.expand_backward(dW, cache), strict=True))


def he(d: float) -> float:
    """Half the width of a uniform distribution of variance 2 / d, at which relu keeps the variance from layer to layer
    (He et al. 2015)."""
    return math.sqrt(6 / d)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], spread: float, dtype: DTypeLike) -> Array:
    """Uniform(+-spread), drawn in float64."""
    return rng.uniform(-spread, spread, shape).astype(dtype)
