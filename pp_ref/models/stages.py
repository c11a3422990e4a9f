"""The steps that networks are made of: weights of any kind, and the operations between them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from pp_ref.arrays import Array, check_rate
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.dropout import dropout_backward, dropout_forward
from pp_ref.layers.maxout import maxout_backward, maxout_forward
from pp_ref.layers.relu import relu_backward, relu_forward
from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward
from pp_ref.models.weights import Params, Weights

Shape = tuple[int, ...]  # of one example
Generator = np.random.Generator
ActivationName = Literal["sigmoid", "relu", "maxout"]
MAXOUT_PIECES = 2  # as in the MNIST experiments of Goodfellow et al. 2013


class Stage(Protocol):
    """One step. `backward` returns dv, or None unless `wrt_input`, and the gradient of the stage's parameters."""

    @property
    def weights(self) -> Weights | None: ...
    def shape(self, below: Shape) -> Shape: ...
    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]: ...
    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]: ...


@dataclass(frozen=True)
class Dense:
    """y = v W + b with weights of any kind."""

    weights: Weights

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError unless the layer reads what the one below puts out"""
        if below != (self.weights.d,):
            given = "x".join(map(str, below))
            raise ShapeError(f"reads {self.weights.d} inputs, but the layer below has {given} outputs")
        return (self.weights.m,)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return self.weights.forward(params, v)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return self.weights.backward(dy, cache, wrt_input)


class _NoWeights:
    @property
    def weights(self) -> None:
        return None


_ACTIVATIONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "relu": (relu_forward, relu_backward),
    "maxout": (lambda z: maxout_forward(z, MAXOUT_PIECES), maxout_backward),
}


@dataclass(frozen=True)
class Activation(_NoWeights):
    """ "sigmoid" or "relu", elementwise; "maxout": pairs of units compete, so m units put out m / 2."""

    name: ActivationName

    def __post_init__(self) -> None:
        if self.name not in _ACTIVATIONS:
            raise DomainError(f"activation is {self.name!r}, expected one of {', '.join(_ACTIVATIONS)}")

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError if maxout is given a number of units that it cannot divide"""
        if self.name != "maxout":
            return below
        if below[-1] % MAXOUT_PIECES:
            raise ShapeError(f"has {below[-1]} units, maxout wants a multiple of {MAXOUT_PIECES}")
        return (*below[:-1], below[-1] // MAXOUT_PIECES)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        y, cache = _ACTIVATIONS[self.name][0](v)
        return y, cache

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return _ACTIVATIONS[self.name][1](dy, cache), {}


@dataclass(frozen=True)
class Dropout(_NoWeights):
    """Drops with probability `rate` while learning: where there is a Generator to draw from."""

    rate: float

    def __post_init__(self) -> None:
        check_rate(rate=self.rate)

    def shape(self, below: Shape) -> Shape:
        return below

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return (v, None) if rng is None or self.rate == 0 else dropout_forward(v, self.rate, rng)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return (dy if cache is None else dropout_backward(dy, cache)), {}


def through(stages: Iterable[Stage], shape: Shape) -> Shape:
    """The shape of one example after all stages.

    raises  ShapeError, naming the layer, counted as its parameters are, that cannot read what it is given
    """
    number = 0
    for stage in stages:
        number += stage.weights is not None
        try:
            shape = stage.shape(shape)
        except ShapeError as error:
            raise ShapeError(f"layer {number} {error}") from None
    return shape
