"""Which libraries a candidate's functions go through.

Python's profiler tells of the calls of one run: of Python functions with their modules, and of C functions. What makes
no such event is read from the code that ran: the names that it uses, and operators. Calls inside a library are its own
matter. Not seen: a library that compiled code calls, another process, copies of a library's source.
"""

import dis
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

__all__ = ["Provenance"]

LIBRARIES = {name: name for name in ("numpy", "scipy", "torch", "jax", "cupy", "numba", "pp_ref")} | {"jaxlib": "jax"}
OPERATOR = dis.opmap["BINARY_OP"]


class Provenance:
    """What calls go through that are made by `traced` functions.

    arrays  the library whose arrays they are given: operators are its own
    """

    def __init__(self, arrays: str) -> None:
        self.arrays, self._found, self._read = arrays, set[str](), set[CodeType]()

    @property
    def names(self) -> list[str]:
        """Libraries ("numpy"), and functions of pp_ref ("pp_ref.layers.dense.dense_forward")."""
        order = list(LIBRARIES)
        return sorted(self._found, key=lambda name: (order.index(name.partition(".")[0]), name))

    def traced(self, function: Any) -> Callable[..., Any] | None:
        """The function, of whose calls note is taken; None of None."""
        if function is None:
            return None

        def traced(*arguments: Any) -> Any:
            self._note(function)
            threading.setprofile(self._event)
            sys.setprofile(self._event)
            try:
                return function(*arguments)
            finally:
                sys.setprofile(None)
                threading.setprofile(None)

        return traced

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            if not self._inside(frame):
                self._note(argument)
        elif event == "call" and not self._inside(frame.f_back):
            module = str(frame.f_globals.get("__name__", ""))
            if _library(module) == "pp_ref":
                self._found.add(f"{module}.{frame.f_code.co_qualname}")
            elif library := _library(module):
                self._found.add(library)
            elif frame.f_code not in self._read:
                self._read.add(frame.f_code)
                self._read_code(frame)

    def _inside(self, frame: FrameType | None) -> bool:
        """Whether it runs a library's code; `traced` is the candidate's."""
        if frame is None or frame.f_globals is globals():
            return False
        return _library(str(frame.f_globals.get("__name__", ""))) is not None

    def _read_code(self, frame: FrameType) -> None:
        """What the candidate's own code names, and whether it has operators."""
        code = frame.f_code
        if OPERATOR in code.co_code[::2]:
            self._found.add(self.arrays)
        named = [frame.f_globals.get(name) for name in code.co_names]
        for value in named + [frame.f_locals.get(name) for name in code.co_freevars]:
            self._note(value)

    def _note(self, value: Any) -> None:
        """The library that a module, a function or an object belongs to."""
        while isinstance(value, partial):
            value = value.func
        owner = getattr(value, "__self__", None) if type(value).__module__ == "builtins" else None
        modules = (
            value.__name__ if isinstance(value, ModuleType) else type(value).__module__,
            getattr(value, "__module__", None) if callable(value) else None,
            type(owner).__module__ if not isinstance(owner, ModuleType) else owner.__name__,
        )
        for module in modules:
            library = _library(module) if isinstance(module, str) else None
            if library == "pp_ref":
                if callable(value) and not isinstance(value, FunctionType | type):  # a function makes events
                    self._found.add(f"{module}.{getattr(value, '__name__', '')}")
            elif library:
                self._found.add(library)


def _library(module: str) -> str | None:
    return LIBRARIES.get(module.partition(".")[0])
