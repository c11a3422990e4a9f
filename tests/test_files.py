"""Files are written whole or not at all, and only regular files of an expected size are read."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from pp_ref.errors import DataError
from pp_ref.files import read_regular, reason, write_atomically
from tests.odd_files import ODD


def test_what_is_written_replaces_what_was_there(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for content in (b"first, and longer", b"second", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    path, order = tmp_path / "file", []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr("os.fsync", lambda number: (order.append("fsync"), fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append("replace"), replace(self, target))[1])
    write_atomically(path, b"content")
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO], ids=errno.errorcode.get)
def test_what_fails_leaves_what_was_there(tmp_path, monkeypatch, step, number):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    if step == "write":
        opened = Path.open

        class Full:
            def __init__(self, file):
                self.file, self.write = file, fail

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.file.close()

        monkeypatch.setattr(Path, "open", lambda self, mode: Full(opened(self, mode)))
    else:
        monkeypatch.setattr(*{"fsync": ("os.fsync", fail), "replace": (Path, "replace", fail)}[step])
    message = f"file could not be written: {os.strerror(number)}; an older file is unchanged: free some space"
    with pytest.raises(DataError, match=message):
        write_atomically(path, b"after")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_a_real_limit_of_the_system(tmp_path):
    """A file may not grow past RLIMIT_FSIZE: the system refuses in the middle of the content."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
    try:
        with pytest.raises(DataError, match="file could not be written: File too large"):
            write_atomically(path, bytes(2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(DataError, match="file/inside could not be written: .*choose another folder, and run again"):
        write_atomically(tmp_path / "file" / "inside", b"content")
    assert (tmp_path / "file").read_bytes() == b"before"


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder could not be written: Is a directory"):
        write_atomically(tmp_path / "folder", b"content")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_an_interruption_leaves_nothing_beside(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(b"before")
    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"after")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]


def test_a_file_of_the_largest_size_and_a_link_to_it_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_regular(tmp_path / name, 7) == b"content"
    with pytest.raises(OSError, match=r"^it has 7 bytes, expected at most 6$"):
        read_regular(tmp_path / "file", 6)


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, kind):
    make, why = ODD[kind]
    with make(tmp_path / "file"), pytest.raises(OSError, match=why):
        read_regular(tmp_path / "file", 10)


def test_a_name_that_no_file_can_have():
    with pytest.raises(OSError, match="^embedded null byte$"):
        read_regular(Path("a\0b"), 10)


def test_a_fifo_that_takes_the_name_of_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"content")
    os.mkfifo(tmp_path / "fifo")
    opened = os.open
    monkeypatch.setattr("os.open", lambda path, flags: opened(tmp_path / "fifo", flags))
    with pytest.raises(OSError, match="^it is a FIFO$"):
        read_regular(tmp_path / "file", 10)


def test_the_reason_of_an_error_is_one_line():
    assert reason(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "file")) == "No such file or directory"
    assert reason(OSError("it is a FIFO")) == "it is a FIFO"
    assert reason(ValueError("two\n  lines")) == "two lines"
    assert reason(AssertionError()) == "AssertionError"
