"""What the arguments of the operations of speech are drawn from, as `draws` has the others: n frames, m phones."""

from collections.abc import Callable

import numpy as np

from pp_ref.oracle.operations.draws import Arguments, Draw, Real

__all__ = [
    "ENDS",
    "EQUAL_PATHS",
    "IMPOSSIBLE",
    "IMPULSES",
    "LOUD",
    "MELS",
    "NARROW",
    "ONE_FRAME",
    "ONE_PHONE",
    "RAMP",
    "bigram",
    "chains",
    "dct",
    "deltas",
    "ends",
    "general",
    "impulses",
    "loud",
    "mel",
    "narrow",
    "one_frame",
    "one_phone",
    "ramp",
    "tied",
    "unsmoothed",
    "whole",
]

# A regime of `Operation`: a bug, its effect.
ONE_FRAME = ("a frame before the first, or behind the last, is asked for", "one frame raises, or has another's numbers")
ONE_PHONE = ("an axis of one phone is squeezed away", "one phone alone raises, or wrong shapes")
IMPOSSIBLE = ("log 0 is a large negative number, or NaN", "a path that cannot be, or NaN, wins")
EQUAL_PATHS = ("of equal paths another is taken, at the end or on the way", "another string of phones than elsewhere")
ENDS = ("the score of a beginning or of an end is left out", "paths that begin or end elsewhere")
IMPULSES = ("a filter is shifted, or its sides are of another scale", "each filter alone is wrong")
NARROW = ("a filter between two bins is widened, or divided by its sum", "NaN, or a filter that nobody has")
LOUD = ("coefficient 0, or a part of it, is among the results", "the loudness is in other coefficients")
RAMP = ("the divisor is another", "a slope of 1 is none")

# Rate, lowest and highest frequency; scale, triangles, norm: every choice in the first three, all together in eight.
WHOLE, PART = (16000.0, 0.0, 8000.0), (8000.0, 128.0, 3968.0)
MELS = (
    (WHOLE, "htk", "mel", False),
    (PART, "htk", "hertz", True),
    (PART, "slaney", "mel", False),
    (WHOLE, "slaney", "hertz", True),
    (WHOLE, "htk", "mel", True),
    (PART, "htk", "hertz", False),
    (WHOLE, "slaney", "hertz", False),
    (PART, "slaney", "mel", True),
)


def mel(draw: Draw, bins: int = 0, filters: int = 0) -> Arguments:
    (rate, low, high), mel_scale, triangles, norm = MELS[draw.sizes.geometry % len(MELS)]
    return {
        "spectrum": abs(draw(draw.sizes.n, bins or max(draw.sizes.d, 5))),
        "rate": rate,
        "filters": filters or draw.sizes.m,
        "low": low,
        "high": high,
        "mel_scale": mel_scale,
        "triangles": triangles,
        "norm": norm,
    }


def impulses(draw: Draw) -> Arguments:
    """One bin a frame: the filters themselves."""
    return mel(draw, 17, 6) | {"spectrum": np.eye(17)}


def narrow(draw: Draw) -> Arguments:
    return mel(draw, 5, 12)


def dct(draw: Draw) -> Arguments:
    d = max(draw.sizes.d, 2)
    return {"x": draw(draw.sizes.n, d), "count": min(draw.sizes.m, d - 1)}


def loud(draw: Draw) -> Arguments:
    """A mean that is much larger than what else there is."""
    return {"x": draw.stored(draw(3, 6) + 16 * draw.scale), "count": 5}


def deltas(draw: Draw) -> Arguments:
    return {"x": draw(max(draw.sizes.n, 1), draw.sizes.d), "reach": (2, 1, 3)[draw.sizes.geometry % 3]}


def ramp(draw: Draw) -> Arguments:
    return {"x": np.outer(np.arange(9.0), [1, -3, 0]), "reach": 2}


def bigram(draw: Draw, smoothing: float = 1.5, phones: int = 0) -> Arguments:
    """Sequences of n phones and more."""
    phones = phones or draw.sizes.m
    lengths = [draw.sizes.n + j if draw.sizes.n else 0 for j in range(len(draw.sizes.columns) + 1)]
    return {
        "smoothing": draw.stored([smoothing * draw.scale]),
        "sequences": [draw.rng.integers(0, phones, length) for length in lengths],
        "phones": phones,
    }


def unsmoothed(draw: Draw) -> Arguments:
    """Pairs that are never seen, and phones that nothing follows."""
    return bigram(draw, 0.0) | {"phones": draw.sizes.m + 2}


def scores(numbers: Callable[..., Real], frames: int, states: int) -> Arguments:
    shapes = {"emissions": (frames, states), "initial": (states,), "transitions": (states, states), "final": (states,)}
    return {name: numbers(*shape) for name, shape in shapes.items()}


def general(draw: Draw) -> Arguments:
    return scores(draw, max(draw.sizes.n, 1), draw.sizes.m)


def whole(draw: Draw, frames: int = 0, states: int = 0) -> Arguments:
    """Whole numbers, or multiples of a power of two, of which no sum along a path rounds: the best path is known."""
    frames = frames or max(draw.sizes.n, 1)
    most = min(max(2 ** (draw.arithmetic.bits - 2) // (frames + 1), 1), 2**12)

    def numbers(*shape: int) -> Real:
        return np.asarray(np.rint(np.clip(draw(*shape, scale=4 / draw.scale), -most, most)) * draw.sizes.scale)

    return scores(numbers, frames, states or draw.sizes.m)


def tied(draw: Draw) -> Arguments:
    """Of 0 and -1: many paths are equal."""
    return {name: np.clip(x, -1, 0) for name, x in whole(draw, 6, 3).items()}


def chains(draw: Draw) -> Arguments:
    """Of three states in a row, begun in the first and left from the last; the rest is impossible."""
    made = whole(draw, 7, 3)
    made["initial"][1:] = made["final"][:2] = -np.inf
    made["transitions"][[1, 2, 2, 0], [0, 0, 1, 2]] = -np.inf
    made["emissions"][3, 0] = -np.inf
    return made


def ends(frames: int) -> Callable[[Draw], Arguments]:
    """Where a path begins and ends is decided by the last state alone; of one frame by both together."""
    at = np.array([0.0, 5.0, 8.0])
    scores = {"emissions": np.zeros((frames, 3)), "initial": at, "transitions": np.zeros((3, 3)), "final": at}
    return lambda draw: {name: draw.stored(x) for name, x in scores.items()}


def one_frame(drawn: Callable[[Draw], Arguments]) -> Callable[[Draw], Arguments]:
    return lambda draw: drawn(Draw(draw.sizes.at(n=1), draw.arithmetic))


def one_phone(drawn: Callable[[Draw], Arguments]) -> Callable[[Draw], Arguments]:
    return lambda draw: drawn(Draw(draw.sizes.at(columns=((1, 1),)), draw.arithmetic))
