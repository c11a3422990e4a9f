"""pp_ref: the reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013)."""

__version__ = "0.1.0"
