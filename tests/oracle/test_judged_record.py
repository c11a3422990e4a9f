"""The record of what is judged, and its page."""

from collections import defaultdict

from benchmarks.oracle.judged import COLUMNS, PAGE, page
from pp_ref.records import STUDY

RECORD = STUDY.read_json(PAGE.parents[1] / "benchmarks" / "oracle" / "judged.json", "take it from the repository again")
MODELS = ("mlp", "convnet", "autoencoder", "predicted_autoencoder", "rica_le2011", "rica_ufldl")


def test_the_page_is_made_from_the_record():
    assert PAGE.read_text("utf-8") == page(RECORD)


def test_most_entries_of_models_are_judged():
    sums = defaultdict(lambda: [0, 0])
    for row in RECORD["rows"]:
        each = dict(zip(COLUMNS, row, strict=True))
        sums[each["operation"], each["arithmetic"]][0] += each["judged"]
        sums[each["operation"], each["arithmetic"]][1] += each["entries"]
    share = {key: told / entries for key, (told, entries) in sums.items()}
    assert all(share[model, name] >= 0.9 for model in MODELS for name in ("float64", "float32"))
    assert all(share[model, "bfloat16"] >= 0.55 for model in MODELS[:-1])
