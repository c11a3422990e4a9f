"""The convolution of `conv2d` by the convolution theorem: one product per frequency instead of one per shift.

Images and filters are functions on a torus of H x N pixels. With the Fourier transform F and the complex conjugate *,

    y = F^-1(F v . F(W)*),   dv = F^-1(F dy . F W),   dW = F^-1(F(dy)* . F v).

The torus has (h + padding) x (w + padding) pixels, an image and the padding of one side: the torus is periodic, so the
same zeros pad the other side. The transforms are matrix products with tables of cosines and sines, one axis after the
other, because sizes are small and arbitrary: BLAS runs at its full rate, and every array is real. 64 filters of
8 x 8 x 48 on 16 x 16 images take an eighth of the flops of `conv2d`.

Source: Mathieu, Henaff, LeCun, Fast training of convolutional networks through FFTs, 2014.

Images in this file are (height, width, ...). Spectra are (F, N, 2, ...): F = H // 2 + 1 frequencies along the height
(the others are their conjugates), N along the width, and the real and imaginary parts.
"""

from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of
from pp_ref.layers.conv2d import Conv2dCache, output_shape, patches
from pp_ref.layers.windows import blocks

__all__ = [
    "FourierConv2dCache",
    "Torus",
    "fourier_conv2d_backward",
    "fourier_conv2d_backward_input",
    "fourier_conv2d_backward_weights",
    "fourier_conv2d_flops",
    "fourier_conv2d_forward",
]

# Entries of a block's products at all frequencies, 4 MB in float32: the next step then reads them from the cache, or
# near it. For dW a block is limited by the entries of its spectra, 16 MB, since it takes one inverse transform.
PRODUCT_ENTRIES = 2**20
SPECTRUM_ENTRIES = 2**22

Places = tuple[range, range]  # rows and columns of the torus


class FourierConv2dCache(NamedTuple):
    v: Array  # (n, h, w, c)
    W: Array  # (fh, fw, c, m)
    stride: int
    padding: int


class Torus(NamedTuple):
    """The size of the torus, and the rows and columns of each array on it."""

    size: tuple[int, int]  # H, N
    v: Places
    W: Places
    y: Places

    @property
    def frequencies(self) -> int:
        """F N, the number of frequencies."""
        return (self.size[0] // 2 + 1) * self.size[1]


def fourier_conv2d_forward(
    v: Array, W: Array, b: Array, stride: int = 1, padding: int = 0
) -> tuple[Array, FourierConv2dCache]:
    """y[n, i, j] = b + sum over p, q of v[n, i stride + p - padding, j stride + q - padding] W[p, q], v = 0 outside.

    v        (n, h, w, c) input images
    W        (fh, fw, c, m) filters; not flipped
    b        (m,) bias
    stride   int >= 1, pixels from one patch to the next; a larger stride saves little here
    padding  int >= 0, pixels of zeros on all four sides
    returns  y (n, h', w', m) as `conv2d_forward`; cache
    raises   ShapeError, also for images smaller than the filters; DomainError for another stride or padding

    The rounding error of an output is relative to the largest numbers of its whole image, not of its patch. For the
    same reason a NaN in an image reaches every output of that image.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import fourier_conv2d_forward
    >>> v, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> y, cache = fourier_conv2d_forward(v, W, np.zeros(1))
    >>> y[0, :, :, 0].round(6)
    array([[ 8., 12.],
           [20., 24.]])
    """
    check_axes("n h w c, fh fw c m, m", v=v, W=W, b=b)
    torus, xp = _torus(v, W, stride, padding), array_namespace(v)
    rows, columns = torus.y
    v, W, b = _promoted(v, W, b)
    y = xp.empty((v.shape[0], len(rows), len(columns), W.shape[3]), dtype=v.dtype)
    K = _spectrum(W, torus.W, torus)  # (F, N, 2, c, m)
    for block in blocks(v.shape[0], 4 * torus.frequencies * W.shape[3], PRODUCT_ENTRIES):
        X = _spectrum(_pixels_first(v[block, ...]), torus.v, torus)  # (F, N, 2, n, c)
        y[block, ...] = _images_first(_inverse(X, K, (1, -1), torus.y, torus)) + b  # (n, c) (c, m) -> (n, m)
    return y, FourierConv2dCache(v, W, stride, padding)


def fourier_conv2d_backward(dy: Array, cache: FourierConv2dCache) -> tuple[Array, Array, Array]:
    """Pull dy (n, h', w', m) back to dv (n, h, w, c), dW (fh, fw, c, m), db (m,).

    Derived in docs/derivations.md#fourier_conv2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import fourier_conv2d_backward, fourier_conv2d_forward
    >>> v, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> y, cache = fourier_conv2d_forward(v, W, np.zeros(1))
    >>> dv, dW, db = fourier_conv2d_backward(np.ones_like(y), cache)
    >>> dv[0, :, :, 0].round(6)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return fourier_conv2d_backward_input(dy, cache), *fourier_conv2d_backward_weights(dy, cache)


def fourier_conv2d_backward_input(dy: Array, cache: FourierConv2dCache) -> Array:
    """Return dv alone."""
    check_gradient_of(output_shape(Conv2dCache(*cache)), dy=dy)
    v, W, stride, padding = cache
    torus, xp = _torus(v, W, stride, padding), array_namespace(dy)
    dy, W = _promoted(dy, W)
    dv = xp.empty(v.shape, dtype=dy.dtype)
    K = xp.permute_dims(_spectrum(W, torus.W, torus), (0, 1, 2, 4, 3))  # (F, N, 2, m, c)
    for block in blocks(v.shape[0], 4 * torus.frequencies * v.shape[3], PRODUCT_ENTRIES):
        dY = _spectrum(_pixels_first(dy[block, ...]), torus.y, torus)  # (F, N, 2, n, m)
        dv[block, ...] = _images_first(_inverse(dY, K, (1, 1), torus.v, torus))  # (n, m) (m, c) -> (n, c)
    return dv


def fourier_conv2d_backward_weights(dy: Array, cache: FourierConv2dCache) -> tuple[Array, Array]:
    """Return dW and db alone, for a first layer: its input is data and needs no gradient."""
    check_gradient_of(output_shape(Conv2dCache(*cache)), dy=dy)
    v, W, stride, padding = cache
    torus, xp = _torus(v, W, stride, padding), array_namespace(dy)
    v, dy = _promoted(v, dy)
    dW = xp.zeros(W.shape, dtype=dy.dtype)
    for block in blocks(v.shape[0], 2 * torus.frequencies * (v.shape[3] + W.shape[3]), SPECTRUM_ENTRIES):
        X = xp.permute_dims(_spectrum(_pixels_first(v[block, ...]), torus.v, torus), (0, 1, 2, 4, 3))  # (F, N, 2, c, n)
        dY = _spectrum(_pixels_first(dy[block, ...]), torus.y, torus)  # (F, N, 2, n, m)
        dW += _inverse(X, dY, (1, -1), torus.W, torus)  # (c, n) (n, m) -> (c, m)
    return dW, xp.sum(xp.reshape(dy, (prod(dy.shape[:3]), dy.shape[3])), axis=0)


def fourier_conv2d_flops(v: Array, W: Array, stride: int = 1, padding: int = 0) -> int:
    """Return the flops of `fourier_conv2d_forward`: its transforms, its products at all frequencies, its inverse.

    raises  as `fourier_conv2d_forward`
    """
    torus = _torus(v, W, stride, padding)
    (n, _, _, c), m = v.shape, W.shape[3]
    N, Q = torus.size[1], torus.frequencies

    def transform(places: Places, ways: int) -> int:
        """Return the flops for one channel, between ``places`` and frequencies of ``ways`` real numbers each."""
        (rows, columns), F = places, Q // N
        return 4 * F * len(rows) * len(columns) + 4 * Q * ways * len(columns)

    ends = n * c * transform(torus.v, 2) + c * m * transform(torus.W, 2) + n * m * transform(torus.y, 4)
    return int(ends + 8 * Q * n * c * m)


def _promoted(*arrays: Array) -> list[Array]:
    """Return the arrays in their common dtype, so that the tables have its precision and not the lowest."""
    xp = array_namespace(*arrays)
    dtype = xp.result_type(*arrays)
    return [array if array.dtype == dtype else xp.astype(array, dtype) for array in arrays]


def _torus(v: Array, W: Array, stride: int, padding: int) -> Torus:
    """Return the torus of a convolution; raise as `patches` does."""
    (h, w), (fh, fw) = v.shape[1:3], W.shape[:2]
    height, width = patches((h, w), (fh, fw), stride, padding)
    return Torus(
        (h + padding, w + padding),
        (range(padding, padding + h), range(padding, padding + w)),
        (range(fh), range(fw)),
        (range(0, stride * height, stride), range(0, stride * width, stride)),
    )


def _spectrum(x: Array, places: Places, torus: Torus) -> Array:
    """F x[f, g] = sum over a, b of x[a, b] exp(-2 pi i (f a / H + g b / N)), for x (height, width, ...)."""
    xp, (H, N) = array_namespace(x), torus.size
    height, width, *rest = x.shape
    down, across = _cast(_down(H, places[0]), x), _cast(_across(N, places[1]), x)
    columns = down @ xp.reshape(x, (height, width * prod(rest)))  # (F 2, height) (height, ...)
    spectrum = across @ xp.reshape(columns, (H // 2 + 1, 2 * width, prod(rest)))  # (N 2, 2 width) (2 width, ...)
    return xp.reshape(spectrum, (H // 2 + 1, N, 2, *rest))


def _inverse(A: Array, B: Array, signs: tuple[int, int], places: Places, torus: Torus) -> Array:
    """F^-1 (A B) at the given places, where A B is one matrix product per frequency.

    A, B     (F, N, 2, p, q) and (F, N, 2, q, r): spectra
    signs    for A and for B: 1 takes the spectrum, -1 its complex conjugate
    returns  (height, width, p, r)

    Each frequency takes the four products of real and imaginary parts; the inverse transform adds them, with signs.
    """
    xp, (H, N) = array_namespace(A), torus.size
    products = A[:, :, :, None, ...] @ B[:, :, None, ...]  # (F, N, 2, 2, p, r)
    rest = products.shape[4:]
    across, down = _cast(_across_back(N, places[1], signs), A), _cast(_down_back(H, places[0]), A)
    columns = across @ xp.reshape(products, (H // 2 + 1, N * 4, prod(rest)))  # (2 width, N 2 2) (N 2 2, ...)
    x = down @ xp.reshape(columns, ((H // 2 + 1) * 2, len(places[1]) * prod(rest)))  # (height, F 2) (F 2, ...)
    return xp.reshape(x, (len(places[0]), len(places[1]), *rest))


# The tables are in longdouble, so that a cast to float32 or float64 rounds each entry once.


def _waves(size: int, places: range, count: int) -> NDArray[Any]:
    """exp(2 pi i f a / size) for f < count and every place a, to 2 u: angles are reduced as integers."""
    eighths = 8 * (np.outer(np.arange(count), np.asarray(places)) % size)
    quadrant = (eighths + size) // (2 * size)  # the nearest quarter turn: the rest is an eighth at most
    angle = np.arctan(np.longdouble(1)) * (eighths - 2 * size * quadrant) / size
    waves: NDArray[Any] = (np.cos(angle) + 1j * np.sin(angle)) * np.array([1, 1j, -1, -1j])[quadrant % 4]
    return waves


@cache
def _down(size: int, places: range) -> NDArray[Any]:
    """Table (F 2, height) from real numbers to the real and imaginary parts of frequencies up to size / 2."""
    waves = _waves(size, places, size // 2 + 1).conj()
    return np.stack([waves.real, waves.imag], axis=1).reshape(-1, len(places))


@cache
def _across(size: int, places: range) -> NDArray[Any]:
    """Table (N 2, 2 width) from complex numbers to all frequencies."""
    waves = _waves(size, places, size).conj()
    rows = [np.stack([waves.real, -waves.imag], axis=1), np.stack([waves.imag, waves.real], axis=1)]
    return np.stack(rows, axis=1).reshape(2 * size, 2 * len(places))


@cache
def _across_back(size: int, places: range, signs: tuple[int, int]) -> NDArray[Any]:
    """Table (2 width, N 2 2) from products of the parts of A and B to complex numbers."""
    units = np.array([[1, 1j * signs[1]], [1j * signs[0], -signs[0] * signs[1]]])
    terms = _waves(size, places, size).T[:, :, None, None] / size * units  # (width, N, 2, 2)
    return np.stack([terms.real, terms.imag]).reshape(2 * len(places), 4 * size)


@cache
def _down_back(size: int, places: range) -> NDArray[Any]:
    """Table (height, F 2) from complex to real numbers. A frequency counts twice if its conjugate is left out."""
    f = np.arange(size // 2 + 1)
    terms = _waves(size, places, len(f)).T * np.where((f == 0) | (2 * f == size), 1, 2) / size
    return np.stack([terms.real, -terms.imag], axis=2).reshape(len(places), -1)


def _cast(table: NDArray[Any], like: Array) -> Array:
    """Return the table in the array library and real precision of ``like``."""
    xp = array_namespace(like)
    return xp.asarray(table, dtype=xp.finfo(like.dtype).dtype)


def _pixels_first(x: Array) -> Array:
    """(n, height, width, ...) -> (height, width, n, ...)."""
    return array_namespace(x).permute_dims(x, (1, 2, 0, 3))


def _images_first(x: Array) -> Array:
    """(height, width, n, ...) -> (n, height, width, ...)."""
    return array_namespace(x).permute_dims(x, (2, 0, 1, 3))
