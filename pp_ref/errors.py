"""The errors that pp_ref raises. A message names the argument, what it is, what was expected and what to do next."""

from importlib import import_module
from types import ModuleType

__all__ = [
    "EXPECTED",
    "DataError",
    "DeviceError",
    "DomainError",
    "InaccurateError",
    "MissingExtraError",
    "ShapeError",
    "import_extra",
]


class ShapeError(ValueError):
    """The axes of arrays do not fit together."""


class DomainError(ValueError):
    """A value is outside the range on which the operation is defined."""


class DataError(OSError):
    """A file is missing, truncated, corrupt, or not what it says it is."""


class DeviceError(RuntimeError):
    """A device is absent, out of memory, or not the one that holds the arrays."""


class InaccurateError(ArithmeticError):
    """A result that is off by more than its bound."""


class MissingExtraError(ImportError):
    """An optional dependency of the called function is not installed."""


# A command prints these in one line.
EXPECTED = (ShapeError, DomainError, InaccurateError, DataError, DeviceError, MissingExtraError)


def import_extra(module: str, extra: str) -> ModuleType:
    """Import the optional dependency ``module`` and return it.

    raises  MissingExtraError, which names the pip command that installs the extra
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed, but this function needs it: pip install 'pp_ref[{extra}]'"
        ) from error
