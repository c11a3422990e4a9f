"""Files that no reader may wait for or read without end."""

import os
import socket
import tracemalloc
from contextlib import contextmanager, nullcontext


@contextmanager
def a_socket(path):
    """A path too long for a socket's address is bound from its folder."""
    before = os.open(".", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(path.parent)
        try:
            bound.bind(path.name)
        finally:
            os.chdir(before)
            os.close(before)
        yield


def linked(target):
    return lambda path: nullcontext(path.symlink_to(target))


# kind -> a context in which the path is that, and the reason in the message
ODD = {
    "FIFO": (lambda path: nullcontext(os.mkfifo(path)), "it is a FIFO"),
    "link to an endless device": (linked("/dev/zero"), "it is a character device"),
    "link to a terminal": (linked("/dev/tty"), "it is a character device"),
    "socket": (a_socket, "it is a socket"),
    "folder": (lambda path: nullcontext(path.mkdir()), "it is a folder"),
    "link to nothing": (linked("nowhere"), "No such file or directory"),
    "link to itself": (lambda path: nullcontext(path.symlink_to(path.name)), "Too many levels of symbolic links"),
    "huge and sparse": (
        lambda path: nullcontext(huge(path)),
        r"it has 1,099,511,627,776 bytes, expected at most [\d,]+",
    ),
}


def huge(path):
    path.touch()
    os.truncate(path, 2**40)


@contextmanager
def memory_below(limit):
    """What the block allocates through Python and NumPy stays below so many bytes at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()
