"""What a result was computed with: named if it is known, and no obstacle if it is not."""

import os
import platform
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from pp_ref.errors import DeviceError
from pp_ref.machine import array_library, available, blas, gpu_absence, machine, numba_absence, peak_memory_mb
from tests.conftest import require_gpu


def test_the_machine_in_words():
    said = machine()
    assert list(said) == ["processor", "cores", "system"]
    assert 1 <= said["cores"] <= os.cpu_count()
    assert said["system"] == f"{platform.system()} {platform.machine()}"
    assert said["processor"]


def test_cores_where_the_system_does_not_say(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine()["cores"] == 1


def test_a_processor_without_a_name(monkeypatch):
    def missing(_):
        raise FileNotFoundError

    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(Path, "read_text", lambda _: "flags : fpu\n")
    assert machine()["processor"] == "unknown"
    monkeypatch.setattr(Path, "read_text", lambda _: "model name\t: A : B\nmodel name\t: C\n")
    assert machine()["processor"] == "A : B"
    monkeypatch.setattr(Path, "read_text", missing)
    assert machine()["processor"] == "unknown"
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert machine()["processor"] == "arm"


def test_numpys_blas_is_the_one_that_is_told(monkeypatch):
    with threadpoolctl.threadpool_limits(1):
        told = blas()
    assert list(told) == ["library", "version", "kernels", "threads"]
    assert told["threads"] == 1

    def pool(path, **more):
        library = {"user_api": "blas", "internal_api": "openblas", "version": "0.3"}
        return library | {"filepath": path, "num_threads": 7} | more

    pools = [
        {"user_api": "openmp", "filepath": "numpy.libs/gomp"},
        pool("scipy.libs/blas", architecture="Haswell"),
        pool("numpy.libs/blas", architecture="Zen", num_threads=3),
    ]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    assert blas() == {"library": "openblas", "version": "0.3", "kernels": "Zen", "threads": 3}
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    assert blas() == {"library": "unknown", "version": "unknown", "kernels": "unknown", "threads": 1}


def test_peak_memory_is_in_megabytes_on_every_system(monkeypatch):
    class Usage:
        ru_maxrss = 3_000_000

    monkeypatch.setattr(resource, "getrusage", lambda _: Usage)
    monkeypatch.setattr(sys, "platform", "linux")
    assert peak_memory_mb() == 3072
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak_memory_mb() == 3


def test_peak_memory_grows_with_what_is_held():
    before = peak_memory_mb()
    held = np.ones(int(before * 1e6 / 8) + 2**23)  # written to, and more than the process has ever held
    assert peak_memory_mb() >= held.nbytes / 1e6


def test_numpy_and_numba_are_there():
    backends = available()
    assert list(backends) == ["numpy", "numba", "cupy"]
    assert backends["numpy"] is None
    assert backends["numba"] is None


def test_a_missing_package_is_a_reason_not_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert str(gpu_absence()).startswith("CuPy found no usable GPU: ")
    monkeypatch.setattr("pp_ref.machine.numba_absence", lambda: None)
    assert str(available()["numba"]).startswith("Numba cannot be imported: ")
    monkeypatch.setattr("pp_ref.machine.numba_absence", numba_absence.__wrapped__)
    assert available()["numba"] == "Numba is not installed: pip install numba (the extra 'fast' of pp-ref)"


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
