"""Mistakes in what stands between layers: sigmoid, relu, maxout, dropout."""

from typing import Any

import numpy as np

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.dropout import DropoutCache, dropout_backward, dropout_forward
from pp_ref.layers.maxout import MaxoutCache, maxout_backward, maxout_forward
from pp_ref.layers.relu import ReluCache, relu_backward, relu_forward
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.oracle.faults.fault import (
    Fault,
    after,
    before,
    cached,
    double_precision,
    halved,
    nan_to_zero,
    negative,
    neighbour,
    next_row,
    stale,
)


def sigmoid_that_overflows(v: Array) -> tuple[Array, SigmoidCache]:
    y = 1 / (1 + array_namespace(v).exp(-v))
    return y, SigmoidCache(y)


def sigmoid_by_difference(v: Array) -> tuple[Array, SigmoidCache]:
    y = 1 - sigmoid_forward(-v)[0]
    return y, SigmoidCache(y)


def sigmoid_clipped(v: Array) -> tuple[Array, SigmoidCache]:
    xp = array_namespace(v)
    y, _ = sigmoid_forward(v)
    y = xp.where(y < 1e-7, xp.full_like(y, 1e-7), y)
    return y, SigmoidCache(y)


def tanh_for_sigmoid(v: Array) -> tuple[Array, SigmoidCache]:
    y = array_namespace(v).tanh(v)
    return y, SigmoidCache(y)


def sigmoid_in_place(v: Array) -> tuple[Array, SigmoidCache]:
    y, cache = sigmoid_forward(v)
    v[...] = y
    return y, cache


def sigmoid_caches_its_input(v: Array) -> tuple[Array, SigmoidCache]:
    return sigmoid_forward(v)[0], SigmoidCache(v)


def dy_scaled_in_place(dy: Array, cache: SigmoidCache) -> Array:
    dy[...] = sigmoid_backward(dy, cache)
    return dy


def relu_loses_nan(v: Array) -> tuple[Array, ReluCache]:
    xp = array_namespace(v)
    return xp.where(v > 0, v, xp.zeros_like(v)), ReluCache(v)


def relu_in_place(v: Array) -> tuple[Array, ReluCache]:
    y, _ = relu_forward(v)
    v[...] = y
    return v, ReluCache(v)


def relu_leaks(v: Array) -> tuple[Array, ReluCache]:
    return array_namespace(v).where(v <= 0, v / 100, v), ReluCache(v)


def masked_by_cotangent(dy: Array, cache: ReluCache) -> Array:
    return relu_backward(relu_forward(dy)[0], cache)


def relu_at_zero(share: float) -> Any:
    def wrong(dy: Array, cache: ReluCache) -> Array:
        return array_namespace(dy).where(cache.v == 0, share * dy, relu_backward(dy, cache))

    return wrong


def _grouped(v: Array, pieces: int) -> Array:
    return array_namespace(v).reshape(v, (v.shape[0], v.shape[1] // pieces, pieces))


def maxout_smallest(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    y, cache = maxout_forward(-v, pieces)
    return -y, cache


def maxout_strided(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    xp = array_namespace(v)
    grouped = xp.reshape(v, (v.shape[0], pieces, v.shape[1] // pieces))
    return xp.max(grouped, axis=1), MaxoutCache(xp.argmax(grouped, axis=1), pieces)


def maxout_skips_a_piece(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    xp = array_namespace(v)
    kept = _grouped(v, pieces)[:, :, : max(pieces - 1, 1)]
    return xp.max(kept, axis=2), MaxoutCache(xp.argmax(kept, axis=2), pieces)


def maxout_by_magnitude(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    xp = array_namespace(v)
    grouped = _grouped(v, pieces)
    winner = xp.argmax(xp.abs(grouped), axis=2)
    won = winner[:, :, None] == xp.arange(pieces)
    return xp.sum(xp.where(won, grouped, xp.zeros_like(grouped)), axis=2), MaxoutCache(winner, pieces)


def maxout_last_wins(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    xp = array_namespace(v)
    y, _ = maxout_forward(v, pieces)
    return y, MaxoutCache(pieces - 1 - xp.argmax(xp.flip(_grouped(v, pieces), axis=2), axis=2), pieces)


def maxout_to_all(dy: Array, cache: MaxoutCache) -> Array:
    xp = array_namespace(dy)
    every = xp.broadcast_to(dy[:, :, None], (*dy.shape, cache.pieces))
    return xp.reshape(every, (dy.shape[0], dy.shape[1] * cache.pieces))


def maxout_laid_out_by_piece(dy: Array, cache: MaxoutCache) -> Array:
    xp = array_namespace(dy)
    grouped = _grouped(maxout_backward(dy, cache), cache.pieces)
    return xp.reshape(xp.permute_dims(grouped, (0, 2, 1)), (dy.shape[0], dy.shape[1] * cache.pieces))


def dropout_of_columns(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    xp = array_namespace(v)
    _, cache = dropout_forward(v, rate, rng)
    scale = xp.broadcast_to(cache.scale[:1, :], v.shape)
    return v * scale, DropoutCache(scale)


def dropout_with_rates_swapped(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    return dropout_forward(v, 1 - rate, rng) if rate else dropout_forward(v, rate, rng)


def dropout_unscaled(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    _, cache = dropout_forward(v, rate, rng)
    scale = cache.scale * (1 - rate)
    return v * scale, DropoutCache(scale)


def dropout_in_place(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    y, cache = dropout_forward(v, rate, rng)
    v[...] = y
    return y, cache


def dropout_of_its_own_seed(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    return dropout_forward(v, rate, _OWN)


def redrawn(dy: Array, cache: DropoutCache) -> Array:
    xp = array_namespace(dy)
    top = xp.max(cache.scale) if cache.scale.shape[0] else 1.0
    return dy * xp.astype(xp.asarray(np.random.default_rng(0).random(dy.shape) >= 0.5), dy.dtype) * top


def scale_lost(dy: Array, cache: DropoutCache) -> Array:
    xp = array_namespace(dy)
    return dy * xp.astype(cache.scale > 0, dy.dtype)


def mask_inverted(dy: Array, cache: DropoutCache) -> Array:
    return array_namespace(dy).where(cache.scale > 0, dy * 0, dy)


_OWN = np.random.default_rng(0)

FAULTS = (
    Fault("sign", "sigmoid_forward", "computes 1 / (1 + exp v)", before(sigmoid_forward, 0, negative)),
    Fault("tanh", "sigmoid_forward", "is tanh, whose derivative is another", tanh_for_sigmoid),
    Fault(
        "overflow",
        "sigmoid_forward",
        "computes exp(-v) without regard to its sign, which overflows",
        sigmoid_that_overflows,
    ),
    Fault(
        "small values lost",
        "sigmoid_forward",
        "computes 1 - s(-v), which is 0 where s(v) is below the precision",
        sigmoid_by_difference,
    ),
    Fault("clipped", "sigmoid_forward", "does not go below 1e-7", sigmoid_clipped),
    Fault("NaN swallowed", "sigmoid_forward", "replaces NaN by zero", after(sigmoid_forward, 0, nan_to_zero)),
    Fault("input overwritten", "sigmoid_forward", "writes y over v", sigmoid_in_place),
    Fault("caches v", "sigmoid_forward", "caches v where backward expects y", sigmoid_caches_its_input),
    Fault("missing sigmoid'", "sigmoid_backward", "equals the right value without sigmoid'", lambda dy, cache: +dy),
    Fault(
        "half of sigmoid'",
        "sigmoid_backward",
        "multiplies by y where y (1 - y) belongs",
        lambda dy, cache: dy * cache.y,
    ),
    Fault("sign", "sigmoid_backward", "multiplies by y (y - 1)", after(sigmoid_backward, None, negative)),
    Fault(
        "tanh'",
        "sigmoid_backward",
        "multiplies by 1 - y^2, the derivative of tanh",
        lambda dy, cache: dy * (1 - cache.y * cache.y),
    ),
    Fault(
        "sigmoid' twice",
        "sigmoid_backward",
        "applies sigmoid' twice",
        lambda dy, cache: sigmoid_backward(sigmoid_backward(dy, cache), cache),
    ),
    Fault(
        "sigmoid' of y",
        "sigmoid_backward",
        "takes sigmoid' at y where v belongs",
        lambda dy, cache: sigmoid_backward(dy, sigmoid_forward(cache.y)[1]),
    ),
    Fault("dy overwritten", "sigmoid_backward", "writes dv over dy", dy_scaled_in_place),
    Fault(
        "promoted",
        "sigmoid_backward",
        "returns float64 whatever it is given",
        after(sigmoid_backward, None, double_precision),
    ),
    Fault("stale cache", "sigmoid_backward", "reads the cache of the call before", stale(sigmoid_backward)),
    Fault("NaN swallowed", "relu_forward", "turns NaN into zero", relu_loses_nan),
    Fault("input overwritten", "relu_forward", "writes y over v", relu_in_place),
    Fault("leaks", "relu_forward", "lets a hundredth of negative values through", relu_leaks),
    Fault("absolute value", "relu_forward", "is |v|", lambda v: (array_namespace(v).abs(v), ReluCache(v))),
    Fault("unmasked", "relu_backward", "passes dy on where v < 0 too", lambda dy, cache: +dy),
    Fault("masked by dy", "relu_backward", "drops negative dy too", masked_by_cotangent),
    Fault(
        "mask inverted", "relu_backward", "passes dy on where v < 0 and only there", cached(relu_backward, v=negative)
    ),
    Fault("tie: one", "relu_backward", "passes dy on at v = 0, where the rule is 0", relu_at_zero(1.0)),
    Fault("tie: half", "relu_backward", "passes half of dy on at v = 0, where the rule is 0", relu_at_zero(0.5)),
    Fault(
        "rows misaligned",
        "relu_backward",
        "masks each example with its neighbour's mask",
        cached(relu_backward, v=next_row),
    ),
    Fault(
        "times v",
        "relu_backward",
        "multiplies by v where the mask belongs",
        lambda dy, cache: dy * relu_forward(cache.v)[0],
    ),
    Fault("smallest", "maxout_forward", "takes the smallest piece", maxout_smallest),
    Fault(
        "pieces strided",
        "maxout_forward",
        "reads the pieces of a unit m apart where they stand side by side",
        maxout_strided,
    ),
    Fault("last piece skipped", "maxout_forward", "never reads the last piece", maxout_skips_a_piece),
    Fault("largest magnitude", "maxout_forward", "takes the piece of largest |v|", maxout_by_magnitude),
    Fault("tie: last", "maxout_forward", "lets the last piece win a tie, where the first has to", maxout_last_wins),
    Fault("NaN swallowed", "maxout_forward", "replaces NaN by zero", after(maxout_forward, 0, nan_to_zero)),
    Fault("to every piece", "maxout_backward", "gives dy to every piece of a unit", maxout_to_all),
    Fault(
        "shared by the pieces",
        "maxout_backward",
        "gives each piece its share of dy",
        lambda dy, cache: maxout_to_all(dy, cache) / cache.pieces,
    ),
    Fault(
        "next piece",
        "maxout_backward",
        "gives dy to the piece after the winner",
        cached(maxout_backward, winner=lambda winner: winner + 1),
    ),
    Fault(
        "neighbour's winner",
        "maxout_backward",
        "uses the winner of the unit beside",
        cached(maxout_backward, winner=neighbour),
    ),
    Fault(
        "laid out by piece",
        "maxout_backward",
        "returns dv piece by piece where it belongs unit by unit",
        maxout_laid_out_by_piece,
    ),
    Fault("sign", "maxout_backward", "has the opposite sign of dv", after(maxout_backward, None, negative)),
    Fault("unscaled", "dropout_forward", "leaves out 1 / (1 - rate)", dropout_unscaled),
    Fault("rate for 1 - rate", "dropout_forward", "drops with probability 1 - rate", dropout_with_rates_swapped),
    Fault("one mask for the batch", "dropout_forward", "drops the same inputs of every example", dropout_of_columns),
    Fault("input overwritten", "dropout_forward", "writes y over v", dropout_in_place),
    Fault("own generator", "dropout_forward", "draws from a generator of its own", dropout_of_its_own_seed),
    Fault("mask redrawn", "dropout_backward", "draws another mask than forward did", redrawn),
    Fault("unmasked", "dropout_backward", "passes dy on where forward dropped", lambda dy, cache: +dy),
    Fault("scale lost", "dropout_backward", "leaves out 1 / (1 - rate)", scale_lost),
    Fault("mask inverted", "dropout_backward", "passes on what forward dropped", mask_inverted),
    Fault(
        "scaled twice",
        "dropout_backward",
        "applies 1 / (1 - rate) twice",
        lambda dy, cache: dropout_backward(dropout_backward(dy, cache), cache),
    ),
    Fault(
        "halved",
        "dropout_backward",
        "halves dv, as networks trained without 1 / (1 - rate) are after training",
        after(dropout_backward, None, halved),
    ),
)
