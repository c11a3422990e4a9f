"""One case put to a candidate: what its functions return, and how they behave. Judges nothing."""

import textwrap
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.candidates.libraries import Library
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["Observation", "observe", "results"]

Provided = Callable[[str], Callable[..., Any] | None]


@dataclass
class Observation:
    """What was seen.

    provided  whether there is a function for the value
    results   name -> numbers: "y", "y[1]", "dv", "dw[0]", ...
    messages  how its functions misbehave, numbers apart
    warnings  of NumPy, of overflow and the like on the way to a result
    missing   functions that gradients would have needed
    seconds   of the first call of each function
    """

    provided: bool = True
    results: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0


class _Misbehaved(Exception):
    """What a function returned cannot be read."""


def observe(case: Case, functions: Provided, library: Library, autodiff: bool = False) -> Observation:
    """Call the candidate's functions on the case's arguments, twice, and with other cotangents.

    functions  name -> function, None where the candidate has none of that name
    autodiff   gradients are the library's own, of the forward function
    """
    seen = Observation()
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate():  # which a candidate may set
            warnings.simplefilter("always")
            _Calls(case, functions, library, autodiff, seen).all()
        if not case.wild:
            warned = {str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)}
            seen.warnings += [f"warns: {message}" for message in sorted(warned)]
    except _Misbehaved as error:
        seen.messages.append(str(error))
    except (Exception, SystemExit) as error:  # a stranger's code may raise anything
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = textwrap.shorten(str(error), 300)
        seen.messages.append(
            f"raised {type(error).__name__} at {where.filename.rpartition('/')[2]}:{where.lineno}: {said}"
        )
    return seen


def results(case: Case, functions: Provided, library: Library) -> dict[str, NDArray[np.float64]]:
    """What the functions return, by name; what they raise is raised."""
    calls = _Calls(case, functions, library, False, Observation())
    forward, *backward = (functions(name) for name in case.operation.functions)
    found = calls.run(forward, backward[0] if backward else None, calls.arguments())
    return {name: library.numbers(x) for name, x in found.items()}


class _Calls:
    def __init__(self, case: Case, functions: Provided, library: Library, autodiff: bool, seen: Observation) -> None:
        self.case, self.operation, self.functions = case, case.operation, functions
        self.library, self.autodiff, self.seen = library, autodiff, seen

    @cached_property
    def cotangents(self) -> list[NDArray[np.float64]]:
        """Of every result: drawn once for all calls."""
        return cotangents_of(self.case)

    @cached_property
    def underflow(self) -> dict[str, NDArray[np.float64]]:
        """What results may lose to it: the bounds of an arithmetic that rounds nothing else."""
        exact = replace(self.case.arithmetic, bits=200, operand=0.0, sums=0.0, ulps=0)
        with np.errstate(all="ignore"):
            found = evaluated(self.case, rounded.algebra(exact), self.cotangents)
        return {name: np.nextafter(np.asarray(x.error, np.float64), np.inf) for name, x in found}

    def lost(self, name: str, like: NDArray[np.float64]) -> NDArray[np.float64]:
        """Nothing where that has no bound."""
        found = self.underflow.get(name)
        if found is None or found.shape != like.shape:
            return np.zeros_like(like)
        return np.where(np.isfinite(found), found, 0.0)

    def all(self) -> None:
        names = self.operation.functions
        forward = self.functions(names[0]) or self.functions(self.operation.name)
        if forward is None:
            self.seen.provided = False
            return
        backward = self.functions(names[1]) if len(names) > 1 else None
        if self.operation.kind == "layer" and backward is None and not self.autodiff:
            self.seen.missing.append(names[1])
        arguments = self.arguments()
        copies = [self.library.numbers(leaf).copy() for _, leaf in self.arrays(arguments)]
        started = time.perf_counter()
        first = self.run(forward, backward, arguments)
        self.seen.seconds = time.perf_counter() - started
        self.seen.results = {name: self.library.numbers(x) for name, x in first.items()}
        self.check_arrays(first, arguments)
        for (name, leaf), copy in zip(self.arrays(arguments), copies, strict=True):
            if not np.array_equal(self.library.numbers(leaf), copy, equal_nan=True):
                self.say(f"writes to its argument {name}")
        if not self.case.wild:
            self.behaviour(forward, backward)

    def say(self, message: str) -> None:
        if message not in self.seen.messages:
            self.seen.messages.append(message)

    def arguments(self, sign: int = 1) -> list[Any]:
        values = self.case.arguments.values()
        signed = [_negated(value) if sign < 0 and is_number(value) else value for value in values]
        return [self.library.arrays(value, self.case.arithmetic, self.case.layout) for value in signed]

    def arrays(self, arguments: Sequence[Any]) -> list[tuple[str, Any]]:
        return [
            (name, leaf)
            for name, value in zip(self.case.arguments, arguments, strict=True)
            for leaf in leaves(value)
            if self.library.is_own(leaf)
        ]

    def cotangent(self, y: Any, factor: float = 1.0) -> Any:
        arrays = [self.library.arrays(np.asarray(dy * factor), self.case.arithmetic) for dy in self.cotangents]
        return arrays if isinstance(y, list | tuple) else arrays[0]

    def run(self, forward: Any, backward: Any, arguments: list[Any], factor: float = 1.0) -> dict[str, Any]:
        """The value and its gradients, by name, from fresh calls."""
        if self.operation.kind == "model" and not self.autodiff:
            y, gradients = self.pair(forward(*arguments), "(loss, gradients)")
            return self.named(y, gradients)
        if self.autodiff and self.operation.learned:
            return self.differentiated(forward, arguments, factor)
        result = forward(*arguments)
        if self.operation.kind == "layer":
            y, cache = self.pair(result, "(y, cache)") if backward else (_value(result), None)
            return self.named(y, self.pulled(backward, y, factor, cache) if backward else None)
        return self.named(result, None)

    def differentiated(self, forward: Any, arguments: list[Any], factor: float) -> dict[str, Any]:
        if self.library.gradient is None:
            raise _Misbehaved(f"autodiff needs torch or jax arrays, but the candidate's are {self.library.name}'s")
        places = list(self.case.arguments)
        learned = [leaf for name in self.operation.learned for leaf in leaves(arguments[places.index(name)])]

        kept: list[Any] = []

        def function(inputs: list[Any]) -> list[Any]:
            left = iter(inputs)
            given = [
                _replaced(value, left) if name in self.operation.learned else value
                for name, value in zip(places, arguments, strict=True)
            ]
            kept[:] = [_value(forward(*given))]
            return list(leaves(kept[0]))

        y = function(learned)
        self.check_shapes(kept[0])
        cotangents = [self.library.arrays(np.asarray(dy * factor), self.case.arithmetic) for dy in self.cotangents]
        pulled = iter(self.library.gradient(function, learned, cotangents))
        gradients = [_replaced(arguments[places.index(name)], pulled) for name in self.operation.learned]
        return self.named(_replaced(kept[0], iter(y)), gradients if len(gradients) > 1 else gradients[0])

    def pulled(self, backward: Any, y: Any, factor: float, cache: Any) -> Any:
        dy = self.cotangent(y, factor)
        copies = [self.library.numbers(leaf).copy() for leaf in leaves(dy)]
        try:
            gradients = backward(dy, cache)
        except Exception:
            self.check_shapes(y)  # the reason, rather than what it leads to
            raise
        for leaf, copy in zip(leaves(dy), copies, strict=True):
            if not np.array_equal(self.library.numbers(leaf), copy):
                self.say("backward writes to its cotangent")
        return gradients

    def check_shapes(self, y: Any) -> None:
        """A value of another shape has no cotangent that could be pulled back."""
        for (name, x), dy in zip(self.leaves_of("y", y).items(), self.cotangents, strict=False):
            if np.shape(x) != dy.shape:
                raise _Misbehaved(f"{name} has shape {tuple(np.shape(x))}, expected {dy.shape}")

    def pair(self, result: Any, expected: str) -> tuple[Any, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise _Misbehaved(f"returns {_described(result)}, expected {expected}")
        return result

    def named(self, y: Any, gradients: Any) -> dict[str, Any]:
        found = dict(self.leaves_of("y", y))
        if gradients is not None:
            learned = self.operation.learned
            every = gradients if isinstance(gradients, list | tuple) and len(learned) > 1 else (gradients,)
            if len(learned) == 1 and isinstance(every[0], tuple) and len(every[0]) == 1:
                every = every[0]
            if len(every) != len(learned):
                raise _Misbehaved(f"returns {len(every)} gradients, expected {len(learned)}: of {', '.join(learned)}")
            for name, value in zip(learned, every, strict=True):
                found |= self.leaves_of(f"d{name}", value)
        return found

    def leaves_of(self, name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, list | tuple):
            return {k: x for i, each in enumerate(value) for k, x in self.leaves_of(f"{name}[{i}]", each).items()}
        if not (self.library.is_own(value) or isinstance(value, float)):
            raise _Misbehaved(f"{name} is {_described(value)}, expected an array of {self.library.name}")
        return {name: value}

    def check_arrays(self, found: dict[str, Any], arguments: list[Any]) -> None:
        given = self.arrays(arguments)
        devices = {self.library.device_of(leaf) for _, leaf in given}
        for name, x in found.items():
            dtype = self.library.dtype_of(x)
            if dtype != self.case.arithmetic.dtype and not (isinstance(x, float) and x.__class__ is float):
                self.say(f"{name} is {dtype}, expected {self.case.arithmetic.dtype}, the dtype that came in")
            if self.library.is_own(x) and self.library.device_of(x) not in devices and devices:
                self.say(f"{name} is on {self.library.device_of(x)}, its arguments are on {', '.join(sorted(devices))}")
            if self.library.is_own(x) and not self.operation.view:
                for argument, leaf in given:
                    if self.library.shared(x, leaf):
                        self.say(f"{name} is a view of its argument {argument}: writing to one changes the other")

    def behaviour(self, forward: Any, backward: Any) -> None:
        """Determinism, no state between calls, and gradients that are linear in the cotangent."""
        first = self.seen.results
        again = self.run(forward, backward, self.arguments())
        for name, x in again.items():
            if not np.array_equal(self.library.numbers(x), first[name], equal_nan=True):
                self.say(f"{name} of a second run on the same arguments has other bits")
        if backward is not None:
            self.interrupted(forward, backward)
        if backward is not None or (self.autodiff and self.operation.learned):
            for factor, what in ((0.0, "a cotangent of zeros gives"), (2.0, "twice the cotangent does not give twice")):
                scaled = self.run(forward, backward, self.arguments(), factor)
                for name in scaled:
                    if not name.startswith("d"):
                        continue
                    off = abs(self.library.numbers(scaled[name]) - factor * first[name])
                    # A power of two changes no digits, except where numbers underflow: once, or on the way.
                    held = (off <= 4 * self.case.arithmetic.tiny).all()
                    if not (held or (factor and (off <= 4 * self.lost(name, off)).all())):
                        self.say(f"{what} {name}" + (" that is not zero" if factor == 0 else ""))

    def interrupted(self, forward: Any, backward: Any) -> None:
        """Another forward pass between a forward and its backward pass changes nothing."""
        y, cache = forward(*self.arguments())
        try:
            forward(*self.arguments(sign=-1))
        except Exception:
            return
        for name, x in self.named(y, backward(self.cotangent(y), cache)).items():
            if not np.array_equal(self.library.numbers(x), self.seen.results[name], equal_nan=True):
                self.say(f"{name} depends on another call between forward and backward")


def _value(result: Any) -> Any:
    """y of (y, cache), or y alone."""
    return result[0] if isinstance(result, tuple) and len(result) == 2 else result


def _negated(value: Any) -> Any:
    return [_negated(each) for each in value] if isinstance(value, list) else -value


def _replaced(value: Any, left: Any) -> Any:
    """The arrays of a nested list, replaced in turn."""
    return [_replaced(each, left) for each in value] if isinstance(value, list | tuple) else next(left)


def _described(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, tuple) else f"a {type(value).__name__}"
