"""pp_ref's functions of speech as a candidate: called as the oracle documents them."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from pp_ref import features
from pp_ref.arrays import Array

__all__ = ["SPEECH"]


def mel_filters(
    spectrum: Array, rate: float, filters: int, low: float, high: float, mel_scale: str, triangles: str, norm: bool
) -> Array:
    fft = 2 * (spectrum.shape[1] - 1)
    H = features.mel_filters(rate, fft, filters, low, high, mel_scale, triangles, norm)
    return (spectrum.astype(float) @ H).astype(spectrum.dtype)


def dct(x: Array, count: int) -> Array:
    return features.dct(x, count)


def deltas(x: Array, reach: int) -> Array:
    return features.deltas(x, reach)


def bigram(smoothing: Array, sequences: Sequence[Any], phones: int) -> Array:
    made = features.bigram(sequences, phones, float(smoothing[0]))
    table = np.full((phones + 1, phones + 1), -np.inf)
    table[:-1, :-1], table[:-1, -1], table[-1, :-1] = made.transitions, made.final, made.initial
    return table.astype(smoothing.dtype)


def viterbi_path(emissions: Array, initial: Array, transitions: Array, final: Array) -> Array:
    return features.viterbi(emissions, initial, transitions, final)[0]


def viterbi_score(emissions: Array, initial: Array, transitions: Array, final: Array) -> Array:
    return np.asarray(features.viterbi(emissions, initial, transitions, final)[1], emissions.dtype)


# By the documented names, as far as the packages are there.
SPEECH: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (mel_filters, dct, deltas, bigram, viterbi_path, viterbi_score)
    if function is not mel_filters or find_spec("librosa")
}
