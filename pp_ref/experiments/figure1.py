"""Figure 1: a few weights of a learned feature, and the others predicted from them; one block a model.

Every model is learned in full, and prediction comes afterwards. The weights at the places alpha are kept. Kernel ridge
regression predicts the others, w = U w_alpha (paper, sec. 3.1). The paper says: "given only a few weight values for
each feature it is possible to accurately predict the remaining values". The plots measure that by the relative error
|W - U w_alpha|^2 / |W|^2 of all features against the proportion kept, for the SE covariance and two controls. RandCon
keeps as many weights and predicts none. PCA sees all weights, and projects them onto as many leading principal
components of the data.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import mean
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from rich.table import Table

from pp_ref.arrays import to_numpy
from pp_ref.dictionaries import Dictionary, Grid, make_dictionary
from pp_ref.experiments import figure2, figure4_left, figure4_rates, figure5, figure5_parts, mlp_runs
from pp_ref.experiments.demo import NAMES
from pp_ref.experiments.drawing import show_filters
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.intervals import GAIN, Outcome, judge
from pp_ref.experiments.mlp_runs import falling
from pp_ref.experiments.rica_filters import seconds
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.sweeps import Part
from pp_ref.experiments.ways import WAYS
from pp_ref.features import sample_patches
from pp_ref.models.convnet import weight_spaces
from pp_ref.records import markdown
from pp_ref.tables import plain_table
from pp_ref.training import Fit, Group

__all__ = [
    "EXPERIMENT",
    "PARTS",
    "PROFILES",
    "RESULT",
    "demo",
    "epochs",
    "figure",
    "recipes",
    "run",
    "summary",
    "table",
    "verdict",
]

SHOWN = 4  # features, as in the paper
SHOWN_PROPORTION = 0.25
PROPORTIONS = (0.05, 0.1, 0.25, 0.5, 0.75)
DRAWS = 5  # of alpha
PATCHES = 20_000  # of the first layer's input, for PCA
WEIGHT_DECAY = 5e-5  # the authors'; without it the weights of pixels that are always black stay at their random start

Report = Callable[[str], None]


class Learned(NamedTuple):
    """The features of a model's first layer."""

    W: NDArray[Any]  # (d, m)
    grid: Grid  # the place of each of the d weights
    x: NDArray[Any]  # (n, d): inputs of a feature, for PCA
    fit: Fit
    data: Any  # name, digest and source of the training data
    group: Group
    found: dict[str, Any]  # more results for the record


class Block(NamedTuple):
    """One model of the figure.

    title   the model and its data, in words
    figure  the module of the figure whose first run without prediction learns the model
    learn   (recipe, store, report) -> Learned
    seconds (recipe) -> a guess of the core seconds
    """

    title: str
    figure: ModuleType
    learn: Callable[[dict[str, Any], RunStore, Report], Learned]
    seconds: Callable[[dict[str, Any]], float]


def _mlp(recipe: dict[str, Any], store: RunStore, report: Report) -> Learned:
    trained = mlp_runs.train(recipe, store, report)
    W = trained.model.filters(trained.params)[0]
    found = {"test_error": trained.error}
    return Learned(W, Grid(28, 28), trained.data.train.x, trained.fit, trained.data, trained.group, found)


def _convnet(recipe: dict[str, Any], store: RunStore, report: Report) -> Learned:
    trained = figure5.train(recipe, store, report)
    W, grid = trained.model.filters(trained.params)[0], Grid(*weight_spaces(trained.model.shape)[0])
    x = sample_patches(trained.data.train.x, (grid.height, grid.width), PATCHES, np.random.default_rng(recipe["seed"]))
    return Learned(to_numpy(W), grid, x, trained.fit, trained.data, trained.group, {"test_error": trained.error})


def _rica(recipe: dict[str, Any], store: RunStore, report: Report) -> Learned:
    images, learned = figure2.train(recipe, store, report)
    return Learned(learned.W, learned.grid, learned.patches[:PATCHES], learned.fit, images, learned.group, {})


# By the label of their recipes. The paper's first block, a convnet on STL-10, is missing: it needs labelled images.
BLOCKS: Mapping[str, Block] = {
    "MLP": Block("MLP on MNIST", figure4_left, _mlp, figure4_rates.seconds),
    "convnet": Block("Convnet on CIFAR-10", figure5, _convnet, figure5_parts.seconds),
    "convnet-mean": Block("Convnet on CIFAR-10 without the mean image", figure5, _convnet, figure5_parts.seconds),
    "convnet-zca": Block("Convnet on whitened CIFAR-10", figure5, _convnet, figure5_parts.seconds),
    "RICA-natural": Block("RICA on natural images", figure2, _rica, partial(seconds, channels=1)),
    "RICA-STL-10": Block("RICA on STL-10", figure2, _rica, partial(seconds, channels=3)),
    "RICA-photographs": Block("RICA on photographs", figure2, _rica, partial(seconds, channels=3)),
}
# An epoch of MNIST has 15 times as many steps: with this decay, that of an epoch is the same.
# Twice the epochs of Figure 4's demo are done, so that what is left of the random start goes.
_DIGITS = replace(
    figure4_left.PROFILES["demo"],
    fine_tuning=falling(replace(figure4_left.FINE_TUNING, epochs=60), examples=4000, by=20),
    weight_decay=15 * WEIGHT_DECAY,
)
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "demo": {"MLP": _DIGITS, "RICA-photographs": figure2.PROFILES["demo"]},
    **{
        name: {
            "MLP": replace(figure4_left.PROFILES[name], weight_decay=WEIGHT_DECAY),
            "convnet": figure5.PROFILES[name],
            "RICA-natural": figure2.PROFILES[name],
            "RICA-STL-10": replace(figure2.PROFILES[name], data="stl10-sample"),
        }
        for name in ("standard", "authors")
    },
}


def _input(preprocessing: str) -> figure5.Profile:
    settings = {"preprocessing": preprocessing, "start": figure5_parts.START, "weight_decay": figure5_parts.DECAY}
    return replace(figure5_parts.RESULT, also=(settings | WAYS,))


# At full strength: the convnet with both inputs, the same otherwise, and RICA on patches that keep their mean.
RESULT: Mapping[str, Any] = {
    "MLP": replace(figure4_left.PROFILES["standard"], weight_decay=WEIGHT_DECAY, also=WAYS),
    "convnet-mean": _input("mean"),
    "convnet-zca": _input("contrast-zca"),
    "RICA-natural": figure2.RESULT,
    "RICA-STL-10": replace(figure2.RESULT, data="stl10-sample"),
}


# By name: the kind of dictionary with which features (d, m) are reconstructed, and how often alpha is drawn.
RECONSTRUCTIONS = {"SE": ("se", DRAWS), "RandCon": ("randcon", DRAWS), "PCA": ("pca", 1)}


def recipes(profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One recipe a block: how its features are learned in this profile, and how they are reconstructed."""
    return [
        next(recipe for recipe in BLOCKS[label].figure.recipes(settings) if recipe["proportion"] == 1)
        | {
            "experiment": "figure1",
            "label": label,
            "reconstructions": {name: draws for name, (_, draws) in RECONSTRUCTIONS.items()},
            "proportions": list(PROPORTIONS),
        }
        for label, settings in profile.items()
    ]


def epochs(recipe: dict[str, Any]) -> int:
    """How often `run` reports."""
    return int(BLOCKS[recipe["label"]].figure.epochs(recipe))


def run(recipe: dict[str, Any], store: RunStore, report: Report) -> Record:
    """Learn the features of one block, keep some of their weights, predict the others.

    returns  the record: "errors" are relative squared errors by reconstruction, proportion and draw of alpha. The
             arrays "features" and "predicted", (d, 4) float32, are features drawn at random and their prediction;
             "shown" says at which places alpha weights were kept for it
    """
    began = time.perf_counter()
    learned = BLOCKS[recipe["label"]].learn(recipe, store, report)
    W, grid, x = np.asarray(learned.W, np.float64), learned.grid, learned.x
    rng = np.random.default_rng(recipe["seed"])
    errors = {
        name: [
            [_relative_error(W, _reconstruct(name, W, grid, p, rng, x)[1]) for _ in range(draws)]
            for p in recipe["proportions"]
        ]
        for name, draws in recipe["reconstructions"].items()
    }
    dictionary, predicted = _reconstruct("SE", W, grid, SHOWN_PROPORTION, rng, x)
    features = rng.choice(W.shape[1], SHOWN, replace=False)
    return record_of(
        recipe,
        began,
        f"relative error of SE at {recipe['proportions'][2]}: {mean(errors['SE'][2]):.1%}",
        learned.fit,
        learned.data,
        learned.group,
        features=W.shape[1],
        errors=errors,
        shown={"shape": grid.shape, "proportion": SHOWN_PROPORTION, "alpha": dictionary.alpha[0].tolist()},
        arrays={"features": np.float32(W[:, features]), "predicted": np.float32(predicted[:, features])},
        **learned.found,
    )


def _reconstruct(
    name: str, W: NDArray[Any], grid: Grid, proportion: float, rng: np.random.Generator, x: NDArray[Any]
) -> tuple[Dictionary, NDArray[Any]]:
    """The dictionary, and U w (d, m)."""
    kind, _ = RECONSTRUCTIONS[name]
    dictionary = make_dictionary(kind, grid, proportion=proportion, rng=rng, data=x if kind == "pca" else None)
    (U,) = dictionary.U()
    w = U.T @ W if kind == "pca" else W[dictionary.alpha[0]]  # the columns of PCA are orthonormal
    return dictionary, U @ w


def _relative_error(W: NDArray[Any], predicted: NDArray[Any]) -> float:
    """|W - predicted|^2 / |W|^2, over all features together."""
    return float(np.sum((W - predicted) ** 2) / np.sum(W**2))


def title(record: Record) -> str:
    """The title of the block that the record belongs to, with the data that were taken."""
    block, name = BLOCKS[record["recipe"]["label"]].title, record["data"]["name"]
    return block.replace("MNIST", NAMES["digits"]) if name == "digits" else block


def table(records: Sequence[Record]) -> Table:
    """Mean relative error and its range over draws of alpha, by block, reconstruction and proportion kept."""
    heading = "Figure 1: relative squared error of features, predicted from a few of their weights"
    columns = ("model", "reconstruction", "proportion", "error", "range")
    made = plain_table(heading, columns, ("reconstruction",))
    for record in records:
        for name, rows in record["errors"].items():
            for p, draws in zip(record["recipe"]["proportions"], rows, strict=True):
                spread = f"{min(draws):.1%} to {max(draws):.1%}"
                made.add_row(title(record), name, f"{p:.2f}", f"{mean(draws):.1%}", spread)
    return made


def figure(records: Sequence[Record]) -> Figure:
    """A row a block. On the left, as in the paper: features, kept weights, prediction. On the right: the errors."""
    drawn = Figure(figsize=(9, 4 * len(records)), layout="constrained")
    rows = drawn.subplots(len(records), 4, width_ratios=(1, 1, 1, 3.2), squeeze=False)
    for (*blocks, axes), record in zip(rows, records, strict=True):
        shown, (features, predicted) = record["shown"], (record["arrays"][name] for name in ("features", "predicted"))
        kept = np.zeros_like(features)
        kept[shown["alpha"]] = features[shown["alpha"]]
        titles = ("learned", f"{shown['proportion']:.0%} kept", "predicted")
        for block, heading, W in zip(blocks, titles, (features, kept, predicted), strict=True):
            show_filters(block, W, shown["shape"], columns=1)
            block.set_title(heading)
        for marker, (name, errors) in zip("osD", record["errors"].items(), strict=True):
            axes.plot(record["recipe"]["proportions"], [mean(draws) for draws in errors], marker + "-", label=name)
        axes.set(xlabel="Proportion of weights kept", ylabel="Relative squared error", ylim=(0, None), xlim=(0, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(f"{title(record)}: all {record['features']} features of layer 1")
        ticks = record["recipe"]["proportions"]
        axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks], fontsize=8)
        axes.grid(alpha=0.3)
        axes.legend()
    return drawn


def summary(records: Sequence[Record]) -> str:
    """Mean relative squared error by model and reconstruction, a column a proportion kept."""
    rows = [
        [f"{title(record)}, {name}", *(f"{mean(draws):.0%}" for draws in errors)]
        for record in records
        for name, errors in record["errors"].items()
    ]
    return markdown(["relative squared error", *(f"{p:.0%} kept" for p in PROPORTIONS)], rows)


def verdict(records: Sequence[Record]) -> str:
    """For which models a quarter of the weights predicts the others.

    It does if SE leaves at most half of the squared norm that the kept weights leave alone, without prediction: the
    draws of alpha of both are judged in pairs.
    """
    at = PROPORTIONS.index(SHOWN_PROPORTION)
    said: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for record in records:
        se, alone = (record["errors"][name][at] for name in ("SE", "RandCon"))
        judged = judge(dict(enumerate(se)), {draw: error / 2 for draw, error in enumerate(alone)}, GAIN)
        said[judged.outcome].append(f"{title(record)} ({mean(se):.0%} left, {mean(alone):.0%} without prediction)")
    return " ".join(
        f"**{outcome.capitalize()}**, from a quarter of the weights: {'; '.join(models)}."
        for outcome, models in said.items()
        if models
    )


def demo(records: Sequence[Record]) -> str:
    """The verdict, and what it is drawn from."""
    draws = len(records[0]["errors"]["SE"][0])
    said = f"One net a model, one seed, {draws} draws of the kept weights: other nets may differ."
    return f"{said} {verdict(records).replace('**', '')}"


EXPERIMENT = Experiment(PROFILES, recipes, epochs, run, table, {"figure1": figure}, summary, demo, verdict)
PARTS = {
    "figure1": Part(
        "Figure 1: learned features, and the rest of each predicted from a few of its weights",
        "figure1",
        lambda _: recipes(RESULT),
        run,
        epochs,
        lambda recipe: BLOCKS[recipe["label"]].seconds(recipe),
        summary,
        figures=EXPERIMENT.figures,
        verdict=verdict,
    )
}
