"""The compiled loops: exact on integers, and within the bound of a product on other numbers."""

import subprocess
import sys

import numba
import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu.pool import compile_loops, pool, rows
from tests.bounds import assert_within, gemm_bound

DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_spell_the_rows_read(dtype):
    mask = np.random.default_rng(0).integers(0, 2, (7, 23))
    U = np.repeat(2.0 ** np.arange(23)[:, None], 5, axis=1)
    want = np.repeat((mask @ (1 << np.arange(23)))[:, None], 5, axis=1)
    got = pool(mask.astype(dtype), U.astype(dtype))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_within_the_bound_of_a_product(dtype):
    rng = np.random.default_rng(1)
    v, U = rng.standard_normal((33, 129)).astype(dtype), rng.standard_normal((129, 17)).astype(dtype)
    want = v.astype(np.longdouble) @ U.astype(np.longdouble)
    assert_within(pool(v, U), want, gemm_bound(v.astype("f8"), U.astype("f8"), dtype), f"pool, {dtype}")


def test_any_strides():
    rng = np.random.default_rng(2)
    v, U = rng.integers(-8, 9, (10, 12)).astype("f4"), rng.integers(-8, 9, (6, 8)).astype("f4")
    np.testing.assert_array_equal(pool(v[::2, ::-2], U[:, ::3].copy("F")), v[::2, ::-2] @ U[:, ::3])


@pytest.mark.parametrize(("n", "d", "k"), [(0, 3, 2), (3, 0, 2), (3, 2, 0)])
def test_empty_axes(n, d, k):
    np.testing.assert_array_equal(pool(np.ones((n, d)), np.ones((d, k))), np.zeros((n, k)))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(3)
    v, U = rng.standard_normal((65, 100)), rng.standard_normal((100, 30))
    all_threads = pool(v, U)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one_thread = pool(v, U)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(one_thread, all_threads)


def test_compiles_where_no_cache_can_be_written(monkeypatch):
    """Numba raises when it finds no folder to write to, as for an installation that the user may only read."""

    def no_folder(loops):
        raise RuntimeError("cannot cache function 'rows': no locator available")

    monkeypatch.setattr("pp_ref.kernels.cpu.pool.LoopCache", no_folder)
    v, U = np.eye(3), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(compile_loops(rows)(v, U), U)


def test_numba_itself_raises_what_is_caught(tmp_path):
    """Code that lies in no file has no folder for a cache: the loops must still compile."""
    code = (
        "from pp_ref.kernels.cpu.pool import compile_loops\n"
        "import numpy as np\n"
        "scope = {}\n"
        "exec(compile('def twice(x): return 2 * x', '/nowhere/at/all.py', 'exec'), scope)\n"
        "print(compile_loops(scope['twice'])(np.float64(21)))\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "42.0\n", done.stderr


def test_message_names_both_owners_of_an_axis():
    with pytest.raises(ShapeError, match="^axis d is 4 in v but 5 in U$"):
        pool(np.zeros((3, 4)), np.zeros((5, 2)))


def test_message_names_the_dtypes():
    v, U = np.zeros((3, 4), "f4"), np.zeros((4, 2))
    with pytest.raises(DomainError, match=f"^v is {v.dtype} and U is {U.dtype}; expected both float32 or both float64"):
        pool(v, U)
