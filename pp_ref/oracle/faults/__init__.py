"""Mistakes that implementations of these operations really make, each as a function that makes it.

The property suite must catch every one of them; and where somebody's result equals that of a wrong function, the
fault's sentence says what went wrong.
"""

from pp_ref.oracle.faults import dictionaries, full, losses, models, predicted, units
from pp_ref.oracle.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *full.FAULTS,
    *predicted.FAULTS,
    *units.FAULTS,
    *losses.FAULTS,
    *models.FAULTS,
    *dictionaries.FAULTS,
)

__all__ = ["FAULTS", "Fault"]
