"""The static half of predicted parameters: spaces, index sets and dictionaries U_alpha (sec. 3)."""

from pp_ref.dictionaries.choose_covariance import KernelChoice, choose_kernel
from pp_ref.dictionaries.columns import Column
from pp_ref.dictionaries.dictionary import Dictionary
from pp_ref.dictionaries.make import KINDS, make_dictionary
from pp_ref.dictionaries.spaces import Frames, Grid, Space, Units

__all__ = [
    "KINDS",
    "Column",
    "Dictionary",
    "Frames",
    "Grid",
    "KernelChoice",
    "Space",
    "Units",
    "choose_kernel",
    "make_dictionary",
]
