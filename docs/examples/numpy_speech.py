"""The operations of speech in NumPy, as anybody might write them.

pp-ref conform docs/examples/numpy_speech.py
"""

import math

import numpy as np

ARRAYS = "numpy"
ARITHMETIC = "float64"


def mel_filters(spectrum, rate, filters, low, high, mel_scale, triangles, norm):
    if mel_scale == "htk":

        def mel(f):
            return 2595 * np.log10(1 + np.asarray(f) / 700)

        def hertz(m):
            return 700 * (10 ** (m / 2595) - 1)
    else:

        def mel(f):
            f = np.asarray(f, float)
            return np.where(f < 1000, 3 * f / 200, 15 + 27 * np.log(np.maximum(f, 1000) / 1000) / math.log(6.4))

        def hertz(m):
            return np.where(m < 15, 200 * m / 3, 1000 * 6.4 ** ((m - 15) / 27))

    f = np.arange(spectrum.shape[1]) * rate / (2 * (spectrum.shape[1] - 1))
    edges = np.linspace(mel(low), mel(high), filters + 2)
    at, peaks = (mel(f), edges) if triangles == "mel" else (f, hertz(edges))
    rising = (at[:, None] - peaks[:-2]) / (peaks[1:-1] - peaks[:-2])
    falling = (peaks[2:] - at[:, None]) / (peaks[2:] - peaks[1:-1])
    H = np.maximum(0, np.minimum(rising, falling))
    if norm:
        H = 2 * H / (hertz(edges[2:]) - hertz(edges[:-2]))
    return spectrum @ H.astype(spectrum.dtype)


def dct(x, count):
    m = x.shape[1]
    basis = math.sqrt(2 / m) * np.cos(np.pi * np.outer(np.arange(m) + 0.5, np.arange(1, count + 1)) / m)
    return x @ basis.astype(x.dtype)


def deltas(x, reach):
    padded = np.pad(x, ((reach, reach), (0, 0)), "edge")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    steps = np.arange(-reach, reach + 1).astype(x.dtype)
    return frames @ steps / (steps @ steps)


def bigram(smoothing, sequences, phones):
    counts = np.zeros((phones + 1, phones + 1), smoothing.dtype)
    for sequence in filter(len, sequences):
        np.add.at(counts, (np.append(phones, sequence), np.append(sequence, phones)), 1)
    often = np.tile(counts.sum(axis=0) + 1, (phones + 1, 1))
    often[phones, phones] = 0
    p = often / often.sum(axis=1, keepdims=True)
    some = counts + smoothing * p
    every = np.broadcast_to(counts.sum(axis=1, keepdims=True) + smoothing, some.shape)
    y = np.full_like(some, -np.inf)
    y[some > 0] = np.log(some[some > 0] / every[some > 0])
    return y


def viterbi(emissions, initial, transitions, final):
    best, back = initial + emissions[0], []
    for frame in emissions[1:]:
        through = best[:, None] + transitions
        back.append(through.argmax(axis=0))
        best = through.max(axis=0) + frame
    best = best + final
    path = [best.argmax()]
    for before in reversed(back):
        path.append(before[path[-1]])
    return np.array(path[::-1]), best.max()


def viterbi_path(emissions, initial, transitions, final):
    return viterbi(emissions, initial, transitions, final)[0]


def viterbi_score(emissions, initial, transitions, final):
    return viterbi(emissions, initial, transitions, final)[1]
