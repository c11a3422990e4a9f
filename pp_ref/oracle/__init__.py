"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words.

from pp_ref.oracle import InProcess, conform
report = conform(InProcess(my_layers, arithmetic="float32"))
"""

from pp_ref.oracle.candidates import InProcess, load
from pp_ref.oracle.run import conform

__all__ = ["InProcess", "conform", "load"]
