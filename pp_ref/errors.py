"""What can go wrong, by kind. A message names the argument, what it is, what was expected and what to do next."""

from importlib import import_module
from types import ModuleType


class ShapeError(ValueError):
    """Arrays whose axes do not fit together."""


class DomainError(ValueError):
    """A value outside the range on which the operation is defined."""


class DataError(OSError):
    """A file that is missing, truncated, corrupt, or not what it says it is."""


class DeviceError(RuntimeError):
    """A device that is absent, out of memory, or not the one the arrays live on."""


class InaccurateError(ArithmeticError):
    """A result that is off by more than its bound."""


class MissingExtraError(ImportError):
    """An optional dependency that the called function needs."""


def import_extra(module: str, extra: str) -> ModuleType:
    """Import ``module``, or say which extra of pp_ref installs it.

    raises  MissingExtraError naming the pip command
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed, but this function needs it: pip install 'pp_ref[{extra}]'"
        ) from error
