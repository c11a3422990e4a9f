"""Mistakes in what stands between layers: sigmoid, relu, maxout, dropout."""

from collections.abc import Callable

import numpy as np

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.dropout import DropoutCache, dropout_forward
from pp_ref.layers.maxout import MaxoutCache, maxout_backward, maxout_forward
from pp_ref.layers.relu import relu_forward
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.oracle.faults.fault import (
    Change,
    Derived,
    Function,
    after,
    before,
    cached,
    faults,
    instead,
    negative,
    neighbour,
    next_row,
)

__all__ = ["FAULTS", "smallest"]


def squashed(y: Change) -> Function:
    """Another function in the sigmoid's place, differentiated as if it were the sigmoid."""

    def wrong(v: Array) -> tuple[Array, SigmoidCache]:
        return y(v), SigmoidCache(y(v))

    return wrong


def clipped(v: Array) -> Array:
    xp, (y, _) = array_namespace(v), sigmoid_forward(v)
    return xp.where(y < 1e-7, xp.full_like(y, 1e-7), y)


def at_zero(share: float) -> Derived:
    return instead(lambda dv, dy, cache: array_namespace(dy).where(cache.v == 0, share * dy, dv))


twice = Derived(lambda backward: lambda dy, cache: backward(backward(dy, cache), cache))
# A largest entry becomes the smallest.
smallest = Derived(lambda right: after(negative, 0)(before(negative)(right)))


def _grouped(v: Array, pieces: int) -> Array:
    return array_namespace(v).reshape(v, (v.shape[0], v.shape[1] // pieces, pieces))


def maxout_of(grouped: Callable[[Array, int], Array], axis: int) -> Function:
    """The largest along an axis of v in other groups."""

    def wrong(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
        xp, x = array_namespace(v), grouped(v, pieces)
        return xp.max(x, axis=axis), MaxoutCache(xp.argmax(x, axis=axis), pieces)

    return wrong


strided = maxout_of(lambda v, pieces: array_namespace(v).reshape(v, (v.shape[0], pieces, v.shape[1] // pieces)), 1)
skipping_a_piece = maxout_of(lambda v, pieces: _grouped(v, pieces)[:, :, : max(pieces - 1, 1)], 2)


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


def rescaled(change: Callable[[Array, float], Array]) -> Function:
    """Drop-out whose mask and factor are put through ``change(scale, rate)``, forward and backward."""

    def wrong(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
        scale = change(dropout_forward(v, rate, rng)[1].scale, rate)
        return v * scale, DropoutCache(scale)

    return wrong


def first_rows_mask(scale: Array, rate: float) -> Array:
    return array_namespace(scale).broadcast_to(scale[:1, :], scale.shape)


def redrawn(dy: Array, cache: DropoutCache) -> Array:
    xp = array_namespace(dy)
    top = xp.max(cache.scale) if cache.scale.shape[0] else 1.0
    return dy * xp.astype(xp.asarray(np.random.default_rng(0).random(dy.shape) >= 0.5), dy.dtype) * top


OWN = np.random.default_rng(0)

FAULTS = faults(
    sigmoid_forward={
        "sign": ("computes 1 / (1 + exp v)", before(negative)),
        "tanh": ("is tanh, whose derivative is another", squashed(lambda v: array_namespace(v).tanh(v))),
        "overflow": (
            "computes exp(-v) without regard to its sign, which overflows",
            squashed(lambda v: 1 / (1 + array_namespace(v).exp(-v))),
        ),
        "small values lost": (
            "computes 1 - s(-v), which is 0 where s(v) is below the precision",
            squashed(lambda v: 1 - sigmoid_forward(-v)[0]),
        ),
        "clipped": ("does not go below 1e-7", squashed(clipped)),
        "caches v": ("caches v where backward expects y", instead(lambda cache, v: SigmoidCache(v), 1)),
    },
    sigmoid_backward={
        "missing sigmoid'": ("equals the right value without sigmoid'", lambda dy, cache: +dy),
        "half of sigmoid'": ("multiplies by y where y (1 - y) belongs", lambda dy, cache: dy * cache.y),
        "tanh'": ("multiplies by 1 - y^2, the derivative of tanh", lambda dy, cache: dy * (1 - cache.y * cache.y)),
        "sigmoid' twice": ("applies sigmoid' twice", twice),
        "sigmoid' of y": (
            "takes sigmoid' at y where v belongs",
            lambda dy, cache: sigmoid_backward(dy, sigmoid_forward(cache.y)[1]),
        ),
    },
    relu_forward={
        "leaks": (
            "lets a hundredth of negative values through",
            instead(lambda y, v: array_namespace(v).where(v <= 0, v / 100, v), 0),
        ),
        "absolute value": ("is |v|", instead(lambda y, v: array_namespace(v).abs(v), 0)),
    },
    relu_backward={
        "unmasked": ("passes dy on where v < 0 too", lambda dy, cache: +dy),
        "masked by dy": ("drops negative dy too", before(lambda dy: relu_forward(dy)[0])),
        "mask inverted": ("passes dy on where v < 0 and only there", cached(v=negative)),
        "tie: one": ("passes dy on at v = 0, where the rule is 0", at_zero(1.0)),
        "tie: half": ("passes half of dy on at v = 0, where the rule is 0", at_zero(0.5)),
        "rows misaligned": ("masks each example with its neighbour's mask", cached(v=next_row)),
        "times v": ("multiplies by v where the mask belongs", lambda dy, cache: dy * relu_forward(cache.v)[0]),
    },
    maxout_forward={
        "smallest": ("takes the smallest piece", smallest),
        "pieces strided": ("reads the pieces of a unit m apart where they stand side by side", strided),
        "last piece skipped": ("never reads the last piece", skipping_a_piece),
        "largest magnitude": ("takes the piece of largest |v|", maxout_by_magnitude),
        "tie: last": ("lets the last piece win a tie, where the first has to", maxout_last_wins),
    },
    maxout_backward={
        "to every piece": ("gives dy to every piece of a unit", maxout_to_all),
        "shared by the pieces": (
            "gives each piece its share of dy",
            lambda dy, cache: maxout_to_all(dy, cache) / cache.pieces,
        ),
        "next piece": ("gives dy to the piece after the winner", cached(winner=lambda winner: winner + 1)),
        "neighbour's winner": ("uses the winner of the unit beside", cached(winner=neighbour)),
        "laid out by piece": ("returns dv piece by piece where it belongs unit by unit", maxout_laid_out_by_piece),
    },
    dropout_forward={
        "unscaled": ("leaves out 1 / (1 - rate)", rescaled(lambda scale, rate: scale * (1 - rate))),
        "rate for 1 - rate": ("drops with probability 1 - rate", before(lambda rate: 1 - rate if rate else rate, 1)),
        "one mask for the batch": ("drops the same inputs of every example", rescaled(first_rows_mask)),
        "own generator": ("draws from a generator of its own", before(lambda rng: OWN, 2)),
    },
    dropout_backward={
        "mask redrawn": ("draws another mask than forward did", redrawn),
        "unmasked": ("passes dy on where forward dropped", lambda dy, cache: +dy),
        "scale lost": (
            "leaves out 1 / (1 - rate)",
            instead(lambda dv, dy, cache: dy * array_namespace(dy).astype(cache.scale > 0, dy.dtype)),
        ),
        "mask inverted": (
            "passes on what forward dropped",
            instead(lambda dv, dy, cache: array_namespace(dy).where(cache.scale > 0, dy * 0, dy)),
        ),
        "scaled twice": ("applies 1 / (1 - rate) twice", twice),
    },
)
