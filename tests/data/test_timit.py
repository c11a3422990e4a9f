"""TIMIT in both layouts: the same utterances from each, and every fault of a file said with its line."""

import numpy as np
import pytest

from pp_ref.data import load_timit, load_timit_sample, timit
from pp_ref.data.timit import CORE_TEST, DEVELOPMENT, PARTS, RATE, digest_of, read_segments, read_sound
from pp_ref.errors import DataError, DomainError
from tests.data.timit_files import SAMPLES, SEGMENTS, indices, phn, riff, sound, sphere, write_corpus, write_sample
from tests.odd_files import ODD

pytest.importorskip("soundfile", reason="soundfile is not installed: pip install 'pp_ref[speech]'")


PATCHES = {"pp_ref.data.timit.SAMPLE_DIGEST": "7ff6f4a8594d1c3396bda17ed11efea5d3613709a132f75ecf8c9f47d9ad6b4e"}


@pytest.fixture
def sample(tmp_path):
    write_sample(tmp_path)
    return tmp_path


def people(data):
    return {part: {each.speaker for each in getattr(data, part)} for part in PARTS}


def test_each_speaker_of_the_sample_is_tested_in_one_fold(sample):
    tested, digests = [], set()
    for fold in range(8):
        data = load_timit_sample(sample, fold)
        of = people(data)
        assert sum(map(len, of.values())) == len(set().union(*of.values())) == 16
        tested += of["test"]
        digests.add(data.digest)
    assert len(tested) == len(set(tested)) == 16
    assert len(digests) == 8


def test_a_sentence_is_what_was_written(sample):
    utterance = next(each for each in load_timit_sample(sample).test if each.name == "fvmh0-sx206")
    np.testing.assert_array_equal(utterance.sound, sound(1))
    assert utterance.sound.dtype == np.int16
    assert utterance.ends.tolist() == [end for _, end, _ in SEGMENTS]
    assert utterance.phones.tolist() == indices("h#", "sh", "iy", "h#")


@pytest.mark.parametrize("fold", [8, -1, 0.5])
def test_a_fold_that_does_not_exist(sample, fold):
    with pytest.raises(DomainError, match=r"^fold is "):
        load_timit_sample(sample, fold)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("inside", ["", "TIMIT", "timit"])
def test_the_layout_of_the_corpus(tmp_path, upper, inside):
    write_corpus(tmp_path / inside, upper)
    data = load_timit(tmp_path)
    assert people(data) == {"train": {"fcjf0", "mabc0"}, "dev": set(DEVELOPMENT), "test": set(CORE_TEST)}
    assert [each.name for each in data.train] == ["fcjf0-si1027", "fcjf0-sx37", "mabc0-sx1"]
    np.testing.assert_array_equal(data.train[1].sound, sound(100))


def test_lists_of_the_corpus():
    assert (len(DEVELOPMENT), len(CORE_TEST)) == (50, 24)
    assert not set(DEVELOPMENT) & set(CORE_TEST)
    assert sorted(name[0] for name in CORE_TEST) == ["f"] * 8 + ["m"] * 16


def test_lists_of_the_user(tmp_path):
    write_corpus(tmp_path)
    (tmp_path / "some").write_text("MABC0\n\n")
    data = load_timit(tmp_path, {"train": tmp_path / "some"})
    assert people(data)["train"] == {"mabc0"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mabc0\nmxyz0\n", r"some, line 2: speaker 'mxyz0' has no utterance in .*: correct the list, or complete"),
        ("felc0\nmabc0", r"the usual list of test: speaker felc0 is in the list of train too; expected one part"),
        ("m\xe4bc0", r"some cannot be read \(.*ascii.*\); expected lines of ASCII"),
    ],
)
def test_a_list_that_names_an_unknown_speaker(tmp_path, text, message):
    write_corpus(tmp_path)
    (tmp_path / "some").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        load_timit(tmp_path, {"train": tmp_path / "some"})


def test_speakers_of_the_usual_lists_that_are_missing(tmp_path):
    write_corpus(tmp_path)
    for file in (tmp_path / "TEST" / "DR1" / "FAKS0").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"^the usual list of dev: speaker 'faks0' has no utterance in "):
        load_timit(tmp_path)


@pytest.mark.parametrize(("suffix", "other"), [(".PHN", r"SX37.WAV has no \.phn"), (".WAV", r"SX37.PHN has no \.wav")])
def test_a_file_without_the_other(tmp_path, suffix, other):
    write_corpus(tmp_path)
    (tmp_path / "TRAIN" / "DR1" / "FCJF0" / f"SX37{suffix}").unlink()
    with pytest.raises(DataError, match=other):
        load_timit(tmp_path)


H = (0, 500, "h#")
BAD_SEGMENTS = {
    "a gap": ([H, (600, 900, "sh")], r"line 2: the segment from 600 to 900 leaves a gap after .* ends at 500"),
    "an overlap": ([H, (400, 900, "sh")], r"line 2: the segment from 400 to 900 overlaps the one before"),
    "no phone": ([H, (500, 900, "xx")], r"line 2: the phone 'xx' is none of TIMIT's 61"),
    "upper case": ([(0, 500, "H#")], r"line 1: the phone 'H#' is none of TIMIT's 61"),
    "empty segment": ([H, (500, 500, "sh")], r"line 2: the segment from 500 to 500 is empty"),
    "backwards": ([H, (500, 400, "sh")], r"line 2: the segment from 500 to 400 is empty"),
    "behind the sound": ([H, (500, 1601, "sh")], r"line 2: the segment ends at 1601, but the sound has 1600 samples"),
    "two columns": ([H, (500, 900, "")], r'line 2 is .500 900.; expected "begin end phone"'),
    "a negative number": ([(-1, 900, "sh")], r'line 1 is .-1 900 sh.; expected "begin end phone"'),
    "an empty line": ([H, ("", "", "")], r"line 2 is ''; expected"),
    "nothing": ([], r"is empty; expected at least one line"),
}


@pytest.mark.parametrize("fault", BAD_SEGMENTS)
def test_a_segmentation_with_a_fault_is_named_with_its_line(tmp_path, fault):
    segments, message = BAD_SEGMENTS[fault]
    path = tmp_path / "sx1.phn"
    path.write_bytes(phn(segments))
    with pytest.raises(DataError, match=rf"^{path}.*{message}"):
        read_segments(path, SAMPLES)


def test_a_segmentation_may_begin_late_and_end_early(tmp_path):
    path = tmp_path / "sx1.phn"
    path.write_bytes(phn([(40, 500, "h#")]))
    begin, ends, phones = read_segments(path, SAMPLES)
    assert (begin, ends.tolist(), phones.tolist()) == (40, [500], indices("h#"))


BAD_SOUNDS = {
    "empty": (b"", "cannot be read"),
    "a rate of 8 kHz": (riff(sound(0), rate=8000), r"is WAV PCM_16, 1 channels at 8000 Hz; expected 16 bits"),
    "two channels": (riff(sound(0), channels=2), "2 channels at 16000 Hz"),
    "8 bits": (riff(sound(0).astype("u1"), width=1), "WAV PCM_U8"),
    "SPHERE of another rate": (sphere(sound(0), rate=8000), "is NIST PCM_16, 1 channels at 8000 Hz"),
    "a RIFF file cut short": (riff(sound(0))[:-400], r"its header promises 1600 samples, and it has 1400"),
    "a SPHERE file cut short": (sphere(sound(0))[:-400], r"cannot be read"),
    "a promise of more": (sphere(sound(0), promised=1601), r"its header promises 1601 samples, and it has 1600"),
    "no sample": (riff(sound(0, 0)), r"it has 0 samples in 44 bytes"),
    "text": (b"0 2240 h#\n" * 200, "cannot be read"),
}


@pytest.mark.parametrize("fault", BAD_SOUNDS)
def test_a_sound_with_a_fault_is_named(tmp_path, fault):
    content, message = BAD_SOUNDS[fault]
    path = tmp_path / "sx1.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^{path}.*{message}"):
        read_sound(path)


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_file_is_refused_at_once(tmp_path, odd):
    make, why = ODD[odd]
    with make(tmp_path / "sx1.wav"), pytest.raises(DataError, match=rf"sx1.wav cannot be read \({why}"):
        read_sound(tmp_path / "sx1.wav")


def test_both_formats_hold_the_same_samples(tmp_path):
    for name, content in (("a.wav", riff(sound(3))), ("b.wav", sphere(sound(3)))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_sound(tmp_path / name), sound(3))


def test_without_the_sample_its_source_and_licence_are_named():
    message = r"^timit-sample was not found. Looked in: .* Put the folders .*NLTK, .*the licence CC BY-NC-SA"
    with pytest.raises(DataError, match=message):
        load_timit_sample()
    with pytest.raises(DataError, match=r"^timit was not found. .*TRAIN and TEST .* LDC93S1$"):
        load_timit()


def test_a_flipped_bit_of_the_sample_is_noticed(sample):
    path = sample / "dr1-fvmh0" / "si9.wav"
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a file is missing or damaged, take the sample anew$"):
        load_timit_sample(sample)


@pytest.mark.needs_data("timit-sample")
def test_the_real_sample():
    data = load_timit_sample(fold=7)
    assert {part: len(getattr(data, part)) for part in PARTS} == {"train": 96, "dev": 16, "test": 16}
    assert people(data)["test"] == {"fbcg1", "mbcg0"}
    assert people(data)["dev"] == {"fvmh0", "mcpm0"}
    every = data.train + data.dev + data.test
    assert sum(len(each.sound) for each in every) / RATE == pytest.approx(390.19, abs=0.01)
    assert np.unique(np.concatenate([each.phones for each in every])).size == 61
    assert digest_of(sorted(every, key=lambda each: each.name)) != timit.SAMPLE_DIGEST  # the order counts


def test_another_set_of_files_is_no_sample(sample):
    (sample / "dr2-fab2" / "si9.wav").unlink()
    (sample / "dr2-fab2" / "si9.phn").unlink()
    with pytest.raises(DataError, match=r"holds 31 utterances with SHA-256 \w{64}; expected the 128 of NLTK's sample"):
        load_timit_sample(sample)
