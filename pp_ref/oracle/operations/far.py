"""Cases whose arrays lie beyond what 32 bits count: a few rows of whole numbers, again and again.

An offset that is wrong by a power of two meets another entry, because the rows have an odd number of entries in all.
Every copy has to have the first one's results, and these are compared with exact ones.
"""

from dataclasses import replace

import numpy as np

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.draws import Sizes
from pp_ref.oracle.operations.large import Integers, axes, exact, ladder, whole_numbers
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import equal, shapes

__all__ = ["FAR", "far_case", "memory", "memory_available"]

BUG = "offsets are counted in 32 bits"
EFFECT = "entries of another place, or of none"
FAR = ("beyond 2^31 bytes", "beyond 2^31 elements")
SIZES = Sizes(n=1009, d=65, columns=((3, 21),))  # odd, so that rows of v have an odd number of entries in all


def far_case(operation: Operation, regime: str, arithmetic: Arithmetic, seed: int, number: int) -> Case | None:
    """One of `FAR`, of an operation whose examples are the rows of a matrix; None of others.

    None as well where gradients of parameters, sums over all rows, would round.
    """
    rows = operation.per_example and operation.batch == ("v",) and operation.kind == "layer"
    if not rows or "height" in axes(operation) or not whole_numbers(operation):
        return None
    for entries, cotangents in ladder(arithmetic):
        drawn = operation.arguments(Integers(SIZES.at(seed=number), arithmetic, entries))
        case = Case(operation, regime, arithmetic, seed, BUG, EFFECT, drawn, large=True, whole=cotangents)
        size = drawn["v"].size * (arithmetic.bytes if regime == FAR[0] else 1)
        case = replace(case, copies=2**31 // size + 3)
        if _fits(case):
            return case
    return None


def _fits(case: Case) -> bool:
    """Whether no sum over all copies rounds."""
    if not exact(case):
        return False
    sums = [x for name, x in equal(case).results.items() if case.sums(name)]
    return all(x.majorant.max() * case.copies <= 2.0 ** (x.step + case.arithmetic.bits) for x in sums)


def memory(case: Case) -> int:
    """Bytes of v, dv, y and dy, and of the largest of them twice more: what is needed at least."""
    given = [np.size(leaf) for name in case.operation.batch for leaf in leaves(case.arguments[name])]
    sizes = given + [int(np.prod(shape)) for shape in shapes(case).values()]
    return (2 * sum(sizes) + 2 * max(sizes)) * case.copies * case.arithmetic.bytes


def memory_available() -> float:
    """Bytes; infinity where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = dict(line.split(":") for line in file)
        return float(found["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return float("inf")
