"""Gradients of an argument that is used in several places, of which one is forgotten."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain, tape
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, mapped, named
from pp_ref.oracle.operations.truth import cotangents_of

__all__ = ["of_uses"]

MOST = 4  # places of one array, one after the other


def of_uses(case: Case) -> Iterator[Mistake]:
    """Every such mistake of an operation, of which this is a case."""
    for name in case.operation.learned:
        for left_out in range(MOST):
            yield Mistake(
                f"pulled back to {name} from all places but one where {name} is used",
                partial(_results, name, left_out),
                f"{case.operation}/a use of {name} forgotten",
                of_results=True,
            )


def _results(name: str, left_out: int, case: Case) -> dict[str, NDArray[np.float64]]:
    """None where no array of the argument has so many uses."""
    given: dict[str, Any] = {
        each: mapped(lambda x: tape.quantity(x, plain.ALGEBRA), value) if is_number(value) else value
        for each, value in case.arguments.items()
    }
    y = named("y", case.operation.definition(*given.values()))
    mine = {id(leaf) for leaf in leaves(given[name])}
    learned = {label: x for each in case.operation.learned for label, x in named(f"d{each}", given[each]).items()}
    if not tape.forget(y.values(), mine, left_out):
        return {}
    found = tape.gradients([*y.values()], cotangents_of(case), [*learned.values()])
    values = {label: each.data for label, each in y.items()} | dict(zip(learned, found, strict=True))
    return {label: np.asarray(x, np.float64) for label, x in values.items()}
