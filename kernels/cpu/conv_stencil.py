"""v * K[:, alpha] in short passes over each channel's plane: down for each kept row, then across for each site.

A padded plane is one line of numbers, and a pass is one loop without edges. It also computes outputs across the ends of
rows and outputs that a stride skips; these are not read. A plane stays in the first-level cache. The loops call only
functions of this file, since Numba's cache of a caller does not notice changes in other files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.pool import compile_loops
from pp_ref.kernels.cpu.threads import share_rows
from pp_ref.kernels.operands import FilterOperands

__all__ = ["conv_gather", "conv_scatter"]

Real = NDArray[Any]  # float32 or float64


def conv_gather(v: Real, f: FilterOperands, out: Real, stride: int, padding: int, threads: int | None = None) -> None:
    """out[s c + ic, n, i, j] = sum over p, q of v[n, i stride + p - padding, j stride + q - padding, ic] K_s[p, q, s].

    v        (n, h, w, c) of the filters' dtype, C-contiguous
    out      (k_1 + ... + k_J, n, h', w'), C-contiguous
    threads  as in `share_rows`; each owns whole images, so the number changes no bit

    2 n c (D fh + S fw) flops per pixel of the padded image, for D different rows among S sites.
    """
    sites = out.reshape(len(f.row), f.shape[2], *out.shape[1:])

    def work(rows: slice) -> None:
        compiled_gather(v[rows], f.down, f.across, f.row, sites, rows.start, stride, padding)

    share_rows(work, len(v), threads)


def conv_scatter(g: Real, f: FilterOperands, out: Real, stride: int, padding: int, threads: int | None = None) -> None:
    """The adjoint of `conv_gather`: out (n, h, w, c) is the sum of every map of g times its filter.

    g       (k_1 + ... + k_J, n, h', w'), C-contiguous
    out     (n, h, w, c), C-contiguous
    """
    sites = g.reshape(len(f.row), f.shape[2], *g.shape[1:])
    down, across = (np.ascontiguousarray(axis[:, ::-1]) for axis in (f.down, f.across))

    def work(rows: slice) -> None:
        compiled_scatter(sites, rows.start, down, across, f.row, out[rows], stride, padding)

    share_rows(work, len(out), threads)


def sweep(dst: Any, src: Any, taps: Any, step: Any, add: bool) -> None:
    """dst[i] = sum over t of taps[t] src[i + t step], or dst[i] += that sum; four taps at a time stay in registers."""
    size, t = dst.size, 0
    while t + 4 <= taps.size:
        k0, k1, k2, k3 = taps[t], taps[t + 1], taps[t + 2], taps[t + 3]
        a0, a1 = src[t * step :][:size], src[(t + 1) * step :][:size]
        a2, a3 = src[(t + 2) * step :][:size], src[(t + 3) * step :][:size]
        if add or t:
            for i in range(size):
                dst[i] += (k0 * a0[i] + k1 * a1[i]) + (k2 * a2[i] + k3 * a3[i])
        else:
            for i in range(size):
                dst[i] = (k0 * a0[i] + k1 * a1[i]) + (k2 * a2[i] + k3 * a3[i])
        t += 4
    if not add and t == 0:
        dst[:] = 0
    while t < taps.size:
        k0, a0 = taps[t], src[t * step :][:size]
        for i in range(size):
            dst[i] += k0 * a0[i]
        t += 1


def gather_loops(v: Any, down: Any, across: Any, row: Any, out: Any, first: int, stride: int, padding: int) -> None:
    """The loops of `conv_gather`; image 0 of v is image ``first`` of out."""
    n, h, w, c = v.shape
    fh, fw = down.shape[1], across.shape[1]
    long = w + 2 * padding
    size = (h + 2 * padding - fh + 1) * long
    plane = np.zeros(size + (fh - 1) * long, v.dtype)
    tall = np.zeros((down.shape[0], size + fw - 1), v.dtype)
    line = np.empty(size, v.dtype)
    for image in range(n):
        for ic in range(c):
            for y in range(h):
                source, target = v[image, y], plane[(y + padding) * long + padding :]
                for x in range(w):
                    target[x] = source[x, ic]
            for d in range(down.shape[0]):
                swept(tall[d, :size], plane, down[d], long, False)
            for s in range(row.size):
                swept(line, tall[row[s]], across[s], 1, False)
                gathered = out[s, ic, first + image]
                for i in range(gathered.shape[0]):
                    kept, target = line[i * stride * long :], gathered[i]
                    if stride == 1:  # a copy of whole vectors
                        for j in range(target.size):
                            target[j] = kept[j]
                    else:
                        for j in range(target.size):
                            target[j] = kept[j * stride]


def scatter_loops(g: Any, first: int, down: Any, across: Any, row: Any, out: Any, stride: int, padding: int) -> None:
    """The loops of `conv_scatter`; the taps are given in reverse."""
    n, h, w, c = out.shape
    fh, fw = down.shape[1], across.shape[1]
    long = w + 2 * padding
    size, above = (h + 2 * padding - fh + 1) * long, (fh - 1) * long
    line = np.zeros(fw - 1 + size, g.dtype)
    tall = np.zeros((down.shape[0], above + size + above), g.dtype)
    plane = np.empty(size + above, g.dtype)
    for image in range(n):
        for ic in range(c):
            tall[:] = 0
            for s in range(row.size):
                dgathered = g[s, ic, first + image]
                for i in range(dgathered.shape[0]):
                    source, target = dgathered[i], line[fw - 1 + i * stride * long :]
                    for j in range(source.size):
                        target[j * stride] = source[j]
                swept(tall[row[s], above:][:size], line, across[s], 1, True)
            plane[:] = 0
            for d in range(down.shape[0]):
                swept(plane, tall[d], down[d], long, True)
            for y in range(h):
                source, target = plane[(y + padding) * long + padding :], out[image, y]
                for x in range(w):
                    target[x, ic] = source[x]


swept = compile_loops(sweep, nogil=True)
compiled_gather = compile_loops(gather_loops, nogil=True)
compiled_scatter = compile_loops(scatter_loops, nogil=True)
