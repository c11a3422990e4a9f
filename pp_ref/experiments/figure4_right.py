"""Figure 4 (right): the phone error rate of an MLP on TIMIT against the proportion of parameters learned (sec. 4.1).

`speech_runs` does one run. The corpus is sold (LDC93S1), so the standard profile has NLTK's sample of 16 speakers: a
run learns from 12 of them, chooses its decoder's weights on 2 and is tested on 2. A fold is in the place of a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from pp_ref.data.phones import PHONES_39
from pp_ref.data.timit import FOLDS
from pp_ref.experiments.demo import data_name
from pp_ref.experiments.error_curves import cost, error_and_spread, error_figure, grouped, learned
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.intervals import LEVEL, judge, student_interval
from pp_ref.experiments.mlp_runs import LABELS, epochs, falling, recipe_of
from pp_ref.experiments.mlp_runs import Profile as Net
from pp_ref.experiments.phone_decoder import DEPARTURES
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.speech_runs import check, run
from pp_ref.experiments.ways import WAYS
from pp_ref.features import Errors
from pp_ref.records import markdown
from pp_ref.tables import plain_table
from pp_ref.training import SGD

__all__ = [
    "EXPERIMENT",
    "HEADINGS",
    "PROFILES",
    "confused",
    "demo",
    "departures",
    "figure",
    "interval",
    "recipes",
    "rows",
    "summary",
    "table",
]

FULL = "nokernel"
BASELINES = ("bigram alone", "commonest phone alone")
PAIRS = 15  # of confused phones in the drawing
FEATURES = {"convention": "htk", "context": 11, "normalise": "speaker", "targets": "61x3"}
DECODING = {"smoothing": 20.0, "weights": [1.0, 2.0, 3.0, 4.0], "penalties": [-4.0, 0.0, 4.0, 8.0]}
# Neighbouring frames resemble each other, so Emp's atoms are long: with them as they are, pretraining diverges at the
# rate of the others.
UNIT_NORM = {kind: {"unit_norm": True} for kind in ("se", "emp", "emp2", "ae", "randfixu")}
FRAMES = {"timit-sample": 29_000, "timit": 1_120_000}  # about as many as are learned from


@dataclass(frozen=True)
class Profile:
    """How thoroughly the figure is made.

    net        the profile of the net, with labels and proportions; its seeds are not used
    folds      of the sample, which each label and proportion is done with
    hidden     units of the two layers
    n_columns  numbers of columns, each a run of its own
    everywhere (label, proportion) that are done with every other fold as well
    fall       the rate of fine-tuning falls by this factor over all epochs
    also       other entries of all recipes
    """

    net: Net
    folds: tuple[int, ...]
    hidden: tuple[int, int] = (1024, 1024)
    n_columns: tuple[int, ...] = (5,)
    everywhere: tuple[tuple[str, float], ...] = ()
    fall: float = 20.0
    also: dict[str, Any] = field(default_factory=dict)


_NET = Net(
    data="timit-sample",
    labels=(FULL, "SE-Emp", "Emp-Emp", "RandCon-RandCon", "LowRank"),
    proportions=(0.1, 0.25, 0.05, 0.5, 1.0),
    seeds=1,
    repeated_to=0.0,
    pretraining=SGD(2, 0.001, momentum=0.5),
    fine_tuning=SGD(12, 0.2, momentum=0.9),
    lowrank={"learning_rate": 0.1},
    settings=UNIT_NORM,
    also=WAYS,
)
_AUTHORS_SGD = SGD(20, 0.001, momentum=0.7, decay=1.00004, floor=1e-6, max_column_norm=1.9365)
PROFILES = {
    # The main lines of the figure with small nets, in two minutes.
    "demo": Profile(
        replace(
            _NET,
            labels=(FULL, "SE-Emp", "RandCon-RandCon"),
            proportions=(0.1, 0.25, 0.05),
            pretraining=replace(_NET.pretraining, epochs=1),
            fine_tuning=SGD(5, 0.2, momentum=0.9),
        ),
        folds=(0,),
        hidden=(256, 256),
        also={"decoding": DECODING | {"weights": [1.0, 2.0], "penalties": [0.0, 4.0]}},
    ),
    # Two folds, and the net without prediction and the authors' pair, Emp in both layers, on all eight.
    "standard": Profile(_NET, folds=(0, 1), everywhere=((FULL, 1.0), ("Emp-Emp", 0.1), ("Emp-Emp", 0.25))),
    # What is known of the authors' runs (REPRODUCTION 3): their pair, columns, proportions and epochs. Rates are ours.
    "authors": Profile(
        replace(
            _NET,
            labels=(FULL, "Emp-Emp"),
            proportions=(0.05, *(n / 10 for n in range(1, 10))),
            pretraining=_AUTHORS_SGD,
            fine_tuning=replace(_AUTHORS_SGD, epochs=100, learning_rate=0.01),
            per_column=True,
            also=WAYS | {"stacked_cost": True},
        ),
        folds=(0, 1),
        n_columns=(1, 5, 10),
        fall=1.0,
    ),
}


def recipes(profile: Profile, corpus: str = "timit-sample") -> list[dict[str, Any]]:
    """One recipe a run: the net without prediction comes first, then proportion after proportion.

    corpus  "timit-sample", or "timit" for those who have the whole of it: its lists of speakers take the place of folds
    """
    folds = profile.folds if corpus == "timit-sample" else (0,)
    runs = [(FULL, 1.0, 1, fold) for fold in folds if FULL in profile.net.labels]
    runs += [
        (label, proportion, columns, fold)
        for proportion in profile.net.proportions
        for label in profile.net.labels
        if label != FULL
        for columns in (profile.n_columns if label != "LowRank" else profile.n_columns[:1])
        for fold in folds
    ]
    if corpus == "timit-sample":
        runs += [
            (label, proportion, profile.n_columns[0], fold)
            for label, proportion in profile.everywhere
            for fold in range(FOLDS)
            if fold not in folds
        ]
    settings = profile.net.fine_tuning
    if profile.fall != 1:
        settings = falling(settings, FRAMES[corpus], profile.fall)
    net = replace(profile.net, data=corpus, fine_tuning=settings)
    return [
        recipe_of(
            net,
            label,
            proportion,
            fold,
            columns,
            **{
                "experiment": "figure4-right",
                "hidden": list(profile.hidden),
                "decoder": "linear",
                "features": FEATURES,
                "decoding": DECODING,
                **({"fold": fold} if corpus == "timit-sample" else {}),
                **profile.also,
            },
        )
        for label, proportion, columns, fold in runs
    ]


def by_speaker(records: Sequence[Record]) -> dict[str, float]:
    """The phone error rate of each speaker who was tested in one of the runs."""
    return {name: Errors(*counts).rate for record in records for name, counts in record["speakers"].items()}


def interval(records: Sequence[Record]) -> str:
    """Student's interval over speakers, in per cent."""
    rates = list(by_speaker(records).values())
    if len(rates) < 2:
        return ""
    middle, half = student_interval(rates, LEVEL)
    return f"{100 * (middle - half):.1f} to {100 * (middle + half):.1f} ({len(rates)})"


def rows(records: Sequence[Record]) -> list[list[str]]:
    """A row for each label and proportion: what `HEADINGS` says."""
    groups = grouped(records, LABELS)
    made = []
    for (label, proportion), group in groups.items():
        columns = sorted({record["recipe"]["n_columns"] for record in group})
        for number in columns:
            own = [record for record in group if record["recipe"]["n_columns"] == number]
            base = groups.get((FULL, 1.0), [])
            against = "" if label == FULL else str(judge(by_speaker(own), by_speaker(base), 0.0))
            made.append(
                [
                    label if len(columns) == 1 else f"{label}, {number} columns",
                    f"{proportion:.3g}",
                    f"{learned(own[0]):.1%}",
                    str(len(own)),
                    error_and_spread([record["test_error"] for record in own]),
                    interval(own),
                    against.replace(" pairs", " speakers"),
                    *(f"{mean(record[kind] for record in own):.1%}" for kind in ("frame_error", "phone_frame_error")),
                    *(f"{mean(record['baselines'][name] for record in own):.1%}" for name in BASELINES),
                ]
            )
    return made


HEADINGS = (
    "layer 1 - layer 2",
    "kept",
    "learned",
    "folds",
    "phone errors",
    f"{LEVEL:.0%} over speakers",
    f"minus {FULL}'s",
    "states",
    "phones",
    *BASELINES,
)
SHOWN = (0, 1, 2, 3, 4, 7, 8)  # columns of the table for a terminal


def table(records: Sequence[Record]) -> Table:
    """Phone error rate with half its range over folds; frame errors and baselines beside it."""
    made = plain_table("Figure 4 (right): phone error rate", (HEADINGS[number] for number in SHOWN))
    for row in rows(records):
        made.add_row(*(row[number] for number in SHOWN))
    return made


def figure(records: Sequence[Record]) -> Figure:
    """`error_figure` of all pairs; nokernel is the horizontal line."""
    return error_figure(
        records, LABELS, FULL, "MLP on speech: which dictionary predicts the weights best?", error="Phone error rate"
    )


def demo(records: Sequence[Record]) -> str:
    """How many speakers, and the differences from the net without prediction."""
    speakers, folds = by_speaker(records), {record["recipe"]["seed"] for record in records}
    against = [f"{row[0]} at {row[1]}: {row[6]}" for row in rows(records) if row[6]]
    return (
        f"{data_name(records)}, of whom {len(speakers)} are tested, {len(folds)} of {FOLDS} folds, two layers of "
        f"{records[0]['recipe']['hidden'][0]} units. Phone errors minus those of {FULL}: {'; '.join(against)}. So few "
        "speakers show how the figure is made, and do not rank dictionaries."
    )


def confused(records: Sequence[Record]) -> Figure:
    """The confusions of all runs together: the share of each class of the reference, and the commonest pairs."""
    counts = np.sum([record["arrays"]["confusions"] for record in records], axis=0)
    names = [*PHONES_39, "none"]
    drawn = Figure(figsize=(11, 6), layout="constrained")
    left, right = drawn.subplots(1, 2, width_ratios=(3, 2))
    left.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Greys", interpolation="nearest")
    left.set(xlabel="decoded (none: deleted)", ylabel="reference (none: inserted)")
    left.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    left.set_yticks(range(len(names)), names, fontsize=7)
    pairs = counts.copy()
    np.fill_diagonal(pairs, 0)
    most = np.argsort(-pairs.ravel(), kind="stable")[:PAIRS]
    right.barh(range(PAIRS), pairs.ravel()[most], color="0.4")
    said = [f"{names[at // len(names)]} → {names[at % len(names)]}" for at in most]
    right.set_yticks(range(PAIRS), said)
    right.invert_yaxis()
    right.set(xlabel=f"times in {len(records)} runs", title="most confused")
    return drawn


def departures(records: Sequence[Record]) -> str:
    """The error under each of the authors' ways, in Markdown: of the net without prediction, and of all runs."""
    full = [record for record in records if record["recipe"]["label"] == FULL]
    rows = []
    for name in (*DEPARTURES, "all"):
        found = []
        for group in (full, records):
            own, standard = (
                mean(record["departures"][name] for record in group),
                mean(record["test_error"] for record in group),
            )
            found += [f"{own:.1%}", f"{100 * (own - standard):+.1f}"]
        rows.append([name, DEPARTURES.get(name, "all six together"), *found])
    return markdown(["departure", "what", FULL, "points", "all runs", "points"], rows)


def summary(records: Sequence[Record]) -> str:
    """The tables of results and of the authors' departures, and the cost."""
    if not records:
        return "No run is finished yet."
    tested = sorted({name for record in records for name in record["speakers"]})
    note = f"{len(records)} runs, {len(tested)} speakers tested, {cost(records)}."
    return "\n\n".join([markdown(HEADINGS, rows(records)), note, departures(records)])


EXPERIMENT = Experiment(
    PROFILES,
    recipes,
    epochs,
    run,
    table,
    {"figure4-right": figure, "figure4-right-confusions": confused},
    summary,
    demo,
    check=check,
)
