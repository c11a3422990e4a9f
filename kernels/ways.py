"""The ways to evaluate a step: one table for a layer, its pooled input, a convolution and max-pooling.

Models, `pp-ref bench` and the docs read these tables; `pp_ref.kernels.choose` chooses a way. A rung of a ladder
(`pp_ref.kernels.cpu.ladders`, `pp_ref.kernels.gpu.ladders`) is a way without a backward pass.

    LAYER     y = v [U_1 w_1, ..., U_J w_J] + b                     forward(v, operands, w, b)
    POOL      [v U_1, ..., v U_J], once for a data set              forward(v, operands)
    POOLED    y = [pooled_1 w_1, ..., pooled_J w_J] + b             forward(pooled, operands, w, b)
    CONV      y = v * reshape(W) + b, W = [U_1 w_1, ..., U_J w_J]   forward(v, operands, w, b, filters, stride, padding)
    MAX_POOL  the maximum of every window                           forward(v, size, stride)

`operands` is an `OperandCache`, or `LearnedOperands` for filters that are not predicted. Numba and CuPy are imported
when a way first needs them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import log2
from typing import Any, Literal, NamedTuple

from pp_ref.arrays import Array, array_namespace
from pp_ref.kernels.cpu import combine, dense, shared_layer
from pp_ref.kernels.factors import Separable, Shared
from pp_ref.kernels.gpu import fused as gpu_fused
from pp_ref.kernels.gpu import layer as gpu_layer
from pp_ref.kernels.gpu.operands import current, fits
from pp_ref.kernels.operands import OperandCache
from pp_ref.kernels.work import Arrays, ConvProblem, LayerProblem, PoolProblem, Work
from pp_ref.layers import conv2d, fourier_conv2d, pooling, predicted

__all__ = ["CONV", "LAYER", "MAX_POOL", "MOST_AMPLIFICATION", "POOL", "POOLED", "Kept", "Way"]

# A way through K may round at most so many times more than the definition: it loses 8 bits, and float32 keeps 16, more
# than the 11 of TF32.
MOST_AMPLIFICATION = 2.0**8


def no_gradient(*_: Any) -> Any:
    """raises TypeError: the way has no backward pass"""
    raise TypeError("this way has no backward pass: pooled input never changes, so use backward_weights")


class Way(NamedTuple):
    """One way to compute an operation.

    name              unique in its table
    idea              one sentence
    forward           the arguments of the operation -> its result, or (y, cache) if there is a backward pass
    backward          (dy, cache) -> dv, dw, db; in MAX_POOL dv alone
    backward_weights  (dy, cache) -> dw, db
    backend           whose code it is: "numpy" (layers), "numba" (kernels/cpu, by BLAS or Numba), "cupy" (kernels/gpu)
    needs             (problem) -> None, or the reason why the way is not possible, in one sentence
    work              (problem) -> the units of work of a step; called only if the way is possible
    passes            whether v K is computed in two passes, which have a smaller bound in `pp_ref.kernels.bounds`
    takes             for a CUDA kernel, its arguments: "U", a dictionary of any structure; "grid", images and
                      K = K_y (x) K_x; "columns", their weights as well; "flags"
    kernel            for a CUDA kernel: (dtype, half, height, width) -> the `Kernel` to compile
    """

    name: str
    idea: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] = no_gradient
    backward_weights: Callable[..., Any] = no_gradient
    backend: Literal["numpy", "numba", "cupy"] = "numpy"
    needs: Callable[[Any], str | None] = lambda _: None
    work: Callable[[Any], Work] = lambda _: Work()
    passes: bool = False
    takes: str = ""
    kernel: Callable[[str, int, int, int], Any] | None = None

    def __repr__(self) -> str:
        return f"Way({self.name!r}, {self.idea!r})"


class Kept(NamedTuple):
    """The way of a forward pass, and its cache for `way.backward`."""

    way: Way
    cache: Any


def compiled() -> Any:
    """Return `pp_ref.kernels.cpu` after importing its modules that need Numba, which takes half a second."""
    from pp_ref.kernels import cpu
    from pp_ref.kernels.cpu import conv_layer, fused, layer, max_pool  # noqa: F401

    return cpu


def takes_arrays(arrays: Arrays, library: str = "numpy", axes: int = 2) -> str | None:
    """None if kernels can read the arrays of a step, else the reason why not."""
    if arrays.library != library:
        return f"the arrays are not all of {library}"
    if arrays.dtype not in ("float32", "float64"):
        return f"the arrays are of {arrays.dtype or 'several dtypes'}, expected float32 or float64"
    if len(arrays.shape) != axes:
        return f"the first array has {len(arrays.shape)} axes, expected {axes}"
    return None


def product_of_axes(factors: Separable | None) -> str | None:
    """None if K is a product of axes and the way through it rounds well, else the reason why not."""
    return "K is no product of axes" if factors is None else rounds_well(factors)


def rounds_well(K: Separable | Shared) -> str | None:
    """None if the way through K loses at most 8 bits against the definition, else the reason why not."""
    if K.amplification <= MOST_AMPLIFICATION:
        return None
    return f"the way through K may lose {log2(K.amplification):.0f} bits"


def shared_needs(p: LayerProblem) -> str | None:
    if why := takes_arrays(p.arrays):
        return why
    if (K := p.operands.shared) is None:
        return "K is a product of axes" if p.factors else "the dictionary has no K that all columns share"
    if p.operands.shared_for(p.arrays.dtype) is None:
        return f"the K of the columns differ by {K.residual:.1e}, more than {p.arrays.dtype} rounds"
    return rounds_well(K)


def device_needs(p: LayerProblem) -> str | None:
    why = takes_arrays(p.arrays, "cupy") or product_of_axes(p.factors)
    if why or p.factors is None:
        return why
    return None if fits(p.factors, p.arrays.dtype) else "a block of this GPU cannot hold an image with its taps"


def definition(order: predicted.Order, work: Callable[[LayerProblem], Work]) -> Way:
    """The way of `pp_ref.layers.predicted` in one of its orders."""

    def forward(v: Array, operands: OperandCache, w: Sequence[Array], b: Array) -> tuple[Array, Any]:
        return predicted.predicted_forward(v, operands.U(v), w, b, order)

    idea = {"dictionary": "the definition: v U_j first", "weights": "the definition: W = [U_1 w_1, ...] first"}[order]
    return Way(order, idea, forward, predicted.predicted_backward, predicted.predicted_backward_weights, work=work)


LAYER = (
    definition("dictionary", LayerProblem.dictionary),
    definition("weights", LayerProblem.weights),
    Way(
        "side by side",
        "all U_j in one product, neighbouring w_j of one shape in one stack",
        lambda v, operands, w, b: combine.columns_forward(v, w, b, operands.host(v.dtype)),
        combine.columns_backward,
        combine.columns_backward_weights,
        "numba",
        lambda p: takes_arrays(p.arrays),
        LayerProblem.side_by_side,
    ),
    Way(
        "shared",
        "one product v K for all columns, a gather, then the product with R_j w_j",
        lambda v, operands, w, b: shared_layer.shared_forward(v, w, b, operands.host(v.dtype)),
        shared_layer.shared_backward,
        shared_layer.shared_backward_weights,
        "numba",
        shared_needs,
        lambda p: p.shared(p.operands.shared),
    ),
    Way(
        "separable",
        "v K in two short passes, a gather in the cache, then the product with R_j w_j",
        lambda v, operands, w, b: compiled().layer.layer_forward(v, w, b, operands.host(v.dtype)),
        lambda dy, cache: compiled().layer.layer_backward(dy, cache),
        lambda dy, cache: compiled().layer.layer_backward_weights(dy, cache),
        "numba",
        lambda p: takes_arrays(p.arrays) or product_of_axes(p.factors),
        lambda p: p.separable(p.factors),
        passes=True,
    ),
    Way(
        "separable, device",
        "the same on a CUDA device",
        lambda v, operands, w, b: gpu_layer.layer_forward(v, w, b, current(operands, v.dtype)),
        gpu_layer.layer_backward,
        gpu_layer.layer_backward_weights,
        "cupy",
        device_needs,
        lambda p: p.separable(p.factors),
        passes=True,
    ),
)


def pool_by_column(v: Array, operands: OperandCache) -> Array:
    return array_namespace(v).concat(predicted.pool_forward(v, operands.U(v))[0], axis=1)


POOL = (
    Way("dictionary", "the definition: v U_j", pool_by_column, work=LayerProblem.pool_by_column),
    Way(
        "side by side",
        "all U_j in one product",
        lambda v, operands: dense.pool_dense(v, operands.host(v.dtype)),
        backend="numba",
        needs=lambda p: takes_arrays(p.arrays),
        work=LayerProblem.pool_side_by_side,
    ),
    Way(
        "separable",
        "v K in two short passes, a gather in the cache, then the product with R_j",
        lambda v, operands: compiled().fused.pool_fused(v, operands.host(v.dtype)),
        backend="numba",
        needs=lambda p: takes_arrays(p.arrays) or product_of_axes(p.factors),
        work=lambda p: p.pool_separable(p.factors),
        passes=True,
    ),
    Way(
        "separable, device",
        "the same on a CUDA device",
        lambda v, operands: gpu_fused.pool_fused(v, current(operands, v.dtype)),
        backend="cupy",
        needs=device_needs,
        work=lambda p: p.pool_separable(p.factors),
        passes=True,
    ),
)

POOLED = (
    Way(
        "dictionary",
        "the definition: pooled_j w_j",
        lambda pooled, operands, w, b: predicted.combine_forward(pooled.columns(), w, b),
        backward_weights=predicted.combine_backward_weights,
        work=LayerProblem.combine,
    ),
    Way(
        "side by side",
        "neighbouring w_j of one shape in one stack",
        lambda pooled, operands, w, b: combine.pooled_forward(pooled.array, w, b, operands.host(pooled.array.dtype)),
        backward_weights=combine.columns_backward_weights,
        backend="numba",
        needs=lambda p: takes_arrays(p.arrays),
        work=LayerProblem.stack,
    ),
)


def expanded_forward(
    forward: Callable[..., Any], v: Array, operands: Any, w: Sequence[Array], b: Array, filters: Any, *geometry: int
) -> tuple[Array, Any]:
    """y = v * reshape(W) + b by `forward`, with W from the operands."""
    W, expanded = operands.expand(w)
    y, cache = forward(v, array_namespace(W).reshape(W, filters), b, *geometry)
    return y, (operands, expanded, cache)


def expanded_backward_weights(backward_weights: Callable[..., Any], dy: Array, kept: Any) -> tuple[list[Array], Array]:
    operands, expanded, cache = kept
    dfilters, db = backward_weights(dy, cache)
    dW = array_namespace(dy).reshape(dfilters, (-1, dfilters.shape[3]))
    return operands.expand_backward(dW, expanded), db


def expanded_backward(
    backward_input: Callable[..., Any], backward_weights: Callable[..., Any], dy: Array, kept: Any
) -> tuple[Array, list[Array], Array]:
    dw, db = expanded_backward_weights(backward_weights, dy, kept)
    return backward_input(dy, kept[2]), dw, db


def expanded(
    name: str,
    idea: str,
    forward: Callable[..., Any],
    backward_input: Callable[..., Any],
    backward_weights: Callable[..., Any],
    work: Callable[[ConvProblem], Work],
) -> Way:
    """A way that forms the filters W, then convolves with them."""
    return Way(
        name,
        idea,
        partial(expanded_forward, forward),
        partial(expanded_backward, backward_input, backward_weights),
        partial(expanded_backward_weights, backward_weights),
        work=work,
    )


CONV = (
    expanded(
        "patches",
        "the definition: W first, then a product with the patches of the images",
        conv2d.conv2d_forward,
        conv2d.conv2d_backward_input,
        conv2d.conv2d_backward_weights,
        ConvProblem.patches,
    ),
    expanded(
        "theorem",
        "W first, then a product at every frequency",
        fourier_conv2d.fourier_conv2d_forward,
        fourier_conv2d.fourier_conv2d_backward_input,
        fourier_conv2d.fourier_conv2d_backward_weights,
        ConvProblem.theorem,
    ),
    Way(
        "separable",
        "v * K[:, alpha] in short passes, a tile at a time, then the product with R_j w_j at every pixel",
        lambda v, operands, w, b, filters, *geometry: compiled().conv_layer.conv_forward(
            v, w, b, operands.filters(v.dtype), *geometry
        ),
        lambda dy, cache: compiled().conv_layer.conv_backward(dy, cache),
        lambda dy, cache: compiled().conv_layer.conv_backward_weights(dy, cache),
        "numba",
        lambda p: takes_arrays(p.arrays, axes=4) or product_of_axes(p.factors),
        lambda p: p.separable(p.factors),
        passes=True,
    ),
)


MAX_POOL = (
    Way(
        "windows",
        "the definition: the largest of each window",
        pooling.max_pool2d_forward,
        pooling.max_pool2d_backward,
        work=PoolProblem.windows,
    ),
    Way(
        "compiled",
        "one pass over the windows, channels innermost",
        lambda v, size, stride: compiled().max_pool.max_pool_forward(v, size, stride),
        lambda dy, cache: compiled().max_pool.max_pool_backward(dy, cache),
        backend="numba",
        needs=lambda p: takes_arrays(p.arrays, axes=4),
        work=PoolProblem.compiled,
    ),
)
