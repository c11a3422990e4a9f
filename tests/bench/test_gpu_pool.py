"""The ladder on a CUDA device, as far as it goes without one."""

from pp_ref.bench import gpu_pool


def test_without_the_switch_there_is_no_tf32(stand_in):
    del stand_in._core
    names = list(gpu_pool.contenders(stand_in, gpu_pool.problem(2)))
    assert "cuBLAS float32" in names
    assert not [name for name in names if "TF32" in name]
