"""Files are written whole or not at all, by many at once, and only regular files of an expected size are read."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pp_ref.errors import DataError
from pp_ref.files import cache_folder, part_beside, read_regular, reason, write_atomically, written_atomically
from tests.disk import largest_file
from tests.odd_files import ODD
from tests.processes import running, wait_for
from tests.robustness.faults import no_home
from tests.tree import ROOT


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
    assert order == ["fsync", "replace", "fsync"]  # and the new name after it


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
    with largest_file(2**16), pytest.raises(DataError, match="file could not be written: File too large"):
        write_atomically(path, bytes(2**20))
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


def test_an_error_of_the_caller_leaves_nothing_beside(tmp_path):
    (tmp_path / "file").write_bytes(b"before")

    def half():
        with written_atomically(tmp_path / "file") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path, monkeypatch):
    """The file has its name by then, and some file systems flush no folders."""
    fsync = os.fsync

    def files_alone(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(number)

    monkeypatch.setattr("os.fsync", files_alone)
    write_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_permissions_are_those_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def written_by(writer, size=100_003):
    """A writer's content: any mixture of two is neither."""
    return bytes([65 + writer]) * (size + writer)


def is_whole(content):
    return content in [written_by(writer) for writer in range(8)]


def test_eight_threads_that_write_one_path_leave_one_whole_file(tmp_path):
    path, together = tmp_path / "file", threading.Barrier(9)

    def write(writer):
        together.wait()
        for _ in range(20):
            write_atomically(path, written_by(writer))

    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write, writer) for writer in range(8)]
        together.wait()
        seen = []
        while not all(each.done() for each in writing):
            if path.exists():
                seen.append(is_whole(path.read_bytes()))
        for each in writing:
            each.result()
    assert seen
    assert all(seen)
    assert list(tmp_path.iterdir()) == [path]
    assert is_whole(path.read_bytes())


def test_eight_processes_that_write_one_path_leave_one_whole_file(tmp_path):
    path = tmp_path / "file"
    code = "from tests.test_files import *\nfor _ in range(20): write_atomically(Path(sys.argv[1]), written_by({}))"
    writing = [subprocess.Popen([sys.executable, "-c", code.format(n), path], cwd=ROOT) for n in range(8)]
    assert [process.wait(60) for process in writing] == [0] * 8
    assert list(tmp_path.iterdir()) == [path]
    assert is_whole(path.read_bytes())


def test_a_planted_link_is_refused_and_its_target_untouched(tmp_path, monkeypatch):
    """Nobody can guess the name; if somebody did, nothing would be written through the link, nor the link removed."""
    monkeypatch.setattr("pp_ref.files.token_hex", lambda n: "guessed")
    target, planted = tmp_path / "target", tmp_path / ".file.guessed.part"
    target.write_bytes(b"precious")
    planted.symlink_to(target)
    with pytest.raises(DataError, match="file could not be written: File exists; an older file is unchanged"):
        write_atomically(tmp_path / "file", b"content")
    assert target.read_bytes() == b"precious"
    assert planted.is_symlink()
    assert not (tmp_path / "file").exists()


def test_a_link_in_the_place_of_the_file_is_replaced(tmp_path):
    target, path = tmp_path / "target", tmp_path / "file"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    write_atomically(path, b"content")
    assert target.read_bytes() == b"precious"
    assert (path.read_bytes(), path.is_symlink()) == (b"content", False)


def test_what_a_killed_program_leaves_is_told_by_its_name(tmp_path):
    path = tmp_path / "file"
    with running("tests.test_files", path) as process:
        wait_for(lambda: list(tmp_path.iterdir()), process)
        process.kill()
        process.communicate()
    (left,) = tmp_path.iterdir()
    assert left.match(f".{path.name}.{'[0-9a-f]' * 16}.part")
    assert part_beside(path).match(f".{path.name}.{'[0-9a-f]' * 16}.part")
    assert part_beside(path) != part_beside(path)
    write_atomically(path, b"content")
    assert set(tmp_path.iterdir()) == {path, left}


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


def test_a_cache_without_a_home():
    message = (
        "^no home folder is known, and so no folder for the user's cache: set HOME or XDG_CACHE_HOME to a full path$"
    )
    with no_home(known=False), pytest.raises(DataError, match=message):
        cache_folder()
    with no_home(known=True):
        assert cache_folder() == Path("/dev/null/home/.cache/pp_ref")


if __name__ == "__main__":  # a program that is killed while it writes
    with written_atomically(Path(sys.argv[1])) as file:
        file.write(b"half")
        time.sleep(60)
