"""Other formulas in the place of right ones, in an operation's definition and in those of the models that use it.

Gradients follow by the chain rule; who has the right gradient beside a wrong value is told by the value.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain, tape
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.faults.alterations import called
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations import definitions, models
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["of_formulas"]

Real = NDArray[np.float64]
Formula = Callable[..., Any]
# Numbers that keep a logarithm, a root or a quotient from zero: decades, rounding units, smallest numbers.
EPSILONS = (*(10.0**-power for power in range(2, 17)), 1e-20, 1e-30, 2.0**-23, 2.0**-52, 2.0**-126, 2.0**-1022)
LIMITS = (5.0, 6.0, 10.0, 15.0, 16.0, 20.0, 30.0, 32.0, 40.0, 50.0, 60.0, 80.0, 88.0, 100.0, 500.0, 700.0, 709.0)


def of_formulas(operation: Operation) -> Iterator[Mistake]:
    """Those of what the operation's definition calls."""
    names = {function.__name__ for function in called(operation.definition)} | {
        name for function in called(operation.definition) for name in function.__code__.co_names
    }
    for name, formulas in _formulas().items():
        if name in names or name == operation.name:
            for key, (words, formula) in formulas.items():
                yield Mistake(words, partial(_results, name, formula), f"{operation}/{name}: {key}", of_results=True)


def _results(name: str, formula: Formula, case: Case) -> dict[str, Real]:
    """In the dtype of the case, where small numbers are lost and large ones overflow as a candidate's do."""
    dtype = {"bfloat16": "float32"}.get(case.arithmetic.dtype, case.arithmetic.dtype)
    algebra = replace(plain.ALGEBRA, lifted=lambda x: np.asarray(x, dtype), scattered=_scattered)
    with _in_place(name, formula):
        own = formula if case.operation.definition.__name__ == name else case.operation.definition
        other = replace(case, operation=replace(case.operation, definition=own))
        found = evaluated(other, algebra, cotangents_of(case)).results
    return {each: np.asarray(x, np.float64) for each, x in found.items()}


def _scattered(x: NDArray[Any], at: NDArray[Any], size: int) -> NDArray[Any]:
    out = np.zeros(size, x.dtype)
    np.add.at(out, at, x)
    return out


@contextmanager
def _in_place(name: str, formula: Formula) -> Iterator[None]:
    """The formula in the place of the function of that name, wherever definitions and models call it."""
    modules = [module for module in (definitions, models) if hasattr(module, name)]
    kept = [getattr(module, name) for module in modules]
    for module in modules:
        setattr(module, name, formula)
    try:
        yield
    finally:
        for module, right in zip(modules, kept, strict=True):
            setattr(module, name, right)


def _formulas() -> dict[str, dict[str, tuple[str, Formula]]]:
    """Function -> identifier -> words, to be read after "y is", and what is computed."""
    found: dict[str, dict[str, tuple[str, Formula]]] = {
        "softmax_cross_entropy": {
            "batch maximum": (
                "computed with the maximum of the whole batch in place of each row's",
                partial(_cross_entropy, lambda p, e: p, shift=_batch_maximum),
            ),
            "no maximum": (
                "computed without the maximum, so that exp overflows",
                partial(_cross_entropy, lambda p, e: p, shift=lambda z: np.zeros(())),
            ),
            "log p": ("the log of a probability that underflows", partial(_cross_entropy, lambda p, e: p)),
        },
        "softmax": {
            "batch maximum": (
                "computed with the maximum of the whole batch in place of each row's",
                partial(_softmax, shift=_batch_maximum),
            ),
            "no maximum": (
                "computed without the maximum, so that exp overflows",
                partial(_softmax, shift=lambda z: np.zeros(())),
            ),
            "first row": (
                "computed with the first row's maximum in place of each row's",
                partial(_softmax, shift=lambda z: tape.largest(z)[:1] if z.shape[0] else np.zeros(())),
            ),
        },
        "sigmoid": {
            "tanh": ("tanh in the place of the sigmoid", lambda v: tape.sigmoid(v * 2.0) * 2.0 - 1.0),
            "by tanh": ("(1 + tanh(v / 2)) / 2, which cancels where v is negative", _by_tanh),
            "hard": ("a piecewise linear sigmoid, v / 5 + 1/2 between 0 and 1", partial(_hard, 0.2)),
            "hard, by 6": ("a piecewise linear sigmoid, v / 6 + 1/2 between 0 and 1", partial(_hard, 1 / 6)),
            "none": ("without the sigmoid", lambda v: v),
        },
        "relu": {"none": ("without the relu", lambda v: v)},
        "_squared_distances": {
            "sum of differences": (
                "of the sum of the absolute differences, where the Euclidean distance is due",
                _by_sums,
            ),
        },
        "patches": {
            f"begins {word}": (
                f"of windows that begin {words} pixels later, or with the last pixel",
                partial(_later, start),
            )
            for word, words, start in (
                ("half a stride later", "stride // 2", lambda stride: stride // 2),
                ("a stride less 1 later", "stride - 1", lambda stride: stride - 1),
                ("1 later", "1", lambda stride: 1),
            )
        },
        "local_response": {
            "divided by the window": (
                "with alpha divided by the number of channels that a window has, where size is due",
                partial(_response, lambda size, count, channels: count.astype(float)),
            ),
            "divided by channels": (
                "with alpha divided by size, or by the number of channels where that is smaller",
                partial(_response, lambda size, count, channels: float(min(size, channels))),
            ),
        },
        "average_pool2d": {
            "divisor": ("divided by size^2 at the edge too, where a window has fewer pixels", _divided_by_all),
        },
        "max_pool2d": {
            "ties to all": ("pulled back to every pixel of a tie, where the first has it all", partial(_tied, False)),
            "ties shared": ("shared between the pixels of a tie, where the first has it all", partial(_tied, True)),
            "average": ("of the average of a window, where its largest pixel is due", definitions.average_pool2d),
        },
        "maxout": {
            "ties to all": (
                "pulled back to every piece of a tie, where the first has it all",
                partial(_tied_pieces, False),
            ),
            "ties shared": (
                "shared between the pieces of a tie, where the first has it all",
                partial(_tied_pieces, True),
            ),
        },
        "sqrt": {},
        "log": {},
    }
    for eps in EPSILONS:
        found["softmax_cross_entropy"] |= {
            f"log(p + {eps:.3g})": (
                f"computed by log(p + {eps:.3g}), where log p is due: an eps is added to the probability",
                partial(_cross_entropy, lambda p, e: p + e, eps=eps),
            ),
            f"log(clip(p, {eps:.3g}))": (
                f"computed by log(max(p, {eps:.3g})), where log p is due: the probability is clipped from below",
                partial(_cross_entropy, _kept_above, eps=eps),
            ),
            f"log(clip(p, {eps:.3g}, 1))": (
                f"computed by log(clip(p, {eps:.3g}, 1 - {eps:.3g})), where log p is due: the probability is clipped",
                partial(_cross_entropy, _clipped, eps=eps),
            ),
        }
        found["sqrt"] |= {
            f"sqrt(x + {eps:.3g})": (
                f"computed with an eps of {eps:.3g} added inside a square root",
                lambda x, eps=eps: tape.sqrt(x + eps),
            ),
            f"sqrt(x) + {eps:.3g}": (
                f"computed with an eps of {eps:.3g} added to a square root, a norm say",
                lambda x, eps=eps: tape.sqrt(x) + eps,
            ),
            f"max(sqrt(x), {eps:.3g})": (
                f"computed with a square root, a norm say, that is kept above {eps:.3g}",
                lambda x, eps=eps: _kept_above(tape.sqrt(x), eps),
            ),
        }
        found["log"] |= {
            f"log(x + {eps:.3g})": (
                f"computed with an eps of {eps:.3g} added inside a logarithm",
                lambda x, eps=eps: tape.log(x + eps),
            ),
        }
    for limit in LIMITS:
        found["sigmoid"] |= {
            f"clipped at {limit:g}": (
                f"computed from v clipped at ±{limit:g}",
                lambda v, limit=limit: tape.sigmoid(_between(v, -limit, limit)),
            )
        }
    return found


def _kept_above(x: Quantity, least: float) -> Quantity:
    return x.where(np.asarray(x.algebra.compared(x.data) >= least), least)


def _clipped(p: Quantity, eps: float) -> Quantity:
    return _between(p, eps, 1 - eps)


def _between(x: Quantity, least: float, most: float) -> Quantity:
    above = x.where(np.asarray(x.algebra.compared(x.data) >= least), least)
    return above.where(np.asarray(x.algebra.compared(x.data) <= most), most)


def _batch_maximum(z: Quantity) -> Any:
    return np.max(z.algebra.compared(z.data), initial=-np.inf) if z.shape[0] else np.zeros(())


def _softmax(z: Quantity, shift: Callable[[Quantity], Any] = tape.largest) -> Quantity:
    e = tape.exp(z - np.asarray(shift(z), np.asarray(z.data).dtype))
    return e / e.sum(axis=1, keepdims=True)


def _cross_entropy(
    kept: Callable[[Quantity, float], Quantity],
    z: Quantity,
    labels: NDArray[np.int64],
    eps: float = 0.0,
    shift: Callable[[Quantity], Any] = tape.largest,
) -> Quantity:
    """-1/n sum log kept(p)."""
    n, classes = z.shape
    p = _softmax(z, shift).take(np.arange(n) * classes + labels)
    return -tape.log(kept(p, eps)).sum() / float(max(n, 1))


def _by_sums(a: Quantity, b: Quantity) -> Quantity:
    apart = a.reshape(a.shape[0], 1, a.shape[1]) - b.reshape(1, *b.shape)
    size = (-apart).where(np.asarray(apart.algebra.compared(apart.data) < 0), apart).sum(axis=2)
    return size * size


def _later(start: Callable[[int], int], v: Quantity, size: tuple[int, int], stride: int, padding: int) -> Quantity:
    places = np.pad(v.places(), ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(places, size, axis=(1, 2))
    for axis in (1, 2):
        last = windows.shape[axis] - 1
        windows = np.take(windows, np.minimum(np.arange(0, last + 1, stride) + start(stride), last), axis)
    return v.take(windows.transpose(0, 1, 2, 4, 5, 3))


def _response(
    divisor: Callable[[int, NDArray[np.int64], int], Any],
    v: Quantity,
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> Quantity:
    channels = v.shape[3]
    c = np.arange(channels)[:, None] + np.arange(-(size // 2), (size + 1) // 2)
    inside = (c >= 0) & (c < channels)
    near = v.take(np.where(inside, v.places()[..., np.where(inside, c, 0)], -1))
    base = (near * near).sum(axis=4) * alpha / divisor(size, inside.sum(axis=1), channels) + k
    return v * tape.exp(tape.log(base) * -beta)


def _by_tanh(v: Quantity) -> Quantity:
    y = 0.5 * (1 + np.tanh(0.5 * np.asarray(v.data)))
    return Quantity(y.astype(np.asarray(v.data).dtype), v.algebra, [(v, lambda g: g * y * (1 - y))])


def _hard(slope: float, v: Quantity) -> Quantity:
    return _between(v * slope + 0.5, 0.0, 1.0)


def _of_ties(x: Quantity, shared: bool, inside: Any) -> Quantity:
    """The largest along the last axis, whose gradient goes to all entries that are as large, or is shared by them."""
    values = np.where(inside, np.asarray(x.data, float), -np.inf)
    most = values.max(axis=-1, keepdims=True)
    tied = (values == most) & inside
    weights = tied / tied.sum(axis=-1, keepdims=True) if shared else tied.astype(float)
    total = (x * weights).sum(axis=x.ndim - 1)
    return Quantity(np.asarray(most[..., 0], np.asarray(x.data).dtype), x.algebra, [(total, lambda g: g)])


def _tied(shared: bool, v: Quantity, size: int, stride: int, ceil: bool = True) -> Quantity:
    windows, _ = definitions._windows(v, size, stride, ceil)
    return _of_ties(v.take(windows), shared, windows >= 0)


def _tied_pieces(shared: bool, v: Quantity, pieces: int) -> Quantity:
    n, units = v.shape
    return _of_ties(v.reshape(n, units // pieces, pieces), shared, np.ones((n, units // pieces, pieces), bool))


def _divided_by_all(v: Quantity, size: int, stride: int, ceil: bool = True) -> Quantity:
    windows, _ = definitions._windows(v, size, stride, ceil)
    return v.take(windows).sum(axis=4) / float(size * size)
