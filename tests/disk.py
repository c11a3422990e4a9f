"""A disk without space."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


def full_disk():
    """A context in which no byte reaches the disk."""
    return mock.patch("os.fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """In the context no file may grow past ``size`` bytes: the system refuses in the middle of a longer content."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
