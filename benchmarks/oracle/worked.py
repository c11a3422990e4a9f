"""The examples of docs/operations.md, worked out by the oracle: calls of operations by keyword, and what they give."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.draws import Draw, Sizes
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import truth

FLOAT64 = arithmetic("float64")
BY = "|".join(operation.name for operation in OPERATIONS)
# A call, in lines that go on with "...", and what was given by it.
CALL = re.compile(rf"^>>> ((?:{BY})\(.*\n(?:\.\.\. .*\n)*)(?:(?!>>> |```).*\n)*", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Example(Case):
    """A case whose cotangent is given, a list of them where y is a list; None: zeros."""

    dy: Any = None

    def cotangent(self, shapes: list[tuple[int, ...]]) -> list[np.ndarray[Any, Any]]:
        if self.dy is None:
            return [np.zeros(shape) for shape in shapes]
        alone = len(shapes) == 1 and np.shape(self.dy) == shapes[0]
        given = [np.asarray(dy, float) for dy in ([self.dy] if alone else self.dy)]
        if [dy.shape for dy in given] != shapes:
            raise ValueError(f"dy has shapes {[dy.shape for dy in given]}, expected {shapes}")
        return given


def example(operation: Operation, dy: Any = None, **given: Any) -> str:
    """Return the exact results of an operation, one a line: name, shape, numbers to six digits.

    dy     the cotangent; None: gradients are left out, except a model's
    given  every argument of the operation
    """
    like = operation.arguments(Draw(Sizes(), FLOAT64))
    if list(given) != list(like):
        raise TypeError(f"{operation} takes {', '.join(like)}, not {', '.join(given)}")
    arguments = {name: _array(value, like[name]) for name, value in given.items()}
    numbers = [leaf for value in arguments.values() if is_number(value) for leaf in leaves(value)]
    case = Example(
        operation=operation,
        regime="example",
        arithmetic=FLOAT64,
        seed=0,
        bug="",
        effect="",
        arguments=arguments,
        wild=not all(np.isfinite(x).all() for x in numbers),
        dy=dy,
    )
    wanted = [each for each in truth(case) if each.kind == "value" or dy is not None or operation.kind == "model"]
    return "".join(f"{each.name} {each.exact.shape}  {_text(each.exact.tolist())}\n" for each in wanted)


def _array(value: Any, like: Any) -> Any:
    """A value as the array, or the list of arrays, that an argument is; settings as they are."""
    if isinstance(like, np.ndarray):
        return np.array(value, like.dtype)
    if isinstance(like, list) and any(isinstance(leaf, np.ndarray) for leaf in leaves(like)):
        return [_array(each, like[0]) for each in value]
    return value


def _text(x: Any) -> str:
    return f"[{', '.join(map(_text, x))}]" if isinstance(x, list) else f"{x + 0.0:.6g}"


def image(*channels: Any) -> Any:
    """One image (1, height, width, channels) of the rows of its channels."""
    return np.stack([np.array(rows, float) for rows in channels], axis=-1)[None]


NAMES: dict[str, Any] = {"image": image, "nan": np.nan, "inf": np.inf, "ones": np.ones}
NAMES |= {operation.name: partial(example, operation) for operation in OPERATIONS}


def worked(text: str) -> str:
    """Return a page with what every call of an operation in it gives."""
    return CALL.sub(lambda found: f">>> {found[1]}{eval(source(found), dict(NAMES))}", text)


def source(found: re.Match[str]) -> str:
    """Return the expression of a call."""
    return found[1].replace("\n... ", "\n").strip()
