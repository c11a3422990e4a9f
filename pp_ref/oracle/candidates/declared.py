"""What a candidate says of itself: by the names of its functions, by EXPECTED, and by FORWARD_ONLY."""

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pp_ref.errors import DataError, DomainError, check_known
from pp_ref.oracle.algebras.algorithms import ALGORITHMS, CONVOLVE
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS

__all__ = [
    "NONDETERMINISTIC",
    "Declared",
    "algorithms",
    "announced",
    "chance",
    "check_provided",
    "imports",
    "misspelled",
    "races",
]

NO_CEIL = "no ceil"
RAISES = "raises on NaN"
NONDETERMINISTIC = "nondeterministic within the bound"
DOCUMENTED = [name for operation in OPERATIONS for name in dict.fromkeys((*operation.functions, operation.name))]
# Operations whose convolutions are one: a model's are products of patches.
CONVOLUTIONS = ("conv2d", "depthwise_conv2d", "dictionary_conv2d", "predicted_conv2d")
ALIKE = 0.85  # share of letters of two names, by difflib, above which one is taken for the other


@dataclass(frozen=True)
class Declared:
    """Of a candidate, as its functions are called.

    expected      pattern of case ids -> why these fail, or one of the words of `announced`
    forward_only  True, or names of operations: that there are no backward functions is meant to be
    misspelled    documented name that is not there -> name that is, and looks like it
    repeat        further calls on the same arguments in every case
    imports       "torch" or "jax", where its file imports that and its functions get NumPy arrays; else ""
    raises        DomainError for operations there are not
    """

    expected: Mapping[str, str] = field(default_factory=dict)
    forward_only: bool | Collection[str] = False
    misspelled: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 0
    imports: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.forward_only, str):
            raise DomainError(f"FORWARD_ONLY is {self.forward_only!r}, expected True or a list of names of operations")
        if not isinstance(self.forward_only, bool):
            check_operations("FORWARD_ONLY", self.forward_only)

    def is_forward_only(self, operation: Operation) -> bool:
        """Whether its backward function is meant to be missing."""
        if isinstance(self.forward_only, bool):
            return self.forward_only
        return operation.name in self.forward_only

    def notes(self, operation: Operation) -> list[str]:
        """ "dense_backwards: did you mean dense_backward?", of what looks like a function of the operation."""
        names = (*operation.functions, operation.name)
        return [f"{self.misspelled[name]}: did you mean {name}?" for name in names if name in self.misspelled]

    @property
    def unlike(self) -> list[str]:
        """What to declare in a file whose functions may expect another library's arrays than they get."""
        if not self.imports:
            return []
        return [
            f"is called with NumPy arrays, though its file imports {self.imports}: write "
            f'ARRAYS = "{self.imports}" in it, and AUTODIFF = True if {self.imports} differentiates'
        ]

    def is_nondeterministic(self, case: Case) -> bool:
        """Whether other bits are announced for a case: every run is then held to the bound."""
        return any(word == NONDETERMINISTIC and fnmatchcase(case.id, at) for at, word in self.expected.items())


def algorithms(said: str | Mapping[str, str] | None) -> dict[str, str]:
    """Operation -> the algorithm by which a candidate computes it, of what it declares as ALGORITHM.

    said    a word, of every operation that it is an algorithm of, or operation -> word
    raises  DomainError for words and operations there are not, and for a word that is none of the operation's
    """
    words = said if isinstance(said, Mapping) else dict.fromkeys([each.name for each in OPERATIONS], said)
    check_operations("ALGORITHM", words)
    for word in words.values():
        if word is not None:
            check_known("ALGORITHM", word, ALGORITHMS)
    found = {name: word for name, word in words.items() if word}
    other = {name: word for name, word in found.items() if word in CONVOLVE and name not in CONVOLUTIONS}
    if other and isinstance(said, Mapping):
        name, word = next(iter(other.items()))
        raise DomainError(f"ALGORITHM is {word!r} for {name}, expected Strassen, or one of {', '.join(CONVOLUTIONS)}")
    return {name: word for name, word in found.items() if name not in other}


def announced(expected: Mapping[str, str], case: Case, raised: bool) -> str | None:
    """The reason why a case's failure is expected: of the first pattern that its id matches; None if none does.

    Three words have rules of their own, and hold where these say. "no ceil": in cases whose `ceil` is True. "raises on
    NaN": where NaN or infinity is among the arguments and a function raised. "nondeterministic within the bound":
    nowhere, for every run has to be within the bound.
    """
    holds = {NO_CEIL: case.arguments.get("ceil") is True, RAISES: case.wild and raised, NONDETERMINISTIC: False}
    reasons = (reason for pattern, reason in expected.items() if fnmatchcase(case.id, pattern))
    return next((reason for reason in reasons if holds.get(reason, True)), None)


def check_provided(path: str, functions: Mapping[str, Any], operations: Sequence[Operation] = OPERATIONS) -> None:
    """Refuse a candidate without a function of a documented name.

    raises  DataError with the names that it has, and what they may have been meant to be
    """
    firsts = {name for operation in operations for name in (operation.functions[0], operation.name)}
    if any(callable(functions.get(name)) for name in firsts):
        return
    has = [name for name, _ in _own(functions)]
    alike = "".join(f" {given}: did you mean {name}?" for name, given in misspelled(functions).items())
    alike += "".join(
        f" {name} needs {alone(name)} beside it." for name in has if name.endswith("_backward") and alone(name)
    )
    shown = ", ".join(has[:12]) + (", ..." if len(has) > 12 else "") if has else "none"
    raise DataError(
        f"no function of a documented name in {path}; it has: {shown}.{alike} Names are such as "
        "dense_forward and dense_backward: `pp-ref conform --list` shows all"
    )


def alone(backward: str) -> str | None:
    """The forward function without which a backward function cannot be judged; None if the name is none's."""
    return next((operation.functions[0] for operation in OPERATIONS if backward in operation.functions[1:]), None)


def misspelled(functions: Mapping[str, Any]) -> dict[str, str]:
    """Documented name that is not there -> public function that is, and has nearly that name."""
    missing = [name for name in DOCUMENTED if name not in functions]
    found: dict[str, str] = {}
    for given, _ in _own(functions):
        if given not in DOCUMENTED:
            for name in difflib.get_close_matches(given, missing, 1, ALIKE):
                found.setdefault(name, given)
    return found


def imports(functions: Mapping[str, Any]) -> str:
    """The first of torch and jax that is among the names of a module; "" if none is."""
    tops = {value.__name__.partition(".")[0] for value in functions.values() if inspect.ismodule(value)}
    return next((library for library in ("torch", "jax") if library in tops), "")


def check_operations(argument: str, names: Collection[str]) -> None:
    """Refuse names of operations that there are not.

    raises  DomainError with the name that is nearest
    """
    for name in names:
        check_known(argument, name, BY_NAME)


def unfit(name: str, function: Callable[..., Any], arguments: Sequence[str]) -> tuple[str, int, str] | None:
    """File, line and sentence of a Python function that cannot be called with so many arguments; None if it can."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C, or of what is none
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        if code is not None:
            said = f"{name}{signature} is called with ({', '.join(arguments)}), by position"
            return code.co_filename, code.co_firstlineno, said
    return None


def chance(calls: int, one_in: int) -> float:
    """The probability that a race in 1 of `one_in` calls is seen in so many calls: 1 - (1 - 1 / one_in)^calls."""
    return float(1 - (1 - 1 / one_in) ** calls)


def races(repeat: int) -> str:
    """What so many further calls of a case can see, in words."""
    seen = (f"in 1 of {one_in} calls with a probability of {chance(repeat, one_in):.2g}" for one_in in (10, 100, 1000))
    return f"{repeat} further calls in every case: a race is seen {', '.join(seen)}"


def _own(functions: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Public functions, no classes and no modules."""
    return [
        (name, each)
        for name, each in functions.items()
        if callable(each) and not name.startswith("_") and not inspect.isclass(each)
    ]
