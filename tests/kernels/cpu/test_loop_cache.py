"""The cache of compiled loops: a damaged one is written anew, and without one the loops still run."""

import errno
import os
import pickle
from contextlib import nullcontext
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.caching import FunctionCache

from pp_ref.kernels.cpu import loop_cache
from pp_ref.kernels.cpu.pool import compile_loops
from tests.odd_files import ODD


def twice(x):
    return x + x


def run(hits=None):
    """Compile or load; compare the result, and whether the cache was hit."""
    loops = compile_loops(twice, nogil=True)
    assert loops(np.float64(21)) == 42
    if hits is not None:
        assert sum(loops.stats.cache_hits.values()) == hits


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(loop_cache, "ANNOUNCED", set())
    return tmp_path / "cache"


def files(folder):
    found = sorted(folder.glob("*/*"), key=lambda file: file.suffix)
    assert [file.suffix for file in found] == [".nbc", ".nbi"]
    return dict(zip(("data", "index"), found, strict=True))


def test_a_second_process_would_load_the_loops(folder):
    run(hits=0)
    run(hits=1)


DAMAGE = {
    "cut": lambda content: content[:-1],
    "half": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a bit": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "first bytes": lambda content: b"\0" * 50 + content[50:],
    "no pickle": lambda content: b"text",
    "a call": lambda content: pickle.dumps(Called()),
    "without a checksum": lambda content: content[: -loop_cache.CHECKSUM],
}


class Called:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["data", "index"])
def test_a_damaged_file_is_written_anew(folder, name, damage):
    run()
    file = files(folder)[name]
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    run(hits=0)
    run(hits=1)


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "folder"])
@pytest.mark.parametrize("name", ["data", "index"])
def test_what_is_no_regular_file_is_replaced(folder, name, kind):
    run()
    file = files(folder)[name]
    file.unlink()
    with ODD[kind][0](file):
        run(hits=0)
    run(hits=1)


def test_an_index_of_another_version_of_numba_is_written_anew(folder, monkeypatch):
    monkeypatch.setattr(numba, "__version__", "0.1")
    run(hits=0)
    monkeypatch.undo()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    run(hits=0)
    run(hits=1)


@pytest.mark.parametrize("step", ["open", "replace"])
def test_without_space_the_loops_run_and_one_warning_says_so(folder, monkeypatch, step):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "open":
        monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._open_for_write", fail)
    else:
        monkeypatch.setattr("os.replace", fail)
    message = (
        rf"^compiled loops cannot be kept in {folder}/\w+ \(No space left on device\), so that each process "
        "compiles them again: free some space, or set NUMBA_CACHE_DIR to another folder$"
    )
    for warned in (pytest.warns(RuntimeWarning, match=message), nullcontext()):
        with warned:
            run(hits=0)
    assert not list(folder.glob("*/*"))


def test_a_folder_in_the_way_gives_one_warning(folder):
    run()
    file = files(folder)["index"]
    file.unlink()
    file.mkdir()
    for warned in (pytest.warns(RuntimeWarning, match="compiled loops cannot be kept in"), nullcontext()):
        with warned:
            run(hits=0)


def test_numba_has_the_functions_that_are_replaced(folder):
    """The cache is Numba's own but for its files, so a version of Numba without these would not call ours."""
    cache = FunctionCache(twice)
    assert type(compile_loops(twice)._cache) is loop_cache.LoopCache
    assert type(cache._cache_file) is loop_cache.CheckedFiles.__base__
    assert Path(cache._cache_file._index_path).parent == Path(cache.cache_path)
