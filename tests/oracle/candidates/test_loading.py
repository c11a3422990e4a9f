"""What a candidate's file may import, from wherever it is run."""

import os
import sys

import pytest

from pp_ref.errors import DataError
from pp_ref.oracle.candidates.processes import InWorker
from pp_ref.oracle.operations.cases import case_of

CASE = case_of("dense/plain/float64/0")
HELPER = "def mm(a, b):\n    return a @ b\n"
DENSE = "def dense(v, W, b):\n    return mm(v, W) + b\n"


def files(folder, **texts):
    for name, text in texts.items():
        path = folder / (name.replace("__of__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def answers(path, **settings):
    worker = InWorker(str(path), **settings)
    try:
        seen = worker.observe(CASE)
    finally:
        worker.close()
    assert seen.messages == []
    return list(seen.results)


LATE = "def dense(v, W, b):\n    from helpers_of_mine import mm\n    return mm(v, W) + b\n"


@pytest.mark.parametrize("text", ["from helpers_of_mine import mm\n" + DENSE, LATE], ids=["at once", "late"])
@pytest.mark.parametrize("relative", [True, False])
def test_what_lies_beside_it(tmp_path, monkeypatch, text, relative):
    files(tmp_path, my__of__helpers_of_mine=HELPER, my__of__my_layers=text)
    monkeypatch.chdir(tmp_path if relative else os.sep)
    assert answers("my/my_layers.py" if relative else tmp_path / "my/my_layers.py") == ["y"]


@pytest.mark.parametrize("what", ["pack/inner/my_layers.py", "pack/inner", "pack/inner/__init__.py"])
def test_a_package(tmp_path, monkeypatch, what):
    """Relative imports work, and so do those of what lies in the folders above."""
    monkeypatch.chdir(tmp_path)
    text = "from . import helpers\nfrom ..above import shift\nfrom pack.inner.helpers import mm\n" + DENSE
    files(tmp_path, pack__of____init__="", pack__of__above="shift = 0\n", pack__of__inner__of__helpers=HELPER)
    init = "from pack.inner.my_layers import dense\n" if "my_layers" not in what else ""
    files(tmp_path, pack__of__inner__of____init__=init, pack__of__inner__of__my_layers=text)
    assert answers(what) == ["y"]


def test_a_package_whose_name_is_taken(tmp_path):
    files(tmp_path, json__of____init__="", json__of__my_layers=DENSE)
    with pytest.raises(
        DataError, match=r"my_layers.py cannot be imported \(ModuleNotFoundError: No module named 'json"
    ):
        InWorker(str(tmp_path / "json" / "my_layers.py"))
    files(tmp_path, json__of__decoder=DENSE)
    with pytest.raises(DataError, match=r"decoder.py cannot be imported \(ImportError: json.decoder is the module in "):
        InWorker(str(tmp_path / "json" / "decoder.py"))


def test_its_process_imports_from_where_its_judge_does(tmp_path, monkeypatch):
    files(tmp_path, layers_of_mine=HELPER + DENSE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert answers("layers_of_mine") == ["y"]


def test_a_slow_import_has_a_limit_of_its_own(tmp_path):
    files(tmp_path, slow="import time\ntime.sleep(1.5)\n" + HELPER + DENSE)
    assert answers(tmp_path / "slow.py", time_limit=1.0) == ["y"]
    files(tmp_path, slow="import time\nprint('a million kernels')\ntime.sleep(60)\n")
    with pytest.raises(
        DataError,
        match=r"slow.py has been importing for 6 s: import less, or allow more with --import-limit; "
        "it printed: a million kernels$",
    ):
        InWorker(str(tmp_path / "slow.py"), import_limit=6.0)


def test_the_last_words_of_a_process_are_told(tmp_path):
    files(tmp_path, loud="import sys, os\nprint('no licence\\x1b[2J found')\nsys.stdout.flush()\nos._exit(4)\n")
    with pytest.raises(DataError, match=r"exit code 4; it printed: no licence\\x1b\[2J found$"):
        InWorker(str(tmp_path / "loud.py"))


def test_it_can_be_loaded_once_only(tmp_path):
    text = f"import os, pathlib\nmark = pathlib.Path({str(tmp_path / 'mark')!r})\nif mark.exists():\n    1 / 0\n"
    files(tmp_path, once=text + "mark.touch()\ndef dense(v, W, b):\n    os._exit(3)\n")
    worker = InWorker(str(tmp_path / "once.py"))
    assert worker.observe(CASE).messages == ["ended its process, exit code 3"]
    (said,) = worker.observe(CASE).messages
    worker.close()
    assert said.startswith(f"could not be loaded again: {tmp_path}/once.py cannot be imported (ZeroDivisionError")


def test_what_it_declares_may_be_anything(tmp_path):
    files(tmp_path, odd="EXPECTED = {'dense/*': object()}\n" + HELPER + DENSE)
    with pytest.raises(DataError, match=r"odd.py cannot be loaded: TypeError: "):
        InWorker(str(tmp_path / "odd.py"))


def test_a_file_that_is_changed_within_a_second_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    text = "from helpers_of_mine import mm\n" + DENSE
    files(tmp_path, my_layers=text, helpers_of_mine=HELPER)
    assert answers(tmp_path / "my_layers.py") == ["y"]
    for name, of in (("helpers_of_mine", HELPER), ("my_layers", text)):
        file, was = tmp_path / f"{name}.py", os.stat(tmp_path / f"{name}.py")
        file.write_text(of.replace("def ", "dex "))
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
        with pytest.raises(DataError, match="SyntaxError"):
            answers(tmp_path / "my_layers.py")
        file.write_text(of)
    assert not (tmp_path / "__pycache__").exists()
