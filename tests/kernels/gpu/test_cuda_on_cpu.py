"""The stand-in for a device reports behaviour that would be undefined on one, with its place."""

import numpy as np
import pytest

from pp_ref.errors import DeviceError
from pp_ref.kernels.gpu.cuda_on_cpu import CompileError, LaunchError


@pytest.fixture
def kernel(processor):
    """Make a kernel of one block from the text of its body; it gets `x`, `n` and shared memory."""

    def make(body):
        code = f"""
extern "C" __global__ void probe(real *x, long long n)
{{
    extern __shared__ real shared[];
    const int i = threadIdx.x;
    {body}
}}"""
        function = processor.RawModule(code=code, options=("-Dreal=float",)).get_function("probe")

        def run(x, threads=64, shared_mem=1024, blocks=1):
            array = processor.asarray(np.asarray(x, "f4"))
            function((blocks,), (threads,), (array, array.size), shared_mem=shared_mem)
            return np.array(array)

        return run

    return make


REVERSE = "shared[i] = x[i]; BARRIER x[i] = shared[n - 1 - i];"


@pytest.mark.parametrize("order", range(5))
def test_threads_meet_at_a_barrier(processor, kernel, order):
    processor.order = order
    reverse = kernel(REVERSE.replace("BARRIER", "__syncthreads();"))
    np.testing.assert_array_equal(reverse(np.arange(64)), np.arange(64)[::-1])


@pytest.mark.parametrize("order", range(5))
def test_without_the_barrier_what_nobody_wrote_is_nan(processor, kernel, order):
    processor.order = order
    assert np.isnan(kernel(REVERSE.replace("BARRIER", ""))(np.arange(64))).any()


def test_the_order_shows_in_a_race(processor, kernel):
    last_writer = kernel("x[0] = i;")
    results = []
    for processor.order in range(6):
        results.append(last_writer(np.zeros(4))[0])
    assert results[:2] == [63, 0]
    assert len(set(results)) > 3


def test_the_order_of_blocks_shows_too(processor, kernel):
    last_block = kernel("x[0] = blockIdx.x;")
    results = []
    for processor.order in range(6):
        results.append(last_block([0], blocks=97)[0])
    assert results[:2] == [96, 0]
    assert len(set(results)) > 3


@pytest.mark.parametrize("blocks", [1, 2, 97, 7919])
def test_every_block_runs_once(processor, kernel, blocks):
    count = kernel("if (i == 0) x[blockIdx.x] += 1;")
    for processor.order in range(4):
        np.testing.assert_array_equal(count(np.zeros(blocks), threads=3, blocks=blocks), np.ones(blocks))


def test_shared_memory_is_new_for_every_block(kernel):
    stale = kernel("x[blockIdx.x] = shared[0]; __syncthreads(); shared[0] = 1;")
    assert np.isnan(stale(np.zeros(3), blocks=3)).all()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "if (i < 16) __syncthreads();",
            r"thread \(15, 0, 0\): waits in line 6 at a barrier, but thread 16 of 64 has",
        ),
        ("if (i < 63) { __syncthreads(); x[0] = 1; } else { __syncthreads(); }", "waits in line 6 at a barrier, but"),
        ("if (i == 9) *(real *)n = 1;", r"block \(0, 0, 0\), thread \(9, 0, 0\): bad address 0x40"),
        ("int none = 0; if (i == 5) x[0] = i / (none * i);", r"thread \(5, 0, 0\): division of an integer by zero"),
        ("shared[256] = 0;", "the block wrote outside of its 1024 bytes of shared memory"),
        ("shared[-1] = 0;", "the block wrote outside of its 1024 bytes of shared memory"),
        ("x[n] = 0;", r"thread \(0, 0, 0\): bad address 0x"),
        ("x[-1] = 0;", r"a kernel wrote before an array of shape \(64,\)"),
    ],
    ids=["ended", "two barriers", "address", "division", "behind", "before", "array's end", "array's start"],
)
def test_what_is_undefined_is_reported(processor, kernel, body, said):
    broken = kernel(body)
    with pytest.raises(LaunchError, match=said):
        broken(np.zeros(64))
    for processor.order in range(1, 4):
        with pytest.raises(LaunchError):
            broken(np.zeros(64))


def test_after_a_failure_the_next_launch_is_right(processor, kernel):
    broken, right = kernel("if (i > 2) __syncthreads();"), kernel(REVERSE.replace("BARRIER", "__syncthreads();"))
    with pytest.raises(LaunchError):
        broken(np.zeros(64))
    np.testing.assert_array_equal(right(np.arange(64)), np.arange(64)[::-1])


def test_reading_outside_of_an_array_gives_nan(kernel):
    shifted = kernel("shared[i] = x[i - 1]; __syncthreads(); x[i] = shared[i];")
    assert np.isnan(shifted(np.zeros(64))[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda xp: (xp.empty(3, "f4"),), r"probe: arguments have \[8\] bytes, but it takes \[8, 8\]"),
        (lambda xp: (xp.empty(3, "f4"), np.int32(3)), r"probe: arguments have \[8, 4\] bytes, but it takes \[8, 8\]"),
        (lambda xp: (np.zeros(3, "f4"), 3), r"an argument of shape \(3,\) is not on the device"),
    ],
    ids=["missing", "size", "host"],
)
def test_a_bad_argument_is_reported(processor, arguments, said):
    code = 'extern "C" __global__ void probe(float *x, long long n) { x[0] = n; }'
    probe = processor.RawModule(code=code).get_function("probe")
    with pytest.raises(LaunchError, match=said):
        probe((1,), (1,), arguments(processor))


def test_shared_memory_has_to_be_asked_for(processor):
    code = 'extern "C" __global__ void probe(float *x) { extern __shared__ real shared[]; x[0] = shared[0]; }'
    probe, x = processor.RawModule(code=code, options=("-Dreal=float",)).get_function("probe"), processor.empty(1, "f4")
    with pytest.raises(LaunchError, match="probe: 50000 bytes of shared memory were not asked for"):
        probe((1,), (1,), (x,), shared_mem=50_000)
    probe.max_dynamic_shared_size_bytes = 50_000
    probe((1,), (1,), (x,), shared_mem=50_000)
    with pytest.raises(LaunchError, match=r"probe: grid \(1,\) of blocks \(1025,\)"):
        probe((1,), (1025,), (x,))


def test_what_does_not_compile_is_no_launch(processor):
    with pytest.raises(CompileError, match=r"source.cu:1:\d+: error: .nothing. was not declared"):
        processor.RawModule(code='extern "C" __global__ void probe(float *x) { x[0] = nothing; }')


def test_without_a_compiler_nothing_runs(processor, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    processor.folder = tmp_path
    with pytest.raises(DeviceError, match=r"g\+\+ was not found: install it to run CUDA kernels on the processor"):
        processor.RawModule(code="")
