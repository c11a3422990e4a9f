"""Mistakes between a spectrum and a string of phones, in the functions as they are documented."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import scipy.fft
from scipy.special import logsumexp

from pp_ref.oracle.candidates.own_speech import SPEECH
from pp_ref.oracle.faults.fault import Derived, Function, Mistakes, after, before, faults, instead, neighbour, next_row

__all__ = ["FAULTS"]


def other(a: str, b: str) -> Function:
    return lambda given: b if given == a else a


def to_half_the_rate(spectrum: Any, rate: float, filters: int, low: float, high: float, *others: Any) -> Any:
    return SPEECH["mel_filters"](spectrum, rate, filters, low, rate / 2, *others)


def by_filters(change: Function) -> Function:
    """The filters (bins, filters) of a mel filter bank, put through a change."""

    def wrong(spectrum: Any, *settings: Any) -> Any:
        return spectrum @ change(SPEECH["mel_filters"](np.eye(spectrum.shape[1], dtype=spectrum.dtype), *settings))

    return wrong


def of_sum_1(H: Any) -> Any:
    with np.errstate(all="ignore"):
        return H / H.sum(axis=0)


def never_empty(H: Any) -> Any:
    H = H.copy()
    H[0, ~H.any(axis=0)] = 1
    return H


def neighbours(x: Any, reach: int) -> Any:
    return np.gradient(x, axis=0) if len(x) > 1 else np.zeros_like(x)


def around(x: Any, reach: int) -> Any:
    steps = range(-reach, reach + 1)
    total: Any = sum(k * np.roll(x, -k, axis=0) for k in steps)
    return total / x.dtype.type(sum(k * k for k in steps))


def padded_with_zeros(x: Any, reach: int) -> Any:
    wide = np.pad(x, ((reach, reach), (0, 0)))
    return SPEECH["deltas"](wide, reach)[reach:-reach]


def added_to_each(smoothing: Any, sequences: Sequence[Any], phones: int) -> Any:
    """As many observations of each phone, not of p(b)."""
    counts = np.zeros((phones + 1, phones + 1))
    for sequence in sequences:
        np.add.at(counts, (np.r_[phones, sequence], np.r_[sequence, phones]), float(len(sequence) > 0))
    with np.errstate(all="ignore"):
        y = np.log((counts + smoothing) / (counts + smoothing).sum(axis=1, keepdims=True))
    y[-1, -1] = -np.inf
    return y.astype(smoothing.dtype)


def backwards(right: Function) -> Function:
    """p(a | b) where p(b | a) belongs."""

    def wrong(smoothing: Any, sequences: Sequence[Any], phones: int) -> Any:
        y = right(smoothing, sequences, phones)
        y[:-1, :-1] = right(smoothing, [sequence[::-1] for sequence in sequences], phones)[:-1, :-1].T
        return y

    return wrong


def without_end(y: Any, *given: Any) -> Any:
    """Rows of the sum 1 without the end."""
    y = y.copy()
    with np.errstate(all="ignore"):
        y[:-1, :-1] -= np.log1p(-np.exp(y[:-1, -1:]))
    return y


def best(
    emissions: Any,
    initial: Any,
    transitions: Any,
    final: Any,
    stale: bool = False,
    last: bool = False,
    greedy: bool = False,
    sums: bool = False,
) -> tuple[Any, Any]:
    """The Viterbi algorithm, with a mistake."""
    frames, states = emissions.shape
    scores, back = initial + emissions[0], np.zeros((frames, states), np.int64)
    for t in range(1, frames):
        through = scores[:, None] + transitions
        back[t] = states - 1 - through[::-1].argmax(axis=0) if last else through.argmax(axis=0)
        back[t] = back[t - 1] if stale and t > 1 else back[t]
        scores = (logsumexp(through, axis=0) if sums else through.max(axis=0)) + emissions[t]
    scores, path = scores + final, np.zeros(frames, np.int64)
    path[-1] = scores.argmax()
    for t in range(frames - 1, 0, -1):
        path[t - 1] = emissions[t - 1].argmax() if greedy else back[t, path[t]]
    return path, np.asarray(logsumexp(scores) if sums else scores.max(), emissions.dtype)


def path_with(**mistake: bool) -> Function:
    return lambda *given: best(*given, **mistake)[0]


def of_all_paths(emissions: Any, initial: Any, transitions: Any, final: Any) -> Any:
    return best(emissions, initial, transitions, final, sums=True)[1]


def log_0_is(least: float) -> Function:
    return lambda scores: np.maximum(scores, scores.dtype.type(least))


def each_scored(change: Function) -> Derived:
    """All four kinds of scores, put through a change."""
    return Derived(lambda right: lambda *given: right(*map(change, given)))


# Of path and score alike.
SCORED: Mistakes = {
    "transitions transposed": ("takes transitions from column to row", before(lambda x: x.T.copy(), 2)),
    "initial scores forgotten": ("leaves out the initial scores", before(np.zeros_like, 1)),
    "final scores forgotten": ("leaves out the final scores", before(np.zeros_like, 3)),
    "emissions one frame late": ("takes the emissions of the frame before", before(next_row)),
    "states exchanged": ("takes the emissions of the state before", before(neighbour)),
    "log 0 as -4": ("takes -4 for the logarithm of 0", each_scored(log_0_is(-4.0))),
}
EVERY = faults(
    mel_filters={
        "sides of the other unit": (
            "has sides that are linear in Hz where they are in mel, and in mel where they are in Hz",
            before(other("mel", "hertz"), 6),
        ),
        "another scale": ("takes Slaney's scale for HTK's, and HTK's for Slaney's", before(other("htk", "slaney"), 5)),
        "never divided": ("never divides by the width", before(lambda norm: False, 7)),
        "from 0 Hz": ("begins at 0 Hz, whatever low is", before(lambda low: 0.0, 3)),
        "to half the rate": ("ends at half the rate, whatever high is", to_half_the_rate),
        "squares": ("squares the spectrum", before(lambda x: x * x)),
        "one bin late": ("reads the spectrum one bin late", before(neighbour)),
        "of sum 1": ("divides each filter by its sum", by_filters(of_sum_1)),
        "never empty": ("puts a filter between two bins at bin 0", by_filters(never_empty)),
    },
    dct={
        "coefficient 0": (
            "begins with coefficient 0",
            lambda x, count: scipy.fft.dct(x, norm="ortho")[:, :count] if len(x) else x[:, :count],
        ),
        "not orthogonal": (
            "leaves out sqrt(2 / m)",
            instead(lambda y, x, count: y * y.dtype.type(np.sqrt(x.shape[1] / 2))),
        ),
        "sines": (
            "takes sines",
            lambda x, count: scipy.fft.dst(x, norm="ortho")[:, 1 : count + 1] if len(x) else x[:, :count],
        ),
        "logarithm of 10": ("is divided by log 10", after(lambda y: y / y.dtype.type(np.log(10)))),
        "one number late": ("reads the numbers of a row one late", before(neighbour)),
    },
    deltas={
        "neighbours": ("is half the difference of the two neighbours", neighbours),
        "wraps": ("goes on with the first frame behind the last", around),
        "zeros beyond": ("has zeros beyond the ends", padded_with_zeros),
        "one frame late": ("is one frame late", after(next_row)),
        "along coefficients": ("runs along the coefficients", lambda x, reach: SPEECH["deltas"](x.T.copy(), reach).T),
        "another reach": ("reaches 2 frames whatever it is told", before(lambda reach: 2, 1)),
    },
    bigram={
        "backwards": ("is normalised over the phone before, not over the phone behind", Derived(backwards)),
        "unsmoothed": ("is not smoothed", before(np.zeros_like)),
        "added to each count": ("adds the smoothing to each count, not to p(b)", added_to_each),
        "end forgotten": ("gives the end's share to the phones", instead(without_end)),
        "sequences joined": (
            "counts pairs of the last phone of a sequence and the first of the next",
            before(lambda sequences: [np.fromiter(chain(*sequences), np.int64)], 1),
        ),
        "log 0 as -99": ("takes -99 for the logarithm of 0", after(log_0_is(-99.0))),
        "bits": ("takes the logarithm of base 2", after(lambda y: y / y.dtype.type(np.log(2)))),
        "last pair lost": ("does not count the last phone of a sequence", before(lambda s: [x[:-1] for x in s], 1)),
    },
    viterbi_path=SCORED
    | {
        "stale back pointers": ("keeps the back pointers of the frame before", path_with(stale=True)),
        "last of equal paths": ("takes the last of equal states", path_with(last=True)),
        "best state of each frame": ("takes the best state of each frame", path_with(greedy=True)),
        "from the last frame": ("returns the path from the last frame to the first", after(lambda x: x[::-1].copy())),
    },
    viterbi_score=SCORED
    | {
        "all paths": ("adds up all paths, as the forward algorithm does", of_all_paths),
        "mean of the frames": (
            "is divided by the number of frames",
            instead(lambda y, emissions, *others: y / y.dtype.type(len(emissions))),
        ),
    },
)
# pp_ref's own are wrong only where they can be called.
FAULTS = tuple(fault for fault in EVERY if fault.operation in SPEECH)
