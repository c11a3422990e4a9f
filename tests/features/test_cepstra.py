"""MFCC beside Kaldi's and librosa's own, frames at the edges, and what is refused. The formulas: `speech_checks`."""

from dataclasses import replace
from time import process_time

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import CONVENTIONS, HTK, MFCC, context_windows, dct, deltas, mel_filters, mfcc
from tests.features.speech_checks import SETTINGS, cepstra_written_out, within
from tests.refused import refuses

librosa = pytest.importorskip("librosa", reason="librosa is not installed: pip install 'pp_ref[speech]'")
SOUND = np.random.default_rng(0).integers(-3000, 3000, 1234).astype(np.int16)


@pytest.mark.parametrize("edges", ["inside", "reflected"])
def test_kaldis_own(edges):
    """kaldi-native-fbank computes in float32; the bound is that of the written-out formula for its rounding."""
    kaldi = pytest.importorskip("kaldi_native_fbank", reason="not installed: pip install kaldi-native-fbank")
    settings, options = replace(CONVENTIONS["kaldi"], edges=edges), kaldi.MfccOptions()
    options.frame_opts.dither, options.frame_opts.window_type = 0, "hamming"
    options.frame_opts.snip_edges = edges == "inside"
    options.mel_opts.num_bins, options.use_energy = settings.filters, True
    theirs = kaldi.OnlineMfcc(options)
    theirs.accept_waveform(16000, SOUND.astype(np.float32).tolist())
    theirs.input_finished()
    found = np.array([theirs.get_frame(i) for i in range(theirs.num_frames_ready)])
    _, bound = cepstra_written_out(SOUND, settings, u=2.0**-24)
    within(np.roll(found, -1, axis=1), mfcc(SOUND, settings)[:, :13], bound)  # their energy comes first
    assert bound.max() < 0.2  # of coefficients of size 10; ten times less than what a wrong convention changes


def test_librosas_own():
    """librosa's melspectrogram and mfcc, with a symmetric window and natural logarithms, without its own lifter."""
    settings = CONVENTIONS["librosa"]
    power = librosa.feature.melspectrogram(
        y=SOUND.astype(float), sr=16000, n_fft=512, win_length=400, hop_length=160, window=np.hamming(400), n_mels=40,
        center=True, pad_mode="constant", dtype=np.complex128,
    )  # fmt: skip
    theirs = librosa.feature.mfcc(S=np.log(np.maximum(power, 1e-10)), n_mfcc=13)[1:].T
    ours = mfcc(SOUND, settings)[:, :12]
    assert len(theirs) == len(ours)
    # A frame of 512 samples in librosa's is filled by 56 zeros on each side: the same magnitudes.
    _, bound = cepstra_written_out(SOUND, settings)
    within(theirs, ours, np.maximum(bound[:, :12], 1e-12))


def test_differences_beside_librosas():
    x = np.random.default_rng(1).standard_normal((20, 3))
    np.testing.assert_allclose(deltas(x), librosa.feature.delta(x, width=5, axis=0, mode="nearest"), rtol=0, atol=1e-14)


@pytest.mark.parametrize("samples", [400, 401, 559, 560, 1234])
def test_how_many_frames_there_are_and_where(samples):
    x = SOUND[:samples]
    for settings in SETTINGS:
        assert len(mfcc(x, settings)) == settings.count(samples) == len(settings.centres(samples))
    assert HTK.count(samples) == 1 + (samples - 400) // 160
    assert HTK.centres(samples)[0] == 200
    assert CONVENTIONS["librosa"].centres(samples)[0] == 0
    assert replace(HTK, edges="reflected").centres(samples)[0] == 80
    assert np.diff(HTK.centres(1234)).tolist() == [160] * 5


def test_dither_is_drawn():
    noisy = replace(HTK, dither=1.0)
    first, again = (mfcc(SOUND, noisy, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != mfcc(SOUND)).any()


def test_floats_in_the_unit_of_integers_are_the_same():
    np.testing.assert_array_equal(mfcc(SOUND.astype(float)), mfcc(SOUND))


def test_the_conventions_differ():
    made = {name: mfcc(SOUND, settings)[2, :13] for name, settings in CONVENTIONS.items()}
    assert len({row.tobytes() for row in made.values()}) == len(made)


test_sounds_that_are_refused = refuses(
    mfcc,
    {
        DomainError: [
            (SOUND[:399], HTK, r"^sound has 399 samples, expected at least a window of 400: leave it out$"),
            (SOUND[:0], HTK, r"^sound has 0 samples, expected at least a window"),
            (np.full(500, np.nan), HTK, r"^sound has 500 entries that are NaN or infinite"),
            (SOUND.tolist(), HTK, r"^sound is a list, expected an array of real numbers"),
            (SOUND, replace(HTK, dither=1.0), r"^rng is None, but dither is 1.0: expected a numpy.random.Generator$"),
        ],
        ShapeError: [(SOUND[:1000].reshape(500, 2), HTK, r"^sound has shape \(500, 2\), expected \(samples,\)")],
    },
)
test_settings_that_are_refused = refuses(
    lambda settings: MFCC(**settings),
    {
        DomainError: [
            ({"fft": 399}, r"^fft is 399, expected at least the window, 400 samples$"),
            ({"cepstra": 26}, r"^cepstra is 26, expected fewer than the filters, 26$"),
            ({"preemphasis": 1.0}, r"^preemphasis is 1.0, expected a number in \[0, 1\)"),
            ({"dither": float("nan")}, r"dither is nan, expected a finite number >= 0$"),
            ({"power": 3}, r"^power is 3, expected 1 \(magnitudes\) or 2"),
            ({"edges": "cut"}, r"^edges is 'cut', expected one of inside, reflected, zeros"),
            ({"energy": "both"}, r"^energy is 'both', expected one of raw, windowed"),
            ({"hop": 0}, r"^hop is 0, expected an integer >= 1$"),
            ({"floor": 0.0}, r"^floor is 0.0, expected a finite number > 0$"),
        ]
    },
)
test_filters_that_are_refused = refuses(
    mel_filters,
    {
        DomainError: [
            (16000, 512, 0, r"^filters is 0, expected an integer >= 1$"),
            (16000, 512, 5, 100.0, 9000.0, r"^low is 100.0 and high 9000.0 Hz, expected 0 <= low < high <= 8000.0"),
            (16000, 512, 5, 100.0, 50.0, r"^low is 100.0 and high 50.0 Hz"),
            (16000, 512, 5, 0.0, None, "bark", r"^mel_scale is 'bark', expected one of htk, slaney"),
            (16000, 512, 5, 0.0, None, "htk", "round", r"^triangles is 'round', expected one of mel, hertz"),
        ]
    },
)
test_what_else_is_refused = refuses(
    lambda function, *arguments: function(*arguments),
    {
        DomainError: [
            (dct, np.zeros((2, 5)), 5, r"^n is 5, expected 1 to 4, fewer than the 5 numbers$"),
            (deltas, np.zeros((2, 5)), 0, r"^reach is 0, expected an integer >= 1$"),
            (context_windows, np.zeros((2, 5)), 4, r"^frames is 4, expected an odd number"),
        ],
        ShapeError: [
            (deltas, np.zeros(5), 2, r"^x has shape \(5,\), expected axes \(t, d\)$"),
            (context_windows, np.zeros(5), 3, r"^x has shape \(5,\), expected axes \(t, d\)$"),
        ],
    },
)


def test_features_take_a_small_part_of_the_sounds_length():
    """490 s of sound in under 20 s of one core: a twenty-fourth of its length."""
    sound = np.random.default_rng(5).integers(-3000, 3000, 30 * 16000).astype(np.int16)
    mfcc(SOUND)  # librosa is imported
    began = process_time()
    context_windows(mfcc(sound), 11)
    assert process_time() - began < 30 / 24.5
