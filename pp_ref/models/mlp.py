"""The multilayer perceptron of sec. 4.1: hidden layers, full or predicted, and a softmax that is never predicted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.dropout import dropout_backward, dropout_forward
from pp_ref.layers.maxout import maxout_backward, maxout_forward
from pp_ref.layers.predicted import pool_forward
from pp_ref.layers.regularisers import weight_decay_backward, weight_decay_forward
from pp_ref.layers.relu import relu_backward, relu_forward
from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from pp_ref.models.weights import Count, Full, Params, Predicted, Weights

Activation = Literal["sigmoid", "relu", "maxout"]
MAXOUT_PIECES = 2  # as in the MNIST experiments of Goodfellow et al. 2013
SOFTMAX_SPREAD = 0.02  # the authors' code: Uniform(+-0.02) on the softmax, Uniform(+-0.1) below

_ACTIVATIONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "relu": (relu_forward, relu_backward),
    "maxout": (lambda z: maxout_forward(z, MAXOUT_PIECES), maxout_backward),
}


class _Caches(NamedTuple):
    weights: list[Any]
    activations: list[Any]
    dropouts: list[Any]
    top: Any
    decay: dict[str, Any]


@dataclass(frozen=True)
class MLP:
    """x -> g(x W_1 + b_1) -> ... -> softmax, with cross-entropy.

    layers        the hidden layers' weights, from the input up; layer l reads what layer l - 1 puts out
    classes       int >= 2: outputs of the softmax
    activation    "sigmoid" (the paper's), "relu", or "maxout" (pairs of units compete, so m units put out m / 2)
    dropout       rate in [0, 1) on every hidden layer's output while learning
    weight_decay  float >= 0: adds weight_decay * sum W^2 over the dynamic weights, without 1/2, biases left out
    raises        ShapeError if a layer does not read what the one below puts out; DomainError

    Parameters are named "1.W", "1.b", "2.w0", ..., "softmax.W", "softmax.b": a layer's number, then its weights' name.
    """

    layers: tuple[Weights, ...]
    classes: int
    activation: Activation = "sigmoid"
    dropout: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS:
            raise DomainError(f"activation is {self.activation!r}, expected one of {', '.join(_ACTIVATIONS)}")
        if self.classes < 2:
            raise DomainError(f"classes is {self.classes}, expected at least 2")
        if not self.layers:
            raise ShapeError("layers is empty, expected at least one hidden layer")
        for number, layer in enumerate(self.layers, start=1):
            if self.activation == "maxout" and layer.m % MAXOUT_PIECES:
                raise ShapeError(f"layer {number} has {layer.m} units, maxout wants a multiple of {MAXOUT_PIECES}")
        for number, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=2):
            if above.d != self._outputs(below):
                raise ShapeError(
                    f"layer {number} reads {above.d} inputs, but the layer below has {self._outputs(below)} outputs"
                )

    def _outputs(self, layer: Weights) -> int:
        return layer.m // MAXOUT_PIECES if self.activation == "maxout" else layer.m

    @property
    def softmax(self) -> Full:
        """The weights on top, always learned in full."""
        return Full(self._outputs(self.layers[-1]), self.classes)

    @property
    def _named(self) -> list[tuple[str, Weights]]:
        return [(f"{number}.", layer) for number, layer in enumerate(self.layers, start=1)] + [
            ("softmax.", self.softmax)
        ]

    def init(self, rng: np.random.Generator, spread: float = 0.1, dtype: DTypeLike = np.float32) -> Params:
        """Draw dynamic weights from Uniform(+-spread), the softmax's from Uniform(+-0.02); biases are zero."""
        params: Params = {}
        for prefix, layer in self._named:
            drawn = layer.init(rng, SOFTMAX_SPREAD if prefix == "softmax." else spread, dtype)
            params |= {prefix + name: array for name, array in drawn.items()}
        return params

    def pool(self, x: Array) -> "PooledInput":
        """The first layer's pooled input, x U_j for every column: compute it once, and pass it in place of x.

        raises  ShapeError if the first layer is not predicted
        """
        first = self.layers[0]
        if not isinstance(first, Predicted):
            raise ShapeError(f"layer 1 is {type(first).__name__}, which pools nothing: pass x itself")
        pooled, _ = pool_forward(x, first.U(x))
        return PooledInput(array_namespace(x).concat(pooled, axis=1), tuple(k for k, _ in first.shapes.values()))

    def loss(self, params: Params, x: "Array | PooledInput", y: Array, rng: np.random.Generator | None = None) -> Array:
        """Mean cross-entropy of the labels in nats, plus the weight decay: what `loss_and_gradient` differentiates."""
        return self._loss(params, x, y, rng)[0]

    def loss_and_gradient(
        self, params: Params, x: "Array | PooledInput", y: Array, rng: np.random.Generator | None = None
    ) -> tuple[Array, Params]:
        """The loss, and its gradient with respect to every dynamic parameter.

        params   as `init` returns them; their dtype is the model's
        x        (n, d) inputs, or what `pool` made of them
        y        (n,) int labels
        rng      draws the dropout masks; None switches dropout off
        returns  loss, a 0-d array; gradient, a dict like params
        raises   ShapeError, DomainError
        """
        loss, caches = self._loss(params, x, y, rng)
        gradient: Params = {}
        dv = softmax_cross_entropy_backward(1.0, caches.top)
        _, activation_backward = _ACTIVATIONS[self.activation]
        for number in reversed(range(len(self._named))):
            prefix, weights = self._named[number]
            if prefix != "softmax.":
                if caches.dropouts[number] is not None:
                    dv = dropout_backward(dv, caches.dropouts[number])
                dv = activation_backward(dv, caches.activations[number])
            dv, dweights = weights.backward(dv, caches.weights[number], wrt_input=number > 0)
            gradient |= {prefix + name: array for name, array in dweights.items()}
        for name, cache in caches.decay.items():
            gradient[name] = gradient[name] + weight_decay_backward(1.0, cache)
        return loss, {name: gradient[name] for name in params}

    def logits(self, params: Params, x: "Array | PooledInput") -> Array:
        """(n, classes): log-probabilities up to a constant a row."""
        return self._forward(params, x, None)[0]

    def predict(self, params: Params, x: "Array | PooledInput") -> Array:
        """(n,) int: the most probable class of each example."""
        logits = self.logits(params, x)
        return array_namespace(logits).argmax(logits, axis=1)

    def error(self, params: Params, x: "Array | PooledInput", y: Array, batch: int = 1000) -> float:
        """The share of examples that are misclassified, in [0, 1]; evaluated in batches to bound the memory."""
        wrong, n, xp = 0, y.shape[0], array_namespace(y)
        for start in range(0, n, batch):
            rows = slice(start, min(start + batch, n))
            wrong += int(xp.sum(xp.astype(self.predict(params, x[rows, ...]) != y[rows], xp.int64)))
        return float(wrong / max(n, 1))

    def filters(self, params: Params) -> list[Array]:
        """W (d, m) of every hidden layer, predicted weights included."""
        return [layer.expand(_under(prefix, params))[0] for prefix, layer in self._named[:-1]]

    def count(self) -> dict[str, Count]:
        """Dynamic, static and total weights of each layer, then all biases."""
        rows = {prefix.rstrip("."): layer.count() for prefix, layer in self._named}
        biases = sum(layer.m for _, layer in self._named)
        return rows | {"biases": Count(biases, 0, biases)}

    def _forward(
        self, params: Params, x: "Array | PooledInput", rng: np.random.Generator | None
    ) -> tuple[Array, tuple[list[Any], list[Any], list[Any]]]:
        weight_caches, activation_caches, dropout_caches = [], [], []
        activation_forward, _ = _ACTIVATIONS[self.activation]
        v = x.columns() if isinstance(x, PooledInput) else x
        for prefix, weights in self._named:
            v, cache = weights.forward(_under(prefix, params), v)
            weight_caches.append(cache)
            if prefix == "softmax.":
                break
            v, cache = activation_forward(v)
            activation_caches.append(cache)
            cache = None
            if self.dropout and rng is not None:
                v, cache = dropout_forward(v, self.dropout, rng)
            dropout_caches.append(cache)
        return v, (weight_caches, activation_caches, dropout_caches)

    def _loss(
        self, params: Params, x: "Array | PooledInput", y: Array, rng: np.random.Generator | None
    ) -> tuple[Array, _Caches]:
        logits, caches = self._forward(params, x, rng)
        loss, top = softmax_cross_entropy_forward(logits, y)
        decay = {}
        if self.weight_decay:
            for name, array in params.items():
                if array.ndim == 2:  # biases have one axis
                    penalty, decay[name] = weight_decay_forward(array, self.weight_decay)
                    loss = loss + penalty
        return loss, _Caches(*caches, top, decay)


@dataclass(frozen=True)
class PooledInput:
    """A first layer's pooled input, all columns side by side: rows are selected as from x itself."""

    array: Array  # (n, k_1 + ... + k_J)
    widths: tuple[int, ...]  # k_1, ..., k_J

    def __getitem__(self, rows: Any) -> "PooledInput":
        return PooledInput(self.array[rows], self.widths)

    def columns(self) -> list[Array]:
        """The J arrays (n, k_j), views."""
        ends = np.cumsum(self.widths)
        return [self.array[:, end - k : end] for k, end in zip(self.widths, ends, strict=True)]


def mlp(sizes: Sequence[int], dictionaries: Sequence[Dictionary | None] | None = None, **settings: Any) -> MLP:
    """An MLP from its sizes, e.g. (784, 500, 500, 10), and a dictionary, or None for full weights, a hidden layer.

    settings  as `MLP` has them: activation, dropout, weight_decay
    raises    ShapeError if a dictionary's space has another size than its layer's input
    """
    hidden = len(sizes) - 2
    dictionaries = [None] * hidden if dictionaries is None else dictionaries
    if hidden < 1 or len(dictionaries) != hidden:
        raise ShapeError(
            f"sizes has {hidden} hidden layers but dictionaries {len(dictionaries)}; "
            "expected the same number, at least one"
        )
    pieces = MAXOUT_PIECES if settings.get("activation") == "maxout" else 1
    inputs = [sizes[0], *(m // pieces for m in sizes[1:])]
    layers: list[Weights] = []
    for d, m, dictionary in zip(inputs, sizes[1:], dictionaries, strict=False):
        layers.append(Full(d, m) if dictionary is None else Predicted(dictionary, m))
    model = MLP(tuple(layers), sizes[-1], **settings)
    if layers[0].d != sizes[0]:
        raise ShapeError(f"layer 1 reads {layers[0].d} inputs through its dictionary, but sizes begins with {sizes[0]}")
    return model


def _under(prefix: str, params: Params) -> Params:
    """The parameters of one layer, by the names its weights give them."""
    return {name.removeprefix(prefix): array for name, array in params.items() if name.startswith(prefix)}
