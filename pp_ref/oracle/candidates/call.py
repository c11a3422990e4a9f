"""One case put to a candidate's functions: what they are given, and what they return, by name. Judges nothing."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates.libraries import Library
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.truth import cotangents_of

__all__ = ["Call", "Misbehaved", "Provided", "Returned", "results", "room"]

Provided = Callable[[str], Callable[..., Any] | None]


class Misbehaved(Exception):
    """What a function returned cannot be read."""


class Returned(NamedTuple):
    """Arrays of the candidate's library by name: values "y", "y[1]", ..., and gradients "dv", "dw[0]", ..."""

    values: dict[str, Any]
    gradients: dict[str, Any]

    @property
    def results(self) -> dict[str, Any]:
        """The values, then the gradients."""
        return self.values | self.gradients


class Call:
    """A candidate's functions of one operation, and the arguments and cotangents of one case.

    functions  name -> function, None where the candidate has none of that name
    autodiff   gradients are the library's own, of the forward function
    forward    None where nothing is provided
    backward   None where there is none, or where the operation has none
    say        told of a backward function that writes to its cotangent
    """

    def __init__(
        self,
        case: Case,
        functions: Provided,
        library: Library,
        autodiff: bool = False,
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.case, self.operation, self.library, self.say = case, case.operation, library, say
        self.autodiff = autodiff and bool(self.operation.learned)
        first, *second = self.operation.functions
        self.forward: Any = functions(first) or functions(self.operation.name)
        self.backward: Any = functions(second[0]) if second else None

    @property
    def differentiates(self) -> bool:
        """Whether gradients are pulled back from cotangents."""
        return self.backward is not None or self.autodiff

    @cached_property
    def cotangents(self) -> list[NDArray[np.float64]]:
        """Of every value: drawn once for all calls."""
        return cotangents_of(self.case)

    def arguments(self, sign: int = 1) -> list[Any]:
        """New arrays; with a sign of -1 each number is negated."""
        values = self.case.arguments.values()
        signed = [_negated(value) if sign < 0 and is_number(value) else value for value in values]
        return [self._made(value, self.case.layout) for value in signed]

    def arrays(self, arguments: Sequence[Any]) -> list[tuple[str, Any]]:
        """The library's arrays among arguments, each with the argument's name."""
        return [
            (name, leaf)
            for name, value in zip(self.case.arguments, arguments, strict=True)
            for leaf in leaves(value)
            if self.library.is_own(leaf)
        ]

    def run(self, arguments: list[Any], factor: float = 1.0) -> Returned:
        """The value and its gradients, from fresh calls; cotangents are multiplied by the factor."""
        if self.autodiff:
            return self._differentiated(arguments, factor)
        result = self.forward(*arguments)
        if self.operation.kind == "model":
            return self.returned(*self._pair(result, "(loss, gradients)"))
        if self.backward is None:
            return self.returned(_value(result) if self.operation.kind == "layer" else result)
        y, cache = self._pair(result, "(y, cache)")
        return self.returned(y, self.pulled(y, cache, factor))

    def pulled(self, y: Any, cache: Any, factor: float = 1.0) -> Any:
        """What backward returns."""
        arrays = [self._made(np.asarray(dy * factor)) for dy in self.cotangents]
        dy = arrays if isinstance(y, list | tuple) else arrays[0]
        copies = [self.library.numbers(leaf).copy() for leaf in leaves(dy)]
        try:
            gradients = self.backward(dy, cache)
        except Exception:
            self._check_shapes(y)  # the reason, rather than what it leads to
            raise
        for leaf, copy in zip(leaves(dy), copies, strict=True):
            if not np.array_equal(self.library.numbers(leaf), copy):
                self.say("backward writes to its cotangent")
        return gradients

    def returned(self, y: Any, gradients: Any = None) -> Returned:
        """A value and its gradients, as a candidate returns them, by name."""
        learned, found = self.operation.learned, dict[str, Any]()
        if gradients is not None:
            every = gradients if isinstance(gradients, list | tuple) and len(learned) > 1 else (gradients,)
            if len(learned) == 1 and isinstance(every[0], tuple) and len(every[0]) == 1:
                every = every[0]
            if len(every) != len(learned):
                raise Misbehaved(f"returns {len(every)} gradients, expected {len(learned)}: of {', '.join(learned)}")
            for name, value in zip(learned, every, strict=True):
                found |= self._named(f"d{name}", value)
        return Returned(self._named("y", y), found)

    def _made(self, value: Any, layout: str = "C") -> Any:
        return self.library.arrays(value, self.case.arithmetic, layout)

    def _differentiated(self, arguments: list[Any], factor: float) -> Returned:
        if self.library.gradient is None:
            raise Misbehaved(f"autodiff needs torch or jax arrays, but the candidate's are {self.library.name}'s")
        given = dict(zip(self.case.arguments, arguments, strict=True))
        learned = [leaf for name in self.operation.learned for leaf in leaves(given[name])]
        kept: list[Any] = []

        def function(inputs: list[Any]) -> list[Any]:
            left = iter(inputs)
            replaced = {name: _replaced(given[name], left) for name in given if name in self.operation.learned}
            kept[:] = [_value(self.forward(*(given | replaced).values()))]
            return list(leaves(kept[0]))

        y = function(learned)
        self._check_shapes(kept[0])
        cotangents = [self._made(np.asarray(dy * factor)) for dy in self.cotangents]
        pulled = iter(self.library.gradient(function, learned, cotangents))
        gradients = [_replaced(given[name], pulled) for name in self.operation.learned]
        return self.returned(_replaced(kept[0], iter(y)), gradients if len(gradients) > 1 else gradients[0])

    def _check_shapes(self, y: Any) -> None:
        """A value of another shape has no cotangent that could be pulled back."""
        for (name, x), dy in zip(self._named("y", y).items(), self.cotangents, strict=False):
            if np.shape(x) != dy.shape:
                raise Misbehaved(f"{name} has shape {tuple(np.shape(x))}, expected {dy.shape}")

    def _pair(self, result: Any, expected: str) -> tuple[Any, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise Misbehaved(f"returns {_described(result)}, expected {expected}")
        return result

    def _named(self, name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, list | tuple):
            return {k: x for i, each in enumerate(value) for k, x in self._named(f"{name}[{i}]", each).items()}
        if not (self.library.is_own(value) or isinstance(value, float)):
            raise Misbehaved(f"{name} is {_described(value)}, expected an array of {self.library.name}")
        if 8 * math.prod(np.shape(value)) > room(self.case):  # broadcast, say: to read it would fill the memory
            raise Misbehaved(f"{name} has shape {tuple(np.shape(value))}, more than a result can have")
        return {name: value}


def room(case: Case) -> int:
    """Bytes that a result may have in float64: far more than any right one."""
    return 2**26 + 512 * sum(np.size(leaf) for value in case.arguments.values() for leaf in leaves(value))


def results(case: Case, functions: Provided, library: Library) -> dict[str, NDArray[np.float64]]:
    """What the functions return, by name; what they raise is raised."""
    call = Call(case, functions, library)
    return {name: library.numbers(x) for name, x in call.run(call.arguments()).results.items()}


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
