"""The static half of predicted parameters: spaces, index sets alpha and dictionaries U_alpha of section 3."""

from pp_ref.dictionaries.choose_covariance import CovarianceChoice, choose_covariance
from pp_ref.dictionaries.columns import Column
from pp_ref.dictionaries.dictionary import Dictionary, Recipe
from pp_ref.dictionaries.kinds import KINDS
from pp_ref.dictionaries.make import dictionary_from_recipe, make_dictionary
from pp_ref.dictionaries.spaces import Frames, Grid, Space, Units

__all__ = [
    "KINDS",
    "Column",
    "CovarianceChoice",
    "Dictionary",
    "Frames",
    "Grid",
    "Recipe",
    "Space",
    "Units",
    "choose_covariance",
    "dictionary_from_recipe",
    "make_dictionary",
]
