"""One case put to a candidate's functions: what they are given, and what they return, by name. Judges nothing."""

import inspect
import math
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates.declared import unfit
from pp_ref.oracle.candidates.libraries import Library
from pp_ref.oracle.candidates.memory import Held
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import described, is_number, leaves
from pp_ref.oracle.operations.truth import cotangents_of, shapes

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
    say        told of functions that write to or beside what they are given
    forward    None where nothing is provided
    backward   None where there is none, or where the operation has none
    frozen     names of arguments, and "dy", that are read-only where the library has such arrays
    calls      of forward, up to now
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
        self.functions, self.frozen, self.calls = functions, frozenset(self.names), 0

    @property
    def differentiates(self) -> bool:
        """Whether gradients are pulled back from cotangents."""
        return self.backward is not None or self.autodiff

    @cached_property
    def cotangents(self) -> list[NDArray[np.float64]]:
        """Of every value: drawn once for all calls."""
        return [np.asarray(dy) for dy in cotangents_of(self.case)]

    @cached_property
    def room(self) -> int:
        """Bytes that a result may have in float64."""
        return room(self.case)

    @property
    def names(self) -> list[str]:
        """Of the arguments, and of the cotangent."""
        return [*self.case.arguments, "dy"]

    def held(self, factor: float = 1.0, huge: bool = False) -> Held:
        """The arguments in new arrays, every number multiplied by a factor. huge: poison is a huge number, not NaN."""
        numbers, case = self.numbers(factor), self.case
        repeated = case.copies, self.operation.batch
        return Held(self.library, numbers, case.arithmetic, case.layout, huge, self.frozen, *repeated)

    def numbers(self, factor: float = 1.0) -> dict[str, Any]:
        """The arguments, every number of them multiplied by a factor."""
        given = self.case.arguments
        return {name: _scaled(value, factor) if is_number(value) else value for name, value in given.items()}

    def run(self, held: Held, factor: float = 1.0, dy: Held | None = None) -> Returned:
        """The value and its gradients, from fresh calls; cotangents are multiplied by the factor, or lie in dy."""
        found = self._run(held, factor, dy)
        self.look(held)
        return found

    def look(self, held: Held) -> None:
        """Say what was written of what lies there."""
        for name, where in held.written():
            self.say(self.wrote(name, where))

    def wrote(self, name: str, where: str) -> str:
        """The sentence on an argument, or "dy", that was written "to" or "beside"."""
        if name == "dy":
            return f"backward writes {where} its cotangent"
        return f"writes to its argument {name}" if where == "to" else f"writes to memory beside its argument {name}"

    @property
    def own(self) -> list[Any]:
        """The candidate's functions that are there."""
        return [inspect.unwrap(each) for each in (self.forward, self.backward) if callable(each)]

    def unfit(self) -> tuple[str, int, str] | None:
        """File, line and sentence of a function that cannot take what it is given; None if all can."""
        given = [*self.case.arguments], ["dy", "cache"]
        for name, function, names in zip(self.operation.functions, (self.forward, self.backward), given, strict=False):
            if function is not None and (found := unfit(name, function, names)):
                return found
        return None

    @property
    def described(self) -> str:
        """The arguments with their shapes: "v (5, 7), pieces = 3"."""
        return ", ".join(
            f"{name} {_shapes(value)}" if _has_arrays(value) else f"{name} = {value!r}"
            for name, value in self.case.arguments.items()
        )

    def called(self, held: Held) -> Any:
        """What forward returns."""
        self.calls += 1
        return _called(self.forward, *held.arguments)

    def upstream(self, factor: float = 1.0) -> Held:
        """The cotangents in new arrays."""
        numbers = {"dy": [np.asarray(dy * factor) for dy in self.cotangents]}
        case = self.case
        return Held(self.library, numbers, case.arithmetic, frozen=self.frozen, copies=case.copies, repeated=("dy",))

    def pulled(self, y: Any, cache: Any, held: Held) -> Any:
        """What backward returns for cotangents."""
        (arrays,) = held.arguments
        try:
            gradients = _called(self.backward, arrays if isinstance(y, list | tuple) else arrays[0], cache)
        except Exception:
            self._check_shapes(y)  # the reason, rather than what it leads to
            raise
        self.look(held)
        return gradients

    def pair(self, result: Any, expected: str = "(y, cache)") -> tuple[Any, Any]:
        """The two that were returned."""
        if not isinstance(result, tuple) or len(result) != 2:
            name = self.operation.functions[0]
            said = f"{len(result)} values" if isinstance(result, tuple) else f"{_described(result)} alone"
            raise Misbehaved(f"{name} returns {said}, expected {expected}")
        return result

    def _run(self, held: Held, factor: float, dy: Held | None) -> Returned:
        if self.autodiff:
            return self._differentiated(held, factor)
        result = self.called(held)
        if self.operation.kind == "model":
            return self.returned(*self.pair(result, "(loss, gradients)"))
        if self.backward is None:
            return self.returned(_value(result) if self.operation.kind == "layer" else result)
        y, cache = self.pair(result)
        found = self.returned(y)
        return found if self.misshapen(found) else self.returned(y, self.pulled(y, cache, dy or self.upstream(factor)))

    def misshapen(self, found: Returned) -> bool:
        """Whether a value has another shape than is due: then it has no cotangent that could be pulled back."""
        shapes = [np.shape(x) for x in found.values.values()]
        due = [(len(dy) * self.case.copies, *dy.shape[1:]) if dy.ndim else () for dy in self.cotangents]
        return self.operation.kind != "model" and shapes != due

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
                found |= self._named(f"d{name}", value, self.case.arguments[name])
        return Returned(self._named("y", y, self._due(y)), found)

    def _differentiated(self, held: Held, factor: float) -> Returned:
        assert self.library.gradient is not None  # Library.check refuses that
        given = dict(zip(self.case.arguments, held.arguments, strict=True))
        learned = [leaf for name in self.operation.learned for leaf in leaves(given[name])]
        kept: list[Any] = []
        self.calls += 1

        def function(inputs: list[Any]) -> list[Any]:
            left = iter(inputs)
            replaced = {name: _replaced(given[name], left) for name in given if name in self.operation.learned}
            kept[:] = [_value(_called(self.forward, *(given | replaced).values()))]
            return list(leaves(kept[0]))

        y = function(learned)
        self._check_shapes(kept[0])
        (cotangents,) = self.upstream(factor).arguments
        pulled = iter(self.library.gradient(function, learned, cotangents))
        gradients = [_replaced(given[name], pulled) for name in self.operation.learned]
        return self.returned(_replaced(kept[0], iter(y)), gradients if len(gradients) > 1 else gradients[0])

    def _check_shapes(self, y: Any) -> None:
        """A value of another shape has no cotangent that could be pulled back."""
        for (name, x), dy in zip(self._named("y", y, self._due(y)).items(), self.cotangents, strict=False):
            if np.shape(x) != dy.shape:
                raise Misbehaved(f"{name} has shape {tuple(np.shape(x))}, expected {dy.shape}")

    def _due(self, y: Any) -> Any:
        """Of the value: one array, or None where it is a list, or where y is an array of the library's at any rate."""
        if not isinstance(y, list | tuple | float):
            return None
        due = () if self.operation.kind == "model" else shapes(self.case).get("y")
        return None if due is None else np.empty(due)

    def _named(self, name: str, value: Any, due: Any) -> dict[str, Any]:
        """Every array of a value by its place. due: a list where a list is due, else an array or None."""
        if isinstance(value, list | tuple):
            if isinstance(due, np.ndarray):
                raise Misbehaved(f"{name} is {_described(value)}, expected one array of {self.library.name}")
            inner = due if isinstance(due, list) else []
            return {
                k: x
                for i, each in enumerate(value)
                for k, x in self._named(f"{name}[{i}]", each, inner[i] if i < len(inner) else None).items()
            }
        if isinstance(value, float) and isinstance(due, np.ndarray) and due.shape:
            raise Misbehaved(f"{name} is a number of Python's, expected an array of shape {due.shape}")
        if not (self.library.is_own(value) or isinstance(value, float)):
            raise Misbehaved(f"{name} is {_described(value)}, expected an array of {self.library.name}")
        if isinstance(value, np.ndarray):
            _check_plain(name, value, self.case.arithmetic.dtype)
        if self.library.is_subclass(value):
            raise Misbehaved(
                f"{name} is {_described(value)}, a class of its own that may compute when it is read: "
                f"expected an array of {self.library.name} itself"
            )
        if 8 * math.prod(np.shape(value)) > self.room:  # broadcast, say: to read it would fill the memory
            raise Misbehaved(f"{name} has shape {tuple(np.shape(value))}, more than a result can have")
        return {name: value}


def _called(function: Any, *arguments: Any) -> Any:
    """What the function returns. A child that it forked ends where it comes back: it would go on as the judge does."""
    process = os.getpid()
    try:
        return function(*arguments)
    finally:
        if os.getpid() != process:
            os._exit(0)


def room(case: Case) -> int:
    """Bytes that a result may have in float64: far more than any right one."""
    numbers = sum(np.size(leaf) for value in case.arguments.values() for leaf in leaves(value))
    return 2**26 + 512 * numbers * case.copies


def results(case: Case, functions: Provided, library: Library) -> dict[str, NDArray[np.float64]]:
    """What the functions return, by name; what they raise is raised."""
    call = Call(case, functions, library)
    call.frozen = frozenset()
    return {name: library.numbers(x) for name, x in call.run(call.held()).results.items()}


def _has_arrays(value: Any) -> bool:
    return any(isinstance(leaf, np.ndarray) for leaf in leaves(value))


def _shapes(value: Any) -> str:
    return str(described(value)) if isinstance(value, list | tuple) else str(value.shape)


def _check_plain(name: str, x: NDArray[Any], dtype: str) -> None:
    """Refuse arrays of NumPy that hold more than numbers."""
    if isinstance(x, np.ma.MaskedArray):
        raise Misbehaved(f"{name} is a masked array, whose masked entries have no value: expected an ndarray, filled")
    if isinstance(x, np.matrix):
        raise Misbehaved(f"{name} is a np.matrix, for which * is a product of matrices: expected an ndarray")
    if x.dtype == object:
        raise Misbehaved(f"{name} is an array of objects, expected {dtype}: were its rows of different lengths?")


def _value(result: Any) -> Any:
    """y of (y, cache), or y alone."""
    return result[0] if isinstance(result, tuple) and len(result) == 2 else result


def _scaled(value: Any, factor: float) -> Any:
    return [_scaled(each, factor) for each in value] if isinstance(value, list) else value * factor


def _replaced(value: Any, left: Any) -> Any:
    """The arrays of a nested list, replaced in turn."""
    return [_replaced(each, left) for each in value] if isinstance(value, list | tuple) else next(left)


def _described(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)} values"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
