"""The check of each setting's value. `kinds.KINDS` says which kind takes which settings, with their defaults."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pp_ref.arrays import check_fraction, check_positive
from pp_ref.dictionaries.ridge import FORMS
from pp_ref.errors import DomainError, check_known

__all__ = ["CHECKS", "check_settings"]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise DomainError(f"{name} is {value!r}, expected a number")
    return float(value)


def _positive(name: str, value: Any) -> float:
    number = _number(name, value)
    check_positive(**{name: number})
    return number


def _fraction(name: str, value: Any) -> float:
    number = _number(name, value)
    check_fraction(**{name: number})
    return number


def _non_negative(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0 <= number < float("inf"):
        raise DomainError(f"{name} is {number}, expected a finite number >= 0")
    return number


def _nu(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0 < number <= 50:
        raise DomainError(f"{name} is {number}, expected a number in (0, 50]: beyond that use kind se, its limit")
    return number


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise DomainError(f"{name} is {value!r}, expected an integer >= 1")
    return int(value)


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else check(name, value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DomainError(f"{name} is {value!r}, expected a name")
    return value


def _one_of(*names: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        check_known(name, value, names)
        return str(value)

    return check


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "length_scale": _positive,
    "nu": _nu,
    "ridge": _non_negative,
    "form": _one_of(*FORMS),
    "window": _fraction,
    "inside": _fraction,
    "atoms": _optional(_count),
    "examples": _count,
    "iterations": _count,
    "distribution": _one_of("gaussian", "uniform"),
    "scale": _optional(_positive),
    "irange": _positive,
    "wavelet": _text,
    "level": _optional(_count),
    "whitening": _optional(_positive),
}


def check_settings(kind: str, allowed: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in ``allowed``, with the values in ``given`` or else the defaults, checked and in types of JSON.

    raises  DomainError for a name that this kind does not take, or for a value out of range
    """
    for name in given:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, 1)
            remedy = f"did you mean {close[0]}?" if close else ""
            if kind == "callable" and not close:
                remedy = f"a setting of your function goes into functools.partial(function, {name}=...)"
            raise DomainError(
                f"{name} is no setting of kind {kind}, which takes {', '.join(allowed) or 'none'}"
                + (remedy and f": {remedy}")
            )
    return {name: CHECKS[name](name, given.get(name, default)) for name, default in allowed.items()}
