"""Mistakes in one part of a model: pp_ref's own model with a wrong layer in the place of the right one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pp_ref.oracle.faults.mistakes import Mistake, Results, with_functions
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.operation import Operation

__all__ = ["in_place", "of_parts"]

MODULES = ("pp_ref.models", "pp_ref.layers", "pp_ref.kernels")


def of_parts(operation: Operation) -> Iterator[Mistake]:
    """Of a model: every mistake that people make in a layer, made in the model's own."""
    from pp_ref.oracle.candidates import own
    from pp_ref.oracle.faults.catalogue import FAULTS

    if operation.kind != "model":
        return
    for fault in FAULTS:
        right = own.original(fault.operation)
        if right is not None and not fault.operation.startswith("dropout") and _places(right):
            yield Mistake(
                f"{fault.operation} in the {operation} {fault.sentence}",
                partial(_results, right, fault.wrong),
                f"{operation}/{fault.operation}: {fault.name}",
            )


def _places(right: Callable[..., Any]) -> list[tuple[Any, Any]]:
    """Where models refer to a function: a namespace, or a table in one, and the key."""
    found: list[tuple[Any, Any]] = []
    for name, module in list(sys.modules.items()):
        if not name.startswith(MODULES):
            continue
        for key, value in vars(module).items():
            if value is right:
                found.append((vars(module), key))
            elif isinstance(value, dict) and not key.startswith("__"):
                found += [(value, at) for at, pair in value.items() if isinstance(pair, tuple) and right in pair]
    return found


@contextmanager
def in_place(right: Callable[..., Any], wrong: Callable[..., Any]) -> Iterator[None]:
    """The wrong layer in the place of the right one, wherever models call it."""
    kept = [(table, key, table[key]) for table, key in _places(right)]
    for table, key, value in kept:
        table[key] = tuple(wrong if each is right else each for each in value) if isinstance(value, tuple) else wrong
    try:
        yield
    finally:
        for table, key, value in kept:
            table[key] = value


def _results(right: Callable[..., Any], wrong: Callable[..., Any], case: Case) -> Results:
    from pp_ref.oracle.candidates import own

    with in_place(right, wrong):
        return with_functions(own.functions(), case)
