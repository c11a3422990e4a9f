"""The places of the search and their order, and the files that a download leaves."""

import errno
import hashlib
import http.server
import os
import threading
from pathlib import Path

import pytest

from pp_ref.data import find_data
from pp_ref.data.search import COLLECTIONS, Collection, file_in, files_in, look_for, user_cache
from pp_ref.errors import DataError
from tests.odd_files import ODD
from tests.robustness.faults import no_home

FILES = {"a-idx1-ubyte.gz": b"content of a" * 1000, "b-idx1-ubyte.gz": b"content of b"}


class Server(http.server.ThreadingHTTPServer):
    """A server of FILES at /good/, other bytes at /wrong/, half of each file at /half/, and nothing else."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def __getitem__(self, mirror):
        return f"http://127.0.0.1:{self.server_port}/{mirror}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        _, mirror, file = self.path.split("/")
        if mirror not in ("good", "wrong", "half"):
            self.send_error(404)
            return
        content = FILES[file][::-1] if mirror == "wrong" else FILES[file]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if mirror == "half" else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def machine(machine, tmp_path, monkeypatch):
    """A machine without data, and a data set called "letters"."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    serve(monkeypatch)
    return tmp_path


def serve(monkeypatch, *mirrors):
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    monkeypatch.setitem(COLLECTIONS, "letters", Collection(sums, mirrors))


def fill(folder, names=tuple(FILES)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"local")
    return folder


def test_an_explicit_folder_or_its_subfolder(machine):
    assert find_data("letters", fill(machine / "here")) == machine / "here"
    fill(machine / "there" / "letters")
    assert find_data("letters", str(machine / "there")) == machine / "there" / "letters"


def test_the_environment_comes_before_the_cache(machine, monkeypatch):
    cache = fill(user_cache("letters"))
    assert find_data("letters") == cache
    given = fill(machine / "given" / "letters")
    monkeypatch.setenv("PP_REF_DATA", str(machine / "given"))
    assert find_data("letters") == given
    assert find_data("letters", fill(machine / "explicit")) == machine / "explicit"
    monkeypatch.setenv("PP_REF_DATA", str(given))
    assert find_data("letters") == given


def test_the_working_folder_is_a_folder_too(machine, monkeypatch):
    monkeypatch.chdir(fill(machine / "here"))
    monkeypatch.setenv("PP_REF_DATA", ".")
    assert find_data("letters").resolve() == machine / "here"


def test_an_incomplete_folder_is_passed_over_and_named(machine, monkeypatch):
    monkeypatch.setenv("PP_REF_DATA", str(fill(machine / "given", ["a-idx1-ubyte.gz"])))
    cache = fill(user_cache("letters"))
    found, missed = look_for("letters")
    assert found == cache
    assert missed == [
        f"PP_REF_DATA={machine / 'given'}: lacks b-idx1-ubyte.gz",
        "its subfolder letters: no such folder",
    ]


def test_files_may_be_unpacked(machine):
    fill(machine / "here", ["a-idx1-ubyte", "b-idx1-ubyte.gz"])
    assert find_data("letters", machine / "here") == machine / "here"
    assert file_in(machine / "here", "a-idx1-ubyte.gz") == machine / "here" / "a-idx1-ubyte"
    assert file_in(machine / "here", "c.gz") is None


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_an_archive_of_any_compression(machine, ending):
    file = fill(machine / "here", [f"letters{ending}"]) / f"letters{ending}"
    assert file_in(machine / "here", "letters.tar.gz") == file


@pytest.fixture
def archived(monkeypatch):
    """A data set that is published as one archive and may be unpacked."""
    sums = {"letters.tar.gz": hashlib.sha256(b"local").hexdigest()}
    monkeypatch.setitem(COLLECTIONS, "letters", Collection(sums, (), (("letters/a", "letters/b"), ("a", "b"))))


@pytest.mark.usefixtures("archived")
def test_each_form_of_a_data_set_is_enough(machine):
    packed = fill(machine / "packed", ["letters.tar.xz"])
    assert files_in("letters", find_data("letters", packed)) == [packed / "letters.tar.xz"]
    assert files_in("letters", find_data("letters", packed / "letters.tar.xz")) == [packed / "letters.tar.xz"]
    unpacked = fill(machine / "unpacked" / "letters", ["a", "b"])
    for given in (unpacked, unpacked.parent):
        assert files_in("letters", find_data("letters", given)) == [unpacked / "a", unpacked / "b"]
    fill(unpacked.parent, ["letters.tar"])
    assert files_in("letters", unpacked.parent) == [unpacked / "a", unpacked / "b"]
    assert files_in("letters", machine) == []


@pytest.mark.usefixtures("archived")
def test_what_is_lacking_is_said_of_the_nearest_form(machine):
    fill(machine / "some" / "letters", ["b"])
    message = (
        "Looked in: path=.*some: lacks letters/a; its subfolder letters: lacks a. Put letters.tar.gz "
        r"\(compressed or not, or unpacked\) into one folder"
    )
    with pytest.raises(DataError, match=message):
        find_data("letters", machine / "some")
    with pytest.raises(DataError, match="lacks letters.tar.gz; its subfolder letters: no such folder"):
        find_data("letters", machine)


def test_a_file_is_no_place_for_a_data_set_of_several(machine):
    with pytest.raises(DataError, match="path=.*a-idx1-ubyte.gz: a file, expected a folder; its subf"):
        find_data("letters", fill(machine / "here") / "a-idx1-ubyte.gz")


def test_an_explicit_folder_without_the_files_is_an_error_and_nothing_is_fetched(machine, monkeypatch, server):
    serve(monkeypatch, server["good"])
    message = (
        rf"^letters was not found. Looked in: path={machine}: lacks a-idx1-ubyte.gz, b-idx1-ubyte.gz; its subfolder "
        r"letters: no such folder. Put a-idx1-ubyte.gz, b-idx1-ubyte.gz \(compressed or not\) into one folder, and set "
        "PP_REF_DATA to it or pass it as path=$"
    )
    with pytest.raises(DataError, match=message):
        find_data("letters", machine)
    assert server.asked == []


def test_an_unknown_name():
    message = "^name is 'letter', expected one of cifar10, letters, mnist, natural-"
    with pytest.raises(DataError, match=message):
        find_data("letter")


def test_what_is_not_downloaded_says_where_it_comes_from(monkeypatch):
    monkeypatch.setitem(COLLECTIONS, "letters", Collection({"letters.npz": ""}, (), (), "They were written by hand"))
    with pytest.raises(DataError, match=r"Put letters.npz .* or pass it as path=\. They were written by hand$"):
        find_data("letters")


def test_a_download_may_be_known_by_its_md5_alone(monkeypatch, server):
    sums = {name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in FILES.items()}
    monkeypatch.setitem(COLLECTIONS, "letters", Collection(sums, (server["wrong"], server["good"])))
    assert {file.name: file.read_bytes() for file in find_data("letters").iterdir()} == FILES


def test_a_download_is_kept_and_used_again(monkeypatch, server):
    serve(monkeypatch, server["good"])
    folder = find_data("letters")
    assert folder == user_cache("letters")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == FILES
    assert find_data("letters") == folder
    assert len(server.asked) == len(FILES)


@pytest.mark.parametrize(
    ("mirror", "why"),
    [("wrong", "ValueError: SHA256 hash of downloaded file"), ("half", "IncompleteRead"), ("gone", "HTTPError: 404")],
)
def test_a_broken_download_leaves_nothing(monkeypatch, server, mirror, why):
    serve(monkeypatch, server[mirror])
    message = "PP_REF_DATA, which is not set; .*user cache .*: no such folder; "
    with pytest.raises(DataError, match=f"{message}{server[mirror]}a-idx1-ubyte.gz: .*{why}"):
        find_data("letters")
    assert list(user_cache("letters").iterdir()) == []


def test_the_next_mirror_is_tried(monkeypatch, server):
    serve(monkeypatch, server["gone"], server["half"], server["wrong"], server["good"])
    assert {file.name: file.read_bytes() for file in find_data("letters").iterdir()} == FILES


def test_what_came_before_the_line_broke_is_not_fetched_again(monkeypatch, server):
    serve(monkeypatch, server["good"])
    fill(user_cache("letters"), [])
    (user_cache("letters") / "a-idx1-ubyte.gz").write_bytes(FILES["a-idx1-ubyte.gz"])
    find_data("letters")
    assert server.asked == ["/good/b-idx1-ubyte.gz"]


def test_no_network(monkeypatch):
    with Server() as closed:
        address = closed["good"]
    serve(monkeypatch, address)
    with pytest.raises(DataError, match="ConnectionError.*set PP_REF_DATA to it or pass it as path=$"):
        find_data("letters")


def test_a_cache_that_cannot_be_written(machine, monkeypatch, server):
    (machine / "cache").write_text("a file where the folder should be")
    serve(monkeypatch, server["good"])
    with pytest.raises(DataError, match="letters was not found.*(FileExistsError|NotADirectoryError|PermissionError)"):
        find_data("letters")


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "huge and sparse"])
def test_an_odd_file_is_none_of_a_data_set(machine, kind):
    folder = fill(machine / "here", ["b-idx1-ubyte.gz"])
    with ODD[kind][0](folder / "a-idx1-ubyte.gz"):
        with pytest.raises(DataError, match="path=.*here: lacks a-idx1-ubyte.gz; its subfolder"):
            find_data("letters", folder)
        fill(folder, ["a-idx1-ubyte"])
        assert file_in(folder, "a-idx1-ubyte.gz") == folder / "a-idx1-ubyte"


ODD_PLACES = {
    "FIFO": "a FIFO, expected a folder",
    "link to an endless device": "a character device, expected a folder",
    "socket": "a socket, expected a folder",
    "link to nothing": "no such folder",
    "link to itself": r"cannot be searched \(Too many levels of symbolic links\)",
    "huge and sparse": "a file, expected a folder",
}


@pytest.mark.parametrize("kind", ODD_PLACES)
def test_an_odd_file_is_no_place(machine, kind):
    with (
        ODD[kind][0](machine / "here"),
        pytest.raises(
            DataError, match=f"^letters was not found. Looked in: path={machine}/here: {ODD_PLACES[kind]}; its"
        ),
    ):
        find_data("letters", machine / "here")


def test_a_folder_that_may_not_be_searched(machine, monkeypatch):
    stat = Path.stat

    def denied(self, **settings):
        if self.name.startswith("a-idx1"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return stat(self, **settings)

    monkeypatch.setattr(Path, "stat", denied)
    monkeypatch.setenv("PP_REF_DATA", str(fill(machine / "given")))
    with pytest.raises(
        DataError, match=r"PP_REF_DATA=.*given: cannot be searched \(Permission denied\); its subfolder"
    ):
        find_data("letters")


def test_a_name_that_no_folder_can_have():
    with pytest.raises(DataError, match=r"path=a.b: cannot be searched \(embedded null byte\); its subfolder"):
        find_data("letters", "a\0b")


def test_an_unknown_user_is_passed_over_and_named(monkeypatch):
    monkeypatch.setenv("PP_REF_DATA", "~no-such-user/data")
    message = (
        "Looked in: PP_REF_DATA=~no-such-user/data: no home folder is known for it, expected a full path; the user c"
    )
    with pytest.raises(DataError, match=message):
        find_data("letters")
    cache = fill(user_cache("letters"))
    assert find_data("letters") == cache


def test_a_home_that_is_not_known_is_said():
    with no_home(known=False):
        found, missed = look_for("letters")
    assert found is None
    assert missed[-1].startswith(
        "no home folder is known, and so no folder for the user's cache: set HOME or XDG_CACHE_HO"
    )


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "huge and sparse"])
def test_what_is_in_the_way_of_a_download(monkeypatch, server, kind):
    serve(monkeypatch, server["good"])
    user_cache("letters").mkdir(parents=True)
    with (
        ODD[kind][0](user_cache("letters") / "a-idx1-ubyte.gz"),
        pytest.raises(DataError, match="letters/a-idx1-ubyte.gz is in the way and no file: remove it. Put a-idx1"),
    ):
        find_data("letters")
    assert server.asked == []
