"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words.

`conform` compares functions of documented names with the mathematics, `check_gradient` a gradient with its function.

    from pp_ref.oracle import InProcess, conform
    report = conform(InProcess(my_layers, arithmetic="float32"))
"""

from pp_ref.oracle.candidates import InProcess, InWorker, load
from pp_ref.oracle.gradient_check import GradientCheck, WrongEntry, check_gradient
from pp_ref.oracle.run import conform

__all__ = ["GradientCheck", "InProcess", "InWorker", "WrongEntry", "check_gradient", "conform", "load"]
