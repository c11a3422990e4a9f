"""Frames carry every field of an observation; what is none is told from one, in time."""

import json
import os
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import fields

import numpy as np
import pytest

from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.candidates.frames import Listener, Malformed, observation, observed, send

ROOM = 2**20


@contextmanager
def wire():
    """Where a candidate writes, where its output goes, and who listens."""
    answers, speaker = os.pipe()
    printed, output = os.pipe()
    listener = Listener(answers, printed)
    open_pipes = {speaker, output}
    try:
        yield speaker, output, listener, open_pipes
    finally:
        for pipe in open_pipes:
            os.close(pipe)
        listener.close()


def frame(header, body=b"", mark=b"pp_ref/1"):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<8sQQ", mark, len(text), len(body)) + text + body


EVERY = {
    bool: False,
    int: 7,
    float: 0.25,
    str: "words",
}


def test_every_field_travels():
    """New fields as well: of each kind that there is, a value that is not its default."""
    seen = Observation()
    for each in fields(Observation):
        value = getattr(seen, each.name)
        if isinstance(value, list):
            value = [{"y": np.array([[1.5, -0.0]])}] if "NDArray" in str(each.type) else ["one", "two"]
        elif isinstance(value, dict):
            value = {"y": np.array(np.nan), "dv[1]": np.zeros((0, 3)), "dW": np.array([[np.inf, 5e-324, -0.0]])}
        else:
            value = EVERY[type(value)]
        setattr(seen, each.name, value)
    with wire() as (speaker, _, listener, _):
        send(speaker, *observed(seen, ROOM))
        back = observation(*listener.receive(1.0, ROOM))
    for each in fields(Observation):
        np.testing.assert_equal(getattr(back, each.name), getattr(seen, each.name))


HEADER = observed(Observation(results={"y": np.zeros(2)}), ROOM)[0]
ODD = {
    b"hello, judge": r"^b'hello, judge' instead of a frame$",
    b"pp_ref/2": r"^b'pp_ref/2' instead of a frame$",
    frame(b"\x80\x04K\x01."): r"instead of JSON$",
    frame(b"[" * 100_000): r"^b'\[\[\[.* \.\.\. instead of JSON$",
    frame(b'{"seconds": NaN}'): r"instead of JSON$",
    frame(b"9" * 5000): r"instead of JSON$",
    frame([1]): r"^b'\[1\]' instead of an object$",
    frame({}, b"x" * 9): r"^a frame of 2 and 9 bytes",
    frame({}, b"x" * (ROOM + 8)): r"^a frame of 2 and 1,048,584 bytes, where at most 1,048,576 and 1,048,576 are due$",
    struct.pack("<8sQQ", b"pp_ref/1", 2**60, 0): r"^a frame of 1,152,921,504,606,846,976 and 0 bytes",
    struct.pack("<8sQQ", b"pp_ref/1", 2, 2**60): r"^a frame of 2 and 1,152,921,504,606,846,976 bytes",
    frame({"provided": True}): r"instead of an observation$",
    frame(HEADER | {"extra": 1}): r"instead of an observation$",
    frame(HEADER | {"seconds": "soon"}, bytes(16)): r"^b'soon' instead of a float$",
    frame(HEADER | {"messages": "none"}, bytes(16)): r"^b'none' instead of a list$",
    frame(HEADER | {"provided": 1}, bytes(16)): r"^b'1' instead of a bool$",
    frame(HEADER, bytes(8)): r"^numbers that do not have their shape",
    frame(HEADER, bytes(24)): r"^numbers of no result$",
    frame(HEADER | {"results": {"y": [-1]}}, bytes(16)): r"^numbers that do not have their shape \(it is negative\)$",
    frame(HEADER | {"results": {"y": [10**30, 0]}}, b""): r"^numbers that do not have their shape",
    frame(HEADER | {"results": {"y": [1] * 99}}, bytes(8)): r"^numbers that do not have their shape",
    frame(HEADER | {"results": {"y": [True, 2]}}, bytes(16)): r"^b'True' instead of a int$",
}


def _write(pipe, content):
    with suppress(BrokenPipeError), os.fdopen(pipe, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("content", ODD)
def test_what_is_no_frame(content):
    with wire() as (speaker, _, listener, pipes):
        writer = threading.Thread(target=_write, args=(os.dup(speaker), content))  # more than a pipe holds
        writer.start()
        os.close(speaker)
        pipes.remove(speaker)
        with pytest.raises(Malformed, match=ODD[content]) as raised:
            observation(*listener.receive(5.0, ROOM))
    writer.join()
    assert len(str(raised.value)) < 400


def test_half_a_frame_is_waited_for_no_longer_than_asked():
    with wire() as (speaker, _, listener, _):
        for part in b"", b"pp_r", frame({})[4:20]:
            os.write(speaker, part)
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                listener.receive(0.05, ROOM)
            assert time.monotonic() - started < 2
        os.write(speaker, frame({})[20:])
        assert listener.receive(5.0) == ({}, b"")
        assert not listener.pending


def test_a_closed_pipe_is_told_from_silence():
    with wire() as (speaker, _, listener, pipes):
        assert not listener.pending
        os.close(speaker)
        pipes.remove(speaker)
        assert listener.pending
        with pytest.raises(EOFError):
            listener.receive(5.0)


def test_the_middle_of_much_output_is_left_out():
    with wire() as (speaker, output, listener, _):

        def write():
            _write(os.dup(output), b"first\x07" + b"." * 200_000 + b"\xffl\xc3\xa4st")
            _write(os.dup(speaker), frame({}))

        writer = threading.Thread(target=write)
        writer.start()
        listener.receive(5.0)
        said = listener.output()
        writer.join()
        assert listener.output() == ""
    assert said.startswith("first\\x07...")
    assert said.endswith("...\\xffläst")
    assert "\n[134,476 bytes are left out]\n" in said


def test_long_texts_and_lists_are_cut():
    seen = Observation(messages=["x" * 5000] * 300)
    header, _ = observed(seen, ROOM)
    assert len(header["messages"]) == 101
    assert header["messages"][0].endswith("x ... (5,000 characters)")
    assert header["messages"][-1] == "200 more"


def test_results_that_do_not_fit():
    header, numbers = observed(Observation(results={"y": np.zeros(100)}), 792)
    assert (header["messages"], numbers) == (["returns 1 arrays of 800 bytes: too many"], [])
