"""What an exercise is: one function to write, with the definition that judges it and the mistakes that have a name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.operations.case import Case, Entries
from pp_ref.oracle.operations.draws import Arguments, Draw, Sizes
from pp_ref.oracle.operations.nested import is_number, mapped
from pp_ref.oracle.operations.operation import Operation

__all__ = ["SMALL", "Exercise", "Mistake", "Small", "counts", "defined", "numbers"]

# From one number up; the last two are not in whole numbers.
SMALL = (
    Sizes(n=1, d=2, columns=((1, 1),), seed=1),
    Sizes(n=2, d=2, columns=((2, 2),), seed=2),
    Sizes(n=2, d=3, columns=((2, 2),), seed=3),
    Sizes(n=3, d=4, columns=((2, 1), (1, 2)), seed=4),
    Sizes(n=4, d=5, columns=((2, 2), (2, 2), (2, 2)), seed=5),
    Sizes(n=5, d=7, seed=6),
    Sizes(n=4, d=4, columns=((4, 4),), seed=7),
)
WHOLE = len(SMALL) - 2


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, as a change of the solution, and what is said of it.

    name    in this exercise: "divided by n"
    old, new  the text of the solution that it replaces, and by what
    kind    what is wrong with the numbers, as a sentence
    repair  what to change
    term    of the formula; "": that of the exercise for the result that is wrong
    """

    name: str
    old: str
    new: str
    kind: str
    repair: str
    term: str = ""


@dataclass(frozen=True, eq=False)
class Exercise:
    """One function to write.

    id         "3.1": the lesson, and the place in it
    title      a few words
    text       what to write, in Markdown
    stub       what the editor begins with; its last function is the one to write
    operation  what is judged: one of the oracle's, or a definition in the same form
    terms      result, "y" or "dW", -> the term of the formula that gives it
    repair     what to try where no mistake is named
    mistakes   those that are named, the likeliest first
    given      functions that the stub calls and that are not to be written
    whole      whether the small cases are drawn in whole numbers from 1 to 3 and -3 to -1
    sizes      of the cases, from small to large
    """

    id: str
    title: str
    text: str
    stub: str
    operation: Operation
    terms: Mapping[str, str]
    repair: str
    mistakes: tuple[Mistake, ...]
    given: str = ""
    whole: bool = True
    sizes: tuple[Sizes, ...] = SMALL
    function: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", self.stub.rpartition("def ")[2].partition("(")[0])

    @property
    def begun(self) -> str:
        """What the editor begins with."""
        return f"import numpy as np\n\n\n{self.given.strip()}\n\n\n{self.stub.strip()}\n".replace(
            "\n\n\n\n\n\n", "\n\n\n"
        )

    def cases(self) -> Iterator[Case]:
        """From small to large."""
        for i in range(len(self.sizes)):
            yield self.case(i)

    def case(self, i: int) -> Case:
        """The case of a place in `sizes`."""
        real = arithmetic("float64")
        draw = Draw(replace(self.sizes[i], scale=1.0), real)
        arguments = self.operation.arguments(draw)
        if self.whole and i < WHOLE:
            arguments = {
                name: mapped(_whole, value) if is_number(value) else value for name, value in arguments.items()
            }
        return Small(self.operation, f"case {i}", real, 0, "", "", arguments)


class Small(Case):
    """A case of a lesson: cotangents are whole numbers."""

    def cotangent(self, shapes: list[tuple[int, ...]]) -> list[np.ndarray[Any, Any]]:
        """Whole numbers from 1 to 3 and -3 to -1, so that a product can be done on paper."""
        rng = np.random.default_rng(int(self.regime.rpartition(" ")[2]))
        return [Entries(3, 1.0).drawn(rng, shape) for shape in shapes]


def _whole(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers of the same signs, of magnitudes 1, 2 and 3."""
    return np.asarray(np.where(x < 0, -1.0, 1.0) * np.clip(np.floor(2 * abs(x)) + 1, 1, 3))


def defined(name: str, definition: Callable[..., Any], arguments: Callable[[Draw], Arguments]) -> Operation:
    """A function that is none of the oracle's operations, by its definition on Quantities."""
    return Operation(name, "", definition, arguments, kind="function", batch=())


def numbers(**given: Sequence[float]) -> Callable[[Draw], Arguments]:
    """Single numbers, arrays of shape (): of each name the one at the place that the sizes' seed names."""
    return lambda draw: {name: np.array(float(each[draw.sizes.seed - 1])) for name, each in given.items()}


def counts(**given: Sequence[int]) -> Callable[[Draw], Arguments]:
    """The same of settings: numbers of Python."""
    return lambda draw: {name: each[draw.sizes.seed - 1] for name, each in given.items()}
