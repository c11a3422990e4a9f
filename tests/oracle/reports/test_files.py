"""Which format a file gets."""

import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle.reports import junit, page, records, write_report
from tests.oracle.reports.sample import sample


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", records.content), ("a.b.xml", junit.content), ("a.html", page.content)]
)
def test_the_ending_decides(name, content, tmp_path):
    write_report(sample(), tmp_path / "new" / name)
    assert (tmp_path / "new" / name).read_bytes() == content(sample())


@pytest.mark.parametrize("name", ["report.txt", "report", ".json"])
def test_another_ending_is_refused(name, tmp_path):
    with pytest.raises(DomainError, match=r"path is '.*', expected a name that ends in .json, .xml .JUnit. or .html"):
        write_report(sample(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="could not be written: the disk is full"):
        write_report(sample(), path)
    assert path.read_bytes() == b"old"
