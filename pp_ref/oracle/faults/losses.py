"""Mistakes in what a model minimises: softmax with cross-entropy, the tied autoencoder, weight decay; norm limits."""

from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.autoencoder import AutoencoderCache, autoencoder_backward, autoencoder_forward
from pp_ref.layers.regularisers import (
    WeightDecayCache,
    limit_column_norms,
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
    Fault,
    accumulating,
    after,
    before,
    cached,
    double_precision,
    doubled,
    halved,
    last_row_missing,
    nan_to_zero,
    negative,
    neighbour,
    stale,
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


def sum_over_batch(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    loss, cache = softmax_cross_entropy_forward(z, labels)
    return loss * z.shape[0], cache


def mean_over_classes(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    loss, cache = softmax_cross_entropy_forward(z, labels)
    return loss / z.shape[1], cache


def in_bits(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    loss, cache = softmax_cross_entropy_forward(z, labels)
    return loss / 0.6931471805599453, cache


def times_n(dloss: Any, cache: SoftmaxCrossEntropyCache) -> Array:
    return softmax_cross_entropy_backward(dloss, cache) * cache.p.shape[0]


def per_class(dloss: Any, cache: SoftmaxCrossEntropyCache) -> Array:
    return softmax_cross_entropy_backward(dloss, cache) / cache.p.shape[1]


def softmax_diagonal(dloss: Any, cache: SoftmaxCrossEntropyCache) -> Array:
    return softmax_cross_entropy_backward(dloss, cache) * cache.p * (1 - cache.p)


def softmax_dloss_ignored(dloss: Any, cache: SoftmaxCrossEntropyCache) -> Array:
    return (cache.p - cache.onehot) / max(cache.p.shape[0], 1)


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


def decoder_omitted(dloss: Any, cache: AutoencoderCache) -> Any:
    _, _, dz = _passes(dloss, cache)
    dv, _, db, dc = autoencoder_backward(dloss, cache)
    return dv, cache.v.T @ dz, db, dc


def encoder_omitted(dloss: Any, cache: AutoencoderCache) -> Any:
    _, da, _ = _passes(dloss, cache)
    dv, _, db, dc = autoencoder_backward(dloss, cache)
    return dv, da.T @ cache.hidden.y, db, dc


def decoder_transposed(dloss: Any, cache: AutoencoderCache) -> Any:
    _, da, dz = _passes(dloss, cache)
    dv, _, db, dc = autoencoder_backward(dloss, cache)
    return dv, cache.v.T @ dz + transposed_if_square(da.T @ cache.hidden.y), db, dc


def target_omitted(dloss: Any, cache: AutoencoderCache) -> Any:
    derror, _, _ = _passes(dloss, cache)
    dv, *rest = autoencoder_backward(dloss, cache)
    return dv + derror, *rest


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


def decay_without_rate(dpenalty: Any, cache: WeightDecayCache) -> Array:
    return cache.W * (2 * dpenalty)


def decay_of_magnitudes(W: Array, rate: float) -> tuple[Array, WeightDecayCache]:
    xp = array_namespace(W)
    return rate * xp.sum(xp.abs(W)), WeightDecayCache(W, rate)


def decay_of_the_norm(W: Array, rate: float) -> tuple[Array, WeightDecayCache]:
    xp = array_namespace(W)
    return rate * xp.sqrt(xp.sum(W * W)), WeightDecayCache(W, rate)


def decay_of_the_mean(W: Array, rate: float) -> tuple[Array, WeightDecayCache]:
    penalty, cache = weight_decay_forward(W, rate)
    return penalty / max(W.shape[0] * W.shape[1], 1), cache


def sign_of_W(dpenalty: Any, cache: WeightDecayCache) -> Array:
    return array_namespace(cache.W).sign(cache.W) * (2 * cache.rate * dpenalty)


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


def norms_in_place(W: Array, limit: float) -> Array:
    W[...] = limit_column_norms(W, limit)
    return W


LOSS, TIED, DECAY, NORMS = "softmax_cross_entropy", "autoencoder", "weight_decay", "limit_column_norms"

FAULTS = (
    Fault(
        "no shift", f"{LOSS}_forward", "takes exp of the logits without their maximum, which overflows", without_shift
    ),
    Fault(
        "log of softmax", f"{LOSS}_forward", "takes the log of a probability that may have underflowed", log_of_softmax
    ),
    Fault("log with an epsilon", f"{LOSS}_forward", "adds 1e-8 inside the log", log_with_an_epsilon),
    Fault("labels off by one", f"{LOSS}_forward", "counts classes from one", labels_off_by_one),
    Fault("sum for mean", f"{LOSS}_forward", "sums over the batch where the mean belongs", sum_over_batch),
    Fault("mean over classes", f"{LOSS}_forward", "divides by the number of classes", mean_over_classes),
    Fault("in bits", f"{LOSS}_forward", "is in bits, not nats", in_bits),
    Fault(
        "promoted",
        f"{LOSS}_forward",
        "returns float64 whatever it is given",
        after(softmax_cross_entropy_forward, 0, double_precision),
    ),
    Fault(
        "NaN swallowed",
        f"{LOSS}_forward",
        "replaces a NaN loss by zero",
        after(softmax_cross_entropy_forward, 0, nan_to_zero),
    ),
    Fault("missing 1/n", f"{LOSS}_backward", "equals the right value without 1/n", times_n),
    Fault(
        "sign",
        f"{LOSS}_backward",
        "is onehot - p where p - onehot belongs",
        after(softmax_cross_entropy_backward, None, negative),
    ),
    Fault(
        "label forgotten",
        f"{LOSS}_backward",
        "is p, without the label",
        cached(softmax_cross_entropy_backward, onehot=zero),
    ),
    Fault(
        "neighbour's label",
        f"{LOSS}_backward",
        "takes the label off by one",
        cached(softmax_cross_entropy_backward, onehot=neighbour),
    ),
    Fault(
        "softmax' once more",
        f"{LOSS}_backward",
        "multiplies by p (1 - p), though the log has cancelled it",
        softmax_diagonal,
    ),
    Fault("mean over classes", f"{LOSS}_backward", "divides by the number of classes too", per_class),
    Fault("dloss ignored", f"{LOSS}_backward", "takes dloss for 1", softmax_dloss_ignored),
    Fault(
        "last row stale",
        f"{LOSS}_backward",
        "does not compute the batch's last row",
        after(softmax_cross_entropy_backward, None, last_row_missing),
    ),
    Fault(
        "sum for mean", f"{TIED}_forward", "sums over the batch where the mean belongs", _scaled_loss(lambda n, d: n)
    ),
    Fault(
        "mean over inputs",
        f"{TIED}_forward",
        "averages over inputs where they are summed",
        _scaled_loss(lambda n, d: 1 / d),
    ),
    Fault("factor 1/2", f"{TIED}_forward", "halves the squared error", _scaled_loss(lambda n, d: 0.5)),
    Fault("W for W^T", f"{TIED}_forward", "decodes with W in place of W^T wherever W is square", untied_decoder),
    Fault("linear decoder", f"{TIED}_forward", "leaves out the decoder's sigmoid", linear_decoder),
    Fault("visible bias omitted", f"{TIED}_forward", "leaves out c", before(autoencoder_forward, 3, zero)),
    Fault("decoder omitted", f"{TIED}_backward", "leaves the decoder out of the tied dW", decoder_omitted),
    Fault("encoder omitted", f"{TIED}_backward", "leaves the encoder out of the tied dW", encoder_omitted),
    Fault(
        "decoder transposed",
        f"{TIED}_backward",
        "adds the decoder's gradient transposed wherever W is square",
        decoder_transposed,
    ),
    Fault(
        "decoder's sigmoid' missing",
        f"{TIED}_backward",
        "leaves out the decoder's sigmoid'",
        without_derivative("decoder"),
    ),
    Fault(
        "encoder's sigmoid' missing",
        f"{TIED}_backward",
        "leaves out the encoder's sigmoid'",
        without_derivative("encoder"),
    ),
    Fault("target omitted", f"{TIED}_backward", "forgets in dv that v is also the target", target_omitted),
    Fault(
        "factor 2 lost",
        f"{TIED}_backward",
        "takes |e|^2 to have the gradient e",
        lambda dloss, cache: tuple(map(halved, autoencoder_backward(dloss, cache))),
    ),
    Fault("missing 1/n", f"{TIED}_backward", "equals the right values without 1/n", autoencoder_times_n),
    Fault("biases swapped", f"{TIED}_backward", "returns dc before db", biases_swapped),
    Fault(
        "dW doubled",
        f"{TIED}_backward",
        "doubles dW, as if encoder and decoder gave the same",
        after(autoencoder_backward, 1, doubled),
    ),
    Fault("stale cache", f"{TIED}_backward", "reads the cache of the call before", stale(autoencoder_backward)),
    Fault(
        "factor 1/2",
        f"{DECAY}_forward",
        "has the usual 1/2, which the authors' code has not",
        after(weight_decay_forward, 0, halved),
    ),
    Fault("magnitudes", f"{DECAY}_forward", "sums |W| where W^2 belongs", decay_of_magnitudes),
    Fault("norm", f"{DECAY}_forward", "takes the norm, not its square", decay_of_the_norm),
    Fault("mean for sum", f"{DECAY}_forward", "averages over the weights where they are summed", decay_of_the_mean),
    Fault(
        "factor 2 lost",
        f"{DECAY}_backward",
        "is rate W where 2 rate W belongs",
        after(weight_decay_backward, None, halved),
    ),
    Fault("rate lost", f"{DECAY}_backward", "leaves out the rate", decay_without_rate),
    Fault("signs", f"{DECAY}_backward", "has the signs of W where W belongs", sign_of_W),
    Fault("W overwritten", f"{DECAY}_backward", "decays W itself", decayed_in_place),
    Fault(
        "accumulates",
        f"{DECAY}_backward",
        "adds to the gradient of the call before",
        accumulating(weight_decay_backward),
    ),
    Fault("row norms", NORMS, "limits rows in place of columns", lambda W, limit: _limited(W, _norms(W, 1), limit)),
    Fault(
        "squared norms",
        NORMS,
        "compares squared norms with the limit",
        lambda W, limit: _limited(W, _norms(W) * _norms(W), limit),
    ),
    Fault(
        "whole matrix",
        NORMS,
        "limits the norm of the whole matrix",
        lambda W, limit: _limited(W, _norms(W, None), limit),
    ),
    Fault("normalised", NORMS, "brings shorter columns up to the limit too", lambda W, limit: W * (limit / _norms(W))),
    Fault(
        "cut short",
        NORMS,
        "clips entries where columns are scaled",
        lambda W, limit: _limited(W, array_namespace(W).abs(W), limit),
    ),
    Fault("epsilon", NORMS, "divides by the norm + 1e-7, so that columns within the limit change", norms_with_epsilon),
    Fault("input overwritten", NORMS, "writes over W", norms_in_place),
    Fault("NaN swallowed", NORMS, "replaces NaN by zero", after(limit_column_norms, None, nan_to_zero)),
)
