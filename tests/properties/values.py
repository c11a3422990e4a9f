"""What the properties are written in: values, directions, runs, and comparisons in which NaN fails.

A value is an array, or a list of arrays (one a column).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.bounds import assert_within
from tests.properties.bounded import Bounded, Exact
from tests.properties.operations import Arguments, Operation, fresh

Pass = Callable[..., Any]
COMPLEX_STEP = 2.0**-100  # so small that its square is lost: no truncation


def leaves(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def mapped(function: Callable[..., Any], value: Any, *others: Any) -> Any:
    if isinstance(value, list | tuple):
        return [function(*entries) for entries in zip(value, *others, strict=True)]
    return function(value, *others)


def is_float(value: Any) -> bool:
    return not isinstance(value, str) and all(
        getattr(leaf, "dtype", np.dtype(int)).kind == "f" for leaf in leaves(value)
    )


def converted(arguments: Arguments, dtype: Any) -> Arguments:
    return {
        name: mapped(lambda array: np.asarray(array).astype(dtype), value) if is_float(value) else value
        for name, value in arguments.items()
    }


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


def gradients(operation: Operation, backward: Pass, dy: Any, cache: Any) -> dict[str, Any]:
    """{argument: gradient}, of any library's arrays."""
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


def bounds(operation: Operation, arguments: Arguments, dtype: Any, dy: Any = None) -> tuple[Any, dict[str, Any]]:
    """Bounds of what dtype arithmetic rounds: of y, and with a cotangent of every gradient."""
    lifted = {
        name: mapped(lambda array: Bounded(array, 0, dtype), value) if is_float(value) else value
        for name, value in arguments.items()
    }
    y, cache = run(operation.forward, lifted)
    if dy is None or operation.backward is None:
        return mapped(lambda leaf: leaf.error, y), {}
    pulled = gradients(operation, operation.backward, mapped(lambda leaf: Bounded(leaf, 0, dtype), dy), cache)
    return mapped(lambda leaf: leaf.error, y), {
        name: mapped(lambda leaf: leaf.error, gradient) for name, gradient in pulled.items()
    }


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
