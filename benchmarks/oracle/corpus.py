"""The oracle checked: faults planted in pp_ref's own functions, each of which it has to report, and should name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.faults import FAULTS
from pp_ref.oracle.operations.nested import mapped
from pp_ref.oracle.operations.table import OPERATIONS, Operation
from pp_ref.oracle.run import conform
from pp_ref.oracle.verdict.diagnosis import UNKNOWN

__all__ = ["PLANTED", "Planted", "Trial", "trial"]

Functions = dict[str, Callable[..., Any]]


@dataclass(frozen=True)
class Planted:
    """One fault.

    function    the documented name of what is wrong
    operations  whose function it is: of a model both objectives, of which a fault may touch one
    name        a few words
    sentence    what it does
    functions   pp_ref's own with the wrong one among them; twice where products have two orders
    only        the arithmetic in which it is one; None: any
    """

    function: str
    operations: tuple[Operation, ...]
    name: str
    sentence: str
    functions: tuple[Functions, ...]
    only: str | None = None

    def __str__(self) -> str:
        return f"{self.function}: {self.name}"


@dataclass(frozen=True)
class Trial:
    """What the oracle said of a planted fault.

    reported  a case failed, or is suspicious
    named     the diagnosis says more than where the errors are
    said      the diagnosis
    """

    reported: bool
    named: bool
    said: str


def trial(planted: Planted, arithmetic: str, seed: int = 0, store: Path | None = None) -> Trial:
    """Put pp_ref with the fault to the oracle; in the second order of products if the first is not touched by it."""
    said = ""
    for functions in planted.functions:
        candidate = InProcess(functions, str(planted), arithmetic=arithmetic)
        only = [operation.name for operation in planted.operations]
        report = conform(candidate, only=only, seed=seed, store=store)
        if report.exit_code:
            said = next(iter(report.diagnoses.values()), "")
            return Trial(True, bool(said) and not said.startswith(UNKNOWN), said)
    return Trial(False, False, said)


# Faults in one arithmetic alone: what is float64 cannot be promoted, and dictionaries are computed in float64.
_ONLY = {"promoted": "float32"}
# What no case asks for: masks that are drawn, and columns that reconstruct alone.
_NOT_JUDGED = {"masks redrawn", "dropout forgotten", "mean over columns"}


def _catalogue() -> Iterator[Planted]:
    """The faults of `pp_ref.oracle.faults`, as far as their functions are judged."""
    by_function = {function: operation for operation in OPERATIONS for function in operation.functions}
    for fault in FAULTS:
        if fault.name in _NOT_JUDGED:
            continue
        orders = [dict(own.replaced(fault.operation, fault.wrong, order)) for order in (0, 1)]
        judged = [function for function in orders[0] if function in by_function]
        if judged:
            wrong = tuple(own.functions(order) | replaced for order, replaced in enumerate(orders))
            operations = tuple(by_function[function] for function in judged)
            only = "float64" if judged[0] in own.STATIC else _ONLY.get(fault.name)
            yield Planted(judged[0], operations, fault.name, fault.sentence, wrong, only)


def _stale_tail(x: NDArray[Any]) -> NDArray[Any]:
    y = x.copy()
    y[len(x) // 4 * 4 :] = 0
    return y


def _one_in_a_thousand(x: NDArray[Any]) -> NDArray[Any]:
    y = x.copy()
    y.flat[::1000] *= x.dtype.type(1 + 1e-3)
    return y


# Of any function's result: what kernels and hand-written passes do to it.
_ANYWHERE: dict[str, tuple[str, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "sign": ("has the opposite sign", np.negative),
    "doubled": ("counts everything twice", lambda x: 2 * x),
    "neighbour": ("is off by one along the last axis", lambda x: np.roll(x, 1, -1)),
    "stale tail": ("leaves the rows past the last full tile of 4 at zero", _stale_tail),
    "one in a thousand": ("is off by 1e-3 in one entry of a thousand", _one_in_a_thousand),
    "half precision": ("passes through float16", lambda x: x.astype(np.float16).astype(x.dtype)),
}


def _anywhere() -> Iterator[Planted]:
    """In functions whose value has axes: losses and backward passes have faults of their own in the catalogue."""
    right = own.functions()
    for operation in OPERATIONS:
        function = operation.functions[0]
        if function not in right or operation.name.startswith(("mlp", "convnet", "rica", "predicted_autoencoder")):
            continue
        if not operation.per_example and operation.name != "second_moment":
            continue
        for name, (sentence, change) in _ANYWHERE.items():
            wrong = _changed(right[function], change, operation.kind == "layer")
            yield Planted(function, (operation,), f"{name}, of the result", sentence, (right | {function: wrong},))


def _changed(function: Callable[..., Any], change: Callable[[Any], Any], layer: bool) -> Callable[..., Any]:
    def careful(x: Any) -> Any:
        return change(x) if np.ndim(x) and np.size(x) else x

    def wrong(*arguments: Any) -> Any:
        result = function(*arguments)
        return (mapped(careful, result[0]), result[1]) if layer else mapped(careful, result)

    return wrong


PLANTED = (*_catalogue(), *_anywhere())
