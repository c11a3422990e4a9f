"""Every operation that the oracle judges: its equation, how its arguments are drawn, and what is known about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle import definitions, tape
from pp_ref.oracle.arithmetic import Arithmetic

__all__ = ["BY_NAME", "OPERATIONS", "Arguments", "Draw", "Operation", "Sizes", "is_number", "leaves", "mapped"]

Real = NDArray[np.float64]
Arguments = dict[str, Any]

# (filter height, width, stride, padding, image height, width): square and not; strides that overlap, meet, leave
# pixels out, or do not come out even; padding that makes up for images smaller than the filters.
CONVOLUTIONS = (
    (3, 2, 1, 1, 4, 5),
    (1, 1, 1, 0, 3, 2),
    (3, 3, 2, 1, 5, 5),
    (3, 2, 2, 2, 4, 3),
    (2, 1, 3, 0, 5, 4),
    (3, 3, 1, 2, 2, 2),
    (2, 2, 3, 0, 3, 5),
    (1, 3, 2, 0, 2, 5),
)
# (size, stride, ceil, height, width): windows that overlap, meet, leave pixels out, or reach over one edge or both.
POOLINGS = (
    (3, 2, True, 4, 5),
    (2, 2, True, 3, 3),
    (2, 2, False, 5, 4),
    (2, 1, True, 3, 4),
    (3, 2, False, 4, 6),
    (1, 2, True, 3, 2),
    (4, 2, True, 5, 5),
    (2, 3, True, 4, 6),
)


@dataclass(frozen=True)
class Sizes:
    """One problem: n examples, d inputs, (k_j, m_j) of every column, a scale of the numbers, a geometry, a seed."""

    n: int = 5
    d: int = 7
    columns: tuple[tuple[int, int], ...] = ((3, 2), (2, 3), (3, 1))
    scale: float = 1.0
    geometry: int = 0
    seed: int = 0

    k = property(lambda self: self.columns[0][0])
    m = property(lambda self: sum(m_j for _, m_j in self.columns))

    def at(self, **changes: Any) -> "Sizes":
        return replace(self, **changes)


class Draw:
    """Numbers that the arithmetic stores exactly."""

    def __init__(self, sizes: Sizes, arithmetic: Arithmetic) -> None:
        self.sizes, self.arithmetic = sizes, arithmetic
        self.rng = np.random.default_rng(sizes.seed)
        # Terms have at most eight factors (the gradient of a squared v W W^T - v has seven), sums 2^16 of them: not
        # even their majorants overflow. Of 1/4 in float16, of no consequence elsewhere.
        self.scale = min(sizes.scale, (arithmetic.largest / 2.0**32) ** (1 / 8))

    def __call__(self, *shape: int, scale: float = 1.0) -> Real:
        return self.stored(self.rng.standard_normal(shape) * self.scale * scale)

    def stored(self, x: Any) -> Real:
        return self.arithmetic.representable(np.asarray(x, np.float64))

    def columns(self, shape: Callable[[int, int], tuple[int, int]], scale: float = 1.0) -> list[Real]:
        return [self(*shape(k, m), scale=scale) for k, m in self.sizes.columns]

    def labels(self, classes: int) -> NDArray[np.int64]:
        return self.rng.integers(0, classes, self.sizes.n)

    def kept(self, of: int, k: int) -> NDArray[np.int64]:
        """Distinct indices, sorted."""
        return np.sort(self.rng.permutation(of)[: min(k, of)])

    @property
    def convolution(self) -> tuple[int, ...]:
        return CONVOLUTIONS[self.sizes.geometry % len(CONVOLUTIONS)]

    @property
    def pooling(self) -> tuple[Any, ...]:
        return POOLINGS[self.sizes.geometry % len(POOLINGS)]


@dataclass(frozen=True, repr=False)
class Operation:
    """One operation, as its users know it.

    name        functions of a candidate are `<name>_forward` and `<name>_backward` of a layer, `<name>` of a function,
                or `<name>_loss_and_gradient` of a model
    equation    with the paper's section
    definition  of Quantities, in the order of `arguments`
    arguments   drawn, in the order in which functions take them
    learned     the arguments that have a gradient, in the order in which backward returns them
    linear      those of them in which the value is affine
    batch       the arguments that have one row an example; empty where examples are not apart
    per_example whether the value has one row an example as well
    kind        "layer", "function" or "model"
    regimes     of this operation alone: regime name -> (bug, effect, arguments from a Draw)
    geometries  how many geometries of images there are to go through
    view        whether a result may share memory with an argument
    """

    name: str
    equation: str
    definition: Callable[..., Any]
    arguments: Callable[[Draw], Arguments]
    learned: tuple[str, ...] = ()
    linear: tuple[str, ...] = ()
    batch: tuple[str, ...] = ("v",)
    per_example: bool = True
    kind: Literal["layer", "function", "model"] = "layer"
    regimes: dict[str, tuple[str, str, Callable[[Draw], Arguments]]] = field(default_factory=dict)
    geometries: int = 1
    view: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def functions(self) -> tuple[str, ...]:
        """The names under which a candidate provides it."""
        if self.kind == "layer":
            return (f"{self.name}_forward", f"{self.name}_backward")
        return (self.name,) if self.kind == "function" else (f"{self.name}_loss_and_gradient",)


def leaves(value: Any) -> Iterator[Any]:
    """Every array of a nested list, or the one that value is."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def mapped(function: Callable[..., Any], value: Any) -> Any:
    """function of every array of a nested list."""
    return [mapped(function, each) for each in value] if isinstance(value, list) else function(value)


def is_number(value: Any) -> bool:
    """Whether value is an array of floats, or a nested list of them: what an arithmetic stores."""
    if isinstance(value, list):
        return bool(value) and all(map(is_number, value))
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _predicted(draw: Draw) -> Arguments:
    s = draw.sizes
    return {
        "v": draw(s.n, s.d),
        "U": draw.columns(lambda k, m: (s.d, k)),
        "w": draw.columns(lambda k, m: (k, m)),
        "b": draw(s.m),
    }


def _only(*names: str) -> Callable[[Draw], Arguments]:
    return lambda draw: {name: value for name, value in _predicted(draw).items() if name in names}


def _combine(draw: Draw) -> Arguments:
    s = draw.sizes
    return {
        "pooled": draw.columns(lambda k, m: (s.n, k)),
        "w": draw.columns(lambda k, m: (k, m)),
        "b": draw(s.m),
    }


def _rows(name: str, **settings: Any) -> Callable[[Draw], Arguments]:
    return lambda draw: {name: draw(draw.sizes.n, draw.sizes.m), **settings}


def _saturated(name: str, **settings: Any) -> Callable[[Draw], Arguments]:
    def arguments(draw: Draw) -> Arguments:
        # exp(88.8) is float32's largest number and exp(709.8) float64's: far beyond either, and beyond tanh's 1.
        ladder = np.array([0.0, 1e-4, 1.0, 9.0, 20.0, 40.0, 90.0, 720.0])
        ladder = ladder[ladder**2 < draw.arithmetic.largest]  # a square may be formed
        return {name: draw.stored(np.stack([ladder, -ladder, ladder[::-1]])), **settings}

    return arguments


_OVERFLOW = (
    "exp of a large number overflows, or the branch for large numbers is wrong",
    "infinity or NaN where a finite number is due, or a gradient of zero",
)


def _away_from_zero(draw: Draw) -> Arguments:
    v = draw(draw.sizes.n, draw.sizes.d)
    return {"v": draw.stored(v + np.where(v > 0, 0.25, -0.25))}


def _zeros(draw: Draw) -> Arguments:
    return {"v": np.array([[0.0, 1.0, -1.0, 0.0]])}


def _pieces(draw: Draw) -> Arguments:
    return {"v": draw(draw.sizes.n, 3 * draw.sizes.m), "pieces": 3}


def _tied_pieces(draw: Draw) -> Arguments:
    return {"v": np.array([[1.0, 1.0, 0.0, 0.0, 2.0, 2.0], [3.0, 3.0, 3.0, -1.0, -2.0, -1.0]]), "pieces": 3}


_TIES = (
    "a tie is broken otherwise than by the first, or its gradient is shared or counted twice",
    "another subgradient",
)


def _cross_entropy(draw: Draw) -> Arguments:
    return {"z": draw(draw.sizes.n, draw.sizes.m), "labels": draw.labels(draw.sizes.m)}


def _large_logits(draw: Draw) -> Arguments:
    return {"z": draw.stored(draw.rng.choice([-1e4, 0.0, 1e4], (4, 5))), "labels": draw.rng.integers(0, 5, 4)}


def _one_class(draw: Draw) -> Arguments:
    return {"z": draw(4, 5), "labels": np.full(4, 4)}


def _conv2d(draw: Draw) -> Arguments:
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    return {
        "v": draw(s.n, h, w, s.d),
        "W": draw(fh, fw, s.d, s.m),
        "b": draw(s.m),
        "stride": stride,
        "padding": padding,
    }


def _depthwise(draw: Draw) -> Arguments:
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    return {"v": draw(s.n, h, w, s.d), "u": draw(fh, fw, s.m), "stride": stride, "padding": padding}


def _predicted_filters(draw: Draw, *wanted: str, **more: Any) -> Arguments:
    """Columns in turn dense and tied across channels."""
    s, (fh, fw, stride, padding, h, w) = draw.sizes, draw.convolution
    copies = [s.d if j % 2 else 1 for j in range(len(s.columns))]
    sizes = [(k, m, c) for (k, m), c in zip(s.columns, copies, strict=True)]
    every: dict[str, Callable[[], Any]] = {
        "v": lambda: draw(s.n, h, w, s.d),
        "U": lambda: [draw(fh * fw * s.d // c, k) for k, _, c in sizes],
        "w": lambda: [draw(k * c, m) for k, m, c in sizes],
        "b": lambda: draw(s.m),
        "filter_shape": lambda: (fh, fw),
        "stride": lambda: stride,
        "padding": lambda: padding,
    }
    return {name: every[name]() for name in wanted} | more


def _distinct_pixels(draw: Draw) -> Arguments:
    size, stride, ceil, h, w = draw.pooling
    shape = (draw.sizes.n, h, w, draw.sizes.m)
    pixels = draw.rng.permutation(int(np.prod(shape))).reshape(shape) - int(np.prod(shape)) // 2
    return {"v": draw.stored(pixels * 2.0**-5 * draw.sizes.scale), "size": size, "stride": stride, "ceil": ceil}


def _tied_pixels(draw: Draw) -> Arguments:
    """Rows and columns of a 2 x 2 window tie, alone and together; the last window sees one column."""
    v = np.array([[1.0, 0, 0, 2, 3], [1, 0, 2, 0, 3], [0, 5, 0, 0, -1], [5, 5, 0, 0, -1]])
    return {"v": v[None, :, :, None], "size": 2, "stride": 2, "ceil": True}


def _pixels(draw: Draw) -> Arguments:
    size, stride, ceil, h, w = draw.pooling
    return {"v": draw(draw.sizes.n, h, w, draw.sizes.m), "size": size, "stride": stride, "ceil": ceil}


def _channels(draw: Draw) -> Arguments:
    size = 1 + draw.sizes.geometry % 5
    return {"v": draw(draw.sizes.n, 1, 2, draw.sizes.m), "size": size, "alpha": 0.75, "beta": 0.625, "k": 1.5}


def _autoencoder(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"v": draw(s.n, s.d), "W": draw(s.d, s.m, scale=0.5), "b": draw(s.m), "c": draw(s.d)}


def _filters(draw: Draw) -> Arguments:
    return {"W": draw(max(draw.sizes.d, 3), draw.sizes.m)}  # a single row has no direction to learn


def _short(draw: Draw) -> Arguments:
    """Columns whose squared lengths are normal numbers, and little more."""
    W = _filters(draw)["W"]
    return {"W": draw.stored(W * max(2.0**-45, 8 * np.sqrt(draw.arithmetic.tiny)))}


def _moment(draw: Draw) -> Arguments:
    """Not symmetric: the pair has to be right for any S."""
    return {"S": draw(draw.sizes.d, draw.sizes.d), "W": draw(draw.sizes.d, draw.sizes.m)}


def _points(draw: Draw, **settings: Any) -> Arguments:
    s = draw.sizes
    return {"a": draw(s.n, 2), "b": draw(s.m, 2), "length_scale": 0.75, **settings}


def _grid_points(**settings: Any) -> Callable[[Draw], Arguments]:
    """All of a 6 x 6 grid, with coincident points and distant ones."""
    grid = np.stack(np.unravel_index(np.arange(36), (6, 6)), axis=1).astype(float)
    return lambda draw: {"a": grid, "b": grid[::5], "length_scale": 0.5, **settings}


def _se_matrix(side: int, length_scale: float) -> Real:
    points = np.stack(np.unravel_index(np.arange(side * side), (side, side)), axis=1).astype(float)
    square = ((points[:, None] - points[None, :]) ** 2).sum(axis=2)
    K: Real = np.exp(-0.5 * square / length_scale**2)
    return K


def _ridge(side: int, length_scale: float, ridge: float, form: str = "ridge") -> Callable[[Draw], Arguments]:
    def arguments(draw: Draw) -> Arguments:
        alpha = draw.kept(side * side, side * side // 2)
        K = draw.stored(_se_matrix(side, length_scale))
        return {"K": K, "alpha": alpha, "ridge": float(draw.stored(ridge)), "form": form}

    return arguments


def _unsorted(draw: Draw) -> Arguments:
    arguments = _ridge(4, 1.0, 1e-3)(draw)
    return arguments | {"alpha": arguments["alpha"][::-1].copy()}


def _uneven(draw: Draw) -> Arguments:
    arguments = _ridge(4, 1.0, 2.0**-6)(draw)
    scale = np.linspace(1.0, 3.0, len(arguments["K"]))
    return arguments | {"K": draw.stored(np.outer(scale, scale) * arguments["K"])}


def _symmetric(draw: Draw, k: int) -> Real:
    """As (K_alpha + ridge I)^-1 is."""
    A = draw(k, k)
    return draw.stored(A + A.T)


def _grid(draw: Draw, *wanted: str) -> Arguments:
    """A 5 x 6 grid, so that axes are told apart, and R of every column."""
    s, sizes = draw.sizes, (5, 6)
    d, columns = sizes[0] * sizes[1], draw.sizes.columns
    every: dict[str, Callable[[], Any]] = {
        "v": lambda: draw(s.n, d),
        "g": lambda: draw.columns(lambda k, m: (s.n, k)),
        "w": lambda: draw.columns(lambda k, m: (k, m)),
        "G": lambda: draw(d, s.m),
        "widths": lambda: tuple(m for _, m in columns),
        "sizes": lambda: sizes,
        "taps": lambda: [draw.stored(np.exp(-0.5 * np.arange(size) ** 2.0 / 1.0**2)) for size in sizes],
        "alpha": lambda: [draw.kept(d, k) for k, _ in columns],
        "R": lambda: [_symmetric(draw, k) for k, _ in columns],
    }
    return {name: every[name]() for name in (*wanted, "sizes", "taps", "alpha", "R")}


def _equal(draw: Draw, d: int, scale: float = 1.0) -> tuple[list[Real], list[Real]]:
    """U and w of columns that share the units as equally as they can, and keep as many weights: a model's columns."""
    s = draw.sizes
    J = len(s.columns)
    widths = [s.m // J + (j < s.m % J) for j in range(J)]
    k = max(min(s.k, d), 1)
    return [draw(d, k, scale=scale) for _ in widths], [draw(k, m) for m in widths]


def _mlp(draw: Draw, decay: float = 0.0) -> Arguments:
    s, hidden = draw.sizes, draw.sizes.m
    (U_1, w_1), (U_2, w_2) = _equal(draw, s.d, 0.5), _equal(draw, hidden, 0.5)
    return {
        "x": draw(s.n, s.d),
        "labels": draw.labels(4),
        "U": [U_1, U_2],
        "w": [w_1, w_2],
        "b": [draw(hidden), draw(hidden)],
        "W": draw(hidden, 4),
        "c": draw(4),
        "decay": decay,
    }


def _predicted_autoencoder(draw: Draw) -> Arguments:
    U, w = _equal(draw, draw.sizes.d, 0.5)
    return {"x": draw(draw.sizes.n, draw.sizes.d), "U": U, "w": w, "b": draw(draw.sizes.m), "c": draw(draw.sizes.d)}


def _convnet(draw: Draw) -> Arguments:
    s, shapes, channels = draw.sizes, [(3, 3), (3, 3)], (2, 3, 2)
    return {
        "x": draw(s.n, 5, 6, channels[0]),
        "labels": draw.labels(4),
        "U": [[draw(9, 3)] for _ in shapes],
        "w": [[draw(3 * i, o)] for i, o in pairwise(channels)],
        "b": [draw(o) for o in channels[1:]],
        "filter_shapes": shapes,
        "W": draw(2 * 2 * channels[2], 4),
        "c": draw(4),
    }


def _rica(objective: str) -> Callable[[Draw], Arguments]:
    """At least three inputs, of each of which three weights are kept: a filter of one has no direction to learn."""

    def arguments(draw: Draw) -> Arguments:
        s, d = draw.sizes, max(draw.sizes.d, 3)
        wide = Draw(s.at(columns=tuple((max(k, 3), m) for k, m in s.columns)), draw.arithmetic)
        U, w = _equal(wide, d)
        settings = {"objective": objective, "trade_off": 4.0, "eps": 0.25}
        return {"x": draw(s.n, d, scale=0.5), "U": U, "w": w, **settings}

    return arguments


OPERATIONS = (
    Operation(
        "dense",
        "y = v W + b (sec. 2)",
        definitions.dense,
        lambda draw: {
            "v": draw(draw.sizes.n, draw.sizes.d),
            "W": draw(draw.sizes.d, draw.sizes.m),
            "b": draw(draw.sizes.m),
        },
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
    ),
    Operation(
        "pool",
        "v_alpha = v U_alpha of every column (sec. 3.3)",
        definitions.pool,
        _only("v", "U"),
        learned=("v",),
        linear=("v",),
    ),
    Operation(
        "pool_adjoint",
        "sum_j g_j U_j^T",
        definitions.pool_adjoint,
        lambda draw: {
            "g": draw.columns(lambda k, m: (draw.sizes.n, k)),
            "U": draw.columns(lambda k, m: (draw.sizes.d, k)),
        },
        batch=("g",),
        kind="function",
    ),
    Operation(
        "combine",
        "y = [pooled_j w_j] + b (sec. 3.4)",
        definitions.combine,
        _combine,
        learned=("pooled", "w", "b"),
        linear=("pooled", "w", "b"),
        batch=("pooled",),
    ),
    Operation(
        "expand",
        "W = [U_j w_j] (sec. 3.1 and 3.4)",
        definitions.expand,
        _only("U", "w"),
        learned=("w",),
        linear=("w",),
        batch=(),
    ),
    Operation(
        "project",
        "dw_j = U_j^T G_j",
        definitions.project,
        lambda draw: {
            "U": draw.columns(lambda k, m: (draw.sizes.d, k)),
            "G": draw(draw.sizes.d, draw.sizes.m),
            "widths": tuple(m for _, m in draw.sizes.columns),
        },
        batch=(),
        kind="function",
    ),
    Operation(
        "predicted",
        "y = v [U_1 w_1, ..., U_J w_J] + b (sec. 2, 3.4)",
        definitions.predicted,
        _predicted,
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
    ),
    Operation(
        "lowrank",
        "y = v U w + b, both learned (sec. 2)",
        definitions.lowrank,
        lambda draw: {
            "v": draw(draw.sizes.n, draw.sizes.d),
            "U": draw(draw.sizes.d, draw.sizes.k),
            "w": draw(draw.sizes.k, draw.sizes.m),
            "b": draw(draw.sizes.m),
        },
        learned=("v", "U", "w", "b"),
        linear=("v", "U", "w", "b"),
    ),
    Operation(
        "sigmoid",
        "y = 1 / (1 + exp(-v)), to full relative accuracy",
        tape.sigmoid,
        _rows("v"),
        learned=("v",),
        regimes={"saturation": (*_OVERFLOW, _saturated("v"))},
    ),
    Operation(
        "relu",
        "y = max(v, 0); its gradient in a tie is 0",
        definitions.relu,
        _away_from_zero,
        learned=("v",),
        regimes={"ties": (*_TIES, _zeros)},
    ),
    Operation(
        "maxout",
        "y_j = max over its pieces; of equal ones the first",
        definitions.maxout,
        _pieces,
        learned=("v",),
        regimes={"ties": (*_TIES, _tied_pieces)},
    ),
    Operation(
        "softmax",
        "p_j = exp z_j / sum_i exp z_i",
        definitions.softmax,
        _rows("z"),
        batch=("z",),
        kind="function",
        regimes={"saturation": (*_OVERFLOW, _saturated("z"))},
    ),
    Operation(
        "softmax_cross_entropy",
        "loss = 1/n sum_n (log sum_j exp z_nj - z_n,label) (sec. 4.1)",
        definitions.softmax_cross_entropy,
        _cross_entropy,
        learned=("z",),
        batch=("z", "labels"),
        per_example=False,
        regimes={
            "large logits": (*_OVERFLOW, _large_logits),
            "one class": ("every label is the last class", "an index that stops one short", _one_class),
        },
    ),
    Operation(
        "autoencoder",
        "loss = 1/n sum |s(s(v W + b) W^T + c) - v|^2 (sec. 3.5)",
        definitions.autoencoder,
        _autoencoder,
        learned=("v", "W", "b", "c"),
        per_example=False,
    ),
    Operation(
        "conv2d",
        "y = v * W + b, a correlation (sec. 3.4)",
        definitions.conv2d,
        _conv2d,
        learned=("v", "W", "b"),
        linear=("v", "W", "b"),
        geometries=len(CONVOLUTIONS),
    ),
    Operation(
        "depthwise_conv2d",
        "y = v * u, every filter on every channel (sec. 3.2)",
        definitions.depthwise_conv2d,
        _depthwise,
        learned=("v",),
        linear=("v",),
        geometries=len(CONVOLUTIONS),
    ),
    Operation(
        "dictionary_conv2d",
        "v * U_j of every column (sec. 3.4)",
        definitions.dictionary_conv2d,
        lambda draw: _predicted_filters(draw, "v", "U", "filter_shape", "stride", "padding"),
        learned=("v",),
        linear=("v",),
        geometries=len(CONVOLUTIONS),
    ),
    Operation(
        "expand_filters",
        "W = [U_j w_j] as filters; U_j (x) I where it is tied across channels (sec. 3.2)",
        definitions.expand_filters,
        lambda draw: _predicted_filters(draw, "U", "w", "filter_shape", channels=draw.sizes.d),
        learned=("w",),
        linear=("w",),
        batch=(),
        geometries=len(CONVOLUTIONS),
    ),
    Operation(
        "predicted_conv2d",
        "y = v * [U_j w_j] + b (sec. 3.4)",
        definitions.predicted_conv2d,
        lambda draw: _predicted_filters(draw, "v", "U", "w", "b", "filter_shape", "stride", "padding"),
        learned=("v", "w", "b"),
        linear=("v", "w", "b"),
        geometries=len(CONVOLUTIONS),
    ),
    Operation(
        "max_pool2d",
        "the largest pixel of each window; of equal ones the first",
        definitions.max_pool2d,
        _distinct_pixels,
        learned=("v",),
        regimes={"ties": (*_TIES, _tied_pixels)},
        geometries=len(POOLINGS),
    ),
    Operation(
        "average_pool2d",
        "the mean of the pixels that a window has",
        definitions.average_pool2d,
        _pixels,
        learned=("v",),
        linear=("v",),
        geometries=len(POOLINGS),
    ),
    Operation(
        "flatten",
        "(n, height, width, channels) to (n, rest), channels fastest",
        definitions.flatten,
        lambda draw: {"v": draw(draw.sizes.n, 2, 3, draw.sizes.d)},
        learned=("v",),
        linear=("v",),
        view=True,
    ),
    Operation(
        "local_response",
        "y_c = v_c (k + alpha / size sum of v^2 nearby)^-beta",
        definitions.local_response,
        _channels,
        learned=("v",),
        geometries=5,
    ),
    Operation(
        "unit_columns",
        "columns of W scaled to length 1 (sec. 4.3)",
        definitions.unit_columns,
        _filters,
        learned=("W",),
        batch=(),
        regimes={
            "short columns": ("a norm is kept above 1e-12, or has an epsilon added", "columns shorter than 1", _short)
        },
    ),
    Operation(
        "limit_column_norms",
        "columns of W longer than the limit scaled down to it",
        definitions.limit_column_norms,
        lambda draw: {
            "W": draw(draw.sizes.d, draw.sizes.m),
            "limit": float(draw.stored(1.5 * draw.sizes.scale)),
        },
        batch=(),
        kind="function",
    ),
    Operation(
        "smooth_abs",
        "loss = sum sqrt(z^2 + eps) (sec. 4.3)",
        definitions.smooth_abs,
        _rows("z", eps=0.25),
        learned=("z",),
        batch=("z",),
        per_example=False,
        regimes={"saturation": (*_OVERFLOW, _saturated("z", eps=0.25))},
    ),
    Operation(
        "log_cosh",
        "loss = sum log cosh z (sec. 4.3)",
        definitions.log_cosh,
        _rows("z"),
        learned=("z",),
        batch=("z",),
        per_example=False,
        regimes={"saturation": (*_OVERFLOW, _saturated("z"))},
    ),
    Operation(
        "second_moment",
        "S = v^T v",
        definitions.second_moment,
        lambda draw: {"v": draw(draw.sizes.n, draw.sizes.d)},
        learned=("v",),
        per_example=False,
    ),
    Operation(
        "moment_reconstruction",
        "loss = tr(A^T S A), A = W W^T - I",
        definitions.moment_reconstruction,
        _moment,
        learned=("S", "W"),
        linear=("S",),
        batch=(),
        per_example=False,
    ),
    Operation(
        "reconstruction",
        "loss = sum |v W W^T - v|^2 (sec. 4.3)",
        definitions.reconstruction,
        lambda draw: {"v": draw(draw.sizes.n, draw.sizes.d), "W": draw(draw.sizes.d, draw.sizes.m)},
        learned=("v", "W"),
        per_example=False,
    ),
    Operation(
        "weight_decay",
        "loss = rate sum W^2",
        definitions.weight_decay,
        lambda draw: {"W": draw(draw.sizes.d, draw.sizes.m), "rate": 0.25},
        learned=("W",),
        batch=(),
        per_example=False,
    ),
    Operation(
        "se_kernel",
        "k(i, j) = exp(-|i - j|^2 / (2 sigma^2)) (sec. 3.2)",
        definitions.se_kernel,
        _points,
        batch=("a",),
        kind="function",
        regimes={"grid": ("the exponent's factor, or an axis, is wrong", "a kernel of another width", _grid_points())},
    ),
    Operation(
        "matern_kernel",
        "of smoothness nu = 1/2, 3/2, 5/2 (Rasmussen and Williams, eq. 4.17)",
        definitions.matern_kernel,
        lambda draw: _points(draw, nu=(0.5, 1.5, 2.5)[draw.sizes.geometry % 3]),
        batch=("a",),
        kind="function",
        geometries=3,
        regimes={"grid": ("points that coincide: r = 0", "NaN on the diagonal", _grid_points(nu=1.5))},
    ),
    Operation(
        "covariance",
        "K = cov(V^power), divided by n - 1 (sec. 3.5)",
        definitions.covariance,
        lambda draw: {
            "data": draw(max(draw.sizes.n, 2), draw.sizes.d),
            "power": 1 + draw.sizes.geometry % 2,
        },
        batch=(),
        kind="function",
        geometries=2,
        regimes={
            "large mean": (
                "sums of squares less the square of the sum",
                "digits of the covariance cancel",
                lambda draw: {"data": draw.stored(draw(20, 3) + 64.0), "power": 1},
            )
        },
    ),
    Operation(
        "ridge_dictionary",
        "U = k_alpha^T (K_alpha + lambda I)^-1 (sec. 3.1)",
        definitions.ridge_dictionary,
        _ridge(5, 1.0, 1e-3),
        batch=(),
        kind="function",
        regimes={
            "unsorted": ("kept indices are sorted", "columns of U exchanged", _unsorted),
            "uneven diagonal": (
                "the ridge is relative to K's diagonal, or that is taken to be 1",
                "weights shrunk by another amount",
                _uneven,
            ),
            "atoms": ("a solve where none is due", "another dictionary", _ridge(4, 1.0, 1e-3, "atom")),
            "ill-conditioned": (
                "the ridge is added to K and not to K_alpha, squared, or lost beside the solve's own errors",
                "weights that explode",
                _ridge(6, 2.0, 1e-5),
            ),
        },
    ),
    Operation(
        "grid_pool",
        "v (K_y (x) K_x)[:, alpha_j] R_j",
        definitions.grid_pool,
        lambda draw: _grid(draw, "v"),
        kind="function",
    ),
    Operation(
        "grid_pool_adjoint",
        "sum_j g_j R_j^T (K_y (x) K_x)[:, alpha_j]^T",
        definitions.grid_pool_adjoint,
        lambda draw: _grid(draw, "g"),
        batch=("g",),
        kind="function",
    ),
    Operation(
        "grid_expand",
        "[(K_y (x) K_x)[:, alpha_j] R_j w_j]",
        definitions.grid_expand,
        lambda draw: _grid(draw, "w"),
        batch=(),
        kind="function",
    ),
    Operation(
        "grid_project",
        "R_j^T (K_y (x) K_x)[:, alpha_j]^T G_j",
        definitions.grid_project,
        lambda draw: _grid(draw, "G", "widths"),
        batch=(),
        kind="function",
    ),
    Operation(
        "mlp",
        "two predicted sigmoid layers, softmax on top (sec. 4.1)",
        definitions.mlp,
        _mlp,
        learned=("w", "b", "W", "c"),
        batch=("x", "labels"),
        per_example=False,
        kind="model",
        regimes={
            "weight decay": (
                "decay of the biases, decay divided by n, or decay in the loss or the gradient alone",
                "another minimum",
                lambda draw: _mlp(draw, 0.25),
            )
        },
    ),
    Operation(
        "convnet",
        "two predicted convolutions with ReLU and max-pooling, softmax on top (sec. 4.2)",
        definitions.convnet,
        _convnet,
        learned=("w", "b", "W", "c"),
        batch=("x", "labels"),
        per_example=False,
        kind="model",
    ),
    Operation(
        "predicted_autoencoder",
        "the autoencoder with W = [U_j w_j], tied through the dictionary (sec. 3.5)",
        definitions.predicted_autoencoder,
        _predicted_autoencoder,
        learned=("w", "b", "c"),
        batch=("x",),
        per_example=False,
        kind="model",
    ),
    *(
        Operation(
            f"rica_{objective}",
            "RICA on predicted filters (sec. 4.3)",
            definitions.rica,
            _rica(objective),
            learned=("w",),
            batch=("x",),
            per_example=False,
            kind="model",
        )
        for objective in ("ufldl", "le2011")
    ),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}
