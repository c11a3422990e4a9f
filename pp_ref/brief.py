"""Short `repr`s: arrays by dtype and shape, long values cut, and the fields that have their defaults left out."""

from dataclasses import MISSING, fields, is_dataclass
from reprlib import Repr
from typing import Any, TypeVar

__all__ = ["LONGEST", "brief", "brief_value"]

T = TypeVar("T")
LONGEST = 200  # characters of a `repr`
CUTS = range(100, 10, -5)  # characters of a value, until the `repr` is short enough


class _Brief(Repr):
    """The standard library's cut `repr`, for values that may be arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.maxtuple, self.maxlist, self.maxdict, self.maxstring, self.maxother = 4, 2, 2, 20, 100

    def repr1(self, x: Any, level: int) -> str:
        if getattr(x, "shape", ()) and hasattr(x, "dtype"):
            return f"<{x.dtype} {tuple(x.shape)}>"
        return super().repr1(x, level)


brief_value = _Brief().repr


def brief(kind: type[T]) -> type[T]:
    """Give a dataclass or a named tuple a short `repr`; use it as a decorator, the outermost.

    >>> from pp_ref.training import SGD
    >>> SGD(epochs=3, learning_rate=0.1, momentum=0.5)
    SGD(epochs=3, learning_rate=0.1, momentum=0.5)
    """
    kind.__repr__ = _said  # type: ignore[method-assign]
    return kind


def _said(record: Any) -> str:
    if is_dataclass(record):
        defaults = {field.name: field.default for field in fields(record)}
    else:
        defaults = dict.fromkeys(record._fields, MISSING) | record._field_defaults
    values = {name: getattr(record, name) for name in defaults}
    said = {name: brief_value(value) for name, value in values.items() if not _equal(value, defaults[name])}
    for most in CUTS:
        parts = (f"{name}={text if len(text) <= most else f'{text[:most]}...'}" for name, text in said.items())
        if len(text := f"{type(record).__name__}({', '.join(parts)})") <= LONGEST:
            break
    return text


def _equal(value: Any, default: Any) -> bool:
    """Whether a value is its default; only numbers and names are compared, since arrays have no one answer."""
    simple = isinstance(value, int | float | str)
    return value is default or (simple and (type(value), value) == (type(default), default))
