"""Lists of arrays, one a column, and lists of such lists, one a layer."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["described", "is_number", "leaves", "mapped", "named"]


def leaves(value: Any) -> Iterator[Any]:
    """Every array of a nested list, or the one that value is."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def mapped(function: Callable[..., Any], value: Any) -> Any:
    """function of every array of a nested list."""
    return [mapped(function, each) for each in value] if isinstance(value, list) else function(value)


def named(name: str, value: Any) -> dict[str, Any]:
    """Every array of a nested list by its place: "w[0][1]"."""
    if isinstance(value, list):
        return {label: leaf for i, each in enumerate(value) for label, leaf in named(f"{name}[{i}]", each).items()}
    return {name: value}


def described(value: Any) -> Any:
    """What JSON holds of an argument: the shape of an array, a list of shapes of a nested list, a setting as it is."""
    if isinstance(value, np.ndarray):
        return list(value.shape)
    return [described(each) for each in value] if isinstance(value, list | tuple) else value


def is_number(value: Any) -> bool:
    """Whether value is an array of floats, or a nested list of them: what an arithmetic stores."""
    if isinstance(value, list):
        return bool(value) and all(map(is_number, value))
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
