"""Reconstruction ICA: sparse features that still reconstruct the patches (paper, sec. 4.3; Le et al. 2011).

The loss is a sum g(z) + b sum |z What^T - v|^2 with z = v What. An evaluation reads every patch twice, for z and for
v^T g'(z); the reconstruction needs only v^T v. With pooled patches v U_j the two products take k / d of the flops.
`docs/derivations.md#rica` derives the gradient.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, array_namespace, check_arrays, check_finite, check_not_negative, check_positive, into
from pp_ref.brief import brief
from pp_ref.dictionaries import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.predicted import split
from pp_ref.layers.reconstruction import (
    moment_reconstruction_backward_weights,
    moment_reconstruction_forward,
    second_moment_forward,
)
from pp_ref.layers.sparsity import check_eps
from pp_ref.layers.unit_columns import unit_columns_forward
from pp_ref.layers.windows import blocks
from pp_ref.models.model import Model
from pp_ref.models.pooled import PooledInput
from pp_ref.models.weights import Count, Params, Weights, check_weights

__all__ = ["RICA", "PreparedPatches"]

UFLDL_LAMBDA, UFLDL_EPS = 5e-4, 1e-2  # github amaas/stanford_dl_ex, rica/

# Entries of a block's patches, of their features, and of one more array like these: 1 MB in float32, which a core's
# second-level cache holds during all passes over the block.
BLOCK_ENTRIES = 2**18


@brief
@dataclass(frozen=True, eq=False)
class PreparedPatches:
    """The prepared input of RICA: what `RICA.prepare` computes once for a data set.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import RICA, Full
    >>> model = RICA(Full(2, 1))
    >>> params, x = {"W": np.array([[2.0], [0.0]])}, np.array([[4.0, 6.0]])
    >>> prepared = model.prepare(x)
    >>> prepared.second_moment
    array([[16., 24.],
           [24., 36.]])
    >>> bool(model.loss(params, prepared) == model.loss(params, x))
    True
    """

    inputs: list[Array]  # v U_j (n, k_j) of every column, or v (n, d) alone
    second_moment: Array  # (d, d)  v^T v, in float64 at least
    dictionary: Dictionary | None = None  # that of v U_j; None if inputs is [v]


@brief
@dataclass(frozen=True)
class RICA(Model):
    """Filters What (d, m) with sparse features z = v What and the reconstruction z What^T, for n patches v (n, d).

    weights    full, predicted or low rank: W (d, m)
    objective  "ufldl": trade_off sum sqrt(z^2 + eps) + 1/2 sum |z What^T - v|^2, What = W with columns of unit norm
               "le2011": sum log cosh z + trade_off / n sum |z What^T - v|^2, What = W
    trade_off  float > 0, lambda; None: 5e-4 for ufldl. le2011's has no published value: it is of the order of n,
               since the reconstruction alone keeps W from shrinking to zero
    eps        float > 0, under ufldl's square root
    norm_eps   float >= 0, ufldl divides columns of W by sqrt(|W_j|^2 + norm_eps); 1e-5 in its authors' l2rowscaled
    raises     DomainError for another objective, trade_off, eps or norm_eps

    Parameters: those of the weights, without a bias. There may be fewer or more filters than inputs.

    ufldl squares features in the model's dtype: the loss is not finite for |z| above 1.8e19 in float32 or 1.3e154 in
    float64, and a fit then ends with `Stop.DIVERGED`. le2011's sparsity has no such limit; near zero its error is a
    rounding of |z|, and that of `layers.log_cosh` a rounding of z^2 / 2.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import RICA, Full
    >>> model = RICA(Full(2, 1), eps=9.0, trade_off=1.0)
    >>> params, x = {"W": np.array([[2.0], [0.0]])}, np.array([[4.0, 6.0]])
    >>> model.predict(params, x)  # a filter has unit norm
    array([[4.]])
    >>> loss, gradient = model.loss_and_gradient(params, x)
    >>> float(loss)  # sqrt(4^2 + 9) + 6^2 / 2
    23.0
    """

    weights: Weights
    objective: Literal["ufldl", "le2011"] = "ufldl"
    trade_off: float | None = None
    eps: float = UFLDL_EPS
    norm_eps: float = 0.0

    def __post_init__(self) -> None:
        check_weights(weights=self.weights)
        if self.objective not in ("ufldl", "le2011"):
            raise DomainError(f"objective is {self.objective!r}, expected 'ufldl' or 'le2011'")
        if self.trade_off is None and self.objective == "le2011":
            raise DomainError("trade_off is None, expected a number for le2011: of the order of the number of patches")
        check_positive(trade_off=self._lambda, eps=self.eps)
        check_not_negative(norm_eps=self.norm_eps)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all parameters by name, in the order of `init`."""
        return {**self.weights.shapes}

    def init(self, rng: np.random.Generator, spread: float | None = None, dtype: DTypeLike = np.float32) -> Params:
        """Return parameters: dynamic weights drawn from Uniform(+-spread); None: as in `Weights.init`."""
        return {name: array for name, array in self.weights.init(rng, spread, dtype).items() if name != "b"}

    def prepare(self, x: Array) -> PreparedPatches:
        """Return the prepared input of patches x (n, d), to be computed once and passed in place of x.

        It holds x U_j of every column, n (k_1 + ... + k_J) numbers, for predicted weights, else x itself, not copied.
        raises  ShapeError; DomainError if x is not real floating-point, or not finite
        """
        self._inputs(x)
        _check_finite(x)
        prepared = self.weights.prepare(x)
        inputs = prepared.columns() if isinstance(prepared, PooledInput) else [prepared]
        return PreparedPatches(inputs, _second_moment(x), self.weights.dictionary)

    def loss(self, params: Params, x: Array | PreparedPatches, y: None = None) -> Array:
        """The loss that `loss_and_gradient` differentiates."""
        return self.loss_and_gradient(params, x)[0]

    def loss_and_gradient(self, params: Params, x: Array | PreparedPatches, y: None = None) -> tuple[Array, Params]:
        """Return the loss and its gradient with respect to every dynamic parameter.

        params   as `init` returns them; their dtype is the model's
        x        (n, d) patches, float32 or float64, or their prepared input
        y        ignored: the target is x
        returns  loss, a 0-d array, for ufldl the sum over all patches; gradient, a dict like params
        raises   ShapeError, also for patches that another dictionary pooled; DomainError if a column of W is zero and
                 has no unit norm, for patches of integers, or for an eps that the model's dtype does not hold

        Products with all patches are computed in the model's dtype, block by block; operations on (d, m) arrays in
        float64.
        """
        inputs, pooled = self._inputs(x)
        S = x.second_moment if isinstance(x, PreparedPatches) else _second_moment(x)
        What, norms, expanded = self._directions(params)
        factors = self._factors(params, What, norms, pooled)
        xp, wide, dtype = array_namespace(What), What.dtype, _dtype(params)
        if self.objective == "ufldl":
            a, b = self._lambda, 0.5
        else:
            a, b = 1.0, self._lambda / max(inputs[0].shape[0], 1)

        error, cache = moment_reconstruction_forward(S, What)
        dWhat = moment_reconstruction_backward_weights(b, cache)
        loss, dfactors = b * error, []
        for v, factor in zip(inputs, factors, strict=True):
            sparsity, dfactor = self._sparsity(v, xp.astype(factor, dtype))
            loss = loss + a * sparsity
            dfactors.append(a * xp.astype(dfactor, wide))

        if self.objective == "ufldl":  # as in `unit_columns_backward`
            along = [xp.sum(factor * dfactor, axis=0) for factor, dfactor in zip(factors, dfactors, strict=True)]
            dWhat = dWhat - What * (xp.concat(along) + xp.sum(What * dWhat, axis=0))
        gradient = self.weights.expand_backward(xp.astype(dWhat / norms, dtype), expanded)
        direct = [xp.astype(df / norms_j, dtype) for df, norms_j in zip(dfactors, _cut(norms, dfactors), strict=True)]
        if pooled:  # dfactors are gradients of w_j for pooled patches, else of W
            through = dict(zip(gradient, direct, strict=True))
        else:
            through = self.weights.expand_backward(direct[0], expanded)
        return xp.astype(loss, dtype), {name: gradient[name] + through[name] for name in params}

    def predict(self, params: Params, x: Array | PreparedPatches) -> Array:
        """The features z = v What (n, m), all at once."""
        inputs, pooled = self._inputs(x)
        What, norms, _ = self._directions(params)
        xp, dtype = array_namespace(What), _dtype(params)
        factors = self._factors(params, What, norms, pooled)
        return xp.concat([v @ xp.astype(factor, dtype) for v, factor in zip(inputs, factors, strict=True)], axis=1)

    def filters(self, params: Params) -> list[Array]:
        """[What], What (d, m) with its predicted weights."""
        What, _, _ = self._directions(params)
        return [array_namespace(What).astype(What, _dtype(params))]

    def count(self) -> dict[str, Count]:
        """Dynamic, static and total numbers of weights; there are no biases."""
        return {"1": self.weights.count()}

    def of_share(self, share: float) -> "RICA":
        """The model whose losses add up to this one's, each of a share of all patches: le2011 has their number in it.

        share  of the patches, in (0, 1]
        """
        return self if self.objective == "ufldl" else replace(self, trade_off=share * self._lambda)

    @property
    def _lambda(self) -> float:
        return UFLDL_LAMBDA if self.trade_off is None else self.trade_off

    def _directions(self, params: Params) -> tuple[Array, Array, Any]:
        """What (d, m) and the norms (m,) of the columns of W, in float64 at least, and the weights' cache."""
        self.check_params(params)
        W, expanded = self.weights.expand(params)
        W = array_namespace(W).astype(W, _wide(W))
        if self.objective == "le2011":
            return W, array_namespace(W).ones_like(W[0, :]), expanded
        What, cache = unit_columns_forward(W, self.norm_eps)
        return What, cache.norms, expanded

    def _factors(self, params: Params, What: Array, norms: Array, pooled: bool) -> list[Array]:
        """The factor of each input, in What's dtype: What for v, or w_j over the norms of U_j w_j for v U_j."""
        if not pooled:
            return [What]
        w = [array_namespace(What).astype(params[name], What.dtype) for name in self.weights.shapes]
        return [w_j / norms_j for w_j, norms_j in zip(w, _cut(norms, w), strict=True)]

    def _sparsity(self, v: Array, w: Array) -> tuple[Array, Array]:
        """sum g(v w) and its gradient v^T g'(v w), for v (n, k) and w (k, m), by blocks of rows."""
        (n, k), m = v.shape, w.shape[1]
        xp, dtype, wide = array_namespace(w), array_namespace(w).result_type(v, w), _wide(w)
        cuts = blocks(n, k + 2 * m, BLOCK_ENTRIES)
        rows = cuts[0].stop if cuts else 0
        features, spare = xp.empty((rows, m), dtype=dtype), xp.empty((rows, m), dtype=dtype)
        part, dw = xp.empty((k, m), dtype=dtype), xp.zeros((k, m), dtype=dtype)
        total = xp.zeros((), dtype=wide)
        if self.objective == "ufldl":
            check_eps(self.eps, features)
        for cut in cuts:
            block, held = v[cut, :], slice(0, cut.stop - cut.start)
            z = into(xp.matmul, block, w, out=features[held, :])  # (rows, k) (k, m) -> (rows, m)
            if self.objective == "ufldl":
                sparsity, dz = _smooth_abs(z, self.eps, spare[held, :])
            else:
                sparsity, dz = _log_cosh(z, spare[held, :])
            total += xp.astype(sparsity, wide)
            dw += into(xp.matmul, block.T, dz, out=part)  # (k, rows) (rows, m) -> (k, m)
        return total, dw

    def _inputs(self, x: Array | PreparedPatches) -> tuple[list[Array], bool]:
        """The inputs [v] or [v U_1, ..., v U_J], and whether they are pooled.

        raises  ShapeError, DomainError
        """
        if not isinstance(x, PreparedPatches):
            check_arrays("real floating-point numbers", x=x)
            if x.ndim != 2 or x.shape[1] != self.weights.d:
                raise ShapeError(f"x has shape {tuple(x.shape)}, expected (n, {self.weights.d}): one patch per row")
            return [x], False
        d, own = x.second_moment.shape[0], self.weights.dictionary
        if d != self.weights.d:
            raise ShapeError(
                f"x was prepared by another model, of {d} inputs, expected this one's, of {self.weights.d}: "
                "prepare the patches with this model"
            )
        if x.dictionary not in (None, own):
            expected = "none, as of this model" if own is None else "this model's own"
            raise ShapeError(
                f"x was pooled by another dictionary, expected {expected}: prepare the patches with this model"
            )
        return x.inputs, x.dictionary is not None


def _dtype(params: Params) -> Any:
    """The model's dtype, that of its parameters."""
    return array_namespace(*params.values()).result_type(*params.values())


def _wide(x: Array) -> Any:
    """float64, or x's dtype if it is wider."""
    xp = array_namespace(x)
    return xp.result_type(x.dtype, xp.float64)


def _cut(norms: Array, columns: list[Array]) -> list[Array]:
    """The norms (1, m_j) of each column's units."""
    return split(norms[None, :], [w_j.shape[1] for w_j in columns])


def _check_finite(x: Array) -> None:
    """raises DomainError for NaN or infinity; checks block by block, without a mask of all patches"""
    xp, (n, d) = array_namespace(x), x.shape
    largest = xp.finfo(x.dtype).max
    for cut in blocks(n, d, BLOCK_ENTRIES):
        if xp.any(~((x[cut, :] >= -largest) & (x[cut, :] <= largest))):  # NaN compares false
            check_finite(x=x)


def _second_moment(x: Array) -> Array:
    """v^T v in float64 at least, block by block, without a wide copy of all patches."""
    xp, (n, d) = array_namespace(x), x.shape
    S = xp.zeros((d, d), dtype=_wide(x))
    for cut in blocks(n, d, BLOCK_ENTRIES):
        S += second_moment_forward(xp.astype(x[cut, :], S.dtype))[0]
    return S


# `layers.smooth_abs` and `layers.log_cosh`, forward and backward at once, in the memory of z and of one array like it.


def _smooth_abs(z: Array, eps: float, spare: Array) -> tuple[Array, Array]:
    """sum sqrt(z^2 + eps), and z / sqrt(z^2 + eps) in place of z; infinity and 0 if z^2 overflows."""
    xp = array_namespace(z)
    root = into(xp.multiply, z, z, out=spare)
    root += eps
    root = into(xp.sqrt, root, out=spare)
    total = xp.sum(root)
    z /= root
    return total, z


def _log_cosh(z: Array, spare: Array) -> tuple[Array, Array]:
    """sum log cosh z, and tanh z in place of z."""
    xp = array_namespace(z)
    total = xp.sum(_magnitude(z, spare))
    z = into(xp.tanh, z, out=z)
    return total - xp.sum(into(xp.log1p, _magnitude(z, spare), out=spare)), z


def _magnitude(z: Array, spare: Array) -> Array:
    """|z| = max(z, -z) in the memory of ``spare``; a complex step is ordered by its real part."""
    xp = array_namespace(z)
    return into(xp.maximum, z, into(xp.negative, z, out=spare), out=spare)
