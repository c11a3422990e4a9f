"""One run of Figure 4 (left): an MLP on MNIST, by its recipe (paper, sec. 4.1).

The net is 784-500-500-10 with sigmoid units and a softmax. The first two layers are predicted; their dictionaries may
be of two kinds. Each layer is pretrained as an autoencoder. The second layer's covariance comes from the activations of
the first. Then the whole net is fine-tuned, with all dictionaries fixed. LowRank is not pretrained, as in the paper.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import check_finite
from pp_ref.data import Dataset, hold_out, load_digits, load_mnist
from pp_ref.dictionaries import Frames, Grid, Units, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.experiments.error_curves import describe
from pp_ref.experiments.ranks import group_of
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.ways import ways_of
from pp_ref.models import MLP, Full, LowRank, Predicted, Weights, pretrain
from pp_ref.training import SGD, Checkpoint, Fit, Group, fit_sgd

__all__ = [
    "AE_VARIANTS",
    "DATA",
    "LABELS",
    "N_COLUMNS",
    "PAIRS",
    "Profile",
    "Trained",
    "epochs",
    "falling",
    "fit_net",
    "recipe_of",
    "recipes",
    "run",
    "train",
]

# The legend of the figure: dictionary kinds of layer 1 and layer 2.
PAIRS: dict[str, tuple[str, str]] = {
    "nokernel": ("nokernel", "nokernel"),
    "LowRank": ("lowrank", "lowrank"),
    "RandCon-RandCon": ("randcon", "randcon"),
    "RandFixU-RandFixU": ("randfixu", "randfixu"),
    "SE-Emp": ("se", "emp"),
    "SE-Emp2": ("se", "emp2"),
    "SE-AE": ("se", "ae"),
    "Emp-Emp": ("emp", "emp"),
}
# Other settings of kind ae. "shared" is the paper's sec. 3.4 with the authors' 1,000 atoms; SE-AE has an autoencoder
# for each column (ours).
AE_VARIANTS: dict[str, dict[str, Any]] = {
    "SE-AE unit": {"unit_norm": True},
    "SE-AE shared": {"atoms": 1000},
    "SE-AE shared unit": {"atoms": 1000, "unit_norm": True},
}
LABELS = (*PAIRS, *AE_VARIANTS)
DATA: dict[str, Callable[[], Dataset]] = {"mnist": load_mnist, "digits": load_digits}
DATA_DRIVEN = {"emp", "emp2", "ae"}
N_COLUMNS = 10  # of the figure (paper, sec. 4.1)
# The length scale is from the paper, sec. 4.1; Emp's and Emp2's ridges from the authors' code; the others our choice.
DICTIONARY_SETTINGS: dict[str, dict[str, Any]] = {
    "se": {"length_scale": 1.0, "ridge": 1e-3},
    "emp": {"ridge": 1e-3},
    "emp2": {"ridge": 1e-3},
    "ae": {"examples": 5000, "iterations": 50},
}


@dataclass(frozen=True)
class Profile:
    """How thoroughly a figure is made.

    data          a name in DATA
    labels        names in LABELS
    proportions   of parameters learned in each predicted layer, in (0, 1]
    seeds         seeds of nokernel, and of the others at proportions up to `repeated_to`; there is one seed above
    pretraining   SGD of each layer's autoencoder
    fine_tuning   SGD of the whole net
    lowrank       other settings of `fine_tuning` for LowRank, which starts without pretraining
    weight_decay  factor of the sum of squared dynamic weights in the loss, in fine-tuning
    per_column    True pretrains as the authors do: each column alone reconstructs the input
    settings      by kind, settings beside those of `DICTIONARY_SETTINGS`
    also          other entries of all recipes: those of `WAYS`, "stacked_cost" of `Autoencoder`, "validation" with the
                  arguments of `hold_out`
    """

    data: str
    labels: tuple[str, ...]
    proportions: tuple[float, ...]
    seeds: int
    repeated_to: float
    pretraining: SGD
    fine_tuning: SGD
    lowrank: dict[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    per_column: bool = False
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    also: dict[str, Any] = field(default_factory=dict)


def falling(settings: SGD, examples: int, by: float) -> SGD:
    """The same settings with a learning rate that falls by this factor over all epochs."""
    return replace(settings, decay=by ** (settings.batch / (examples * settings.epochs)))


def recipe_of(
    profile: Profile, label: str, proportion: float, seed: int, n_columns: int = N_COLUMNS, **also: Any
) -> dict[str, Any]:
    """Everything that decides the result of one run. What the first records lack has a key only where it differs.

    also    more entries, such as "alpha": the choices of alpha of both layers, where they are not "uniform"
    raises  DomainError for a label that does not exist
    """
    if label not in LABELS:
        raise DomainError(f"labels has {label!r}, expected names among {', '.join(LABELS)}")
    kinds, apart, lowrank = PAIRS["SE-AE" if label in AE_VARIANTS else label], profile.per_column, label == "LowRank"
    settings = {kind: DICTIONARY_SETTINGS.get(kind, {}) | profile.settings.get(kind, {}) for kind in kinds}
    if label in AE_VARIANTS:
        settings["ae"] = settings["ae"] | AE_VARIANTS[label]
    # At proportion 1 each column spans the whole space: ten columns are no more than one, unless each is pretrained
    # alone.
    one = label == "nokernel" or (proportion == 1 and not apart)
    return {
        "experiment": "figure4-left",
        "label": label,
        "kinds": list(kinds),
        "settings": settings,
        "proportion": proportion,
        "n_columns": 1 if one else n_columns,
        "seed": seed,
        "data": profile.data,
        "hidden": [500, 500],
        "spread": 0.1,
        "dtype": "float32",
        "pretraining": asdict(profile.pretraining) | ({"epochs": 0} if lowrank else {}),
        "fine_tuning": asdict(profile.fine_tuning) | (profile.lowrank if lowrank else {}),
        "weight_decay": profile.weight_decay,
        "per_column": apart,
        **profile.also,
        **also,
    }


def recipes(profile: Profile) -> list[dict[str, Any]]:
    """One recipe a run. The runs of the first seed come first.

    raises  DomainError for a label that does not exist
    """
    return [
        recipe_of(profile, label, proportion, seed)
        for seed in range(profile.seeds)
        for label in profile.labels
        for proportion in ((1.0,) if label == "nokernel" else profile.proportions)
        if label == "nokernel" or not seed or proportion <= profile.repeated_to
    ]


def epochs(recipe: dict[str, Any]) -> int:
    """How often `run` reports."""
    return int(len(recipe["hidden"]) * recipe["pretraining"]["epochs"] + recipe["fine_tuning"]["epochs"])


class Trained(NamedTuple):
    """A fine-tuned net, its fits and its data."""

    model: MLP
    params: dict[str, Any]
    error: float  # of the test images; of those that are held out if the recipe has "validation"
    pretraining: list[Fit]
    fit: Fit
    data: Dataset
    group: Group


def train(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Trained:
    """Pretrain and fine-tune one net; its error is that after the last epoch, and is computed once.

    recipe   one of `recipes`
    store    keeps the checkpoints: a run that was killed goes on from its last epoch, and ends with the same bits
    report   called with a sentence after each epoch
    raises   DomainError for data that is not finite; DataError from data or checkpoints; Interrupted on Ctrl-C
    """
    with ways_of(recipe):
        data = DATA[recipe["data"]]()
        if "validation" in recipe:
            data = hold_out(data, **recipe["validation"])
        return fit_net(recipe, data, Grid(28, 28), 10, store, report)


def fit_net(
    recipe: dict[str, Any],
    data: Dataset,
    space: Grid | Frames,
    classes: int,
    store: RunStore,
    report: Callable[[str], None],
) -> Trained:
    """`train` with data at hand, whose rows lie on ``space`` and have labels in 0..classes - 1.

    A recipe with "decoder" names that of the lowest layer's pretraining, as `pretrain` does.
    """
    (x, y), (x_test, y_test) = (
        (split.x.astype(recipe["dtype"], copy=False), split.y) for split in (data.train, data.test)
    )
    check_finite(x=x, x_test=x_test)
    group = group_of(recipe)
    said = f"{recipe['label']} at {recipe['proportion']:.3f}, seed {recipe['seed']}"
    dictionary_rng, pretraining_rng, fine_tuning_rng = np.random.default_rng(recipe["seed"]).spawn(3)

    def checkpoint(phase: str) -> Checkpoint:
        return Checkpoint(store.checkpoint(recipe, phase), recipe | {"phase": phase})

    pretrained = pretrain(
        x,
        [partial(_weights, recipe, space, number, dictionary_rng) for number in range(len(recipe["hidden"]))],
        SGD(**recipe["pretraining"]),
        pretraining_rng,
        spread=recipe["spread"],
        per_column=recipe["per_column"],
        stacked_cost=recipe.get("stacked_cost", False),
        decoder=recipe.get("decoder", "sigmoid"),
        on_epoch=lambda layer, record: report(f"{said}: layer {layer}, reconstruction {record['loss']:.4g}"),
        checkpoints=[checkpoint(f"layer{number + 1}") for number in range(len(recipe["hidden"]))],
        group=group,
    )
    model = MLP(pretrained.layers, classes=classes, weight_decay=recipe["weight_decay"])
    params = model.init(fine_tuning_rng, recipe["spread"], recipe["dtype"]) | pretrained.params
    inputs, test_inputs = (model.prepare(x), model.prepare(x_test)) if _pools(model.layers[0]) else (x, x_test)

    def objective(params: dict[str, Any], rows: Any, rng: np.random.Generator) -> Any:
        return model.loss_and_gradient(params, inputs[rows], y[rows], rng)

    group.agree(lambda: {"examples": x, "labels": y, "static parameters": model.static, "start": params})
    fit = fit_sgd(
        group.divide(objective),
        params,
        len(y),
        SGD(**recipe["fine_tuning"]),
        fine_tuning_rng,
        on_epoch=lambda record: report(f"{said}: epoch {record['epoch']}, loss {record['loss']:.2e}"),
        checkpoint=group.checkpoint(checkpoint("fine-tuning")),
    )
    return Trained(model, fit.params, model.error(fit.params, test_inputs, y_test), pretrained.fits, fit, data, group)


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Train one net.

    returns  the record: test_error in [0, 1], or validation_error if the recipe has "validation"; counts, dictionaries
             with the ways that were taken, and the histories of the pretraining
    """
    began = time.perf_counter()
    trained = train(recipe, store, report)
    name = "validation_error" if "validation" in recipe else "test_error"
    return record_of(
        recipe,
        began,
        f"{name.replace('_', ' ')} {trained.error:.2%}, {trained.fit.stop.value}",
        trained.fit,
        trained.data,
        trained.group,
        **{name: trained.error},
        counts={name: count._asdict() for name, count in trained.model.count().items()},
        dictionaries=[describe(layer) for layer in trained.model.layers],
        pretraining=[fit.history for fit in trained.pretraining],
    )


def _pools(layer: Weights) -> bool:
    """Whether the pooled input of the whole data set is kept: if it has at most three times the size of the data."""
    return layer.dictionary is not None and sum(k for k, _ in layer.shapes.values()) <= 3 * layer.d


def _weights(recipe: dict[str, Any], first: Grid | Frames, number: int, rng: np.random.Generator, v: Any) -> Weights:
    """The weights of a layer with input v (n, d): in layer 0 those of the given space, in the others units without a
    place."""
    kind, m, d = recipe["kinds"][number], recipe["hidden"][number], v.shape[1]
    if kind == "nokernel":
        return Full(d, m)
    if kind == "lowrank":
        return LowRank.with_proportion(d, m, recipe["proportion"])
    space = first if number == 0 else Units(d)
    settings = {"proportion": recipe["proportion"], "n_columns": recipe["n_columns"], **recipe["settings"][kind]}
    if "alpha" in recipe:
        settings["alpha"] = recipe["alpha"][number]
    elif kind == "se" and isinstance(space, Frames):
        # Tied across its 39 coefficients, alpha could only keep whole frames, so multiples of 1/11.
        kept = max(1, round(recipe["proportion"] * d))
        settings["alpha"] = [rng.choice(d, kept, replace=False) for _ in range(recipe["n_columns"])]
    data = v if kind in DATA_DRIVEN or settings.get("alpha") == "variance" else None
    return Predicted(make_dictionary(kind, space, rng=rng, data=data, **settings), m)
