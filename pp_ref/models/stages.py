"""The steps that networks are made of: weights of any kind, and the operations between them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace, check_rate
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.choose import kernels_take
from pp_ref.kernels.plan import Plan, plan_conv
from pp_ref.layers.conv2d import Conv2dCache, conv2d_backward_input, conv2d_backward_weights, conv2d_forward, patches
from pp_ref.layers.dropout import dropout_backward, dropout_forward
from pp_ref.layers.flatten import flatten_backward, flatten_forward
from pp_ref.layers.fourier_conv2d import (
    FourierConv2dCache,
    fourier_conv2d_backward_input,
    fourier_conv2d_backward_weights,
    fourier_conv2d_forward,
)
from pp_ref.layers.local_response import local_response_backward, local_response_forward
from pp_ref.layers.maxout import maxout_backward, maxout_forward
from pp_ref.layers.pooling import (
    MaxPool2dCache,
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from pp_ref.layers.relu import relu_backward, relu_forward
from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward
from pp_ref.models.weights import Params, Predicted, Weights

Shape = tuple[int, ...]  # of one example
Generator = np.random.Generator
ActivationName = Literal["sigmoid", "relu", "maxout"]
_CONVOLUTIONS: Mapping[type, tuple[Callable[..., Any], Callable[..., Any]]] = {
    Conv2dCache: (conv2d_backward_weights, conv2d_backward_input),
    FourierConv2dCache: (fourier_conv2d_backward_weights, fourier_conv2d_backward_input),
}
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


@dataclass(frozen=True)
class Convolution:
    """y = v * W + b with filters W of any kind: those of `weights`, reshaped as the paper's footnote 1 says.

    Evaluated patch by patch, by the convolution theorem, or pooled first in short passes, as a plan of the costs says
    (`pp_ref.kernels.plan`). What the theorem does to rounding and to NaN, `fourier_conv2d_forward` says.

    weights       d = height width channels of a filter, in the order of `Grid(height, width, channels)`; m filters
    filter_shape  (height, width)
    stride        int >= 1
    padding       int >= 0 pixels of zeros on all four sides
    """

    weights: Weights
    filter_shape: tuple[int, int]
    stride: int = 1
    padding: int = 0

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError for anything but images of as many channels as the filters, and at least their size"""
        (fh, fw), given = self.filter_shape, "x".join(map(str, below))
        if len(below) != 3 or fh * fw * below[2] != self.weights.d:
            channels = self.weights.d / (fh * fw)
            raise ShapeError(f"has filters of {fh}x{fw}x{channels:g} weights, but the layer below has {given} outputs")
        return (*patches(np.empty((0, *below)), self.filter_shape, self.stride, self.padding), self.weights.m)

    @cached_property
    def _plans(self) -> dict[tuple[Shape, str], Plan]:
        return {}

    def plan(self, images: Shape, dtype: DTypeLike) -> Plan:
        """What is thought of the ways to evaluate images (n, height, width, channels), and which is the cheapest.

        raises  ShapeError as `shape`
        """
        key = (images, np.dtype(dtype).name)
        if key not in self._plans:
            self.shape(images[1:])
            shapes, factors = [], None
            if isinstance(self.weights, Predicted):
                shapes, factors = list(self.weights.shapes.values()), self.weights.filter_factors(self.filter_shape)
            (n, h, w, c), (fh, fw) = images, self.filter_shape
            filters = (fh, fw, c, self.weights.m)
            self._plans[key] = plan_conv((n, h, w, c), filters, self.stride, self.padding, dtype, shapes, factors)
        return self._plans[key]

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        plan = self.plan(tuple(v.shape), v.dtype if isinstance(v, np.ndarray) else np.float64)
        geometry, weights = (self.stride, self.padding), self.weights
        if isinstance(weights, Predicted) and weights.convolves(plan, self.filter_shape, params, v):
            from pp_ref.kernels.cpu.conv_layer import conv_forward

            w = [params[name] for name in weights.shapes]
            y, convolved = conv_forward(v, w, params["b"], weights.filters(v.dtype), *geometry)
            return y, (list(weights.shapes), convolved)
        W, expanded = weights.expand(params)
        filters = array_namespace(W).reshape(W, (*self.filter_shape, -1, weights.m))
        theorem = plan.seconds["theorem"] < plan.seconds["patches"]
        y, cache = (fourier_conv2d_forward if theorem else conv2d_forward)(v, filters, params["b"], *geometry)
        return y, (expanded, cache)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        expanded, convolved = cache
        if type(convolved) in _CONVOLUTIONS:
            backward_weights, backward_input = _CONVOLUTIONS[type(convolved)]
            dfilters, db = backward_weights(dy, convolved)
            dW = array_namespace(dy).reshape(dfilters, (self.weights.d, self.weights.m))
            dv = backward_input(dy, convolved) if wrt_input else None
            return dv, self.weights.expand_backward(dW, expanded) | {"b": db}
        from pp_ref.kernels.cpu.conv_layer import conv_backward, conv_backward_weights

        dv, dw, db = conv_backward(dy, convolved) if wrt_input else (None, *conv_backward_weights(dy, convolved))
        return dv, dict(zip(expanded, dw, strict=True)) | {"b": db}


@dataclass(frozen=True)
class MaxPool(_NoWeights):
    """The maximum of every size x size window; the last one may reach over the edge."""

    size: int
    stride: int

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError for images smaller than a window"""
        return _pooled(below, self.size, self.stride)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        if kernels_take(v):
            from pp_ref.kernels.cpu.max_pool import max_pool_forward

            return max_pool_forward(v, self.size, self.stride)
        return max_pool2d_forward(v, self.size, self.stride)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        if isinstance(cache, MaxPool2dCache):
            return max_pool2d_backward(dy, cache), {}
        from pp_ref.kernels.cpu.max_pool import max_pool_backward

        return max_pool_backward(dy, cache), {}


@dataclass(frozen=True)
class AveragePool(_NoWeights):
    """The mean of every size x size window; the last one may reach over the edge."""

    size: int
    stride: int

    def shape(self, below: Shape) -> Shape:
        """raises ShapeError for images smaller than a window"""
        return _pooled(below, self.size, self.stride)

    def forward(self, params: Params, v: Array, rng: Generator | None) -> tuple[Array, Any]:
        return average_pool2d_forward(v, self.size, self.stride)

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        return average_pool2d_backward(dy, cache), {}


@dataclass(frozen=True)
class LocalResponse(_NoWeights):
    """Normalisation across `size` neighbouring channels; the defaults are cuda-convnet's for CIFAR-10."""

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
    """Images as rows of units, in the order of `Grid(height, width, channels)`."""

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
