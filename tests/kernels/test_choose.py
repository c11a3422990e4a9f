"""What the machine can compute with, asked and told."""

import sys

import array_api_strict
import numpy as np
import pytest

from pp_ref.errors import DeviceError, DomainError
from pp_ref.kernels.choose import kernels_take, pooling_backend, use_backend
from pp_ref.machine import array_library, available, gpu_absence
from tests.conftest import require_gpu


def test_numpy_and_numba_are_there():
    backends = available()
    assert list(backends) == ["numpy", "numba", "cupy"]
    assert backends["numpy"] is None
    assert backends["numba"] is None


def test_a_missing_package_is_a_reason_not_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert str(gpu_absence()).startswith("CuPy found no usable GPU: ")
    assert str(available()["numba"]).startswith("Numba cannot be imported: ")


class Driver:
    """Stands for CuPy, with a number of devices or an error."""

    def __init__(self, answer):
        self.answer = answer
        self.cuda = self.runtime = self

    def getDeviceCount(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (1, None),
        (0, "the CUDA driver lists no device"),
        (RuntimeError("driver too old"), "CuPy found no usable GPU: driver too old"),
    ],
)
def test_the_driver_is_asked(monkeypatch, answer, expected):
    monkeypatch.setitem(sys.modules, "cupy", Driver(answer))
    assert gpu_absence() == expected


def test_a_missing_gpu_skips_or_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", Driver(0))
    monkeypatch.delenv("PP_REF_REQUIRE_GPU", raising=False)
    with pytest.raises(pytest.skip.Exception, match="the CUDA driver lists no device"):
        require_gpu()
    monkeypatch.setenv("PP_REF_REQUIRE_GPU", "1")
    with pytest.raises(pytest.fail.Exception, match="the CUDA driver lists no device"):
        require_gpu()


def test_arrays_of_a_device(monkeypatch):
    assert array_library("cpu") is np
    monkeypatch.setitem(sys.modules, "cupy", Driver(0))
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use device cpu$"):
        array_library("gpu")


def test_the_innermost_choice_of_a_backend_decides(monkeypatch):
    monkeypatch.delenv("PP_REF_BACKEND", raising=False)
    assert pooling_backend() == "auto"
    monkeypatch.setenv("PP_REF_BACKEND", "numpy")
    assert pooling_backend() == "numpy"
    with use_backend("numba"):
        with use_backend("auto"):
            assert pooling_backend() == "auto"
        assert pooling_backend() == "numba"
    assert pooling_backend() == "numpy"


def test_an_unknown_backend(monkeypatch):
    with (
        pytest.raises(DomainError, match="^backend is 'torch', expected one of auto, numpy, numba, cupy$"),
        use_backend("torch"),
    ):
        pass
    monkeypatch.setenv("PP_REF_BACKEND", "fast")
    with pytest.raises(DomainError, match="^PP_REF_BACKEND is 'fast', expected one of auto, numpy, numba, cupy$"):
        pooling_backend()


def test_what_kernels_take():
    single, double = np.zeros(2, np.float32), np.zeros(2)
    assert kernels_take(single, single)
    assert kernels_take(double)
    assert not kernels_take(single, double)
    assert not kernels_take(double.astype(np.longdouble))
    assert not kernels_take(double.astype(complex))
    assert not kernels_take(array_api_strict.asarray(double))
    assert not kernels_take(double, array_api_strict.asarray(double))
    for backend in ("numpy", "cupy"):
        with use_backend(backend):
            assert not kernels_take(double)
