"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words.

`conform` compares functions of documented names with the mathematics, `check_gradient` a gradient with its function.

    from pp_ref.oracle import InProcess, conform
    report = conform(InProcess(my_layers, arithmetic="float32"))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "pp_ref.gradient_check": ("GradientCheck", "WrongEntry", "check_gradient"),
    "pp_ref.oracle.candidates.processes": ("InProcess", "InWorker", "load"),
    "pp_ref.oracle.operations.strategies": ("cases_of",),
    "pp_ref.oracle.operations.truth": ("truth",),
    "pp_ref.oracle.run": ("conform",),
    "pp_ref.oracle.verdict.judge": ("judge",),
}


def __getattr__(name: str) -> Any:
    """Imported on first use: pytest loads `pp_ref.oracle.pytest_plugin` in every run of everybody."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
