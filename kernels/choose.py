"""The choice of a way: the cheapest one that the arrays, the dictionary and the backend allow.

A way's cost is its work (`pp_ref.kernels.work`) times the rates of this machine (`pp_ref.kernels.rates`) for the number
of threads that the BLAS may use. Models evaluate the way that the printed plan names.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from pp_ref.arrays import check_integer
from pp_ref.brief import brief
from pp_ref.errors import DomainError
from pp_ref.kernels.cpu.threads import blas_threads
from pp_ref.kernels.rates import BY_NUMBER, DEVICE, Origin, Rates, default_rates, known_rates
from pp_ref.kernels.ways import Way
from pp_ref.kernels.work import Work
from pp_ref.machine import numba_absence

__all__ = ["Backend", "Plan", "choose", "pooling_backend", "use_backend", "use_default_rates"]

Backend = Literal["auto", "numpy", "numba", "cupy"]

_chosen: list[Backend] = []  # the innermost `use_backend` last
_threads: list[int] = []  # those of `use_default_rates`, the innermost last


@brief
@dataclass(frozen=True)
class Plan:
    """The way that was chosen, and why.

    way      the entry of its table
    seconds  estimated time of a step, by the name of each possible way
    refused  the reason why a way is not possible, by its name
    backend  "auto": the cheapest way was chosen; another: the last possible way of that backend
    threads  number of threads of the BLAS for which the rates hold
    rates    where the rates come from: "default", "calibrated" on this machine, or "given" by the caller
    """

    way: Way
    seconds: Mapping[str, float]
    refused: Mapping[str, str]
    backend: Backend
    threads: int
    rates: Origin

    def __str__(self) -> str:
        """E.g. "dictionary 3.90 ms, weights 4.98 ms, separable 1.80 ms: separable, 2.2 times cheaper than the next; not
        shared: K is a product of axes (default rates, 1 thread)"."""
        costs = ", ".join(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in self.seconds.items())
        why = "; ".join(f"not {name}: {reason}" for name, reason in self.refused.items())
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{costs}: {self.way.name}, {self.reason}{why and '; '}{why} ({self.rates} rates, {threads})"

    @property
    def reason(self) -> str:
        """Why the way was chosen, as half a sentence."""
        others = [seconds for name, seconds in self.seconds.items() if name != self.way.name]
        if self.backend == self.way.backend:
            return f"as backend {self.backend} demands"
        if not others:
            return "the only one that is possible"
        own = self.seconds[self.way.name]
        return f"{min(others) / own:.1f} times cheaper than the next" if own else "at no cost"


def choose(ways: Sequence[Way], problem: Any, rates: Rates | None = None, threads: int | None = None) -> Plan:
    """Choose the way of a step.

    ways     a table of `pp_ref.kernels.ways`
    problem  a problem of `pp_ref.kernels.work`
    rates    None: those of this machine, or the defaults; `DEVICE` for arrays on a CUDA device; within
             `use_default_rates` always the defaults
    threads  None: as many as the BLAS may use, or those of `use_default_rates`
    returns  Plan; if several ways are equally cheap, with the first of them
    raises   ShapeError for images smaller than the filters
    """
    backend, on_device = pooling_backend(), problem.arrays.library == "cupy"
    threads = 1 if on_device else threads or (_threads[-1] if _threads else blas_threads())
    known, origin = (rates, "given") if rates else (DEVICE, "default") if on_device else _rates(threads)
    kept = {} if problem.operands is None else problem.operands.plans
    key = (id(ways), problem, known, backend, threads)
    if key not in kept:
        refused = {way.name: why for way in ways if (why := _refusal(way, problem, backend))}
        possible = {way.name: way for way in ways if way.name not in refused}
        seconds = {name: cost(way.work(problem), known, problem.arrays.dtype) for name, way in possible.items()}
        cheapest = min(seconds, key=seconds.__getitem__)
        demanded = [name for name, way in possible.items() if way.backend == backend != "numpy"]
        way = possible[demanded[-1] if demanded else cheapest]
        kept[key] = Plan(way, seconds, refused, backend, threads, cast(Origin, origin))
    return cast(Plan, kept[key])


def _rates(threads: int) -> tuple[Rates, Origin]:
    return (default_rates(threads), "default") if _threads else known_rates(threads)


def _refusal(way: Way, problem: Any, backend: Backend) -> str | None:
    if way.backend not in ("numpy", backend) and backend != "auto":
        return f"the backend is {backend}"
    if way.backend == "numba" and (absence := numba_absence()):
        return absence
    return way.needs(problem)


def cost(work: Work, rates: Rates, dtype: str) -> float:
    """Estimated seconds of some work. The cost of a number is proportional to the size of its dtype."""
    width = np.dtype(dtype or "float64").itemsize / 4
    return float(sum(n * getattr(rates, unit) * (width if unit in BY_NUMBER else 1) for unit, n in work.items()))


def pooling_backend() -> Backend:
    """The backend with which models evaluate predicted layers, convolutions and max-pooling. No backend moves an array.

    "auto"   the cheapest way, the default
    "numpy"  the ways of pp_ref.layers
    "numba"  pp_ref.kernels.cpu for NumPy arrays if the dictionary allows it, else pp_ref.layers
    "cupy"   pp_ref.kernels.gpu for CuPy arrays if the dictionary allows it, else pp_ref.layers

    The innermost `use_backend` sets it, else the environment variable PP_REF_BACKEND. Layers do not read it.
    raises   DomainError for another name in PP_REF_BACKEND
    """
    return _chosen[-1] if _chosen else _checked("PP_REF_BACKEND", os.environ.get("PP_REF_BACKEND") or "auto")


@contextmanager
def use_backend(backend: Backend) -> Iterator[None]:
    """Set the backend for all threads of this process until the block ends.

    raises  DomainError for another name
    """
    _chosen.append(_checked("backend", backend))
    try:
        yield
    finally:
        _chosen.pop()


@contextmanager
def use_default_rates(threads: int = 1) -> Iterator[None]:
    """Choose by the default rates for a number of threads until the block ends: the same ways on every machine.

    raises  DomainError for fewer than one thread
    """
    check_integer(1, threads=threads)
    _threads.append(threads)
    try:
        yield
    finally:
        _threads.pop()


def _checked(name: str, backend: str) -> Backend:
    if backend not in get_args(Backend):
        raise DomainError(f"{name} is {backend!r}, expected one of {', '.join(get_args(Backend))}")
    return cast(Backend, backend)
