"""Whom the oracle judges: a module in this process, or one in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from secrets import token_hex
from types import ModuleType
from typing import Any, Protocol
from weakref import finalize

from pp_ref.errors import DataError
from pp_ref.oracle.algebras.arithmetic import arithmetic as arithmetic_of
from pp_ref.oracle.candidates.behaviour import Observation, observe
from pp_ref.oracle.candidates.call import room
from pp_ref.oracle.candidates.declared import Declared, algorithms, announced, check_provided, imports, misspelled
from pp_ref.oracle.candidates.frames import CLOSED, Listener, Malformed, observation, send, typed
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.candidates.loading import imported
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import OPERATIONS

__all__ = ["Candidate", "InProcess", "InWorker", "load"]

TIME_LIMIT = 20.0  # seconds a case; the first one may load parts of the candidate's libraries
FAR_TIMES = 30  # of it that cases beyond what 32 bits count may take
IMPORT_LIMIT = 60.0  # seconds that a module's import may take
TAIL = 5  # lines of what a process that ended had printed
INTRODUCTION = {
    "name": str,
    "arithmetic": str,
    "arrays": str,
    "expected": dict[str, str],
    "forward_only": bool,
    "algorithms": dict[str, str],
}
BEGIN = """
import json, sys
sys.path[:], given = json.loads(sys.argv[1])
from pp_ref.oracle.candidates.serving import serve
serve(**given)
"""


class Candidate(Protocol):
    """What the oracle needs of it."""

    name: str
    arithmetic: str
    forward_only: bool
    algorithms: dict[str, str]  # operation -> the algorithm by which it is computed
    later: dict[str, str]  # case id -> what it did after it had returned

    @property
    def time_limit(self) -> float | None: ...
    def begin(self, case: Case) -> None: ...
    def observe(self, case: Case) -> Observation: ...
    def expects(self, case: Case, seen: Observation) -> str | None: ...


class InProcess:
    """Functions in this process: a module, or a mapping from documented names.

    functions   see `pp_ref.oracle.operations.operation.Operation.functions` for the names
    arrays      the library whose arrays they take: "numpy", "torch", "jax" or "cupy"
    arithmetic  that they are held to
    autodiff    gradients are the library's own, of the forward functions
    expected    pattern of case ids ("conv2d/*", "*/NaN in v/*") -> why these fail
    forward_only  True, or names of operations: that there are no backward functions is meant to be
    algorithm   "FFT", "Winograd" or "Strassen", of every operation that it is one of, or operation -> word
    repeat      further calls on the same arguments in every case, for races
    device      that their arrays are on, "cuda" or "cuda:1", say; None: the library's own choice
    time_limit  seconds a case; None: none. A function that hangs is left behind in its thread
    raises      DomainError for names there are not

    Examples
    --------
    >>> from pp_ref import layers
    >>> from pp_ref.oracle import InProcess, conform
    >>> candidate = InProcess(layers, arithmetic="float32")
    >>> conform(candidate, only=["relu"], quick=True).exit_code
    0
    """

    def __init__(
        self,
        functions: ModuleType | Mapping[str, Callable[..., Any]],
        name: str = "candidate",
        arrays: str = "numpy",
        arithmetic: str = "float64",
        autodiff: bool = False,
        expected: Mapping[str, str] | None = None,
        forward_only: bool | Collection[str] = False,
        algorithm: str | Mapping[str, str] | None = None,
        repeat: int = 0,
        device: str | None = None,
        time_limit: float | None = None,
    ) -> None:
        self.name, self.arithmetic, self.autodiff = name, arithmetic_of(arithmetic).name, autodiff
        self.forward_only, self.algorithms = forward_only is True, algorithms(algorithm)
        self.expected, self.time_limit, self.library = dict(expected or {}), time_limit, library(arrays, device)
        self.library.check(arithmetic_of(arithmetic), autodiff)
        named = functions if isinstance(functions, Mapping) else vars(functions)
        self.arrays = self.library.name
        other = imports(named) if self.arrays == "numpy" else ""
        self.declared = Declared(self.expected, forward_only, misspelled(named), repeat, other)
        self.later = dict[str, str]()
        self.get: Callable[[str], Any] = (
            functions.get if isinstance(functions, Mapping) else lambda name: getattr(functions, name, None)
        )

    def begin(self, case: Case) -> None:
        """Nothing: `observe` does it all."""

    def observe(self, case: Case) -> Observation:
        if self.time_limit is None:
            return observe(case, self.get, self.library, self.autodiff, self.declared)
        found: list[Observation] = []
        thread = threading.Thread(
            target=lambda: found.append(observe(case, self.get, self.library, self.autodiff, self.declared)),
            daemon=True,
        )
        thread.start()
        thread.join(self.time_limit)
        return found[0] if found else _hung(self.time_limit)

    def expects(self, case: Case, seen: Observation) -> str | None:
        return announced(self.expected, case, seen.raised)


class InWorker:
    """A module in a process of its own, which may crash or hang: it is then ended and begun anew.

    Both speak in `frames`, which execute nothing: what a candidate answers is numbers and text, or a message of the
    case. A case that fails so in a process that had answered others is put to a new process, so that what one case
    leaves behind is not another's fault. Needs pipes as POSIX has them.

    path          a file, "my_layers.py", a package's folder, or a module's name
    time_limit    seconds a case
    cases         the module that has `OPERATIONS`, and `case_of`, which makes a case from its id in the process
    import_limit  seconds that its import may take
    outputs       case id -> what was printed, escaped; at import under "import"
    later         case id -> what happened to the process after that case, and is no other's fault

    Examples
    --------
    >>> from pathlib import Path
    >>> from pp_ref.oracle import InWorker, conform
    >>> code = "import numpy; FORWARD_ONLY = True; relu_forward = lambda v: (numpy.maximum(v, 0), v)"
    >>> _ = Path("my_layers.py").write_text(code)
    >>> conform(InWorker("my_layers.py"), only=["relu"], quick=True).exit_code
    0
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        time_limit: float = TIME_LIMIT,
        import_limit: float = IMPORT_LIMIT,
        cases: str = "pp_ref.oracle.operations.cases",
        **settings: Any,
    ) -> None:
        self.path, self.cases, self.settings = os.fspath(path), cases, settings
        self.time_limit, self.import_limit = time_limit, import_limit
        self.outputs, self.later = dict[str, str](), dict[str, str]()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._question: dict[str, Any] | None = None  # that was put, and is not answered yet
        self._last: str | None = None  # the case that this process answered last
        self._left: str | None = None  # the case that last left a thread running
        self._threads, self._late = 0, False
        head = self._start()
        self.name, self.arithmetic, self.arrays = head["name"], head["arithmetic"], head["arrays"]
        self.expected, self.forward_only = head["expected"], head["forward_only"]
        self.algorithms: dict[str, str] = head["algorithms"]

    def begin(self, case: Case) -> None:
        """Put the case to the process, if it runs: `observe` of this case, which has to follow, takes the answer."""
        if self._running():
            self._put(case)

    def observe(self, case: Case) -> Observation:
        try:
            if self._question is None and not self._running():
                self._start()
            last, left = self._last, self._left
            seen, fault = self._ask(case)
            if fault and last is not None and (left is not None or not self._late):
                self._start()
                seen, again = self._ask(case)
                if again != fault:
                    words = f"while {case.id} ran, its process {fault}; a new process that ran it alone did not"
                    if left is None:
                        seen.warnings.append(words)
                    else:
                        self.later[left] = f"leaves a thread running, and {words}"
            return seen
        except DataError as error:
            return Observation(messages=[f"could not be loaded again: {error}"])

    def expects(self, case: Case, seen: Observation) -> str | None:
        return announced(self.expected, case, seen.raised)

    def close(self) -> None:
        """End the process, and those that it began."""
        if self._process is not None:
            self._end()
            self._process = None

    def _running(self) -> bool:
        """Whether the process waits for a question. What it did since its last answer is said of that case."""
        if self._process is None:
            return False
        if not self._listener.pending:
            return True
        fault = self._failure(lambda: self._listener.receive(0.1), "wrote into the pipe through which it answers")
        if self._last is not None:
            self.later[self._last] = f"after it had returned, its process {fault or 'answered again'}"
        self.close()
        return False

    def _put(self, case: Case) -> None:
        self._question = {"number": next(self._numbers), "id": case.id}
        with suppress(OSError):  # it may have ended since
            send(self._questions, self._question)

    def _ask(self, case: Case) -> tuple[Observation, str | None]:
        """What was seen, and how the process failed if it did: it has ended then."""
        if self._question is None:
            self._put(case)
        question, self._question = self._question, None
        assert question is not None
        found, limit = dict[str, Any](), self.time_limit * (FAR_TIMES if case.copies > 1 else 1)

        def receive() -> None:
            header, body = self._listener.receive(limit, room(case))
            if {name: header.get(name) for name in question} != question:
                raise Malformed(f"to {header.get('id')!r}, which it was not asked")
            found["seen"] = observation(header.get("seen"), body)
            found["threads"] = typed(header.get("threads"), int)

        fault = self._failure(receive, f"did not return within {limit:g} s")
        output = self._listener.output()
        if output:
            self.outputs[case.id] = output
        if fault:
            self.close()
            return Observation(messages=[fault + _tail(output)], output=output), fault
        if found["threads"] > self._threads:
            self._threads, self._left = found["threads"], case.id
        self._last = case.id
        seen: Observation = found["seen"]
        seen.output = output
        return seen, None

    def _failure(self, receive: Callable[[], Any], late: str) -> str | None:
        """How the process failed to answer, ``late`` if it did not in time; None if it answered."""
        self._late = False
        try:
            receive()
        except TimeoutError:
            self._late = True
            return late
        except Malformed as error:
            return f"answered with {error}"
        except EOFError:
            assert self._process is not None
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(1.0)
                if code != CLOSED:
                    return f"ended its process, exit code {code}"
            return "closed the pipe through which it answers"
        return None

    def _start(self) -> dict[str, Any]:
        """Begin the process, and return what it says of itself.

        raises  DataError if it cannot be loaded
        """
        self.close()
        theirs, self._questions = os.pipe()
        answers, theirs_too = os.pipe()
        printed, output = os.pipe()
        named = {"path": self.path, "settings": self.settings, "cases": self.cases}
        given = named | {"questions": theirs, "answers": theirs_too}
        mark = f"PP_REF_{token_hex(16)}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", BEGIN, json.dumps([sys.path, given])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(theirs, theirs_too),
            env=os.environ | {mark: ""},
            start_new_session=True,
        )
        for pipe in (theirs, theirs_too, output):
            os.close(pipe)
        self._listener = Listener(answers, printed)
        self._end = finalize(self, _end, self._process, mark, self._questions, self._listener)
        self._last, self._left, self._threads, self._question = None, None, 0, None
        return self._introduced()

    def _introduced(self) -> dict[str, Any]:
        """Who the candidate says that it is."""
        head = dict[str, Any]()

        def receive() -> None:
            said = self._listener.receive(self.import_limit)[0]
            if "refused" in said:
                raise DataError(typed(said["refused"], str))
            head.update({name: typed(said.get(name), hint) for name, hint in INTRODUCTION.items()})

        try:
            fault = self._failure(
                receive,
                f"has been importing for {self.import_limit:g} s: import less, or allow more with --import-limit",
            )
            if fault:
                raise DataError(f"{self.path} {fault}" if self._late else f"{self.path} cannot be loaded: it {fault}")
        except DataError as error:
            output = self._listener.output()
            self.close()
            words = str(error) if str(error).startswith(self.path) else f"{self.path} cannot be loaded: {error}"
            raise DataError(words + _tail(output)) from None
        if output := self._listener.output():
            self.outputs["import"] = output
        return head


def load(path: str | os.PathLike[str], operations: Sequence[Operation] = OPERATIONS, **settings: Any) -> InProcess:
    """Return a candidate from a file or a module's name.

    Its own ARRAYS, ARITHMETIC, ALGORITHM, AUTODIFF, EXPECTED, FORWARD_ONLY and DEVICE say what it is, where the
    settings do not. "pp_ref.layers" is pp_ref itself, with its dictionaries and models, "pp_ref.kernels" its fastest
    kernels for the processor. The module has to have a function of one of the operations.
    raises  DataError if it cannot be imported

    Examples
    --------
    >>> from pathlib import Path
    >>> from pp_ref.oracle import conform, load
    >>> code = "import numpy; FORWARD_ONLY = True; relu_forward = lambda v: (numpy.maximum(v, 0), v)"
    >>> _ = Path("my_layers.py").write_text(code)
    >>> conform(load("my_layers.py"), only=["relu"], quick=True).exit_code
    0
    """
    path = os.fspath(path)
    if path in ("pp_ref.layers", "pp_ref.kernels"):
        from pp_ref.oracle.candidates import own  # SciPy and Numba are loaded by whoever judges pp_ref itself

        functions = own.functions() if path == "pp_ref.layers" else own.kernels()
        return InProcess(functions, **({"name": path} | settings))
    module = imported(path)
    check_provided(path, vars(module), operations)
    declared = {
        key: getattr(module, key.upper())
        for key in ("arrays", "arithmetic", "algorithm", "autodiff", "expected", "forward_only", "device")
        if hasattr(module, key.upper())
    }
    return InProcess(module, **({"name": path} | declared | settings))


def _end(process: "subprocess.Popen[bytes]", mark: str, questions: int, listener: Listener) -> None:
    """End a process, its group, and what has its mark: processes inherit the environment, whatever group they form."""
    os.close(questions)
    listener.close()
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for _ in range(10):  # they may begin others meanwhile
        left = [folder for folder in Path("/proc").glob("[0-9]*") if _has(folder, mark.encode())]
        for folder in left:
            with suppress(OSError):
                os.kill(int(folder.name), signal.SIGKILL)
        if not left:
            break
    process.wait()


def _has(folder: Path, mark: bytes) -> bool:
    try:
        return mark in (folder / "environ").read_bytes()
    except OSError:  # it has ended, or is another's
        return False


def _tail(output: str) -> str:
    """The last lines of what was printed, for a message."""
    lines = output.strip().splitlines()[-TAIL:]
    return f"; it printed: {' / '.join(line.strip() for line in lines)[-TAIL * 100 :]}" if lines else ""


def _hung(limit: float) -> Observation:
    return Observation(messages=[f"did not return within {limit:g} s"])
