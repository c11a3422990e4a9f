"""The error messages of the launchers, on the stand-in for CuPy, and on a device if there is one."""

from types import SimpleNamespace

import numpy as np
import pytest

import pp_ref.kernels.gpu.launching as launching
from pp_ref.errors import DeviceError, DomainError, ShapeError
from pp_ref.kernels.gpu.grids import pool_combined, pool_gathered, pool_separable
from pp_ref.kernels.gpu.ladders import KERNELS
from pp_ref.kernels.gpu.naive import blocks, kernel, pool
from pp_ref.kernels.gpu.tiled import pool_tiled

DENSE = [pool, pool_tiled]


@pytest.mark.parametrize("run", DENSE)
def test_without_a_device_the_message_says_why_and_what_to_use(monkeypatch, run):
    monkeypatch.setattr(launching, "gpu_absence", lambda: "the CUDA driver lists no device")
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use pp_ref.kernels.cpu.pool$"):
        run(np.zeros((3, 4)), np.zeros((4, 2)))
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use pp_ref.layers.pool_forward$"):
        pool_separable(np.zeros((3, 4)), np.ones(1), np.ones(1), 2, 2)


@pytest.mark.parametrize("run", DENSE)
def test_message_names_both_owners_of_an_axis(run):
    with pytest.raises(ShapeError, match="^axis d is 4 in v but 5 in U$"):
        run(np.zeros((3, 4)), np.zeros((5, 2)))


@pytest.mark.parametrize("run", DENSE)
def test_arrays_have_to_be_on_the_device(xp, run):
    with pytest.raises(DeviceError, match=r"^U is a ndarray, not on the GPU: move it with cupy.asarray\(U\)$"):
        run(xp.asarray(np.zeros((3, 4))), np.zeros((4, 2)))


def test_alpha_has_to_be_on_the_device_too(xp):
    v, taps = xp.asarray(np.zeros((3, 4))), xp.asarray(np.ones(1))
    with pytest.raises(DeviceError, match=r"^alpha is a ndarray, not on the GPU: move it with cupy.asarray\(alpha\)$"):
        pool_gathered(v, taps, taps, np.arange(4, dtype="i4"), 2, 2)


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("f4", "f8", "v is float32 and U is float64"),
        ("f2", "f2", "v is float16 and U is float16"),
        ("c16", "c16", "v is complex128 and U is complex128"),
    ],
)
@pytest.mark.parametrize("run", DENSE)
def test_message_names_the_dtypes(xp, run, left, right, said):
    v, U = xp.asarray(np.zeros((3, 4), left)), xp.asarray(np.zeros((4, 2), right))
    with pytest.raises(DomainError, match=f"^{said}; expected both float32 or both float64: cast one with astype$"):
        run(v, U)


def test_message_names_the_dtypes_of_all_arrays(xp):
    v, taps = xp.asarray(np.zeros((3, 4), "f4")), xp.asarray(np.ones(1))
    said = "^v is float32 and taps_y is float64 and taps_x is float64; expected all float32 or all float64"
    with pytest.raises(DomainError, match=said):
        pool_separable(v, taps, taps, 2, 2)


@pytest.mark.parametrize("dtype", ["i8", "f4"])
def test_alpha_is_int32(xp, dtype):
    v, taps, alpha = xp.asarray(np.zeros((3, 4))), xp.asarray(np.ones(1)), xp.asarray(np.zeros(2, dtype))
    with pytest.raises(DomainError, match=f"^alpha is {np.dtype(dtype)}, expected int32: cast it with astype$"):
        pool_gathered(v, taps, taps, alpha, 2, 2)


class Foreign:
    """Another library's array, on the device with this DLPack number."""

    def __init__(self, array, kind):
        self.array, self.kind, self.shape, self.ndim = array, kind, array.shape, array.ndim

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array)

    def __dlpack__(self, **_):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.kind, 0


@pytest.mark.parametrize("run", DENSE)
@pytest.mark.parametrize("kind", [2, 13], ids=["CUDA", "managed"])
def test_arrays_of_other_libraries_come_in_through_dlpack(processor, run, kind):
    v, U = np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(run(Foreign(v, kind), Foreign(U, kind)), v @ U)


@pytest.mark.parametrize("run", DENSE)
@pytest.mark.parametrize("kind", [1, 3, 10], ids=["processor", "pinned", "ROCm"])
def test_but_not_from_another_kind_of_device(processor, run, kind):
    with pytest.raises(DeviceError, match="^v is a Foreign, not on the GPU: move it with cupy.asarray"):
        run(Foreign(np.zeros((3, 4)), kind), processor.asarray(np.zeros((4, 2))))


@pytest.mark.gpu
@pytest.mark.torch
def test_a_tensor_of_pytorch_comes_in_without_a_copy(device):
    import torch

    v, U = torch.arange(12.0, device="cuda").reshape(3, 4), torch.arange(8.0, device="cuda").reshape(4, 2)
    np.testing.assert_array_equal(device.asnumpy(pool(v, U)), (v @ U).cpu().numpy())
    (taken,) = launching.on_device("", v=v)
    assert taken.data.ptr == v.data_ptr()


@pytest.mark.gpu
def test_the_current_stream_is_used(device):
    v, U = (device.asarray(np.eye(512, dtype="f4") * scale) for scale in (2, 3))
    stream = device.cuda.Stream(non_blocking=True)
    device.cuda.Device().synchronize()
    with stream:
        begun, ended = device.cuda.Event(), device.cuda.Event()
        begun.record()
        out = pool_tiled(v, U)
        ended.record()
        ended.synchronize()
    assert device.cuda.get_elapsed_time(begun, ended) > 0
    np.testing.assert_array_equal(device.asnumpy(out), 6 * np.eye(512))


def test_arrays_have_to_be_on_the_current_device(processor, monkeypatch):
    monkeypatch.setattr(processor.cuda.runtime, "getDevice", lambda: 1)
    said = (
        "^v is on GPU 0, but GPU 1 is the current one: "
        r"call under cupy.cuda.Device\(0\), or move it with cupy.asarray\(v\)$"
    )
    with pytest.raises(DeviceError, match=said):
        pool(processor.asarray(np.zeros((3, 4))), processor.asarray(np.zeros((4, 2))))


def test_no_room_for_the_result(processor, monkeypatch):
    def full(shape, dtype):
        raise processor.cuda.memory.OutOfMemoryError("Out of memory allocating 24 bytes")

    v, U = processor.asarray(np.zeros((3, 4))), processor.asarray(np.zeros((4, 2)))
    monkeypatch.setattr(processor, "empty", full)
    for run in DENSE:
        with pytest.raises(
            DeviceError, match=r"^no room on the GPU for \(3, 2\) of float64: pass fewer rows at a time$"
        ):
            run(v, U)


@pytest.mark.parametrize("rows", [10**9])
@pytest.mark.gpu
def test_no_room_on_a_device(device, rows):
    v, U = device.zeros((rows, 1), "f4"), device.zeros((1, 1000), "f4")  # 4 TB
    with pytest.raises(DeviceError, match=r"^no room on the GPU for \(1000000000, 1000\) of float32"):
        pool(v, U)


def test_no_room_for_a_copy(processor, monkeypatch):
    def full(array):
        raise processor.cuda.memory.OutOfMemoryError("Out of memory")

    monkeypatch.setattr(processor, "ascontiguousarray", full)
    with pytest.raises(
        DeviceError, match=r"^no room on the GPU for a copy of v \(3, 4\), row after row: pass fewer rows"
    ):
        pool(processor.asarray(np.zeros((3, 4))), processor.asarray(np.zeros((4, 2))))


@pytest.mark.parametrize("run", [pool_separable, pool_gathered, pool_combined])
@pytest.mark.parametrize(("height", "width"), [(2, 3), (0, 4), (-2, -2)])
def test_images_have_as_many_pixels_as_v(processor, run, height, width):
    v, taps = np.zeros((3, 4)), np.ones(1)
    more = {pool_separable: (), pool_gathered: (np.zeros(1, "i4"),), pool_combined: (np.zeros(0, "i4"), [], np.ones(0))}
    said = f"^axis d is 4 in v, but images of {height} x {width} have {height * width} pixels$"
    with pytest.raises(ShapeError, match=said):
        run(v, taps, taps, *more[run], height, width)


@pytest.mark.parametrize("taps", [0, 2, 67])
def test_taps_have_a_middle_and_are_not_too_many(processor, taps):
    said = f"^taps_y has {taps} entries, expected an odd number up to 65: pad with zeros$"
    with pytest.raises(DomainError, match=said):
        pool_separable(np.zeros((3, 4)), np.ones(taps), np.ones(taps), 2, 2)


def test_the_columns_have_to_fit(processor):
    v, taps, F = np.zeros((3, 4)), np.ones(1), [np.ones((2, 5)), np.ones((1, 1))]
    with pytest.raises(ShapeError, match="^axis k is 4 in alpha, but 3 over all of F$"):
        pool_combined(v, taps, taps, np.zeros(4, "i4"), F, np.ones(6), 2, 2)
    with pytest.raises(ShapeError, match="^axis m is 7 in b, but 6 over all of F$"):
        pool_combined(v, taps, taps, np.zeros(3, "i4"), F, np.ones(7), 2, 2)
    with pytest.raises(ShapeError, match=r"^F\[1\] has shape \(3,\), expected axes \(k, m\)$"):
        pool_combined(v, taps, taps, np.zeros(3, "i4"), [F[0], np.ones(3)], np.ones(6), 2, 2)


def test_images_that_fit_into_no_block(processor):
    v, taps = processor.asarray(np.zeros((1, 200 * 200))), processor.asarray(np.ones(13))
    said = (
        r"^a block needs \d+ bytes of shared memory, but this GPU has 232448: "
        "use smaller images, fewer taps, or pool_tiled with U$"
    )
    with pytest.raises(DomainError, match=said):
        pool_separable(v, taps, taps, 200, 200)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [0, 2])
def test_columns_without_anything(xp, dtype, n):
    v, taps = xp.asarray(np.ones((n, 6), dtype)), xp.asarray(np.ones(3, dtype))
    alpha, b = xp.asarray(np.zeros(0, "i4")), xp.asarray(np.ones(2, dtype))
    none = xp.asarray(np.zeros((0, 2), dtype))
    assert pool_gathered(v, taps, taps, alpha, 2, 3).shape == (n, 0)
    assert pool_combined(v, taps, taps, alpha, [], b[:0], 2, 3).shape == (n, 0)
    only_b = pool_combined(v, taps, taps, alpha, [none], b, 2, 3)
    assert only_b.dtype == dtype
    assert only_b.shape == (n, 2)
    assert bool((only_b == 1).all())


def test_blocks_cover_every_output():
    assert [blocks(outputs) for outputs in (1, 255, 256, 257)] == [1, 1, 1, 2]


def test_a_kernel_is_compiled_once_a_device(processor):
    before = launching.compiled(kernel("float32"), 0)
    assert launching.compiled(kernel("float32"), 0) is before
    assert launching.compiled(kernel("float32"), 1) is not before
    assert launching.compiled(kernel("float64"), 0) is not before


def test_only_the_dtype_and_constants_are_left_open():
    for rung in KERNELS:
        compiled = rung.kernel("float64", 3, 9, 5)
        assert compiled.options()[0] == "-Dreal=double"
        assert "#include" not in compiled.source()
        assert all(f" {name}" in compiled.source() or f"({name}" in compiled.source() for name, _ in compiled.constants)


def test_what_lies_row_after_row_is_not_copied(processor):
    array = processor.asarray(np.zeros((3, 4)))
    (taken,) = launching.on_device("", v=array)
    assert taken is array
    assert SimpleNamespace(id=0) == array.device
