"""Figure 4 (left): recipes hold the constants they promise, a run can be killed anywhere, the figure shows it all."""

import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from pp_ref.data.mnist import Dataset, Split
from pp_ref.errors import DataError, DomainError
from pp_ref.experiments import figure4_left, mlp_runs
from pp_ref.experiments.error_curves import learned
from pp_ref.experiments.figure4_left import PROFILES, demo, figure, table, verdict
from pp_ref.experiments.mlp_runs import AE_VARIANTS, LABELS, PAIRS, epochs, recipe_of, recipes, run
from pp_ref.experiments.run_store import RunStore
from pp_ref.models.network import SOFTMAX_SPREAD
from pp_ref.training import SGD, Checkpoint, Interrupted

SMALL = {"hidden": [12, 9], "n_columns": 2, "data": "few"}
FEW = {"epochs": 2, "batch": 20}


def few_digits():
    """Images of 28 x 28 random pixels, each class brighter in rows of its own."""
    rng = np.random.default_rng(0)

    def split(n):
        y = rng.integers(0, 10, n)
        x = rng.random((n, 28, 28)) / 2
        x[np.arange(n), 2 * y] += 0.5
        return Split(x.reshape(n, 784).astype(np.float32), y)

    return Dataset("few", split(60), split(30), "drawn", "0" * 64)


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    monkeypatch.setitem(mlp_runs.DATA, "few", few_digits)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def small(pair, proportion=0.05, **more):
    """The demo's recipe of a pair, but of a small net and few epochs."""
    made = recipes(replace(PROFILES["demo"], labels=(pair,), proportions=(proportion,)))[0]
    settings = {phase: made[phase] | FEW for phase in ("pretraining", "fine_tuning")}
    if pair == "LowRank":
        settings["pretraining"]["epochs"] = 0
    return made | SMALL | settings | more


def nothing(_):
    pass


@pytest.mark.parametrize(("profile", "first", "count"), [("demo", 7, 7), ("standard", 36, 80), ("authors", 71, 213)])
def test_how_many_runs_a_profile_has_and_that_first_seeds_come_first(profile, first, count):
    """demo: nokernel, 2 pairs x 3. standard: nokernel, 7 pairs x 5, twice more nokernel, 7 x 3. authors: 3 (1 + 70)."""
    seeds = [recipe["seed"] for recipe in recipes(PROFILES[profile])]
    assert seeds == sorted(seeds)
    assert (len(seeds), seeds.count(0)) == (count, first)


def test_the_seeds_that_the_standard_profile_repeats():
    seeds = {}
    for recipe in recipes(PROFILES["standard"]):
        seeds.setdefault((recipe["label"], recipe["proportion"]), []).append(recipe["seed"])
    assert seeds["nokernel", 1.0] == [0, 1, 2]
    for pair in set(PAIRS) - {"nokernel"}:
        assert [seeds[pair, proportion] for proportion in (20 / 784, 0.05, 0.1)] == [[0, 1, 2]] * 3
        assert [seeds[pair, proportion] for proportion in (0.25, 1.0)] == [[0]] * 2


def test_the_authors_constants():
    """REPRODUCTION 2, one by one. Ten columns are more than one at proportion 1 too: each is pretrained alone."""
    made = recipes(PROFILES["authors"])
    assert {recipe["label"]: tuple(recipe["kinds"]) for recipe in made} == {
        "nokernel": ("nokernel", "nokernel"),
        "LowRank": ("lowrank", "lowrank"),
        "RandCon-RandCon": ("randcon", "randcon"),
        "RandFixU-RandFixU": ("randfixu", "randfixu"),
        "SE-Emp": ("se", "emp"),
        "SE-Emp2": ("se", "emp2"),
        "SE-AE shared": ("se", "ae"),
        "Emp-Emp": ("emp", "emp"),
    }
    assert SOFTMAX_SPREAD == 0.02
    proportions = np.linspace(20 / 784, 1, 10).tolist()
    assert [r["proportion"] for r in made if (r["label"], r["seed"]) == ("SE-Emp", 0)] == proportions
    own = {"data": "mnist", "hidden": [500, 500], "spread": 0.1, "weight_decay": 5e-5, "per_column": True}
    own |= {"stacked_cost": True, "backend": "auto", "rates": "default"}
    both = {"batch": 100, "momentum": 0.7, "final_momentum": None, "momentum_epochs": 1}
    both |= {"decay": 1.00004, "floor": 1e-6, "max_column_norm": 1.9365}
    for recipe in made:
        assert recipe == recipe | own | {"n_columns": 1 if recipe["label"] == "nokernel" else 10}
        epochs = 0 if recipe["label"] == "LowRank" else 50
        assert recipe["pretraining"] == {"epochs": epochs, "learning_rate": 0.1, **both}
        assert recipe["fine_tuning"] == {"epochs": 100, "learning_rate": 0.01, **both}
        for kind, settings in recipe["settings"].items():
            assert settings.get("length_scale") == (1.0 if kind == "se" else None)
            assert settings.get("ridge") == (1e-3 if kind in ("se", "emp", "emp2") else None)
            assert settings.get("atoms") == (1000 if kind == "ae" else None)
            assert settings.get("distribution") == ("uniform" if kind == "randfixu" else None)


@pytest.mark.parametrize(("profile", "examples"), [("demo", 4000), ("standard", 60_000)])
def test_learning_rates_fall_to_a_twentieth_over_all_epochs(profile, examples):
    for recipe in recipes(PROFILES[profile]):
        settings = SGD(**recipe["fine_tuning"])
        steps = settings.epochs * examples // settings.batch
        # decay^-steps: one rounding of decay is multiplied by the number of steps
        ratio = settings.learning_rate_at(steps) / settings.learning_rate
        assert abs(20 * ratio - 1) <= 2 * (steps + 2) * np.finfo(float).eps


def test_low_rank_is_not_pretrained_and_has_a_rate_of_its_own():
    (lowrank, other) = recipes(replace(PROFILES["standard"], labels=("LowRank", "SE-Emp"), proportions=(0.1,), seeds=1))
    assert lowrank["pretraining"] == other["pretraining"] | {"epochs": 0}
    assert lowrank["fine_tuning"] == other["fine_tuning"] | {"learning_rate": 0.1}
    assert epochs(lowrank) == 30
    assert epochs(other) == 40


def test_a_pair_that_does_not_exist():
    message = "^labels has 'SE-SE', expected names among nokernel, LowRank, RandCon-RandCon"
    with pytest.raises(DomainError, match=message):
        recipes(replace(PROFILES["demo"], labels=("nokernel", "SE-SE")))


@pytest.mark.parametrize("pair", LABELS)
def test_a_record_is_json_with_all_that_it_promises(store, pair):
    recipe, told = small(pair), []
    record = run(recipe, store, told.append)
    assert len(told) == epochs(recipe)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    always = {"recipe", "summary", "stop", "history", "data", "versions", "machine", "seconds", "peak_memory_mb"}
    assert record.keys() == always | {"test_error", "counts", "dictionaries", "pretraining"}
    assert record["recipe"] == recipe
    assert record["stop"] == "EPOCHS"
    assert not any("test_error" in epoch for epoch in record["history"])  # nobody looks at it before the end
    assert record["summary"].startswith(f"test error {record['test_error']:.2%}, all epochs are done, ")
    assert [len(history) for history in record["pretraining"]] == ([0, 0] if pair == "LowRank" else [2, 2])
    assert [epoch["epoch"] for epoch in record["history"]] == [1, 2]
    assert record["data"] == {"name": "few", "digest": "0" * 64, "source": "drawn"}
    assert {"numpy", "python", "pp_ref"} <= record["versions"].keys()
    assert record["machine"]["cores"] >= 1
    assert record["peak_memory_mb"] > 1
    total = {name: count["total"] for name, count in record["counts"].items()}
    assert total == {"1": 784 * 12, "2": 12 * 9, "softmax": 90, "biases": 31}
    if pair in ("nokernel", "LowRank"):
        ranks = {"rank": 1} if pair == "LowRank" else {}
        name = "LowRank" if pair == "LowRank" else "Full"
        assert record["dictionaries"][1] == {"weights": name} | ranks
    else:
        assert [layer["kind"] for layer in record["dictionaries"]] == recipe["kinds"]
        assert record["dictionaries"][0]["n_alpha"] == [39, 39]
        assert record["counts"]["1"]["dynamic"] == 39 * 12
        assert all(len(layer["condition"]) == len(layer["rank"]) == 2 for layer in record["dictionaries"])
        assert all(layer["ways"] for layer in record["dictionaries"])
    loss = record["history"][-1]["loss"]
    assert told[-1] == f"{pair} at {recipe['proportion']:.3f}, seed 0: epoch 2, loss {loss:.2e}"


def test_new_settings_have_a_key_only_where_they_differ():
    """A recipe's digest names its record: the first records are found only if their recipes stay what they were."""
    plain = recipe_of(PROFILES["standard"], "SE-AE", 0.05, 0)
    assert plain.keys().isdisjoint({"backend", "rates", "alpha", "validation", "stacked_cost"})
    assert plain["settings"]["ae"] == {"examples": 5000, "iterations": 50}
    for label, variant in AE_VARIANTS.items():
        ae = plain["settings"]["ae"] | variant
        made = recipe_of(PROFILES["standard"], label, 0.05, 0)
        assert made == plain | {"label": label, "settings": plain["settings"] | {"ae": ae}}
    assert recipe_of(PROFILES["standard"], "SE-Emp", 0.05, 0, 50)["n_columns"] == 50
    variance = ["variance", "variance"]
    assert recipe_of(PROFILES["standard"], "SE-Emp", 0.05, 0, alpha=variance)["alpha"] == variance


def test_a_run_for_validation_never_sees_the_test_images(store, monkeypatch):
    data = few_digits()
    data.test.x[:] = np.nan
    monkeypatch.setitem(mlp_runs.DATA, "few", lambda: data)
    record = run(small("SE-Emp", validation={"images": 20, "seed": 0}), store, nothing)
    assert "test_error" not in record
    assert record["validation_error"] * 20 == round(record["validation_error"] * 20)  # of 20 images
    assert record["summary"].startswith(f"validation error {record['validation_error']:.2%}, ")
    assert record["data"]["name"] == "few, 20 held out"


ALSO = {
    "columns": ("SE-Emp2", {"n_columns": 4}),
    "alpha": ("SE-Emp2", {"alpha": ["variance", "variance"]}),
    "alpha of sites": ("SE-Emp", {"alpha": ["strided", "uniform"]}),
    "stacked cost": ("SE-Emp2", {"per_column": True, "stacked_cost": True}),
}


@pytest.mark.parametrize("setting", ALSO)
def test_a_setting_changes_the_result(store, setting):
    pair, also = ALSO[setting]
    plain, other = run(small(pair, 0.2), store, nothing), run(small(pair, 0.2, **also), store, nothing)
    assert [epoch["loss"] for epoch in plain["history"]] != [epoch["loss"] for epoch in other["history"]]
    if setting == "columns":
        assert [len(layer["n_alpha"]) for layer in other["dictionaries"]] == [4, 4]
    if setting == "alpha":
        assert [layer["settings"]["alpha"] for layer in other["dictionaries"]] == ["variance", "variance"]


def test_the_record_says_which_ways_were_taken(store):
    by_layers = run(small("SE-Emp", backend="numpy"), store, nothing)
    assert {way for layer in by_layers["dictionaries"] for way in layer["ways"]} <= {"dictionary", "weights"}
    by_kernels = run(small("SE-Emp", backend="numba"), store, nothing)
    assert by_kernels["dictionaries"][0]["ways"] == ["separable", "side by side"]  # pooled once, then pooled input


def test_a_run_does_not_ask_for_the_rates_of_this_machine(store, monkeypatch):
    def asked(threads):
        raise AssertionError

    monkeypatch.setattr("pp_ref.kernels.choose.known_rates", asked)
    run(small("SE-Emp"), store, nothing)
    without = {name: entry for name, entry in small("SE-Emp").items() if name not in ("backend", "rates")}
    with pytest.raises(AssertionError):
        run(without, store, nothing)


def test_a_run_learns(store):
    """Without a look at the pixels, no guess costs less than the entropy of the labels."""
    recipe = small("SE-Emp", proportion=0.25)
    record = run(recipe | {"fine_tuning": recipe["fine_tuning"] | {"epochs": 60, "decay": 1.0}}, store, nothing)
    share = np.bincount(few_digits().train.y) / 60
    assert record["history"][-1]["loss"] < -np.sum(share * np.log(share))


def bits(store, recipe):
    """The last state of every phase."""
    states = {}
    for phase in ("layer1", "layer2", "fine-tuning"):
        state = Checkpoint(store.checkpoint(recipe, phase), recipe | {"phase": phase}).load()
        states[phase] = state and ({name: v.tobytes() for name, v in state.vectors.items()}, state.rng)
    return states


def timeless(record):
    """A record without what depends on the clock."""

    def strip(value):
        if isinstance(value, dict):
            kept = {name: strip(entry) for name, entry in value.items()}
            return {name: entry for name, entry in kept.items() if name not in ("seconds", "summary", "peak_memory_mb")}
        return [strip(entry) for entry in value] if isinstance(value, list) else value

    return strip(record)


@pytest.mark.parametrize("pair", ["nokernel", "LowRank", "SE-Emp", "SE-AE"])
def test_killed_in_every_phase_it_comes_to_the_same_bits(tmp_path, pair):
    recipe, whole, parts = small(pair), RunStore(tmp_path / "whole"), RunStore(tmp_path / "parts")
    want = run(recipe, whole, nothing)
    phases = ("epoch 1,",) if pair == "LowRank" else ("layer 1", "layer 2", "epoch 1,")
    done = []
    for phase in phases:

        def kill(text, phase=phase):
            done.append(text)
            if phase in text:
                raise KeyboardInterrupt

        with pytest.raises(Interrupted, match="epoch 1 is in .*safetensors: run again to go on"):
            run(recipe, parts, kill)
    got = run(recipe, parts, done.append)
    assert timeless(got) == timeless(want)
    assert bits(parts, recipe) == bits(whole, recipe)
    assert len(done) == len(set(done)) == epochs(recipe)  # no epoch was done twice


def test_a_diverged_run_says_so(store):
    recipe = small("nokernel")
    recipe["pretraining"]["epochs"], recipe["fine_tuning"]["learning_rate"] = 0, 1e38
    with np.errstate(all="ignore"):
        record = run(recipe, store, nothing)
    assert record["stop"] == "DIVERGED"
    assert "the loss or a parameter became NaN or infinite" in record["summary"]
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(("split", "name"), [(0, "x"), (1, "x_test")])
def test_nan_pixels_are_refused_before_anything_is_learned(store, monkeypatch, split, name):
    data = few_digits()
    data[1 + split].x[4, 100] = np.nan
    monkeypatch.setitem(mlp_runs.DATA, "few", lambda: data)
    told = []
    with pytest.raises(DomainError, match=rf"^{name} has 1 entries that are NaN or infinite, first at \(4, 100\)"):
        run(small("nokernel"), store, told.append)
    assert told == []
    assert not list(store.folder.iterdir())


def test_a_damaged_checkpoint_is_named(store):
    recipe = small("nokernel")
    path = store.checkpoint(recipe, "layer2")
    path.parent.mkdir()
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"layer2.safetensors is not a checkpoint, .*: move it away to start afresh$"):
        run(recipe, store, nothing)


def record(label, proportion, seed, error):
    counts = {
        "1": {"dynamic": round(1000 * proportion), "static": 7, "total": 1000},
        "biases": {"dynamic": 24, "static": 0, "total": 24},
    }
    return {
        "recipe": {"label": label, "proportion": proportion, "seed": seed, "data": "digits"},
        "test_error": error,
        "counts": counts,
        "data": {"name": "digits"},
    }


RECORDS = [
    record("SE-Emp", 0.5, 0, 0.125),
    record("SE-Emp", 0.25, 1, 0.5),
    record("SE-Emp", 0.25, 0, 0.25),
    record("nokernel", 1.0, 0, 0.0625),
    record("nokernel", 1.0, 1, 0.125),
    record("LowRank", 0.25, 0, 0.75),
]


def test_the_table_has_a_row_a_pair_and_proportion():
    made = table(RECORDS)
    rows = list(zip(*(column.cells for column in made.columns), strict=True))
    assert rows == [
        ("nokernel", "1.000", "1,024", "7", "100.0%", "2", "9.38% ± 3.12"),
        ("LowRank", "0.250", "274", "7", "26.8%", "1", "75.00%"),
        ("SE-Emp", "0.250", "274", "7", "26.8%", "2", "37.50% ± 12.50"),
        ("SE-Emp", "0.500", "524", "7", "51.2%", "1", "12.50%"),
    ]
    console = Console(width=80)
    with console.capture() as shown:
        console.print(made)
    assert "SE-Emp" in shown.get()
    assert "…" not in shown.get()  # nothing is cut off on a terminal of 80 characters


def test_the_share_that_is_learned():
    assert learned(RECORDS[0]) == 524 / 1024
    assert learned(RECORDS[3]) == 1


def test_the_figure_has_a_line_a_pair_with_bars_from_best_to_worst():
    (axes,) = figure(RECORDS).axes
    lines = {container.get_label(): container for container in axes.containers}
    assert list(lines) == ["LowRank", "SE-Emp"]
    points, _, (bars,) = lines["SE-Emp"].lines
    np.testing.assert_array_equal(points.get_xydata(), [[0.25, 0.375], [0.5, 0.125]])
    np.testing.assert_array_equal(bars.get_segments(), [[[0.25, 0.25], [0.25, 0.5]], [[0.5, 0.125], [0.5, 0.125]]])
    (across,) = [line for line in axes.lines if line.get_label() == "nokernel (9.38%)"]
    assert set(across.get_ydata()) == {0.09375}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["nokernel (9.38%)", "LowRank", "SE-Emp"]
    assert axes.get_xticks().tolist() == [0.25, 0.5, 1.0]


def test_the_demo_compares_every_pair_with_nokernel():
    said = demo(RECORDS)
    assert said.startswith("5,000 digits: 4,000 learned from, 1,000 test images, 2 seeds. A difference of less ")
    assert said.endswith("with all weights learned: Worse: LowRank at 0.25, SE-Emp at 0.25, SE-Emp at 0.5.")
    assert figure(RECORDS).axes[0].get_title() == "MLP on 5,000 digits: which dictionary predicts the weights best?"


def test_a_figure_without_nokernel():
    assert "Against" not in demo(RECORDS[:3])
    (axes,) = figure(RECORDS[:3]).axes
    assert [container.get_label() for container in axes.containers] == ["SE-Emp"]


def test_verdicts_come_out_either_way():
    """Errors of 2 % and 4 % make a mean of 3 %; at 0.001, 1 + 24 of 1,024 numbers are learned, at 0.1, 100 + 24."""

    def records(ours, theirs):
        full = [record("nokernel", 1.0, seed, error) for seed, error in enumerate((0.02, 0.04))]
        return full + [
            record(pair, p, 0, ours[p] if pair in figure4_left.BEST else theirs)
            for pair in PAIRS
            if pair != "nokernel"
            for p in ours
        ]

    won, reached = verdict(records({0.001: 0.04, 0.1: 0.03}, 0.05)).splitlines()
    assert won == (
        "- **Borne out** in the mean over seeds: 4.00% (SE-Emp) and 4.00% (SE-Emp2) at 0.001; the best of the others "
        "5.00% (LowRank) and 5.00% (RandCon-RandCon). 3.00% (SE-Emp) and 3.00% (SE-Emp2) at 0.1; the best of the "
        "others 5.00% (LowRank) and 5.00% (RandCon-RandCon)."
    )
    assert reached == (
        "- **Borne out** with this training. The net without prediction errs on 3.00%, on 4.00% with its worst seed. "
        "SE-Emp first does as well at 0.001, where 97.6% of all parameters are predicted. The better of the two "
        "differs from the full net by +1.00 points at 0.001 (97.6% predicted), +0.00 points at 0.1 (87.9% predicted)."
    )
    lost, missed = verdict(records({0.001: 0.06, 0.1: 0.03}, 0.05)).splitlines()
    assert lost.startswith("- **Not borne out everywhere**: 6.00% (SE-Emp) and 6.00% (SE-Emp2) at 0.001;")
    assert missed.startswith("- **Not reached** with this training.")
    assert "SE-Emp first does as well at 0.1" in missed
