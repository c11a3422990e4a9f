"""A stack of stages under a softmax: the common part of the multilayer perceptron and the convnet."""

from abc import abstractmethod
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace, check_arrays, check_integer, check_not_negative
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.regularisers import weight_decay_backward, weight_decay_forward
from pp_ref.layers.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from pp_ref.models.full import Full
from pp_ref.models.model import Model
from pp_ref.models.pooled import PooledInput
from pp_ref.models.stages import Dense, Shape, Stage
from pp_ref.models.weights import Count, Params

__all__ = ["SOFTMAX_SPREAD", "Network"]

SOFTMAX_SPREAD = 0.02  # the authors' code: Uniform(+-0.02) on the softmax, Uniform(+-0.1) below


Input = Array | PooledInput


class _Caches(NamedTuple):
    stages: list[Any]
    loss: Any
    decay: dict[str, Any]


class Network(Model):
    """Stages, and on top a softmax with cross-entropy whose weights are never predicted.

    Parameters are named "1.W", "1.b", "2.w0", ..., "softmax.W", "softmax.b": the number of a stage among those with
    weights, then the parameter's name in its weights.
    """

    classes: int
    weight_decay: float

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """The stages from the input up, without the softmax."""

    @property
    @abstractmethod
    def input_shape(self) -> Shape:
        """The shape of one example."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of units that the softmax reads."""

    def _check_top(self) -> None:
        """raises DomainError for fewer than 2 classes, and for a weight decay below 0"""
        check_integer(2, classes=self.classes)
        check_not_negative(weight_decay=self.weight_decay)

    @property
    def softmax(self) -> Full:
        """The weights of the softmax, always learned in full."""
        return Full(self.outputs, self.classes)

    @property
    def _named(self) -> list[tuple[str, Stage]]:
        """All stages with the prefix of their parameters' names; "" if a stage has none."""
        named, number = [], 0
        for stage in self.stages:
            number += stage.weights is not None
            named.append((f"{number}." if stage.weights else "", stage))
        return [*named, ("softmax.", Dense(self.softmax))]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all parameters by name, in the order of `init`."""
        return {
            prefix + name: shape
            for prefix, stage in self._named
            if (weights := stage.weights)
            for name, shape in (weights.shapes | {"b": (weights.m,)}).items()
        }

    def init(
        self,
        rng: np.random.Generator,
        spread: float | None = 0.1,
        dtype: DTypeLike = np.float32,
        first: float = 1.0,
    ) -> Params:
        """Return parameters: dynamic weights drawn at random, biases zero.

        spread  weights are drawn from Uniform(+-spread), 0.1 in the authors' code; those of the softmax from
                Uniform(+-0.02). None: full weights of d inputs have the variance 2 / d, so that relu keeps the variance
                from layer to layer; others as in `Weights.init`
        first   factor of the weights of the lowest layer, after they are drawn; below 1, what is learned soon outweighs
                the noise of the start in its filters
        """
        params: Params = {}
        for prefix, stage in self._named:
            if stage.weights:
                drawn = stage.weights.init(rng, SOFTMAX_SPREAD if prefix == "softmax." else spread, dtype)
                if prefix == "1.":
                    drawn = {name: array * np.asarray(first, dtype) for name, array in drawn.items()}
                params |= {prefix + name: array for name, array in drawn.items()}
        return params

    def loss(self, params: Params, x: Input, y: Array, rng: np.random.Generator | None = None) -> Array:
        """Mean cross-entropy of the labels in nats, plus the weight decay; `loss_and_gradient` differentiates it."""
        return self._loss(params, x, y, rng)[0]

    def loss_and_gradient(
        self, params: Params, x: Input, y: Array, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        """Return the loss and its gradient with respect to every dynamic parameter.

        params   as `init` returns them; their dtype is the model's
        x        the inputs, one example per row; for an MLP also its prepared input
        y        (n,) int labels
        rng      draws the dropout masks; None switches dropout off
        returns  loss, a 0-d array; gradient, a dict like params
        raises   ShapeError; DomainError for labels outside of 0..classes - 1 and for what is no array of numbers
        """
        loss, caches = self._loss(params, x, y, rng)
        named = self._named
        lowest = next(number for number, (_, stage) in enumerate(named) if stage.weights)
        gradient: Params = {}
        dv = softmax_cross_entropy_backward(1.0, caches.loss)
        for number in range(len(named) - 1, lowest - 1, -1):  # below the lowest weights there is nothing to learn
            prefix, stage = named[number]
            dv, dweights = stage.backward(dv, caches.stages[number], wrt_input=number > lowest)
            gradient |= {prefix + name: array for name, array in dweights.items()}
        for name, cache in caches.decay.items():
            gradient[name] = gradient[name] + weight_decay_backward(1.0, cache)
        return loss, {name: gradient[name] for name in params}

    def logits(self, params: Params, x: Input) -> Array:
        """(n, classes): log-probabilities, each row up to a constant."""
        return self._forward(params, x, None)[0]

    def predict(self, params: Params, x: Input) -> Array:
        """(n,) int: the most probable class of each example."""
        logits = self.logits(params, x)
        return array_namespace(logits).argmax(logits, axis=1)

    def error(self, params: Params, x: Input, y: Array, batch: int = 1000) -> float:
        """The fraction of misclassified examples, in [0, 1], computed in batches to bound the memory."""
        self.check_params(params)
        self._check_labels(x, y)
        wrong, n, xp = 0, y.shape[0], array_namespace(y)
        for start in range(0, n, batch):
            rows = slice(start, min(start + batch, n))
            wrong += int(xp.sum(xp.astype(self.predict(params, x[rows, ...]) != y[rows], xp.int64)))
        return float(wrong / max(n, 1))

    def filters(self, params: Params) -> list[Array]:
        """W (d, m) of every stage with weights, with its predicted weights, without the softmax."""
        self.check_params(params)
        return [stage.weights.expand(_under(prefix, params))[0] for prefix, stage in self._named[:-1] if stage.weights]

    def count(self) -> dict[str, Count]:
        """Dynamic, static and total numbers of weights, by stage; then "biases", those of all stages."""
        weighted = {prefix.rstrip("."): stage.weights for prefix, stage in self._named if stage.weights}
        biases = sum(weights.m for weights in weighted.values())
        return {name: weights.count() for name, weights in weighted.items()} | {"biases": Count(biases, 0, biases)}

    def _check_input(self, x: Input) -> None:
        """raises DomainError for what is no plain array of floating-point numbers, ShapeError for another shape"""
        if isinstance(x, PooledInput):
            return
        check_arrays(x=x)
        if tuple(x.shape[1:]) != self.input_shape or x.ndim == 0:
            expected = ", ".join(map(str, ("n", *self.input_shape)))
            what = "images with their channels last" if len(self.input_shape) == 3 else "one example per row"
            raise ShapeError(f"x has shape {tuple(x.shape)}, expected ({expected}): {what}")

    def _check_labels(self, x: Input, y: Array) -> None:
        """raises DomainError unless y has integers, ShapeError unless there is one for each example"""
        self._check_input(x)
        check_arrays("integers", y=y)
        n = (x.array if isinstance(x, PooledInput) else x).shape[0]
        if tuple(y.shape) != (n,):
            raise ShapeError(f"y has shape {tuple(y.shape)}, but x has {n} examples: expected ({n},), a class for each")

    def _forward(self, params: Params, x: Input, rng: np.random.Generator | None) -> tuple[Array, list[Any]]:
        self.check_params(params)
        self._check_input(x)
        v, caches = x, []
        for prefix, stage in self._named:
            v, cache = stage.forward(_under(prefix, params) if prefix else {}, v, rng)
            caches.append(cache)
        return v, caches

    def _loss(self, params: Params, x: Input, y: Array, rng: np.random.Generator | None) -> tuple[Array, _Caches]:
        self._check_labels(x, y)
        logits, caches = self._forward(params, x, rng)
        try:
            loss, top = softmax_cross_entropy_forward(logits, y)
        except DomainError as error:  # a class that does not exist
            raise DomainError(str(error).replace("labels", "y", 1)) from None
        decay = {}
        if self.weight_decay:
            for name, array in params.items():
                if array.ndim == 2:  # biases have one axis
                    penalty, decay[name] = weight_decay_forward(array, self.weight_decay)
                    loss = loss + penalty
        return loss, _Caches(caches, top, decay)


def _under(prefix: str, params: Params) -> Params:
    """The parameters of one stage, by their names in its weights."""
    return {name.removeprefix(prefix): array for name, array in params.items() if name.startswith(prefix)}
