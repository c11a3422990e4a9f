"""What the operations of speech are, from frames to a string of phones, as `definitions` has the others (sec. 4.1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.tape import Quantity, concat, exp, log, maximum, sqrt

__all__ = ["bigram", "dct", "deltas", "mel_filters", "viterbi_path", "viterbi_score"]

Whole = NDArray[np.int64]


def mel_filters(
    spectrum: Quantity, rate: float, filters: int, low: float, high: float, mel_scale: str, triangles: str, norm: bool
) -> Quantity:
    """y[i, j] = sum_k spectrum[i, k] H_j(k), H_j a triangle from e_j over e_j+1 to e_j+2, of height 1."""
    bins, htk = spectrum.shape[1], mel_scale == "htk"

    def number(x: float) -> Quantity:
        return spectrum._quantity(np.asarray(x))

    hertz = number(1.0) / (2.0 * (bins - 1)) * rate * np.arange(float(bins))
    first, last = _mel(number(low), htk), _mel(number(high), htk)
    edges = first + (last - first) / (filters + 1.0) * np.arange(filters + 2.0)
    if triangles == "mel":
        at, e = _mel(hertz, htk), edges
    else:
        at, e = hertz, _hertz(edges, htk)
    at, apart = at.reshape(bins, 1), (e[1:] - e[:-1]).formed()
    sides = (at - e[:-2]).formed() / apart[:-1], (e[2:] - at).formed() / apart[1:]
    lower = -concat([-side.reshape(bins, filters, 1) for side in sides], axis=2).max(axis=2).reshape(bins, filters)
    H = maximum(lower, 0.0).formed()
    if norm:
        f = _hertz(edges, htk)
        H = (H * (2.0 / (f[2:] - f[:-2]).formed())).formed()
    return spectrum @ H


def _mel(f: Quantity, htk: bool) -> Quantity:
    """2595 log10(1 + f / 700), or Slaney's: 3 f / 200, from 1 kHz on 15 + 27 log(f / 1000) / log 6.4."""
    if htk:
        return log(f / 700.0 + 1.0) * 2595.0 / log(f._quantity(np.asarray(10.0)))
    above = _above(f, 1000.0)
    logarithmic = log(f.where(above, 1000.0) / 1000.0) * 27.0 / _log_6_4(f) + 15.0
    return logarithmic.where(above, f * 3.0 / 200.0)


def _hertz(m: Quantity, htk: bool) -> Quantity:
    """The inverse of `_mel`."""
    if htk:
        return (exp(m * log(m._quantity(np.asarray(10.0))) / 2595.0) - 1.0) * 700.0
    above = _above(m, 15.0)
    exponential = exp((m.where(above, 15.0) - 15.0) * _log_6_4(m) / 27.0) * 1000.0
    return exponential.where(above, m * 200.0 / 3.0)


def _log_6_4(like: Quantity) -> Quantity:
    return log(like._quantity(np.asarray(32.0)) / 5.0)


def _above(x: Quantity, least: float) -> NDArray[np.bool_]:
    return np.asarray(x.algebra.compared(x.data) >= least)


def dct(x: Quantity, count: int) -> Quantity:
    """y[i, c - 1] = sqrt(2 / m) sum_j x[i, j] cos(pi c (j + 1/2) / m), c = 1..count."""
    m = x.shape[1]
    turns = (2 * np.arange(m)[:, None] + 1) * (np.arange(count) + 1)
    cosines = Quantity(x.algebra.cos_pi(turns, 2 * m), x.algebra)
    return (x @ cosines) * sqrt(x._quantity(np.asarray(2.0)) / float(m))


def deltas(x: Quantity, reach: int) -> Quantity:
    """y[t] = sum_k k x[t + k] / sum_k k^2, k = -reach..reach; the first and the last frame go on beyond the ends."""
    steps = np.arange(-reach, reach + 1)
    frames = np.clip(np.arange(x.shape[0])[:, None] + steps, 0, x.shape[0] - 1)
    around = x.take(x.places()[frames].transpose(0, 2, 1))  # (t, d, steps)
    return (around * steps.astype(float)).sum(axis=2) / float((steps**2).sum())


def bigram(smoothing: Quantity, sequences: Sequence[Whole], phones: int) -> Quantity:
    """y[a, b] = log((count(a, b) + smoothing p(b)) / (count(a) + smoothing)).

    The last row is of the beginning, the last column of the end, which cannot follow the beginning.
    """
    counts = np.zeros((phones + 1, phones + 1))
    for sequence in sequences:
        for a, b in zip([phones, *sequence], [*sequence, phones], strict=True):
            counts[a, b] += len(sequence) > 0
    often = counts.sum(axis=0) + 1
    prior = np.tile(often, (phones + 1, 1))
    prior[-1, -1] = 0
    p = smoothing._quantity(prior) / prior.sum(axis=1, keepdims=True)
    every = smoothing + counts.sum(axis=1, keepdims=True)
    some = p * smoothing + counts
    possible = np.asarray(some.algebra.compared(some.data)) > 0
    known = np.asarray(every.algebra.compared(every.data)) > 0
    return (log(some.where(possible, 1.0)) - log(every.where(known, 1.0))).where(possible, -np.inf)


def viterbi_score(emissions: Quantity, initial: Quantity, transitions: Quantity, final: Quantity) -> Quantity:
    """max over paths s of initial[s_1] + sum_t emissions[t, s_t] + sum_t transitions[s_t, s_t+1] + final[s_T]."""
    return _best(emissions, initial, transitions, final)[0]


def viterbi_path(emissions: Quantity, initial: Quantity, transitions: Quantity, final: Quantity) -> Quantity:
    """That path; of equal ones the one whose last state has the smallest number, then the last but one, and so on."""
    score, path = _best(emissions, initial, transitions, final)
    # What is exact of the sums is exact of the path.
    return emissions._quantity(path).where(np.ones(path.shape, bool), score)


def _best(
    emissions: Quantity, initial: Quantity, transitions: Quantity, final: Quantity
) -> tuple[Quantity, NDArray[np.float64]]:
    frames, states = emissions.shape
    best, back = initial + emissions[0], list[Whole]()
    for t in range(1, frames):
        through = best.reshape(states, 1) + transitions  # (from, to)
        back.append(_first_largest(through))
        best = _largest(through) + emissions[t]
    best = best + final
    path = [_first_largest(best)]
    for earlier in reversed(back):
        path.append(earlier[path[-1]])
    return _largest(best), np.array(path[::-1], float)


def _largest(x: Quantity) -> Quantity:
    """Along the first axis."""
    return Quantity(x.algebra.max(x.data, axis=0), x.algebra)


def _first_largest(x: Quantity) -> Whole:
    """Where it is; of equal ones the first."""
    where: Whole = np.argmax(np.asarray(x.algebra.compared(x.data)), axis=0)
    return where
