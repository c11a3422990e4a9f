"""A columnar layer on a CUDA device: R_j is folded into w_j once a step and multiplies no example.

The definition computes everything if v, w or dy holds NaN or infinity, so that they reach the entries of v U w. A flag
on the device makes `define` replace (v K)[:, alpha] by v U and `choose` R_j w_j by w_j; the host never waits for it.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from pp_ref.arrays import Array, check_axes
from pp_ref.errors import ShapeError
from pp_ref.kernels.gpu import naive
from pp_ref.kernels.gpu.defined import define
from pp_ref.kernels.gpu.launching import gate, room
from pp_ref.kernels.gpu.operands import INSTEAD, DeviceOperands, check_rows, check_weights
from pp_ref.layers.predicted import split

__all__ = ["LayerCache", "layer_backward", "layer_backward_weights", "layer_dense_forward", "layer_forward"]


class LayerCache(NamedTuple):
    o: DeviceOperands
    v: Array  # (n, d)
    w: Sequence[Array]  # J of (k_j, m_j)
    folded: Sequence[Array]  # J of R_j w_j
    gathered: Array  # (n, k_1 + ... + k_J): (v K)[:, alpha] if finite, else v U
    finite: Array  # () bool


@room("the layer's products")
def layer_forward(v: Array, w: Sequence[Array], b: Array, o: DeviceOperands) -> tuple[Array, LayerCache]:
    """y = [(v K)[:, alpha_1] (R_1 w_1), ..., (v K)[:, alpha_J] (R_J w_J)] + b = v [U_1 w_1, ..., U_J w_J] + b.

    v        (n, d) CuPy array, or any with ``__dlpack__``, of the operands' dtype; n = 0 and any strides are fine
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError; DomainError for another dtype; DeviceError without a GPU, for arrays that are not on the
             current one, or without room

    It returns before the device is done, on CuPy's current stream.
    """
    v, w, b = check_layer(v, w, b, o)
    gathered, rows = o.gather(v)
    finite = rows.all() & all_finite(flat(w))
    define(v, o.U, finite, gathered)
    cache = LayerCache(o, v, w, o.fold(w), gathered, finite)
    pairs = zip(columns(cache), choose(cache, cache.folded, w), strict=True)
    return side_by_side([part @ w_j for part, w_j in pairs]) + b, cache  # (n, k) (k, m_j)


@room("the layer's products")
def layer_dense_forward(v: Array, w: Sequence[Array], b: Array, o: DeviceOperands) -> tuple[Array, LayerCache]:
    """y = [(v U_1) w_1, ..., (v U_J) w_J] + b by the definition, a thread per output."""
    import cupy

    v, w, b = check_layer(v, w, b, o)
    cache = LayerCache(o, v, w, w, naive.pool(v, o.U), cupy.zeros((), bool))
    return side_by_side([naive.pool(part, w_j) for part, w_j in zip(columns(cache), w, strict=True)]) + b, cache


@room("the layer's products")
def layer_backward_weights(dy: Array, cache: LayerCache) -> tuple[list[Array], Array]:
    """Pull dy (n, m) back to dw (J of (k_j, m_j)) and db (m,), for a first layer: its input is data.

    dw_j = R_j ((v K)[:, alpha_j]^T dy_j).
    """
    return weight_gradients(fit(dy, cache), cache)


@room("the layer's products")
def layer_backward(dy: Array, cache: LayerCache) -> tuple[Array, list[Array], Array]:
    """Pull dy (n, m) back to dv (n, d), dw (J of (k_j, m_j)), db (m,): dv = [dy_1 (R_1 w_1)^T, ...] S^T K."""
    dy, o = fit(dy, cache), cache.o
    weights = choose(cache, cache.folded, cache.w)
    dgathered = side_by_side([dy_j @ w_j.T for dy_j, w_j in zip(blocks(dy, cache), weights, strict=True)])
    dv, _ = o.scatter(dgathered)
    define(dgathered, o.U.T, cache.finite, dv)
    return dv, *weight_gradients(dy, cache)


def weight_gradients(dy: Array, cache: LayerCache) -> tuple[list[Array], Array]:
    products = [part.T @ dy_j for part, dy_j in zip(columns(cache), blocks(dy, cache), strict=True)]  # (k, n) (n, m_j)
    return choose(cache, cache.o.fold(products), products), dy.sum(axis=0)


def columns(cache: LayerCache) -> list[Array]:
    """Each column's part of `gathered`, a view."""
    return [cache.gathered[:, part] for part in cache.o.host.parts]


def blocks(dy: Array, cache: LayerCache) -> list[Array]:
    """Each column's block of dy, a view."""
    return split(dy, [w_j.shape[1] for w_j in cache.w])


def side_by_side(arrays: list[Array]) -> Array:
    """[a_1, ..., a_J] (n, sum of the widths)."""
    import cupy

    return cupy.concatenate(arrays, axis=1)


def flat(arrays: Sequence[Array]) -> Array:
    """Return the entries of all arrays in one vector."""
    import cupy

    return cupy.concatenate([array.ravel() for array in arrays])


def all_finite(array: Array) -> Array:
    """Whether all entries are finite: () bool, on the device."""
    import cupy

    return cupy.isfinite(array).all()


def choose(cache: LayerCache, folded: Sequence[Array], defined: Sequence[Array]) -> list[Array]:
    """Return ``folded`` if the step is finite, else ``defined``, by two copies and one choice for all columns."""
    import cupy

    if cache.o.R is None:
        return list(defined)
    chosen = cupy.where(cache.finite, flat(folded), flat(defined))
    ends = accumulate((array.size for array in defined), initial=0)
    return [chosen[start:end].reshape(array.shape) for (start, end), array in zip(pairwise(ends), defined, strict=True)]


def fit(dy: Array, cache: LayerCache) -> Array:
    """Return dy on the current device. If it holds NaN or infinity, change the cache into the definition's for good.

    raises  ShapeError, DomainError, DeviceError as `layer_forward`
    """
    o = cache.o
    (dy,) = check_rows(o, "m", sum(w_j.shape[1] for w_j in cache.w), dy=dy)
    check_axes("n d, n m", v=cache.v, dy=dy)
    finite = cache.finite
    finite &= all_finite(dy)
    define(cache.v, o.U, finite, cache.gathered)
    return dy


def check_layer(v: Array, w: Sequence[Array], b: Array, o: DeviceOperands) -> tuple[Array, list[Array], Array]:
    """Return v, w and b on the current device.

    raises  ShapeError, DomainError, DeviceError as `layer_forward`
    """
    (v,), w = check_rows(o, "d", o.host.d, v=v), check_weights(o, w)
    check_axes("m", b=b)
    if (m := sum(w_j.shape[1] for w_j in w)) != b.shape[0]:
        raise ShapeError(f"axis m is {m} in [w_1, ..., w_J] but {b.shape[0]} in b")
    return v, w, gate(INSTEAD, b=b, U=o.U)[0]
