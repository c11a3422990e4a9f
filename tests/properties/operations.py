"""The oracle's operations as the properties see them: pp_ref's own passes of each, and what else holds for it.

The seed of a case chooses the geometry of its images too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pp_ref import layers
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.candidates.memory import Placed
from pp_ref.oracle.operations import definitions, draws, image_draws, operation
from pp_ref.oracle.operations.draws import Arguments
from pp_ref.oracle.operations.table import BY_NAME as DESCRIBED
from tests.properties.bounded import BY_DTYPE

NUMPY = library("numpy")
# Beside the oracle's geometries: windows of unequal height and width, and steps that leave out pixels of the padding.
CONVOLUTIONS = (*draws.CONVOLUTIONS, (2, 2, 1, 0, 3, 3), (2, 3, 1, 1, 3, 4), (3, 2, 3, 1, 5, 6))
POOLINGS = (*draws.POOLINGS, (1, 3, True, 5, 3), (2, 2, True, 5, 5))


@dataclass(frozen=True)
class Case(draws.Sizes):
    """Sizes, scale and seed of a drawn problem, its dtype and its memory layout."""

    dtype: str = "float64"
    layout: str = "C"

    rng = property(lambda self: np.random.default_rng(self.seed))


class Draw(draws.Draw):
    """Arrays of one case, in its dtype and layout."""

    def __init__(self, case: Case) -> None:
        super().__init__(case, BY_DTYPE[np.dtype(case.dtype).name])

    convolution = property(lambda self: CONVOLUTIONS[self.sizes.geometry % len(CONVOLUTIONS)])
    pooling = property(lambda self: POOLINGS[self.sizes.geometry % len(POOLINGS)])

    def stored(self, x: Any) -> np.ndarray:
        # float64 draws fill the low bits of neither longdouble nor complex: add what they leave out.
        values = x * (1 + self.rng.standard_normal(np.shape(x)) * np.longdouble(2) ** -54)
        return Placed(NUMPY, values, self.arithmetic, self.sizes.layout, huge=False).array


@dataclass(frozen=True, repr=False, kw_only=True)
class Operation(operation.Operation):
    """An operation of the oracle with pp_ref's passes and more knowledge.

    forward    the function under test
    backward   its backward pass; None if nothing is differentiated
    settings   arguments of forward alone, or in place of drawn ones
    mean       whether the value is a mean over the batch; if not and not `per_example`, a sum
    units      argument -> the axis of its columns' units
    y_units    the same for y; None if y has no units
    group      entries that stay side by side when units move: the pieces of maxout
    analytic   whether a complex step can be taken
    ties       arguments at a kink, and their gradient
    twin       name of the operation that is the same function, evaluated in another order
    mixes      whether an entry of y depends on more of its arguments than its definition reads, so that more is NaN
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    settings: Arguments = field(default_factory=dict)
    mean: bool = False
    units: dict[str, int] = field(default_factory=dict)
    y_units: int | None = None
    group: int = 1
    analytic: bool = True
    ties: tuple[Arguments, np.ndarray] | None = None
    twin: str | None = None
    mixes: bool = False

    def draw(self, case: Case) -> Arguments:
        return self.arguments(Draw(case.at(geometry=case.seed))) | self.settings

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


def layer(described: str, layer: str = "", **known: Any) -> Operation:
    """pp_ref's layer of an operation that the oracle describes; layer is its name, if that is another."""
    fields = vars(DESCRIBED[described]) | {"name": layer or described} | known
    forward, backward = (getattr(layers, f"{layer or described}_{part}", None) for part in ("forward", "backward"))
    return Operation(**{"forward": forward, "backward": backward} | fields)


def in_order(name: str, order: str, other: str, **known: Any) -> Operation:
    """One of two ways to evaluate the same function; name has a place for the order."""
    return layer(
        name.partition(",")[0], name=name.format(order), twin=name.format(other), settings={"order": order}, **known
    )


def clear_winners(draw: Draw) -> Arguments:
    """Pieces of maxout whose largest is so far from the others that no step reaches them."""
    arguments = draws.pieces(draw)
    v = np.array(arguments["v"]).reshape(draw.sizes.n, draw.sizes.m, arguments["pieces"])
    v += v == v.max(axis=2, keepdims=True)
    return arguments | {"v": draw.stored(v.reshape(arguments["v"].shape))}


def columns_of_kinds(described: str) -> Callable[[Draw], Arguments]:
    """Columns all dense, all tied across channels, or in turn as the oracle draws them."""

    def drawn(draw: Draw) -> Arguments:
        case, of = draw.sizes, DESCRIBED[described].arguments
        if case.seed % 3 == 2:
            return of(draw)
        twice = of(Draw(case.at(columns=tuple(column for column in case.columns for _ in ("dense", "tied")))))
        kept = {list: slice(case.seed % 3, None, 2), np.ndarray: slice(case.m)}
        return twice | {name: twice[name][kept[type(twice[name])]] for name in ("U", "w", "b") if name in twice}

    return drawn


def moment_first(v: Any, W: Any) -> Any:
    """A NaN in W shows even if there are no examples."""
    return definitions.moment_reconstruction(definitions.second_moment(v), W)


OPERATIONS = (
    layer("dense", units={"W": 1, "b": 0}, y_units=1),
    layer("pool", y_units=1),
    layer("combine", units={"b": 0}, y_units=1),
    layer("expand", y_units=1),
    in_order("predicted, {} first", "dictionary", "weights", units={"b": 0}, y_units=1),
    in_order("predicted, {} first", "weights", "dictionary", units={"b": 0}, y_units=1),
    layer("lowrank", units={"w": 1, "b": 0}, y_units=1),
    layer("sigmoid", units={"v": 1}, y_units=1),
    layer("relu", analytic=False, ties=({"v": np.array([[0.0, -0.0, 1.0, -1.0]])}, np.array([[0.0, 0, 1, 0]]))),
    layer(
        "maxout",
        arguments=clear_winners,
        units={"v": 1},
        y_units=1,
        group=3,
        analytic=False,
        ties=(draws.tied_pieces(None), np.array([[1.0, 0, 0, 0, 1, 0], [1, 0, 0, 1, 0, 0]])),
    ),
    Operation(
        name="dropout",
        equation="y = v / (1 - rate) with probability 1 - rate, else 0",
        definition=lambda v, rate, rng: v * np.where(rng.random(v.shape) < rate, 0, 1 / np.longdouble(1 - rate)),
        arguments=lambda draw: {"v": draw(draw.sizes.n, draw.sizes.d), "rate": 0.3, "rng": draw.sizes.rng},
        learned=("v",),
        linear=("v",),
        forward=layers.dropout_forward,
        backward=layers.dropout_backward,
    ),
    layer("softmax_cross_entropy", mean=True, units={"z": 1}),
    layer("autoencoder", mean=True, units={"W": 1, "b": 0}),
    layer("unit_columns", units={"W": 1}, y_units=1),
    # No format stores 0.3.
    layer("smooth_abs", units={"z": 1}, settings={"eps": 0.3}),
    layer("log_cosh", units={"z": 1}),
    layer("second_moment"),
    layer("moment_reconstruction", units={"W": 1}),
    in_order("reconstruction, by {}", "examples", "moment", units={"W": 1}),
    in_order("reconstruction, by {}", "moment", "examples", units={"W": 1}, definition=moment_first),
    layer("weight_decay", units={"W": 1}, settings={"rate": 0.3}),
    layer(
        "limit_column_norms",
        forward=layers.limit_column_norms,
        learned=("W",),
        units={"W": 1},
        y_units=1,
        analytic=False,
    ),
)
IMAGES = (
    layer("conv2d", units={"W": 3, "b": 0}, y_units=3),
    layer("conv2d", "fourier_conv2d", units={"W": 3, "b": 0}, y_units=3, twin="conv2d", mixes=True),
    layer("depthwise_conv2d", units={"u": 2}, y_units=3),
    layer("dictionary_conv2d", arguments=columns_of_kinds("dictionary_conv2d"), y_units=3),
    layer("expand_filters", arguments=columns_of_kinds("expand_filters"), y_units=3),
    *(
        in_order(
            "predicted_conv2d, {} first",
            *orders,
            arguments=columns_of_kinds("predicted_conv2d"),
            units={"b": 0},
            y_units=3,
        )
        for orders in (("dictionary", "weights"), ("weights", "dictionary"))
    ),
    layer(
        "max_pool2d",
        units={"v": 3},
        y_units=3,
        analytic=False,
        ties=(
            image_draws.tied_pixels(None),
            np.array([[1.0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1], [0, 0, 0, 0, 0]])[None, :, :, None],
        ),
    ),
    layer("average_pool2d", units={"v": 3}, y_units=3),
    layer("flatten"),
    layer("local_response"),
)
BY_NAME = {operation.name: operation for operation in (*OPERATIONS, *IMAGES)}
