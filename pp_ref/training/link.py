"""The ranks of a program, and the messages between them."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DeviceError, DomainError, import_extra

__all__ = ["ALONE", "Link", "MPILink", "Numbers", "world"]

PATIENCE = 600.0  # seconds that a rank waits for a message
SPIN = 1e-3  # seconds for which a rank looks for a message without a pause, then
PAUSE = 1e-4  # seconds between two looks, so that a waiting rank leaves its core to others

Numbers = NDArray[Any]


class Link(Protocol):
    """The ranks of a program, and messages between them."""

    rank: int
    size: int

    def send(self, message: Numbers, to: int) -> None:
        """Send bytes (n,) uint8 to a rank."""

    def receive(self, source: int) -> Numbers:
        """Return the bytes (n,) uint8 that a rank has sent, in memory of their own."""


class _Alone:
    """One process. It has nobody to send to."""

    rank, size = 0, 1

    def send(self, message: Numbers, to: int) -> None:
        raise AssertionError("one rank sends nothing")

    def receive(self, source: int) -> Numbers:
        raise AssertionError("one rank receives nothing")


ALONE: Link = _Alone()


class MPILink:
    """The ranks of an MPI program, by mpi4py. Python sees signals while a rank waits."""

    def __init__(self, mpi: Any) -> None:
        """mpi  the module mpi4py.MPI"""
        self._mpi, self._comm = mpi, mpi.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self.neighbours: int = self._comm.Split_type(mpi.COMM_TYPE_SHARED).Get_size()  # ranks on this machine

    def send(self, message: Numbers, to: int) -> None:
        request = self._comm.Isend([message, self._mpi.BYTE], to)
        self._wait(request.Test, to)

    def receive(self, source: int) -> Numbers:
        status = self._mpi.Status()
        found = self._wait(lambda: self._comm.Improbe(source, status=status), source)
        message = np.empty(status.Get_count(self._mpi.BYTE), np.uint8)
        request = found.Irecv([message, self._mpi.BYTE])
        self._wait(request.Test, source)
        return message

    def abort(self, code: int) -> None:
        """End all ranks at once."""
        self._comm.Abort(code)

    def _wait(self, ready: Callable[[], Any], other: int) -> Any:
        """Call ready() until it returns something that is true, and return that."""
        began = time.monotonic()
        try:
            while not (found := ready()):
                waited = time.monotonic() - began
                if waited > PATIENCE:
                    raise DeviceError(
                        f"rank {other} has not answered for {PATIENCE:.0f} s: look at its machine, and start all ranks "
                        "again to go on from the last checkpoint"
                    )
                if waited > SPIN:
                    time.sleep(PAUSE)
        except self._mpi.Exception as error:
            raise DeviceError(
                f"the connection to rank {other} is lost ({error}): start all ranks again to go on from the last "
                "checkpoint"
            ) from error
        return found


def world() -> MPILink | None:
    """Return the ranks of this MPI program, or None if it was not started as one, or has one rank.

    raises  DomainError if mpiexec has started this process without ``-m mpi4py``, where an error on one rank would
            leave the others waiting

    Examples
    --------
    >>> from pp_ref.training import world
    >>> world() is None  # mpiexec has not started this process
    True
    """
    if "mpi4py.run" in sys.modules:
        link = MPILink(import_extra("mpi4py.MPI", "mpi"))
        return link if link.size > 1 else None
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"):
        if (size := os.environ.get(name, "1")) != "1":
            raise DomainError(
                f"this is one of {size} processes of mpiexec, expected it to be started with mpi4py: "
                f"mpiexec -n {size} python -m mpi4py -m pp_ref ..."
            )
    return None
