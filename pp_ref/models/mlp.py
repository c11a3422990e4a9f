"""The multilayer perceptron of sec. 4.1: hidden layers, full or predicted, and a softmax that is never predicted."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pp_ref.arrays import Array, check_rate
from pp_ref.brief import brief, brief_value
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models.full import Full
from pp_ref.models.network import Network
from pp_ref.models.pooled import PooledInput
from pp_ref.models.predicted import Predicted
from pp_ref.models.stages import MAXOUT_PIECES, Activation, ActivationName, Dense, Dropout, Stage, through
from pp_ref.models.weights import Weights, check_weights

__all__ = ["MLP", "mlp"]


@brief
@dataclass(frozen=True)
class MLP(Network):
    """x -> g(x W_1 + b_1) -> ... -> softmax, with cross-entropy.

    layers        the hidden layers' weights, a tuple, from the input up; layer l reads the output of layer l - 1
    classes       int >= 2: outputs of the softmax
    activation    "sigmoid" (the paper's), "relu", or "maxout" (the larger of two units: m units have m / 2 outputs)
    dropout       rate in [0, 1) on every hidden layer's output while learning
    weight_decay  float >= 0: adds weight_decay * sum W^2 over the dynamic weights, without 1/2 and without biases
    raises        ShapeError if a layer cannot read the output of the layer below; DomainError for other classes,
                  activations or rates

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import MLP, Full
    >>> model = MLP((Full(2, 3),), classes=2)
    >>> params, x, y = model.init(np.random.default_rng(0)), np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
    >>> {name: array.shape for name, array in params.items()}
    {'1.W': (2, 3), '1.b': (3,), 'softmax.W': (3, 2), 'softmax.b': (2,)}
    >>> loss, gradient = model.loss_and_gradient(params, x, y)
    >>> gradient.keys() == params.keys()
    True
    >>> model.predict(params, x).shape
    (4,)
    """

    layers: tuple[Weights, ...]
    classes: int
    activation: ActivationName = "sigmoid"
    dropout: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self._check_top()
        check_rate(dropout=self.dropout)
        if not isinstance(self.layers, tuple | list):
            raise DomainError(
                f"layers is {brief_value(self.layers)}, expected a tuple of weights, one a hidden layer: (Full(d, m),)"
            )
        object.__setattr__(self, "layers", tuple(self.layers))
        check_weights(**{f"layers[{number}]": weights for number, weights in enumerate(self.layers)})
        if not self.layers:
            raise ShapeError("layers is empty, expected at least one hidden layer")
        _ = self.outputs  # every stage checks the shape of its input

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """For each hidden layer its dense stage, its activation and its dropout."""
        activation, dropout = Activation(self.activation), Dropout(self.dropout)
        return tuple(stage for layer in self.layers for stage in (Dense(layer), activation, dropout))

    @property
    def input_shape(self) -> tuple[int]:
        """(d,), the inputs of the first layer."""
        return (self.layers[0].d,)

    @cached_property
    def outputs(self) -> int:
        """Number of units that the softmax reads."""
        return through(self.stages, (self.layers[0].d,))[0]

    def prepare(self, x: Array, folder: str | os.PathLike[str] | None = None) -> Array | PooledInput:
        """Return the prepared input of x (n, d), to be computed once and passed in place of x.

        It is x U_j of every column if the first layer is predicted, else x itself.

        folder   None keeps it in memory; else it is mapped from a file there. The first call with these data and this
                 dictionary writes the file; later calls and other processes read it (`pooled_file`)
        raises   ShapeError; DataError for a damaged file; DomainError for a folder if x is no NumPy array
        """
        self._check_input(x)
        return self.layers[0].prepare(x, folder)


def mlp(sizes: Sequence[int], dictionaries: Sequence[Dictionary | None] | None = None, **settings: Any) -> MLP:
    """Return an MLP of the given sizes, e.g. (784, 500, 500, 10).

    dictionaries  one for each hidden layer, or None for full weights
    settings      those of `MLP`: activation, dropout, weight_decay
    raises        ShapeError if a dictionary's space has another size than its layer's input; DomainError for no list

    Examples
    --------
    >>> from pp_ref.models.mlp import mlp
    >>> mlp((784, 500, 500, 10), activation="relu")
    MLP(layers=(Full(d=784, m=500), Full(d=500, m=500)), classes=10, activation='relu')
    """
    for name, given in (("sizes", sizes), ("dictionaries", dictionaries)):
        if not isinstance(given, Sequence | None):
            raise DomainError(f"{name} is {brief_value(given)}, expected a list, with an entry for each layer")
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
