"""What the properties are written in: values, directions, runs, and comparisons in which NaN fails.

A value is an array, or a list of arrays (one a column).
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from pp_ref.oracle.algebras import plain, tape
from pp_ref.oracle.operations.nested import is_number
from tests.bounds import assert_within
from tests.properties.bounded import Bounded, Exact
from tests.properties.operations import Arguments, Operation

Pass = Callable[..., Any]
COMPLEX_STEP = 2.0**-100  # so small that its square is lost: no truncation


def leaves(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def mapped(function: Callable[..., Any], value: Any, *others: Any) -> Any:
    if isinstance(value, list | tuple):
        return [function(*entries) for entries in zip(value, *others, strict=True)]
    return function(value, *others)


def fresh(arguments: Arguments) -> Arguments:
    """The same arguments, with generators that have not been drawn from."""
    return {
        name: deepcopy(value) if isinstance(value, np.random.Generator) else value for name, value in arguments.items()
    }


def numbers(function: Callable[[Any], Any], arguments: Arguments) -> Arguments:
    """The arguments, every array of real numbers put through ``function``."""
    return {name: mapped(function, value) if is_number(value) else value for name, value in arguments.items()}


def converted(arguments: Arguments, dtype: Any) -> Arguments:
    return numbers(lambda array: np.asarray(array).astype(dtype), arguments)


def cotangent(y: Any, rng: np.random.Generator) -> Any:
    """Odd multiples of 1/8 in y's shape and dtype: never zero, never all ones, and their sums are exact."""
    return mapped(lambda leaf: np.asarray((2 * rng.integers(-8, 8, np.shape(leaf)) + 1) / 8).astype(leaf.dtype), y)


def direction(value: Any, rng: np.random.Generator) -> Any:
    """Of largest entry 1, so that a step moves nothing across a kink."""
    return mapped(lambda array: np.asarray(rng.choice([-1.0, -0.5, 0.5, 1.0], array.shape)).astype(array.dtype), value)


def run(forward: Pass, arguments: Arguments) -> tuple[Any, Any]:
    """y and cache; an operation that is never differentiated returns y alone."""
    result = forward(*fresh(arguments).values())
    return result if isinstance(result, tuple) else (result, None)


def defined(operation: Operation, arguments: Arguments) -> Any:
    """y by the oracle's definition, in longdouble."""
    given = numbers(lambda array: tape.quantity(array.astype(Exact), plain.ALGEBRA), fresh(arguments))
    given.pop("order", None)
    with np.errstate(all="ignore"):
        return mapped(lambda leaf: leaf.data, operation.definition(*given.values()))


def gradients(operation: Operation, backward: Pass | None, dy: Any, cache: Any) -> dict[str, Any]:
    """{argument: gradient}, of any library's arrays; none where nothing is differentiated."""
    if backward is None:
        return {}
    result = backward(dy, cache)
    if len(operation.learned) == 1:
        result = (result,)
    assert len(result) == len(operation.learned), f"{len(result)} gradients for {operation.learned}"
    return dict(zip(operation.learned, result, strict=True))


def both(operation: Operation, forward: Pass, backward: Pass, arguments: Arguments, dy: Any) -> tuple[Any, dict]:
    y, cache = run(forward, arguments)
    return y, gradients(operation, backward, dy, cache)


def dot(a: Any, b: Any) -> Any:
    """In longdouble: the comparison adds no rounding of its own."""
    return sum(
        np.sum(np.asarray(x).astype(Exact) * np.asarray(y).astype(Exact))
        for x, y in zip(leaves(a), leaves(b), strict=True)
    )


def size(a: Any) -> Any:
    return np.sqrt(dot(a, a))


def bounds(operation: Operation, arguments: Arguments, dtype: Any, *cotangents: Any) -> list[Any]:
    """Bounds of what dtype arithmetic rounds: of y, and for each cotangent {argument: bound of its gradient}."""
    y, cache = run(operation.forward, numbers(lambda array: Bounded(array, 0, dtype), arguments))
    found = [mapped(_finite_error, y)]
    for dy in cotangents:
        dy = mapped(lambda leaf: Bounded(leaf, 0, dtype), dy)
        pulled = gradients(operation, operation.backward, dy, cache)
        found.append({name: mapped(_finite_error, gradient) for name, gradient in pulled.items()})
    return found


def _finite_error(leaf: Bounded) -> Any:
    assert np.isfinite(leaf.error).all(), "an infinite bound would let everything pass"
    return leaf.error


def assert_all_within(got: Any, want: Any, bound: Any, what: str) -> None:
    for at, triple in enumerate(zip(leaves(got), leaves(want), leaves(bound), strict=True)):
        assert_within(
            *(np.asarray(leaf).astype(Exact) for leaf in triple), f"{what}[{at}]" if isinstance(got, list) else what
        )


def assert_small(got: Any, allowed: Any, what: str) -> None:
    assert abs(got) <= allowed, f"{what}: off by {got:.1e}, allowed {allowed:.1e}"


def assert_same_bits(got: Any, want: Any, what: str) -> None:
    for a, b in zip(leaves(got), leaves(want), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=what, strict=True)


def tangent(operation: Operation, forward: Pass, arguments: Arguments, directions: Arguments) -> Any:
    """J dx without truncation: by a complex step. The arguments are float64."""
    stepped = arguments | {
        name: mapped(lambda x, dx: x + 1j * COMPLEX_STEP * dx, arguments[name], dx) for name, dx in directions.items()
    }
    return mapped(lambda leaf: np.imag(leaf) / COMPLEX_STEP, run(forward, stepped)[0])
