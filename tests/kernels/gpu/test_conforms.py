"""The oracle judges the kernels for CUDA devices, on the processor and on a device if there is one."""

from typing import Any

import numpy as np
import pytest

from pp_ref.kernels.gpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused
from pp_ref.kernels.gpu.operands import to_device
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.candidates.own import grid_operands
from pp_ref.oracle.verdict.findings import Status
from tests.kernels.gpu.comparisons import to_numpy


def functions(xp: Any) -> dict[str, Any]:
    """Functions from NumPy arrays to NumPy arrays that compute on the device."""

    def pool(v, *grid):
        o = to_device(grid_operands(*grid))
        pooled = to_numpy(pool_fused(xp.asarray(v), o))
        return [pooled[:, part] for part in o.host.parts]

    def adjoint(g, *grid):
        return to_numpy(pool_adjoint_fused(xp.asarray(np.hstack(g)), to_device(grid_operands(*grid))))

    def expand(w, *grid):
        return to_numpy(expand_fused([xp.asarray(w_j) for w_j in w], to_device(grid_operands(*grid))))

    def project(G, widths, *grid):
        return [to_numpy(dw) for dw in project_fused(xp.asarray(G), to_device(grid_operands(*grid)), widths)]

    return {"grid_pool": pool, "grid_pool_adjoint": adjoint, "grid_expand": expand, "grid_project": project}


@pytest.mark.parametrize("arithmetic", ["float32", pytest.param("float64", marks=pytest.mark.torture)])
def test_the_cuda_kernels_conform(xp, arithmetic):
    found = functions(xp)
    report = conform(InProcess(found, arithmetic=arithmetic), only=list(found), quick=True)
    bad = [(each.id, each.messages) for each in report.findings if each.status != Status.passed]
    # A block of threads holds a whole image.
    assert [each for each in bad if "does not fit into the shared memory" not in each[1][0]] == []
    assert all("/edges " in name for name, _ in bad)
