"""Images on a grid on a CUDA device, K = K_y (x) K_x (x) I: launches the kernels that build on ``stencil.cu``.

The squared exponential over a Grid (sec. 3.2) is such a product, and each factor depends on a distance alone: v K is
two short one-dimensional filters, which all columns share, and v K[:, alpha_j] a gather from it. In the ridge form
U_j = K[:, alpha_j] R_j with R_j = (K_alpha_j + ridge I)^-1, so U_j w_j = K[:, alpha_j] (R_j w_j): R_j meets the
weights, once a step, and never the examples.

A value that is not finite reaches the pixels within the taps of it, as in sums over those pixels alone; the dense
product with K would turn the whole image into NaN. Whoever means that product asks which images are finite, and has
the others done by the definition (`pp_ref.kernels.gpu.fused`).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import Array, check_axes
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.gpu.launching import UNASKED, Kernel, empty, gate, launch, new_or_checked, on_device

__all__ = ["gather_smooth", "pool_combined", "pool_gathered", "pool_separable", "smooth_scatter"]

THREADS = 256  # a block
RUN = 7  # outputs of a thread in a pass: four runs are a row of 28
MOST_HALF = 32  # the loops over taps are unrolled: longer ones would fill the instruction cache
MOST_IMAGES = 8  # of a block
COMBINED_IMAGES = 4  # of a block whose threads hold a sum for each
ITEMSIZE = {"float32": 4, "float64": 8}
INSTEAD = "pp_ref.layers.pool_forward"


def pool_separable(v: Array, taps_y: Array, taps_x: Array, height: int, width: int) -> Array:
    """v K, whole: out[:, (y, x)] = sum over s, t of taps_y[s] taps_x[t] v[:, (y + s - half, x + t - half)].

    v              (n, d) CuPy array, or any with ``__dlpack__``, float32 or float64; d = height width, n = 0 is fine
    taps_y         (t,) of v's dtype, t = 2 half + 1 odd, at most 65: K_y[i, j] = taps_y[i - j + half], else 0
    taps_x         (t,) of v's dtype, the same along a row
    height, width  int >= 1, of an image
    returns        (n, d) CuPy array of that dtype
    raises         ShapeError if axes differ or d is not height width; DeviceError without a GPU, for arrays that are
                   not on the current one, or without room; DomainError for dtypes, for an even number of taps or too
                   many, for images that do not fit into shared memory

    Both sums run in order, the columns' first; two runs agree bit for bit. The error is within that of two products of
    length t. Beyond half this K is 0: choose half so that the kernel that is meant is, too, to rounding.
    """
    sizes = check_axes("n d, t, t", v=v, taps_y=taps_y, taps_x=taps_x)
    half = _half(sizes["t"], "v", sizes["d"], height, width)
    v, taps_y, taps_x = gate(INSTEAD, v=v, taps_y=taps_y, taps_x=taps_x)
    out = empty((sizes["n"], sizes["d"]), v.dtype)
    if out.size:
        _launch("separable", v.dtype, sizes["n"], (half, height, width, 1), (v, taps_y, taps_x, out, sizes["n"]))
    return out


def pool_gathered(v: Array, taps_y: Array, taps_x: Array, alpha: Array, height: int, width: int) -> Array:
    """(v K)[:, alpha] for the alphas of all columns at once: v is read once and the result written once.

    alpha    (k,) int32 CuPy array, or any with ``__dlpack__``: the columns' alphas one after another, each in [0, d)
    returns  (n, k) CuPy array of v's dtype: columns beside each other, as alpha has them
    raises   as `pool_separable`; DomainError for an alpha of another dtype

    An index that is outside of [0, d) gives NaN: asking the device about alpha would wait for it.
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
    """`pool_gathered`, for images of any number of channels, which stand innermost; and which images are finite.

    taps_y   (t,), the middle one not 0: an image that is not finite is known by its own pixel in v K
    out      (n, k), C-contiguous, to write into; it may not overlap v
    returns  (n, k), and (n,) bool: what stands in the other rows means nothing to whoever means the dense product
    """
    sizes = check_axes("n d, t, t, k", v=v, taps_y=taps_y, taps_x=taps_x, alpha=alpha)
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
    """g S^T K, where S = I[:, alpha], and which examples are finite: with taps that are symmetric, as K's are, the
    adjoint of `gather_smooth`. Entries with the same alpha add up, in order.

    g        (n, k) CuPy array, or any with ``__dlpack__``, float32 or float64; n = 0 and k = 0 are fine
    out      as in `gather_smooth`
    starts   (height width channels + 1,) int32, entries (k,) int32: what `inverse` makes of alpha
    returns  (n, height width channels) of g's dtype, (n,) bool
    raises   as `gather_smooth`; ShapeError if starts does not fit the images
    """
    sizes = check_axes("n k, t, t, s, k", g=g, taps_y=taps_y, taps_x=taps_x, starts=starts, entries=entries)
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
    """The entries of alpha (k,) by the pixel that they name, in order: those of pixel i are
    entries[starts[i] : starts[i + 1]]. On the host, starts (d + 1,) and entries (k,)."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(alpha, minlength=d))])
    return starts.astype(np.int32), np.argsort(alpha, kind="stable").astype(np.int32)


def pool_combined(
    v: Array, taps_y: Array, taps_x: Array, alpha: Array, F: Sequence[Array], b: Array, height: int, width: int
) -> Array:
    """y = [(v K)[:, alpha_1] F_1, ..., (v K)[:, alpha_J] F_J] + b: a layer's pre-activations, `pooled` unwritten.

    alpha    (k,) int32 as in `pool_gathered`, k = sum of k_j
    F        J arrays (k_j, m_j) of v's dtype: R_j w_j, or w_j itself for the atom form
    b        (m,) of v's dtype, m = sum of m_j
    returns  (n, m) CuPy array of v's dtype
    raises   as `pool_gathered`; ShapeError if k or m is not the sum of the columns'

    A sum runs over its column's alpha in order: on top of v K's error there is that of a product of length k_j.
    """
    sizes = check_axes("n d, t, t, k, m", v=v, taps_y=taps_y, taps_x=taps_x, alpha=alpha, b=b)
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
    """(m, 4) int64, a row a unit: where its column's alpha begins, how many there are, its first weight, its stride."""
    rows, kept, weights = [], 0, 0
    for k, m in shapes:
        rows += [(kept, k, weights + u, m) for u in range(m)]
        kept, weights = kept + k, weights + k * m
    return np.array(rows, np.int64).reshape(-1, 4)


def kernel(rung: str, dtype: str, half: int, height: int, width: int, channels: int = 1) -> Kernel:
    """The kernel that the rung launches: "separable", "gathered", "combined" or "scattered"."""
    images = images_of_a_block(rung, half, height, width, channels, ITEMSIZE[dtype])
    constants = {"THREADS": THREADS, "IMAGES": images, "HEIGHT": height, "WIDTH": width, "CHANNELS": channels}
    constants |= {"HALF": half, "RUN": RUN}
    return Kernel(f"pool_{rung}", ("stencil.cu", f"{rung}.cu"), dtype, tuple(constants.items()))


def shared_bytes(images: int, half: int, height: int, width: int, channels: int, itemsize: int) -> int:
    """Shared memory of a block: taps; of every image itself with zeros above and below, itself with zeros left and
    right, and whether it is finite."""
    row, before = width * channels, half * channels
    tall, wide = (height + 2 * half) * row, height * ((row + 2 * before + 1) | 1)
    return (2 * (2 * half + 1) + images * (tall + wide + 1)) * itemsize


def images_of_a_block(rung: str, half: int, height: int, width: int, channels: int, itemsize: int) -> int:
    """As many as give each thread a run in the narrower pass, or as fit into the memory that a kernel gets unasked."""
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
    """geometry: half, height, width, channels."""
    images = images_of_a_block(rung, *geometry, dtype.itemsize)
    blocks, shared = -(-n // images), shared_bytes(images, *geometry, dtype.itemsize)
    launch(kernel(rung, dtype.name, *geometry), blocks, THREADS, arguments, shared)
