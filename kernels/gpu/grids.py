"""Images on a grid on a CUDA device, K = K_y (x) K_x (x) I: launches the kernels that use ``stencil.cu``.

The squared exponential over a Grid (sec. 3.2) is such a product, and each factor depends on a distance alone. So v K is
two short one-dimensional filters for all columns, and v K[:, alpha_j] is gathered from it. In the ridge form
U_j = K[:, alpha_j] R_j with R_j = (K_alpha_j + ridge I)^-1, so U_j w_j = K[:, alpha_j] (R_j w_j): R_j multiplies the
weights, once a step, and no example.

NaN and infinity reach only the pixels within the taps; the dense product with K would turn the whole image into NaN.
For the dense result, `pp_ref.kernels.gpu.fused` computes the images that are not finite by the definition.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import Array, check_arrays, check_axes, check_sizes
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.gpu.launching import UNASKED, Kernel, empty, gate, launch, new_or_checked, on_device

__all__ = ["gather_smooth", "pool_combined", "pool_gathered", "pool_separable", "smooth_scatter"]

THREADS = 256  # per block
RUN = 7  # outputs of a thread in a pass: four runs are a row of 28
MOST_HALF = 32  # the loops over taps are unrolled: longer ones would fill the instruction cache
MOST_IMAGES = 8  # per block
COMBINED_IMAGES = 4  # per block of pool_combined, whose threads hold a sum for each
ITEMSIZE = {"float32": 4, "float64": 8}
INSTEAD = "pp_ref.layers.pool_forward"


def pool_separable(v: Array, taps_y: Array, taps_x: Array, height: int, width: int) -> Array:
    """v K in full: out[:, (y, x)] = sum over s, t of taps_y[s] taps_x[t] v[:, (y + s - half, x + t - half)].

    v              (n, d) CuPy array, or any with ``__dlpack__``, float32 or float64; d = height width, n = 0 is fine
    taps_y         (t,) of v's dtype, t = 2 half + 1 odd, at most 65: K_y[i, j] = taps_y[i - j + half], else 0
    taps_x         (t,) of v's dtype, the same along a row
    height, width  int >= 1, the size of an image
    returns        (n, d) CuPy array of that dtype
    raises         ShapeError if axes differ or d is not height width; DeviceError without a GPU, for arrays that are
                   not on the current one, or without room; DomainError for dtypes, for an even number of taps or too
                   many, for images that do not fit into shared memory

    Both sums run in order, along y first; two runs agree bit for bit. The error is at most that of two products of
    length t. This K is 0 beyond half: choose half so that the intended covariance is below rounding there.
    """
    sizes = check_axes("n d, t, t", v=v, taps_y=taps_y, taps_x=taps_x)
    half = _half(sizes["t"], "v", sizes["d"], height, width)
    v, taps_y, taps_x = gate(INSTEAD, v=v, taps_y=taps_y, taps_x=taps_x)
    out = empty((sizes["n"], sizes["d"]), v.dtype)
    if out.size:
        _launch("separable", v.dtype, sizes["n"], (half, height, width, 1), (v, taps_y, taps_x, out, sizes["n"]))
    return out


def pool_gathered(v: Array, taps_y: Array, taps_x: Array, alpha: Array, height: int, width: int) -> Array:
    """(v K)[:, alpha] for the alphas of all columns at once; v is read once and the result written once.

    alpha    (k,) int32 CuPy array, or any with ``__dlpack__``: the columns' alphas one after another, each in [0, d)
    returns  (n, k) CuPy array of v's dtype, the columns side by side in the order of alpha
    raises   as `pool_separable`; DomainError for an alpha of another dtype

    An index outside of [0, d) gives NaN: to check alpha, the host would have to wait for the device.
    """
    return gather_smooth(v, taps_y, taps_x, alpha, height, width)[0]


def gather_smooth(
    v: Array,
    taps_y: Array,
    taps_x: Array,
    alpha: Array,
    height: int,
    width: int,
    channels: int = 1,
    out: Array | None = None,
) -> tuple[Array, Array]:
    """As `pool_gathered`, for images with any number of channels, innermost; also return which images are finite.

    taps_y   (t,), the middle one not 0, so that NaN and infinity stay at their own pixel in v K
    out      (n, k), C-contiguous, to write into; it may not overlap v
    returns  (n, k), and (n,) bool; rows that are not finite differ from the dense product
    """
    check_arrays(v=v, taps_y=taps_y, taps_x=taps_x)
    check_arrays("numbers", alpha=alpha)
    sizes = check_sizes("n d, t, t, k", v=v, taps_y=taps_y, taps_x=taps_x, alpha=alpha)
    half = _half(sizes["t"], "v", sizes["d"], height, width, channels)
    v, taps_y, taps_x = gate(INSTEAD, v=v, taps_y=taps_y, taps_x=taps_x)
    alpha = _indices(alpha=alpha)[0]
    n, k = sizes["n"], sizes["k"]
    out, finite = new_or_checked(out, (n, k), v.dtype, v=v), empty((n,), np.bool)
    if n:
        geometry = (half, height, width, channels)
        _launch("gathered", v.dtype, n, geometry, (v, taps_y, taps_x, alpha, out, finite, n, k))
    return out, finite


def smooth_scatter(
    g: Array,
    taps_y: Array,
    taps_x: Array,
    starts: Array,
    entries: Array,
    height: int,
    width: int,
    channels: int = 1,
    out: Array | None = None,
) -> tuple[Array, Array]:
    """g S^T K, S = I[:, alpha], and which examples are finite: the adjoint of `gather_smooth` for symmetric taps.

    Entries with the same alpha are summed in order.

    g        (n, k) CuPy array, or any with ``__dlpack__``, float32 or float64; n = 0 and k = 0 are fine
    out      as in `gather_smooth`
    starts   (height width channels + 1,) int32, and entries (k,) int32: `inverse` of alpha
    returns  (n, height width channels) of g's dtype, (n,) bool
    raises   as `gather_smooth`; ShapeError if starts does not fit the images
    """
    check_arrays(g=g, taps_y=taps_y, taps_x=taps_x)
    check_arrays("numbers", starts=starts, entries=entries)
    sizes = check_sizes("n k, t, t, s, k", g=g, taps_y=taps_y, taps_x=taps_x, starts=starts, entries=entries)
    d = sizes["s"] - 1
    half = _half(sizes["t"], "starts", d, height, width, channels)
    g, taps_y, taps_x = gate(INSTEAD, g=g, taps_y=taps_y, taps_x=taps_x)
    starts, entries = _indices(starts=starts, entries=entries)
    n = sizes["n"]
    out, finite = new_or_checked(out, (n, d), g.dtype, g=g), empty((n,), np.bool)
    if n:
        geometry = (half, height, width, channels)
        _launch("scattered", g.dtype, n, geometry, (g, taps_y, taps_x, starts, entries, out, finite, n, sizes["k"]))
    return out, finite


def inverse(alpha: NDArray[Any], d: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return starts (d + 1,) and entries (k,) on the host: alpha (k,) is i at entries[starts[i] : starts[i + 1]], in
    order."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(alpha, minlength=d))])
    return starts.astype(np.int32), np.argsort(alpha, kind="stable").astype(np.int32)


def pool_combined(
    v: Array, taps_y: Array, taps_x: Array, alpha: Array, F: Sequence[Array], b: Array, height: int, width: int
) -> Array:
    """y = [(v K)[:, alpha_1] F_1, ..., (v K)[:, alpha_J] F_J] + b; the gathered v K is not written to memory.

    alpha    (k,) int32 as in `pool_gathered`, k = sum of k_j
    F        J arrays (k_j, m_j) of v's dtype: R_j w_j, or w_j itself for the atom form
    b        (m,) of v's dtype, m = sum of m_j
    returns  (n, m) CuPy array of v's dtype
    raises   as `pool_gathered`; ShapeError if k or m is not the sum of the columns'

    A sum runs over its column's alpha in order. The error is that of v K plus that of a product of length k_j.
    """
    check_arrays(v=v, taps_y=taps_y, taps_x=taps_x, b=b)
    check_arrays("numbers", alpha=alpha)
    sizes = check_sizes("n d, t, t, k, m", v=v, taps_y=taps_y, taps_x=taps_x, alpha=alpha, b=b)
    half = _half(sizes["t"], "v", sizes["d"], height, width)
    for j, F_j in enumerate(F):
        check_axes("k m", **{f"F[{j}]": F_j})
    shapes = tuple((int(F_j.shape[0]), int(F_j.shape[1])) for F_j in F)
    for axis, owner, found in (("k", "alpha", sum(s[0] for s in shapes)), ("m", "b", sum(s[1] for s in shapes))):
        if found != sizes[axis]:
            raise ShapeError(f"axis {axis} is {sizes[axis]} in {owner}, but {found} over all of F")
    v, taps_y, taps_x, b, *columns = gate(
        INSTEAD, v=v, taps_y=taps_y, taps_x=taps_x, b=b, **{f"F[{j}]": F_j for j, F_j in enumerate(F)}
    )
    alpha = _indices(alpha=alpha)[0]
    out = empty((sizes["n"], sizes["m"]), v.dtype)
    if out.size:
        import cupy

        weights = cupy.concatenate([F_j.ravel() for F_j in columns])
        units = cupy.asarray(unit_table(shapes))
        arguments = (v, taps_y, taps_x, alpha, weights, b, units, out, sizes["n"], sizes["m"])
        _launch("combined", v.dtype, sizes["n"], (half, height, width, 1), arguments)
    return out


@cache
def unit_table(shapes: tuple[tuple[int, int], ...]) -> Any:
    """(m, 4) int64, a row per unit: the start of its column's alpha, k_j, the index of its first weight, the stride."""
    rows, kept, weights = [], 0, 0
    for k, m in shapes:
        rows += [(kept, k, weights + u, m) for u in range(m)]
        kept, weights = kept + k, weights + k * m
    return np.array(rows, np.int64).reshape(-1, 4)


def kernel(rung: str, dtype: str, half: int, height: int, width: int, channels: int = 1) -> Kernel:
    """Return the kernel that a rung launches: "separable", "gathered", "combined" or "scattered"."""
    images = images_of_a_block(rung, half, height, width, channels, ITEMSIZE[dtype])
    constants = {"THREADS": THREADS, "IMAGES": images, "HEIGHT": height, "WIDTH": width, "CHANNELS": channels}
    constants |= {"HALF": half, "RUN": RUN}
    return Kernel(f"pool_{rung}", ("stencil.cu", f"{rung}.cu"), dtype, tuple(constants.items()))


def shared_bytes(images: int, half: int, height: int, width: int, channels: int, itemsize: int) -> int:
    """Bytes of shared memory of a block: the taps; for every image a copy with zeros above and below, one with zeros
    left and right, and a flag."""
    row, before = width * channels, half * channels
    tall, wide = (height + 2 * half) * row, height * ((row + 2 * before + 1) | 1)
    return (2 * (2 * half + 1) + images * (tall + wide + 1)) * itemsize


def images_of_a_block(rung: str, half: int, height: int, width: int, channels: int, itemsize: int) -> int:
    """How many images give each thread a run in the narrower pass, at most what fits into `UNASKED` bytes."""
    if rung == "combined":
        wanted = COMBINED_IMAGES
    else:
        runs = channels * min(width * -(-height // RUN), height * -(-width // RUN))
        wanted = min(MOST_IMAGES, max(1, THREADS // runs))
    while wanted > 1 and shared_bytes(wanted, half, height, width, channels, itemsize) > UNASKED:
        wanted -= 1
    return wanted


def _half(taps: int, owner: str, d: int, height: int, width: int, channels: int = 1) -> int:
    if min(height, width, channels) < 1 or d != height * width * channels:
        size = " x ".join(map(str, (height, width, channels)[: 2 + (channels != 1)]))
        pixels = f"images of {size} have {height * width * channels} pixels"
        raise ShapeError(f"axis d is {d} in {owner}, but {pixels}")
    if taps % 2 == 0 or taps > 2 * MOST_HALF + 1:
        raise DomainError(
            f"taps_y has {taps} entries, expected an odd number up to {2 * MOST_HALF + 1}: pad with zeros"
        )
    return taps // 2


def _indices(**arrays: Array) -> list[Array]:
    taken = on_device(INSTEAD, **arrays)
    for name, array in zip(arrays, taken, strict=True):
        if array.dtype.name != "int32":
            raise DomainError(f"{name} is {array.dtype.name}, expected int32: cast it with astype")
    return taken


def _launch(rung: str, dtype: Any, n: int, geometry: tuple[int, int, int, int], arguments: tuple[Any, ...]) -> None:
    """Launch a rung's kernel for n images. geometry: half, height, width, channels."""
    images = images_of_a_block(rung, *geometry, dtype.itemsize)
    blocks, shared = -(-n // images), shared_bytes(images, *geometry, dtype.itemsize)
    launch(kernel(rung, dtype.name, *geometry), blocks, THREADS, arguments, shared)
