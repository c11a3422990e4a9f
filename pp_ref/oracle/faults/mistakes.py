"""Mistakes that can be computed: what an operation's results are where one has been made."""

import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates.call import results
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.faults.alterations import Change, altered
from pp_ref.oracle.operations import definitions, speech
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["Mistake", "Results", "known", "unheard_of", "with_functions"]

Functions = dict[str, Callable[..., Any]]
Results = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Mistake:
    """What a wrong function does, in words, and what an operation's results are with it, by name.

    identifier  does not change from run to run: "dense_forward/bias omitted"
    of_results  whether the sentence is one on single results, to be read after "y is"
    right       the results of the same functions without the mistake
    """

    sentence: str
    run: Callable[[Case], Results]
    identifier: str
    of_results: bool = False
    right: Callable[[Case], Results] | None = None

    def results(self, case: Case) -> Results:
        """None at all where it raises."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return self.run(case)
        except Exception:
            return {}

    def shows_in(self, name: str, result: NDArray[np.float64], case: Case) -> bool:
        """Whether its result differs from that without the mistake. If not, a candidate that has it rounds alike."""
        right = replace(self, run=self.right).results(case) if self.right else {}
        return name not in right or not np.array_equal(result, right[name], equal_nan=True)


def known(operation: Operation) -> list[Mistake]:
    """Those that people make: `FAULTS` of `pp_ref.oracle.faults.catalogue`, and `FAMILIES`."""
    parts: tuple[Literal["FAULTS", "FAMILIES"], ...] = ("FAULTS", "FAMILIES")
    return [mistake for name in operation.functions for part in parts for mistake in _planted(part).get(name, ())]


def unheard_of(operation: Operation) -> Iterator[Mistake]:
    """Those that any function can make, `RULED`; then every small change of pp_ref's functions, and of the definition
    with the gradients that follow from it."""
    for name in operation.functions:
        yield from _planted("RULED").get(name, ())
    for name in operation.functions:
        yield from _of_function(name)
    yield from _of_definition(operation)


def with_functions(functions: Functions, case: Case) -> Results:
    """In the declared dtype; in float32 for bfloat16, which NumPy has not."""
    if case.arithmetic.dtype == "bfloat16":
        case = replace(case, arithmetic=arithmetic("float32"))
    return results(case, functions.get, library("numpy"))


@cache
def _planted(part: Literal["FAULTS", "FAMILIES", "RULED"]) -> dict[str, list[Mistake]]:
    """By the documented name of what is wrong."""
    # What is wrong with pp_ref's own layers is of use only where something is wrong.
    from pp_ref.oracle.candidates import own
    from pp_ref.oracle.faults import catalogue, families

    faults = {"FAULTS": catalogue.FAULTS, "FAMILIES": families.FAMILIES, "RULED": catalogue.RULED}[part]
    found: dict[str, list[Mistake]] = {}
    for order in (0, 1):
        right = own.functions(order)
        for fault in faults:
            for name, wrong in own.replaced(fault.operation, fault.wrong, order):
                mistake = Mistake(
                    f"{name} {fault.sentence}",
                    partial(with_functions, right | {name: wrong}),
                    f"{name}/{fault.name}",
                    right=partial(with_functions, right),
                )
                found.setdefault(name, []).append(mistake)
    return found


@cache
def _of_function(name: str) -> list[Mistake]:
    from pp_ref.oracle.candidates import own

    original = own.original(name)
    if original is None:
        return []
    right = {order: own.functions(order) for order in own.orders(name)}
    return [
        Mistake(
            f"{name} gives what pp_ref's gives with {_said(change)}",
            partial(with_functions, right[order] | {name: function}),
            f"{name}/{change.rule}",
            right=partial(with_functions, right[order]),
        )
        for change, wrong in altered(original)
        for order in right
        for _, function in own.replaced(name, wrong, order)
    ]


@cache
def _of_definition(operation: Operation) -> list[Mistake]:
    name, definition = operation.name, operation.definition
    if definition.__module__ not in (definitions.__name__, speech.__name__):  # an elementary function of every algebra
        return []
    return [
        Mistake(
            f"{name} gives what its definition gives with {_said(change)}",
            partial(_as_defined, wrong),
            f"{name}/{change.rule}",
        )
        for change, wrong in altered(definition)
    ]


def _as_defined(definition: Callable[..., Any], case: Case) -> Results:
    wrong = replace(case, operation=replace(case.operation, definition=definition))
    found = evaluated(wrong, plain.ALGEBRA, cotangents_of(case)).results
    return {name: np.asarray(x, np.float64) for name, x in found.items()}


def _said(change: Change) -> str:
    before, after = (textwrap.shorten(text, 100) for text in (change.before, change.after))
    return f"`{after}` in place of `{before}`"
