"""What holds of every function between a sound and a phone error rate, and faults that one of these checks has to see.

A check takes the functions by name, so that a faulty one can stand in the place of its own.
"""

from dataclasses import replace
from itertools import pairwise, product
from math import cos, log, log10, pi, sqrt
from types import SimpleNamespace

import numpy as np
import scipy.fft

from pp_ref import features
from pp_ref.features import CONVENTIONS, HTK, Scores

U = 2.0**-53
PI = np.longdouble("3.14159265358979323846264338327950288")
NAMES = (
    *("mel_filters", "dct", "deltas", "mfcc", "context_windows", "frame_targets", "log_priors", "bigram"),
    *("phone_states", "viterbi", "phones_of", "fold_phones", "confusions", "count_errors", "trn_lines"),
)
HONEST = SimpleNamespace(**{name: getattr(features, name) for name in NAMES})
INF = np.inf


def rng(seed=0):
    return np.random.default_rng(seed)


def same(got, want):
    np.testing.assert_array_equal(got, want)
    assert np.asarray(got).dtype.kind == np.asarray(want).dtype.kind


def within(got, want, bound):
    assert np.shape(got) == np.shape(want)
    assert (abs(np.asarray(got) - want) <= bound).all()  # NaN is outside


# Cepstra, written out


def mel(f, scale="htk"):
    """HTK: 2595 log10(1 + f / 700). Slaney: 3 f / 200 up to 1 kHz, then 15 + 27 log(f / 1000) / log 6.4."""
    if scale == "htk":
        return 2595 * log10(1 + f / 700)
    return 3 * f / 200 if f < 1000 else 15 + 27 * log(f / 1000) / log(6.4)


def hertz(m, scale="htk"):
    if scale == "htk":
        return 700 * (10 ** (m / 2595) - 1)
    return 200 * m / 3 if m < 15 else 1000 * 6.4 ** ((m - 15) / 27)


def filters_written_out(rate, fft, filters, low, high, scale, triangles, norm):
    edges = [mel(low, scale) + j * (mel(high, scale) - mel(low, scale)) / (filters + 1) for j in range(filters + 2)]
    made = np.zeros((fft // 2 + 1, filters))
    for i, j in np.ndindex(*made.shape):
        at, of = i * rate / fft, edges[j : j + 3]
        where, (a, b, c) = (mel(at, scale), of) if triangles == "mel" else (at, [hertz(m, scale) for m in of])
        made[i, j] = max(0, min((where - a) / (b - a), (c - where) / (c - b)))
        if norm:
            made[i, j] *= 2 / (hertz(of[2], scale) - hertz(of[0], scale))
    return made


def cepstra_written_out(sound, s, u=U):
    """The static coefficients from the definitions, in longdouble, with a discrete Fourier transform as a sum; a bound.

    The bound is for a computation with unit roundoff u. Pre-emphasis and window take 4 roundings of two samples each,
    the transform 7 u log2(n) of the spectrum's norm (Higham, sec. 24.1), all of which may lie in one bin. A logarithm
    turns a filter's error into a relative one; sums of 400 samples, 257 bins and 40 filters and the transform's own
    roundings are counted at a rounding a term.
    """
    x = np.asarray(sound, np.longdouble)
    count, first = s.count(len(x)), s.first

    def sample(t):
        if 0 <= t < len(x) or s.edges == "inside":
            return x[t]
        if s.edges == "zeros":
            return 0.0
        return x[-1 - t] if t < 0 else x[2 * len(x) - 1 - t]

    bank = filters_written_out(s.rate, s.fft, s.filters, s.low, s.high, s.mel_scale, s.triangles, s.norm)
    window = [0.54 - 0.46 * cos(2 * pi * t / (s.window - 1)) for t in range(s.window)]
    turns = np.exp(-2j * np.longdouble(PI) / s.fft * (np.outer(np.arange(s.window), np.arange(s.fft // 2 + 1)) % s.fft))
    basis = np.array(
        [
            [sqrt(2 / s.filters) * cos(pi * i * (j + 0.5) / s.filters) for j in range(s.filters)]
            for i in range(1, s.cepstra + 1)
        ]
    )
    lift = np.array([1 + s.lifter / 2 * np.sin(pi * i / s.lifter) if s.lifter else 1 for i in range(1, s.cepstra + 1)])
    rows, bounds = [], []
    for frame in range(count):
        y = np.array([sample(first + frame * s.hop + t) for t in range(s.window)])
        if s.centre:
            y = y - sum(y) / len(y)
        raw = sum(y * y)
        shaped = np.array([(y[t] - s.preemphasis * y[max(t - 1, 0)]) * window[t] for t in range(s.window)])
        magnitude = abs(shaped @ turns)
        norm = np.sqrt(sum(y * y))
        off = u * (7 * np.log2(s.fft) * np.sqrt(sum(magnitude**2)) + 8 * sqrt(s.fft) * norm) * np.ones(len(magnitude))
        if s.power == 2:
            off, spectrum = 2 * magnitude * off + off**2, magnitude**2
        else:
            spectrum = magnitude
        summed = np.maximum(spectrum @ bank, s.floor)
        relative = (off @ bank) / summed + 260 * u
        energy = max(raw if s.energy == "raw" else sum(shaped * shaped), s.floor)
        rows.append([*(lift * (basis @ np.log(summed))), np.log(energy)])
        logs = np.abs(np.log(summed)) * 40 * u
        bounds.append([*(abs(lift) * (abs(basis) @ (relative + logs))), u * (800 + 4 * abs(np.log(energy)))])
    return np.array(rows), np.array(bounds)


SETTINGS = [
    *CONVENTIONS.values(),
    replace(CONVENTIONS["kaldi"], edges="reflected"),
    replace(HTK, energy="windowed", norm=True, triangles="hertz", power=2),
]
BANKS = [
    (16000, 512, 26, 0.0, 8000.0, "htk", "mel", False),
    (16000, 512, 23, 20.0, 7600.0, "htk", "mel", True),
    (16000, 512, 40, 0.0, 8000.0, "slaney", "hertz", True),
    (8000, 64, 5, 100.0, 4000.0, "slaney", "mel", False),
    (8000, 64, 5, 100.0, 4000.0, "htk", "hertz", False),
]


def mel_filters_are_the_written_out_ones(f):
    for bank in BANKS:
        want = filters_written_out(*bank)
        # A mel is some roundings of one below 4,000, and a side divides by the distance of two edges.
        gap = mel(bank[4], bank[5]) - mel(bank[3], bank[5])
        steepest = 4000 * (bank[2] + 1) / gap * (1 if bank[6] == "mel" else 30)
        within(f.mel_filters(*bank), want, 64 * U * steepest * max(1, want.max()))


def a_tone_is_in_its_filter(f):
    """A tone at a filter's centre is largest there."""
    bank = f.mel_filters(16000, 512, 26)
    edges = np.linspace(0, mel(8000), 28)
    for j in range(8, 26):
        tone = np.sin(2 * pi * hertz(edges[j + 1]) * np.arange(400) / 16000) * np.hamming(400)
        assert (abs(np.fft.rfft(tone, 512)) @ bank).argmax() == j


def dct_is_the_sum(f):
    x = rng().standard_normal((3, 11))
    want = [
        [sqrt(2 / 11) * sum(v * cos(pi * i * (j + 0.5) / 11) for j, v in enumerate(row)) for i in range(1, 6)]
        for row in x
    ]
    within(f.dct(x, 5), np.array(want), 40 * U * abs(x).sum(axis=1, keepdims=True))


def deltas_are_exact_on_a_ramp(f):
    ramp = np.outer(np.arange(9.0), [1, -3, 0])
    for reach in (1, 2, 3):
        same(f.deltas(ramp, reach)[reach:-reach], np.tile([1.0, -3, 0], (9 - 2 * reach, 1)))


def deltas_repeat_the_ends(f):
    """Integers: all sums are exact, and only the division rounds."""
    x = rng(1).integers(-9, 9, (6, 2)).astype(float)

    def at(t):
        return x[min(max(t, 0), 5)]

    same(f.deltas(x), np.array([(at(t + 1) - at(t - 1) + 2 * (at(t + 2) - at(t - 2))) / 10 for t in range(6)]))
    assert f.deltas(x.astype("f4")).dtype == np.float32
    same(f.deltas(x[:1]), np.zeros((1, 2)))


def mfcc_is_the_written_out_formula(f):
    sound = rng(2).integers(-3000, 3000, 900).astype(np.int16)
    for settings in SETTINGS:
        got = f.mfcc(sound, settings)
        want, bound = cepstra_written_out(sound, settings)
        n = settings.cepstra + 1
        assert got.shape == (settings.count(900), 3 * n)
        within(got[:, :n], want, bound)
        assert bound.max() < 1e-6
        same(got[:, n : 2 * n], features.deltas(got[:, :n]))
        same(got[:, 2 * n :], features.deltas(got[:, n : 2 * n]))


def silence_has_the_floor(f):
    got = f.mfcc(np.zeros(400, np.int16), HTK)
    assert got[0, 12] == 0  # log 1
    within(got, np.zeros((1, 39)), 1e-12)


def windows_have_neighbours(f):
    x = np.arange(5.0)[:, None] * 10 + np.arange(2)
    for t, row in enumerate(f.context_windows(x, 5)):
        same(row, np.concatenate([x[min(max(t + k, 0), 4)] for k in range(-2, 3)]))
    same(f.context_windows(x, 1), x)


# From posteriors to phones


def targets_are_thirds(f):
    """Segments 0..9, 9..12, 12..40 of phones 2, 0, 1; a centre at an end is the next segment's."""
    centres = np.array([0, 2, 3, 5, 6, 8, 9, 10, 11, 12, 21, 22, 39, 45])
    got = f.frame_targets(centres, 0, np.array([9, 12, 40]), np.array([2, 0, 1]))
    same(got, np.array([6, 6, 7, 7, 8, 8, 0, 1, 2, 3, 3, 4, 5, 5]))
    same(
        f.frame_targets(centres, 4, np.array([9, 12, 40]), np.array([2, 0, 1]), 1),
        np.array([2] * 6 + [0] * 3 + [1] * 5),
    )
    same(f.frame_targets(np.array([1, 5]), 4, np.array([10]), np.array([2])), np.array([6, 6]))


def priors_are_counts(f):
    same(f.log_priors(np.array([0, 2, 2, 3]), 4), np.log([2 / 8, 1 / 8, 3 / 8, 2 / 8]))


STRINGS = [np.array([0, 1, 1]), np.array([2, 1, 0])]


def bigram_is_counts(f):
    """Unsmoothed: after 0: 1 once, the end once; after 1: 1, 0 and the end; after 2: 1."""
    with np.errstate(divide="ignore"):
        got = f.bigram(STRINGS, 3, 0.0)
        within(np.exp(got.initial), np.array([1 / 2, 0, 1 / 2]), 8 * U)
        within(np.exp(got.transitions), np.array([[0, 1 / 2, 0], [1 / 3, 1 / 3, 0], [0, 1, 0]]), 8 * U)
        within(np.exp(got.final), np.array([1 / 2, 1 / 3, 0]), 8 * U)
        assert (f.bigram(STRINGS[:1], 3, 0.0).transitions[2] == -INF).all()


def bigram_is_smoothed(f):
    """p(0), p(1), p(2), p(end) = (2 + 1, 3 + 1, 1 + 1, 2 + 1) / 12; 1.5 observations of them for each phone."""
    p = np.array([3, 4, 2, 3]) / 12
    counts = np.array([[0, 1, 0, 1], [1, 1, 0, 1], [0, 1, 0, 0]])
    table = (counts + 1.5 * p) / (counts.sum(axis=1, keepdims=True) + 1.5)
    got = f.bigram(STRINGS, 3, 1.5)
    within(np.exp(got.transitions), table[:, :3], 16 * U)
    within(np.exp(got.final), table[:, 3], 16 * U)
    within(np.exp(got.initial), (np.array([1, 0, 1]) + 1.5 * p[:3] / p[:3].sum()) / 3.5, 16 * U)


LANGUAGE = Scores(np.log([0.25, 0.75]), np.array([[log(0.5), log(0.25)], [log(0.125), -INF]]), np.log([0.25, 0.875]))


def states_are_chains(f):
    """Phones 0 and 1 of two states: 0 is kept or left for 1, 1 is kept or left for the first state of a phone."""
    got = f.phone_states(LANGUAGE, 2, 2.0, -1.0)
    i, t, e = LANGUAGE
    same(got.initial, np.array([2 * i[0] - 1, -INF, 2 * i[1] - 1, -INF]))
    same(got.final, np.array([-INF, 2 * e[0], -INF, 2 * e[1]]))
    want = np.full((4, 4), -INF)
    want[[0, 1, 2, 3, 0, 2], [0, 1, 2, 3, 1, 3]] = 0
    want[1, 0], want[1, 2], want[3, 0], want[3, 2] = 2 * t[0, 0] - 1, 2 * t[0, 1] - 1, 2 * t[1, 0] - 1, -INF
    same(got.transitions, want)
    free = f.phone_states(LANGUAGE, 2, 0.0, 0.0).transitions
    same(free[[1, 1, 3, 3], [0, 2, 0, 2]], np.array([0, 0, 0, -INF]))  # with weight 0, what is impossible remains so


def one_state_is_kept_for_nothing(f):
    got = f.phone_states(LANGUAGE, 1, 1.0, -1.0).transitions
    same(got, np.array([[0, LANGUAGE.transitions[0, 1] - 1], [LANGUAGE.transitions[1, 0] - 1, 0]]))


def every_path(emissions, initial, transitions, final):
    t, s = emissions.shape
    scores = {}
    for path in product(range(s), repeat=t):
        score = initial[path[0]] + sum(emissions[i, state] for i, state in enumerate(path)) + final[path[-1]]
        scores[path] = score + sum(transitions[a, b] for a, b in pairwise(path))
    return scores


def drawn_model(seed, integers=False):
    r = rng(seed)
    t, s = int(r.integers(1, 6)), int(r.integers(1, 5))
    shapes = ((t, s), (s,), (s, s), (s,))
    made = [r.integers(-3, 3, shape).astype(float) if integers else r.standard_normal(shape) for shape in shapes]
    for each in made[1:]:
        each[r.random(each.shape) < 0.2] = -INF
    return made


def viterbi_is_the_best_of_all_paths(f):
    for seed in range(60):
        model = drawn_model(seed)
        paths = every_path(*model)
        best = max(paths.values())
        path, score = f.viterbi(*model)
        assert path.dtype == np.int64
        if best == -INF:
            assert score == -INF
        else:
            assert tuple(path) == max(paths, key=paths.get)
            within(score, best, 16 * U * (1 + abs(best) + 20))


def of_equal_paths_the_last_state_decides(f):
    """Integers, so that sums are exact: the smallest last state, then the smallest one before it, and so on."""
    for seed in range(60):
        model = drawn_model(seed, integers=True)
        paths = every_path(*model)
        best = max(paths.values())
        path, score = f.viterbi(*model)
        assert score == best
        if best > -INF:
            assert tuple(path) == min((p for p, v in paths.items() if v == best), key=lambda p: p[::-1])


def a_constant_changes_no_path(f):
    """Integers: a frame's constant adds itself to the score and nothing to the path."""
    for seed in range(20):
        emissions, *others = drawn_model(seed, integers=True)
        path, score = f.viterbi(emissions, *others)
        shifted, moved = f.viterbi(emissions + np.arange(len(emissions))[:, None] * 4.0, *others)
        if score > -INF:
            same(shifted, path)
            assert moved == score + 4 * sum(range(len(emissions)))


def phones_are_entered(f):
    """Of two states: phone 1, phone 0, phone 0 again from its last to its first state, phone 2."""
    same(f.phones_of(np.array([2, 2, 3, 0, 1, 1, 0, 1, 4, 5]), 2), np.array([1, 0, 0, 2]))
    same(f.phones_of(np.array([1, 1, 0, 2, 2]), 1), np.array([1, 0, 2]))
    same(f.phones_of(np.array([0, 1, 2, 3, 4, 5])), np.array([0, 1]))


def folding_keeps_neighbours(f):
    same(f.fold_phones(np.array([0, 1, 2, 1, 3]), np.array([1, 0, -1, 0])), np.array([1, 0, 0, 0]))


def errors_of_known_strings(f):
    """ "kitten" and "sitting": two substitutions and an insertion. "abc" and "ac": a deletion."""
    letters = {letter: number for number, letter in enumerate("abcegiknst")}

    def of(reference, said):
        codes = [np.array([letters[letter] for letter in text], dtype=np.int64) for text in (reference, said)]
        found = f.confusions(*codes, 10)
        return found, tuple(f.count_errors(found))

    found, errors = of("kitten", "sitting")
    assert errors == (2, 0, 1, 6)
    assert found[letters["k"], letters["s"]] == found[letters["e"], letters["i"]] == found[10, letters["g"]] == 1
    assert found.sum() == 7
    found, errors = of("abc", "ac")
    assert errors == (0, 1, 0, 3)
    assert found[letters["b"], 10] == 1
    assert of("abc", "")[1] == (0, 3, 0, 3)
    assert of("", "ab")[1] == (0, 0, 2, 0)
    assert of("abc", "abc")[1] == (0, 0, 0, 3)


def trn_is_nists_form(f):
    said = {"fvmh0-sx206": ["sil", "w"], "mcpm0-si1": []}
    assert f.trn_lines(said) == "sil w (fvmh0-sx206)\n(mcpm0-si1)\n"


CHECKS = {  # the slowest last
    check.__name__: check
    for check in (
        *(mel_filters_are_the_written_out_ones, a_tone_is_in_its_filter, dct_is_the_sum, deltas_are_exact_on_a_ramp),
        *(deltas_repeat_the_ends, silence_has_the_floor, windows_have_neighbours, targets_are_thirds),
        *(priors_are_counts, bigram_is_counts, bigram_is_smoothed, states_are_chains, one_state_is_kept_for_nothing),
        *(viterbi_is_the_best_of_all_paths, of_equal_paths_the_last_state_decides, a_constant_changes_no_path),
        *(phones_are_entered, folding_keeps_neighbours, errors_of_known_strings, trn_is_nists_form),
        mfcc_is_the_written_out_formula,
    )
}


# Faults


def around(name, change):
    """The honest function whose result is changed."""
    honest = getattr(HONEST, name)
    return name, lambda *a, **k: change(honest(*a, **k))


def instead(name, function):
    return name, function


def with_settings(**other):
    return "mfcc", lambda sound, settings=HTK, rng=None: features.mfcc(sound, replace(settings, **other), rng)


def _mel_filters(**other):
    def wrong(*arguments, **named):
        names = ("rate", "fft", "filters", "low", "high", "mel_scale", "triangles", "norm")
        return features.mel_filters(**dict(zip(names, arguments, strict=False)) | named | other)

    return wrong


def _dct_with_0(x, n):
    return scipy.fft.dct(x, type=2, norm="ortho")[..., :n]


def _deltas_centred(x, reach=2):
    return np.gradient(x, axis=0) if len(x) > 1 else np.zeros_like(x)


def _deltas_by_zeros(x, reach=2):
    padded = np.pad(x, ((reach, reach), (0, 0)))
    return features.deltas(padded, reach)[reach:-reach]


def _context_ahead(x, frames=11):
    padded = np.concatenate([x[1:], x[-1:]])
    return features.context_windows(padded, frames)


def _context_interleaved(x, frames=11):
    made = features.context_windows(x, frames)
    return made.reshape(len(x), frames, -1).transpose(0, 2, 1).reshape(len(x), -1)


def _context_wraps(x, frames=11):
    half = frames // 2
    return np.concatenate([np.roll(x, -k, axis=0) for k in range(-half, half + 1)], axis=1)


def _viterbi(transposed=False, stale=False, no_initial=False, no_final=False, sums=False, greedy=False, last=False):
    """The algorithm in plain loops, with a fault."""

    def wrong(emissions, initial, transitions, final):
        t, s = emissions.shape
        a = transitions.T if transposed else transitions
        best, back = emissions[0] + (0 if no_initial else initial), np.zeros((t, s), np.int64)
        for i in range(1, t):
            through = best[:, None] + a
            back[i] = through.argmax(axis=0) if not last else s - 1 - through[::-1].argmax(axis=0)
            if stale and i > 1:
                back[i] = back[i - 1]
            best = (np.logaddexp.reduce(through, axis=0) if sums else through.max(axis=0)) + emissions[i]
        best = best + (0 if no_final else final)
        path = np.zeros(t, np.int64)
        path[-1] = best.argmax()
        for i in range(t - 1, 0, -1):
            path[i - 1] = emissions[i - 1].argmax() if greedy else back[i, path[i]]
        return path, float(best.max())

    return "viterbi", wrong


def _log_of_zero(targets, classes):
    with np.errstate(divide="ignore"):
        return np.log(np.bincount(targets, minlength=classes) / len(targets))


def _wrong_axis(sequences, phones, smoothing=1.0):
    honest, back = (
        features.bigram(sequences, phones, smoothing),
        features.bigram([s[::-1] for s in sequences], phones, smoothing),
    )
    return honest._replace(transitions=back.transitions.T)


def _states(**change):
    def wrong(language, states=3, weight=1.0, penalty=0.0):
        if change.get("unweighted"):
            weight = 1.0
        if change.get("penalty_of_final"):
            language = language._replace(final=language.final + penalty)
        if change.get("transposed"):
            language = language._replace(transitions=language.transitions.T)
        made = features.phone_states(language, states, weight, -penalty if change.get("sign") else penalty)
        if change.get("skips"):
            made.transitions[0, 2:3] = 0
        if change.get("leaves_anywhere"):
            made.final[:] = np.maximum(made.final, 0)
        return made

    return "phone_states", wrong


def _targets_of_begins(centres, begin, ends, phones, states=3):
    return features.frame_targets(centres - 1, begin, ends, phones, states)


def _targets_rounded(centres, begin, ends, phones, states=3):
    begins = np.r_[begin, ends[:-1]]
    at = np.minimum(np.searchsorted(ends, centres, side="right"), len(ends) - 1)
    return phones[at] * states + np.clip(
        np.rint(states * (centres - begins[at]) / (ends[at] - begins[at])).astype(int), 0, states - 1
    )


def _run_lengths(path, states=3):
    phone = path // states
    return phone[np.r_[True, phone[1:] != phone[:-1]]].astype(np.int64)


def _collapsed(phones, classes):
    folded = features.fold_phones(phones, classes)
    return folded[np.r_[True, folded[1:] != folded[:-1]]]


def _by_position(reference, said, classes):
    found = np.zeros((classes + 1, classes + 1), np.int64)
    for a, b in zip(reference, said, strict=False):
        found[a, b] += 1
    for extra in said[len(reference) :]:
        found[classes, extra] += 1
    for extra in reference[len(said) :]:
        found[extra, classes] += 1
    return found


FAULTS = {
    "mfcc: power for magnitude": with_settings(power=2),
    "mel: filters of one bin less": around("mel_filters", lambda bank: np.roll(bank, 1, axis=0)),
    "mel: sides in Hz": instead("mel_filters", _mel_filters(triangles="hertz")),
    "mel: not divided by width": instead("mel_filters", _mel_filters(norm=False)),
    "mel: Slaney's scale": instead("mel_filters", _mel_filters(mel_scale="slaney")),
    "mel: NaN in a filter": around("mel_filters", lambda bank: np.where(bank == bank.max(), np.nan, bank)),
    "dct: with coefficient 0": instead("dct", _dct_with_0),
    "dct: not orthogonal": around("dct", lambda x: x * np.sqrt(2)),
    "deltas: of two neighbours": instead("deltas", _deltas_centred),
    "deltas: zeros beyond the ends": instead("deltas", _deltas_by_zeros),
    "deltas: sign": around("deltas", np.negative),
    "mfcc: no pre-emphasis": with_settings(preemphasis=0.0),
    "mfcc: no lifter": with_settings(lifter=0),
    "mfcc: energy after the window": with_settings(energy="windowed"),
    "mfcc: another hop": with_settings(hop=161),
    "mfcc: log of zero": with_settings(floor=5e-324),
    "mfcc: energy first": around("mfcc", lambda x: np.roll(x, 1, axis=1)),
    "mfcc: second differences forgotten": around("mfcc", lambda x: np.hstack([x[:, :26], x[:, 13:26]])),
    "context: one frame ahead": instead("context_windows", _context_ahead),
    "context: coefficients beside each other": instead("context_windows", _context_interleaved),
    "context: wraps around": instead("context_windows", _context_wraps),
    "targets: one sample early": instead("frame_targets", _targets_of_begins),
    "targets: thirds rounded": instead("frame_targets", _targets_rounded),
    "priors: log of zero": instead("log_priors", _log_of_zero),
    "bigram: wrong axis": instead("bigram", _wrong_axis),
    "bigram: unsmoothed": instead("bigram", lambda s, phones, smoothing=1.0: features.bigram(s, phones, 0.0)),
    "bigram: end forgotten": around(
        "bigram", lambda b: b._replace(transitions=b.transitions - np.log1p(-np.exp(b.final))[:, None])
    ),
    "states: bigram transposed": _states(transposed=True),
    "states: weight forgotten": _states(unweighted=True),
    "states: penalty's sign": _states(sign=True),
    "states: penalty at the end": _states(penalty_of_final=True),
    "states: a state is skipped": _states(skips=True),
    "states: ends in any state": _states(leaves_anywhere=True),
    "viterbi: transposed transitions": _viterbi(transposed=True),
    "viterbi: stale back pointers": _viterbi(stale=True),
    "viterbi: initial scores forgotten": _viterbi(no_initial=True),
    "viterbi: final scores forgotten": _viterbi(no_final=True),
    "viterbi: sum over paths": _viterbi(sums=True),
    "viterbi: best state of each frame": _viterbi(greedy=True),
    "viterbi: last of a tie": _viterbi(last=True),
    "phones: a second entry missed": instead("phones_of", _run_lengths),
    "fold: neighbours of a class joined": instead("fold_phones", _collapsed),
    "fold: the last class for none": instead("fold_phones", lambda phones, classes: classes[phones]),
    "errors: no alignment": instead("confusions", _by_position),
    "errors: reference and result exchanged": instead("confusions", lambda a, b, n: features.confusions(b, a, n)),
    "errors: insertions left out": around("count_errors", lambda e: e._replace(insertions=0)),
    "errors: rate by what was said": around(
        "count_errors", lambda e: e._replace(phones=e.phones - e.deletions + e.insertions)
    ),
    "trn: utterance first": instead("trn_lines", lambda s: "".join(f"({u}) {' '.join(n)}\n" for u, n in s.items())),
}
