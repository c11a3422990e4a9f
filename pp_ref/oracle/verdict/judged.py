"""Which entries of a result are judged: those whose bound a trivial answer exceeds, or is small against its error."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.truth import Expected

__all__ = ["inputs_of", "judged", "trivial"]

Real = NDArray[np.float64]


def inputs_of(case: Case, expected: list[Expected]) -> list[Real]:
    """The arrays that a lazy function could return: those of numbers among the arguments, and the cotangents."""
    given = [leaf for value in case.arguments.values() if is_number(value) for leaf in leaves(value)]
    values = [each.exact.shape for each in expected if each.kind == "value"]
    return given + ([] if case.operation.kind == "model" else case.cotangent(values))


def trivial(expected: Expected, inputs: list[Real]) -> Iterator[Real]:
    """Zeros, ones, constants, and every input of the result's shape, but for what is the right answer.

    The constants, of more than one entry: the median, and the one that exceeds its bounds least.
    """
    exact, bound = expected.exact, expected.bound
    numbers = [0.0, 1.0]
    if (size := exact.size) > 1:
        ordered = np.sort(exact, axis=None)
        with np.errstate(all="ignore"):
            median = (ordered[(size - 1) // 2] + ordered[size // 2]) / 2
            numbers += [float(median), float((np.max(exact - bound) + np.min(exact + bound)) / 2)]
    constants = [np.full(exact.shape, each) for each in numbers if np.isfinite(each)]
    for answer in [*constants, *(x for x in inputs if x.shape == exact.shape)]:
        if not np.array_equal(answer, exact):
            yield answer


def judged(expected: Expected, inputs: list[Real]) -> NDArray[np.bool_]:
    """Of every entry, whether it tells a right answer from each trivial one.

    A trivial answer t is refused at an entry if |t - exact| > bound there. Over all entries it is refused by
    mean(|t - exact| where refused, else 0). An entry tells of t if t is refused there, or if its bound is smaller than
    that mean: t is right there then, and nothing else is.
    """
    if not expected.bound.any():  # where nothing rounds, every answer but the right one is refused
        return np.ones(expected.exact.shape, bool)
    size, exact, bound = expected.exact.size, expected.exact.ravel(), expected.bound.ravel()
    found = np.isfinite(bound)
    if answers := [answer.reshape(size) for answer in trivial(expected, inputs)]:
        with np.errstate(all="ignore"):
            error = abs(np.stack(answers) - exact)
        refused = error > bound
        means = np.where(refused, error, 0.0).sum(axis=1, keepdims=True) / max(size, 1)
        found &= (refused | (bound < means)).all(axis=0)
    return found.reshape(expected.exact.shape)
