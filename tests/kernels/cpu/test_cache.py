"""Numba's cache: what is whole is used, what is damaged is compiled anew, and what cannot be written is no error."""

import numba
import numpy as np
import pytest

from pp_ref.kernels.cpu.pool import compile_loops, rows
from tests.disk import largest_file

V, U = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def hits():
    """Whether newly compiled loops came from the cache: 1, or 0."""
    compiled = compile_loops(rows, nogil=True)
    np.testing.assert_array_equal(compiled(V, U), V @ U)
    return sum(compiled.stats.cache_hits.values())


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-1],
    "flipped": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "digest": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "longer": lambda content: content + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_what_is_damaged_is_compiled_anew(folder, suffix, damage):
    assert hits() == 0
    assert hits() == 1
    (file,) = folder.rglob(f"*.{suffix}")
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert hits() == 0
    assert hits() == 1


def test_a_full_disk_costs_time_alone(folder):
    with largest_file(100):
        assert hits() == 0
        assert hits() == 0
    assert [file for file in folder.rglob("*") if not file.is_dir()] == []
    assert hits() == 0
    assert hits() == 1
