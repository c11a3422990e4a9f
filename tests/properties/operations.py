"""Every operation of the layers, as the properties see it: how to draw its arguments, and what holds for them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pp_ref import layers

Arguments = dict[str, Any]
LAYOUTS = ("C", "F", "reversed", "strided")


@dataclass(frozen=True)
class Case:
    """One drawn problem: sizes, dtype, memory layout, scale of the values, and the seed of everything random."""

    n: int
    d: int
    columns: tuple[tuple[int, int], ...]  # (k_j, m_j) of every column
    dtype: str = "float64"
    layout: str = "C"
    scale: float = 1.0
    seed: int = 0

    k = property(lambda self: self.columns[0][0])
    m = property(lambda self: sum(m_j for _, m_j in self.columns))
    rng = property(lambda self: np.random.default_rng(self.seed))

    def at(self, **changes: Any) -> "Case":
        return replace(self, **changes)


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory layout: no operation may care."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "reversed":
        every = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[every])[every]
    if layout == "strided":
        held = np.zeros([2 * size for size in array.shape], array.dtype)
        every = (slice(None, None, 2),) * array.ndim
        held[every] = array
        return held[every]
    return array


class Draw:
    """Arrays of one case, in its dtype and layout."""

    def __init__(self, case: Case) -> None:
        self.case, self.rng = case, case.rng

    def __call__(self, *shape: int) -> np.ndarray:
        # float64 draws fill the low bits of neither longdouble nor complex: add what they leave out.
        values = self.rng.standard_normal(shape) * np.longdouble(self.case.scale)
        values = values * (1 + self.rng.standard_normal(shape) * np.longdouble(2) ** -54)
        return laid_out(values.astype(self.case.dtype), self.case.layout)

    def columns(self, shape: Callable[[int, int], tuple[int, int]]) -> list[np.ndarray]:
        return [self(*shape(k, m)) for k, m in self.case.columns]


@dataclass(frozen=True, repr=False)
class Operation:
    """A forward pass, its backward pass, and what is known about them."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any] | None  # None: nothing is differentiated
    arguments: Callable[[Case, Draw], Arguments]  # in forward's order
    definition: Callable[..., Any]  # forward's value from the equation, by NumPy alone
    learned: tuple[str, ...]  # the arguments that have a gradient, in order
    linear: tuple[str, ...] = ()  # those of them in which forward is affine
    batch: tuple[str, ...] = ("v",)  # the arguments that have one row an example
    mean: bool = False  # forward is a mean over the batch: a number
    total: bool = False  # forward is a sum over the batch
    units: dict[str, int] = field(default_factory=dict)  # argument -> the axis that holds the columns' units
    y_units: int | None = None  # the same for y; None where y has no units
    analytic: bool = True
    ties: Callable[[], tuple[Arguments, np.ndarray]] | None = None  # arguments at a kink, and their gradient
    twin: str | None = None  # the operation that is the same function, evaluated in another order
    mixes: bool = False  # whether an entry of y sees more of its arguments than its definition reads, so more NaN
    group: int = 1  # entries that stay side by side when units move: the pieces of maxout

    def draw(self, case: Case) -> Arguments:
        return self.arguments(case, Draw(case))

    def __repr__(self) -> str:
        return self.name

    @property
    def functions(self) -> tuple[str, ...]:
        """The names, in pp_ref, of the functions under test."""
        return tuple(function.__name__ for function in (self.forward, self.backward) if function)

    def with_function(
        self, name: str, function: Callable[..., Any]
    ) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
        """Forward and backward, one of them replaced."""
        passes = [function if right and right.__name__ == name else right for right in (self.forward, self.backward)]
        return passes[0], passes[1]


def fresh(arguments: Arguments) -> Arguments:
    """The same arguments, with generators that have not been drawn from."""
    return {
        name: deepcopy(value) if isinstance(value, np.random.Generator) else value for name, value in arguments.items()
    }


# Definitions: the equations once more, by other means than the layers' own. They are given longdouble arrays.


def _columns(v, U, w, b, order=None):
    return np.hstack([np.einsum("nd,dk,km->nm", v, *pair) for pair in zip(U, w, strict=True)]) + b


def _sigmoid(v):
    return 1 / (1 + np.exp(np.minimum(-v, 11000)))  # the largest exponent of longdouble is 11356


def _cross_entropy(z, labels):
    each = [np.log(np.sum(np.exp(row - row[label]))) for row, label in zip(z, labels, strict=True)]
    return np.sum(each) / max(len(each), 1)


def _autoencoder(v, W, b, c):
    r = _sigmoid(_sigmoid(v @ W + b) @ W.T + c)
    return np.linalg.norm(r - v) ** 2 / max(len(v), 1)


def _dropout(v, rate, rng):
    return v * np.where(rng.random(v.shape) < rate, 0, 1 / np.longdouble(1 - rate))


def _limited(W, limit):
    norms = np.linalg.norm(W, axis=0)
    return np.where(norms > limit, W * (limit / np.where(norms > limit, norms, 1)), W)


def _unit(W):
    return np.stack([column / np.sqrt(np.vdot(column, column)) for column in W.T], axis=1)


def _moment_reconstruction(S, W):
    A = np.einsum("im,jm->ij", W, W) - np.eye(len(S))
    return np.einsum("ij,ik,kj->", A, S, A)


def _reconstruction(v, W, order):
    if order == "moment":  # the same, except that a NaN in W shows even if there are no examples
        return _moment_reconstruction(np.einsum("ni,nj->ij", v, v), W)
    return sum((np.linalg.norm(W @ (W.T @ row) - row) ** 2 for row in v), np.longdouble(0))


# Arguments away from kinks: steps of the finite differences stay below 1/4.


def _away_from_zero(case: Case, draw: Draw) -> Arguments:
    v = draw(case.n, case.d)
    return {"v": laid_out(v + np.where(v > 0, 1, -1).astype(v.dtype) / 4, case.layout)}


PIECES = 3


def _clear_winners(case: Case, draw: Draw) -> Arguments:
    v = np.ascontiguousarray(draw(case.n, case.m * PIECES)).reshape(case.n, case.m, PIECES)
    v += (v == v.max(axis=2, keepdims=True)).astype(v.dtype)
    return {"v": laid_out(v.reshape(case.n, case.m * PIECES), case.layout), "pieces": PIECES}


def _relu_ties():
    return {"v": np.array([[0.0, -0.0, 1.0, -1.0]])}, np.array([[0.0, 0.0, 1.0, 0.0]])


def _maxout_ties():
    return {"v": np.array([[1.0, 1.0, 0.0, 0.0, 2.0, 2.0]]), "pieces": 3}, np.array([[1.0, 0, 0, 0, 1.0, 0]])


def _labels(case: Case) -> np.ndarray:
    return np.random.default_rng(case.seed + 1).integers(0, case.m, case.n)


def _predicted(order: str, twin: str) -> Operation:
    return Operation(
        f"predicted, {order} first",
        layers.predicted_forward,
        layers.predicted_backward,
        lambda case, draw: {
            "v": draw(case.n, case.d),
            "U": draw.columns(lambda k, m: (case.d, k)),
            "w": draw.columns(lambda k, m: (k, m)),
            "b": draw(case.m),
            "order": order,
        },
        _columns,
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
        units={"b": 0},
        y_units=1,
        twin=f"predicted, {twin} first",
    )


def _reconstructed(order: str, twin: str) -> Operation:
    return Operation(
        f"reconstruction, by {order}",
        layers.reconstruction_forward,
        layers.reconstruction_backward,
        lambda case, draw: {"v": draw(case.n, case.d), "W": draw(case.d, case.m), "order": order},
        _reconstruction,
        learned=("v", "W"),
        total=True,
        units={"W": 1},
        twin=f"reconstruction, by {twin}",
    )


OPERATIONS = (
    Operation(
        "dense",
        layers.dense_forward,
        layers.dense_backward,
        lambda case, draw: {"v": draw(case.n, case.d), "W": draw(case.d, case.m), "b": draw(case.m)},
        lambda v, W, b: np.einsum("nd,dm->nm", v, W) + b,
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
        units={"W": 1, "b": 0},
        y_units=1,
    ),
    Operation(
        "pool",
        layers.pool_forward,
        layers.pool_backward,
        lambda case, draw: {"v": draw(case.n, case.d), "U": draw.columns(lambda k, m: (case.d, k))},
        lambda v, U: [np.einsum("nd,dk->nk", v, U_j) for U_j in U],
        learned=("v",),
        linear=("v",),
        y_units=1,
    ),
    Operation(
        "combine",
        layers.combine_forward,
        layers.combine_backward,
        lambda case, draw: {
            "pooled": draw.columns(lambda k, m: (case.n, k)),
            "w": draw.columns(lambda k, m: (k, m)),
            "b": draw(case.m),
        },
        lambda pooled, w, b: np.hstack([np.einsum("nk,km->nm", *pair) for pair in zip(pooled, w, strict=True)]) + b,
        learned=("pooled", "w", "b"),
        linear=("pooled", "w", "b"),
        batch=("pooled",),
        units={"b": 0},
        y_units=1,
    ),
    Operation(
        "expand",
        layers.expand_forward,
        layers.expand_backward,
        lambda case, draw: {
            "U": draw.columns(lambda k, m: (case.d, k)),
            "w": draw.columns(lambda k, m: (k, m)),
        },
        lambda U, w: np.hstack([np.einsum("dk,km->dm", *pair) for pair in zip(U, w, strict=True)]),
        learned=("w",),
        linear=("w",),
        batch=(),
        y_units=1,
    ),
    _predicted("dictionary", "weights"),
    _predicted("weights", "dictionary"),
    Operation(
        "lowrank",
        layers.lowrank_forward,
        layers.lowrank_backward,
        lambda case, draw: {
            "v": draw(case.n, case.d),
            "U": draw(case.d, case.k),
            "w": draw(case.k, case.m),
            "b": draw(case.m),
        },
        lambda v, U, w, b: np.einsum("nd,dk,km->nm", v, U, w) + b,
        learned=("v", "U", "w", "b"),
        linear=("v", "U", "w", "b"),
        units={"w": 1, "b": 0},
        y_units=1,
    ),
    Operation(
        "sigmoid",
        layers.sigmoid_forward,
        layers.sigmoid_backward,
        lambda case, draw: {"v": draw(case.n, case.m)},
        _sigmoid,
        learned=("v",),
        units={"v": 1},
        y_units=1,
    ),
    Operation(
        "relu",
        layers.relu_forward,
        layers.relu_backward,
        _away_from_zero,
        lambda v: np.maximum(v, 0),
        learned=("v",),
        analytic=False,
        ties=_relu_ties,
    ),
    Operation(
        "maxout",
        layers.maxout_forward,
        layers.maxout_backward,
        _clear_winners,
        lambda v, pieces: np.maximum.reduce([v[:, p::pieces] for p in range(pieces)]),
        learned=("v",),
        units={"v": 1},
        y_units=1,
        analytic=False,
        ties=_maxout_ties,
        group=PIECES,
    ),
    Operation(
        "dropout",
        layers.dropout_forward,
        layers.dropout_backward,
        lambda case, draw: {"v": draw(case.n, case.d), "rate": 0.3, "rng": case.rng},
        _dropout,
        learned=("v",),
        linear=("v",),
    ),
    Operation(
        "softmax_cross_entropy",
        layers.softmax_cross_entropy_forward,
        layers.softmax_cross_entropy_backward,
        lambda case, draw: {"z": draw(case.n, case.m), "labels": _labels(case)},
        _cross_entropy,
        learned=("z",),
        batch=("z", "labels"),
        mean=True,
        units={"z": 1},
    ),
    Operation(
        "autoencoder",
        layers.autoencoder_forward,
        layers.autoencoder_backward,
        lambda case, draw: {
            "v": draw(case.n, case.d),
            "W": draw(case.d, case.m),
            "b": draw(case.m),
            "c": draw(case.d),
        },
        _autoencoder,
        learned=("v", "W", "b", "c"),
        mean=True,
        units={"W": 1, "b": 0},
    ),
    Operation(
        "unit_columns",
        layers.unit_columns_forward,
        layers.unit_columns_backward,
        lambda case, draw: {"W": draw(max(case.d, 3), case.m)},  # a single row has no direction to learn
        _unit,
        learned=("W",),
        batch=(),
        units={"W": 1},
        y_units=1,
    ),
    Operation(
        "smooth_abs",
        layers.smooth_abs_forward,
        layers.smooth_abs_backward,
        lambda case, draw: {"z": draw(case.n, case.m), "eps": 0.3},
        lambda z, eps: np.sum(np.hypot(z, np.sqrt(np.longdouble(eps)))),
        learned=("z",),
        batch=("z",),
        total=True,
        units={"z": 1},
    ),
    Operation(
        "log_cosh",
        layers.log_cosh_forward,
        layers.log_cosh_backward,
        lambda case, draw: {"z": draw(case.n, case.m)},
        lambda z: np.sum(np.log(np.cosh(z))),  # longdouble's cosh reaches 11356
        learned=("z",),
        batch=("z",),
        total=True,
        units={"z": 1},
    ),
    Operation(
        "second_moment",
        layers.second_moment_forward,
        layers.second_moment_backward,
        lambda case, draw: {"v": draw(case.n, case.d)},
        lambda v: np.einsum("ni,nj->ij", v, v),
        learned=("v",),
        total=True,
    ),
    Operation(
        "moment_reconstruction",
        layers.moment_reconstruction_forward,
        layers.moment_reconstruction_backward,
        # Not symmetric: the pair has to be right for any S.
        lambda case, draw: {"S": draw(case.d, case.d), "W": draw(case.d, case.m)},
        _moment_reconstruction,
        learned=("S", "W"),
        linear=("S",),
        batch=(),
        units={"W": 1},
    ),
    _reconstructed("examples", "moment"),
    _reconstructed("moment", "examples"),
    Operation(
        "weight_decay",
        layers.weight_decay_forward,
        layers.weight_decay_backward,
        lambda case, draw: {"W": draw(case.d, case.m), "rate": 0.3},
        lambda W, rate: rate * np.vdot(W, W),
        learned=("W",),
        batch=(),
        units={"W": 1},
    ),
    Operation(
        "limit_column_norms",
        layers.limit_column_norms,
        None,
        lambda case, draw: {"W": draw(case.d, case.m), "limit": 1.5 * case.scale},
        _limited,
        learned=("W",),
        batch=(),
        units={"W": 1},
        y_units=1,
        analytic=False,
    ),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}
