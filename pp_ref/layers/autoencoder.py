"""The tied autoencoder, which pretrains layers (paper, sec. 3.5 and 4.1).

It takes the full weights W. A predicted layer passes W = [U_1 w_1, ..., U_J w_J] (`expand_forward`) and pulls dW back
to its dynamic weights (`expand_backward`): the weights are tied through the dictionary.
"""

from typing import Literal, NamedTuple, get_args

from pp_ref.arrays import Array, array_namespace, check_axes, check_factor
from pp_ref.errors import check_known
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward

__all__ = [
    "AutoencoderCache",
    "Decoder",
    "LinearCache",
    "autoencoder_backward",
    "autoencoder_backward_weights",
    "autoencoder_forward",
    "check_decoder",
]


class AutoencoderCache(NamedTuple):
    v: Array  # (n, d)
    W: Array  # (d, m)
    hidden: SigmoidCache  # (n, m)
    output: SigmoidCache  # (n, d), the reconstruction


class LinearCache(SigmoidCache):
    """The reconstruction of a linear decoder, whose derivative is 1."""


Decoder = Literal["sigmoid", "linear"]


def check_decoder(decoder: Decoder) -> None:
    """raises DomainError for another decoder"""
    check_known("decoder", decoder, get_args(Decoder))


def autoencoder_forward(
    v: Array, W: Array, b: Array, c: Array, decoder: Decoder = "sigmoid"
) -> tuple[Array, AutoencoderCache]:
    """loss = 1/n sum_n |r - v|^2, r = s(h W^T + c), h = s(v W + b), s the sigmoid (sec. 3.5).

    v        (n, d) input batch, in [0, 1] if the decoder is a sigmoid
    W        (d, m) full weights, used by encoder and decoder
    b        (m,) hidden bias
    c        (d,) visible bias
    decoder  "linear": r = h W^T + c, for inputs of any range
    returns  loss, a 0-d array: the batch mean of the squared error summed over inputs; cache
    raises   ShapeError; DomainError for another decoder

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import autoencoder_forward
    >>> v, W, b, c = np.array([[1.0, 0.0]]), np.zeros((2, 1)), np.zeros(1), np.zeros(2)
    >>> loss, cache = autoencoder_forward(v, W, b, c)  # without weights every input is reconstructed as 1/2
    >>> float(loss)
    0.5
    """
    check_decoder(decoder)
    n = check_axes("n d, d m, m, d", v=v, W=W, b=b, c=c)["n"]
    xp = array_namespace(v)
    h, hidden = sigmoid_forward(v @ W + b)  # (n, d) (d, m) -> (n, m)
    a = h @ W.T + c  # (n, m) (m, d) -> (n, d)
    r, output = sigmoid_forward(a) if decoder == "sigmoid" else (a, LinearCache(a))
    error = r - v
    return xp.sum(error * error) / max(n, 1), AutoencoderCache(v, W, hidden, output)


def autoencoder_backward(dloss: Array | float, cache: AutoencoderCache) -> tuple[Array, Array, Array, Array]:
    """Pull dloss back to dv (n, d), dW (d, m), db (m,), dc (d,).

    Derived in docs/derivations.md#autoencoder.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import autoencoder_backward, autoencoder_forward
    >>> v, W, b, c = np.array([[1.0, 0.0]]), np.zeros((2, 1)), np.zeros(1), np.zeros(2)
    >>> loss, cache = autoencoder_forward(v, W, b, c)
    >>> dv, dW, db, dc = autoencoder_backward(1.0, cache)
    >>> dc
    array([-0.25,  0.25])
    """
    derror, dz, dW, db, dc = _backward(dloss, cache)
    return dz @ cache.W.T - derror, dW, db, dc  # v is the encoder's input and r's target


def autoencoder_backward_weights(dloss: Array | float, cache: AutoencoderCache) -> tuple[Array, Array, Array]:
    """Return dW, db and dc alone, for pretraining: its input is data and needs no gradient."""
    _, _, dW, db, dc = _backward(dloss, cache)
    return dW, db, dc


def _backward(dloss: Array | float, cache: AutoencoderCache) -> tuple[Array, Array, Array, Array, Array]:
    check_factor(dloss=dloss)
    v, W, hidden, output = cache
    xp = array_namespace(v)
    derror = (output.y - v) * (2 * dloss / max(v.shape[0], 1))  # (n, d)
    da = derror if isinstance(output, LinearCache) else sigmoid_backward(derror, output)  # (n, d)
    dz = sigmoid_backward(da @ W, hidden)  # (n, d) (d, m) -> (n, m)
    dW = v.T @ dz  # the encoder's W: (d, n) (n, m) -> (d, m)
    dW += da.T @ hidden.y  # the decoder's W^T: (d, n) (n, m) -> (d, m)
    return derror, dz, dW, xp.sum(dz, axis=0), xp.sum(da, axis=0)
