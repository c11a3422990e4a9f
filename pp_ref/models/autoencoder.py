"""A layer as a tied autoencoder, for pretraining (paper, sec. 3.5; constants from the authors' code)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace, check_arrays
from pp_ref.brief import brief
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.autoencoder import Decoder, autoencoder_backward_weights, autoencoder_forward, check_decoder
from pp_ref.layers.sigmoid import sigmoid_forward
from pp_ref.models.model import Model
from pp_ref.models.weights import Count, Params, Weights, check_weights

__all__ = ["Autoencoder"]


@brief
@dataclass(frozen=True)
class Autoencoder(Model):
    """h = s(v W + b), r = s(h W^T + c), loss = mean over the batch of |r - v|^2.

    weights       full, predicted or low rank; encoder and decoder have the same W
    per_column    False: one reconstruction from all columns together, with a visible bias c.
                  True: each column alone reconstructs the whole input, without c, and the losses are summed, as in the
                  authors' code
    stacked_cost  True, for per_column alone: the squared errors are summed over the batch and averaged over the J
                  columns and the d inputs, as in the authors' code, whose reconstructions are a stack (J, n, d). Loss
                  and gradient are then n / (J d) times as large: 1/78 for a batch of 100, ten columns and 784 inputs.
                  Weights without a dictionary have no columns: nothing changes
    decoder       "sigmoid", for inputs in [0, 1], or "linear", r = h W^T + c, for inputs of any range
    raises        DomainError for stacked_cost without per_column, and for another decoder

    Parameters: those of the weights, and "c" (d,) unless per_column.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import Autoencoder, Full
    >>> model = Autoencoder(Full(2, 1))
    >>> params = {"W": np.zeros((2, 1)), "b": np.zeros(1), "c": np.zeros(2)}
    >>> loss, gradient = model.loss_and_gradient(params, np.array([[1.0, 0.0]]))
    >>> float(loss)  # without weights every input is reconstructed as 1/2
    0.5
    >>> gradient["c"]
    array([-0.25,  0.25])
    """

    weights: Weights
    per_column: bool = False
    stacked_cost: bool = False
    decoder: Decoder = "sigmoid"

    def __post_init__(self) -> None:
        check_weights(weights=self.weights)
        check_decoder(self.decoder)
        if self.stacked_cost and not self.per_column:
            raise DomainError(
                "stacked_cost is True, but per_column is False: expected both, since only reconstructions of columns "
                "alone are stacked"
            )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all parameters by name, in the order of `init`."""
        visible = {} if self.per_column else {"c": (self.weights.d,)}
        return {**self.weights.shapes, "b": (self.weights.m,), **visible}

    def init(self, rng: np.random.Generator, spread: float = 0.1, dtype: DTypeLike = np.float32) -> Params:
        """Return parameters: dynamic weights drawn from Uniform(+-spread), biases zero."""
        params = self.weights.init(rng, spread, dtype)
        return params if self.per_column else params | {"c": np.zeros(self.weights.d, dtype)}

    def loss(self, params: Params, x: Array, y: None = None) -> Array:
        """The loss that `loss_and_gradient` differentiates."""
        self._check(params, x)
        W, _ = self.weights.expand(params)
        return sum(autoencoder_forward(x, *tied, self.decoder)[0] for tied in self._tied(params, W)) * self._scale(x)

    def loss_and_gradient(self, params: Params, x: Array, y: None = None) -> tuple[Array, Params]:
        """Return the loss and its gradient with respect to every dynamic parameter.

        params   as `init` returns them
        x        (n, d) inputs, in [0, 1] for a sigmoid decoder
        y        ignored: the target is x
        returns  loss, a 0-d array; gradient, a dict like params
        raises   ShapeError
        """
        self._check(params, x)
        W, cache = self.weights.expand(params)
        xp = array_namespace(W)
        losses, gradients, scale = [], [], self._scale(x)
        for tied in self._tied(params, W):
            loss, tied_cache = autoencoder_forward(x, *tied, self.decoder)
            losses.append(loss)
            gradients.append(autoencoder_backward_weights(scale, tied_cache))
        dW, db, dc = zip(*gradients, strict=True)
        gradient = self.weights.expand_backward(xp.concat(dW, axis=1), cache) | {"b": xp.concat(db), "c": dc[0]}
        return sum(losses) * scale, {name: gradient[name] for name in params}

    def predict(self, params: Params, x: Array) -> Array:
        """h (n, m), the input of the layer above."""
        self._check(params, x, unread="c")
        h, _ = sigmoid_forward(self.weights.forward(params, x)[0])
        return h

    def filters(self, params: Params) -> list[Array]:
        """[W], W (d, m) with its predicted weights."""
        self.check_params(params, unread="c")
        return [self.weights.expand(params)[0]]

    def count(self) -> dict[str, Count]:
        """Dynamic, static and total weights, then the biases."""
        biases = self.weights.m + (0 if self.per_column else self.weights.d)
        return {"1": self.weights.count(), "biases": Count(biases, 0, biases)}

    def _check(self, params: Params, x: Array, unread: str | None = None) -> None:
        """raises DomainError for what is no plain array, ShapeError for other parameters or another number of inputs"""
        check_arrays(x=x)
        self.check_params(params, unread)
        if x.ndim != 2 or x.shape[1] != self.weights.d:
            raise ShapeError(f"x has shape {tuple(x.shape)}, expected (n, {self.weights.d}): one example per row")

    @property
    def summed(self) -> bool:
        """Whether the loss is a sum over the batch and not a mean: a stacked cost, of weights that have columns."""
        return self.stacked_cost and self.weights.dictionary is not None

    def _scale(self, x: Array) -> float:
        """The factor of the loss: n / (J d) for a stacked cost, else 1."""
        return float(x.shape[0] / (len(self.weights.widths) * self.weights.d)) if self.summed else 1.0

    def _tied(self, params: Params, W: Array) -> Iterator[tuple[Array, Array, Array]]:
        """W, b and c of each autoencoder: one for the layer, or one per column."""
        if not self.per_column:
            yield W, params["b"], params["c"]
            return
        widths, no_bias = self.weights.widths, array_namespace(W).zeros(W.shape[0], dtype=W.dtype)
        for end, width in zip(np.cumsum(widths), widths, strict=True):
            yield W[:, end - width : end], params["b"][end - width : end], no_bias
