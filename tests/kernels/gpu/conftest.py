"""The kernels run on one core of the processor, and on a device if there is one."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pp_ref.kernels.gpu.cuda_on_cpu import StandIn
from tests.kernels.gpu.standing_in import standing_in


@pytest.fixture
def processor(compiled_kernels: Path) -> Iterator[StandIn]:
    """CuPy's stand-in, under CuPy's name."""
    if shutil.which("g++") is None:
        pytest.skip("g++ was not found: the CUDA kernels were not run on the processor")
    with standing_in(compiled_kernels) as stand_in:
        yield stand_in


@pytest.fixture
def device() -> Any:
    import cupy

    return cupy


@pytest.fixture(params=["processor", pytest.param("device", marks=pytest.mark.gpu)])
def xp(request: pytest.FixtureRequest) -> Any:
    """CuPy, or its stand-in."""
    return request.getfixturevalue(request.param)
