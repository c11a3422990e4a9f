"""Arrays on the device that a candidate declares, and what is said where it is not there."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.candidates.processes import InWorker, load
from tests.refused import refuses

test_refused = refuses(
    library,
    {
        DomainError: [
            ("numpy", "cuda", "^device is 'cuda', but NumPy has its arrays in the processor's memory: expected 'cpu'$"),
            ("numpy", "", "^device is '', but NumPy has"),
        ]
    },
)


@pytest.mark.torch
def test_devices_of_torch():
    for device in "cpu", "meta":
        assert library("torch", device).make(np.ones(3), "float32").device.type == device
    with pytest.raises(DomainError, match=r"^device is 'cuda:7', which torch does not find here \(.+\)$"):
        library("torch", "cuda:7")
    with pytest.raises(DomainError, match=r"^device is 'gpu', which torch does not find here \(.+\)$"):
        library("torch", "gpu")


@pytest.mark.jax
def test_devices_of_jax():
    (device,) = library("jax", "cpu").make(np.ones(3), "float32").devices()
    assert device.platform == "cpu"
    for absent in "cuda", "cpu:99":
        with pytest.raises(DomainError, match=rf"^device is '{absent}', which jax does not find here \(.+\)$"):
            library("jax", absent)


@pytest.mark.torch
def test_a_file_declares_its_device(tmp_path):
    path = tmp_path / "my_layers.py"
    path.write_text("ARRAYS, DEVICE = 'torch', 'meta'\ndef relu(v): return v\n")
    assert load(str(path)).library.make(np.ones(3), "float32").device.type == "meta"
    assert load(str(path), device="cpu").library.make(np.ones(3), "float32").device.type == "cpu"
    path.write_text("ARRAYS, DEVICE = 'torch', 'cuda:7'\ndef relu(v): return v\n")
    with pytest.raises(
        DataError, match=r"my_layers.py cannot be loaded: device is 'cuda:7', which torch does not find"
    ):
        InWorker(path)


class OnDevice:
    """A stand-in for an array of CuPy whose kernel has not ended yet."""

    def __init__(self, x, number=0):
        self.x, self.device = np.array(x), Device(number)

    shape = property(lambda self: self.x.shape)


LOG = []


class Device:
    def __init__(self, number=0):
        self.number = number

    def __enter__(self):
        LOG.append(f"enter {self.number}")

    def __exit__(self, *error):
        LOG.append(f"leave {self.number}")

    def synchronize(self):
        LOG.append(f"synchronize {self.number}")


@pytest.fixture
def cupy(monkeypatch):
    found = SimpleNamespace(
        asarray=lambda x, dtype: OnDevice(np.asarray(x, dtype)),
        asnumpy=lambda x: LOG.append("read") or x.x,
        ndarray=OnDevice,
        cuda=SimpleNamespace(Device=Device),
        may_share_memory=lambda a, b: False,
    )
    monkeypatch.setitem(sys.modules, "cupy", found)
    LOG.clear()
    return found


def test_cupy_is_synchronised_before_it_is_read(cupy):
    arrays = library("cupy", "cuda:1")
    LOG.clear()
    made = arrays.make(np.ones(3), "float32")
    assert LOG == ["enter 1", "leave 1"]
    LOG.clear()
    np.testing.assert_array_equal(arrays.numbers(made), np.ones(3))
    assert LOG == ["enter 0", "synchronize 0", "read", "leave 0"]


def test_cupy_has_no_processor(cupy):
    with pytest.raises(DomainError, match=r"^device is 'cpu', but CuPy has its arrays on one of CUDA: expected 'cuda'"):
        library("cupy", "cpu")
