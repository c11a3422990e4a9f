"""Modules with a mistake in them."""

import inspect
from types import ModuleType


def mutant(module: ModuleType, old: str, new: str) -> ModuleType:
    """The module with `new` wherever its source has `old`."""
    source = inspect.getsource(module)
    assert old in source, f"{old!r} is not in {module.__name__} any more"
    made = ModuleType("mutant")
    exec(compile(source.replace(old, new), "mutant.py", "exec"), vars(made))
    return made
