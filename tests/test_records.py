"""The circumstances of a record: versions, machine, peak memory; tables of records."""

import json
import platform
from importlib.metadata import PackageNotFoundError

import numpy as np

import pp_ref
from pp_ref import records
from pp_ref.records import circumstances, markdown, versions


def test_versions_of_what_is_installed():
    found = versions()
    assert found["pp_ref"] == pp_ref.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert list(found)[:2] == ["pp_ref", "python"]


def test_what_is_not_installed_is_left_out(monkeypatch):
    def version(package):
        if package == "numpy":
            return "9.9"
        raise PackageNotFoundError(package)

    monkeypatch.setattr(records, "version", version)
    assert versions() == {"pp_ref": pp_ref.__version__, "python": platform.python_version(), "numpy": "9.9"}


def test_all_of_it_is_json():
    assert list(json.loads(json.dumps(circumstances()))) == ["versions", "machine", "peak_memory_mb"]


def test_the_device_is_named_if_it_was_used(monkeypatch):
    monkeypatch.setattr(records, "gpu", lambda: "A device")
    assert "gpu" not in circumstances()["machine"]
    assert circumstances("gpu")["machine"]["gpu"] == "A device"


def test_a_markdown_table_has_text_on_the_left_and_numbers_on_the_right():
    assert markdown(["pair", "0.1"], [["SE-Emp", "1.9%"]]) == "| pair | 0.1 |\n| --- | ---: |\n| SE-Emp | 1.9% |"
