"""Figure 5: the error of a convnet on CIFAR-10 against the proportion of parameters learned (paper, sec. 4.2).

The net has 48 filters of 8 x 8, 64 of 8 x 8, 64 of 5 x 5, 500 units and a softmax. Each convolution has one column with
an SE dictionary. The 500 units have five columns with SE dictionaries over the 5 x 5 x 64 grid below them. The softmax
is learned in full. `convnet_inputs` prepares the images, `figure5_parts` has the runs at full strength.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from pp_ref.arrays import to_numpy
from pp_ref.data import Dataset
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.experiments.convnet_inputs import load_inputs
from pp_ref.experiments.demo import data_name
from pp_ref.experiments.drawing import show_filters
from pp_ref.experiments.error_curves import (
    cost,
    describe,
    error_and_spread,
    error_conclusion,
    error_figure,
    error_table,
    errors_by_seed,
    grouped,
    learned,
)
from pp_ref.experiments.experiment import Experiment
from pp_ref.experiments.intervals import NO_DROP, judge
from pp_ref.experiments.phases import Phases
from pp_ref.experiments.ranks import group_of
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.ways import WAYS, ways_of
from pp_ref.features import random_flips
from pp_ref.machine import Device, array_library
from pp_ref.models.convnet import ConvNet, paper_convnet, weight_spaces
from pp_ref.records import markdown
from pp_ref.training import SGD, Checkpoint, Fit, Group, fit_sgd

__all__ = [
    "EXPERIMENT",
    "FULL",
    "PREDICTED",
    "PROFILES",
    "Profile",
    "demo",
    "epochs",
    "falling",
    "filters_figure",
    "recipes",
    "run",
    "summary",
    "table",
    "train",
    "verdict",
]

FULL, PREDICTED = "convnet", "SE"
COLUMNS = (1, 1, 1, 5)  # of the three convolutions and the 500 units (paper, sec. 4.2)
SE_SETTINGS = {"length_scale": 1.0, "ridge": 1e-3}  # the ridge is our choice
BATCH_OF_ERRORS = 250  # images that are classified at once: bounds the memory


@dataclass(frozen=True)
class Profile:
    """How thoroughly the figure is made.

    data         "cifar10", or "digits": the 5,000 that need no download, as 28 x 28 x 1 images
    images       int >= 1: training images used, the first ones in the published order
    runs         (proportion of parameters learned in each predicted layer, seed), in the order they are done
    training     SGD
    dropout      rate on the 500 units
    activation   "relu" or "sigmoid"
    also         sets of other entries of a recipe; every run is done with each set. They are those of `WAYS` and of
                 `load_inputs`; "start", the factor of the first layer's start; "weight_decay", that of the sum of
                 squared dynamic weights in the loss
    """

    data: str
    images: int
    runs: tuple[tuple[float, int], ...]
    training: SGD
    dropout: float
    activation: str = "relu"
    also: tuple[dict[str, Any], ...] = ({},)


def falling(epochs: int, images: int, learning_rate: float, batch: int = 128) -> SGD:
    """SGD with momentum 0.9 and a learning rate that falls tenfold over all epochs."""
    return SGD(epochs, learning_rate, batch=batch, momentum=0.9, decay=10 ** (batch / (images * epochs)))


_SEEDED = ((0.25, 0), (1.0, 0), (0.5, 0), (0.75, 0), (0.25, 1), (1.0, 1), (0.1, 0))
PROFILES = {
    # Digits, in some two minutes on two cores.
    "demo": Profile(
        "digits",
        2000,
        ((0.25, 0), (1.0, 0), (0.5, 0), (0.1, 0)),
        falling(10, 2000, 0.01, batch=20),
        dropout=0.0,
        also=(WAYS,),
    ),
    # Our choice of images, epochs and rate: two cores take an hour or two.
    "standard": Profile("cifar10", 10_000, _SEEDED, falling(12, 10_000, 0.01), dropout=0.5),
    # All images, and the momentum and rate of pylearn2's stack (REPRODUCTION 4): takes a GPU, or some days.
    "authors": Profile(
        "cifar10",
        50_000,
        tuple((proportion, seed) for seed in range(3) for proportion in (0.1, 0.25, 0.5, 0.75, 1.0)),
        SGD(100, 0.1, batch=128, momentum=0.5, final_momentum=0.6, momentum_epochs=100, max_column_norm=1.9365),
        dropout=0.5,
    ),
}


def recipes(profile: Profile, device: Device = "cpu") -> list[dict[str, Any]]:
    """One recipe a run: everything that decides the result. At proportion 1 the net is learned in full."""
    return [
        {
            "experiment": "figure5",
            "label": FULL if proportion == 1 else PREDICTED,
            "proportion": proportion,
            "n_columns": list(COLUMNS),
            "settings": SE_SETTINGS,
            "seed": seed,
            "data": profile.data,
            "images": profile.images,
            "activation": profile.activation,
            "dropout": profile.dropout,
            "dtype": "float32",
            "training": asdict(profile.training),
            **also,
        }
        | ({"device": device} if device != "cpu" else {})  # recipes for the processor name no device
        for also in profile.also
        for proportion, seed in profile.runs
    ]


def epochs(recipe: dict[str, Any]) -> int:
    """How often `run` reports."""
    return int(recipe["training"]["epochs"])


class Trained(NamedTuple):
    """A trained net, its fit and its data."""

    model: ConvNet
    params: dict[str, Any]
    error: float  # of the test images; of those that are held out if the recipe has "validation"
    fit: Fit
    data: Dataset  # its training images are those that the net reads
    phases: dict[str, float]  # seconds
    group: Group


def train(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Trained:
    """Train one net; its error is that after the last epoch, and is computed once.

    recipe   one of `recipes`
    store    keeps the checkpoint: a run that was killed goes on from its last epoch, and ends with the same bits
    report   called with a sentence after each epoch
    raises   DomainError for more images than there are; DeviceError; DataError from data or checkpoint; Interrupted
    """
    with ways_of(recipe):
        return _train(recipe, store, report)


def _train(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Trained:
    xp = array_library(recipe.get("device", "cpu"))
    phases = Phases()
    with phases("images"):
        data = load_inputs(recipe)
    (x, y), (x_test, y_test) = (map(xp.asarray, split) for split in (data.train, data.test))
    dictionary_rng, rng = np.random.default_rng(recipe["seed"]).spawn(2)
    spaces, proportion = weight_spaces(x.shape[1:]), recipe["proportion"]
    dictionaries = [
        None
        if proportion == 1
        else make_dictionary(
            "se", Grid(*space), proportion=proportion, n_columns=J, rng=dictionary_rng, **recipe["settings"]
        )
        for space, J in zip(spaces, recipe["n_columns"], strict=True)
    ]
    model = paper_convnet(
        dictionaries,
        shape=x.shape[1:],
        activation=recipe["activation"],
        dropout=recipe["dropout"],
        weight_decay=recipe.get("weight_decay", 0.0),
    )
    start = model.init(rng, None, recipe["dtype"], recipe.get("start", 1.0))
    flips = recipe["data"] == "cifar10"  # a mirrored digit is another digit

    def objective(params: dict[str, Any], rows: Any, rng: np.random.Generator) -> Any:
        chosen = xp.asarray(rows)
        batch = xp.take(x, chosen, axis=0)
        return model.loss_and_gradient(params, random_flips(batch, rng) if flips else batch, xp.take(y, chosen), rng)

    said, group = f"{recipe['label']} at {proportion}, seed {recipe['seed']}", group_of(recipe)
    group.agree(
        lambda: {
            "images": data.train.x,
            "labels": data.train.y,
            "static parameters": model.static,
            "start": start,
        }
    )
    with phases("fit"):
        fit = fit_sgd(
            group.divide(objective),
            {name: xp.asarray(array) for name, array in start.items()},
            len(data.train.y),
            SGD(**recipe["training"]),
            rng,
            on_epoch=lambda record: report(f"{said}: epoch {record['epoch']}, loss {record['loss']:.2e}"),
            checkpoint=group.checkpoint(Checkpoint(store.checkpoint(recipe, "training"), recipe)),
        )
    with phases("error"):
        error = model.error(fit.params, x_test, y_test, BATCH_OF_ERRORS)
    return Trained(model, fit.params, error, fit, data, phases.seconds, group)


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Train one net.

    returns  the record: test_error in [0, 1], or validation_error if the recipe has "validation"; counts, dictionaries,
             the seconds of each phase, and the array "filters", (d, 48) float16, the first layer's
    """
    began = time.perf_counter()
    trained = train(recipe, store, report)
    model, judged = trained.model, "validation_error" if "validation" in recipe else "test_error"
    return record_of(
        recipe,
        began,
        f"{judged.replace('_', ' ')} {trained.error:.2%}, {trained.fit.stop.value}",
        trained.fit,
        trained.data,
        trained.group,
        **{judged: trained.error},
        counts={name: count._asdict() for name, count in model.count().items()},
        dictionaries=[describe(stage.weights) for stage in model.stages if stage.weights],
        phases=trained.phases,
        filter_shape=weight_spaces(model.shape)[0],
        arrays={"filters": np.float16(to_numpy(model.filters(trained.params)[0]))},
    )


def table(records: Sequence[Record]) -> Table:
    """`error_table` of the full and the predicted nets."""
    return error_table(records, (FULL, PREDICTED), f"Figure 5: convnet on {data_name(records)}, test error")


def figure(records: Sequence[Record]) -> Figure:
    """`error_figure`; the full convnet is the horizontal line."""
    return error_figure(records, (FULL, PREDICTED), FULL, f"Convnet on {data_name(records)}")


def filters_figure(records: Sequence[Record]) -> Figure:
    """The first layer's filters as images, a panel a proportion, from the first seed."""
    first = {record["recipe"]["proportion"]: record for record in reversed(records)}
    drawn = Figure(figsize=(2.4 * len(first), 2.8), layout="constrained")
    panels = np.atleast_1d(drawn.subplots(1, len(first)))
    for axes, (proportion, record) in zip(panels, sorted(first.items()), strict=True):
        show_filters(axes, record["arrays"]["filters"], record["filter_shape"])
        axes.set_title(f"{proportion:.0%} learned")
    return drawn


def summary(records: Sequence[Record]) -> str:
    """Test error and the share of all weights that is learned, a row a proportion."""
    groups = grouped(records, (FULL, PREDICTED))
    rows = [
        [f"{p:.0%} learned", error_and_spread([record["test_error"] for record in group]), f"{learned(group[0]):.1%}"]
        for (_, p), group in sorted(groups.items(), key=lambda item: -item[0][1])
    ]
    recipe, seeds = records[0]["recipe"], sorted({len(group) for group in groups.values()})
    note = (
        f"{recipe['images']:,} of the 50,000 training images, {recipe['training']['epochs']} epochs, all 10,000 test "
        f"images; seeds a point: {' or '.join(map(str, seeds))} (± half the range); {cost(records)}."
    )
    return markdown(["CIFAR-10, of each layer", "test error", "of all weights"], rows) + "\n\n" + note


def demo(records: Sequence[Record]) -> str:
    """Which proportions differ from the full net by more than chance."""
    return error_conclusion(records, (FULL, PREDICTED), FULL)


def verdict(records: Sequence[Record]) -> str:
    """Whether learning a quarter of the parameters has a negligible effect on the test error."""
    errors = {p: errors_by_seed(group) for (_, p), group in grouped(records, (FULL, PREDICTED)).items()}
    full, margin = errors.pop(1.0, {}), NO_DROP[records[0]["recipe"]["data"]]
    judged = {p: judge(found, full, margin) for p, found in sorted(errors.items(), reverse=True)}
    quarter = judged.get(0.25, judge({}, full, margin))
    listed = "; ".join(f"{judgement} at {p:.0%}" for p, judgement in judged.items())
    return f"**{quarter.outcome.capitalize()}**. Against the full net, the error changes by {listed}."


EXPERIMENT = Experiment(
    PROFILES,
    recipes,
    epochs,
    run,
    table,
    {"figure5": figure, "figure5-filters": filters_figure},
    summary,
    demo,
    verdict,
)
