"""Convolution in loops: the definition, with which every faster way must agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_axes
from pp_ref.errors import ShapeError

__all__ = ["conv2d_loops"]


def conv2d_loops(v: NDArray[Any], W: NDArray[Any], b: NDArray[Any], stride: int = 1, padding: int = 0) -> NDArray[Any]:
    """y[n, i, j] = b + sum over p, q of v[n, i stride + p - padding, j stride + q - padding] W[p, q], v = 0 outside.

    v        (n, h, w, c) floating-point; n = 0 is fine
    W        (fh, fw, c, m) filters; not flipped
    b        (m,) bias
    stride   int >= 1
    padding  int >= 0, pixels of zeros on all four sides
    returns  (n, h', w', m) with h' = 1 + (h + 2 padding - fh) // stride, w' likewise
    raises   ShapeError, also for images smaller than the filters

    Sums run in the order of the filter's entries. NaN and infinity in W multiply the zeros of the padding too.
    """
    check_axes("n h w c, fh fw c m, m", v=v, W=W, b=b)
    n, h, w, c = v.shape
    fh, fw, _, m = W.shape
    if h + 2 * padding < fh or w + 2 * padding < fw:
        raise ShapeError(f"filters are {fh} x {fw} but images {h} x {w} with padding {padding}: pad more")
    padded = np.zeros((n, h + 2 * padding, w + 2 * padding, c), v.dtype)
    padded[:, padding : padding + h, padding : padding + w] = v
    height, width = 1 + (h + 2 * padding - fh) // stride, 1 + (w + 2 * padding - fw) // stride
    y: NDArray[Any] = np.zeros((n, height, width, m), np.result_type(v, W, b)) + b
    for i, j, p, q in np.ndindex(height, width, fh, fw):
        y[:, i, j] += padded[:, i * stride + p, j * stride + q] @ W[p, q]  # (n, c) (c, m)
    return y
