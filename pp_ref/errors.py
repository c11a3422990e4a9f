"""The errors that pp_ref raises. A message names the argument, what it is, what was expected and what to do next."""

from collections.abc import Collection, Hashable, Iterable
from difflib import get_close_matches
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
    "check_known",
    "import_extra",
]


class ShapeError(ValueError):
    """The axes of arrays do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dense_forward
    >>> dense_forward(np.ones((1, 2)), np.ones((3, 4)), np.zeros(4))
    Traceback (most recent call last):
        ...
    pp_ref.errors.ShapeError: axis d is 2 in v but 3 in W
    """


class DomainError(ValueError):
    """A value is outside the range on which the operation is defined.

    Examples
    --------
    >>> from pp_ref.training import SGD
    >>> SGD(epochs=3, learning_rate=-0.1)
    Traceback (most recent call last):
        ...
    pp_ref.errors.DomainError: learning_rate is -0.1, expected a finite number > 0
    """


class DataError(OSError):
    """A file is missing, truncated, corrupt, or not what it says it is.

    Examples
    --------
    >>> from pp_ref.models import load
    >>> load("nowhere.safetensors")
    Traceback (most recent call last):
        ...
    pp_ref.errors.DataError: nowhere.safetensors cannot be read (No such file or directory): expected a model
    """


class DeviceError(RuntimeError):
    """A device is absent, out of memory, or not the one that holds the arrays."""


class InaccurateError(ArithmeticError):
    """A result that is off by more than its bound."""


class MissingExtraError(ImportError):
    """An optional dependency of the called function is not installed."""


# A command prints these in one line.
EXPECTED = (ShapeError, DomainError, InaccurateError, DataError, DeviceError, MissingExtraError)


def meant(value: object, known: Iterable[str]) -> str:
    """Return ": did you mean 'se'?" for the known name that is nearest to the value; "" if none is near.

    A name that begins with the value is nearer than any other: "figure4" means "figure4-left".
    """
    names = {name.lower(): name for name in sorted(known)}
    given = str(value).lower()
    near = [name for name in names if name.startswith(given)] if given else []
    near = near or get_close_matches(given, names, n=1, cutoff=0.75)
    return f": did you mean {names[near[0]]!r}?" if near else ""


def unknown(argument: str, value: object, known: Iterable[str]) -> str:
    """Return the message on a value that is no known name, with all names and the one that is nearest to it."""
    names = list(known)
    return f"{argument} is {value!r}, expected one of {', '.join(names)}{meant(value, names)}"


def check_known(argument: str, value: object, known: Collection[str]) -> None:
    """Refuse a value that is none of the known names, a list of them included.

    raises  DomainError as `unknown`
    """
    if not isinstance(value, Hashable) or value not in known:
        raise DomainError(unknown(argument, value, known))


# Where a module is in a distribution of another name.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cupy": "cupy-cuda13x",
    "flint": "python-flint",
    "pywt": "PyWavelets",
    "sklearn": "scikit-learn",
}


def import_extra(module: str, extra: str) -> ModuleType:
    """Import the optional dependency ``module`` and return it.

    raises  MissingExtraError, which names its distribution, the pip command that installs it, and the extra
    """
    try:
        return import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        name = DISTRIBUTIONS.get(top, top)
        raise MissingExtraError(
            f"{name} is not installed, but this function needs it: pip install {name} (the extra {extra!r} of pp-ref)"
        ) from error
