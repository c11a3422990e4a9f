"""Mistakes in what Reconstruction ICA is made of: unit columns, sparsity, reconstruction."""

from collections.abc import Callable
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.reconstruction import (
    ExamplesCache,
    MomentReconstructionCache,
    SecondMomentCache,
    moment_reconstruction_backward,
    moment_reconstruction_forward,
    reconstruction_backward,
    reconstruction_forward,
    second_moment_backward,
    second_moment_forward,
)
from pp_ref.layers.sparsity import (
    LogCoshCache,
    SmoothAbsCache,
    log_cosh_backward,
    log_cosh_forward,
    smooth_abs_backward,
    smooth_abs_forward,
)
from pp_ref.layers.unit_columns import UnitColumnsCache, unit_columns_backward, unit_columns_forward
from pp_ref.oracle.faults.fault import (
    Fault,
    accumulating,
    after,
    before,
    cached,
    double_precision,
    doubled,
    eleven_bits,
    halved,
    last_row_missing,
    nan_to_zero,
    negative,
    next_row,
    stale,
    transposed_if_square,
    zero,
)

# The norms.


def scaled_by(norms_of: Callable[[Any, Array], Array]) -> Callable[..., Any]:
    """Columns divided by something else, and differentiated as if that were their norm."""

    def wrong(W: Array) -> tuple[Array, UnitColumnsCache]:
        norms = norms_of(array_namespace(W), W)
        return W / norms, UnitColumnsCache(W / norms, norms)

    return wrong


def row_norms(W: Array) -> tuple[Array, UnitColumnsCache]:
    if W.shape[0] != W.shape[1]:
        return unit_columns_forward(W)
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=1))
    return W / norms, UnitColumnsCache(W / norms, norms)


def norms_not_differentiated(dWhat: Array, cache: UnitColumnsCache) -> Array:
    return dWhat / cache.norms


def norms_projected_alone(dWhat: Array, cache: UnitColumnsCache) -> Array:
    return unit_columns_backward(dWhat, cache) * cache.norms


def norms_squared(dWhat: Array, cache: UnitColumnsCache) -> Array:
    return unit_columns_backward(dWhat, cache) / cache.norms


def projected_on_all_columns(dWhat: Array, cache: UnitColumnsCache) -> Array:
    xp = array_namespace(dWhat)
    return (dWhat - cache.directions * xp.sum(cache.directions * dWhat)) / cache.norms


# The sparsity.


def group_penalty(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """One root for all features of a patch, differentiated as such."""
    xp = array_namespace(z)
    root = xp.sqrt(xp.sum(z * z, axis=1, keepdims=True) + eps)
    return xp.sum(root), SmoothAbsCache(z, root)


def root_of_the_sum(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    xp = array_namespace(z)
    root = xp.sqrt(xp.sum(z * z) + eps)
    return root, SmoothAbsCache(z, root)


def eps_outside(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    xp = array_namespace(z)
    return xp.sum(xp.abs(z) + eps), SmoothAbsCache(z, xp.abs(z))


def eps_squared(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    return smooth_abs_forward(z, eps * eps)


def squares_for_roots(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """sum z^2 + eps, differentiated as such."""
    xp = array_namespace(z)
    return xp.sum(z * z + eps), SmoothAbsCache(z, xp.ones_like(z) / 2)


def root_lost(dloss: Any, cache: SmoothAbsCache) -> Array:
    return cache.z / (cache.root * cache.root) * dloss


def root_forgotten(dloss: Any, cache: SmoothAbsCache) -> Array:
    return cache.z * dloss


def sign_for_slope(dloss: Any, cache: SmoothAbsCache) -> Array:
    return array_namespace(cache.z).sign(cache.z) * dloss


def dloss_ignored(dloss: Any, cache: SmoothAbsCache) -> Array:
    return cache.z / cache.root


def overflowing_cosh(z: Array) -> tuple[Array, LogCoshCache]:
    xp = array_namespace(z)
    return xp.sum(xp.log(xp.cosh(z))), LogCoshCache(xp.tanh(z))


def cosh_without_two(z: Array) -> tuple[Array, LogCoshCache]:
    loss, cache = log_cosh_forward(z)
    return loss + 0.6931471805599453 * z.shape[0] * z.shape[1], cache


def log_cosh_mean(z: Array) -> tuple[Array, LogCoshCache]:
    """Divides by the number of entries, in loss and gradient alike."""
    loss, cache = log_cosh_forward(z)
    entries = max(z.shape[0] * z.shape[1], 1)
    return loss / entries, LogCoshCache(cache.tanh / entries)


def log_cosh_signed(z: Array) -> tuple[Array, LogCoshCache]:
    """z - log(1 + tanh z), which is right for z >= 0."""
    xp = array_namespace(z)
    tanh = xp.tanh(z)
    return xp.sum(z - xp.log1p(xp.maximum(tanh, -tanh))), LogCoshCache(tanh)


def slope_of_the_slope(dloss: Any, cache: LogCoshCache) -> Array:
    return (1 - cache.tanh * cache.tanh) * dloss


# The reconstruction.


def centred(v: Array) -> tuple[Array, SecondMomentCache]:
    """The covariance, as if patches had no mean."""
    xp = array_namespace(v)
    return second_moment_forward(v - xp.sum(v, axis=0) / max(v.shape[0], 1))


def moment_over_n(v: Array) -> tuple[Array, SecondMomentCache]:
    S, cache = second_moment_forward(v)
    return S / max(v.shape[0], 1), cache


def moment_of_units(v: Array) -> tuple[Array, SecondMomentCache]:
    return v @ v.T if v.shape[0] == v.shape[1] else v.T @ v, SecondMomentCache(v)


def without_identity(S: Array, W: Array) -> tuple[Array, MomentReconstructionCache]:
    """tr of the reconstruction's own moment: nothing is compared with v."""
    xp = array_namespace(S)
    A = W @ W.T
    return xp.sum(A * (S @ A)), MomentReconstructionCache(S, W, A)


def decorrelated_filters(S: Array, W: Array) -> tuple[Array, MomentReconstructionCache]:
    """W^T W - I wherever that has the same shape: orthonormal filters in place of reconstruction."""
    xp = array_namespace(S)
    A = (W.T @ W if W.shape[0] == W.shape[1] else W @ W.T) - xp.eye(W.shape[0], dtype=W.dtype)
    return xp.sum(A * (S @ A)), MomentReconstructionCache(S, W, A)


def moment_once(S: Array, W: Array) -> tuple[Array, MomentReconstructionCache]:
    """tr(S A) for tr(A^T S A)."""
    _, cache = moment_reconstruction_forward(S, W)
    return array_namespace(S).sum(S * cache.A.T), cache


def symmetric_moment_assumed(dloss: Any, cache: MomentReconstructionCache) -> Any:
    S, W, A = cache
    dA = S @ A * (2 * dloss)
    return A @ A.T * dloss, (dA + dA.T) @ W


def one_use_of_W(dloss: Any, cache: MomentReconstructionCache) -> Any:
    S, W, A = cache
    return A @ A.T * dloss, (S + S.T) @ A @ W * dloss


def reconstruction_mean(v: Array, W: Array, *order: Any) -> Any:
    loss, cache = reconstruction_forward(v, W, *order)
    return loss / max(v.shape[0], 1), cache


def reconstruction_halved(v: Array, W: Array, *order: Any) -> Any:
    loss, cache = reconstruction_forward(v, W, *order)
    return loss / 2, cache


def untied(v: Array, W: Array, *order: Any) -> Any:
    """v W W in place of v W W^T, wherever W is square; by examples."""
    xp = array_namespace(v)
    z = v @ W
    error = z @ transposed_if_square(W.T) - v
    return xp.sum(error * error), ExamplesCache(v, W, z, error)


def distance_for_square(v: Array, W: Array, *order: Any) -> Any:
    """sum |e| over patches in place of |e|^2."""
    xp = array_namespace(v)
    z = v @ W
    error = z @ W.T - v
    return xp.sum(xp.sqrt(xp.sum(error * error, axis=1))), ExamplesCache(v, W, z, error)


def _examples_alone(wrong: Callable[..., Any]) -> Callable[..., Any]:
    """A backward pass that is wrong by examples and right by the moment."""
    return lambda dloss, cache: (
        wrong(dloss, cache) if isinstance(cache, ExamplesCache) else reconstruction_backward(dloss, cache)
    )


@_examples_alone
def decoder_omitted(dloss: Any, cache: ExamplesCache) -> Any:
    dv, _ = reconstruction_backward(dloss, cache)
    return dv, cache.v.T @ (cache.error @ cache.W) * (2 * dloss)


@_examples_alone
def encoder_omitted(dloss: Any, cache: ExamplesCache) -> Any:
    dv, _ = reconstruction_backward(dloss, cache)
    return dv, cache.error.T @ cache.z * (2 * dloss)


@_examples_alone
def target_omitted(dloss: Any, cache: ExamplesCache) -> Any:
    dv, dW = reconstruction_backward(dloss, cache)
    return dv + cache.error * (2 * dloss), dW


FAULTS = (
    Fault(
        "norms of rows",
        "unit_columns_forward",
        "divides by the norms of the rows wherever W is square",
        row_norms,
    ),
    Fault(
        "one norm for all",
        "unit_columns_forward",
        "divides by the norm of the whole matrix",
        scaled_by(lambda xp, W: xp.sqrt(xp.sum(W * W)) * xp.ones_like(W[0, :])),
    ),
    Fault(
        "squared norms",
        "unit_columns_forward",
        "divides by the squares of the norms",
        scaled_by(lambda xp, W: xp.sum(W * W, axis=0)),
    ),
    Fault(
        "norms with an epsilon",
        "unit_columns_forward",
        "adds 1e-5 under the root, so that columns are a little short of unit norm",
        scaled_by(lambda xp, W: xp.sqrt(xp.sum(W * W, axis=0) + 1e-5)),
    ),
    Fault(
        "sums of magnitudes",
        "unit_columns_forward",
        "divides by the sums of the magnitudes, not by the norms",
        scaled_by(lambda xp, W: xp.sum(xp.abs(W), axis=0)),
    ),
    Fault(
        "norms not differentiated",
        "unit_columns_backward",
        "takes the norms for constants",
        norms_not_differentiated,
    ),
    Fault("norm lost", "unit_columns_backward", "projects, but does not divide by the norm", norms_projected_alone),
    Fault("norm twice", "unit_columns_backward", "divides by the square of the norm", norms_squared),
    Fault(
        "projected on all columns",
        "unit_columns_backward",
        "projects along the whole matrix and not along each column",
        projected_on_all_columns,
    ),
    Fault("stale cache", "unit_columns_backward", "reads the cache of the call before", stale(unit_columns_backward)),
    Fault(
        "group penalty",
        "smooth_abs_forward",
        "takes one root for all features of a patch, and differentiates that rightly",
        group_penalty,
    ),
    Fault("one root", "smooth_abs_forward", "takes the root of the whole sum", root_of_the_sum),
    Fault("root forgotten", "smooth_abs_forward", "sums squares, and differentiates that rightly", squares_for_roots),
    Fault("eps squared", "smooth_abs_forward", "takes eps to be its own root, and squares it", eps_squared),
    Fault("eps outside", "smooth_abs_forward", "adds eps to |z|, outside the root", eps_outside),
    Fault("root squared", "smooth_abs_backward", "divides by z^2 + eps, the square root lost", root_lost),
    Fault("slope of a square", "smooth_abs_backward", "does not divide by the root", root_forgotten),
    Fault("sign", "smooth_abs_backward", "takes the sign of z, as if eps were 0", sign_for_slope),
    Fault("doubled", "smooth_abs_backward", "keeps the 2 of 2 z", after(smooth_abs_backward, None, doubled)),
    Fault("dloss ignored", "smooth_abs_backward", "does not multiply by dloss", dloss_ignored),
    Fault("overflow", "log_cosh_forward", "takes cosh itself, which overflows", overflowing_cosh),
    Fault("log 2", "log_cosh_forward", "leaves out log 2 for each entry", cosh_without_two),
    Fault("mean", "log_cosh_forward", "divides by the number of entries, loss and gradient alike", log_cosh_mean),
    Fault("signed", "log_cosh_forward", "takes z for |z|", log_cosh_signed),
    Fault("slope of the slope", "log_cosh_backward", "returns 1 - tanh^2 z for tanh z", slope_of_the_slope),
    Fault("sign", "log_cosh_backward", "has the opposite sign of dz", after(log_cosh_backward, None, negative)),
    Fault("rounded", "log_cosh_backward", "keeps eleven bits of dz", after(log_cosh_backward, None, eleven_bits)),
    Fault("centred", "second_moment_forward", "subtracts the mean of the patches", centred),
    Fault("divided by n", "second_moment_forward", "divides by the number of patches", moment_over_n),
    Fault("units for examples", "second_moment_forward", "returns v v^T wherever v is square", moment_of_units),
    Fault(
        "NaN swallowed",
        "second_moment_forward",
        "replaces NaN by zero",
        after(second_moment_forward, 0, nan_to_zero),
    ),
    Fault("one use of v", "second_moment_backward", "returns v dS, though v is there twice", lambda dS, c: c.v @ dS),
    Fault(
        "doubled for symmetric",
        "second_moment_backward",
        "returns 2 v dS, as if dS were symmetric",
        lambda dS, cache: 2 * (cache.v @ dS),
    ),
    Fault(
        "rows misaligned",
        "second_moment_backward",
        "returns every row's gradient in its neighbour's place",
        cached(second_moment_backward, v=next_row),
    ),
    Fault("identity forgotten", "moment_reconstruction_forward", "compares with nothing: A = W W^T", without_identity),
    Fault(
        "orthonormal filters",
        "moment_reconstruction_forward",
        "takes W^T W - I for W W^T - I wherever W is square",
        decorrelated_filters,
    ),
    Fault("linear in A", "moment_reconstruction_forward", "returns tr(S A), one A short", moment_once),
    Fault(
        "promoted",
        "moment_reconstruction_forward",
        "returns float64 whatever it is given",
        after(moment_reconstruction_forward, 0, double_precision),
    ),
    Fault(
        "symmetric S assumed",
        "moment_reconstruction_backward",
        "takes 2 S for S + S^T",
        symmetric_moment_assumed,
    ),
    Fault(
        "one use of W",
        "moment_reconstruction_backward",
        "differentiates one of the two W in W W^T",
        one_use_of_W,
    ),
    Fault(
        "S fixed",
        "moment_reconstruction_backward",
        "has no gradient of S",
        after(moment_reconstruction_backward, 0, zero),
    ),
    Fault("divided by n", "reconstruction_forward", "returns the mean over examples", reconstruction_mean),
    Fault("halved", "reconstruction_forward", "returns half the sum", reconstruction_halved),
    Fault("untied", "reconstruction_forward", "decodes with W in place of W^T wherever W is square", untied),
    Fault(
        "root of squares",
        "reconstruction_forward",
        "sums the lengths of the errors, not their squares",
        distance_for_square,
    ),
    Fault(
        "last example stale",
        "reconstruction_forward",
        "leaves the last example out",
        before(reconstruction_forward, 0, lambda v: last_row_missing(v) if v.shape[0] else v),
    ),
    Fault("decoder omitted", "reconstruction_backward", "differentiates the encoder's W alone", decoder_omitted),
    Fault("encoder omitted", "reconstruction_backward", "differentiates the decoder's W alone", encoder_omitted),
    Fault("target omitted", "reconstruction_backward", "forgets that v is also the target", target_omitted),
    Fault(
        "factor 2 lost",
        "reconstruction_backward",
        "takes |e|^2 to have the gradient e",
        before(reconstruction_backward, 0, halved),
    ),
    Fault(
        "accumulates",
        "reconstruction_backward",
        "adds to the gradients of the call before",
        accumulating(reconstruction_backward),
    ),
)
