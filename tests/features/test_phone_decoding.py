"""The decoder's functions: another program's Viterbi, and what is refused. The formulas: `speech_checks`."""

from time import process_time

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import Scores, bigram, frame_targets, log_priors, phone_states, phones_of, viterbi
from tests.refused import refuses

INF = np.inf
Z = np.zeros


@pytest.mark.parametrize("seed", range(5))
def test_librosas_decoder_finds_the_same_path(seed):
    """It takes likelihoods of states by time, probabilities of transitions from row to column, and no final scores."""
    librosa = pytest.importorskip("librosa", reason="librosa is not installed: pip install 'pp_ref[speech]'")
    rng = np.random.default_rng(seed)
    likelihoods, transitions, initial = rng.random((40, 7)), rng.random((7, 7)), rng.random(7)
    transitions /= transitions.sum(axis=1, keepdims=True)
    initial /= initial.sum()
    theirs, score = librosa.sequence.viterbi(likelihoods.T, transitions, p_init=initial, return_logp=True)
    path, ours = viterbi(np.log(likelihoods), np.log(initial), np.log(transitions), Z(7))
    np.testing.assert_array_equal(path, theirs)
    assert ours == pytest.approx(score, rel=1e-12)


def test_a_bigram_has_the_sum_1():
    strings = [np.random.default_rng(seed).integers(0, 9, 20) for seed in range(3)]
    for smoothing in (0.5, 1.0, 20.0):
        made = bigram(strings, 10, smoothing)
        np.testing.assert_allclose(np.exp(made.transitions).sum(axis=1) + np.exp(made.final), 1, rtol=1e-14)
        assert np.exp(made.initial).sum() == pytest.approx(1, rel=1e-14)
        assert all(np.isfinite(scores).all() for scores in made)


def test_a_decoder_of_states_finds_the_phones_that_the_emissions_say():
    language = bigram([np.array([0, 1, 2, 1])], 3)
    said = np.repeat([0, 1, 2, 6, 7, 8, 3, 4, 5], 2)
    emissions = np.full((len(said), 9), -50.0)
    emissions[np.arange(len(said)), said] = 0
    path, _ = viterbi(emissions, *phone_states(language))
    np.testing.assert_array_equal(path, said)
    np.testing.assert_array_equal(phones_of(path), [0, 2, 1])


def test_no_path_has_the_score_minus_infinity():
    path, score = viterbi(Z((2, 2)), np.array([0, -INF]), np.full((2, 2), -INF), Z(2))
    assert score == -INF
    assert path.shape == (2,)


GOOD = (Z((3, 2)), Z(2), Z((2, 2)), Z(2))
test_models_that_are_refused = refuses(
    viterbi,
    {
        ShapeError: [
            (Z((0, 2)), *GOOD[1:], r"^emissions has shape \(0, 2\), expected at least one frame$"),
            (GOOD[0], Z(3), *GOOD[2:], r"^axis s is 2 in emissions but 3 in initial$"),
            (*GOOD[:2], Z((2, 3)), GOOD[3], r"^axis s is 2 in emissions but 3 in transitions$"),
            (Z(3), *GOOD[1:], r"^emissions has shape \(3,\), expected axes \(t, s\)$"),
        ],
        DomainError: [
            (np.full((3, 2), np.nan), *GOOD[1:], r"^emissions has NaN or \+infinity; expected log scores"),
            (*GOOD[:3], np.array([0, INF]), r"^final has NaN or \+infinity"),
        ],
    },
)
LANGUAGE = Scores(Z(2), Z((2, 2)), Z(2))
test_what_else_is_refused = refuses(
    lambda function, *arguments: function(*arguments),
    {
        DomainError: [
            (bigram, [np.array([0, 3])], 3, r"^sequences\[0\] has 0 to 3, expected 0 to 2$"),
            (bigram, [np.array([-1, 0])], 3, r"^sequences\[0\] has -1 to 0, expected 0 to 2$"),
            (bigram, [], 3, -1.0, r"^smoothing is -1.0, expected a finite number >= 0$"),
            (bigram, [], 3, np.nan, r"^smoothing is nan"),
            (log_priors, np.array([5]), 5, r"^targets has 5 to 5, expected 0 to 4$"),
            (phone_states, LANGUAGE, 0, r"^states is 0, expected an integer >= 1$"),
            (phone_states, LANGUAGE, 3, -1.0, r"^weight is -1.0 and penalty 0.0, expected finite numbers"),
            (phone_states, LANGUAGE, 3, 1.0, INF, r"^weight is 1.0 and penalty inf, expected finite numbers"),
            (frame_targets, np.array([1]), 0, np.array([5, 5]), np.array([1, 2]), r"^ends do not rise from begin on"),
            (frame_targets, np.array([1]), 9, np.array([5]), np.array([1]), r"^ends do not rise from begin on"),
        ],
        ShapeError: [
            (frame_targets, np.array([1]), 0, np.array([5]), np.array([1, 2]), r"^axis k is 1 in ends but 2 in phones"),
            (log_priors, np.array([[1]]), 5, r"^targets has shape \(1, 1\), expected one axis$"),
        ],
    },
)


def test_decoding_is_twenty_times_as_fast_as_speech():
    """6 s of sound through the 183 states of 61 phones."""
    emissions = np.random.default_rng(0).standard_normal((600, 183))
    scores = phone_states(bigram([np.arange(61)], 61, 20.0), 3, 2.0, 0.0)
    began = process_time()
    viterbi(emissions, *scores)
    assert process_time() - began < 6 / 20
