"""The forward convolutions of the CIFAR-10 net by every way that was tried.

The ways are patches in a matrix (im2col), cosines and sines as matrix products, SciPy's FFT, direct loops compiled by
Numba, and PyTorch (oneDNN). The library has no way by SciPy or Numba because they were slower.
"""

from typing import Any

import numpy as np
import scipy.fft

from pp_ref.bench.contest import Block, Real, blocks, contender, share_of_bounds
from pp_ref.bench.timing import Run, Timing
from pp_ref.errors import import_extra
from pp_ref.layers import conv2d_forward, fourier_conv2d_forward

__all__ = ["by_fft", "by_numba", "convolutions", "direct"]

numba = import_extra("numba", "fast")


def convolutions(
    images: tuple[int, ...], filters: tuple[int, ...], padding: int, threads: int, timing: Timing
) -> list[Block]:
    """Return a block of every way for one layer's shapes. Results are compared with those of patches first."""
    torch = import_extra("torch", "torch")
    rng = np.random.default_rng(2)
    v, W = rng.standard_normal(images, np.float32), rng.standard_normal(filters, np.float32)
    b = np.zeros(filters[3], np.float32)
    tv = torch.from_numpy(v).permute(0, 3, 1, 2)
    tW = torch.from_numpy(W).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    ways: dict[str, Run] = {
        "patches": lambda: conv2d_forward(v, W, b, 1, padding)[0],
        "cosines and sines": lambda: fourier_conv2d_forward(v, W, b, 1, padding)[0],
        "SciPy's FFT": lambda: by_fft(v, W, b, padding, threads),
        "Numba": lambda: by_numba(v, W, b, padding),
        "PyTorch": lambda: torch.nn.functional.conv2d(tv, tW, padding=padding).permute(0, 2, 3, 1).numpy(),
    }
    want = ways["patches"]()
    # L independent roundings add up to sqrt(L) u of the norms, L the products of an output; 10 allows for chance.
    allowed = 10 * np.sqrt(W[..., 0].size) * np.finfo(np.float32).eps / 2
    allowed *= np.sqrt(np.max(np.sum(v**2, axis=(1, 2, 3))) * np.max(np.sum(W**2, axis=(0, 1, 2))))
    share, flops = lambda got: share_of_bounds((got, want, allowed)), 2 * want.size * W[..., 0].size
    shape = {"part": "convolution", "filters": " x ".join(map(str, filters)), "n": len(v)}
    return blocks(shape, {name: contender(run, share, flops) for name, run in ways.items()}, [], timing, [threads])


@numba.njit(parallel=True)  # type: ignore[untyped-decorator]
def direct(padded: Real, W: Real, y: Real) -> None:
    """Add the convolution to y. Threads share the images; the inner loop runs over units, contiguous in W and y."""
    fh, fw, c, m = W.shape
    for n in numba.prange(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for p in range(fh):
                    for q in range(fw):
                        for k in range(c):
                            for u in range(m):
                                y[n, i, j, u] += padded[n, i + p, j + q, k] * W[p, q, k, u]


def by_numba(v: Real, W: Real, b: Real, padding: int) -> Real:
    padded = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n, height, width, _ = padded.shape
    y = np.empty((n, height - W.shape[0] + 1, width - W.shape[1] + 1, W.shape[3]), v.dtype)
    y[...] = b
    direct(padded, W, y)
    return y


def by_fft(v: Real, W: Real, b: Real, padding: int, workers: int) -> Real:
    size = tuple(scipy.fft.next_fast_len(extent + 2 * padding, real=True) for extent in v.shape[1:3])
    X = scipy.fft.rfft2(v, size, axes=(1, 2), workers=workers)
    K = scipy.fft.rfft2(W, size, axes=(0, 1), workers=workers).conj()
    Y = np.moveaxis(np.moveaxis(X, 0, 2) @ K, 2, 0)  # (frequencies, n, c) (frequencies, c, m)
    y: Any = scipy.fft.irfft2(Y, size, axes=(1, 2), workers=workers)
    y = np.roll(y, (padding, padding), (1, 2))
    height, width = (v.shape[1 + axis] + 2 * padding - W.shape[axis] + 1 for axis in (0, 1))
    cut: Real = y[:, :height, :width] + b
    return cut
