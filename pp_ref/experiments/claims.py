"""Claims: any number of processes divide the runs of one store, and none begins a run that another one is doing.

Claim n of a run is the file NAME.n.claim. Only one process can make it (O_EXCL). Its owner locks it for as long as it
lives, writes into it who it is, and renews its time each minute. The claim with the highest n is valid. Claim n + 1 may
be made if claim n is abandoned: its owner ran on this machine and the lock is free, or its owner ran on another one and
has not renewed the claim for five minutes, by the clock of the process that watches.

A take-over makes a new file and never moves or removes one, so of two processes that find a claim abandoned only one
succeeds, in a shared folder too. A process that comes late makes a claim that is not the highest, and gives it up.
"""

import fcntl
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from io import BufferedReader
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

from pp_ref.errors import DataError
from pp_ref.files import open_regular

__all__ = ["ABANDONED", "Claim", "Claims", "highest", "this_machine"]

RENEWED = 60.0  # seconds from one renewal to the next
ABANDONED = 300.0  # seconds without renewal after which a claim of another machine may be taken over
LARGEST = 1000  # bytes of a claim


class Claim:
    """A claim of this process, from its making to the end of a `with` block."""

    def __init__(self, path: Path) -> None:
        """Make the claim file; FileExistsError if another process was quicker."""
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        self._released = Event()
        self._renewing = Thread(target=self._renew, daemon=True)
        try:
            host, boot = this_machine()
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # the file system has no locks: the time of the file has to do
                boot = "unlocked"
            start = datetime.now(UTC).isoformat(timespec="seconds")
            os.write(self._file, f"{host} {boot} {os.getpid()} {start}\n".encode())
            self._renewing.start()
        except BaseException:
            self.release()
            raise

    def valid(self) -> bool:
        """False if another process has taken the run over, after five minutes without renewal."""
        return highest(self.path.parent, self.path.name.rsplit(".", 2)[0]) == self.path

    def release(self) -> None:
        """Remove the claim file."""
        self._released.set()
        if self._renewing.is_alive():
            self._renewing.join()
        self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _renew(self) -> None:
        while not self._released.wait(RENEWED):
            with suppress(OSError):
                os.utime(self._file)

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


@dataclass
class Claims:
    """The claims in a folder, as this process sees them."""

    folder: Path
    _seen: dict[Path, tuple[int, float]] = field(default_factory=dict)  # the time of a file, and since when it is that

    def take(self, name: str) -> Claim | None:
        """Claim the run called ``name``.

        returns  the claim, or None if another process holds it
        raises   DataError if the claim file cannot be written
        """
        last = highest(self.folder, name)
        if last and not self._abandoned(last):
            return None
        path = self.folder / f"{name}.{_number(last) + 1 if last else 1}.claim"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            claim = Claim(path)
        except FileExistsError:
            return None
        except OSError as error:
            raise DataError(
                f"{path} could not be written: {error.strerror}: free some space or choose another folder, and run "
                "again"
            ) from error
        if not claim.valid():  # another process was quicker by a whole claim
            claim.release()
            return None
        return claim

    def owner(self, name: str) -> str:
        """Who holds the claim of the run called ``name``, in words."""
        with suppress(OSError):
            if last := highest(self.folder, name):
                with open_regular(last, LARGEST) as file:
                    if words := _words(file):
                        return f"process {words[2]} on {words[0]} since {words[3]}"
        return "another process"

    def _abandoned(self, path: Path) -> bool:
        try:
            modified = path.lstat().st_mtime_ns
        except FileNotFoundError:  # its owner has just released it
            return False
        with suppress(OSError), open_regular(path, LARGEST) as file:
            if _words(file)[:2] == this_machine():
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return True
                except BlockingIOError:
                    return False
        before, since = self._seen.get(path, (None, 0.0))
        if modified != before:
            self._seen[path] = modified, time.monotonic()
            return False
        return time.monotonic() - since > ABANDONED


def highest(folder: Path, name: str) -> Path | None:
    """The valid claim of the run called ``name``, abandoned or not; None if there is none."""
    return max(folder.glob(f"{name}.*.claim"), key=_number, default=None)


def _number(claim: Path) -> int:
    return int(claim.name.split(".")[-2])


def _words(file: BufferedReader) -> tuple[str, ...]:
    """Host, boot, process id and start of an owner; () of a claim that was cut short."""
    words = tuple(file.read().decode("utf-8", "replace").split())
    return words if len(words) == 4 else ()


@cache
def this_machine() -> tuple[str, str]:
    """Host name, and the id of the start of its kernel; processes for which both are equal see each other's locks."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return socket.gethostname(), boot.read_text().strip() if boot.exists() else "started"
