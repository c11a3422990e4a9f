"""Every rung against its definition, on the processor in several orders of threads, and on a device if there is one."""

import re

import numpy as np
import pytest

from pp_ref.kernels.gpu import grids
from pp_ref.kernels.gpu.ladders import KERNELS, POOL
from tests.kernels.gpu.comparisons import (
    beyond_2_to_the_31,
    comparisons,
    images,
    normal,
    reference,
    run_dense,
    run_images,
    to_numpy,
)

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
    if rung.takes == "U":
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
    """Arrays that are not C-contiguous are copied first."""
    rng = np.random.default_rng(3)
    v = xp.asarray(rng.integers(-4, 5, (10, 24)).astype("f4"))[::2, ::-2]
    if rung.takes == "U":
        U = xp.asarray(rng.integers(-4, 5, (7, 12)).astype("f4")).T
        np.testing.assert_array_equal(to_numpy(rung.forward(v, U)), to_numpy(v) @ to_numpy(U))
        return
    given = images(5, 3, 4, 1, lambda shape: rng.integers(-4, 5, shape).astype("f4"))._replace(v=to_numpy(v))
    taps_y = xp.asarray(np.repeat(given.taps_y, 2))[::2]
    more = (xp.asarray(given.alpha), [xp.asarray(F.T.copy()).T for F in given.F], xp.asarray(given.b))
    used = more[: {"separable": 0, "gathered": 1, "combined": 3}[rung.name]]
    got = rung.forward(v, taps_y, xp.asarray(given.taps_x), *used, 3, 4)
    np.testing.assert_array_equal(to_numpy(got), run_images(rung, xp, given))


@pytest.mark.parametrize(("height", "width"), [(64, 50), (40, 110)])
def test_images_that_need_more_shared_memory_than_comes_unasked(xp, height, width):
    given = images(2, height, width, 2, lambda shape: np.random.default_rng(4).integers(-1, 2, shape).astype("f8"))
    assert grids.shared_bytes(1, 2, height, width, 1, 8) > 48 * 1024
    for rung in POOL[2:]:
        np.testing.assert_array_equal(run_images(rung, xp, given), reference(rung, given))


@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_counts_beyond_2_to_the_31(processor, rung):
    beyond_2_to_the_31(rung, processor)


def test_the_table():
    assert [rung.name for rung in POOL] == ["naive", "tiled", "separable", "gathered", "combined"]
    for rung in KERNELS:
        kernel = rung.kernel("float32", 1, 9, 5)
        assert re.search(rf"\b{kernel.name}\b", kernel.source())
        assert rung.takes in ("U", "grid", "columns", "flags")
        assert rung.idea
