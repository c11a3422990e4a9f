"""The record of a mistake, and the mistakes that any operation can make."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pp_ref.arrays import Array, array_namespace
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.nested import leaves

__all__ = [
    "Change",
    "Derived",
    "Fault",
    "Function",
    "Mistakes",
    "accumulating",
    "after",
    "before",
    "cached",
    "double_precision",
    "doubled",
    "eleven_bits",
    "exchanged",
    "faults",
    "halved",
    "instead",
    "last_row_missing",
    "nan_to_zero",
    "negative",
    "neighbour",
    "next_row",
    "stale",
    "transposed_if_square",
    "zero",
]

Function = Callable[..., Any]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Fault:
    """One mistake.

    name       a few words, distinct among the faults of an operation
    operation  the function that is wrong, as pp_ref.layers names it: "dense_backward"
    sentence   what the wrong function does, to be read after the function's name
    wrong      the wrong function, with the signature of the right one
    only       the arithmetic in which it is a mistake; None: any
    judged     whether a case of the oracle asks for it
    """

    name: str
    operation: str
    sentence: str
    wrong: Function
    only: str | None = None
    judged: bool = True


@dataclass(frozen=True)
class Derived:
    """How a wrong function is made of the right one."""

    make: Callable[[Function], Function]

    def __call__(self, right: Function) -> Function:
        return self.make(right)


# Name -> what the wrong function does, and the wrong function, or how it is derived.
Mistakes = dict[str, tuple[str, Function | Derived]]


def faults(model: type | None = None, /, judged: bool = True, **table: Mistakes) -> tuple[Fault, ...]:
    """The mistakes of pp_ref's functions, or of a model's methods, by the name of the function."""
    found = []
    for function, mistakes in table.items():
        right: Any = getattr(model, function) if model else own.original(function)
        operation = f"{model.__name__}.{function}" if model else function
        for name, (sentence, wrong) in mistakes.items():
            wrong = wrong(right) if isinstance(wrong, Derived) else wrong
            found.append(Fault(name, operation, sentence, wrong, judged=judged))
    return tuple(found)


def instead(other: Function, at: int | None = None) -> Derived:
    """``other(result, *arguments)`` for what the right function returns (its entry ``at``, if not None)."""

    def make(right: Function) -> Function:
        def wrong(*args: Any) -> Any:
            result = right(*args)
            if at is None:
                return other(result, *args)
            return (*result[:at], other(result[at], *args), *result[at + 1 :])

        return wrong

    return Derived(make)


def after(change: Change, at: int | None = None) -> Derived:
    """What the right function returns (its entry ``at``, if not None), put through ``change``."""
    return instead(lambda result, *args: change(result), at)


def before(change: Change, at: int = 0) -> Derived:
    """The right function, given its argument ``at`` put through ``change``."""
    return Derived(lambda right: lambda *args: right(*args[:at], change(args[at]), *args[at + 1 :]))


def exchanged(i: int, j: int) -> Derived:
    """What the right function returns, with two entries in each other's place."""
    return instead(lambda result, *args: tuple(result[{i: j, j: i}.get(k, k)] for k in range(len(result))))


def cached(**changes: Change) -> Derived:
    """The right backward pass, reading the cache with the named entries put through their changes."""
    return before(lambda cache: cache._replace(**{name: f(getattr(cache, name)) for name, f in changes.items()}), 1)


def _shapes(value: Any) -> Any:
    return [(type(leaf), leaf.shape, leaf.dtype) for leaf in leaves(value)]


def _sum(new: Any, old: Any) -> Any:
    if isinstance(new, list | tuple):
        return type(new)(_sum(*pair) for pair in zip(new, old, strict=True))
    return new + old


def accumulating(right: Function) -> Function:
    """A function that adds to its last result of equal size, as if nobody had set that to zero."""
    kept: list[Any] = []

    def wrong(*args: Any) -> Any:
        result = right(*args)
        kept[:] = [_sum(result, kept[0]) if kept and _shapes(kept[0]) == _shapes(result) else result]
        return kept[0]

    return wrong


def stale(right: Function) -> Function:
    """A backward pass that reads the cache of the last call of equal size."""
    kept: list[Any] = []

    def wrong(dy: Any, cache: Any) -> Any:
        last = kept[1] if kept and kept[0] == _shapes(dy) else cache
        kept[:] = [_shapes(dy), cache]
        return right(dy, last)

    return wrong


# Changes of one array.


def negative(x: Array) -> Array:
    return -x


def halved(x: Array) -> Array:
    return x / 2


def doubled(x: Array) -> Array:
    return 2 * x


def zero(x: Array) -> Array:
    return array_namespace(x).zeros_like(x)


def double_precision(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.astype(x, xp.float64)


def neighbour(x: Array) -> Array:
    """Every row shifted by one column, as by an index that is off by one."""
    return array_namespace(x).roll(x, 1, axis=-1)


def next_row(x: Array) -> Array:
    return array_namespace(x).roll(x, 1, axis=0)


def last_row_missing(x: Array) -> Array:
    """What a kernel leaves of a batch that is no multiple of its tile."""
    return array_namespace(x).concat([x[:-1, ...], zero(x[-1:, ...])], axis=0)


def nan_to_zero(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.where(xp.isnan(x), zero(x), x)


def transposed_if_square(x: Array) -> Array:
    """A forgotten or superfluous transpose, which only a square matrix lets through."""
    return x.T if x.shape[0] == x.shape[1] else x


def eleven_bits(x: Array) -> Array:
    """Rounded to the 11 significant bits of TF32 and half precision (Veltkamp's splitting, in float32)."""
    xp = array_namespace(x)
    single = xp.astype(x, xp.float32)
    scaled = single * 8193.0
    return xp.astype(scaled - (scaled - single), x.dtype)
