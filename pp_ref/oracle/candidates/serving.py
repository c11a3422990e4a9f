"""The candidate's side: a process that imports its module, and answers case after case with what was seen."""

import math
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from pp_ref.errors import EXPECTED
from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.candidates.call import results, room
from pp_ref.oracle.candidates.frames import CLOSED, Listener, Malformed, observed, send
from pp_ref.oracle.candidates.processes import INTRODUCTION, InProcess, load
from pp_ref.oracle.candidates.provenance import Provenance
from pp_ref.oracle.operations.cases import Case

__all__ = ["serve"]


def serve(path: str, settings: dict[str, Any], cases: str, questions: int, answers: int) -> None:
    """Say who the candidate is, then answer questions until their pipe ends.

    cases  the module that has `OPERATIONS`, and `case_of`, which makes a case from its id
    questions, answers  file descriptors that no process inherits from this one
    """
    for pipe in (questions, answers):
        os.set_inheritable(pipe, False)
    os.register_at_fork(after_in_child=lambda: _close(questions, answers))
    _open_output()
    sys.argv = [path]
    sys.dont_write_bytecode = True  # Python takes a file for its earlier self if its size and its second are the same
    known = import_module(cases)
    asked = queue.SimpleQueue[dict[str, Any]]()
    threading.Thread(target=_listen, args=(questions, asked), daemon=True).start()
    say = _Voice(answers)
    try:
        candidate = load(path, known.OPERATIONS, **settings)
        say({name: getattr(candidate, name) for name in INTRODUCTION})
    except EXPECTED as error:
        say({"refused": str(error)[:2000]})
        return
    except (Exception, SystemExit) as error:  # what it declares may be anything
        say({"refused": f"{path} cannot be loaded: {type(error).__name__}: {str(error)[:2000]}"})
        return
    worker = _Worker(candidate, path)
    while True:
        question = asked.get()
        header, numbers = worker.answer(known.case_of(question["id"]))
        say(question | header, numbers)


class _Voice:
    """Sends frames, unless this is a process that the candidate forked, which ends instead."""

    def __init__(self, pipe: int) -> None:
        self.pipe, self.process = pipe, os.getpid()

    def __call__(self, header: dict[str, Any], numbers: Any = ()) -> None:
        if os.getpid() != self.process:
            os._exit(0)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or of the candidate's
                stream.flush()
        try:
            send(self.pipe, header, numbers)
        except OSError:
            os._exit(CLOSED)


class _Worker:
    def __init__(self, candidate: InProcess, path: str) -> None:
        self.candidate, self.path = candidate, path
        self.looked_at = set[str]()  # operations
        self.before = set(threading.enumerate())
        self.restore = _state()

    def answer(self, case: Case) -> tuple[dict[str, Any], Any]:
        """The header of the answer and its numbers."""
        seen = Observation()
        try:
            seen = self.candidate.observe(case)
            if seen.results and not seen.messages and case.operation.name not in self.looked_at:
                self.restore()
                self.looked_at.add(case.operation.name)
                self.look(case, seen)
        except BaseException as error:  # KeyboardInterrupt, say, or what it left makes our own code fail
            seen = Observation(messages=[f"raised {type(error).__name__}, and could not be observed further"])
        self.restore()
        header, numbers = observed(seen, room(case))
        return {"seen": header, "threads": len(set(threading.enumerate()) - self.before)}, numbers

    def look(self, case: Case, seen: Observation) -> None:
        """Which libraries one more run goes through."""
        candidate = self.candidate
        provenance = Provenance(candidate.library.name)

        def traced(name: str) -> Callable[..., Any] | None:
            return provenance.traced(candidate.get(name))

        with suppress(Exception):
            results(case, traced, candidate.library)
        seen.provenance = provenance.names
        if self.path.startswith("pp_ref."):
            return
        own = [name for name in seen.provenance if name.startswith("pp_ref.")]
        for name in own:
            judge = name.startswith("pp_ref.oracle.")
            seen.warnings.append(
                f"calls {name}: " + ("it is compared with itself" if judge else "it is pp_ref that is judged here")
            )


def _state() -> Callable[[], None]:
    """What sets back what a candidate changes for calls after it: folder, recursion limit, signals, timers, output."""
    folder, limit = os.getcwd(), sys.getrecursionlimit()
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def restore() -> None:
        _open_output()
        sys.setrecursionlimit(max(limit, sys.getrecursionlimit()))
        with suppress(OSError):
            os.chdir(folder)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with suppress(OSError, ValueError):
                    signal.signal(number, handler)

    return restore


def _open_output() -> None:
    """Open standard output and error, unless they are the ones that this opened before."""
    for number, name in (1, "stdout"), (2, "stderr"):
        stream = getattr(sys, name)
        if getattr(stream, "closed", True) or getattr(stream, "errors", "") != "backslashreplace":
            text = open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, text)


def _listen(pipe: int, asked: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Take questions until the judge is gone, and end this process and its children then."""
    hearer = Listener(pipe, -1)
    while True:
        try:
            asked.put(hearer.receive(math.inf)[0])
        except (EOFError, OSError, Malformed):
            os.killpg(os.getpgrp(), signal.SIGKILL)


def _close(*pipes: int) -> None:
    for pipe in pipes:
        with suppress(OSError):
            os.close(pipe)
