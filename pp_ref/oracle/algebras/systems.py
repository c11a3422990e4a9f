"""Bounds of A^-1 B for a positive definite A, of `pp_ref.oracle.algebras.rounded.Rounded` arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import balls

__all__ = ["solved"]

Exact = np.longdouble


def solved(A: Any, B: Any, likely: float) -> Any:
    """A^-1 B of a positive definite A by Cholesky's factors, by Gauss's, or by an inverse that is multiplied.

    likely  how many standard deviations independent roundings rarely exceed

    The computed X solves (A + dA) X = B with |dA| <= g_{3k+1} |L||L^T| (Higham, th. 10.4), and |L||L^T| is at most
    sqrt(a_ii a_jj) by Cauchy and Schwarz. So
    |dX| <= f + |A^-1| dA |dX| with f = |A^-1| (dA |A^-1| |B| + dB), and with a norm r < 1 of |A^-1| dA every
    |dX| is at most f + r / (1 - r) max f of its column. No bound where dA may be as large as A's smallest eigenvalue.
    """
    a, k = A.arithmetic, len(A.value)
    inverse, X = _certified_inverse(A.value, B.value)
    diagonal = np.sqrt(np.diag(A.value))
    size = abs(inverse) @ B.majorant

    def inherited(error: Any, wrong: Any, g: float) -> Any:
        dA = g * np.outer(diagonal, diagonal) + error
        most = np.max(np.sum(abs(inverse) @ dA, axis=1), initial=0)
        first = abs(inverse) @ (dA @ size + wrong)
        return first + most / (1 - most) * first.max(axis=0, initial=0) if most < 1 else np.full(X.shape, np.inf)

    u = (3 * k + 1) * a.sums
    rarely = likely * np.sqrt(3 * k + 1) * a.sums
    g = u / (1 - u)
    error, spread = inherited(A.error, B.error, g), inherited(A.spread, B.spread, min(g, rarely))
    return A.stored(X, size, error, spread)


def _certified_inverse(A: NDArray[Any], B: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A^-1 and A^-1 B, by balls: float64 would lose what the condition number takes."""
    wide = np.hstack([np.eye(len(A)), B.astype(float)])
    solved = balls.enclosed(lambda: balls.ALGEBRA.solved(balls.ball_array(A.astype(float)), balls.ball_array(wide)))
    return solved.value[:, : len(A)].astype(Exact), solved.value[:, len(A) :].astype(Exact)
