"""The decoder of Figure 4 (right) on utterances made by hand; faults of its steps, each of which fails a test."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from pp_ref.data.phones import PHONES_39, PHONES_61, SILENCE, folding
from pp_ref.errors import DomainError
from pp_ref.experiments import phone_decoder
from pp_ref.experiments.phone_decoder import (
    DEPARTURES,
    TARGETS,
    Decoder,
    Spoken,
    choose,
    evaluate,
    repeated,
    score,
    silent_q,
    strings,
)
from pp_ref.features import Errors, bigram

pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed: pip install 'pp_ref[speech]'")
NAMES = ("h#", "sh", "iy", "hv", "ae", "q", "ix", "pcl", "p")
OF = [PHONES_61.index(name) for name in NAMES]


def spoken(name, seed, length=6):
    """Phones between silences, three or more frames each, their states in equal thirds."""
    rng = np.random.default_rng(seed)
    phones = np.array([OF[0], *rng.choice(OF[1:], length), OF[0]])
    phones = phones[np.r_[True, phones[1:] != phones[:-1]]]
    targets = np.concatenate([np.repeat(3 * phone + np.arange(3), rng.integers(1, 3)) for phone in phones])
    return Spoken(name, name.partition("-")[0], phones, targets)


TRAINING = [spoken(f"train{n}-x", n) for n in range(20)]
DEV = [spoken("dev1-a", 100), spoken("dev2-a", 101)]
TEST = [spoken("test1-a", 200), spoken("test1-b", 201), spoken("test2-a", 202)]


def told(utterances, doubt=0.0, seed=0):
    """Log posteriors that say the truth, but for some noise."""
    rng, made = np.random.default_rng(seed), []
    for each in utterances:
        z = doubt * rng.standard_normal((len(each.targets), 183))
        z[np.arange(len(each.targets)), each.targets] += 6
        made.append(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
    return made


def evaluated(doubt=2.0, **other):
    settings = {"targets": "61x3", "smoothing": 1.0, "weights": [0.5, 1.0], "penalties": [-1.0, 0.0]} | other
    return evaluate(TRAINING, (told(DEV, doubt), DEV), (told(TEST, doubt, 1), TEST), **settings)


def test_clear_posteriors_have_no_error():
    scored, found = evaluated(doubt=0.0)
    assert found["test_error"] == found["frame_error"] == found["phone_frame_error"] == 0
    assert found["departures"]["not collapsed"] == 0
    assert found["speakers"].keys() == {"test1", "test2"}
    phones = sum(int((each.phones != PHONES_61.index("q")).sum()) for each in TEST)
    assert found["errors"] == {"substitutions": 0, "deletions": 0, "insertions": 0, "phones": phones}
    assert sum(counts[3] for counts in found["speakers"].values()) == phones
    said = strings(scored.decoded)["test1-a"]
    assert said["said"] == said["reference"]
    names = [PHONES_39[folding()[phone]] for phone in TEST[0].phones if folding()[phone] >= 0]
    assert said["reference"].split() == names


def test_emissions_are_posteriors_over_priors():
    """p(s | x) / p(s), with p(s) by counts of frames and one more of each of the 183."""
    (posteriors,) = told(TEST[:1], 1.0)
    frames = np.concatenate([each.targets for each in TRAINING])
    priors = (np.bincount(frames, minlength=183) + 1) / (len(frames) + 183)
    got = Decoder(TRAINING).emissions(posteriors)
    np.testing.assert_allclose(np.exp(got), np.exp(posteriors) / priors, rtol=1e-13)
    np.testing.assert_array_equal(Decoder(TRAINING, departures=("no priors",)).emissions(posteriors), posteriors)


def test_weights_are_chosen_on_development_utterances():
    decoder = Decoder(TRAINING)
    emissions = [decoder.emissions(each) for each in told(DEV, 3.0)]
    rates = {
        (weight, penalty): score(decoder, emissions, DEV, weight, penalty).errors.rate
        for weight in (0.0, 1.0, 4.0)
        for penalty in (-9.0, 0.0, 9.0)
    }
    chosen = choose(decoder, emissions, DEV, (0.0, 1.0, 4.0), (-9.0, 0.0, 9.0))
    assert chosen.dev_error == min(rates.values()) == rates[chosen.weight, chosen.penalty]
    assert next(pair for pair, rate in rates.items() if rate == chosen.dev_error) == chosen[:2]
    _, found = evaluated(3.0, weights=[0.0, 1.0, 4.0], penalties=[-9.0, 0.0, 9.0])
    assert found["chosen"] == chosen._asdict()


def test_the_language_is_of_61_phones():
    """The bigram of the transcripts, as `bigram` counts them."""
    want = bigram([each.phones for each in TRAINING], 61, 2.0)
    for got, scores in zip(Decoder(TRAINING, smoothing=2.0).language, want, strict=True):
        np.testing.assert_array_equal(got, scores)


def test_a_frame_of_each_speaker_is_counted():
    """Errors of speakers add up to those of all, and the phones are those of the transcripts."""
    scored, found = evaluated(3.0)
    assert [sum(counts) for counts in zip(*found["speakers"].values(), strict=True)] == list(scored.errors)
    for speaker, counts in found["speakers"].items():
        own = [folding()[each.phones] for each in TEST if each.speaker == speaker]
        assert counts[3] == (np.concatenate(own) >= 0).sum()


def test_a_higher_penalty_makes_more_phones_and_a_lower_one_fewer():
    decoder = Decoder(TRAINING)
    emissions = [decoder.emissions(each) for each in told(TEST, 3.0)]

    def phones(penalty):
        return sum(len(each.said) for each in score(decoder, emissions, TEST, 1.0, penalty).decoded.values())

    assert phones(-20.0) < phones(0.0) < phones(20.0)


def test_the_bigram_normalised_over_the_wrong_axis():
    """Columns have the sum 1, apart from what begins an utterance, in place of rows."""
    wrong = Decoder(TRAINING, smoothing=0.0, departures=("wrong axis",)).language.transitions
    counts = np.zeros((61, 61))
    for each in TRAINING:
        np.add.at(counts, (each.phones[:-1], each.phones[1:]), 1)
    before = counts.sum(axis=0) + np.bincount([each.phones[0] for each in TRAINING], minlength=61)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(np.exp(wrong[:, OF]), (counts / before)[:, OF], rtol=1e-12)


def test_a_bigram_of_frames_is_unsmoothed_and_sums_states():
    decoder = Decoder(TRAINING, departures=("frame counts", "no priors"))
    counts = np.zeros((61, 61))
    for each in TRAINING:
        phones = each.targets // 3
        np.add.at(counts, (phones[:-1], phones[1:]), 1)
    ends = np.bincount([each.phones[-1] for each in TRAINING], minlength=61)
    with np.errstate(divide="ignore", invalid="ignore"):
        want = np.log(counts / (counts.sum(axis=1) + ends)[:, None])
    np.testing.assert_allclose(decoder.scores(2.0, 0.0).transitions[OF], 2 * want[OF], rtol=1e-12)
    (posteriors,) = told(TEST[:1], 1.0)
    summed = np.exp(posteriors).reshape(len(posteriors), 61, 3).sum(axis=2)
    np.testing.assert_allclose(np.exp(decoder.emissions(posteriors)), summed, rtol=1e-12)


def test_q_is_left_out_or_silence():
    q = PHONES_61.index("q")
    assert folding()[q] == -1
    assert silent_q(folding())[q] == SILENCE
    utterance = TEST[0]._replace(phones=np.array([OF[0], q, OF[2], OF[0]]))
    (posteriors,) = told(TEST[:1])
    for departures, length in (((), 3), (("q to silence",), 4)):
        decoder = Decoder(TRAINING, departures=departures)
        found = decoder.decode(decoder.emissions(posteriors), utterance, decoder.scores(1.0, 0.0))
        assert len(found.reference) == length


def test_frames_are_compared_where_strings_are_not_collapsed():
    decoder = Decoder(TRAINING, departures=("not collapsed",))
    (posteriors,) = told(TEST[:1])
    found = decoder.decode(decoder.emissions(posteriors), TEST[0], decoder.scores(1.0, 0.0))
    kept = folding()[TEST[0].targets // 3] >= 0
    assert len(found.reference) == kept.sum()


def test_each_departure_changes_something():
    _, found = evaluated(doubt=3.5)
    assert found["departures"].keys() == {*DEPARTURES, "all"}
    assert sum(rate != found["test_error"] for rate in found["departures"].values()) >= 5


def test_baselines():
    """The commonest class, as often as training has phones for so many frames; the commonest state for every frame."""
    _, found = evaluated()
    common = np.concatenate([folding()[each.phones] for each in TRAINING])
    common = common[common >= 0]
    assert np.bincount(common).argmax() == SILENCE
    rate = len(common) / sum(len(each.targets) for each in TRAINING)
    want = repeated(SILENCE, rate, TEST, folding())
    assert found["baselines"]["commonest phone alone"] == want.rate
    said = sum(round(rate * len(each.targets)) for each in TEST)
    assert want.insertions - want.deletions == said - want.phones
    truth, frames = (np.concatenate([each.targets for each in part]) for part in (TEST, TRAINING))
    assert found["baselines"]["commonest state alone"] == (truth != np.bincount(frames).argmax()).mean()
    assert found["baselines"]["bigram alone"] > found["test_error"]


@pytest.mark.parametrize("targets", ["61", "39"])
def test_other_targets(targets):
    phones, states = TARGETS[targets]
    fold = np.arange(61) if phones == 61 else silent_q(folding())

    def of(part):
        return [each._replace(targets=fold[each.targets // 3]) for each in part]

    def posteriors(part):
        made = []
        for each in of(part):
            z = np.zeros((len(each.targets), phones * states))
            z[np.arange(len(each.targets)), each.targets] = 9
            made.append(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
        return made

    _, found = evaluate(
        of(TRAINING), (posteriors(DEV), of(DEV)), (posteriors(TEST), of(TEST)), targets, 1.0, [0.5], [0.0]
    )
    assert found["frame_error"] == 0
    assert found["test_error"] < (0.05 if phones == 61 else 0.4)  # of 39 classes, q is silence, which is an error


def test_what_is_refused():
    with pytest.raises(DomainError, match=r"^targets is '48', expected one of 61x3, 61, 39"):
        Decoder(TRAINING, "48")
    with pytest.raises(DomainError, match=r"^departure is 'haste', expected one of wrong axis, frame counts, "):
        Decoder(TRAINING, departures=("haste",))
    bad = told(TEST)
    bad[0][0, 0] = np.nan
    with pytest.raises(DomainError, match=r"^posteriors has 1 entries that are NaN or infinite, first at \(0, 0\)"):
        evaluate(TRAINING, (told(DEV), DEV), (bad, TEST), "61x3", 1.0, [1.0], [0.0])


# Faults of the steps between functions


def prior_forgotten(monkeypatch):
    monkeypatch.setattr(Decoder, "emissions", without_priors)


def prior_multiplied(monkeypatch):
    honest = Decoder.emissions
    monkeypatch.setattr(Decoder, "emissions", lambda self, posteriors: 2 * posteriors - honest(self, posteriors))


def without_priors(self, posteriors, honest=Decoder.emissions):
    return honest(replace(self, departures=(*self.departures, "no priors")), posteriors)


def folded_before_decoding(monkeypatch):
    """The 61 phones' bigram is one of 39 classes."""

    def language(self):
        return bigram([silent_q(folding())[each.phones] for each in self.training], 61, self.smoothing)

    monkeypatch.setattr(Decoder, "language", property(language))


def bigram_of_states(monkeypatch):
    def language(self):
        return bigram([each.targets // 3 for each in self.training], 61, self.smoothing)

    monkeypatch.setattr(Decoder, "language", property(language))


def chosen_on_test(monkeypatch):
    def wrong(decoder, emissions, spoken, weights, penalties):
        if spoken is DEV:
            emissions, spoken = [decoder.emissions(each) for each in told(TEST, 3.0, 1)], TEST
        return choose(decoder, emissions, spoken, weights, penalties)

    monkeypatch.setattr(phone_decoder, "choose", wrong)


def worst_is_chosen(monkeypatch):
    def wrong(decoder, emissions, spoken, weights, penalties):
        pairs = [(w, p) for w in weights for p in penalties]
        rates = [score(decoder, emissions, spoken, *pair).errors.rate for pair in pairs]
        return phone_decoder.Chosen(*pairs[int(np.argmax(rates))], max(rates))

    monkeypatch.setattr(phone_decoder, "choose", wrong)


def reference_unfolded(monkeypatch):
    honest = Decoder.decode

    def wrong(self, emissions, spoken, scores):
        return honest(self, emissions, spoken, scores)._replace(reference=spoken.phones % 39)

    monkeypatch.setattr(Decoder, "decode", wrong)


def speakers_overwritten(monkeypatch):
    monkeypatch.setattr(Errors, "__add__", lambda self, other: self)


FAULTS = (
    *(prior_forgotten, prior_multiplied, folded_before_decoding, bigram_of_states),
    *(chosen_on_test, worst_is_chosen, reference_unfolded, speakers_overwritten),
)


TESTS = (
    *(
        test_clear_posteriors_have_no_error,
        test_emissions_are_posteriors_over_priors,
        test_the_language_is_of_61_phones,
    ),
    *(test_weights_are_chosen_on_development_utterances, test_a_frame_of_each_speaker_is_counted, test_baselines),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_fails_a_test(monkeypatch, fault):
    fault(monkeypatch)
    failed = []
    for test in TESTS:
        try:
            test()
        except (AssertionError, ValueError) as error:  # arrays of other shapes
            failed.append(error)
    assert failed


def test_log_of_zero_is_never_scored():
    """A state that training has not seen has a prior."""
    decoder = Decoder(TRAINING[:1])
    assert np.isfinite(decoder.priors).all()
    assert decoder.priors.min() == log(1 / (len(TRAINING[0].targets) + 183))
