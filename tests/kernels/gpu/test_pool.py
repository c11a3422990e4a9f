"""The CUDA kernel: its text run on the processor by a shim, and on a device where there is one."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import pp_ref.kernels.gpu.pool as launcher
from pp_ref.errors import DeviceError, DomainError, ShapeError
from tests.bounds import assert_within, gemm_bound

# A launch is two loops here: each thread of this kernel runs to its end alone.
SHIM = """
#define __global__
struct Index { unsigned x, y, z; };
static Index blockIdx, blockDim, threadIdx;
#include "pool.cu"
#define LAUNCH(name, real)                                                                            \\
    extern "C" void launch_##name(unsigned blocks, unsigned threads, const real *v, const real *U,    \\
                                  real *out, long long n, long long d, long long k)                   \\
    {                                                                                                 \\
        blockDim.x = threads;                                                                         \\
        for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)                                       \\
            for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++)                               \\
                name(v, U, out, n, d, k);                                                             \\
    }
LAUNCH(pool_float32, float)
LAUNCH(pool_float64, double)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """Call (v, U) -> out by the text of pool.cu, compiled by g++, with the launcher's own grid."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ was not found: the CUDA kernel was not run on the processor")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "pool.cu").write_text(launcher.source(), "utf-8")
    (folder / "shim.cpp").write_text(SHIM, "utf-8")
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", "shim.so", "shim.cpp"]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "shim.so"))

    def pool(v, U):
        v, U = np.ascontiguousarray(v), np.ascontiguousarray(U)
        (n, d), k = v.shape, U.shape[1]
        out = np.full((n, k), np.nan, v.dtype)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (v, U, out)]
        sizes = [ctypes.c_longlong(size) for size in (n, d, k)]
        library[f"launch_pool_{v.dtype.name}"](launcher.blocks(out.size), launcher.THREADS, *pointers, *sizes)
        return out

    return pool


@pytest.fixture
def device():
    """Call (v, U) -> out by the launcher, from NumPy and back."""
    import cupy

    return lambda v, U: cupy.asnumpy(launcher.pool(cupy.asarray(v), cupy.asarray(U)))


@pytest.fixture(params=["shim", pytest.param("device", marks=pytest.mark.gpu)])
def pool(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_spell_the_rows_read(pool, dtype):
    mask = np.random.default_rng(0).integers(0, 2, (107, 23))  # 535 outputs: the third block is not full
    U = np.repeat(2.0 ** np.arange(23)[:, None], 5, axis=1)
    want = np.repeat((mask @ (1 << np.arange(23)))[:, None], 5, axis=1)
    np.testing.assert_array_equal(pool(mask.astype(dtype), U.astype(dtype)), want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_within_the_bound_of_a_product(pool, dtype):
    rng = np.random.default_rng(1)
    v, U = rng.standard_normal((33, 129)).astype(dtype), rng.standard_normal((129, 17)).astype(dtype)
    want = v.astype(np.longdouble) @ U.astype(np.longdouble)
    assert_within(pool(v, U), want, gemm_bound(v.astype("f8"), U.astype("f8"), dtype), f"pool.cu, {dtype}")


@pytest.mark.parametrize(("n", "d", "k"), [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1)])
def test_empty_and_single_axes(pool, n, d, k):
    np.testing.assert_array_equal(pool(np.ones((n, d)), np.ones((d, k))), np.full((n, k), float(d)))


@pytest.mark.gpu
def test_arrays_have_to_be_on_the_device():
    with pytest.raises(DeviceError, match=r"^v is a ndarray, not on the GPU: move it with cupy.asarray\(v\)$"):
        launcher.pool(np.zeros((3, 4)), np.zeros((4, 2)))


@pytest.mark.gpu
def test_message_names_the_dtypes():
    import cupy

    with pytest.raises(DomainError, match="^v is float32 and U is float64; expected both float32 or both float64"):
        launcher.pool(cupy.zeros((3, 4), "f4"), cupy.zeros((4, 2)))


def test_without_a_device_the_message_says_why_and_what_to_use(monkeypatch):
    monkeypatch.setattr(launcher, "gpu_absence", lambda: "the CUDA driver lists no device")
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use pp_ref.kernels.cpu.pool$"):
        launcher.pool(np.zeros((3, 4)), np.zeros((4, 2)))


def test_message_names_both_owners_of_an_axis():
    with pytest.raises(ShapeError, match="^axis d is 4 in v but 5 in U$"):
        launcher.pool(np.zeros((3, 4)), np.zeros((5, 2)))


def test_blocks_cover_every_output():
    assert [launcher.blocks(outputs) for outputs in (1, 255, 256, 257)] == [1, 1, 1, 2]
