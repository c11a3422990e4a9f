"""Mistakes that implementations of these operations really make, each as a function that makes it.

FAULTS are written by hand, and RULED are made by rule. The property suite must catch every one of them; and where
somebody's result equals that of a wrong function, the fault's sentence says what went wrong.
"""

from pp_ref.oracle.faults import (
    convolution,
    dictionaries,
    fourier_convolution,
    full,
    losses,
    models,
    pooling,
    predicted,
    predicted_convolution,
    reconstruction,
    rica,
    speech,
    units,
)
from pp_ref.oracle.faults.fault import Fault
from pp_ref.oracle.faults.rules import RULED

_BY_HAND = (
    full,
    predicted,
    units,
    convolution,
    fourier_convolution,
    predicted_convolution,
    pooling,
    losses,
    models,
    reconstruction,
    rica,
    dictionaries,
    speech,
)
FAULTS: tuple[Fault, ...] = tuple(fault for module in _BY_HAND for fault in module.FAULTS)

__all__ = ["FAULTS", "RULED", "Fault"]
