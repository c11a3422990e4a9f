"""Figure 4 (right) on drawn sounds: what recipes promise, what a record holds, and what is drawn and written of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pp_ref.data.phones import PHONES_39, PHONES_61, folding
from pp_ref.data.timit import RATE, Timit, Utterance
from pp_ref.errors import DataError, DomainError
from pp_ref.experiments import speech_runs, utterances
from pp_ref.experiments.experiment import FIGURES
from pp_ref.experiments.figure4_right import (
    HEADINGS,
    PROFILES,
    confused,
    demo,
    departures,
    figure,
    interval,
    recipes,
    rows,
    summary,
    table,
)
from pp_ref.experiments.mlp_runs import epochs
from pp_ref.experiments.phone_decoder import DEPARTURES, write_trn
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.speech_runs import load_speech, run
from pp_ref.experiments.utterances import draw_utterance
from pp_ref.features import HTK, context_windows, mfcc
from pp_ref.training import Interrupted
from tests.cli.runner import invoke

for module in ("librosa", "soundfile", "rapidfuzz"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'pp_ref[speech]'")

NAMES = ("h#", "iy", "s", "aa", "q")


def utterance(name, seed):
    """A tone a phone, a tenth of a second each."""
    rng = np.random.default_rng(seed)
    phones = np.array([0, *rng.integers(1, len(NAMES), 5), 0])
    phones = phones[np.r_[True, phones[1:] != phones[:-1]]]
    t = np.arange(len(phones) * RATE // 10)
    pitch = 300.0 * (1 + 2 * np.repeat(phones, RATE // 10))
    sound = 2000 * np.sin(2 * np.pi * pitch * t / RATE) + 100 * rng.standard_normal(len(t))
    ends = (np.arange(len(phones)) + 1) * (RATE // 10)
    codes = np.array([PHONES_61.index(each) for each in NAMES])
    return Utterance(name, name.partition("-")[0], sound.astype(np.int16), ends, codes[phones])


def few(recipe=None):
    def part(letter, speakers, sentences):
        return tuple(
            utterance(f"{letter}ab{s}-sx{n}", 100 * ord(letter) + 10 * s + n)
            for s in range(speakers)
            for n in range(sentences)
        )

    return Timit("few", part("f", 2, 4), part("m", 1, 2), part("x", 2, 2), "drawn", "0" * 64)


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    monkeypatch.setitem(speech_runs.DATA, "few", few)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def small(label, proportion=0.1, **more):
    profile = PROFILES["demo"]
    net = replace(profile.net, labels=(label,), proportions=(proportion,))
    made = recipes(replace(profile, net=net))[0]
    phases = {
        phase: made[phase] | {"epochs": 2 if made[phase]["epochs"] else 0} for phase in ("pretraining", "fine_tuning")
    }
    return made | {"hidden": [12, 9], "n_columns": min(made["n_columns"], 2), "data": "few"} | phases | more


def nothing(_):
    pass


def test_how_many_runs_a_profile_has():
    """standard: two of nokernel, 4 pairs x 5 proportions x 2, and 3 on six more folds. authors: 2 + 10 x 3 x 2."""
    assert [len(recipes(PROFILES[name])) for name in ("demo", "standard", "authors")] == [1 + 6, 2 + 40 + 18, 2 + 60]
    first = [(r["label"], r["proportion"], r["fold"]) for r in recipes(PROFILES["standard"])[:4]]
    assert first == [("nokernel", 1.0, 0), ("nokernel", 1.0, 1), ("SE-Emp", 0.1, 0), ("SE-Emp", 0.1, 1)]
    folds = {}
    for recipe in recipes(PROFILES["standard"]):
        folds.setdefault((recipe["label"], recipe["proportion"]), set()).add(recipe["fold"])
    every = {key for key, found in folds.items() if found == set(range(8))}
    assert every == {("nokernel", 1.0), ("Emp-Emp", 0.1), ("Emp-Emp", 0.25)}


def test_what_is_known_of_the_authors_runs():
    made = recipes(PROFILES["authors"])
    assert {recipe["n_columns"] for recipe in made} == {1, 5, 10}
    assert sorted({r["proportion"] for r in made if r["label"] == "Emp-Emp"}) == [0.05, *(n / 10 for n in range(1, 10))]
    for recipe in made:
        assert recipe["hidden"] == [1024, 1024]
        assert (recipe["pretraining"]["epochs"], recipe["fine_tuning"]["epochs"]) == (20, 100)
        assert recipe["weight_decay"] == 0
        assert recipe["features"] == {"convention": "htk", "context": 11, "normalise": "speaker", "targets": "61x3"}
        assert recipe["per_column"]
        assert recipe["stacked_cost"]


def test_the_whole_corpus_has_no_folds():
    made = recipes(PROFILES["standard"], "timit")
    assert len(made) == 1 + 4 * 5
    assert {recipe["data"] for recipe in made} == {"timit"}
    assert not any("fold" in recipe for recipe in made)
    assert len({RunStore(None).name(r) for r in made + recipes(PROFILES["standard"])}) == len(made) + 60  # type: ignore[arg-type]


def test_what_a_net_sees(store):
    """429 numbers a frame: 11 frames of 39, mean 0 and variance 1 for each speaker."""
    recipe = small("nokernel")
    speech = load_speech(recipe)
    x, y = speech.train.split
    assert x.shape[1] == speech.space.size == 429
    assert x.dtype == np.float32
    first = few().train[0]
    whose = [mfcc(each.sound) for each in few().train if each.speaker == first.speaker]
    frames = np.concatenate(whose)
    want = (whose[0] - frames.mean(axis=0)) / np.sqrt(frames.var(axis=0, ddof=1) + 1e-8)
    np.testing.assert_allclose(speech.train.x[0], context_windows(want, 11), rtol=1e-5, atol=1e-5)
    centre = HTK.centres(len(first.sound))
    at = centre // 1600
    np.testing.assert_array_equal(y[: len(centre)], 3 * first.phones[at] + 3 * (centre - 1600 * at) // 1600)
    one = load_speech(recipe | {"features": recipe["features"] | {"normalise": "global"}})
    together = np.concatenate([each[:, 195:234] for each in one.train.x])  # the frame in the middle
    np.testing.assert_allclose(together.mean(axis=0), 0, atol=1e-4)
    own = np.concatenate([mfcc(each.sound) for each in few().train]).var(axis=0, ddof=1)
    np.testing.assert_allclose(together.var(axis=0, ddof=1), own / (own + 1e-8), rtol=1e-3)


@pytest.mark.parametrize(("targets", "classes"), [("61x3", 183), ("61", 61), ("39", 39)])
def test_targets(store, targets, classes):
    recipe = small("nokernel")
    record = run(recipe | {"features": recipe["features"] | {"targets": targets}}, store, nothing)
    assert record["counts"]["softmax"]["total"] == 9 * classes
    assert 0 <= record["phone_frame_error"] <= record["frame_error"] <= 1


@pytest.mark.parametrize(
    "label", ["nokernel", "LowRank", "RandCon-RandCon", "RandFixU-RandFixU", "SE-Emp", "SE-Emp2", "SE-AE", "Emp-Emp"]
)
def test_a_record_is_json_with_all_that_it_promises(store, label):
    recipe, told = small(label), []
    record = run(recipe, store, told.append)
    assert len(told) == epochs(recipe) == (2 if label == "LowRank" else 6)
    arrays = record.pop("arrays")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    own = {"test_error", "errors", "chosen", "frame_error", "phone_frame_error", "baselines", "departures", "speakers"}
    always = {"recipe", "summary", "stop", "history", "data", "versions", "machine", "seconds", "peak_memory_mb"}
    assert record.keys() == always | own | {"counts", "dictionaries", "pretraining", "strings"}
    assert record["departures"].keys() == {*DEPARTURES, "all"}
    assert record["baselines"].keys() == {"bigram alone", "commonest phone alone", "commonest state alone"}
    assert record["speakers"].keys() == {"xab0", "xab1"}
    total = {name: count["total"] for name, count in record["counts"].items()}
    assert total == {"1": 429 * 12, "2": 12 * 9, "softmax": 9 * 183, "biases": 12 + 9 + 183}
    if label in ("SE-Emp", "Emp-Emp", "RandCon-RandCon"):
        assert record["dictionaries"][0]["n_alpha"] == [43, 43]  # of 429
        assert record["counts"]["1"]["dynamic"] == 43 * 12
    reference = record["strings"]["xab0-sx0"]["reference"].split()
    folded = folding()[few().test[0].phones]
    assert reference == [PHONES_39[phone] for phone in folded[folded >= 0]]
    assert arrays["confusions"][:-1].sum() == record["errors"]["phones"]
    assert {name.partition("/")[0] for name in arrays if "/" in name} == {"xab0-sx0", "xab1-sx0"}
    posteriors, path, truth = (arrays[f"xab0-sx0/{kind}"] for kind in utterances.KINDS)
    assert posteriors.shape == (len(path), 39) == (len(truth), 39)
    assert abs(posteriors.sum(axis=1, dtype=int) - 255).max() <= 39 / 2
    assert record["recipe"] == recipe
    assert record["summary"].startswith(f"phone error rate {record['test_error']:.2%}, frame error ")


def test_a_net_learns_tones(store):
    """Four tones and silence: states are hard to tell, phones are not."""
    recipe = small("nokernel", hidden=[64, 64])
    record = run(recipe | {"fine_tuning": recipe["fine_tuning"] | {"epochs": 60, "decay": 1.0}}, store, nothing)
    assert record["phone_frame_error"] < 0.2
    assert record["test_error"] < record["baselines"]["commonest phone alone"] / 2


@pytest.mark.parametrize("label", ["nokernel", "SE-Emp"])
def test_killed_it_comes_to_the_same_bits(tmp_path, label):
    recipe, whole, parts = small(label), RunStore(tmp_path / "whole"), RunStore(tmp_path / "parts")
    want = run(recipe, whole, nothing)
    for phase in ("layer 1", "layer 2", "epoch 1,"):

        def kill(text, phase=phase):
            if phase in text:
                raise KeyboardInterrupt

        with pytest.raises(Interrupted):
            run(recipe, parts, kill)
    got = run(recipe, parts, nothing)
    for name in ("test_error", "errors", "chosen", "departures", "strings"):
        assert got[name] == want[name]
    for name, array in want["arrays"].items():
        np.testing.assert_array_equal(got["arrays"][name], array)


def test_what_is_refused(store, monkeypatch):
    recipe = small("nokernel")
    with pytest.raises(DomainError, match=r"^features is .*'bark'.*, expected a convention among htk, kaldi, librosa"):
        load_speech(recipe | {"features": recipe["features"] | {"convention": "bark"}})
    short = few().train[0]._replace(sound=np.zeros(399, np.int16))
    monkeypatch.setitem(speech_runs.DATA, "few", lambda recipe: few()._replace(train=(short,)))
    with pytest.raises(DomainError, match=r"^utterance fab0-sx0: sound has 399 samples, expected at least a window"):
        load_speech(recipe)


def test_without_the_sample_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PP_REF_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"^timit-sample was not found. Looked in: .* corpus timit of NLTK.* CC BY-NC-SA"
    ):
        speech_runs.check(recipes(PROFILES["demo"])[0])
    with pytest.raises(DataError, match=r"^timit was not found. Looked in: .*LDC93S1$"):
        speech_runs.check(recipes(PROFILES["demo"], "timit")[0])


@pytest.fixture
def saved(store):
    record = run(small("nokernel"), store, nothing)
    return store.save(record)


def test_an_utterance_is_drawn(store, saved):
    record = store.load(small("nokernel"))
    top, middle, bottom = draw_utterance(record, "xab1-sx0").axes
    assert top.get_title() == "xab1-sx0, nokernel at 1"
    assert [text.get_text() for text in middle.get_yticklabels()] == list(PHONES_39)
    truth = record["arrays"]["xab1-sx0/truth"]
    drawn = next(line for line in middle.lines if line.get_label() == "truth")
    np.testing.assert_array_equal(drawn.get_ydata(), truth)
    written = [text.get_text() for text in bottom.texts if text.get_position()[1] == 1.5]
    assert written == [PHONES_39[at] for at in truth[np.r_[True, truth[1:] != truth[:-1]]]]
    with pytest.raises(DomainError, match=r"^utterance is 'xab1-sx1', expected one .*: xab0-sx0, xab1-sx0$"):
        draw_utterance(record, "xab1-sx1")


def test_the_command_draws_it_and_writes_strings(tmp_path, saved):
    result = invoke("show", str(saved), "--utterance", "xab0-sx0", "--trn", str(tmp_path / "nist"))
    assert result.exit_code == 0, result.output
    stem = f"{saved.stem}-xab0-sx0"
    assert {path.name for path in saved.parent.glob("*xab0*")} == {f"{stem}.png", f"{stem}.svg"}
    reference = (tmp_path / "nist" / "ref.trn").read_text().splitlines()
    assert len(reference) == len((tmp_path / "nist" / "hyp.trn").read_text().splitlines()) == 4
    assert reference[0].endswith(" (xab0-sx0)")
    assert "frame error" not in result.output
    assert "phone error rate" in invoke("show", str(saved)).output


def test_a_record_of_another_figure_has_no_strings(tmp_path):
    with pytest.raises(DomainError, match=r"^the record is one of figure5, expected one of figure4-right$"):
        write_trn({"recipe": {"experiment": "figure5"}}, tmp_path)


def record(label, proportion, fold, errors, columns=5):
    """errors: substitutions of 100 phones, by speaker."""
    confusions = np.zeros((40, 40), np.int64)
    confusions[1, 2], confusions[3, 39], confusions[4, 4] = 7, 3, 90
    total = sum(errors.values())
    count = {"dynamic": round(1000 * proportion), "static": 0, "total": 1000}
    return {
        "recipe": {"label": label, "proportion": proportion, "seed": fold, "n_columns": columns, "hidden": [9, 8]},
        "data": {"name": "timit-sample"},
        "test_error": total / (100 * len(errors)),
        "frame_error": 0.625,
        "phone_frame_error": 0.5,
        "baselines": {"bigram alone": 0.875, "commonest phone alone": 0.75, "commonest state alone": 0.9},
        "departures": dict.fromkeys((*DEPARTURES, "all"), 0.5),
        "speakers": {name: [wrong, 0, 0, 100] for name, wrong in errors.items()},
        "counts": {"1": count},
        "arrays": {"confusions": confusions},
        "seconds": 360.0,
        "peak_memory_mb": 100.0,
    }


RECORDS = [
    record("nokernel", 1.0, 0, {"a": 30, "b": 40}, 1),
    record("nokernel", 1.0, 1, {"c": 50, "d": 40}, 1),
    record("Emp-Emp", 0.1, 0, {"a": 31, "b": 43}),
]


def test_rows_say_what_was_measured():
    full, other = rows(RECORDS)
    assert dict(zip(HEADINGS, full, strict=True)) == {
        "layer 1 - layer 2": "nokernel",
        "kept": "1",
        "learned": "100.0%",
        "folds": "2",
        "phone errors": "40.00% ± 5.00",
        "95% over speakers": "27.0 to 53.0 (4)",  # 40 +- 3.182 * 8.165 / 2
        "minus nokernel's": "",
        "states": "62.5%",
        "phones": "50.0%",
        "bigram alone": "87.5%",
        "commonest phone alone": "75.0%",
    }
    assert other[:6] == ["Emp-Emp", "0.1", "10.0%", "1", "37.00%", "-39.2 to 113.2 (2)"]  # 37 +- 12.706 * 6
    assert other[6] == "+2.00 points (95 % interval -10.71 to +14.71, 2 speakers)"  # 1 and 3 points
    assert interval([*RECORDS[:1], record("nokernel", 1.0, 0, {"a": 30})]).endswith("(2)")


def test_columns_have_rows_of_their_own():
    made = rows([*RECORDS, record("Emp-Emp", 0.1, 0, {"a": 31, "b": 43}, 1)])
    assert [row[0] for row in made] == ["nokernel", "Emp-Emp, 1 columns", "Emp-Emp, 5 columns"]


def test_tables_and_figures():
    assert table(RECORDS).row_count == 2
    (axes,) = figure(RECORDS).axes
    assert axes.get_ylabel() == "Phone error rate"
    left, right = confused(RECORDS).axes
    assert [text.get_text() for text in right.get_yticklabels()][:2] == ["ae → ah", "aw → none"]
    assert [bar.get_width() for bar in right.patches][:2] == [21, 9]
    assert left.get_images()[0].get_array()[1, 2] == 1
    said = departures(RECORDS).splitlines()
    assert len(said) == 2 + len(DEPARTURES) + 1
    assert said[2].startswith("| wrong axis | the bigram is normalised over the phone before")
    assert said[2].endswith("| 50.0% | +10.0 | 50.0% | +11.0 |")
    assert "3 runs, 4 speakers tested, 0.3 core hours, at most 100 MB." in summary(RECORDS)
    assert summary([]) == "No run is finished yet."


def test_the_demo_says_how_few_speakers_there_are():
    said = demo(RECORDS)
    assert said.startswith("16 speakers of TIMIT, of whom 4 are tested, 2 of 8 folds, two layers of 9 units. ")
    assert "nokernel: Emp-Emp at 0.1: +2.00 points (95 % interval -10.71 to +14.71, 2 speakers). So few" in said


def test_it_is_listed():
    (entry,) = [entry for entry in FIGURES if entry.name == "figure4-right"]
    assert entry.options == ("corpus",)
    assert entry.load().run is run


def test_the_authors_pretraining_reconstructs_by_each_column(store):
    plain, apart = (
        run(small("Emp-Emp", **also), store, nothing) for also in ({}, {"per_column": True, "stacked_cost": True})
    )
    first = [made["pretraining"][0][-1]["loss"] for made in (plain, apart)]
    assert first[0] != first[1]
    assert np.isfinite(first).all()
