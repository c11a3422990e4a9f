"""A disk without space."""

import errno
import os
from unittest import mock


def full_disk():
    """A context in which no byte reaches the disk."""
    return mock.patch("os.fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
