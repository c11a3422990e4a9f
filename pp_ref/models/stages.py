"""The stages of a network: weights of any kind, and the operations between them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_rate
from pp_ref.brief import brief
from pp_ref.errors import ShapeError, check_known
from pp_ref.features.patches import check_extents
from pp_ref.kernels.choose import Plan, choose
from pp_ref.kernels.ways import CONV, MAX_POOL, Kept, Way
from pp_ref.kernels.work import Arrays, ConvProblem, PoolProblem
from pp_ref.layers.conv2d import patches
from pp_ref.layers.dropout import dropout_backward, dropout_forward
from pp_ref.layers.flatten import flatten_backward, flatten_forward
from pp_ref.layers.local_response import local_response_backward, local_response_forward
from pp_ref.layers.maxout import maxout_backward, maxout_forward
from pp_ref.layers.pooling import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_forward,
)
from pp_ref.layers.relu import relu_backward, relu_forward
from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward
from pp_ref.models.weights import Params, Weights, check_weights

__all__ = [
    "MAXOUT_PIECES",
    "Activation",
    "ActivationName",
    "AveragePool",
    "Convolution",
    "Dense",
    "Dropout",
    "Flatten",
    "LocalResponse",
    "MaxPool",
    "Shape",
    "Stage",
    "through",
]

Shape = tuple[int, ...]  # of one example
Generator = np.random.Generator
ActivationName = Literal["sigmoid", "relu", "maxout"]
MAXOUT_PIECES = 2  # as in the MNIST experiments of Goodfellow et al. 2013


class Stage(Protocol):
    """One stage. `backward` returns dv, or None unless `wrt_input`, and the gradient of the stage's parameters."""

    @property
    def weights(self) -> Weights | None: ...
    def shape(self, below: Shape) -> Shape: ...
    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]: ...
    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]: ...


@dataclass(frozen=True)
class Dense:
    """y = v W + b with weights of any kind.

    Examples
    --------
    >>> from pp_ref.models import Full
    >>> from pp_ref.models.stages import Dense
    >>> Dense(Full(6, 4)).shape((6,))
    (4,)
    """

    weights: Weights

    def __post_init__(self) -> None:
        check_weights(weights=self.weights)

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError unless the layer below has d outputs"""
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
    """ "sigmoid" or "relu", elementwise; or "maxout", the larger of two units, so that m units have m / 2 outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models.stages import Activation
    >>> y, cache = Activation("maxout").forward({}, np.array([[1.0, 2.0, 4.0, 3.0]]), None)
    >>> y
    array([[2., 4.]])
    """

    name: ActivationName

    def __post_init__(self) -> None:
        check_known("activation", self.name, _ACTIVATIONS)

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError if maxout has an odd number of units"""
        if self.name != "maxout":
            return below
        if below[-1] % MAXOUT_PIECES:
            raise ShapeError(f"has {below[-1]} units, expected a multiple of {MAXOUT_PIECES} for maxout")
        return (*below[:-1], below[-1] // MAXOUT_PIECES)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        y, cache = _ACTIVATIONS[self.name][0](v)
        return y, cache

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return _ACTIVATIONS[self.name][1](dy, cache), {}


@dataclass(frozen=True)
class Dropout(_NoWeights):
    """Drop each unit with probability `rate` while learning, that is, if `forward` gets a Generator.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models.stages import Dropout
    >>> learning, _ = Dropout(0.5).forward({}, np.ones((1, 6)), np.random.default_rng(0))
    >>> after, _ = Dropout(0.5).forward({}, np.ones((1, 6)), None)
    >>> learning, after
    (array([[2., 0., 0., 0., 2., 2.]]), array([[1., 1., 1., 1., 1., 1.]]))
    """

    rate: float

    def __post_init__(self) -> None:
        check_rate(rate=self.rate)

    def shape(self, below: Shape) -> Shape:
        return below

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return (v, None) if rng is None or self.rate == 0 else dropout_forward(v, self.rate, rng)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return (dy if cache is None else dropout_backward(dy, cache)), {}


@brief
@dataclass(frozen=True)
class Convolution:
    """y = v * W + b with filters W of any kind: those of `weights`, reshaped (paper, footnote 1).

    It is evaluated by the cheapest way of `pp_ref.kernels.ways.CONV`. `fourier_conv2d_forward` describes the rounding
    errors of the convolution theorem and its treatment of NaN.

    weights       d = height width channels of a filter, in the order of `Grid(height, width, channels)`; m filters
    filter_shape  (height, width)
    stride        int >= 1
    padding       int >= 0 pixels of zeros on all four sides
    raises        DomainError, ShapeError for no weights, or no pair of integers >= 1

    Examples
    --------
    >>> from pp_ref.models import Full
    >>> from pp_ref.models.stages import Convolution
    >>> filters = Convolution(Full(5 * 5 * 3, 16), (5, 5), padding=2)  # 16 filters of 5 x 5 x 3
    >>> filters.shape((32, 32, 3))
    (32, 32, 16)
    """

    ways: ClassVar[Sequence[Way]] = CONV
    weights: Weights
    filter_shape: tuple[int, int]
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        check_weights(weights=self.weights)
        check_extents("filter_shape", self.filter_shape, "height, width", "a filter has all channels of its image")

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError unless below are images with the filters' channels, and at least of their size"""
        (fh, fw), given = self.filter_shape, "x".join(map(str, below))
        if len(below) != 3 or fh * fw * below[2] != self.weights.d:
            channels = self.weights.d / (fh * fw)
            raise ShapeError(f"has filters of {fh}x{fw}x{channels:g} weights, but the layer below has {given} outputs")
        return (*patches(below[:2], self.filter_shape, self.stride, self.padding), self.weights.m)

    def plan(self, images: Shape, dtype: DTypeLike, threads: int | None = None) -> Plan:
        """Return the plan for NumPy images (n, height, width, channels): the chosen way, and what each one costs.

        threads  None: as many as the BLAS may use now
        raises   ShapeError as `shape`
        """
        return self._plan(Arrays("numpy", np.dtype(dtype).name, images), threads)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Kept]:
        w, b = [params[name] for name in self.weights.shapes], params["b"]
        way = self._plan(Arrays.of(v, *w, b)).way
        filters = (*self.filter_shape, -1, self.weights.m)
        y, cache = way.forward(v, self.weights.operands, w, b, filters, self.stride, self.padding)
        return y, Kept(way, cache)

    def backward(self, dy: Array, cache: Kept, wrt_input: bool) -> tuple[Array | None, Params]:
        way, kept = cache
        dv, dw, db = way.backward(dy, kept) if wrt_input else (None, *way.backward_weights(dy, kept))
        return dv, dict(zip(self.weights.shapes, dw, strict=True)) | {"b": db}

    def _plan(self, arrays: Arrays, threads: int | None = None) -> Plan:
        self.shape(arrays.shape[1:])
        filters = (*self.filter_shape, arrays.shape[3], self.weights.m)
        shapes = tuple(self.weights.shapes.values())
        problem = ConvProblem(arrays, filters, self.stride, self.padding, shapes, self.weights.operands)
        return choose(self.ways, problem, threads=threads)


@dataclass(frozen=True)
class MaxPool(_NoWeights):
    """The maximum of every size x size window; the last one may reach over the edge.

    Examples
    --------
    >>> from pp_ref.models.stages import MaxPool
    >>> MaxPool(size=3, stride=2).shape((32, 32, 16))
    (16, 16, 16)
    """

    size: int
    stride: int

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError for images smaller than a window"""
        return _pooled(below, self.size, self.stride)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Kept]:
        way = choose(MAX_POOL, PoolProblem(Arrays.of(v), self.size, self.stride)).way
        y, cache = way.forward(v, self.size, self.stride)
        return y, Kept(way, cache)

    def backward(self, dy: Array, cache: Kept, wrt_input: bool) -> tuple[Array | None, Params]:
        return cache.way.backward(dy, cache.cache), {}


@dataclass(frozen=True)
class AveragePool(_NoWeights):
    """The mean of every size x size window; the last one may reach over the edge.

    Examples
    --------
    >>> from pp_ref.models.stages import AveragePool
    >>> AveragePool(size=2, stride=2).shape((32, 32, 16))
    (16, 16, 16)
    """

    size: int
    stride: int

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError for images smaller than a window"""
        return _pooled(below, self.size, self.stride)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return average_pool2d_forward(v, self.size, self.stride)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return average_pool2d_backward(dy, cache), {}


@brief
@dataclass(frozen=True)
class LocalResponse(_NoWeights):
    """Normalisation across `size` neighbouring channels; the defaults are cuda-convnet's for CIFAR-10.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models.stages import LocalResponse
    >>> y, cache = LocalResponse(size=1, alpha=1.0, beta=1.0).forward({}, np.array([[[[1.0, 2.0, 3.0]]]]), None)
    >>> y[0, 0, 0]  # v / (1 + v^2)
    array([0.5, 0.4, 0.3])
    """

    size: int = 9
    alpha: float = 0.001
    beta: float = 0.75
    k: float = 1.0

    def shape(self, below: Shape) -> Shape:
        return below

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return local_response_forward(v, self.size, self.alpha, self.beta, self.k)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return local_response_backward(dy, cache), {}


@dataclass(frozen=True)
class Flatten(_NoWeights):
    """Images as rows of units, in the order of `Grid(height, width, channels)`.

    Examples
    --------
    >>> from pp_ref.models.stages import Flatten
    >>> Flatten().shape((4, 4, 16))
    (256,)
    """

    def shape(self, below: Shape) -> Shape:
        return (prod(below),)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return flatten_forward(v)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return flatten_backward(dy, cache), {}


def _pooled(below: Shape, size: int, stride: int) -> Shape:
    _, *shape = max_pool2d_forward(np.empty((0, *below)), size, stride)[0].shape
    return tuple(shape)


def through(stages: Iterable[Stage], shape: Shape) -> Shape:
    """Return the shape of one example after all stages.

    raises  ShapeError if a stage cannot read its input; it names the layer by the number in its parameters' names

    Examples
    --------
    >>> from pp_ref.models.stages import Flatten, MaxPool, through
    >>> through((MaxPool(2, 2), MaxPool(2, 2), Flatten()), (32, 32, 3))
    (192,)
    """
    number = 0
    for stage in stages:
        number += stage.weights is not None
        try:
            shape = stage.shape(shape)
        except ShapeError as error:
            raise ShapeError(f"layer {number} {error}") from None
    return shape
