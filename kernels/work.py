"""The work of a step: the number of units of each kind that each way takes. `pp_ref.kernels.rates` has their cost.

A layer's step is y from v, then dv and dw from dy:

    dictionary    pooled_j = v U_j, then pooled_j w_j: 2 n (2 d k + 3 k m_j) flops a column
    weights       W = [U_1 w_1, ...], then v W: 2 (2 d k m_j + 3 n d m_j) flops a column
    side by side  as dictionary, with one product for all columns and one call for neighbouring w_j of one shape
    shared        v K for all columns, a gather, then the product with R_j w_j
    separable     as shared, with v K in two short passes (K = K_y (x) K_x (x) I)

A convolution's step:

    patches       W, then v * W as a product with patches: 6 n h' w' d m flops, and each entry of a patch copied
    theorem       W, then v * W by the convolution theorem: `fourier_conv2d_flops`, three times
    separable     v * K[:, alpha] in passes, then at each pixel a product with R_j w_j: 6 n h' w' k_j m_j flops a column

A product costs its flops, the packing of its two matrices by BLAS, and a call. Narrow results and small batches are
slow because they pack more numbers per flop.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import Array, is_cupy_array
from pp_ref.kernels.factors import Separable, Shared, cut_taps
from pp_ref.kernels.operands import LearnedOperands, OperandCache
from pp_ref.layers.conv2d import patches
from pp_ref.layers.fourier_conv2d import fourier_conv2d_flops

__all__ = ["Arrays", "ConvProblem", "LayerProblem", "PoolProblem", "Work"]

Work = Counter[str]  # the number of units by their names in `Rates`
Shapes = tuple[tuple[int, int], ...]  # (k_j, m_j) of every w_j


class Arrays(NamedTuple):
    """The arrays of a step.

    library  "numpy", "cupy", or the name of another array library; "" if they belong to several
    dtype    "float32", ..., or "" if they have several
    shape    the shape of the first array
    """

    library: str
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, first: Array, *others: Array) -> "Arrays":
        if any(type(array) is not type(first) for array in others):
            return cls("", "", tuple(first.shape))
        library = "numpy" if type(first) is np.ndarray else "cupy" if is_cupy_array(first) else type(first).__module__
        dtype = _dtype_name(first.dtype) if all(array.dtype == first.dtype for array in others) else ""
        return cls(library, dtype, tuple(first.shape))


@lru_cache(maxsize=None, typed=True)  # dtypes of two libraries may compare with a warning
def _dtype_name(dtype: Any) -> str:
    """E.g. "float32". A model asks for it at every step, and NumPy takes 2 microseconds to write it."""
    return str(dtype).rpartition(".")[2]  # torch.float32


class LayerProblem(NamedTuple):
    """A columnar layer's step: v (n, d), or pooled input (n, k_1 + ... + k_J), and w_j in `shapes`."""

    arrays: Arrays
    shapes: Shapes
    operands: OperandCache

    @property
    def n(self) -> int:
        return self.arrays.shape[0]

    @property
    def d(self) -> int:
        return self.operands.dictionary.space.size

    @property
    def factors(self) -> Separable | None:
        return self.operands.separable

    @property
    def widths(self) -> tuple[int, ...]:
        """k_1, ..., k_J."""
        return tuple(k for k, _ in self.shapes)

    def dictionary(self) -> Work:
        return self.combine() + _sum(_product(self.n, self.d, k) + _product(self.n, k, self.d) for k in self.widths)

    def weights(self) -> Work:
        n, d, m = self.n, self.d, sum(m_j for _, m_j in self.shapes)
        expanded = _sum(_product(d, k, m_j) + _product(k, d, m_j) for k, m_j in self.shapes)
        return expanded + _product(n, d, m) + _product(n, m, d) + _product(d, n, m)

    def side_by_side(self) -> Work:
        n, d, k = self.n, self.d, sum(self.widths)
        return self.stack() + _product(n, d, k) + _product(n, k, d)

    def shared(self, K: Shared) -> Work:
        n, d, q = self.n, self.d, K.kept.shape[1]
        smoothed = _product(n, d, q) + _product(n, q, d)
        return self.stack() + self.folds(K) + smoothed + Work(gather=2 * n * sum(self.widths))

    def separable(self, K: Separable) -> Work:
        return self.combine() + self.folds(K) + self.passes(K) + self.passes(K) + Work(call=1)

    def combine(self) -> Work:
        """y, and the gradients of pooled input and of w_j."""
        return _combined(self.n, self.shapes)

    def stack(self) -> Work:
        """As `combine`, with one call for neighbouring w_j of one shape."""
        work = self.combine()
        work["product"] = 3 * sum(1 for _ in groupby(self.shapes))
        return work

    def folds(self, K: Separable | Shared) -> Work:
        """R_j w_j, and R_j dw_j."""
        return Work() if K.R is None else _sum(_product(k, k, m_j) for k, m_j in 2 * self.shapes)

    def passes(self, K: Separable) -> Work:
        """Two passes over all examples, and a gather or a scatter for all columns."""
        height, row, channels = K.sizes
        pairs = [cut_taps(axis, self.arrays.dtype).size - 1 for axis in K.taps]
        padded = height * (row + pairs[1]) * channels
        return Work(tap=self.n * padded * sum(pairs), gather=self.n * sum(self.widths), image=self.n)

    def pool_by_column(self) -> Work:
        return _sum(_product(self.n, self.d, k) for k in self.widths)

    def pool_side_by_side(self) -> Work:
        return _product(self.n, self.d, sum(self.widths))

    def pool_separable(self, K: Separable) -> Work:
        """v U alone: R_j multiplies every example, not w_j."""
        solved = [] if K.R is None else [_product(self.n, k, k) for k in self.widths]
        return _sum(solved) + self.passes(K) + Work(call=1)


class ConvProblem(NamedTuple):
    """A convolution's step.

    arrays    v (n, h, w, c)
    filters   (fh, fw, c, m)
    stride    int >= 1
    padding   int >= 0
    shapes    (k_j, m_j) of every w_j
    operands  the filters' operands, predicted or learned
    """

    arrays: Arrays
    filters: tuple[int, int, int, int]
    stride: int
    padding: int
    shapes: Shapes
    operands: OperandCache | LearnedOperands

    @property
    def factors(self) -> Separable | None:
        return self.operands.filter_factors(self.filters[:2])

    @property
    def pixels(self) -> int:
        """n h' w'; raises ShapeError for images smaller than the filters."""
        _, h, w, _ = self.arrays.shape
        height, width = patches((h, w), self.filters[:2], self.stride, self.padding)
        return self.arrays.shape[0] * height * width

    def patches(self) -> Work:
        fh, fw, c, m = self.filters
        entries = self.pixels * fh * fw * c
        return Work(flop=6 * entries * m, copy=3 * entries)

    def theorem(self) -> Work:
        v, W = (np.broadcast_to(np.float32(0), shape) for shape in (self.arrays.shape, self.filters))
        return Work(theorem=3 * fourier_conv2d_flops(v, W, self.stride, self.padding))

    def separable(self, K: Separable) -> Work:
        (n, h, w, _), (fh, fw, c, _), pixels = self.arrays.shape, self.filters, self.pixels
        k = sum(k for k, _ in self.shapes)
        rows = np.unique(np.concatenate(K.alpha) // (fw * c)).size
        taps = n * (h + 2 * self.padding - fh + 1) * (w + 2 * self.padding) * (c * rows * fh + k * fw)
        return _combined(pixels, self.shapes) + Work(plane=3 * taps, pooled=3 * pixels * k, call=1)


class PoolProblem(NamedTuple):
    """Max-pooling of v (n, h, w, c) over windows of size x size pixels."""

    arrays: Arrays
    size: int
    stride: int
    operands: None = None

    @property
    def pixels(self) -> int:
        """How many numbers are compared."""
        n, h, w, c = self.arrays.shape
        return n * (h // self.stride) * (w // self.stride) * c * self.size**2

    def windows(self) -> Work:
        return Work(copy=self.pixels)

    def compiled(self) -> Work:
        return Work(pooled=self.pixels)


def _combined(n: int, shapes: Shapes) -> Work:
    return _sum(_product(n, k, m_j) + _product(n, m_j, k) + _product(k, n, m_j) for k, m_j in shapes)


def _product(n: int, k: int, m: int) -> Work:
    """The product of (n, k) and (k, m)."""
    return Work(flop=2 * n * k * m, pack=n * k + k * m, product=1)


def _sum(parts: Iterable[Work]) -> Work:
    return sum(parts, Work())
