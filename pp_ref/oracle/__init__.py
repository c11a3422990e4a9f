"""Judges any implementation of the layers: what it may get wrong, and how that shows."""
