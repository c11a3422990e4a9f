"""Comparisons of rungs with definitions in NumPy: exact if sums are exact, else within derived bounds.

A comparison takes a rung, the array library it runs with, and a dtype. The sizes straddle every tile: TILE 64 and
DEPTH 16 of the dense product, runs of 7 pixels, blocks of 1 to 8 images and of 256 threads.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.gpu.cuda_on_cpu import StandIn
from pp_ref.kernels.ways import Way
from tests.bounds import assert_within, gemm_bound

Floats = NDArray[Any]

DENSE = [
    (1, 1, 1),
    (64, 16, 64),
    (63, 15, 65),
    (65, 17, 63),
    (130, 33, 3),
    (2, 50, 200),
    (107, 23, 5),
    (0, 3, 2),
    (3, 0, 2),
]
GRIDS = [  # n, height, width, half; first the one that shows most faults, since each is compiled for
    (11, 6, 8, 2),
    (9, 13, 4, 5),
    (5, 28, 28, 6),
    (1, 1, 1, 0),
    (3, 1, 9, 2),
    (2, 7, 7, 1),
    (3, 15, 29, 3),
    (2, 30, 16, 1),
    (0, 5, 4, 1),
]


class Images(NamedTuple):
    """Arguments of the rungs for images; the first columns have no weights, no units, or an alpha that repeats."""

    v: Floats
    taps_y: Floats
    taps_x: Floats
    alpha: NDArray[np.int32]
    F: list[Floats]
    b: Floats
    height: int
    width: int


Draw = Callable[[tuple[int, ...]], Floats]


def images(n: int, height: int, width: int, half: int, draw: Draw) -> Images:
    rng, d = np.random.default_rng(height * width), height * width
    kept = [0, 2, 3, max(1, d // 4), d]
    units = [2, 0, 1, 7, 270 if d < 100 else 3]
    alpha = np.concatenate([rng.permutation(np.arange(max(d, k)) % d)[:k] for k in kept]).astype(np.int32)
    taps_y, taps_x = draw((2 * half + 1,)), draw((2 * half + 1,))
    F = [draw(shape) for shape in zip(kept, units, strict=True)]
    return Images(draw((n, d)), taps_y, taps_x, alpha, F, draw((sum(units),)), height, width)


def whole_numbers(dtype: str, seed: int = 0) -> Draw:
    """Small integers: sums are exact in any order, also in float32."""
    rng = np.random.default_rng(seed)
    return lambda shape: rng.integers(-3, 4, shape).astype(dtype)


def normal(dtype: str, seed: int = 1) -> Draw:
    rng = np.random.default_rng(seed)
    return lambda shape: rng.standard_normal(shape).astype(dtype)


def run_dense(rung: Way, xp: Any, v: Floats, U: Floats) -> Floats:
    return to_numpy(rung.forward(xp.asarray(v), xp.asarray(U)))


def run_images(rung: Way, xp: Any, given: Images) -> Floats:
    """The rung's result on the device, from NumPy arrays to NumPy arrays."""
    v, taps_y, taps_x, alpha, b = map(xp.asarray, (given.v, given.taps_y, given.taps_x, given.alpha, given.b))
    more = {
        "separable": (),
        "gathered": (alpha,),
        "combined": (alpha, [xp.asarray(F_j) for F_j in given.F], b),
    }[rung.name]
    return to_numpy(rung.forward(v, taps_y, taps_x, *more, given.height, given.width))


def to_numpy(array: Any) -> Floats:
    return np.asarray(array.get() if hasattr(array, "get") else array)


def filtered(v: Floats, taps_y: Floats, taps_x: Floats, height: int, width: int) -> Floats:
    """The two filters by their definition: an axis at a time, one tap after another."""
    half, padded = taps_y.size // 2, v.reshape(-1, height, width)
    for axis, taps in ((1, taps_y), (2, taps_x)):
        wide = [(0, 0), (0, 0), (0, 0)]
        wide[axis] = (half, half)
        size, source = padded.shape[axis], np.pad(padded, wide)
        shifted = [source.take(range(t, t + size), axis) for t in range(taps.size)]
        padded = np.sum([tap * image for tap, image in zip(taps, shifted, strict=True)], axis=0)
    return padded.reshape(v.shape)


def reference(rung: Way, given: Images) -> Floats:
    pooled = filtered(given.v, given.taps_y, given.taps_x, given.height, given.width)
    if rung.name == "separable":
        return pooled
    if rung.name == "gathered":
        return pooled[:, given.alpha]
    return combined(pooled, given) + given.b


def combined(pooled: Floats, given: Images) -> Floats:
    blocks, start = [np.zeros((len(pooled), 0))], 0
    for F_j in given.F:
        blocks.append(pooled[:, given.alpha[start : start + len(F_j)]] @ F_j)
        start += len(F_j)
    return np.concatenate(blocks, axis=1)


def rounding(length: int, dtype: str) -> float:
    """g = k u / (1 - k u) of a sum of `length` products: Higham, sec. 3.1."""
    ku = length * np.finfo(dtype).eps / 2
    return float(ku / (1 - ku))


def bound(rung: Way, given: Images, dtype: str) -> Floats:
    """Two filters: (1 + g)^2 - 1 of the same sums over absolute values; then a product and one more addition, for b."""
    absolute = Images(
        *(abs(array) for array in given[:3]), given.alpha, [abs(F) for F in given.F], abs(given.b), *given[6:]
    )
    g, total = rounding(given.taps_y.size, dtype), reference(rung, absolute)
    error = (1 + g) ** 2 - 1
    if rung.name == "combined":
        error = (1 + error) * (1 + rounding(max(map(len, given.F)) + 1, dtype)) - 1
    return error * total


# The comparisons.


def dense_is_exact(rung: Way, xp: Any, dtype: str) -> None:
    for n, d, k in DENSE:
        draw = whole_numbers(dtype, n + d + k)
        v, U = draw((n, d)), draw((d, k))
        np.testing.assert_array_equal(run_dense(rung, xp, v, U), v @ U, strict=True)


def dense_bits_spell_the_rows_read(rung: Way, xp: Any, dtype: str) -> None:
    mask = np.random.default_rng(0).integers(0, 2, (107, 23))
    U = np.repeat(2.0 ** np.arange(23)[:, None], 5, axis=1)
    want = np.repeat((mask @ (1 << np.arange(23)))[:, None], 5, axis=1)
    np.testing.assert_array_equal(run_dense(rung, xp, mask.astype(dtype), U.astype(dtype)), want)


def dense_is_within_its_bound(rung: Way, xp: Any, dtype: str) -> None:
    draw = normal(dtype)
    v, U = draw((66, 129)), draw((129, 67))
    want = v.astype(np.longdouble) @ U.astype(np.longdouble)
    got = run_dense(rung, xp, v, U)
    assert_within(got, want, gemm_bound(v.astype("f8"), U.astype("f8"), dtype), f"{rung.name}, {dtype}")


def dense_passes_on_what_is_not_finite(rung: Way, xp: Any, dtype: str) -> None:
    draw = whole_numbers(dtype)
    v, U = draw((67, 18)), draw((18, 66))
    v[3, 17], v[64, 0], v[66, [1, 2]], U[5, 65] = np.nan, np.inf, (np.inf, -np.inf), -np.inf
    with np.errstate(invalid="ignore"):
        want = np.sum(v[:, :, None] * U, axis=1)
    np.testing.assert_array_equal(run_dense(rung, xp, v, U), want)


def images_are_exact(rung: Way, xp: Any, dtype: str) -> None:
    for n, height, width, half in GRIDS:
        given = images(n, height, width, half, whole_numbers(dtype, n + width))
        np.testing.assert_array_equal(run_images(rung, xp, given), reference(rung, given).astype(dtype), strict=True)


def images_tell_their_taps(rung: Way, xp: Any, dtype: str) -> None:
    """An impulse becomes the taps, powers of two, so that each pixel shows which two taps it is the product of."""
    half, height, width = 2, 9, 10
    given = images(1, height, width, half, whole_numbers(dtype))
    v = np.zeros((height * width, height * width), dtype)
    np.fill_diagonal(v, 1)
    taps_y, taps_x = 2.0 ** np.arange(5).astype(dtype), 2.0 ** (5 * np.arange(5)).astype(dtype)
    one_each = [np.eye(*F.shape, dtype=dtype) for F in given.F]  # sums of one term are exact
    given = given._replace(v=v, taps_y=taps_y, taps_x=taps_x, F=one_each, b=0 * given.b)
    np.testing.assert_array_equal(run_images(rung, xp, given), reference(rung, given))


def images_are_within_their_bound(rung: Way, xp: Any, dtype: str) -> None:
    for n, height, width, half in [(3, 28, 28, 6), (4, 17, 10, 9)]:
        given = images(n, height, width, half, normal(dtype))
        exact = Images(
            *(array.astype(np.longdouble) for array in given[:3]),
            given.alpha,
            [F.astype(np.longdouble) for F in given.F],
            given.b.astype(np.longdouble),
            *given[6:],
        )
        got = run_images(rung, xp, given)
        assert_within(got, reference(rung, exact), bound(rung, given, dtype), f"{rung.name}, {dtype}")


def images_pass_on_what_is_not_finite(rung: Way, xp: Any, dtype: str) -> None:
    given = images(5, 9, 11, 2, whole_numbers(dtype))
    given.taps_y[:], given.taps_x[:] = (1, 2, 0, -1, 1), (1, 1, 2, 0, 3)
    v = given.v.reshape(5, 9, 11)
    v[0, 0, 0], v[1, 8, 10], v[3, 4, 5], v[3, 4, 6] = np.nan, np.inf, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        want = reference(rung, given)
    np.testing.assert_array_equal(run_images(rung, xp, given), want.astype(dtype))


def no_pixel_gives_nan(rung: Way, xp: Any, dtype: str) -> None:
    given = images(3, 5, 6, 1, whole_numbers(dtype))
    d, bad = 30, given.alpha.copy()
    bad[[3, 7, -1]] = -1, d, 2**31 - 1
    got = run_images(rung, xp, given._replace(alpha=bad))
    want = reference(rung, given)
    if rung.name == "gathered":
        want[:, [3, 7, -1]] = np.nan
    else:
        want[:, 2:] = np.nan  # the units of the columns that keep each of the three
    np.testing.assert_array_equal(got, want)


Comparison = Callable[[Way, Any, str], None]
COMPARISONS: dict[str, tuple[Comparison, ...]] = {
    "dense": (
        dense_is_exact,
        dense_bits_spell_the_rows_read,
        dense_is_within_its_bound,
        dense_passes_on_what_is_not_finite,
    ),
    "images": (
        images_are_exact,
        images_tell_their_taps,
        images_are_within_their_bound,
        images_pass_on_what_is_not_finite,
        no_pixel_gives_nan,
    ),
}


def comparisons(rung: Way) -> tuple[Comparison, ...]:
    """The comparisons for a rung."""
    if rung.takes == "U":
        return COMPARISONS["dense"]
    return tuple(each for each in COMPARISONS["images"] if each != no_pixel_gives_nan or rung.name != "separable")


FAR = (1 << 21) + 3  # rows of 1,024: 2^31 elements and some more, in memory that is hardly touched


def beyond_2_to_the_31(rung: Way, xp: StandIn) -> None:
    """Only the last blocks run. They read or write the last rows of the result, of images of 32 x 32, or of both."""
    if rung.takes == "U":
        draw, xp.last_blocks = whole_numbers("float32"), 16  # a row of tiles, or four rows
        v, U = draw((FAR, 1)), draw((1, 1024))
        out = rung.forward(xp.asarray(v), xp.asarray(U))
        assert out.size > 1 << 31
        np.testing.assert_array_equal(out[-3:], v[-3:] * U)
        return
    given = images(3, 32, 32, 1, whole_numbers("float32"))._replace(alpha=np.arange(1024, dtype="i4"))
    given = given._replace(F=[whole_numbers("float32")((1024, len(given.b)))])
    large = xp.empty((FAR, 1024), np.float32)
    large[-3:], xp.last_blocks = given.v, 3
    np.testing.assert_array_equal(run_images(rung, xp, given._replace(v=large))[-3:], reference(rung, given))
