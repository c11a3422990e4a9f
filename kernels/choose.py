"""What this machine can compute with, and what it shall: the one switch of the pooling path."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast, get_args

from pp_ref.errors import DomainError

__all__ = [
    "Backend",
    "kernels_take",
    "pooling_backend",
    "use_backend",
]

Backend = Literal["auto", "numpy", "numba", "cupy"]

_COMPILED = ("float32", "float64")
_chosen: list[Backend] = []  # the innermost `use_backend` last


def pooling_backend() -> Backend:
    """How models evaluate predicted layers and max-pooling. Where they do is where the arrays are: no choice moves one.

    "auto"   as a plan of the costs says (pp_ref.kernels.plan), max-pooling of NumPy arrays always in Numba: the default
    "numpy"  by pp_ref.layers alone
    "numba"  NumPy arrays by pp_ref.kernels.cpu wherever the dictionary allows it, others by pp_ref.layers
    "cupy"   CuPy arrays by pp_ref.kernels.gpu wherever the dictionary allows it, others by pp_ref.layers

    The innermost `use_backend` decides, else the environment's PP_REF_BACKEND. Layers know none of this.
    raises   DomainError for another name in PP_REF_BACKEND
    """
    return _chosen[-1] if _chosen else _checked("PP_REF_BACKEND", os.environ.get("PP_REF_BACKEND") or "auto")


def kernels_take(first: Any, *others: Any) -> bool:
    """Whether compiled kernels may compute with these arrays: NumPy's, all of float32 or all of float64.

    Only where `pooling_backend` is "auto" or "numba".
    """
    allowed = pooling_backend() in ("auto", "numba")
    if not allowed or type(first).__module__ != "numpy" or first.dtype.name not in _COMPILED:
        return False
    return all(type(array) is type(first) and array.dtype == first.dtype for array in others)


@contextmanager
def use_backend(backend: Backend) -> Iterator[None]:
    """Choose for all threads of this process, until the block ends.

    raises  DomainError for another name
    """
    _chosen.append(_checked("backend", backend))
    try:
        yield
    finally:
        _chosen.pop()


def _checked(name: str, backend: str) -> Backend:
    if backend not in get_args(Backend):
        raise DomainError(f"{name} is {backend!r}, expected one of {', '.join(get_args(Backend))}")
    return cast(Backend, backend)
