"""The envelope: what is written comes back, every damage is a DataError, and no other program's layout is one."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from hashlib import sha256

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pp_ref.envelope import ENVELOPE, Format
from pp_ref.errors import DataError, DomainError
from pp_ref.files import write_atomically
from tests.odd_files import ODD
from tests.refused import refuses

THING = Format("pp_ref.thing", "a thing", lambda content: content.keys() == {"size"})
CONTENT = {"name": "σ", "numbers": [1.0, 0.1, -0.0, 1e300, 2**70, 3], "nested": {"b": None, "a": [True, {}]}}
TENSORS = {
    "filters": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    "alpha": np.array([1, 5], np.int64),
    "none": np.zeros((0, 3)),
    "one": np.array(7.0),
    "special": np.array([np.nan, np.inf, -0.0, 5e-324]),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "file"


def test_json_comes_back(path):
    THING.write_json(path, CONTENT)
    assert THING.read_json(path, "") == CONTENT
    held = json.loads(path.read_text())
    assert list(held) == [*ENVELOPE, *CONTENT]
    assert {name: held[name] for name in CONTENT} == CONTENT
    assert (held["format"], held["version"]) == ("pp_ref.thing", 2)
    before = path.read_bytes()
    THING.write_json(path, CONTENT)
    assert path.read_bytes() == before


def test_tuples_and_keys_that_are_numbers_come_back_as_json_has_them(path):
    THING.write_json(path, {"pair": (1, 2), "by number": {1: "a"}})
    assert THING.read_json(path, "") == {"pair": [1, 2], "by number": {"1": "a"}}


def test_tensors_come_back_to_the_bit(path):
    checksum = THING.write_tensors(path, TENSORS, {"recipe": CONTENT, "list": [1]})
    found = THING.read_tensors(path, "")
    assert (found.metadata, found.checksum) == ({"recipe": CONTENT, "list": [1]}, checksum)
    assert found.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert (found.tensors[name].dtype, found.tensors[name].shape) == (array.dtype, array.shape)
        assert found.tensors[name].tobytes() == array.tobytes()
        assert found.tensors[name].flags.writeable
    with safe_open(path, framework="numpy") as file:  # plain safetensors
        assert file.metadata().keys() == {*ENVELOPE, "recipe", "list"}
        assert file.metadata()["checksum"] == checksum


def test_the_order_in_memory_does_not_matter(path):
    filters = TENSORS["filters"]
    same = [
        THING.write_tensors(path, {"filters": array}, {})
        for array in (filters, np.asfortranarray(filters), np.repeat(filters, 2, 1)[:, ::2], filters.astype(">f4"))
    ]
    assert len(set(same)) == 1
    np.testing.assert_array_equal(THING.read_tensors(path, "").tensors["filters"], filters, strict=True)


def test_the_checksum_is_of_everything_else(path):
    """Each change of the content is another checksum, also where only a name, a dtype or a shape is another."""
    filters = TENSORS["filters"]
    cases = [
        ({"filters": filters}, {}),
        ({"filters": filters.view(np.int32)}, {}),
        ({"filters": filters.reshape(4, 3)}, {}),
        ({"other": filters}, {}),
        ({"filters": filters[:2], "rest": filters[2:]}, {}),
        ({"filters": filters}, {"seed": 0}),
        ({"filters": filters}, {"seed": 1}),
    ]
    other = Format("pp_ref.other", "another thing")
    sums = [THING.write_tensors(path, *case) for case in cases] + [other.write_tensors(path, *cases[0])]
    assert len(set(sums)) == len(sums)


def test_the_checksum_is_what_the_documentation_says(path):
    """Computed anew from the words in `pp_ref.envelope`: files of today are valid tomorrow."""
    THING.write_json(path, {"b": [0.5, 1.0, "ü"], "a": None})
    text = b'{"a":null,"b":[0.5,1,"\\u00fc"],"format":"pp_ref.thing","version":2}'
    assert json.loads(path.read_text())["checksum"] == sha256(text).hexdigest()
    tensors = {"y": np.array([[1, 2]], np.float32), "x": np.array([3], np.int64)}
    checksum = THING.write_tensors(path, tensors, {"m": "n"})
    described = b'[{"format":"pp_ref.thing","m":"\\"n\\"","version":"2"},[["x","int64",[1]],["y","float32",[1,2]]]]'
    numbers = np.array([3], "<i8").tobytes() + np.array([1, 2], "<f4").tobytes()
    assert checksum == sha256(described + numbers).hexdigest()


@pytest.mark.parametrize(
    "layout",
    [
        {"indent": None},
        {"indent": 4, "sort_keys": True},
        {"ensure_ascii": False},
        {"separators": (",", ":")},
    ],
    ids=str,
)
def test_another_programs_layout_changes_nothing(path, layout):
    THING.write_json(path, CONTENT)
    path.write_text(json.dumps(json.loads(path.read_text()), **layout), "utf-8")
    assert THING.read_json(path, "") == CONTENT
    path.write_text(path.read_text("utf-8").replace("1.0", "1").replace("1e+300", "1E300"), "utf-8")
    assert THING.read_json(path, "") == CONTENT


def test_another_programs_safetensors_are_the_same(path):
    THING.write_tensors(path, TENSORS, {"recipe": CONTENT})
    with safe_open(path, framework="numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in reversed(file.keys())}
    save_file(tensors, path, dict(reversed(metadata.items())))
    assert THING.read_tensors(path, "").metadata == {"recipe": CONTENT}


def flips(content, number, seed=0):
    """Copies of the content with one bit changed; of the first bytes, where a header is, all."""
    rng = np.random.default_rng(seed)
    bits = [*range(min(128, 8 * len(content))), *rng.choice(8 * len(content), number, replace=False)]
    for bit in bits:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def test_no_flipped_bit_is_believed_json(path):
    THING.write_json(path, CONTENT)
    for changed in flips(path.read_bytes(), 300):
        path.write_bytes(changed)
        try:
            found = THING.read_json(path, "")
        except DataError:
            continue
        assert found == CONTENT  # a space for a line's end, say


def test_no_flipped_bit_is_believed_safetensors(path):
    THING.write_tensors(path, TENSORS, {"recipe": CONTENT})
    for changed in flips(path.read_bytes(), 300):
        path.write_bytes(changed)
        with pytest.raises(DataError, match=str(path)):
            THING.read_tensors(path, "")


@pytest.mark.parametrize("read", [THING.read_json, THING.read_tensors])
def test_no_part_of_a_file_is_believed(path, read):
    if read == THING.read_json:
        THING.write_json(path, CONTENT)
    else:
        THING.write_tensors(path, TENSORS, {"recipe": CONTENT})
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 7):  # without its last newline, JSON is the same
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"is not a thing, or it is damaged \(.*\): advice$"):
            read(path, "advice")


def with_fields(**fields):
    def change(path):
        THING.write_json(path, CONTENT)
        held = json.loads(path.read_text()) | fields
        path.write_text(json.dumps({name: value for name, value in held.items() if value is not None}))

    return change


DAMAGED = {
    "empty": (lambda path: path.write_bytes(b""), "Expecting value"),
    "not text": (lambda path: path.write_bytes(b"\xff\xfe\0"), "codec can't decode"),
    "nested": (lambda path: path.write_bytes(b"[" * 100_000), "recursion"),
    "many digits": (lambda path: path.write_bytes(b'{"size": ' + b"9" * 5000 + b"}"), "integer string conversion"),
    "a list": (lambda path: path.write_bytes(b"[1]"), "its JSON is a list, expected an object"),
    "no envelope": (
        lambda path: path.write_text('{"a": 1, "b": 2}'),
        "it holds a, b, no format and no version and no checksum, and is not what pp_ref 0.1.0 wrote",
    ),
    "nothing in it": (lambda path: path.write_text("{}"), "it holds nothing, no format"),
    "an old one and more": (lambda path: path.write_text('{"size": 1, "b": 2}'), "it holds size, b, no format"),
    "no version": (with_fields(version=None), "no version, and is not"),
    "no checksum": (with_fields(checksum=None), "no checksum, and is not"),
    "another number": (with_fields(name="s"), "its content does not have its checksum"),
    "one key more": (with_fields(more=1), "its content does not have its checksum"),
    "another checksum": (with_fields(checksum=0), "its content does not have its checksum"),
    "another format, and no more": (with_fields(format="pp_ref.rules"), "its content does not have its checksum"),
    "version 1": (with_fields(version=1), "its version is 1, expected an integer >= 2"),
    "version True": (with_fields(version=True), "its version is True, expected"),
    "version as text": (with_fields(version="2"), "its version is '2', expected"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_named_with_advice(path, case):
    damage, said = DAMAGED[case]
    path.parent.mkdir()
    damage(path)
    with pytest.raises(DataError, match=r" is not a thing, or it is damaged \(.*\): make it again$") as raised:
        THING.read_json(path, "make it again")
    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)


def test_a_file_of_before_is_read_if_it_is_precisely_one(path):
    path.parent.mkdir()
    path.write_text('{"size": 1}')
    assert THING.read_json(path, "") == {"size": 1}
    save_file({"x": np.ones(3)}, path, {"size": "[1]"})
    found = THING.read_tensors(path, "")
    assert (found.metadata, found.checksum) == ({"size": [1]}, None)
    save_file({"x": np.ones(3)}, path)
    with pytest.raises(DataError, match="it holds nothing, no format"):
        THING.read_tensors(path, "")


def test_what_may_be_good_is_named_and_left(path):
    """Another format or a newer version: the message says which, and does not advise what is done of damage."""
    newer = Format("pp_ref.thing", "a thing", version=3)
    other = Format("pp_ref.other", "another thing")
    newest = "was written by a newer pp_ref: version 3 of pp_ref.thing, this reads up to 2: use that pp_ref; the file"
    another = "has the format 'pp_ref.other', expected a thing, 'pp_ref.thing': choose another file$"
    for written, said in ((newer, newest), (other, another)):
        written.write_json(path, CONTENT)
        before = path.read_bytes()
        with pytest.raises(DataError, match=said):
            THING.read_json(path, "delete it")
        assert path.read_bytes() == before
        written.write_tensors(path, TENSORS, {})
        with pytest.raises(DataError, match=said):
            THING.read_tensors(path, "delete it")
    THING.write_json(path, CONTENT)
    assert newer.read_json(path, "") == CONTENT


@pytest.mark.parametrize("kind", [*ODD, "no permission"])
def test_what_cannot_be_read_is_no_damage(path, kind, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    make, said = ODD.get(kind, (lambda path: nullcontext(THING.write_json(path, CONTENT)), "Permission denied"))
    path.parent.mkdir()
    with make(path):
        if kind == "no permission":
            monkeypatch.setattr("os.open", refuse)
        for read in (THING.read_json, THING.read_tensors):
            sparse = read == THING.read_tensors and kind == "huge and sparse"
            message = (
                r"is not a thing, .*\(Expecting value" if sparse else rf"cannot be read \({said}\): expected a thing$"
            )
            with pytest.raises(DataError, match=f"^{path} {message}"):
                read(path, "delete it")


def test_a_file_that_grew_is_not_read(path):
    """What the header does not announce is refused before it is in memory."""
    THING.write_tensors(path, TENSORS, {})
    size = path.stat().st_size
    os.truncate(path, 2**40)
    with pytest.raises(DataError, match=f"it has {2**40:,} bytes, expected {size:,}"):
        THING.read_tensors(path, "")
    path.write_bytes((2**63).to_bytes(8, "little") + bytes(100))
    with pytest.raises(DataError, match=f"its 108 bytes hold no header of {2**63:,}"):
        THING.read_tensors(path, "")


def test_whether_a_file_is_there(path, monkeypatch):
    assert not THING.exists(path)
    write_atomically(path, b"")
    assert THING.exists(path)
    assert not THING.exists(path / "below a file")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "stat", refuse)
    with pytest.raises(DataError, match=r"file cannot be read \(Permission denied\): expected a thing$"):
        THING.exists(path)


def test_a_dtype_that_safetensors_does_not_have(path):
    with pytest.raises(SafetensorError):
        THING.write_tensors(path, {"x": np.zeros(2, np.complex128)}, {})
    assert not path.exists()


test_the_keys_of_the_envelope_are_taken = refuses(
    lambda write: write(),
    {
        DomainError: [
            (lambda: THING.write_json(None, {"version": 1}), "^content has the key 'version', which is the enve"),
            (lambda: THING.write_tensors(None, {}, {"format": 1}), "^content has the key 'format', which is the"),
        ]
    },
)


def test_json_alone_needs_no_safetensors():
    """Rates are read when the plan first chooses."""
    code = "import sys, pp_ref.envelope; print('safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
