"""pp_ref: the reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013).

`import pp_ref` loads no room; each is loaded when it is first used (SPEC 1 of Scientific Python).

    >>> import pp_ref
    >>> pp_ref.dictionaries.Grid(28, 28).size
    784

`__version__` is that of the installed package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pp_ref import (
        bench,
        data,
        dictionaries,
        errors,
        experiments,
        features,
        gradient_check,
        kernels,
        layers,
        lessons,
        models,
        oracle,
        torch,
        training,
    )

    __version__: str

__all__ = [
    "__version__",
    "bench",
    "data",
    "dictionaries",
    "errors",
    "experiments",
    "features",
    "gradient_check",
    "kernels",
    "layers",
    "lessons",
    "models",
    "oracle",
    "torch",
    "training",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in __all__:
        return import_module(f"pp_ref.{name}")
    raise AttributeError(f"module 'pp_ref' has no attribute {name!r}: it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__


def _version() -> str:
    """The version of the installed package; "0+unknown" for a folder of sources that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pp-ref")
    except PackageNotFoundError:
        return "0+unknown"
