"""What the arguments of whole models are drawn from."""

from collections.abc import Callable
from itertools import pairwise

from pp_ref.oracle.operations.draws import Arguments, Draw, Real

__all__ = ["convnet", "mlp", "predicted_autoencoder", "rica"]


def _equal(draw: Draw, d: int, size: float = 1.0) -> tuple[list[Real], list[Real]]:
    """U and w of columns that share the units as equally as they can, and keep as many weights: a model's columns."""
    s = draw.sizes
    J = len(s.columns)
    widths = [s.m // J + (j < s.m % J) for j in range(J)]
    k = max(min(s.k, d), 1)
    return [draw.weights(d, k, size=size) for _ in widths], [draw.weights(k, m) for m in widths]


def _bias(draw: Draw, units: int) -> Real:
    """Small: the gradients of units that saturate are less than what half precision rounds on the way to them."""
    bias: Real = draw.weights(1, units, size=0.25)[0]
    return bias


def mlp(draw: Draw, decay: float = 0.0, layers: int = 2) -> Arguments:
    s, hidden = draw.sizes, draw.sizes.m
    # What comes in has the scale, and the first layer takes it back.
    predicted = [_equal(draw, s.d, 1 / draw.scale), *(_equal(draw, hidden) for _ in range(layers - 1))]
    return {
        "x": draw(s.n, s.d),
        "labels": draw.labels(4),
        "U": [U for U, _ in predicted],
        "w": [w for _, w in predicted],
        "b": [_bias(draw, hidden) for _ in predicted],
        "W": draw.weights(hidden, 4),
        "c": draw.weights(1, 4)[0],
        "decay": decay,
    }


def predicted_autoencoder(draw: Draw) -> Arguments:
    s = draw.sizes
    U, w = _equal(draw, s.d)
    return {
        "x": draw(s.n, s.d, scale=1 / draw.scale),
        "U": U,
        "w": w,
        "b": _bias(draw, s.m),
        "c": _bias(draw, s.d),
    }


def _left(extent: int, axis: int, shapes: tuple[tuple[int, int], ...]) -> int:
    """Pixels of a side after convolutions, padded by half the height of their filters, and poolings behind them."""
    for shape in shapes:
        extent = -(-(extent + 2 * (shape[0] // 2) - shape[axis] + 1) // 2)
    return extent


def convnet(draw: Draw, shapes: tuple[tuple[int, int], ...] = ((3, 3), (3, 3))) -> Arguments:
    s, channels = draw.sizes, (2, 3, 2)
    height, width = draw.image(5, 6)
    left = _left(height, 0, shapes) * _left(width, 1, shapes)
    return {
        "x": draw(s.n, height, width, channels[0]),
        "labels": draw.labels(4),
        "U": [[draw.weights(h * w, 3, size=size)] for (h, w), size in zip(shapes, (1 / draw.scale, 1.0), strict=True)],
        "w": [[draw.weights(3 * i, o)] for i, o in pairwise(channels)],
        "b": [draw.weights(1, o)[0] for o in channels[1:]],
        "filter_shapes": [*shapes],
        "W": draw.weights(left * channels[2], 4),
        "c": draw.weights(1, 4)[0],
    }


def tied_convnet(draw: Draw) -> Arguments:
    """A first layer in which a filter of zeros has a positive bias, so that every pooling window is a tie, and another
    one none, so that every pixel is exactly 0: products with zeros do not round."""
    arguments = convnet(draw)
    (w, *_), (b, *_) = arguments["w"], arguments["b"]
    w[0][:, :2] = 0.0
    b[:2] = [0.5, 0.0]
    return arguments


def rica(objective: str, size: float = 0.5) -> Callable[[Draw], Arguments]:
    """At least three inputs, of each of which three weights are kept: a filter of one has no direction to learn."""

    def arguments(draw: Draw) -> Arguments:
        s, d = draw.sizes, max(draw.sizes.d, 3)
        wide = Draw(s.at(columns=tuple((max(k, 3), m) for k, m in s.columns)), draw.arithmetic)
        U, w = _equal(wide, d)
        settings = {"objective": objective, "trade_off": 4.0, "eps": 0.25}
        return {"x": draw(s.n, d, scale=size), "U": U, "w": w, **settings}

    return arguments
