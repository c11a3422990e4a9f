"""The convolutional network of sec. 4.2, and any other stack of stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from pp_ref.brief import brief, brief_value
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models.full import Full
from pp_ref.models.network import Network
from pp_ref.models.predicted import Predicted
from pp_ref.models.stages import (
    Activation,
    ActivationName,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Shape,
    Stage,
    through,
)
from pp_ref.models.weights import Weights

__all__ = ["ConvNet", "paper_convnet", "weight_spaces"]

CIFAR10: Shape = (32, 32, 3)


@brief
@dataclass(frozen=True)
class ConvNet(Network):
    """Images (n, height, width, channels) -> stack -> softmax, with cross-entropy.

    shape         (height, width, channels) of an image
    stack         stages from the input up; the softmax reads the output of the last one
    classes       int >= 2: outputs of the softmax
    weight_decay  float >= 0: adds weight_decay * sum W^2 over the dynamic weights, without 1/2 and without biases
    raises        ShapeError, naming the layer, if one cannot read the output of the layer below; DomainError if classes
                  is less than 2

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import ConvNet, Full
    >>> from pp_ref.models.stages import Activation, Convolution, Flatten, MaxPool
    >>> filters = Convolution(Full(3 * 3, 4), (3, 3), padding=1)  # 4 filters of 3 x 3
    >>> model = ConvNet((8, 8, 1), (filters, MaxPool(2, 2), Activation("relu"), Flatten()), classes=10)
    >>> params = model.init(np.random.default_rng(0))
    >>> {name: array.shape for name, array in params.items()}
    {'1.W': (9, 4), '1.b': (4,), 'softmax.W': (64, 10), 'softmax.b': (10,)}
    >>> model.predict(params, np.zeros((5, 8, 8, 1), np.float32)).shape
    (5,)
    """

    shape: Shape
    stack: tuple[Stage, ...]
    classes: int
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self._check_top()
        if not isinstance(self.stack, tuple | list):
            raise DomainError(
                f"stack is {brief_value(self.stack)}, expected a tuple of stages: (Flatten(), Dense(weights))"
            )
        object.__setattr__(self, "stack", tuple(self.stack))
        for number, stage in enumerate(self.stack):
            if isinstance(stage, type | Weights) or not hasattr(stage, "forward"):
                raise DomainError(f"stack[{number}] is {brief_value(stage)}, expected a stage, such as Flatten()")
        if len(through(self.stack, self.shape)) != 1:
            raise ShapeError("stack ends with images, but the softmax reads units: put a Flatten before it")

    @property
    def input_shape(self) -> Shape:
        """(height, width, channels) of an image."""
        return self.shape

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stack."""
        return self.stack

    @cached_property
    def outputs(self) -> int:
        """Number of units that the softmax reads."""
        return prod(through(self.stack, self.shape))


@dataclass(frozen=True)
class _Layer:
    """A convolution of the net of sec. 4.2, and the pooling of its output."""

    size: int
    filters: int
    padding: int
    pool: int


# Filters from the paper; padding and pooling with stride 2 from pylearn2's stack with the same filters, REPRODUCTION 4.
_LAYERS = (_Layer(8, 48, 4, 4), _Layer(8, 64, 3, 4), _Layer(5, 64, 3, 2))
HIDDEN = 500
HIDDEN_LAYERS = 4


def weight_spaces(image: Shape = CIFAR10) -> list[Shape]:
    """The inputs (height, width, channels) of a unit of each predicted layer: three convolutions, the layer of 500.

    Examples
    --------
    >>> from pp_ref.models.convnet import weight_spaces
    >>> weight_spaces()
    [(8, 8, 3), (8, 8, 48), (5, 5, 64), (5, 5, 64)]
    """
    spaces: list[Shape] = []
    for layer in _LAYERS:
        spaces.append((layer.size, layer.size, image[2]))
        stack = _convolution(layer, Full(prod(spaces[-1]), layer.filters), "relu")
        image = through(stack, image)
    return [*spaces, image]


def paper_convnet(
    dictionaries: Sequence[Dictionary | None] = (None, None, None, None),
    *,
    shape: Shape = CIFAR10,
    classes: int = 10,
    activation: ActivationName = "relu",
    dropout: float = 0.0,
    weight_decay: float = 0.0,
) -> ConvNet:
    """Return the net of sec. 4.2: 48 filters of 8 x 8, 64 of 8 x 8, 64 of 5 x 5, 500 units, softmax.

    dictionaries  one for each of these four layers, over the spaces of `weight_spaces`; None: full weights
    activation    "relu" or "sigmoid"; the paper does not say which
    dropout       rate on the 500 units while learning
    raises        ShapeError if a dictionary's space has another size than its layer's filters

    With full weights there are 9,216 + 196,608 + 102,400 + 800,000 + 5,000 of them.

    Examples
    --------
    >>> from pp_ref.models.convnet import paper_convnet
    >>> [count.total for name, count in paper_convnet().count().items() if name != "biases"]
    [9216, 196608, 102400, 800000, 5000]
    """
    if len(dictionaries) != HIDDEN_LAYERS:
        raise ShapeError(
            f"dictionaries has {len(dictionaries)} entries, expected {HIDDEN_LAYERS}: one a layer, None for full ones"
        )
    spaces = weight_spaces(shape)
    units = [*(layer.filters for layer in _LAYERS), HIDDEN]
    weights: list[Weights] = [
        Full(prod(space), m) if dictionary is None else Predicted(dictionary, m)
        for space, m, dictionary in zip(spaces, units, dictionaries, strict=True)
    ]
    stack: list[Stage] = []
    for layer, filters in zip(_LAYERS, weights[:3], strict=True):
        stack += _convolution(layer, filters, activation)
    stack += [Flatten(), Dense(weights[3]), Activation(activation), Dropout(dropout)]
    return ConvNet(shape, tuple(stack), classes, weight_decay)


def _convolution(layer: _Layer, weights: Weights, activation: ActivationName) -> list[Stage]:
    """Convolution, max-pooling, activation. The activation increases, so it commutes with the maximum; a quarter of the
    pixels are left for it."""
    convolution = Convolution(weights, (layer.size, layer.size), padding=layer.padding)
    return [convolution, MaxPool(layer.pool, stride=2), Activation(activation)]
