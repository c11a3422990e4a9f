"""Trials of one format: a fault, a reading or a writing under it, and the outcome. `injector` has a child run them."""

import ctypes
import gc
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import numpy as np

from pp_ref.errors import DataError
from tests.disk import full_disk, largest_file
from tests.robustness.faults import ABSENT, DAMAGE, ODD, no_home, read_only, remove, with_mode

TIMES = 3  # the memory of a damaged file's reading, at most, over that of the honest file's
LEAST_MB = 16.0  # below this, memory is the allocator's
ROOM = 2**31  # bytes of address space that a reading may add
LONGEST_MESSAGE = 1000  # characters

READ_FAULTS = (*DAMAGE, "hostile content", "odd file", "unreadable", "no HOME")
WRITE_FAULTS = ("full disk", "read-only folder", "no HOME to write to", "killed")
VERDICTS = ("refused", "equal", "silent", "raw", "hung", "left")

Files = dict[str, tuple[bytes, tuple[int, int]]]  # content and times by name


@dataclass(frozen=True)
class Format:
    """A file, or a set of files, that pp_ref reads or writes.

    modules   of pp_ref that open it
    write     (folder, version): honest small files; those of versions 0 and 1 differ, but for a cache
    read      (folder) -> their value; None: pp_ref does not read them, and each stands alone
    ours      pp_ref writes them; False: others do
    patches   targets of `unittest.mock.patch` and their values, for editions with few records
    damaged   pattern of the names of the files to damage
    cache     they may be deleted at any time: whatever is done to them, the value is the same
    compared  False: others write them, without a checksum, so that a damaged file may have another value
    every     one of so many trials of a kind is done, of what takes long
    """

    name: str
    modules: tuple[str, ...]
    write: Callable[[Path, int], object]
    read: Callable[[Path], Any] | None = None
    ours: bool = True
    patches: Mapping[str, Any] = field(default_factory=dict)
    damaged: str = "*"
    cache: bool = False
    compared: bool = True
    every: int = 1

    @property
    def faults(self) -> tuple[str, ...]:
        return (READ_FAULTS if self.read else ()) + (WRITE_FAULTS if self.ours else ())


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    verdict    one of `VERDICTS`. refused: a DataError in one line that names the file; equal: the honest value; silent:
               another value; raw: another error, or the end of the process; hung: nothing within the limit; left: files
               that no honest writing leaves
    said       the fault, and the error
    memory_mb  that the reading took; too_much: more than is allowed
    """

    verdict: str
    said: str = ""
    memory_mb: float = 0.0
    too_much: bool = False
    seconds: float = 0.0


class Bench:
    """One format in a folder of its own, which is made whole before each trial.

    root     an empty folder
    hostile  files of hostile content by name
    """

    def __init__(self, form: Format, root: Path, hostile: Mapping[str, Path], seed: int) -> None:
        self.form, self.root, self.hostile, self.seed = form, root, hostile, seed
        self.files, self.here = root / "files", root / "here"
        for folder in (self.files, self.here):
            folder.mkdir(parents=True)
        with self.surroundings():
            form.write(self.files, 0)
            self.whole = self.newer = snapshot(self.files)
            self.targets = [name for name, (content, _) in self.whole.items() if content and self.is_damaged(name)]
            self.value = self.other = fingerprint(self.read())
            self.allowed_mb, self.taken = max(LEAST_MB, TIMES * self.honest_mb()), 0.0
            if form.ours:
                self.write_newer()

    def trial(self, fault: str, number: int) -> Outcome:
        """The outcome of the fault; the same number gives the same fault."""
        rng = np.random.default_rng([self.seed, crc32(self.form.name.encode()), crc32(fault.encode()), number])
        with self.surroundings():
            self.restore()
            if fault == "killed":
                outcome = self.killed(rng)
            else:
                outcome = self.written(fault, rng) if fault in WRITE_FAULTS else self.damaged(fault, number, rng)
        return replace(outcome, said=outcome.said.replace(f"{self.root}/", ""))  # the same words each time

    def is_damaged(self, name: str) -> bool:
        return fnmatchcase(name, self.form.damaged)

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """The format's patches, a user's cache beside its files, and an empty working folder."""
        environment = {"HOME": str(self.root / "home"), "XDG_CACHE_HOME": str(self.files / "cache")}
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, environment))
            for target, value in self.form.patches.items():
                stack.enter_context(mock.patch(target, value))
            stack.callback(os.chdir, Path.cwd())
            os.chdir(self.here)
            yield

    def restore(self, fresh: bool = False) -> None:
        """Write the honest files anew, without those that are damaged if ``fresh``, and remove all others."""
        for folder in (self.files, self.here):
            for path in folder.iterdir():
                remove(path)
        for name, (content, times) in self.whole.items():
            path = self.files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (fresh and self.is_damaged(name)):
                path.write_bytes(content)
                os.utime(path, ns=times)

    def read(self) -> Any:
        """The value of the files; of files that pp_ref does not read, their content, or None if there are none."""
        if self.form.read:
            return self.form.read(self.files)
        return {name: content for name, (content, _) in snapshot(self.files).items()} or None

    def honest_mb(self) -> float:
        """The memory of reading the honest files; for a cache, also of doing without them."""
        most = 0.0
        for fresh in (False, True)[: 1 + self.form.cache]:
            for _ in range(2):  # the first reading loads modules
                self.restore(fresh)
                with Peak() as peak:
                    value = self.read()
            assert fingerprint(value) == self.value, f"{self.form.name} has another value when it is read again"
            most = max(most, peak.mb)
        return most

    def write_newer(self) -> None:
        """Write version 1 where no file is: its value, its files, and the seconds that it takes."""
        self.restore(fresh=True)
        began = time.perf_counter()
        self.form.write(self.files, 1)
        self.taken = time.perf_counter() - began
        self.newer = snapshot(self.files)
        self.other = fingerprint(self.read())
        assert self.form.cache or self.other != self.value, f"the versions of {self.form.name} do not differ"

    def damaged(self, fault: str, number: int, rng: np.random.Generator) -> Outcome:
        """The outcome of reading a file that is damaged, or not what it should be."""
        target = self.targets[rng.integers(len(self.targets))]
        path, content = self.files / target, self.whole[target][0]
        context: AbstractContextManager[object] = nullcontext()
        said = target
        if fault in DAMAGE:
            path.write_bytes(DAMAGE[fault](content, rng))
        elif fault == "hostile content":
            said = list(self.hostile)[number % len(self.hostile)]
            shutil.copyfile(self.hostile[said], path)
        elif fault == "odd file":
            said = list(ODD)[number % len(ODD)]
            path.unlink()
            context = ODD[said](path, content)
        elif fault == "unreadable":
            context = with_mode([path], 0o000)
        else:
            context = no_home(known=bool(number % 2))
        return self.judged(f"{fault}: {said}", context, may_be_absent=said in ABSENT)

    def judged(self, said: str, context: AbstractContextManager[object], may_be_absent: bool) -> Outcome:
        """The outcome of a reading in a context; None is a refusal if the file may be absent."""
        began, peak = time.perf_counter(), Peak()
        try:
            with peak, context:
                value = self.read()
            if value is None and may_be_absent:
                verdict = "refused"
            else:
                same = fingerprint(value) == self.value or not self.form.compared
                verdict = "equal" if same else "silent"
        except Exception as error:
            verdict, why = self.refusal(error)
            said = f"{said}: {why}"
        if verdict in ("refused", "equal") and (strangers := sorted(map(str, self.here.rglob("*")))):
            verdict, said = "left", f"{said}: {strangers}"
        return Outcome(verdict, said, peak.mb, peak.mb > self.allowed_mb, time.perf_counter() - began)

    def refusal(self, error: Exception) -> tuple[str, str]:
        """Whether the error is a refusal, and what it says."""
        message = str(error)
        if not isinstance(error, DataError):
            return "raw", f"{type(error).__name__}: {message[:200]}"
        if "\n" in message or len(message) > LONGEST_MESSAGE:
            return (
                "raw",
                f"a DataError that is not one line of up to {LONGEST_MESSAGE} characters: {message!r:.200}",
            )
        if str(self.root) not in message and "HOME" not in message:
            return "raw", f"a DataError that names neither a file nor HOME: {message}"
        return "refused", message

    def written(self, fault: str, rng: np.random.Generator) -> Outcome:
        """The outcome of writing version 1 over version 0, or where no file is, where the writing may fail."""
        fresh, drawn, began = bool(rng.integers(2)), bool(rng.integers(2)), time.perf_counter()
        self.restore(fresh)
        context: AbstractContextManager[object]
        if fault == "full disk":
            largest = max(len(content) for name, (content, _) in self.newer.items() if self.is_damaged(name))
            context = largest_file(int(rng.integers(largest))) if drawn else full_disk()
        else:
            context = read_only(self.files) if fault == "read-only folder" else no_home(known=drawn)
        said, done = f"{fault}: {'a new file' if fresh else 'a file to replace'}", False
        try:
            with context:
                self.form.write(self.files, 1)
            done = True
        except Exception as error:
            verdict, why = self.refusal(error)
            said = f"{said}: {why}"
            if verdict == "raw":
                return Outcome(verdict, said, seconds=time.perf_counter() - began)
        found = {path.relative_to(self.files).as_posix() for path in self.files.rglob("*") if not path.is_dir()}
        strangers = sorted(found - self.whole.keys() - self.newer.keys()) + sorted(map(str, self.here.rglob("*")))
        verdict, said = self.after_writing(fresh, done, said)
        verdict = "refused" if verdict == "equal" and not done else verdict
        if verdict in ("refused", "equal") and strangers:
            verdict, said = "left", f"{said}: {strangers}"
        return Outcome(verdict, said, seconds=time.perf_counter() - began)

    def killed(self, rng: np.random.Generator) -> Outcome:
        """The outcome of writing version 1 in a process that is killed, which may leave its temporary file."""
        fresh, moment, began = bool(rng.integers(2)), rng.uniform(0, 1.2 * self.taken), time.perf_counter()
        self.restore(fresh)
        child = os.fork()
        if child == 0:
            try:
                self.form.write(self.files, 1)
            finally:
                os._exit(0)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said = f"killed: {'a new file' if fresh else 'a file to replace'}, after {moment:.4f} s"
        verdict, said = self.after_writing(fresh, False, said)
        return Outcome(verdict, said, seconds=time.perf_counter() - began)

    def after_writing(self, fresh: bool, done: bool, said: str) -> tuple[str, str]:
        """Judge what a reader finds after version 1 was written (``done``), or may have been.

        It has to find version 1 if it was written; else version 0 or 1, or no file if there was none (``fresh``). A set
        of files may be partly new: the reader has to refuse it.
        """
        try:
            value = self.read()
        except Exception as error:
            verdict, why = self.refusal(error)
            torn = not done and (fresh or len(self.newer) > 1)
            return "refused" if verdict == "refused" and torn else "raw", f"{said}; then read: {why}"
        if value is None and fresh and not done:
            return "refused", said
        if self.form.read is None:
            versions = (self.newer,) if done else (self.newer, self.whole)
            found = {name: content for name, content in (value or {}).items() if self.is_damaged(name)}
            honest = all(content in [each[name][0] for each in versions] for name, content in found.items())
        else:
            honest = fingerprint(value) in ({self.other} if done or fresh else {self.other, self.value})
        return "equal" if honest else "silent", said


class Peak:
    """The most memory that a block takes, in MB above what the process held before it."""

    mb = 0.0

    def __enter__(self) -> "Peak":
        gc.collect()
        if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
            trim(0)  # memory that was freed, and not given back, would be used unseen
        Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held
        self.before = held("VmRSS")
        resource.setrlimit(resource.RLIMIT_AS, (held("VmSize") + ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
        return self

    def __exit__(self, *_: object) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        self.mb = max(0, held("VmHWM") - self.before) / 1e6


def held(name: str) -> int:
    """Bytes of memory of this process, by the kernel's name for them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def snapshot(folder: Path) -> Files:
    """The content and the times of every file below the folder, by name; temporary files of a kill are none."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".part"
    }


def fingerprint(value: Any) -> str:
    """A digest of a value: equal for values of equal types, names, shapes and bits."""
    return sha256(repr(plain(value)).encode()).hexdigest()


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.str, value.shape, sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, Mapping):
        return sorted((repr(key), plain(each)) for key, each in value.items())
    if is_dataclass(value):
        return type(value).__name__, [(each.name, plain(getattr(value, each.name))) for each in fields(value)]
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(each) for each in value]
    return repr(value)
