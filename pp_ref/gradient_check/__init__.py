"""Is g the gradient of f? `check_gradient` measures f along random directions; it knows nothing of the oracle."""

from pp_ref.gradient_check.check import GradientCheck, WrongEntry, check_gradient

__all__ = ["GradientCheck", "WrongEntry", "check_gradient"]
