"""Posteriors of utterances to phone errors: the standard way, the authors' six departures from it, and two baselines.

The standard way: a bigram over 61 phones from the training transcripts, smoothed; three states a phone; posteriors
divided by priors; weight and insertion penalty chosen on development utterances; the decoded phones folded to 39, q
dropped; substitutions, deletions and insertions of the edit distance. `DEPARTURES` has what the authors' code does
otherwise (REPRODUCTION 3), each by a name, so that its numbers can be understood.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from pp_ref.arrays import check_finite
from pp_ref.data.phones import DROPPED, PHONES_39, PHONES_61, SILENCE, folding
from pp_ref.errors import DomainError, check_known
from pp_ref.features import (
    Errors,
    Scores,
    bigram,
    confusions,
    count_errors,
    fold_phones,
    log_priors,
    phone_states,
    phones_of,
    trn_lines,
    viterbi,
)
from pp_ref.files import write_atomically

__all__ = [
    "DEPARTURES",
    "TARGETS",
    "Chosen",
    "Decoded",
    "Decoder",
    "Spoken",
    "choose",
    "evaluate",
    "repeated",
    "score",
    "silent_q",
    "strings",
    "write_trn",
]

Indices = NDArray[np.int64]
DEPARTURES = {
    "wrong axis": "the bigram is normalised over the phone before, not over the phone behind",
    "frame counts": "the bigram counts pairs of frames, unsmoothed, and a phone is one state with summed posteriors",
    "no priors": "posteriors are not divided by priors",
    "no weights": "the bigram has weight 1, and there is no insertion penalty",
    "not collapsed": "frames are compared, not phones",
    "q to silence": "q is an instance of silence, not left out",
}
# What a class of a net is: phones and the number of their states.
TARGETS = {"61x3": (61, 3), "61": (61, 1), "39": (39, 1)}


class Spoken(NamedTuple):
    """What is known of an utterance beside its frames."""

    name: str
    speaker: str
    phones: Indices  # (segments,) of the 61
    targets: Indices  # (frames,) states


class Decoded(NamedTuple):
    """A decoded utterance: the best path's phones by frame, of the decoder's own phones; both strings of 39 classes."""

    path: Indices  # (frames,)
    reference: Indices
    said: Indices


@dataclass(frozen=True)
class Decoder:
    """A decoder from training utterances.

    training    utterances whose phones and targets are counted
    targets     a name in `TARGETS`
    smoothing   of the bigram
    departures  names in `DEPARTURES`
    raises      DomainError for a name that does not exist
    """

    training: Sequence[Spoken]
    targets: str = "61x3"
    smoothing: float = 1.0
    departures: Collection[str] = ()

    def __post_init__(self) -> None:
        check_known("targets", self.targets, TARGETS)
        for name in self.departures:
            check_known("departure", name, DEPARTURES)

    @property
    def by_frames(self) -> bool:
        """Whether the bigram is one of frames."""
        return "frame counts" in self.departures

    @property
    def classes(self) -> int:
        """Number of classes of the net."""
        phones, states = TARGETS[self.targets]
        return phones * states

    @cached_property
    def fold(self) -> Indices:
        """The class of each of the 61 phones among 39, -1 for a q that is left out."""
        return silent_q(folding()) if "q to silence" in self.departures else folding()

    @cached_property
    def priors(self) -> NDArray[np.float64]:
        """(classes,) log priors."""
        return log_priors(np.concatenate([each.targets for each in self.training]), self.classes)

    @cached_property
    def language(self) -> Scores:
        """The bigram of the decoder's phones."""
        phones, states = TARGETS[self.targets]
        sequences = [each.targets // states if self.by_frames else self._own(each.phones) for each in self.training]
        made = bigram(sequences, phones, 0.0 if self.by_frames else self.smoothing)
        if "wrong axis" in self.departures:
            backwards = bigram([s[::-1] for s in sequences], phones, 0.0 if self.by_frames else self.smoothing)
            made = made._replace(transitions=np.ascontiguousarray(backwards.transitions.T))
        return made

    def scores(self, weight: float, penalty: float) -> Scores:
        """Scores of the states."""
        if "no weights" in self.departures:
            weight, penalty = 1.0, 0.0
        if not self.by_frames:
            return phone_states(self.language, TARGETS[self.targets][1], weight, penalty)
        made = phone_states(self.language, 1, weight, penalty)
        diagonal = np.diagonal(self.language.transitions)
        np.fill_diagonal(
            made.transitions, diagonal * weight if weight else np.where(np.isneginf(diagonal), diagonal, 0)
        )
        return made

    def emissions(self, posteriors: NDArray[Any]) -> NDArray[np.float64]:
        """Log scores (frames, states) from log posteriors (frames, classes)."""
        states = TARGETS[self.targets][1]
        scores, priors = posteriors.astype(np.float64), self.priors
        if self.by_frames:
            scores, priors = (
                logsumexp(each.reshape(*each.shape[:-1], -1, states), axis=-1) for each in (scores, priors)
            )
        return scores if "no priors" in self.departures else scores - priors

    def decode(self, emissions: NDArray[np.float64], spoken: Spoken, scores: Scores) -> Decoded:
        """The best path through an utterance, and what it says."""
        states = 1 if self.by_frames else TARGETS[self.targets][1]
        path, _ = viterbi(emissions, *scores)
        said, reference = phones_of(path, states), spoken.phones
        if "not collapsed" in self.departures:
            said, reference = path // states, spoken.targets // TARGETS[self.targets][1]
            if self.targets == "39":
                return Decoded(path // states, reference, said)
        return Decoded(path // states, fold_phones(reference, self.fold), self._folded(said))

    def _own(self, phones: Indices) -> Indices:
        """Phones of the 61 as the decoder's own. Of 39 classes, q is silence, which frames need."""
        return phones if self.targets != "39" else silent_q(folding())[phones]

    def _folded(self, phones: Indices) -> Indices:
        return phones if self.targets == "39" else fold_phones(phones, self.fold)


def silent_q(classes: Indices) -> Indices:
    """A folding in which q is silence."""
    return np.where(np.array(PHONES_61) == DROPPED, SILENCE, classes)


class Scored(NamedTuple):
    """Decoded utterances, and the alignments of all together and of each speaker."""

    decoded: dict[str, Decoded]  # by utterance
    confusions: Indices  # (40, 40) as `confusions` counts
    speakers: dict[str, Errors]

    @property
    def errors(self) -> Errors:
        return count_errors(self.confusions)


def score(
    decoder: Decoder, emissions: Sequence[NDArray[np.float64]], spoken: Sequence[Spoken], weight: float, penalty: float
) -> Scored:
    """Decode utterances and count their errors."""
    scores = decoder.scores(weight, penalty)
    decoded: dict[str, Decoded] = {}
    speakers: dict[str, Errors] = {}
    total = np.zeros((len(PHONES_39) + 1, len(PHONES_39) + 1), np.int64)
    for each, scored in zip(spoken, emissions, strict=True):
        found = decoder.decode(scored, each, scores)
        counts = confusions(found.reference, found.said, len(PHONES_39))
        decoded[each.name] = found
        speakers[each.speaker] = count_errors(counts) + speakers.get(each.speaker, Errors(0, 0, 0, 0))
        total += counts
    return Scored(decoded, total, speakers)


class Chosen(NamedTuple):
    """The weight and the penalty with the fewest errors on development utterances, the first of equals."""

    weight: float
    penalty: float
    dev_error: float


def choose(
    decoder: Decoder,
    emissions: Sequence[NDArray[np.float64]],
    spoken: Sequence[Spoken],
    weights: Sequence[float],
    penalties: Sequence[float],
) -> Chosen:
    """Choose weight and penalty among all pairs, on development utterances."""
    tried = [
        Chosen(weight, penalty, score(decoder, emissions, spoken, weight, penalty).errors.rate)
        for weight, penalty in product(weights, penalties)
    ]
    return min(tried, key=lambda chosen: chosen.dev_error)


def evaluate(
    training: Sequence[Spoken],
    dev: tuple[Sequence[NDArray[Any]], Sequence[Spoken]],
    test: tuple[Sequence[NDArray[Any]], Sequence[Spoken]],
    targets: str,
    smoothing: float,
    weights: Sequence[float],
    penalties: Sequence[float],
) -> tuple[Scored, dict[str, Any]]:
    """Decode the test utterances, with weight and penalty chosen on the development utterances.

    dev, test  log posteriors (frames, classes) of each utterance, and the utterances
    returns    the test utterances as decoded; what a record says: "test_error", the phone error rate; "errors" by kind;
               "chosen"; "frame_error" of states, "phone_frame_error" of the 39 classes; "baselines": the error of the
               bigram alone, of the commonest phone alone at the training rate of phones, and of the commonest state
               alone; "departures": the error under each of the authors' ways, and under all, with the chosen weight and
               penalty; "speakers": [substitutions, deletions, insertions, phones]
    raises     DomainError for posteriors that are not finite
    """
    for posteriors in (*dev[0], *test[0]):
        check_finite(posteriors=posteriors)
    decoder = Decoder(training, targets, smoothing)
    ready = [[decoder.emissions(each) for each in part[0]] for part in (dev, test)]
    chosen = choose(decoder, ready[0], dev[1], weights, penalties)
    scored = score(decoder, ready[1], test[1], *chosen[:2])

    silent = [[np.zeros_like(each) for each in part] for part in ready]
    alone = choose(decoder, silent[0], dev[1], weights, penalties)
    common = np.concatenate([fold_phones(each.phones, decoder.fold) for each in training])
    frames = np.concatenate([each.targets for each in training])
    truth = np.concatenate([each.targets for each in test[1]])
    best = np.concatenate([each.argmax(axis=1) for each in test[0]])
    to_39 = silent_q(folding()) if targets != "39" else np.arange(len(PHONES_39))
    states = TARGETS[targets][1]
    departed = {
        name: Decoder(training, targets, smoothing, departures)
        for name, departures in {**{each: (each,) for each in DEPARTURES}, "all": tuple(DEPARTURES)}.items()
    }
    return scored, {
        "test_error": scored.errors.rate,
        "errors": scored.errors._asdict(),
        "chosen": chosen._asdict(),
        "frame_error": float((best != truth).mean()),
        "phone_frame_error": float((to_39[best // states] != to_39[truth // states]).mean()),
        "baselines": {
            "bigram alone": score(decoder, silent[1], test[1], *alone[:2]).errors.rate,
            "commonest phone alone": repeated(
                int(np.bincount(common).argmax()), len(common) / len(frames), test[1], decoder.fold
            ).rate,
            "commonest state alone": float((truth != np.bincount(frames).argmax()).mean()),
        },
        "departures": {
            name: score(each, [each.emissions(p) for p in test[0]], test[1], *chosen[:2]).errors.rate
            for name, each in departed.items()
        },
        "speakers": {name: list(errors) for name, errors in scored.speakers.items()},
    }


def repeated(phone: int, rate: float, spoken: Sequence[Spoken], fold: Indices) -> Errors:
    """The errors of one class of 39 said again and again, ``rate`` times a frame."""
    counts = [
        confusions(fold_phones(each.phones, fold), np.full(round(rate * len(each.targets)), phone), len(PHONES_39))
        for each in spoken
    ]
    return count_errors(sum(counts[1:], counts[0]))


def strings(decoded: Mapping[str, Decoded]) -> dict[str, dict[str, str]]:
    """Reference and what was said of each utterance, as names of the 39 classes with spaces between."""
    return {
        name: {
            "reference": " ".join(PHONES_39[phone] for phone in each.reference),
            "said": " ".join(PHONES_39[phone] for phone in each.said),
        }
        for name, each in decoded.items()
    }


def write_trn(record: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write hyp.trn and ref.trn of all tested utterances, for NIST's sclite, and return their paths.

    raises  DomainError if the record has no phone strings; DataError if a file cannot be written
    """
    if "strings" not in record:
        raise DomainError(f"the record is one of {record['recipe']['experiment']}, expected one of figure4-right")
    paths = []
    for file, kind in (("hyp.trn", "said"), ("ref.trn", "reference")):
        text = trn_lines({name: each[kind].split() for name, each in record["strings"].items()})
        write_atomically(folder / file, text.encode())
        paths.append(folder / file)
    return paths
