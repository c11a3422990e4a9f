"""Judges any implementation of the paper's operations: exact values, derived bounds, and what is wrong in words.

`conform` compares functions of documented names with the mathematics, `check_gradient` a gradient with its function.

    from pp_ref.oracle import InProcess, conform
    report = conform(InProcess(my_layers, arithmetic="float32"))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pp_ref.oracle.candidates import InProcess, InWorker, load
    from pp_ref.oracle.gradient_check import GradientCheck, WrongEntry, check_gradient
    from pp_ref.oracle.run import conform

__all__ = ["GradientCheck", "InProcess", "InWorker", "WrongEntry", "check_gradient", "conform", "load"]

_MODULES = {
    "candidates": ("InProcess", "InWorker", "load"),
    "gradient_check": ("GradientCheck", "WrongEntry", "check_gradient"),
    "run": ("conform",),
}


def __getattr__(name: str) -> Any:
    """Imported on first use: pytest loads `pp_ref.oracle.pytest_plugin` in every run of everybody."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
