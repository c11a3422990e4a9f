"""Names of a package that are imported when they are first used (SPEC 1 of Scientific Python)."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package whose names lie in these modules.

    package  its `__name__`
    modules  the names that are public, by the module that has them
    """
    places = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name in places:
            return getattr(import_module(places[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}: it has {', '.join(sorted(places))}")

    return get, lambda: sorted(places)
