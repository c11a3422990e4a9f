"""What a candidate's functions return for one case, and how they behave besides: what is said here is a fault."""

import math
import time
import warnings
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.candidates.call import Call, Misbehaved, Provided, Returned
from pp_ref.oracle.candidates.changed import kept_values, same_bits
from pp_ref.oracle.candidates.declared import RAISES, Declared, announced
from pp_ref.oracle.candidates.libraries import Library
from pp_ref.oracle.candidates.memory import Held, free
from pp_ref.oracle.candidates.raised import raised
from pp_ref.oracle.operations.cases import Case, case_of
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.truth import evaluated

__all__ = ["Observation", "observe"]

LONG = ("plain", "tails")  # regimes in which functions are called often
BEFORE = {"tails": "plain"}  # and with the arguments of a case that came before, which have other shapes
FEW, MANY = 11, 250  # calls there, in shuffled order, of a slow candidate and of others
PATIENCE = 0.25  # seconds after which FEW are enough
REFUSED = ("destination is read-only", "output array is read-only")  # as NumPy says of what is written


@dataclass
class Observation:
    """What was seen.

    provided  whether there is a function for the value
    results   name -> numbers: "y", "y[1]", "dv", "dw[0]", ...
    lowest, highest  of all runs, entry by entry, where other bits were announced and seen; else empty
    messages  how its functions misbehave, numbers apart
    warnings  of NumPy, of overflow and the like on the way to a result; and of names that look misspelled
    missing   functions that gradients would have needed, and that are not declared to be missing
    forward_only  whether gradients are declared to be missing
    seconds   of the first call of each function
    calls     of its forward function, in all
    output    what it printed, escaped, the middle of much left out
    provenance  the libraries that its calls go through, and functions of pp_ref; looked at once an operation
    """

    provided: bool = True
    results: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    lowest: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    highest: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    forward_only: bool = False
    seconds: float = 0.0
    calls: int = 0
    output: str = ""
    provenance: list[str] = field(default_factory=list)

    @property
    def raised(self) -> bool:
        """Whether a function raised."""
        return any(message.startswith("raised ") for message in self.messages)

    def runs(self, name: str) -> list[NDArray[np.float64]]:
        """A result as it was first, and its lowest and highest numbers."""
        return [each[name] for each in (self.results, self.lowest, self.highest) if name in each]

    def say(self, message: str) -> None:
        """Add a message, unless it is there."""
        if message not in self.messages:
            self.messages.append(message)


def observe(
    case: Case, functions: Provided, library: Library, autodiff: bool = False, declared: Declared | None = None
) -> Observation:
    """Call the candidate's functions on the case's arguments, again and again, and with other cotangents.

    functions  name -> function, None where the candidate has none of that name
    autodiff   gradients are the library's own, of the forward function
    declared   what else the candidate says of itself; None: nothing
    raises     DomainError if the library has not what is asked of it
    """
    library.check(case.arithmetic, autodiff)
    declared, seen = declared or Declared(), Observation()
    call: Call | None = None
    try:
        call = Call(case, functions, library, autodiff, seen.say)
        if call.forward is None:
            seen.provided = False
            first, *second = case.operation.functions
            seen.warnings += declared.notes(case.operation)
            seen.warnings += [f"{second[0]} needs {first} beside it"] if call.backward is not None else []
            return seen
        seen.warnings += declared.notes(case.operation)
        with warnings.catch_warnings(record=True) as caught, np.errstate():  # which a candidate may set
            warnings.simplefilter("always")
            _Behaviour(call, seen, declared).check()
        if not case.wild:
            warned = {str(each.message) for each in caught if issubclass(each.category, RuntimeWarning)}
            seen.warnings += [f"warns: {message}" for message in sorted(warned)]
    except Misbehaved as error:
        seen.say(str(error))
    except (Exception, SystemExit) as error:  # a stranger's code may raise anything
        seen.messages = [*declared.unlike, *seen.messages]
        seen.say(raised(error, call))
        if call is not None and isinstance(error, Exception):
            seen.say(f"called with {call.described}")
    due = announced(declared.expected, case, raised=True) == RAISES and case.regime.startswith("NaN")
    if due and not seen.raised:
        seen.say(f"is announced with {RAISES!r}, but does not raise: take that off EXPECTED")
    seen.calls = call.calls if call is not None else 0
    return seen


class _Behaviour:
    def __init__(self, call: Call, seen: Observation, declared: Declared) -> None:
        self.call, self.seen, self.case, self.library = call, seen, call.case, call.library
        self.declared, self.varies = declared, declared.is_nondeterministic(call.case)

    def check(self) -> None:
        """Fill `seen`."""
        call, operation = self.call, self.call.operation
        if operation.kind == "layer" and not call.differentiates:
            self.seen.forward_only = self.declared.is_forward_only(operation)
            self.seen.missing += [] if self.seen.forward_only else [operation.functions[1]]
        held, first = self.first()
        self.check_arrays(first, held)
        returned = self.numbers(first) if self.case.copies == 1 else self.one_copy(first)
        self.seen.results = {name: np.array(x) for name, x in returned.items()}  # a later call may write to them
        if self.case.wild or self.case.copies > 1 or call.misshapen(first):
            return
        self.check_outside()
        if self.case.large:  # other cases show the rest, in less time
            return
        self.check_reuse(first)
        if call.differentiates:
            self.check_linearity()
        if self.case.regime in LONG:
            self.check_many()
            self.check_entries()
        self.check_again(self.declared.repeat)

    def first(self) -> tuple[Held, Returned]:
        """The first run. What raises on read-only arguments runs on others, which shows whether it writes to them."""
        call = self.call
        held = call.held()
        self.leave(0x5A)
        started = time.perf_counter()
        try:
            found = call.run(held)
        except Exception as error:
            if self.library.freeze is None or isinstance(error, Misbehaved):
                raise
            said, call.frozen = len(self.seen.messages), frozenset()
            held = call.held()
            found = call.run(held)
            if any(each in str(error) for each in REFUSED) and len(self.seen.messages) == said:
                self.name_written()
        self.seen.seconds = time.perf_counter() - started
        return held, found

    def name_written(self) -> None:
        """Say to which argument a function writes that leaves the numbers as they were."""
        call = self.call
        for name in call.names:
            call.frozen = frozenset([name])
            try:
                call.run(call.held())
            except ValueError as error:
                if any(each in str(error) for each in REFUSED):
                    self.seen.say(call.wrote(name, "to"))
        call.frozen = frozenset()

    def leave(self, byte: int) -> float:
        """Fill memory that NumPy gives next, and return the number that an unwritten result then has."""
        if self.library.name != "numpy":
            return np.nan
        learned = [np.shape(leaf) for name in self.case.operation.learned for leaf in leaves(self.case.arguments[name])]
        shapes = [dy.shape for dy in self.call.cotangents] + learned
        return free(shapes, self.case.arithmetic.dtype, byte)

    def numbers(self, found: Returned) -> dict[str, NDArray[np.float64]]:
        return {name: self.library.numbers(x) for name, x in found.results.items()}

    def one_copy(self, found: Returned) -> dict[str, NDArray[np.float64]]:
        """Of results that have rows for every copy of the examples: the first that differs from the first, or that."""
        case, shown = self.case, dict[str, NDArray[np.float64]]()
        rows = len(next(leaf for name in case.operation.batch for leaf in leaves(case.arguments[name])))
        for name, x in found.results.items():
            if case.sums(name) or np.shape(x)[:1] != (rows * case.copies,):
                shown[name] = self.library.numbers(x)
                continue
            shown[name] = first = self.library.numbers(x[:rows])
            for start in range(rows, rows * case.copies, rows):
                copy = self.library.numbers(x[start : start + rows])
                if not np.array_equal(copy, first):
                    shown[name], entry = copy, start * math.prod(np.shape(x)[1:])
                    self.seen.say(f"{name} is not that of the same {rows} examples before, from entry {entry:,} on")
                    break
        return shown

    def check_arrays(self, found: Returned, held: Held) -> None:
        """Results have the arguments' dtype and device, and share no memory with them."""
        own, given = self.library, held.arrays
        devices = {own.device_of(leaf) for _, leaf in given}
        for name, x in found.results.items():
            dtype, due = own.dtype_of(x), self.case.arithmetic.dtype
            if self.call.operation.indices and dtype != "int64":
                self.seen.say(f"{name} is {dtype}, expected int64, as indices are")
            elif dtype != due and type(x) is not float and not self.call.operation.indices:
                self.seen.say(f"{name} is {dtype}, expected {due}, the dtype that came in")
            if own.is_own(x) and own.device_of(x) not in devices and devices:
                self.seen.say(f"{name} is on {own.device_of(x)}, its arguments are on {', '.join(sorted(devices))}")
            if own.is_own(x) and not self.case.operation.view:
                for argument, leaf in given:
                    if own.shared(x, leaf):
                        self.seen.say(f"{name} is a view of its argument {argument}: writing to one changes the other")

    def check_outside(self) -> None:
        """The same bits again, with other poison beside the arguments and other numbers in memory that was freed."""
        call, first = self.call, self.seen.results
        now = self.leave(0x5B)
        again = self.numbers(call.run(call.held(huge=True)))
        changed = self.changed(again)
        if not changed:
            return
        was = self.leave(0x5A)
        back = self.changed(self.numbers(call.run(call.held())))
        self.leave(0x5B)
        there = self.numbers(call.run(call.held(huge=True)))
        for name in changed:
            unwritten = (first[name] == was) & (again[name] == now)
            if unwritten.any() and not self.varies:
                self.seen.say(f"{name} has entries that were never written: they hold what lay in freed memory")
            elif name not in back and same_bits(there[name], again[name]) and not self.varies:
                self.seen.say(f"{name} depends on memory beside its arguments: it reads outside them")
            else:
                self.differs([name], "of a second run on the same arguments has other bits", again)

    def check_reuse(self, found: Returned) -> None:
        """The same bits where other calls run between forward and backward, and in arrays that held other numbers."""
        call, held, reused, dy = self.call, self.call.held(), self.call.held(), self.call.upstream(2.0)
        mine = call.pair(call.called(held)) if call.backward is not None else None
        with warnings.catch_warnings(action="ignore"):
            other = self.other_call(reused)
            if self.strange is not None:
                self.strange.run(self.strange.held())
        self.check_kept(found)
        if mine is not None:
            try:
                again = self.numbers(call.returned(mine[0], call.pulled(*mine, call.upstream())))
            except Exception as error:
                self.seen.say(
                    f"backward fails after another call between forward and backward: it {raised(error, call)}"
                )
                return
            call.look(held)
            self.differs(self.changed(again), "depends on another call between forward and backward", again)
        if mine is not None and other is not None:
            with warnings.catch_warnings(action="ignore"), suppress(Exception):  # of arguments that no case has
                call.pulled(*call.pair(other), dy)
        reused.refill(call.numbers())
        dy.refill({"dy": call.cotangents})
        again = self.numbers(call.run(reused, dy=dy))
        words = "of arrays whose numbers were replaced is not that of new arrays"
        self.differs(self.changed(again), words, again)

    def check_kept(self, found: Returned) -> None:
        """What was returned first is as it was."""
        for name, x in self.numbers(found).items():
            if not same_bits(x, self.seen.results[name]):
                self.seen.say(f"{name} is overwritten by a later call: results share memory")

    def other_call(self, held: Held) -> Any:
        """What forward returns for other numbers in the same arrays; None if it raises.

        No operation has the same value at -2 times its arguments. Some refuse these: a K has to be positive.
        """
        for factor in (-2.0, 2.0):
            held.refill(self.call.numbers(factor))
            with suppress(Exception):
                return self.call.run(held) if self.call.autodiff else self.call.called(held)
        return None

    @cached_property
    def strange(self) -> Call | None:
        """The functions on arguments of other shapes, if they take these."""
        call, case = self.call, self.case
        if case.regime not in BEFORE:
            return None
        other = case_of(f"{case.operation.name}/{BEFORE[case.regime]}/{case.arithmetic.name}/{case.seed}")
        found = Call(other, call.functions, self.library, call.autodiff)
        found.frozen = found.frozen if call.frozen else frozenset()
        try:
            found.run(found.held())
        except Exception:  # the other case says so itself
            return None
        return found

    def check_many(self) -> None:
        """The same bits in many calls on three sets of arguments, in shuffled order."""
        call, strange = self.call, self.strange
        calls = [(call, call.held(), call.upstream()), (call, call.held(2.0), call.upstream())]
        if strange is not None:
            calls.append((strange, strange.held(), strange.upstream()))
        with warnings.catch_warnings(action="ignore"):
            first = [self.seen.results, *(self.numbers(made.run(held, dy=dy)) for made, held, dy in calls[1:])]
            order = np.random.default_rng(zlib.crc32(self.case.id.encode())).integers(len(calls), size=MANY)
            enough = time.perf_counter() + PATIENCE
            for number, i in enumerate(order):
                if number >= FEW and time.perf_counter() > enough:
                    break
                made, held, dy = calls[i]
                again = self.numbers(made.run(held, dy=dy))
                self.late([name for name, x in again.items() if not same_bits(x, first[i][name])], {} if i else again)

    def check_entries(self) -> None:
        """Other values for other arguments of which some entries are the same."""
        call, seen = self.call, self.seen.results
        with warnings.catch_warnings(action="ignore"):
            for message in kept_values(call, seen):
                self.seen.say(message)

    def check_again(self, count: int) -> None:
        """The same bits in so many further calls."""
        held, dy = self.call.held(), self.call.upstream()
        for _ in range(count):
            again = self.numbers(self.call.run(held, dy=dy))
            self.late(self.changed(again), again)

    def late(self, names: list[str], again: dict[str, NDArray[np.float64]]) -> None:
        if names and not any("has other bits than" in message for message in self.seen.messages):
            self.differs(
                names[:1], f"of call {self.call.calls} has other bits than before on the same arguments", again
            )

    def changed(self, again: dict[str, NDArray[np.float64]]) -> list[str]:
        """The names of results with other bits than those that were seen."""
        return [name for name, x in again.items() if not same_bits(x, self.seen.results[name])]

    def differs(self, names: list[str], words: str, again: dict[str, NDArray[np.float64]]) -> None:
        """Say so; where it was announced, keep the extremes, which the bound has to hold."""
        if not self.varies:
            for name in names:
                self.seen.say(f"{name} {words}")
        elif names and again:
            seen = self.seen
            seen.lowest = {name: np.minimum((seen.lowest or seen.results)[name], x) for name, x in again.items()}
            seen.highest = {name: np.maximum((seen.highest or seen.results)[name], x) for name, x in again.items()}

    def check_linearity(self) -> None:
        """Gradients are linear in the cotangent. A power of two changes no digits, except where numbers underflow."""
        call, tiny = self.call, self.case.arithmetic.tiny
        said = {
            0.0: "a cotangent of zeros gives {} that is not zero",
            2.0: "twice the cotangent does not give twice {}",
        }
        for factor, words in said.items():
            run = call.run(call.held(), factor)
            if factor and self.varies:
                self.differs(
                    list(run.gradients),
                    "",
                    {n: x / factor if n in run.gradients else x for n, x in self.numbers(run).items()},
                )
                continue
            for name, x in run.gradients.items():
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
