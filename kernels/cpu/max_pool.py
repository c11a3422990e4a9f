"""Max-pooling in one pass over the windows, channels innermost; backward adds each gradient at its maximum."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_integer, check_numpy, check_sizes
from pp_ref.errors import ShapeError
from pp_ref.kernels.cpu.pool import compile_loops
from pp_ref.kernels.cpu.threads import share_rows

__all__ = ["MaxPoolCache", "max_pool_backward", "max_pool_forward"]

Real = NDArray[Any]  # float32 or float64


class MaxPoolCache(NamedTuple):
    winner: NDArray[np.int32]  # (n, h', w', c): flat index of the maximum in its image, (iy w + ix) c + ic
    image_shape: tuple[int, int]  # (h, w)


def max_pool_forward(v: Real, size: int, stride: int, *, threads: int | None = None) -> tuple[Real, MaxPoolCache]:
    """y[n, i, j, c] = max over p, q < size of v[n, i stride + p, j stride + q, c].

    v        (n, h, w, c) float32 or float64, any strides; n = 0 is fine
    size     int >= 1, height and width of a window; the last one may reach over the edge, where v is -inf
    stride   int >= 1, pixels from one window to the next
    threads  as in `share_rows`; each owns whole images, so the number changes no bit
    returns  y (n, h', w', c), cache
    raises   ShapeError, also for images smaller than a window; DomainError for another dtype, size or stride

    The first pixel in row-major order wins a tie, and the first NaN wins everything, as in `pp_ref.layers.pooling`.
    """
    check_numpy("float32 or float64", v=v)
    check_sizes("n h w c", v=v)
    check_integer(1, size=size, stride=stride)
    n, h, w, c = v.shape
    if min(h, w) < size:
        raise ShapeError(f"images are {h} x {w}, smaller than a window of {size} x {size}: take a smaller size")
    height, width = (min(-((size - extent) // stride), (extent - 1) // stride) + 1 for extent in (h, w))
    v, shape = np.ascontiguousarray(v), (n, height, width, c)
    y, winner = np.empty(shape, v.dtype), np.empty(shape, np.int32)
    share_rows(lambda rows: compiled_largest(v[rows], y[rows], winner[rows], size, stride), n, threads)
    return y, MaxPoolCache(winner, (h, w))


def max_pool_backward(dy: Real, cache: MaxPoolCache, *, threads: int | None = None) -> Real:
    """Pull dy (n, h', w', c) back to dv (n, h, w, c): each pixel gets the sum of dy over the windows that it won.

    NaN or infinity in dy reaches the winner alone, since no zero is multiplied by it.
    raises  ShapeError, DomainError for another dtype
    """
    check_numpy("float32 or float64", dy=dy)
    if dy.shape != cache.winner.shape:
        raise ShapeError(f"dy has shape {dy.shape}, expected that of y, {cache.winner.shape}")
    n, _, _, c = dy.shape
    dy, dv = np.ascontiguousarray(dy), np.empty((n, *cache.image_shape, c), dy.dtype)
    share_rows(lambda rows: compiled_add(dy[rows], cache.winner[rows], dv[rows]), n, threads)
    return dv


def largest(v: Any, y: Any, winner: Any, size: int, stride: int) -> None:
    """The loops of `max_pool_forward`. A comparison takes all channels at once, without branches."""
    n, h, w, c = v.shape
    for image in range(n):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                top, left = i * stride, j * stride
                best, place = y[image, i, j], winner[image, i, j]
                for p in range(top, min(top + size, h)):
                    for q in range(left, min(left + size, w)):
                        pixel, at = v[image, p, q], np.int32((p * w + q) * c)
                        if p == top and q == left:
                            for k in range(c):
                                best[k], place[k] = pixel[k], at
                        else:
                            for k in range(c):
                                wins = (pixel[k] > best[k]) | ((pixel[k] != pixel[k]) & (best[k] == best[k]))
                                best[k] = pixel[k] if wins else best[k]
                                place[k] = at if wins else place[k]
                for k in range(c):
                    place[k] += np.int32(k)


def add(dy: Any, winner: Any, dv: Any) -> None:
    for image in range(dy.shape[0]):
        pulled, given, places = dv[image].ravel(), dy[image].ravel(), winner[image].ravel()
        pulled[:] = 0
        for k in range(given.size):
            pulled[places[k]] += given[k]


compiled_largest = compile_loops(largest, nogil=True)
compiled_add = compile_loops(add, nogil=True)
