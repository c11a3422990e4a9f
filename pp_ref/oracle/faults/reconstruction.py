"""Mistakes in what Reconstruction ICA is made of: unit columns, sparsity, reconstruction."""

from collections.abc import Callable
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.reconstruction import (
    ExamplesCache,
    MomentReconstructionCache,
    moment_reconstruction_backward,
    reconstruction_backward,
)
from pp_ref.layers.sparsity import LogCoshCache, SmoothAbsCache, log_cosh_forward
from pp_ref.layers.unit_columns import UnitColumnsCache, unit_columns_backward, unit_columns_forward
from pp_ref.oracle.faults.fault import (
    Function,
    after,
    before,
    cached,
    faults,
    halved,
    instead,
    last_row_missing,
    next_row,
    transposed_if_square,
)

__all__ = ["FAULTS", "norms_not_differentiated", "one_root", "one_use_of_W", "squares_for_roots"]

# The norms.


def scaled_by(norms_of: Callable[[Any, Array], Array]) -> Callable[..., Any]:
    """Columns divided by something else, and differentiated as if that were their norm."""

    def wrong(W: Array) -> tuple[Array, UnitColumnsCache]:
        norms = norms_of(array_namespace(W), W)
        return W / norms, UnitColumnsCache(W / norms, norms)

    return wrong


def row_norms(W: Array) -> Any:
    square = W.shape[0] == W.shape[1]
    return (scaled_by(lambda xp, W: xp.sqrt(xp.sum(W * W, axis=1))) if square else unit_columns_forward)(W)


norms_not_differentiated = instead(lambda dW, dWhat, cache: dWhat / cache.norms)(unit_columns_backward)


def projected_on_all_columns(dWhat: Array, cache: UnitColumnsCache) -> Array:
    xp = array_namespace(dWhat)
    return (dWhat - cache.directions * xp.sum(cache.directions * dWhat)) / cache.norms


# The sparsity.


def one_root(axis: int | None) -> Function:
    """For all features of a patch, all patches of a feature, or all together; differentiated as such."""

    def wrong(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
        xp = array_namespace(z)
        root = xp.sqrt(xp.sum(z * z, axis=axis, keepdims=True) + eps)
        return xp.sum(root), SmoothAbsCache(z, root)

    return wrong


def eps_outside(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    xp = array_namespace(z)
    return xp.sum(xp.abs(z) + eps), SmoothAbsCache(z, xp.abs(z))


def squares_for_roots(z: Array, eps: float) -> tuple[Array, SmoothAbsCache]:
    """sum z^2 + eps, differentiated as such."""
    xp = array_namespace(z)
    return xp.sum(z * z + eps), SmoothAbsCache(z, xp.ones_like(z) / 2)


def for_positive(loss: Array, z: Array) -> Array:
    """z - log(1 + tanh z), which is right for z >= 0."""
    xp, tanh = array_namespace(z), array_namespace(z).tanh(z)
    return xp.sum(z - xp.log1p(xp.maximum(tanh, -tanh)))


def log_cosh_mean(z: Array) -> tuple[Array, LogCoshCache]:
    (loss, cache), entries = log_cosh_forward(z), max(z.shape[0] * z.shape[1], 1)
    return loss / entries, LogCoshCache(cache.tanh / entries)


def overflowing(loss: Array, z: Array) -> Array:
    xp = array_namespace(z)
    return xp.sum(xp.log(xp.cosh(z)))


# The reconstruction.


def moment_of(A_of: Callable[[Any, Array], Array]) -> Function:
    """tr(A^T S A) of another A than W W^T - I."""

    def wrong(S: Array, W: Array) -> tuple[Array, MomentReconstructionCache]:
        xp = array_namespace(S)
        A = A_of(xp, W)
        return xp.sum(A * (S @ A)), MomentReconstructionCache(S, W, A)

    return wrong


def orthonormal(xp: Any, W: Array) -> Array:
    """W^T W - I wherever that has the same shape."""
    return (W.T @ W if W.shape[0] == W.shape[1] else W @ W.T) - xp.eye(W.shape[0], dtype=W.dtype)


def symmetric_moment_assumed(dloss: Any, cache: MomentReconstructionCache) -> Any:
    S, W, A = cache
    dA = S @ A * (2 * dloss)
    return A @ A.T * dloss, (dA + dA.T) @ W


one_use_of_W = instead(lambda dW, dloss, c: (c.S + c.S.T) @ c.A @ c.W * dloss, 1)(moment_reconstruction_backward)


def untied(v: Array, W: Array, *order: Any) -> Any:
    """v W W in place of v W W^T, wherever W is square; by examples."""
    xp = array_namespace(v)
    z = v @ W
    error = z @ transposed_if_square(W.T) - v
    return xp.sum(error * error), ExamplesCache(v, W, z, error)


def distance_for_square(v: Array, W: Array, *order: Any) -> Any:
    """sum |e| over patches in place of |e|^2."""
    xp, error = array_namespace(v), (v @ W) @ W.T - v
    return xp.sum(xp.sqrt(xp.sum(error * error, axis=1))), ExamplesCache(v, W, v @ W, error)


def _examples_alone(at: int, other: Callable[..., Any]) -> Callable[..., Any]:
    """A backward pass whose gradient ``at`` is another by examples; by the moment it is right."""
    wrong = instead(other, at)(reconstruction_backward)
    return lambda dloss, c: wrong(dloss, c) if isinstance(c, ExamplesCache) else reconstruction_backward(dloss, c)


decoder_omitted = _examples_alone(1, lambda dW, dloss, c: c.v.T @ (c.error @ c.W) * (2 * dloss))
encoder_omitted = _examples_alone(1, lambda dW, dloss, c: c.error.T @ c.z * (2 * dloss))
target_omitted = _examples_alone(0, lambda dv, dloss, c: dv + c.error * (2 * dloss))


FAULTS = faults(
    unit_columns_forward={
        "norms of rows": ("divides by the norms of the rows wherever W is square", row_norms),
        "one norm for all": (
            "divides by the norm of the whole matrix",
            scaled_by(lambda xp, W: xp.sqrt(xp.sum(W * W)) * xp.ones_like(W[0, :])),
        ),
        "squared norms": ("divides by the squares of the norms", scaled_by(lambda xp, W: xp.sum(W * W, axis=0))),
        "norms with an epsilon": (
            "adds 1e-5 under the root, so that columns are a little short of unit norm",
            scaled_by(lambda xp, W: xp.sqrt(xp.sum(W * W, axis=0) + 1e-5)),
        ),
        "sums of magnitudes": (
            "divides by the sums of the magnitudes, not by the norms",
            scaled_by(lambda xp, W: xp.sum(xp.abs(W), axis=0)),
        ),
    },
    unit_columns_backward={
        "norms not differentiated": ("takes the norms for constants", norms_not_differentiated),
        "norm lost": ("projects, but does not divide by the norm", instead(lambda dW, dWhat, cache: dW * cache.norms)),
        "norm twice": ("divides by the square of the norm", instead(lambda dW, dWhat, cache: dW / cache.norms)),
        "projected on all columns": (
            "projects along the whole matrix and not along each column",
            projected_on_all_columns,
        ),
    },
    smooth_abs_forward={
        "group penalty": ("takes one root for all features of a patch, and differentiates that rightly", one_root(1)),
        "one root": ("takes the root of the whole sum", one_root(None)),
        "root forgotten": ("sums squares, and differentiates that rightly", squares_for_roots),
        "eps squared": ("takes eps to be its own root, and squares it", before(lambda eps: eps * eps, 1)),
        "eps outside": ("adds eps to |z|, outside the root", eps_outside),
    },
    smooth_abs_backward={
        "root squared": (
            "divides by z^2 + eps, the square root lost",
            instead(lambda dz, dloss, cache: cache.z / (cache.root * cache.root) * dloss),
        ),
        "slope of a square": ("does not divide by the root", instead(lambda dz, dloss, cache: cache.z * dloss)),
        "sign": (
            "takes the sign of z, as if eps were 0",
            instead(lambda dz, dloss, cache: array_namespace(cache.z).sign(cache.z) * dloss),
        ),
        "dloss ignored": ("does not multiply by dloss", instead(lambda dz, dloss, cache: cache.z / cache.root)),
    },
    log_cosh_forward={
        "overflow": ("takes cosh itself, which overflows", instead(overflowing, 0)),
        "log 2": (
            "leaves out log 2 for each entry",
            instead(lambda loss, z: loss + 0.6931471805599453 * z.shape[0] * z.shape[1], 0),
        ),
        "mean": ("divides by the number of entries, loss and gradient alike", log_cosh_mean),
        "signed": ("takes z for |z|", instead(for_positive, 0)),
    },
    log_cosh_backward={
        "slope of the slope": (
            "returns 1 - tanh^2 z for tanh z",
            instead(lambda dz, dloss, cache: (1 - cache.tanh * cache.tanh) * dloss),
        )
    },
    second_moment_forward={
        "centred": (
            "subtracts the mean of the patches",
            before(lambda v: v - array_namespace(v).sum(v, axis=0) / max(v.shape[0], 1)),
        ),
        "divided by n": ("divides by the number of patches", instead(lambda S, v: S / max(v.shape[0], 1), 0)),
        "units for examples": (
            "returns v v^T wherever v is square",
            instead(lambda S, v: v @ v.T if v.shape[0] == v.shape[1] else S, 0),
        ),
    },
    second_moment_backward={
        "one use of v": ("returns v dS, though v is there twice", lambda dS, c: c.v @ dS),
        "doubled for symmetric": ("returns 2 v dS, as if dS were symmetric", lambda dS, cache: 2 * (cache.v @ dS)),
        "rows misaligned": ("returns every row's gradient in its neighbour's place", cached(v=next_row)),
    },
    moment_reconstruction_forward={
        "identity forgotten": ("compares with nothing: A = W W^T", moment_of(lambda xp, W: W @ W.T)),
        "orthonormal filters": ("takes W^T W - I for W W^T - I wherever W is square", moment_of(orthonormal)),
        "linear in A": (
            "returns tr(S A), one A short",
            after(lambda found: (array_namespace(found[0]).sum(found[1].S * found[1].A.T), found[1])),
        ),
    },
    moment_reconstruction_backward={
        "symmetric S assumed": ("takes 2 S for S + S^T", symmetric_moment_assumed),
        "one use of W": ("differentiates one of the two W in W W^T", one_use_of_W),
    },
    reconstruction_forward={
        "divided by n": (
            "returns the mean over examples",
            instead(lambda loss, v, *rest: loss / max(v.shape[0], 1), 0),
        ),
        "untied": ("decodes with W in place of W^T wherever W is square", untied),
        "root of squares": ("sums the lengths of the errors, not their squares", distance_for_square),
        "last example stale": (
            "leaves the last example out",
            before(lambda v: last_row_missing(v) if v.shape[0] else v),
        ),
    },
    reconstruction_backward={
        "decoder omitted": ("differentiates the encoder's W alone", decoder_omitted),
        "encoder omitted": ("differentiates the decoder's W alone", encoder_omitted),
        "target omitted": ("forgets that v is also the target", target_omitted),
        "factor 2 lost": ("takes |e|^2 to have the gradient e", before(halved)),
    },
)
