"""Whom the oracle judges: a module in this process, or one in a process of its own."""

import importlib
import importlib.util
import multiprocessing
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from pp_ref.errors import DataError
from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates.behaviour import Observation, observe
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.operations.cases import Case, case_of

__all__ = ["Candidate", "InProcess", "InWorker", "announced", "load"]

TIME_LIMIT = 20.0  # seconds a case; the first one imports the candidate's libraries


class Candidate(Protocol):
    """What the oracle needs of it."""

    name: str
    arithmetic: str
    forward_only: bool

    @property
    def time_limit(self) -> float | None: ...
    def observe(self, case: Case) -> Observation: ...
    def expects(self, case: Case) -> str | None: ...


class InProcess:
    """Functions in this process: a module, or a mapping from documented names.

    functions   see `pp_ref.oracle.operations.operation.Operation.functions` for the names
    arrays      the library whose arrays they take: "numpy", "torch", "jax" or "cupy"
    arithmetic  that they are held to
    autodiff    gradients are the library's own, of the forward functions
    expected    pattern of case ids ("conv2d/*", "*/NaN in v/*") -> why these fail
    forward_only  that there are no backward functions is meant to be
    time_limit  seconds a case; None: none. A function that hangs is left behind in its thread
    raises      DomainError for names there are not
    """

    def __init__(
        self,
        functions: ModuleType | Mapping[str, Callable[..., Any]],
        name: str = "candidate",
        arrays: str = "numpy",
        arithmetic: str = "float64",
        autodiff: bool = False,
        expected: Mapping[str, str] | None = None,
        forward_only: bool = False,
        time_limit: float | None = None,
    ) -> None:
        self.name, self.arithmetic, self.autodiff = name, _known(arithmetic), autodiff
        self.forward_only = forward_only
        self.expected, self.time_limit, self.library = dict(expected or {}), time_limit, library(arrays)
        self.get: Callable[[str], Any] = (
            functions.get if isinstance(functions, Mapping) else lambda name: getattr(functions, name, None)
        )

    def observe(self, case: Case) -> Observation:
        if self.time_limit is None:
            return observe(case, self.get, self.library, self.autodiff)
        found: list[Observation] = []
        thread = threading.Thread(
            target=lambda: found.append(observe(case, self.get, self.library, self.autodiff)), daemon=True
        )
        thread.start()
        thread.join(self.time_limit)
        return found[0] if found else _hung(self.time_limit)

    def expects(self, case: Case) -> str | None:
        return announced(self.expected, case)


class InWorker:
    """A module in a process of its own, which may crash or hang: it is then ended and begun anew.

    path  a file, "my_layers.py", or a module's name
    """

    def __init__(self, path: str, time_limit: float = TIME_LIMIT, **settings: Any) -> None:
        self.path, self.time_limit, self.settings = path, time_limit, settings
        self._process: Any = None
        self._start()
        head = self._receive(time_limit)
        if isinstance(head, str) or head is None:
            self.close()
            raise DataError(f"{path} cannot be loaded: {head or 'it ended without a word'}")
        self.name, self.arithmetic, self.expected, self.forward_only = head

    def observe(self, case: Case) -> Observation:
        if self._process is None:
            self._start()
            self._receive(self.time_limit)
        with suppress(OSError):  # it may have ended since
            self._pipe.send(case.id)
        seen = self._receive(self.time_limit)
        if isinstance(seen, Observation):
            return seen
        code = self._process.exitcode
        self.close()
        return (
            _hung(self.time_limit) if code is None else Observation(messages=[f"ended its process, exit code {code}"])
        )

    def expects(self, case: Case) -> str | None:
        return announced(self.expected, case)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.path, self.settings), daemon=True)
        self._process.start()
        theirs.close()

    def _receive(self, limit: float) -> Any:
        """What the worker sends; None if it ends, or takes too long."""
        try:
            return self._pipe.recv() if self._pipe.poll(limit) else None
        except (EOFError, OSError):
            self._process.join()
            return None


def load(path: str, **settings: Any) -> InProcess:
    """A candidate from a file or a module's name.

    Its own ARRAYS, ARITHMETIC, AUTODIFF, EXPECTED and FORWARD_ONLY say what it is, where the settings do not.
    "pp_ref.layers" is pp_ref itself, with its dictionaries and models, "pp_ref.kernels" its fastest kernels for the
    processor.
    raises  DataError if it cannot be imported
    """
    if path in ("pp_ref.layers", "pp_ref.kernels"):
        from pp_ref.oracle.candidates import own  # SciPy and Numba are loaded by whoever judges pp_ref itself

        functions = own.functions() if path == "pp_ref.layers" else own.kernels()
        return InProcess(functions, **({"name": path} | settings))
    module = _imported(path)
    declared = {
        key: getattr(module, key.upper())
        for key in ("arrays", "arithmetic", "autodiff", "expected", "forward_only")
        if hasattr(module, key.upper())
    }
    return InProcess(module, **({"name": path} | declared | settings))


def _imported(path: str) -> ModuleType:
    try:
        if not path.endswith(".py"):
            return importlib.import_module(path)
        # Under a name of its own: json.py would be everybody's json.
        spec = importlib.util.spec_from_file_location(f"candidate_{Path(path).stem}", path)
        if spec is None or spec.loader is None or not Path(path).is_file():
            raise FileNotFoundError("no such file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        raise DataError(
            f"{path} cannot be imported ({type(error).__name__}: {error}); expected a Python file or the name of a "
            "module with functions of the documented names"
        ) from error
    return module


def _serve(pipe: Any, path: str, settings: dict[str, Any]) -> None:
    """In the worker: say who the candidate is, then answer case ids with observations."""
    try:
        candidate = load(path, **settings)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send((candidate.name, candidate.arithmetic, candidate.expected, candidate.forward_only))
    while True:
        try:
            identity = pipe.recv()
        except EOFError:
            return
        pipe.send(candidate.observe(case_of(identity)))


def announced(expected: Mapping[str, str], case: Case) -> str | None:
    """The reason of the first pattern that the case's id matches; None if none does."""
    return next((reason for pattern, reason in expected.items() if fnmatchcase(case.id, pattern)), None)


def _hung(limit: float) -> Observation:
    return Observation(messages=[f"did not return within {limit:g} s"])


def _known(name: str) -> str:
    return arithmetic(name).name
