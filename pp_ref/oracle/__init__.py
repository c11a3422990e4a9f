"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words.

`conform` compares functions of documented names with the mathematics, `check_gradient` a gradient with its function.

    from pp_ref.oracle import InProcess, conform
    report = conform(InProcess(my_layers, arithmetic="float32"))
"""

from typing import TYPE_CHECKING

from pp_ref.lazy import lazily

if TYPE_CHECKING:
    from pp_ref.gradient_check import GradientCheck, WrongEntry, check_gradient
    from pp_ref.oracle.candidates.processes import InProcess, InWorker, load
    from pp_ref.oracle.operations.strategies import cases_of
    from pp_ref.oracle.operations.truth import truth
    from pp_ref.oracle.run import conform
    from pp_ref.oracle.verdict.judge import judge

__all__ = [
    "GradientCheck",
    "InProcess",
    "InWorker",
    "WrongEntry",
    "cases_of",
    "check_gradient",
    "conform",
    "judge",
    "load",
    "truth",
]

# pytest loads `pp_ref.oracle.pytest_plugin` in every run of everybody: nothing else is imported then.
__getattr__, __dir__ = lazily(
    __name__,
    {
        "pp_ref.gradient_check": ("GradientCheck", "WrongEntry", "check_gradient"),
        "pp_ref.oracle.candidates.processes": ("InProcess", "InWorker", "load"),
        "pp_ref.oracle.operations.strategies": ("cases_of",),
        "pp_ref.oracle.operations.truth": ("truth",),
        "pp_ref.oracle.run": ("conform",),
        "pp_ref.oracle.verdict.judge": ("judge",),
    },
)
