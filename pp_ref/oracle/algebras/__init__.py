"""The arithmetics, and the arrays on which a definition runs: balls, bounds, longdouble, and the tape over them."""

__all__: list[str] = []
