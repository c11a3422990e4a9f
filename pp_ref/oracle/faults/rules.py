"""Mistakes that any function can make, by rule: each rule is applied to every result of every function that it fits."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from pp_ref.arrays import Array, array_namespace
from pp_ref.oracle.candidates import own
from pp_ref.oracle.faults.fault import (
    Change,
    Fault,
    Function,
    accumulating,
    cached,
    double_precision,
    doubled,
    eleven_bits,
    halved,
    last_row_missing,
    nan_to_zero,
    negative,
    neighbour,
    stale,
    transposed_if_square,
    zero,
)
from pp_ref.oracle.operations.nested import leaves, mapped
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS

__all__ = ["RULED", "RULES", "Rule"]

Kind = Literal["value", "loss", "gradient"]


@dataclass(frozen=True)
class Rule:
    """A change of one result.

    name      what the fault is called, after the name of the result
    sentence  what the function does, with a place for the name of the result
    change    of every array of the result
    kinds     the results that it changes
    only      the arithmetic in which it is a fault; None: any
    """

    name: str
    sentence: str
    change: Change
    kinds: tuple[Kind, ...] = ("value", "loss", "gradient")
    only: str | None = None


def last_rows_missing(x: Array) -> Array:
    """What a kernel leaves past the last full tile of four rows."""
    whole = x.shape[0] // 4 * 4
    return array_namespace(x).concat([x[:whole, ...], zero(x[whole:, ...])], axis=0)


def one_in_a_thousand(x: Array) -> Array:
    xp = array_namespace(x)
    places = xp.reshape(xp.arange(x.size), x.shape)
    return xp.where(places % 1000 == 0, x * 1.001, x)


def half_precision(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.astype(xp.astype(x, xp.float16), x.dtype)


WITH_AXES: tuple[Kind, ...] = ("value", "gradient")
RULES = (
    Rule("sign", "has the opposite sign of {}", negative),
    Rule("zero", "has {} zero", zero),
    Rule("halved", "has half of {}", halved),
    Rule("doubled", "has {} doubled", doubled),
    Rule("promoted", "returns {} in float64 whatever it is given", double_precision, only="float32"),
    Rule("eleven bits", "keeps eleven bits of {}", eleven_bits),
    Rule("one in a thousand", "is off by 1e-3 in one entry of {} in a thousand", one_in_a_thousand, ("value",)),
    Rule("half precision", "passes {} through float16", half_precision, ("value",)),
    Rule("neighbour", "is off by one along the last axis of {}", neighbour, WITH_AXES),
    Rule("last row stale", "does not compute the last row of {}", last_row_missing, WITH_AXES),
    Rule(
        "last rows stale", "leaves the rows of {} past the last full tile of 4 at zero", last_rows_missing, ("value",)
    ),
    # Beside NaN, gradients are not judged.
    Rule("NaN swallowed", "replaces NaN in {} by zero", nan_to_zero, ("value", "loss")),
)


def _changed(right: Function, path: tuple[int, ...], change: Change) -> Function:
    """``right``, with the arrays at one place of what it returns put through ``change``."""

    def at(result: Any, path: tuple[int, ...]) -> Any:
        if not path:
            return mapped(lambda x: change(x) if x.size else x, result)
        return type(result)(at(each, path[1:]) if i == path[0] else each for i, each in enumerate(result))

    return lambda *args: at(right(*args), path)


def _overwriting(right: Function) -> Function:
    """``right``, which then clears its first argument: the input, or the cotangent."""

    def wrong(*args: Any) -> Any:
        result = right(*args)
        for leaf in leaves(args[0]):
            leaf[...] = zero(leaf)
        return result

    return wrong


def _averaging(right: Function, path: tuple[int, ...]) -> Function:
    """A backward pass that divides a sum over the examples by their number."""
    return lambda dy, cache: _changed(right, path, lambda x: x / max(next(leaves(dy)).shape[0], 1))(dy, cache)


def _untransposed(right: Function, names: list[str]) -> Function:
    """A backward pass that pulls back through matrices where their transposes belong, wherever they are square."""
    return cached(**dict.fromkeys(names, lambda value: mapped(transposed_if_square, value)))(right)


def _matrices(right: Function) -> list[str]:
    """Those that a backward pass reads from its cache."""
    cache = list(inspect.signature(right).parameters.values())[-1].annotation
    return [name for name in ("W", "U", "w") if name in getattr(cache, "_fields", ())]


def _results(function: str, operation: Operation) -> Iterator[tuple[str, Kind, tuple[int, ...]]]:
    """Name, kind and place of everything that a function returns."""
    value: Kind = "loss" if operation.value == "loss" else "value"
    places: list[tuple[int, ...]] = [(i,) for i in range(len(operation.learned))] if operation.learned[1:] else [()]
    gradients = [(f"d{name}", place) for name, place in zip(operation.learned, places, strict=False)]
    if function.endswith("_backward"):
        yield from ((name, "gradient", place) for name, place in gradients)
    elif operation.kind == "model":
        yield "y", value, (0,)
        yield from ((name, "gradient", (1, *place)) for name, place in gradients)
    else:
        yield "y", value, (0,) if operation.kind == "layer" or function == "ridge_dictionary" else ()


def _shown(rule: Rule, function: str, operation: Operation, result: str) -> bool:
    """Whether a case can show it. No case puts NaN into what is computed once; what selects entries of the cotangent or
    adds them up has few bits, and indices have."""
    few_bits = function.endswith("_backward") and (operation.exact or (result == "db" and operation.value == "rows"))
    if rule.change in (eleven_bits, half_precision) and few_bits:
        return False
    if operation.indices and rule.change in (eleven_bits, half_precision):
        return False
    return not (rule.only and function in own.STATIC) and not (rule.change is nan_to_zero and operation.fixed)


def _of_function(function: str, operation: Operation) -> Iterator[Fault]:
    right = own.original(function) or own.functions()[function]
    backward, loss = function.endswith("_backward"), operation.value == "loss"
    for result, kind, place in _results(function, operation):
        for rule in RULES:
            if kind in rule.kinds and _shown(rule, function, operation, result):
                sentence = rule.sentence.format(result)
                yield Fault(f"{result} {rule.name}", function, sentence, _changed(right, place, rule.change), rule.only)
        if backward and not loss and operation.batch and result.removeprefix("d") not in operation.batch:
            sentence = f"divides {result} by n though dy holds that factor already"
            yield Fault(f"{result} mean for sum", function, sentence, _averaging(right, place))
    if backward:
        if not operation.view:  # whose backward pass needs nothing but a shape
            yield Fault("stale cache", function, "reads the cache of the call before", stale(right))
        yield Fault("accumulates", function, "adds to the gradients of the call before", accumulating(right))
        names = _matrices(right) if operation.geometries == 1 else []
        if names:
            sentence = "pulls back through matrices where their transposes belong, wherever they are square"
            yield Fault("untransposed", function, sentence, _untransposed(right, names))
    if not (backward and loss):
        sentence = f"clears {'dy' if backward else 'its first argument'} after use"
        yield Fault("input overwritten", function, sentence, _overwriting(right))


# Layers that the oracle judges under another name, or not at all.
OTHERS = (replace(BY_NAME["conv2d"], name="fourier_conv2d"), replace(BY_NAME["relu"], name="dropout"))
RULED = tuple(
    fault
    for operation in (*OPERATIONS, *OTHERS)
    for function in operation.functions
    if function in own.functions()
    for fault in _of_function(function, operation)
)
