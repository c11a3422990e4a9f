"""v K in two short passes inside the first-level cache: an image is padded, multiplied by K_x, then K_y, and gathered.

The zeros behind a row are also those before the next row, so a pass is one loop over the whole image without edges. The
compiler turns it into full vectors, and nothing is transposed. A loop takes three symmetric pairs of taps at a time, so
that sums stay in registers. The loops call only functions of this file, since Numba's cache of a caller does not notice
changes in other files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.pool import compile_loops
from pp_ref.kernels.cpu.shared import pool_smoothed
from pp_ref.kernels.cpu.threads import share_rows
from pp_ref.kernels.gate import check_rows, new_or_checked
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["gather_smooth", "pool_stencil", "positions", "smooth_scatter"]


def pool_stencil(
    v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None, *, threads: int | None = None
) -> NDArray[Any]:
    """As `pool_shared`, with v K from `gather_smooth`."""
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    smoothed = np.empty((len(v), o.d), o.dtype)
    gather_smooth(v, np.arange(o.d), smoothed, o, threads)
    return pool_smoothed(v, smoothed, o, out)


def gather_smooth(
    v: NDArray[Any], alpha: NDArray[Any], out: NDArray[Any], o: SeparableOperands, threads: int | None = None
) -> NDArray[np.bool]:
    """out = (v K)[:, alpha]; return which examples are finite. The rows of the others are undefined.

    v        (n, d) of the operands' dtype, any strides
    alpha    (k,) int in [0, d), in any order, repeated or not
    out      (n, k), C-contiguous
    threads  as in `share_rows`; each owns whole examples, so the number changes no bit
    returns  (n,) bool

    4 n d (T_y + T_x + 1) flops. Only v and the k numbers per example of out pass through main memory.
    """
    v, index, finite = np.ascontiguousarray(v), positions(alpha, o), np.empty(len(v), np.bool)
    unsigned, exponent = (np.uint32, 0x7F800000) if o.dtype == np.float32 else (np.uint64, 0x7FF0000000000000)

    def work(rows: slice) -> None:
        compiled_gather(
            v[rows], v[rows].view(unsigned), unsigned(exponent), index, out[rows], finite[rows], *o.taps, *geometry(o)
        )

    share_rows(work, len(v), threads)
    return finite


def smooth_scatter(
    g: NDArray[Any], alpha: NDArray[Any], out: NDArray[Any], o: SeparableOperands, threads: int | None = None
) -> None:
    """out = g S^T K, where S = I[:, alpha]: the adjoint of `gather_smooth`. Entries with the same alpha add up.

    g    (n, k) of the operands' dtype, any strides
    out  (n, d), C-contiguous
    """
    g, index = np.ascontiguousarray(g), positions(alpha, o)

    def work(rows: slice) -> None:
        compiled_scatter(g[rows], index, out[rows], *o.taps, *geometry(o))

    share_rows(work, len(g), threads)


def geometry(o: SeparableOperands) -> tuple[int, int, int]:
    """The number of rows of an image, the length of a row, and the step between neighbouring pixels."""
    height, width, channels = o.factors.sizes
    return height, width * channels, channels


def positions(alpha: NDArray[Any], o: SeparableOperands) -> NDArray[np.uint32]:
    """The indices of alpha in an image with padding behind each row, unsigned: no index can be negative."""
    _, row, channels = geometry(o)
    padded: NDArray[np.uint32] = (alpha + alpha // row * ((o.taps[1].size - 1) * channels)).astype(np.uint32)
    return padded


def sweep(dst: Any, src: Any, taps: Any, step: Any) -> None:
    """dst[i] = taps[0] src[i'] + sum over t of taps[t] (src[i' - t step] + src[i' + t step]), i' = i + T step."""
    size, T = dst.size, taps.size - 1
    middle = src[T * step :][:size]
    t = 1
    if T < 3:
        for i in range(size):
            dst[i] = taps[0] * middle[i]
    while t + 2 <= T:
        k1, k2, k3 = taps[t], taps[t + 1], taps[t + 2]
        a1, b1 = src[(T - t) * step :][:size], src[(T + t) * step :][:size]
        a2, b2 = src[(T - t - 1) * step :][:size], src[(T + t + 1) * step :][:size]
        a3, b3 = src[(T - t - 2) * step :][:size], src[(T + t + 2) * step :][:size]
        if t == 1:
            for i in range(size):
                dst[i] = taps[0] * middle[i] + (k1 * (a1[i] + b1[i]) + k2 * (a2[i] + b2[i]) + k3 * (a3[i] + b3[i]))
        else:
            for i in range(size):
                dst[i] += k1 * (a1[i] + b1[i]) + k2 * (a2[i] + b2[i]) + k3 * (a3[i] + b3[i])
        t += 3
    while t <= T:
        k1 = taps[t]
        a1, b1 = src[(T - t) * step :][:size], src[(T + t) * step :][:size]
        for i in range(size):
            dst[i] += k1 * (a1[i] + b1[i])
        t += 1


def gather_loops(
    v: Any, bits: Any, exponent: Any, index: Any, out: Any, finite: Any, taps_y: Any, taps_x: Any, *sizes: int
) -> None:
    """The loops of `gather_smooth`, one example at a time, with three buffers that fit into the first-level cache.

    bits, exponent  v as unsigned integers; the bits of the exponent, which are all set in NaN and infinity
    sizes           as `geometry` returns them
    """
    height, row, channels = sizes
    before = (taps_x.size - 1) * channels
    stride = row + before
    size, above = height * stride, (taps_y.size - 1) * stride
    padded = np.zeros(size + 2 * before, v.dtype)
    along_x = np.zeros(size + 2 * above, v.dtype)
    smoothed = np.empty(size, v.dtype)
    for n in range(v.shape[0]):
        largest = np.zeros(1, bits.dtype)[0]
        for i in range(height * row):
            largest = max(largest, bits[n, i] & exponent)
        finite[n] = largest < exponent
        image = v[n]
        for y in range(height):
            source, target = image[y * row :], padded[before + y * stride :]
            for x in range(row):
                target[x] = source[x]
        swept(along_x[above:][:size], padded, taps_x, channels)
        swept(smoothed, along_x, taps_y, stride)
        gathered = out[n]
        for k in range(index.size):
            gathered[k] = smoothed[index[k]]


def scatter_loops(g: Any, index: Any, out: Any, taps_y: Any, taps_x: Any, *sizes: int) -> None:
    """The loops of `smooth_scatter`, which add entries with the same alpha in order."""
    height, row, channels = sizes
    before = (taps_x.size - 1) * channels
    stride = row + before
    size, above = height * stride, (taps_y.size - 1) * stride
    padded = np.zeros(size + 2 * before, g.dtype)
    image = padded[before:]
    along_x = np.zeros(size + 2 * above, g.dtype)
    smoothed = np.empty(size, g.dtype)
    for n in range(g.shape[0]):
        padded[:] = 0
        for k in range(index.size):
            image[index[k]] += g[n, k]
        swept(along_x[above:][:size], padded, taps_x, channels)
        swept(smoothed, along_x, taps_y, stride)
        pulled = out[n]
        for y in range(height):
            source, target = smoothed[y * stride :], pulled[y * row :]
            for x in range(row):
                target[x] = source[x]


swept = compile_loops(sweep, nogil=True)
compiled_gather = compile_loops(gather_loops, nogil=True)
compiled_scatter = compile_loops(scatter_loops, nogil=True)
