"""The compiler's report on the kernels, if it is installed; the reading of the report, everywhere."""

import site
import sys
from pathlib import Path

import pytest

from pp_ref.bench import gpu_kernels
from pp_ref.bench.record import met, read
from pp_ref.errors import DeviceError, MissingExtraError
from pp_ref.kernels.gpu import launching, nvrtc
from pp_ref.kernels.gpu.ladders import KERNELS
from pp_ref.kernels.gpu.naive import kernel
from tests.conftest import require_nvrtc

RECORD = Path(__file__).parents[3] / "benchmarks" / "speed" / "gpu_kernels.json"
LOG = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'pool' for 'sm_90'
ptxas info    : Function properties for pool
ptxas         .     24 bytes stack frame, 16 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 24 bytes cumulative stack size, 4096 bytes smem
"""


@pytest.mark.nvrtc
def test_no_kernel_spills():
    for row in (row for block in gpu_kernels.measure()["measured"] for row in block["rows"]):
        assert (row["spilled_bytes"], row["stack_bytes"]) == (0, 0), row
        assert row["registers"] <= 128, row  # two blocks of 256 threads fit even then
        assert row["shared_bytes"] <= 48 * 1024, row


@pytest.mark.nvrtc
def test_the_compilers_message_is_passed_on(monkeypatch):
    monkeypatch.setattr(launching, "text", lambda file: "nothing")
    with pytest.raises(DeviceError, match=r"(?s)^NVRTC does not compile pool_naive for sm_90:\n.*error"):
        nvrtc.compile_for("sm_90", kernel("float32"))


def test_the_record_is_of_every_rung_and_has_no_spills():
    record = read(RECORD)
    assert [(block["architecture"], block["dtype"]) for block in record["measured"]] == [
        (architecture, dtype) for architecture in ("sm_80", "sm_90") for dtype in ("float32", "float64")
    ]
    for block in record["measured"]:
        assert {row["name"] for row in block["rows"]} == {rung.name for rung in KERNELS}
    assert all(map(met, record["goals"]))


def test_the_report_is_read():
    assert nvrtc._usage(LOG) == nvrtc.Usage(255, 24, 24, 4096)
    with pytest.raises(DeviceError, match="^NVRTC's report has another form than expected:\nnothing$"):
        nvrtc._usage("nothing")


def test_without_the_library_the_message_says_what_to_install(monkeypatch):
    nvrtc._library.cache_clear()
    monkeypatch.setattr(site, "getsitepackages", list)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingExtraError, match="^NVRTC was not found: pip install nvidia-cuda-nvrtc$"):
        nvrtc.nvrtc_version()
    with pytest.raises(pytest.skip.Exception, match="^NVRTC was not found: pip install nvidia-cuda-nvrtc$"):
        require_nvrtc()
