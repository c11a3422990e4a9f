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
from pp_ref.layers.sparsity import (
    log_cosh_backward,
    log_cosh_forward,
    smooth_abs_backward,
    smooth_abs_forward,
)
from pp_ref.layers.unit_columns import UnitColumnsCache, unit_columns_backward, unit_columns_forward
from pp_ref.models import RICA, Full, Params, PreparedPatches
from pp_ref.models.rica import UFLDL_LAMBDA
from pp_ref.oracle.faults.fault import (
    eleven_bits,
    faults,
    negative,
    neighbour,
)
from pp_ref.oracle.faults.models import Result, changed, each, stepping
from pp_ref.oracle.faults.reconstruction import (
    group_penalty,
    norms_not_differentiated,
    one_use_of_W,
    squares_for_roots,
)

right_rica = RICA.loss_and_gradient


# The model, put together by hand from the definition. A wrong objective is given with its own right gradient.

Penalty = Callable[[Array, float, Array], tuple[Array, Array]]


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
    """An objective with another penalty(z, eps, v) -> (loss, gradient with respect to z), share of the reconstruction,
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
        sparsity, dz = (penalty or PENALTIES[on])(z, model.eps, What)
        dWhat = a * (x.T @ dz) + pull_error(share(b, n), cache)
        dW = dWhat if norms is None else pull_norms(dWhat, norms)
        gradient = model.weights.expand_backward(dW, expanded)
        return a * sparsity + share(b, n) * error, {name: gradient[name] for name in params}

    return wrong


def _smooth_abs(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, cache = smooth_abs_forward(z, eps)
    return loss, smooth_abs_backward(1.0, cache)


def _log_cosh(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, cache = log_cosh_forward(z)
    return loss, log_cosh_backward(1.0, cache)


PENALTIES: dict[str, Penalty] = {"ufldl": _smooth_abs, "le2011": _log_cosh}


def _grouped(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, cache = group_penalty(z, eps)
    return loss, smooth_abs_backward(1.0, cache)


def _grouped_over_patches(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, cache = group_penalty(z.T, eps)
    return loss, smooth_abs_backward(1.0, cache).T


def _squared(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, cache = squares_for_roots(z, eps)
    return loss, smooth_abs_backward(1.0, cache)


def _nothing(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    return 0 * array_namespace(z).sum(z), 0 * z


def _slope(change: Callable[[Array, Array], Array]) -> Penalty:
    """The right sparsity, with change(z, root) for its gradient."""

    def penalty(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
        loss, cache = smooth_abs_forward(z, eps)
        return loss, change(cache.z, cache.root)

    return penalty


def _mean_over_patches(z: Array, eps: float, W: Array) -> tuple[Array, Array]:
    loss, dz = _smooth_abs(z, eps, W)
    return loss / max(z.shape[0], 1), dz / max(z.shape[0], 1)


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
    sparsity, dz = _smooth_abs(x @ W, model.eps, W)
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
    dW, start = right_rica(full, {"W": W}, x, y)[1]["W"], 0
    for name, w in params.items():
        gradient[name] = dW[: w.shape[0], start : start + w.shape[1]]
        start += w.shape[1]
    return loss, gradient


def trade_off_on_the_other_term(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """sparsity + lambda / 2 reconstruction, in loss and gradient alike."""
    if model.objective != "ufldl":
        return right_rica(model, params, x, y)
    trade_off = _trade_off(model)
    loss, gradient = right_rica(replace(model, trade_off=1 / trade_off), params, x, y)
    return loss * trade_off, {name: g * trade_off for name, g in gradient.items()}


def patches_squared_in_place(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    """Makes the patches' squares where the patches are."""
    result = right_rica(model, params, x, y)
    x[...] = x * x
    return result


def last_patch_forgotten(model: RICA, params: Params, x: Array, y: None = None) -> Result:
    return right_rica(model, params, x[:-1, ...] if x.shape[0] else x, y)


# What is computed once of the patches.


def prepared(change: Callable[[RICA, Array, PreparedPatches], PreparedPatches]) -> Callable[..., PreparedPatches]:
    return lambda model, x: change(model, x, RICA.prepare(model, x))


def moment(change: Callable[[Array, Array], Array]) -> Callable[..., PreparedPatches]:
    return prepared(lambda model, x, right: replace(right, second_moment=change(right.second_moment, x)))


def centred_moment(S: Array, x: Array) -> Array:
    xp = array_namespace(x)
    mean = xp.sum(xp.astype(x, S.dtype), axis=0) / max(x.shape[0], 1)
    return S - mean[:, None] * mean[None, :] * x.shape[0]


def first_columns_dictionary(model: RICA, x: Array, right: PreparedPatches) -> PreparedPatches:
    fits = [v.shape == right.inputs[0].shape for v in right.inputs]
    return replace(right, inputs=[right.inputs[0] if fit else v for v, fit in zip(right.inputs, fits, strict=True)])


def moment_of_pooled(model: RICA, x: Array, right: PreparedPatches) -> PreparedPatches:
    pooled = right.inputs[0]
    if pooled.shape != x.shape or right.dictionary is None:
        return right
    return replace(right, second_moment=array_namespace(x).astype(pooled.T @ pooled, right.second_moment.dtype))


def kept_inputs(model: RICA, x: Array, right: PreparedPatches) -> PreparedPatches:
    """The inputs at the kept weights' places (here the first k) in place of the patches pooled by U."""
    if right.dictionary is None:
        return right
    return replace(right, inputs=[x[:, : pooled.shape[1]] for pooled in right.inputs])


def prepared_once() -> Callable[..., PreparedPatches]:
    """Keeps what it prepared of the first patches of each shape."""
    kept: dict[Any, PreparedPatches] = {}

    def wrong(model: RICA, x: Array) -> PreparedPatches:
        right = RICA.prepare(model, x)
        shapes = tuple(v.shape for v in right.inputs)
        last = kept.setdefault((shapes, x.dtype, type(x)), right)
        return replace(last, dictionary=right.dictionary)

    return wrong


FAULTS = faults(
    {
        "RICA.loss_and_gradient": {
            "group penalty": (
                "takes the root of the sum over a patch's features, in loss and gradient alike",
                assembled(_grouped),
            ),
            "group penalty over patches": (
                "takes the root of the sum over a feature's patches, in loss and gradient alike",
                assembled(_grouped_over_patches),
            ),
            "reconstruction divided by n": (
                "divides the reconstruction and not the sparsity by the number of patches, in loss and gradient alike",
                assembled(share=lambda b, n: b / max(n, 1)),
            ),
            "root lost in the gradient": (
                "takes z / (z^2 + eps) for the gradient of the sparsity",
                assembled(_slope(lambda z, root: z / (root * root))),
            ),
            "root lost": ("sums z^2 + eps without the root, in loss and gradient alike", assembled(_squared)),
            "squares before the product": (
                "squares the patches and not the features, sqrt(v^2 W + eps), in loss and gradient alike",
                square_before_product(gradient_too=True),
            ),
            "squares before the product in the loss": (
                "reports sqrt(v^2 W + eps), and differentiates the right sparsity",
                square_before_product(gradient_too=False),
            ),
            "sparsity omitted from the gradient": (
                "has the gradient of the reconstruction alone",
                assembled(_slope(lambda z, root: 0 * z)),
            ),
            "sparsity omitted": ("reconstructs and no more, in loss and gradient alike", assembled(_nothing)),
            "norms not differentiated": (
                "takes the norms for constants in the gradient",
                assembled(pull_norms=norms_not_differentiated),
            ),
            "not normalised": ("leaves the norms as they are, in loss and gradient alike", assembled(normalised=False)),
            "gradient of the directions": (
                "returns the gradient with respect to the scaled filters",
                assembled(pull_norms=lambda dWhat, cache: dWhat),
            ),
            "one use of W": (
                "differentiates the encoder or the decoder, not both",
                assembled(pull_error=lambda b, cache: one_use_of_W(b, cache)[1]),
            ),
            "reconstruction not halved": (
                "leaves out the 1/2 of ufldl's reconstruction, in loss and gradient alike",
                assembled(share=lambda b, n: 2 * b),
            ),
            "sparsity divided by n": (
                "divides the sparsity and not the reconstruction by the number of patches, in loss and gradient alike",
                assembled(_mean_over_patches),
            ),
            "sparsity of v W": (
                "penalises v W and reconstructs by unit columns, in loss and gradient alike",
                sparsity_of_unscaled,
            ),
            "norms of w": ("scales w in place of U w to unit norm, in loss and gradient alike", norms_of_w),
            "kept weights only": ("takes dw at the first rows of dW in place of U^T dW", kept_rows_of_dW),
            "le2011: not divided by n": (
                "sums le2011's reconstruction where it is a mean over patches, in loss and gradient alike",
                assembled(on="le2011", share=lambda b, n: b * n),
            ),
            "le2011: normalised": (
                "scales le2011's columns to unit norm as well, in loss and gradient alike",
                assembled(on="le2011", normalised=True),
            ),
            "le2011: halved": (
                "halves le2011's reconstruction, in loss and gradient alike",
                assembled(on="le2011", share=lambda b, n: b / 2),
            ),
            "le2011: smooth_abs": (
                "has ufldl's sparsity in le2011, in loss and gradient alike",
                assembled(_smooth_abs, on="le2011"),
            ),
            "trade-off on the other term": (
                "weighs the reconstruction by lambda and not the sparsity, in loss and gradient alike",
                trade_off_on_the_other_term,
            ),
            "uphill": ("has the opposite sign of the gradient", changed(right_rica, each(negative))),
            "neighbour's filter": ("gives every filter its neighbour's gradient", changed(right_rica, each(neighbour))),
            "loss halved": ("reports half the loss", changed(right_rica, lambda gradient, params: {}, 0.5)),
            "eleven bits": ("keeps eleven bits of the gradient", changed(right_rica, each(eleven_bits))),
            "last patch forgotten": ("leaves out the last patch", last_patch_forgotten),
            "parameters overwritten": ("takes the step itself", stepping(right_rica)),
            "patches overwritten": ("squares the patches in place", patches_squared_in_place),
        },
        "RICA.prepare": {
            "centred moment": (
                "subtracts the mean from the second moment and not from the patches",
                moment(centred_moment),
            ),
            "moment over n": ("divides the second moment by n", moment(lambda S, x: S / max(x.shape[0], 1))),
            "moment in eleven bits": ("rounds the second moment to eleven bits", moment(lambda S, x: eleven_bits(S))),
            "first dictionary for all": (
                "pools every column by the first dictionary, wherever it fits",
                prepared(first_columns_dictionary),
            ),
            "moment of pooled patches": (
                "takes the second moment of pooled patches wherever k = d",
                prepared(moment_of_pooled),
            ),
            "kept inputs": ("reads the inputs at the kept places in place of v U", prepared(kept_inputs)),
            "prepared once": ("keeps what it made of the first patches of this size", prepared_once()),
        },
    }
)
