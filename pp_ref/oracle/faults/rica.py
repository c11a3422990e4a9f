"""Mistakes in Reconstruction ICA, put together from operations that are each right.

Public answers to the exercise that the objective "ufldl" comes from go wrong in six ways, all of them here or among its
operations. Half of the answers that were looked at optimise another objective and differentiate that one rightly, so
that a check of their gradient against their own loss finds nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.reconstruction import (
    moment_reconstruction_backward,
    moment_reconstruction_forward,
    second_moment_forward,
)
from pp_ref.layers.sparsity import log_cosh_backward, log_cosh_forward, smooth_abs_backward, smooth_abs_forward
from pp_ref.layers.unit_columns import UnitColumnsCache, unit_columns_backward, unit_columns_forward
from pp_ref.models import RICA, Full, Params, PreparedPatches
from pp_ref.models.rica import UFLDL_LAMBDA
from pp_ref.oracle.faults.fault import Derived, Mistakes, before, eleven_bits, faults, instead, negative, neighbour
from pp_ref.oracle.faults.models import Result, changed, each, stepping
from pp_ref.oracle.faults.predicted import kept_rows
from pp_ref.oracle.faults.reconstruction import norms_not_differentiated, one_root, one_use_of_W, squares_for_roots

__all__ = ["FAULTS"]

right_rica = RICA.loss_and_gradient


# The model, put together by hand from the definition. A wrong objective is given with its own right gradient.

Penalty = Callable[[Array, float], tuple[Array, Array]]


def _trade_off(model: RICA) -> float:
    return UFLDL_LAMBDA if model.trade_off is None else model.trade_off


def assembled(
    penalty: Penalty | None = None,
    *,
    share: Callable[[float, int], float] = lambda b, n: b,
    normalised: bool | None = None,
    on: str = "ufldl",
    pull_norms: Callable[[Array, UnitColumnsCache], Array] = unit_columns_backward,
    pull_error: Callable[[Any, Any], Any] = lambda b, cache: moment_reconstruction_backward(b, cache)[1],
) -> Callable[..., Result]:
    """An objective with another penalty(z, eps) -> (loss, gradient with respect to z), share of the reconstruction,
    or pass through the norms; the models of the other objective are left right."""

    def wrong(model: RICA, params: Params, x: Array, y: None = None) -> Result:
        if model.objective != on:
            return right_rica(model, params, x, y)
        n, trade_off = x.shape[0], _trade_off(model)
        a, b = (trade_off, 0.5) if on == "ufldl" else (1.0, trade_off / max(n, 1))
        W, expanded = model.weights.expand(params)
        scaled = on == "ufldl" if normalised is None else normalised
        What, norms = unit_columns_forward(W) if scaled else (W, None)
        error, cache = moment_reconstruction_forward(second_moment_forward(x)[0], What)
        z = x @ What
        sparsity, dz = (penalty or PENALTIES[on])(z, model.eps)
        dWhat = a * (x.T @ dz) + pull_error(share(b, n), cache)
        dW = dWhat if norms is None else pull_norms(dWhat, norms)
        gradient = model.weights.expand_backward(dW, expanded)
        return a * sparsity + share(b, n) * error, {name: gradient[name] for name in params}

    return wrong


def penalty(forward: Callable[[Array, float], Any], pull: Callable[[Any], Array] | None = None) -> Penalty:
    """That of an operation, with its right gradient, or with pull(cache) for it."""
    pull = pull or (lambda cache: smooth_abs_backward(1.0, cache))

    def wrong(z: Array, eps: float) -> tuple[Array, Array]:
        loss, cache = forward(z, eps)
        return loss, pull(cache)

    return wrong


SMOOTH_ABS = penalty(smooth_abs_forward)
LOG_COSH = penalty(lambda z, eps: log_cosh_forward(z), lambda cache: log_cosh_backward(1.0, cache))
PENALTIES: dict[str, Penalty] = {"ufldl": SMOOTH_ABS, "le2011": LOG_COSH}


def times(factor: Callable[[int], float]) -> Penalty:
    def wrong(z: Array, eps: float) -> tuple[Array, Array]:
        loss, dz = SMOOTH_ABS(z, eps)
        return factor(z.shape[0]) * loss, factor(z.shape[0]) * dz

    return wrong


def square_before_product(gradient_too: bool) -> Callable[..., Result]:
    """sqrt(v^2 What + eps), as W * x.^2 reads; with its own gradient, or with that of the right objective.

    eps is added to |v^2 What|: its root has to exist.
    """

    def wrong(model: RICA, params: Params, x: Array, y: None = None) -> Result:
        loss, gradient = right_rica(model, params, x, y)
        if model.objective != "ufldl":
            return loss, gradient
        trade_off = _trade_off(model)
        xp = array_namespace(x)
        W, expanded = model.weights.expand(params)
        What, norms = unit_columns_forward(W)
        right, right_cache = smooth_abs_forward(x @ What, model.eps)
        q = x * x @ What
        root = xp.sqrt(xp.maximum(q, -q) + model.eps)
        loss = loss + trade_off * (xp.sum(root) - right)
        if gradient_too:
            dq = xp.where(
                xp.real(q) >= 0 if xp.isdtype(q.dtype, "complex floating") else q >= 0, 0.5 / root, -0.5 / root
            )
            dWhat = (x * x).T @ dq - x.T @ smooth_abs_backward(1.0, right_cache)
            moved = model.weights.expand_backward(unit_columns_backward(trade_off * dWhat, norms), expanded)
            gradient = {name: g + moved[name] for name, g in gradient.items()}
        return loss, gradient

    return wrong


def sparsity_of_unscaled(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """Penalises v W and reconstructs by What; both rightly differentiated."""
    if model.objective != "ufldl":
        return right_rica(model, params, x, y)
    W, expanded = model.weights.expand(params)
    What, norms = unit_columns_forward(W)
    error, cache = moment_reconstruction_forward(second_moment_forward(x)[0], What)
    sparsity, dz = SMOOTH_ABS(x @ W, model.eps)
    trade_off = _trade_off(model)
    dW = trade_off * (x.T @ dz) + unit_columns_backward(moment_reconstruction_backward(0.5, cache)[1], norms)
    gradient = model.weights.expand_backward(dW, expanded)
    return trade_off * sparsity + error / 2, {name: gradient[name] for name in params}


def norms_of_w(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """Scales the columns of the learned w in place of those of U w, and differentiates that rightly."""
    if model.objective != "ufldl" or model.weights.dictionary is None:
        return right_rica(model, params, x, y)
    scaled = {name: unit_columns_forward(w) for name, w in params.items()}
    loss, gradient = assembled(normalised=False)(model, {name: w for name, (w, _) in scaled.items()}, x, y)
    return loss, {name: unit_columns_backward(g, scaled[name][1]) for name, g in gradient.items()}


def kept_rows_of_dW(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """Takes the first rows of dW for dw, though U spreads every w over all weights."""
    loss, gradient = right_rica(model, params, x, y)
    if model.weights.dictionary is None:
        return loss, gradient
    W, _ = model.weights.expand(params)
    full = replace(model, weights=Full(model.weights.d, model.weights.m))
    dW = right_rica(full, {"W": W}, x, y)[1]["W"]
    return loss, dict(zip(gradient, kept_rows(dW, list(gradient.values())), strict=True))


def trade_off_on_the_other_term(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """sparsity + lambda / 2 reconstruction, in loss and gradient alike."""
    if model.objective != "ufldl":
        return right_rica(model, params, x, y)
    trade_off = _trade_off(model)
    loss, gradient = right_rica(replace(model, trade_off=1 / trade_off), params, x, y)
    return loss * trade_off, {name: g * trade_off for name, g in gradient.items()}


def squared_in_place(found: Result, model: RICA, params: Params, x: Array, *_: Any) -> Result:
    x[...] = x * x
    return found


# What is computed once of the patches.


def moment(change: Callable[[Array, Array], Array]) -> Derived:
    return instead(lambda right, model, x: replace(right, second_moment=change(right.second_moment, x)))


def centred_moment(S: Array, x: Array) -> Array:
    xp = array_namespace(x)
    mean = xp.sum(xp.astype(x, S.dtype), axis=0) / max(x.shape[0], 1)
    return S - mean[:, None] * mean[None, :] * x.shape[0]


def first_columns_dictionary(right: PreparedPatches, model: RICA, x: Array) -> PreparedPatches:
    fits = [v.shape == right.inputs[0].shape for v in right.inputs]
    return replace(right, inputs=[right.inputs[0] if fit else v for v, fit in zip(right.inputs, fits, strict=True)])


def moment_of_pooled(right: PreparedPatches, model: RICA, x: Array) -> PreparedPatches:
    pooled = right.inputs[0]
    if pooled.shape != x.shape or right.dictionary is None:
        return right
    return replace(right, second_moment=array_namespace(x).astype(pooled.T @ pooled, right.second_moment.dtype))


def kept_inputs(right: PreparedPatches, model: RICA, x: Array) -> PreparedPatches:
    """The inputs at the kept weights' places (here the first k) in place of the patches pooled by U."""
    if right.dictionary is None:
        return right
    return replace(right, inputs=[x[:, : pooled.shape[1]] for pooled in right.inputs])


@Derived
def prepared_once(right: Callable[..., PreparedPatches]) -> Callable[..., PreparedPatches]:
    """Keeps what it prepared of the first patches of each shape."""
    kept: dict[Any, PreparedPatches] = {}

    def wrong(model: RICA, x: Array) -> PreparedPatches:
        now = right(model, x)
        first = kept.setdefault((*(v.shape for v in now.inputs), x.dtype, type(x)), now)
        return replace(first, dictionary=now.dictionary)

    return wrong


# Another objective with its own right gradient.
OBJECTIVES: Mistakes = {
    "group penalty": ("takes the root of the sum over a patch's features", assembled(penalty(one_root(1)))),
    "group penalty over patches": (
        "takes the root of the sum over a feature's patches",
        assembled(penalty(one_root(0))),
    ),
    "reconstruction divided by n": (
        "divides the reconstruction and not the sparsity by the number of patches",
        assembled(share=lambda b, n: b / max(n, 1)),
    ),
    "root lost": ("sums z^2 + eps without the root", assembled(penalty(squares_for_roots))),
    "squares before the product": (
        "squares the patches and not the features, sqrt(v^2 W + eps)",
        square_before_product(gradient_too=True),
    ),
    "sparsity omitted": ("reconstructs and no more", assembled(times(lambda n: 0.0))),
    "not normalised": ("leaves the norms as they are", assembled(normalised=False)),
    "reconstruction not halved": ("leaves out the 1/2 of ufldl's reconstruction", assembled(share=lambda b, n: 2 * b)),
    "sparsity divided by n": (
        "divides the sparsity and not the reconstruction by the number of patches",
        assembled(times(lambda n: 1 / max(n, 1))),
    ),
    "sparsity of v W": ("penalises v W and reconstructs by unit columns", sparsity_of_unscaled),
    "norms of w": ("scales w in place of U w to unit norm", norms_of_w),
    "le2011: not divided by n": (
        "sums le2011's reconstruction where it is a mean over patches",
        assembled(on="le2011", share=lambda b, n: b * n),
    ),
    "le2011: normalised": ("scales le2011's columns to unit norm as well", assembled(on="le2011", normalised=True)),
    "le2011: halved": ("halves le2011's reconstruction", assembled(on="le2011", share=lambda b, n: b / 2)),
    "le2011: smooth_abs": ("has ufldl's sparsity in le2011", assembled(SMOOTH_ABS, on="le2011")),
    "trade-off on the other term": (
        "weighs the reconstruction by lambda and not the sparsity",
        trade_off_on_the_other_term,
    ),
}


FAULTS = faults(
    RICA,
    loss_and_gradient={
        name: (f"{sentence}, in loss and gradient alike", wrong) for name, (sentence, wrong) in OBJECTIVES.items()
    }
    | {
        "root lost in the gradient": (
            "takes z / (z^2 + eps) for the gradient of the sparsity",
            assembled(penalty(smooth_abs_forward, lambda cache: cache.z / (cache.root * cache.root))),
        ),
        "squares before the product in the loss": (
            "reports sqrt(v^2 W + eps), and differentiates the right sparsity",
            square_before_product(gradient_too=False),
        ),
        "sparsity omitted from the gradient": (
            "has the gradient of the reconstruction alone",
            assembled(penalty(smooth_abs_forward, lambda cache: 0 * cache.z)),
        ),
        "norms not differentiated": (
            "takes the norms for constants in the gradient",
            assembled(pull_norms=norms_not_differentiated),
        ),
        "gradient of the directions": (
            "returns the gradient with respect to the scaled filters",
            assembled(pull_norms=lambda dWhat, cache: dWhat),
        ),
        "one use of W": (
            "differentiates the encoder or the decoder, not both",
            assembled(pull_error=lambda b, cache: one_use_of_W(b, cache)[1]),
        ),
        "kept weights only": ("takes dw at the first rows of dW in place of U^T dW", kept_rows_of_dW),
        "uphill": ("has the opposite sign of the gradient", changed(each(negative))),
        "neighbour's filter": ("gives every filter its neighbour's gradient", changed(each(neighbour))),
        "loss halved": ("reports half the loss", changed(lambda gradient, params: {}, 0.5)),
        "eleven bits": ("keeps eleven bits of the gradient", changed(each(eleven_bits))),
        "last patch forgotten": ("leaves out the last patch", before(lambda x: x[:-1, ...] if x.shape[0] else x, 2)),
        "parameters overwritten": ("takes the step itself", stepping),
        "patches overwritten": ("squares the patches in place", instead(squared_in_place)),
    },
    prepare={
        "centred moment": (
            "subtracts the mean from the second moment and not from the patches",
            moment(centred_moment),
        ),
        "moment over n": ("divides the second moment by n", moment(lambda S, x: S / max(x.shape[0], 1))),
        "moment in eleven bits": ("rounds the second moment to eleven bits", moment(lambda S, x: eleven_bits(S))),
        "first dictionary for all": (
            "pools every column by the first dictionary, wherever it fits",
            instead(first_columns_dictionary),
        ),
        "moment of pooled patches": (
            "takes the second moment of pooled patches wherever k = d",
            instead(moment_of_pooled),
        ),
        "kept inputs": ("reads the inputs at the kept places in place of v U", instead(kept_inputs)),
        "prepared once": ("keeps what it made of the first patches of this size", prepared_once),
    },
)
