"""The arithmetics that a candidate may declare: what it stores, what its products read, and what they are summed in.

Every bound follows from these numbers, so a candidate that rounds more coarsely than it says is found out, and one that
says how it rounds is not blamed for it. `docs/oracle.md` derives the bounds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import check_known

__all__ = ["ARITHMETICS", "Arithmetic", "arithmetic"]


@dataclass(frozen=True)
class Arithmetic:
    """How numbers are stored, multiplied and summed; u is a unit roundoff, half the distance from 1 to the next number.

    name      "float64", "float32", "tf32", "bfloat16" or "float16"
    dtype     the name of the dtype that arrays have
    bits      of a stored significand, the leading one included: u = 2^-bits
    operand   u of the rounding that a product's operands see before they are multiplied; 0 where there is none
    sums      u of the format in which products and sums accumulate, before the result is stored
    tiny      what a stored result may lose to underflow, subnormals flushed to zero
    largest   the largest stored number
    ulps      an elementary function (exp, log, tanh, ...) errs by at most this many units in its last place
    algorithm of `pp_ref.oracle.algebras.algorithms`, by which products or convolutions are computed; None: their sums
    """

    name: str
    dtype: str
    bits: int
    operand: float
    sums: float
    tiny: float
    largest: float
    ulps: int = 4
    algorithm: str | None = None

    @property
    def unit(self) -> float:
        return 2.0**-self.bits

    @property
    def bytes(self) -> int:
        """Of a stored number."""
        return {"float64": 8, "float32": 4}.get(self.dtype, 2)

    def representable(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """x rounded to what is stored, subnormals too: to nearest, ties to even. Large exponents are left alone."""
        least = int(np.log2(self.tiny)) - self.bits + 1  # of the smallest subnormal
        last = np.maximum(np.frexp(x)[1] - self.bits, least)
        finite = np.ldexp(np.rint(np.ldexp(x, -last)), last)
        return np.where(np.isfinite(x), finite, x)


_SINGLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
ARITHMETICS = {
    each.name: each
    for each in (
        Arithmetic("float64", "float64", 53, 0.0, 2.0**-53, float(np.finfo(float).tiny), float(np.finfo(float).max)),
        Arithmetic("float32", "float32", 24, 0.0, 2.0**-24, *_SINGLE),
        # 11 bits, by rounding or by cutting off: a tensor core does either (2^-10 covers both).
        Arithmetic("tf32", "float32", 24, 2.0**-10, 2.0**-24, *_SINGLE),
        # Their functions are computed in float32, and stored once or twice: 1 ulp.
        Arithmetic("bfloat16", "bfloat16", 8, 0.0, 2.0**-24, _SINGLE[0], (2 - 2.0**-7) * 2.0**127, 1),
        Arithmetic("float16", "float16", 11, 0.0, 2.0**-24, 2.0**-14, 65504.0, 1),
    )
}


def arithmetic(name: str) -> Arithmetic:
    """The arithmetic of this name.

    raises  DomainError, with the names there are
    """
    check_known("arithmetic", name, ARITHMETICS)
    return ARITHMETICS[name]
