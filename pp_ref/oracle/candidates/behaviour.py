"""What a candidate's functions return for one case, and how they behave besides: what is said here is a fault."""

import textwrap
import time
import traceback
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.candidates.call import Call, Misbehaved, Provided, Returned
from pp_ref.oracle.candidates.libraries import Library
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.truth import evaluated

__all__ = ["Observation", "observe"]


@dataclass
class Observation:
    """What was seen.

    provided  whether there is a function for the value
    results   name -> numbers: "y", "y[1]", "dv", "dw[0]", ...
    messages  how its functions misbehave, numbers apart
    warnings  of NumPy, of overflow and the like on the way to a result
    missing   functions that gradients would have needed
    seconds   of the first call of each function
    calls     of its functions, in all
    """

    provided: bool = True
    results: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0
    calls: int = 0

    def say(self, message: str) -> None:
        """Add a message, unless it is there."""
        if message not in self.messages:
            self.messages.append(message)


def observe(case: Case, functions: Provided, library: Library, autodiff: bool = False) -> Observation:
    """Call the candidate's functions on the case's arguments, twice, and with other cotangents.

    functions  name -> function, None where the candidate has none of that name
    autodiff   gradients are the library's own, of the forward function
    """
    seen = Observation()
    try:
        call = Call(case, functions, library, autodiff, seen.say)
        if call.forward is None:
            return Observation(provided=False)
        with warnings.catch_warnings(record=True) as caught, np.errstate():  # which a candidate may set
            warnings.simplefilter("always")
            _Behaviour(call, seen).check()
        if not case.wild:
            warned = {str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)}
            seen.warnings += [f"warns: {message}" for message in sorted(warned)]
    except Misbehaved as error:
        seen.say(str(error))
    except (Exception, SystemExit) as error:  # a stranger's code may raise anything
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = textwrap.shorten(str(error), 300)
        seen.say(f"raised {type(error).__name__} at {where.filename.rpartition('/')[2]}:{where.lineno}: {said}")
    return seen


class _Behaviour:
    def __init__(self, call: Call, seen: Observation) -> None:
        self.call, self.seen, self.case, self.library = call, seen, call.case, call.library

    def check(self) -> None:
        """Fill `seen`."""
        call, numbers = self.call, self.library.numbers
        if call.operation.kind == "layer" and not call.differentiates:
            self.seen.missing.append(call.operation.functions[1])
        arguments = call.arguments()
        copies = [numbers(leaf).copy() for _, leaf in call.arrays(arguments)]
        started = time.perf_counter()
        first = call.run(arguments)
        self.seen.seconds = time.perf_counter() - started
        self.seen.results = {name: numbers(x) for name, x in first.results.items()}
        self.check_arrays(first, arguments)
        for (name, leaf), copy in zip(call.arrays(arguments), copies, strict=True):
            if not np.array_equal(numbers(leaf), copy, equal_nan=True):
                self.seen.say(f"writes to its argument {name}")
        if not self.case.wild:
            self.check_state()
            if call.differentiates:
                self.check_linearity()

    def check_arrays(self, found: Returned, arguments: list[Any]) -> None:
        """Results have the arguments' dtype and device, and share no memory with them."""
        own, given = self.library, self.call.arrays(arguments)
        devices = {own.device_of(leaf) for _, leaf in given}
        for name, x in found.results.items():
            dtype = own.dtype_of(x)
            if dtype != self.case.arithmetic.dtype and type(x) is not float:
                self.seen.say(f"{name} is {dtype}, expected {self.case.arithmetic.dtype}, the dtype that came in")
            if own.is_own(x) and own.device_of(x) not in devices and devices:
                self.seen.say(f"{name} is on {own.device_of(x)}, its arguments are on {', '.join(sorted(devices))}")
            if own.is_own(x) and not self.case.operation.view:
                for argument, leaf in given:
                    if own.shared(x, leaf):
                        self.seen.say(f"{name} is a view of its argument {argument}: writing to one changes the other")

    def check_state(self) -> None:
        """The same bits again, also if another forward pass runs between a forward and its backward pass."""
        call = self.call
        for name in self.changed(call.run(call.arguments())):
            self.seen.say(f"{name} of a second run on the same arguments has other bits")
        if call.backward is None:
            return
        y, cache = call.forward(*call.arguments())
        try:
            call.forward(*call.arguments(sign=-1))
        except Exception:
            return
        for name in self.changed(call.returned(y, call.pulled(y, cache))):
            self.seen.say(f"{name} depends on another call between forward and backward")

    def changed(self, again: Returned) -> list[str]:
        """The names of results with other bits than those that were seen."""
        numbers, first = self.library.numbers, self.seen.results
        return [
            name for name, x in again.results.items() if not np.array_equal(numbers(x), first[name], equal_nan=True)
        ]

    def check_linearity(self) -> None:
        """Gradients are linear in the cotangent. A power of two changes no digits, except where numbers underflow."""
        call, tiny = self.call, self.case.arithmetic.tiny
        said = {
            0.0: "a cotangent of zeros gives {} that is not zero",
            2.0: "twice the cotangent does not give twice {}",
        }
        for factor, words in said.items():
            for name, x in call.run(call.arguments(), factor).gradients.items():
                off = abs(self.library.numbers(x) - factor * self.seen.results[name])
                if not ((off <= 4 * tiny).all() or (factor and (off <= 4 * self.lost(name, off)).all())):
                    self.seen.say(words.format(name))

    @cached_property
    def underflow(self) -> dict[str, NDArray[np.float64]]:
        """What results may lose to it: the bounds of an arithmetic that rounds nothing else."""
        exact = replace(self.case.arithmetic, bits=200, operand=0.0, sums=0.0, ulps=0)
        with np.errstate(all="ignore"):
            found = evaluated(self.case, rounded.algebra(exact), self.call.cotangents).results
        return {name: np.nextafter(np.asarray(x.error, np.float64), np.inf) for name, x in found.items()}

    def lost(self, name: str, like: NDArray[np.float64]) -> NDArray[np.float64]:
        """Nothing where that has no bound."""
        found = self.underflow.get(name)
        if found is None or found.shape != like.shape:
            return np.zeros_like(like)
        return np.where(np.isfinite(found), found, 0.0)
