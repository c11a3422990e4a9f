"""Mistakes: those that people make, those that any function can make, and every small change of a right function."""

__all__: list[str] = []
