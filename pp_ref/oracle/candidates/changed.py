"""Arguments of which some entries alone are others: results that stay the same are kept."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.candidates.call import Call
from pp_ref.oracle.candidates.memory import Held
from pp_ref.oracle.operations.nested import is_number, mapped
from pp_ref.oracle.operations.truth import evaluated

__all__ = ["kept_values", "same_bits"]

MOVED = 0.01  # of the largest number of a value: who has another value differs by more


def kept_values(call: Call, first: dict[str, NDArray[np.float64]]) -> Iterator[str]:
    """Yield a message for each value that has the bits of the first call, though it has to be another."""
    given = call.case.arguments
    words = "it is not read, or a result is kept"
    numbers = [name for name, value in given.items() if is_number(value)]
    changes: list[tuple[Callable[[Any], Any], list[str], str]] = [
        (
            _all_but_ends,
            numbers,
            f"is the same where all entries of its arguments but the first and the last are others: {words}",
        ),
        (_largest, numbers, f"is the same where one entry of its arguments is another: {words}"),
        *((_all_but_ends, [name], f"is the same for another {name}: {words}") for name in numbers if numbers[1:]),
    ]
    with np.errstate(all="ignore"):
        own = evaluated(call.case, plain.ALGEBRA).values
    for change, names, said in changes:
        others = given | {name: mapped(change, given[name]) for name in names}
        again: dict[str, Any] = {}
        with np.errstate(all="ignore"), suppress(Exception):  # of arguments that no case has: K may be no covariance
            due = evaluated(replace(call.case, arguments=others), plain.ALGEBRA).values
            again = call.run(Held(call.library, others, call.case.arithmetic, call.case.layout)).values
        for name in again.keys() & own.keys():
            x = due[name]
            off, size = (float(np.max(abs(y), initial=0.0)) for y in (x - own[name], x))
            varies = len(np.unique(first[name])) > 1  # a result of zeros says nothing of state
            kept = varies and same_bits(call.library.numbers(again[name]), first[name])
            if kept and off > MOVED * size:
                yield f"{name} {said}"


def same_bits(x: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two results are the same, NaN included."""
    return x.shape == other.shape and (x.tobytes() == other.tobytes() or np.array_equal(x, other, equal_nan=True))


def _all_but_ends(x: Any) -> Any:
    """Half of every entry but the first and the last."""
    y = np.array(x)
    y.reshape(-1)[1:-1] *= 0.5
    return y


def _largest(x: Any) -> Any:
    """Half of the entry of largest size that is neither."""
    y = np.array(x)
    if y.size > 2:
        y.reshape(-1)[1 + np.argmax(abs(y.reshape(-1)[1:-1]))] *= 0.5
    return y
