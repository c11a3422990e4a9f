"""Mistakes in what a model minimises: softmax with cross-entropy, the tied autoencoder, weight decay; norm limits."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.autoencoder import AutoencoderCache
from pp_ref.layers.regularisers import WeightDecayCache, weight_decay_backward
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import SoftmaxCrossEntropyCache, softmax, softmax_cross_entropy_forward
from pp_ref.oracle.faults.fault import (
    Function,
    after,
    before,
    cached,
    exchanged,
    faults,
    halved,
    instead,
    neighbour,
    transposed_if_square,
    zero,
)

__all__ = ["FAULTS"]


def _onehot(z: Array, labels: Array) -> Array:
    xp = array_namespace(z)
    return xp.astype(labels[:, None] == xp.arange(z.shape[1], dtype=labels.dtype), z.dtype)


def without_shift(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    xp = array_namespace(z)
    onehot, e = _onehot(z, labels), xp.exp(z)
    total = xp.sum(e, axis=1)
    loss = xp.sum(xp.log(total) - xp.sum(z * onehot, axis=1)) / max(z.shape[0], 1)
    return loss, SoftmaxCrossEntropyCache(e / total[:, None], onehot)


def log_of_softmax(epsilon: float) -> Function:
    """The log of a probability, which epsilon keeps from zero."""

    def wrong(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
        xp, onehot, p = array_namespace(z), _onehot(z, labels), softmax(z)
        loss = -xp.sum(xp.log(xp.sum(p * onehot, axis=1) + epsilon)) / max(z.shape[0], 1)
        return loss, SoftmaxCrossEntropyCache(p, onehot)

    return wrong


def untied_decoder(v: Array, W: Array, b: Array, c: Array) -> tuple[Array, AutoencoderCache]:
    """r = s(h W + c) wherever that has the shape."""
    xp = array_namespace(v)
    h, hidden = sigmoid_forward(v @ W + b)
    r, output = sigmoid_forward(h @ transposed_if_square(W.T) + c)
    return xp.sum((r - v) * (r - v)) / max(v.shape[0], 1), AutoencoderCache(v, W, hidden, output)


def linear_decoder(v: Array, W: Array, b: Array, c: Array) -> tuple[Array, AutoencoderCache]:
    xp = array_namespace(v)
    h, hidden = sigmoid_forward(v @ W + b)
    r = h @ W.T + c
    return xp.sum((r - v) * (r - v)) / max(v.shape[0], 1), AutoencoderCache(v, W, hidden, SigmoidCache(r))


def _passes(dloss: Any, cache: AutoencoderCache, decoder: bool = True, encoder: bool = True) -> Any:
    """derror, da and dz, which the backward pass is made of: with sigmoid' of the decoder and of the encoder."""
    derror = (cache.output.y - cache.v) * (2 * dloss / max(cache.v.shape[0], 1))
    da = sigmoid_backward(derror, cache.output) if decoder else derror
    return derror, da, sigmoid_backward(da @ cache.W, cache.hidden) if encoder else da @ cache.W


def decoder_transposed(dW: Array, dloss: Any, cache: AutoencoderCache) -> Array:
    _, da, dz = _passes(dloss, cache)
    return cache.v.T @ dz + transposed_if_square(da.T @ cache.hidden.y)


def with_passes(**without: bool) -> Function:
    """Backward without sigmoid' of the decoder, or of the encoder."""

    def wrong(dloss: Any, cache: AutoencoderCache) -> Any:
        derror, da, dz = _passes(dloss, cache, **without)
        dW = cache.v.T @ dz + da.T @ cache.hidden.y
        xp = array_namespace(dW)
        return dz @ cache.W.T - derror, dW, xp.sum(dz, axis=0), xp.sum(da, axis=0)

    return wrong


def decayed_in_place(dpenalty: Any, cache: WeightDecayCache) -> Array:
    dW = weight_decay_backward(dpenalty, cache)
    cache.W[...] = cache.W - dW
    return dW


def _norms(W: Array, axis: int | None = 0) -> Array:
    xp = array_namespace(W)
    return xp.sqrt(xp.sum(W * W, axis=axis, keepdims=True))


def _limited(W: Array, norms: Array, limit: float) -> Array:
    xp = array_namespace(W)
    too_long = norms > limit
    return W * xp.where(too_long, limit / xp.where(too_long, norms, xp.ones_like(norms)), xp.ones_like(norms))


def norms_with_epsilon(W: Array, limit: float) -> Array:
    xp = array_namespace(W)
    norms = _norms(W)
    return W * (xp.where(norms > limit, xp.full_like(norms, limit), norms) / (norms + 1e-7))


# A loss of (examples, units): not divided by the number of examples; divided by that of the units too.
summed = instead(lambda loss, v, *_: loss * v.shape[0], 0)
averaged = instead(lambda loss, v, *_: loss / v.shape[1], 0)

FAULTS = faults(
    softmax_cross_entropy_forward={
        "no shift": ("takes exp of the logits without their maximum, which overflows", without_shift),
        "log of softmax": ("takes the log of a probability that may have underflowed", log_of_softmax(0.0)),
        "log with an epsilon": ("adds 1e-8 inside the log", log_of_softmax(1e-8)),
        "labels off by one": (
            "counts classes from one",
            lambda z, labels: softmax_cross_entropy_forward(z, (labels + 1) % z.shape[1]),
        ),
        "sum for mean": ("sums over the batch where the mean belongs", summed),
        "mean over classes": ("divides by the number of classes", averaged),
        "in bits": ("is in bits, not nats", after(lambda loss: loss / 0.6931471805599453, 0)),
    },
    softmax_cross_entropy_backward={
        "missing 1/n": ("equals the right value without 1/n", instead(lambda dz, dloss, cache: dz * cache.p.shape[0])),
        "label forgotten": ("is p, without the label", cached(onehot=zero)),
        "neighbour's label": ("takes the label off by one", cached(onehot=neighbour)),
        "softmax' once more": (
            "multiplies by p (1 - p), though the log has cancelled it",
            instead(lambda dz, dloss, cache: dz * cache.p * (1 - cache.p)),
        ),
        "mean over classes": (
            "divides by the number of classes too",
            instead(lambda dz, dloss, cache: dz / cache.p.shape[1]),
        ),
        "dloss ignored": (
            "takes dloss for 1",
            instead(lambda dz, dloss, cache: (cache.p - cache.onehot) / max(cache.p.shape[0], 1)),
        ),
    },
    autoencoder_forward={
        "sum for mean": ("sums over the batch where the mean belongs", summed),
        "mean over inputs": ("averages over inputs where they are summed", averaged),
        "W for W^T": ("decodes with W in place of W^T wherever W is square", untied_decoder),
        "linear decoder": ("leaves out the decoder's sigmoid", linear_decoder),
        "visible bias omitted": ("leaves out c", before(zero, 3)),
    },
    autoencoder_backward={
        "decoder omitted": (
            "leaves the decoder out of the tied dW",
            instead(lambda dW, dloss, cache: cache.v.T @ _passes(dloss, cache)[2], 1),
        ),
        "encoder omitted": (
            "leaves the encoder out of the tied dW",
            instead(lambda dW, dloss, cache: _passes(dloss, cache)[1].T @ cache.hidden.y, 1),
        ),
        "decoder transposed": (
            "adds the decoder's gradient transposed wherever W is square",
            instead(decoder_transposed, 1),
        ),
        "decoder's sigmoid' missing": ("leaves out the decoder's sigmoid'", with_passes(decoder=False)),
        "encoder's sigmoid' missing": ("leaves out the encoder's sigmoid'", with_passes(encoder=False)),
        "target omitted": (
            "forgets in dv that v is also the target",
            instead(lambda dv, dloss, cache: dv + _passes(dloss, cache)[0], 0),
        ),
        "factor 2 lost": ("takes |e|^2 to have the gradient e", after(lambda gradients: tuple(map(halved, gradients)))),
        "missing 1/n": (
            "equals the right values without 1/n",
            instead(lambda gradients, dloss, cache: tuple(g * cache.v.shape[0] for g in gradients)),
        ),
        "biases swapped": ("returns dc before db", exchanged(2, 3)),
    },
    weight_decay_forward={
        "magnitudes": (
            "sums |W| where W^2 belongs",
            instead(lambda penalty, W, rate: rate * array_namespace(W).sum(abs(W)), 0),
        ),
        "norm": ("takes the norm, not its square", instead(lambda penalty, W, rate: rate * _norms(W, None)[0, 0], 0)),
        "mean for sum": (
            "averages over the weights where they are summed",
            instead(lambda penalty, W, rate: penalty / max(W.shape[0] * W.shape[1], 1), 0),
        ),
    },
    weight_decay_backward={
        "rate lost": ("leaves out the rate", instead(lambda dW, dpenalty, cache: cache.W * (2 * dpenalty))),
        "signs": (
            "has the signs of W where W belongs",
            instead(lambda dW, dpenalty, c: array_namespace(c.W).sign(c.W) * (2 * c.rate * dpenalty)),
        ),
        "W overwritten": ("decays W itself", decayed_in_place),
    },
    limit_column_norms={
        "row norms": ("limits rows in place of columns", lambda W, limit: _limited(W, _norms(W, 1), limit)),
        "squared norms": (
            "compares squared norms with the limit",
            lambda W, limit: _limited(W, _norms(W) * _norms(W), limit),
        ),
        "whole matrix": ("limits the norm of the whole matrix", lambda W, limit: _limited(W, _norms(W, None), limit)),
        "normalised": ("brings shorter columns up to the limit too", lambda W, limit: W * (limit / _norms(W))),
        "cut short": (
            "clips entries where columns are scaled",
            lambda W, limit: _limited(W, array_namespace(W).abs(W), limit),
        ),
        "epsilon": ("divides by the norm + 1e-7, so that columns within the limit change", norms_with_epsilon),
    },
)
