"""Figure 1: a few weights of a learned feature, and the rest predicted from them (block 2: an MLP on MNIST).

The net is trained in full; prediction happens afterwards. Weights at the places alpha are kept, the others come from
kernel ridge regression, w = U w_alpha (paper, sec. 3.1). Beside the pictures stands the number behind the paper's
sentence, "given only a few weight values for each feature it is possible to accurately predict the remaining values":
the relative error |W - U w_alpha|^2 / |W|^2 of all features against the proportion kept, for the SE kernel and two
controls. RandCon keeps the same weights and predicts none. PCA sees all weights: it projects them onto as many leading
principal components of the data.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from rich.table import Table

from pp_ref.dictionaries import Dictionary, Grid, make_dictionary
from pp_ref.environment import circumstances
from pp_ref.experiments import figure4_left
from pp_ref.experiments.drawing import show_filters
from pp_ref.experiments.run_store import Record, RunStore

GRID = Grid(28, 28)
SHOWN = 4  # features, as in the paper
SHOWN_PROPORTION = 0.25
PROPORTIONS = (0.05, 0.1, 0.25, 0.5, 0.75)
DRAWS = 5  # of alpha
WEIGHT_DECAY = 5e-5  # the authors'; without it the weights of pixels that are always black stay at their random start


@dataclass(frozen=True)
class Reconstruction:
    """A way to reconstruct features (d, m) from numbers as many as a dictionary has columns."""

    dictionary: Callable[[float, np.random.Generator, NDArray[Any]], Dictionary]  # (proportion, rng, data) -> U
    coefficients: Callable[[Dictionary, NDArray[Any]], NDArray[Any]]  # (U, W) -> w (k, m)
    draws: int  # of alpha, where it is drawn


def _kept(dictionary: Dictionary, W: NDArray[Any]) -> NDArray[Any]:
    return W[dictionary.alpha[0]]


def _projected(dictionary: Dictionary, W: NDArray[Any]) -> NDArray[Any]:
    w: NDArray[Any] = dictionary.U()[0].T @ W  # its columns are orthonormal
    return w


RECONSTRUCTIONS = {
    "SE": Reconstruction(
        lambda p, rng, _: make_dictionary("se", GRID, proportion=p, rng=rng, length_scale=1.0), _kept, DRAWS
    ),
    "RandCon": Reconstruction(lambda p, rng, _: make_dictionary("randcon", GRID, proportion=p, rng=rng), _kept, DRAWS),
    "PCA": Reconstruction(lambda p, rng, x: make_dictionary("pca", GRID, proportion=p, rng=rng, data=x), _projected, 1),
}


def recipes(profile: figure4_left.Profile) -> list[dict[str, Any]]:
    """The one run: nokernel of Figure 4 (left) in this profile, with weight decay, and what is reconstructed of it."""
    nokernel = next(recipe for recipe in figure4_left.recipes(profile) if recipe["label"] == "nokernel")
    return [
        nokernel
        | {
            "experiment": "figure1",
            "weight_decay": WEIGHT_DECAY,
            "reconstructions": {name: reconstruction.draws for name, reconstruction in RECONSTRUCTIONS.items()},
            "proportions": list(PROPORTIONS),
        }
    ]


PROFILES = figure4_left.PROFILES
epochs = figure4_left.epochs


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Train the net, keep some weights of its first layer's features, predict the others.

    returns  the record; "errors" are relative squared errors by reconstruction, proportion and draw of alpha; "shown"
             has four features drawn at random, the kept places and their prediction
    """
    began = time.perf_counter()
    trained = figure4_left.train(recipe, store, report)
    W = np.asarray(trained.model.filters(trained.params)[0], np.float64)
    x = trained.data.train.x
    rng = np.random.default_rng(recipe["seed"])
    errors = {
        name: [
            [_relative_error(W, _reconstruct(name, W, p, rng, x)[1]) for _ in range(draws)]
            for p in recipe["proportions"]
        ]
        for name, draws in recipe["reconstructions"].items()
    }
    dictionary, predicted = _reconstruct("SE", W, SHOWN_PROPORTION, rng, x)
    features = rng.choice(W.shape[1], SHOWN, replace=False)
    seconds = time.perf_counter() - began
    return {
        "recipe": recipe,
        "summary": f"relative error of SE at {recipe['proportions'][2]}: {mean(errors['SE'][2]):.1%}, {seconds:.0f} s",
        "test_error": trained.test_error,
        "stop": trained.fit.stop.name,
        "errors": errors,
        "shown": {
            "proportion": SHOWN_PROPORTION,
            "alpha": dictionary.alpha[0].tolist(),
            "features": np.float32(W[:, features]).tolist(),
            "predicted": np.float32(predicted[:, features]).tolist(),
        },
        "history": trained.fit.history,
        "seconds": seconds,
    } | circumstances()


def _reconstruct(
    name: str, W: NDArray[Any], proportion: float, rng: np.random.Generator, x: NDArray[Any]
) -> tuple[Dictionary, NDArray[Any]]:
    """The dictionary, and U w (d, m)."""
    reconstruction = RECONSTRUCTIONS[name]
    dictionary = reconstruction.dictionary(proportion, rng, x)
    return dictionary, dictionary.U()[0] @ reconstruction.coefficients(dictionary, W)


def _relative_error(W: NDArray[Any], predicted: NDArray[Any]) -> float:
    """|W - predicted|^2 / |W|^2, over all features together."""
    return float(np.sum((W - predicted) ** 2) / np.sum(W**2))


def table(records: Sequence[Record]) -> Table:
    """Mean relative error and its range over draws of alpha, by reconstruction and proportion kept."""
    made = Table(title="Figure 1: relative squared error of 500 features of an MLP, predicted from a few weights")
    for heading in ("reconstruction", "proportion", "error", "range"):
        made.add_column(heading, justify="left" if heading == "reconstruction" else "right")
    for record in records:
        for name, rows in record["errors"].items():
            for proportion, draws in zip(record["recipe"]["proportions"], rows, strict=True):
                made.add_row(name, f"{proportion:.2f}", f"{mean(draws):.1%}", f"{min(draws):.1%} to {max(draws):.1%}")
    return made


def figure(records: Sequence[Record]) -> Figure:
    """Left as in the paper: features, the weights that are kept, the prediction. Right: error against proportion."""
    record = records[0]
    shown = record["shown"]
    features, predicted = np.array(shown["features"]), np.array(shown["predicted"])
    kept = np.zeros_like(features)
    kept[shown["alpha"]] = features[shown["alpha"]]
    drawn = Figure(figsize=(9, 5), layout="constrained")
    *blocks, axes = drawn.subplots(1, 4, width_ratios=(1, 1, 1, 3.2))
    titles = ("learned", f"{shown['proportion']:.0%} kept", "predicted")
    for block, title, W in zip(blocks, titles, (features, kept, predicted), strict=True):
        show_filters(block, W, GRID.shape[:2], columns=1)
        block.set_title(title)
    for number, (name, rows) in enumerate(record["errors"].items()):
        axes.plot(record["recipe"]["proportions"], [mean(draws) for draws in rows], "osD"[number] + "-", label=name)
    axes.set(xlabel="Proportion of weights kept", ylabel="Relative squared error", ylim=(0, 1), xlim=(0, None))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title(f"All {record['recipe']['hidden'][0]} features of layer 1")
    axes.grid(alpha=0.3)
    axes.legend()
    return drawn


FIGURES = {"figure1": figure}
