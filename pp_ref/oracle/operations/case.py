"""One problem that is put to a candidate."""

import zlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.operations.draws import Arguments
from pp_ref.oracle.operations.operation import Operation

__all__ = ["Case", "Entries"]


class Entries(NamedTuple):
    """Whole numbers of magnitudes from 1 to the largest, among zeros.

    share  of the entries that are no zeros
    """

    largest: int
    share: float

    def drawn(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Of shape (), or with a share of 1, never zero."""
        x = np.asarray(rng.integers(-self.largest, self.largest, shape))
        numbers = (x + (x >= 0)).astype(np.float64)
        return numbers if self.share == 1 or shape == () else numbers * (rng.random(shape) < self.share)


@dataclass(frozen=True, eq=False)
class Case:
    """One problem, with what it is there for.

    arguments   in the operation's order; floats are float64 arrays of numbers that the arithmetic stores
    layout      in which memory order a library that has them gets its arrays: "C", "F", "strided" or "reversed"
    wild        whether NaN or infinity is among the arguments: only where they go is compared
    large       whether balls would take too long
    whole       how cotangents are drawn where nothing rounds, so that results have to be equal; else None
    copies      how often the examples, and the rows of the cotangents, are repeated before functions get them
    """

    operation: Operation
    regime: str
    arithmetic: Arithmetic
    seed: int
    bug: str
    effect: str
    arguments: Arguments
    layout: str = "C"
    wild: bool = False
    large: bool = False
    whole: Entries | None = None
    copies: int = 1

    @property
    def id(self) -> str:
        """E.g. "dense/one example/float32/0"."""
        return f"{self.operation.name}/{self.regime}/{self.arithmetic.name}/{self.seed}"

    def sums(self, name: str) -> bool:
        """Whether a result, "dW" or "dw[0]", is a sum over examples."""
        return name.startswith("d") and name[1:].partition("[")[0] not in self.operation.batch

    def by(self, algorithm: str | None) -> "Case":
        """The same case, held to the bounds of an algorithm that is declared."""
        return replace(self, arithmetic=replace(self.arithmetic, algorithm=algorithm)) if algorithm else self

    def cotangent(self, shapes: list[tuple[int, ...]]) -> list[np.ndarray[Any, Any]]:
        """Odd multiples of 1/8, one array a shape: never zero, never all ones, and every format stores them.

        Of whole numbers they are such numbers.
        """
        rng = np.random.default_rng(zlib.crc32(self.id.encode()))
        if self.whole:
            return [self.whole.drawn(rng, shape) for shape in shapes]
        return [np.asarray((2 * rng.integers(-8, 8, shape) + 1) / 8) for shape in shapes]
