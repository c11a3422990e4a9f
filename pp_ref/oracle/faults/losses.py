"""Mistakes in what a model minimises: softmax with cross-entropy, the tied autoencoder, weight decay; norm limits."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.autoencoder import AutoencoderCache, autoencoder_backward, autoencoder_forward
from pp_ref.layers.regularisers import (
    WeightDecayCache,
    weight_decay_backward,
    weight_decay_forward,
)
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import (
    SoftmaxCrossEntropyCache,
    softmax,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from pp_ref.oracle.faults.fault import (
    after,
    before,
    cached,
    faults,
    halved,
    instead,
    neighbour,
    transposed_if_square,
    zero,
)


def _onehot(z: Array, labels: Array) -> Array:
    xp = array_namespace(z)
    return xp.astype(labels[:, None] == xp.arange(z.shape[1], dtype=labels.dtype), z.dtype)


def without_shift(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    xp = array_namespace(z)
    onehot, e = _onehot(z, labels), xp.exp(z)
    total = xp.sum(e, axis=1)
    loss = xp.sum(xp.log(total) - xp.sum(z * onehot, axis=1)) / max(z.shape[0], 1)
    return loss, SoftmaxCrossEntropyCache(e / total[:, None], onehot)


def log_of_softmax(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    xp = array_namespace(z)
    onehot, p = _onehot(z, labels), softmax(z)
    return -xp.sum(xp.log(xp.sum(p * onehot, axis=1))) / max(z.shape[0], 1), SoftmaxCrossEntropyCache(p, onehot)


def log_with_an_epsilon(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    xp = array_namespace(z)
    onehot, p = _onehot(z, labels), softmax(z)
    return -xp.sum(xp.log(xp.sum(p * onehot, axis=1) + 1e-8)) / max(z.shape[0], 1), SoftmaxCrossEntropyCache(p, onehot)


def labels_off_by_one(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    return softmax_cross_entropy_forward(z, (labels + 1) % z.shape[1])


sum_over_batch = instead(softmax_cross_entropy_forward, 0, lambda loss, z, labels: loss * z.shape[0])
mean_over_classes = instead(softmax_cross_entropy_forward, 0, lambda loss, z, labels: loss / z.shape[1])
in_bits = after(softmax_cross_entropy_forward, 0, lambda loss: loss / 0.6931471805599453)
times_n = instead(softmax_cross_entropy_backward, None, lambda dz, dloss, cache: dz * cache.p.shape[0])
per_class = instead(softmax_cross_entropy_backward, None, lambda dz, dloss, cache: dz / cache.p.shape[1])
softmax_diagonal = instead(softmax_cross_entropy_backward, None, lambda dz, dloss, cache: dz * cache.p * (1 - cache.p))
softmax_dloss_ignored = instead(
    softmax_cross_entropy_backward, None, lambda dz, dloss, cache: (cache.p - cache.onehot) / max(cache.p.shape[0], 1)
)


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


def _scaled_loss(factor: Any) -> Any:
    def wrong(v: Array, W: Array, b: Array, c: Array) -> tuple[Array, AutoencoderCache]:
        loss, cache = autoencoder_forward(v, W, b, c)
        return loss * factor(*v.shape), cache

    return wrong


def _passes(dloss: Any, cache: AutoencoderCache) -> tuple[Array, Array, Array]:
    """derror, da and dz: what the backward pass is made of."""
    derror = (cache.output.y - cache.v) * (2 * dloss / max(cache.v.shape[0], 1))
    da = sigmoid_backward(derror, cache.output)
    return derror, da, sigmoid_backward(da @ cache.W, cache.hidden)


decoder_omitted = instead(autoencoder_backward, 1, lambda dW, dloss, cache: cache.v.T @ _passes(dloss, cache)[2])
encoder_omitted = instead(autoencoder_backward, 1, lambda dW, dloss, cache: _passes(dloss, cache)[1].T @ cache.hidden.y)


def decoder_transposed(dloss: Any, cache: AutoencoderCache) -> Any:
    _, da, dz = _passes(dloss, cache)
    dv, _, db, dc = autoencoder_backward(dloss, cache)
    return dv, cache.v.T @ dz + transposed_if_square(da.T @ cache.hidden.y), db, dc


target_omitted = instead(autoencoder_backward, 0, lambda dv, dloss, cache: dv + _passes(dloss, cache)[0])


def without_derivative(of: str) -> Any:
    def wrong(dloss: Any, cache: AutoencoderCache) -> Any:
        xp = array_namespace(cache.v)
        derror = (cache.output.y - cache.v) * (2 * dloss / max(cache.v.shape[0], 1))
        da = derror if of == "decoder" else sigmoid_backward(derror, cache.output)
        dz = da @ cache.W if of == "encoder" else sigmoid_backward(da @ cache.W, cache.hidden)
        dW = cache.v.T @ dz + da.T @ cache.hidden.y
        return dz @ cache.W.T - derror, dW, xp.sum(dz, axis=0), xp.sum(da, axis=0)

    return wrong


def autoencoder_times_n(dloss: Any, cache: AutoencoderCache) -> Any:
    return tuple(gradient * cache.v.shape[0] for gradient in autoencoder_backward(dloss, cache))


def biases_swapped(dloss: Any, cache: AutoencoderCache) -> Any:
    dv, dW, db, dc = autoencoder_backward(dloss, cache)
    return dv, dW, dc, db


def decayed_in_place(dpenalty: Any, cache: WeightDecayCache) -> Array:
    dW = weight_decay_backward(dpenalty, cache)
    cache.W[...] = cache.W - dW
    return dW


decay_without_rate = instead(weight_decay_backward, None, lambda dW, dpenalty, cache: cache.W * (2 * dpenalty))
decay_of_magnitudes = instead(weight_decay_forward, 0, lambda penalty, W, rate: rate * array_namespace(W).sum(abs(W)))


def decay_of_the_norm(W: Array, rate: float) -> tuple[Array, WeightDecayCache]:
    xp = array_namespace(W)
    return rate * xp.sqrt(xp.sum(W * W)), WeightDecayCache(W, rate)


decay_of_the_mean = instead(weight_decay_forward, 0, lambda penalty, W, rate: penalty / max(W.shape[0] * W.shape[1], 1))
sign_of_W = instead(
    weight_decay_backward, None, lambda dW, dpenalty, c: array_namespace(c.W).sign(c.W) * (2 * c.rate * dpenalty)
)


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


FAULTS = faults(
    {
        "softmax_cross_entropy_forward": {
            "no shift": ("takes exp of the logits without their maximum, which overflows", without_shift),
            "log of softmax": ("takes the log of a probability that may have underflowed", log_of_softmax),
            "log with an epsilon": ("adds 1e-8 inside the log", log_with_an_epsilon),
            "labels off by one": ("counts classes from one", labels_off_by_one),
            "sum for mean": ("sums over the batch where the mean belongs", sum_over_batch),
            "mean over classes": ("divides by the number of classes", mean_over_classes),
            "in bits": ("is in bits, not nats", in_bits),
        },
        "softmax_cross_entropy_backward": {
            "missing 1/n": ("equals the right value without 1/n", times_n),
            "label forgotten": ("is p, without the label", cached(softmax_cross_entropy_backward, onehot=zero)),
            "neighbour's label": (
                "takes the label off by one",
                cached(softmax_cross_entropy_backward, onehot=neighbour),
            ),
            "softmax' once more": ("multiplies by p (1 - p), though the log has cancelled it", softmax_diagonal),
            "mean over classes": ("divides by the number of classes too", per_class),
            "dloss ignored": ("takes dloss for 1", softmax_dloss_ignored),
        },
        "autoencoder_forward": {
            "sum for mean": ("sums over the batch where the mean belongs", _scaled_loss(lambda n, d: n)),
            "mean over inputs": ("averages over inputs where they are summed", _scaled_loss(lambda n, d: 1 / d)),
            "factor 1/2": ("halves the squared error", _scaled_loss(lambda n, d: 0.5)),
            "W for W^T": ("decodes with W in place of W^T wherever W is square", untied_decoder),
            "linear decoder": ("leaves out the decoder's sigmoid", linear_decoder),
            "visible bias omitted": ("leaves out c", before(autoencoder_forward, 3, zero)),
        },
        "autoencoder_backward": {
            "decoder omitted": ("leaves the decoder out of the tied dW", decoder_omitted),
            "encoder omitted": ("leaves the encoder out of the tied dW", encoder_omitted),
            "decoder transposed": ("adds the decoder's gradient transposed wherever W is square", decoder_transposed),
            "decoder's sigmoid' missing": ("leaves out the decoder's sigmoid'", without_derivative("decoder")),
            "encoder's sigmoid' missing": ("leaves out the encoder's sigmoid'", without_derivative("encoder")),
            "target omitted": ("forgets in dv that v is also the target", target_omitted),
            "factor 2 lost": (
                "takes |e|^2 to have the gradient e",
                lambda dloss, cache: tuple(map(halved, autoencoder_backward(dloss, cache))),
            ),
            "missing 1/n": ("equals the right values without 1/n", autoencoder_times_n),
            "biases swapped": ("returns dc before db", biases_swapped),
        },
        "weight_decay_forward": {
            "magnitudes": ("sums |W| where W^2 belongs", decay_of_magnitudes),
            "norm": ("takes the norm, not its square", decay_of_the_norm),
            "mean for sum": ("averages over the weights where they are summed", decay_of_the_mean),
        },
        "weight_decay_backward": {
            "rate lost": ("leaves out the rate", decay_without_rate),
            "signs": ("has the signs of W where W belongs", sign_of_W),
            "W overwritten": ("decays W itself", decayed_in_place),
        },
        "limit_column_norms": {
            "row norms": ("limits rows in place of columns", lambda W, limit: _limited(W, _norms(W, 1), limit)),
            "squared norms": (
                "compares squared norms with the limit",
                lambda W, limit: _limited(W, _norms(W) * _norms(W), limit),
            ),
            "whole matrix": (
                "limits the norm of the whole matrix",
                lambda W, limit: _limited(W, _norms(W, None), limit),
            ),
            "normalised": ("brings shorter columns up to the limit too", lambda W, limit: W * (limit / _norms(W))),
            "cut short": (
                "clips entries where columns are scaled",
                lambda W, limit: _limited(W, array_namespace(W).abs(W), limit),
            ),
            "epsilon": ("divides by the norm + 1e-7, so that columns within the limit change", norms_with_epsilon),
        },
    }
)
