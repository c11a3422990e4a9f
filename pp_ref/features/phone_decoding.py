"""From a net's posteriors to a string of phones: targets of frames, priors, a bigram, and the Viterbi algorithm.

A phone is a chain of states, each of which is kept or left for the next; states are numbered phone by phone. Scores are
natural logarithms, and log 0 = -inf is allowed wherever something is impossible.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_integer, check_numpy, check_sizes
from pp_ref.brief import brief
from pp_ref.errors import DomainError, ShapeError

__all__ = ["Scores", "bigram", "frame_targets", "log_priors", "phone_states", "phones_of", "viterbi"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@brief
class Scores(NamedTuple):
    """Log scores of beginning in a state, of going from one (row) to another (column), and of ending in one.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import bigram
    >>> language = bigram([np.array([0, 1])], 2, smoothing=0.0)
    >>> [np.exp(scores).tolist() for scores in language]  # 0 begins, 1 follows, and ends
    [[1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]], [0.0, 1.0]]
    """

    initial: Floats  # (s,)
    transitions: Floats  # (s, s)
    final: Floats  # (s,)


def frame_targets(
    centres: Indices, begin: int, ends: Indices, phones: NDArray[np.integer[Any]], states: int = 3
) -> Indices:
    """The state of each frame: the part of its segment that its centre is in, of as many equal parts as states.

    centres  (frames,) samples, rising
    begin    of the first segment; `ends` (segments,) samples, rising; a sample at an end is the next segment's
    phones   (segments,) >= 0
    states   of each phone
    returns  (frames,) int64: phone * states + part. A centre outside of all segments is in the nearest part
    raises   ShapeError, DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import frame_targets
    >>> centres = np.array([1, 4, 7, 12])  # three in the phone 2 from 0 to 9, one in the phone 0 from 9 to 15
    >>> frame_targets(centres, 0, np.array([9, 15]), np.array([2, 0]))
    array([6, 7, 8, 1])
    """
    check_integer(1, states=states)
    check_numpy("integers", centres=centres, ends=ends, phones=phones)
    check_sizes("t, k, k", centres=centres, ends=ends, phones=phones)
    begins = np.concatenate([[begin], ends[:-1]])
    if len(ends) == 0 or (ends <= begins).any():
        raise DomainError("ends do not rise from begin on; expected at least one segment, and none that is empty")
    at = np.minimum(np.searchsorted(ends, centres, side="right"), len(ends) - 1)
    part = states * (centres - begins[at]) // (ends[at] - begins[at])
    made: Indices = phones[at].astype(np.int64) * states + np.clip(part, 0, states - 1)
    return made


def log_priors(targets: NDArray[np.integer[Any]], classes: int) -> Floats:
    """log p(s) = log((count + 1) / (n + classes)): no class has log 0, however few frames there are.

    targets  (n,) in 0..classes - 1
    returns  (classes,)
    raises   DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import log_priors
    >>> np.exp(log_priors(np.array([0, 0, 1]), 2)).round(6)  # 3/5 and 2/5
    array([0.6, 0.4])
    """
    counts = _counts(targets, classes, "targets")
    made: Floats = np.log((counts + 1) / (counts.sum() + classes))
    return made


def bigram(sequences: Sequence[NDArray[np.integer[Any]]], phones: int, smoothing: float = 1.0) -> Scores:
    """log p(b | a) = log((count(a, b) + smoothing p(b)) / (count(a) + smoothing)), with a beginning and an end.

    sequences  of phones, (k,) in 0..phones - 1; each begins after the beginning and goes to the end
    phones     their number
    smoothing  >= 0: how many observations p(b) = (count(b) + 1) / (n + phones + 1), over phones and the end, is worth
    returns    Scores: exp(initial) has the sum 1, each row of exp(transitions) has it together with exp(final). The end
               cannot follow the beginning
    raises     DomainError. With smoothing 0 a phone that nothing follows has -inf everywhere

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import bigram
    >>> language = bigram([np.array([0, 1]), np.array([0, 0])], 2, smoothing=0.0)
    >>> np.exp(language.transitions).round(3)  # after 0 come 0, 1 and the end, once each
    array([[0.333, 0.333],
           [0.   , 0.   ]])
    >>> np.exp(language.final).round(3)
    array([0.333, 1.   ])
    """
    if not 0 <= smoothing < np.inf:
        raise DomainError(f"smoothing is {smoothing}, expected a finite number >= 0")
    check_integer(1, phones=phones)
    counts, start = np.zeros((phones, phones + 1)), np.zeros(phones)
    for number, sequence in enumerate(sequences):
        _counts(sequence, phones, f"sequences[{number}]")
        if len(sequence):
            start[sequence[0]] += 1
            np.add.at(counts, (sequence, np.append(sequence[1:], phones)), 1)
    unigram = (
        counts.sum(axis=0) + np.bincount(np.repeat(np.arange(phones), start.astype(int)), minlength=phones + 1) + 1
    )
    unigram /= unigram.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.log((counts + smoothing * unigram) / (counts.sum(axis=1, keepdims=True) + smoothing))
        initial = np.log((start + smoothing * unigram[:-1] / unigram[:-1].sum()) / (start.sum() + smoothing))
    table, initial = (
        np.nan_to_num(table, nan=-np.inf, neginf=-np.inf),
        np.nan_to_num(initial, nan=-np.inf, neginf=-np.inf),
    )
    return Scores(initial, table[:, :-1], table[:, -1])


def phone_states(language: Scores, states: int = 3, weight: float = 1.0, penalty: float = 0.0) -> Scores:
    """The states of all phones: each is kept or left for the next; the last one also goes to any phone's first.

    language  Scores of phones, as `bigram` makes them
    states    of each phone, left to right; with one, a phone that follows itself is the same phone
    weight    >= 0, of the language's scores
    penalty   added at each phone's beginning; below 0 there are fewer phones
    returns   Scores of phones * states states. To keep a state and to leave it have the score 0: both are the same for
              all paths of a length, up to the number of phones, which the penalty weighs
    raises    DomainError, ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import bigram, phone_states
    >>> chain = phone_states(bigram([np.array([0, 1])], 2, smoothing=0.0), states=2)
    >>> np.isfinite(chain.transitions).astype(int)  # which state may follow which
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1],
           [0, 0, 0, 1]])
    """
    check_numpy(initial=language.initial, transitions=language.transitions, final=language.final)
    phones = check_sizes("s, s s, s", **language._asdict())["s"]
    check_integer(1, states=states)
    if not 0 <= weight < np.inf or not np.isfinite(penalty):
        raise DomainError(f"weight is {weight} and penalty {penalty}, expected finite numbers, the weight >= 0")
    initial, transitions, final = (_weighed(scores, weight) for scores in language)
    first, last = np.arange(phones) * states, np.arange(phones) * states + states - 1
    n = phones * states
    made = Scores(np.full(n, -np.inf), np.full((n, n), -np.inf), np.full(n, -np.inf))
    made.initial[first], made.final[last] = initial + penalty, final
    inner = np.setdiff1d(np.arange(n), last)
    made.transitions[np.ix_(last, first)] = transitions + penalty
    made.transitions[inner, inner + 1] = 0
    made.transitions[np.arange(n), np.arange(n)] = 0
    return made


def _weighed(scores: Floats, weight: float) -> Floats:
    """weight * scores, where what is impossible remains so for weight 0."""
    return np.where(np.isneginf(scores), -np.inf, weight * np.where(np.isneginf(scores), 0, scores))


def viterbi(emissions: NDArray[Any], initial: Floats, transitions: Floats, final: Floats) -> tuple[Indices, float]:
    """The path with the largest initial[s_1] + sum_t emissions[t, s_t] + sum_t transitions[s_t, s_t+1] + final[s_T].

    emissions    (frames, s) log scores of each state, at least one frame
    initial      (s,), final (s,), transitions (s, s) from row to column
    returns      path (frames,) int64, and its score; -inf if no path is possible. Of equal scores, the state with the
                 smaller number is taken, beginning with the last frame
    raises       ShapeError; DomainError for NaN or +inf

    Frames times s^2 additions in float64: 300 frames of 183 states take some ten milliseconds.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import viterbi
    >>> emissions, free = np.log([[0.5, 0.5], [0.25, 0.75]]), np.zeros(2)
    >>> path, score = viterbi(emissions, np.log([1.0, 0.5]), np.zeros((2, 2)), free)
    >>> path, round(float(np.exp(score)), 3)  # 1 * 0.5 * 0.75
    (array([0, 1]), 0.375)
    """
    given = {"emissions": emissions, "initial": initial, "transitions": transitions, "final": final}
    check_arrays("real floating-point numbers", **given)
    check_numpy(**given)
    t, s = check_sizes("t s, s, s s, s", **given).values()
    if t == 0:
        raise ShapeError(f"emissions has shape {emissions.shape}, expected at least one frame")
    for name, scores in given.items():
        if not (scores < np.inf).all():
            raise DomainError(f"{name} has NaN or +infinity; expected log scores, of which -infinity is one")
    into = np.ascontiguousarray(transitions.T, dtype=np.float64)  # (to, from)
    back, every, sums = np.zeros((t, s), np.int64), np.arange(s), np.empty((s, s))
    best = initial + emissions[0]
    for frame in range(1, t):
        np.add(into, best, out=sums)
        back[frame] = sums.argmax(axis=1)
        best = sums[every, back[frame]] + emissions[frame]
    best = best + final
    path = np.empty(t, np.int64)
    path[-1] = best.argmax()
    for frame in range(t - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path, float(best.max())


def phones_of(path: Indices, states: int = 3) -> Indices:
    """The phones of a path of states: one for each time that a phone is entered.

    path     (frames,) of `viterbi` through `phone_states`
    returns  (k,) int64

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import phones_of
    >>> phones_of(np.array([6, 7, 8, 8, 0, 1, 2]))  # states 0 to 2 are of phone 0, 6 to 8 of phone 2
    array([2, 0])
    """
    check_numpy("integers", path=path)
    check_integer(1, states=states)
    phone, state = path // states, path % states
    entered = np.ones(len(path), bool)
    entered[1:] = (phone[1:] != phone[:-1]) | (state[1:] < state[:-1])
    made: Indices = phone[entered].astype(np.int64)
    return made


def _counts(numbers: NDArray[np.integer[Any]], classes: int, name: str) -> Indices:
    check_numpy("integers", **{name: numbers})
    if numbers.ndim != 1:
        raise ShapeError(f"{name} has shape {numbers.shape}, expected one axis")
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
        raise DomainError(f"{name} has {numbers.min()} to {numbers.max()}, expected 0 to {classes - 1}")
    return np.bincount(numbers, minlength=classes)
