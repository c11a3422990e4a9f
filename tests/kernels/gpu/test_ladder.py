"""Every rung against its definition: on the processor in several orders of threads, on a device where there is one."""

import re

import numpy as np
import pytest

from pp_ref.kernels.gpu import grids
from pp_ref.kernels.gpu.ladder import POOL
from tests.kernels.gpu.comparisons import comparisons, images, normal, reference, run_dense, run_images, to_numpy

DTYPES = ["float32", "float64"]
ORDERS = range(4)  # forward, backward, two at random
CASES = [
    pytest.param(rung, compare, id=f"{rung.name}-{compare.__name__}") for rung in POOL for compare in comparisons(rung)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rung", "compare"), CASES)
def test_agrees_with_the_definition_in_every_order(processor, rung, compare, dtype):
    for processor.order in ORDERS:
        compare(rung, processor, dtype)
    assert set(processor.launched) == {f"pool_{rung.name}"}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rung", "compare"), CASES)
def test_agrees_with_the_definition_on_the_device(device, rung, compare, dtype):
    compare(rung, device, dtype)


def some_run(rung, xp, dtype):
    draw = normal(dtype)
    if rung.needs == "U":
        return run_dense(rung, xp, draw((70, 40)), draw((40, 70)))
    return run_images(rung, xp, images(5, 12, 9, 3, draw))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_the_bits_do_not_depend_on_the_order(processor, rung, dtype):
    results = []
    for processor.order in range(6):
        results.append(some_run(rung, processor, dtype))
    for result in results:
        np.testing.assert_array_equal(result, results[0], strict=True)


@pytest.mark.gpu
@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_two_runs_agree_to_the_bit(device, rung):
    np.testing.assert_array_equal(some_run(rung, device, "float32"), some_run(rung, device, "float32"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_dense_rungs_give_the_same_bits(xp, dtype):
    naive, tiled = (some_run(rung, xp, dtype) for rung in POOL[:2])
    np.testing.assert_array_equal(naive, tiled)


@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_any_strides(xp, rung):
    """What does not lie row after row is copied first."""
    rng = np.random.default_rng(3)
    v = xp.asarray(rng.integers(-4, 5, (10, 24)).astype("f4"))[::2, ::-2]
    if rung.needs == "U":
        U = xp.asarray(rng.integers(-4, 5, (7, 12)).astype("f4")).T
        np.testing.assert_array_equal(to_numpy(rung.run(v, U)), to_numpy(v) @ to_numpy(U))
        return
    given = images(5, 3, 4, 1, lambda shape: rng.integers(-4, 5, shape).astype("f4"))._replace(v=to_numpy(v))
    taps_y = xp.asarray(np.repeat(given.taps_y, 2))[::2]
    more = (xp.asarray(given.alpha), [xp.asarray(F.T.copy()).T for F in given.F], xp.asarray(given.b))
    used = more[: {"separable": 0, "gathered": 1, "combined": 3}[rung.name]]
    got = rung.run(v, taps_y, xp.asarray(given.taps_x), *used, 3, 4)
    np.testing.assert_array_equal(to_numpy(got), run_images(rung, xp, given))


@pytest.mark.parametrize(("height", "width"), [(64, 50), (40, 110)])
def test_images_that_need_more_shared_memory_than_comes_unasked(xp, height, width):
    given = images(2, height, width, 2, lambda shape: np.random.default_rng(4).integers(-1, 2, shape).astype("f8"))
    assert grids.shared_bytes(1, 2, height, width, 8) > 48 * 1024
    for rung in POOL[2:]:
        np.testing.assert_array_equal(run_images(rung, xp, given), reference(rung, given))


FAR = (1 << 21) + 3  # rows of 1,024: 2^31 elements and some more, of memory that is not touched


def test_dense_rungs_count_beyond_2_to_the_31(processor):
    rng = np.random.default_rng(5)
    v, U = processor.asarray(rng.integers(0, 8, (FAR, 1)).astype("f4")), rng.integers(1, 8, (1, 1024)).astype("f4")
    processor.last_blocks = 16  # 16 tiles are the last three rows; 16 blocks of the naive rung the last four
    for rung in POOL[:2]:
        out = rung.run(v, processor.asarray(U))
        assert out.size > 1 << 31
        np.testing.assert_array_equal(out[-3:], np.asarray(v)[-3:] * U)


def test_image_rungs_count_beyond_2_to_the_31(processor):
    """Images of 32 x 32: both v and out are that large, or v alone."""
    given = images(3, 32, 32, 1, lambda shape: np.random.default_rng(6).integers(-2, 3, shape).astype("f4"))
    large = processor.empty((FAR, 1024), np.float32)
    large[-3:] = given.v
    processor.last_blocks = 3
    for rung in POOL[2:]:
        want = run_images(rung, processor, given)
        taps_y, taps_x, alpha, b = map(processor.asarray, (given.taps_y, given.taps_x, given.alpha, given.b))
        if rung.name == "combined":
            more = (alpha, [processor.asarray(F) for F in given.F], b)
        else:
            more = (processor.asarray(np.arange(1024, dtype="i4")),) if rung.name == "gathered" else ()
            want = run_images(POOL[2], processor, given)
        got = rung.run(large, taps_y, taps_x, *more, 32, 32)
        np.testing.assert_array_equal(got[-3:], want)


def test_the_table():
    assert [rung.name for rung in POOL] == ["naive", "tiled", "separable", "gathered", "combined"]
    for rung in POOL:
        kernel = rung.kernel("float32", 1, 1)
        assert re.search(rf"\b{kernel.name}\b", kernel.source())
        assert rung.needs in ("U", "grid", "columns")
        assert rung.idea
