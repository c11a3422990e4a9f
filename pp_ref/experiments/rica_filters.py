"""RICA on patches of images for Figures 1, 2 and 6: draw patches, normalise and whiten them, learn by L-BFGS."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import to_numpy
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.experiments.ranks import group_of
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.ways import ways_of
from pp_ref.features import COATES, Whitening, fit_whitening, normalise_contrast, sample_patches
from pp_ref.machine import Device, array_library
from pp_ref.models.full import Full
from pp_ref.models.predicted import Predicted
from pp_ref.models.rica import RICA
from pp_ref.models.weights import Weights
from pp_ref.training import Checkpoint, Fit, Group, fit_lbfgs

__all__ = ["REPORTS", "FilterSettings", "LearnedFilters", "filter_recipe", "learn_filters", "seconds"]

FULL, PREDICTED = "nokernel", "SE"  # the labels of Figure 6
SE_SETTINGS = {"length_scale": 1.0, "ridge": 1e-3}  # the length scale is the paper's, the ridge our choice
REPORTS = 10  # at most, in a fit
FLOPS = 3e10  # a guess for a second on one core


@dataclass(frozen=True)
class FilterSettings:
    """How filters are learned.

    patch          int >= 1: height and width of a patch
    patches        int >= 2: number of patches drawn
    iterations     int >= 1: at most so many of L-BFGS
    ftol           the fit ends after a step that lowers the loss by less than this share
    objective      "ufldl" or "le2011"
    trade_off      lambda of the objective
    whitening_eps  is added to the variances of the normalised patches
    keep_mean      False: patches lose their mean, as Coates' do. A constant filter then responds to none of them, and
                   costs nothing
    also           other entries of all recipes, those of `WAYS`
    """

    patch: int
    patches: int
    iterations: int
    ftol: float = 1e-7
    objective: str = "ufldl"
    trade_off: float = 0.2
    whitening_eps: float = 0.1
    keep_mean: bool = False
    also: dict[str, Any] = field(default_factory=dict)


class LearnedFilters(NamedTuple):
    """Filters, and the whitening that patches need before them."""

    model: RICA
    W: NDArray[Any]  # (d, m), unit columns, on whitened patches
    grid: Grid
    patches: NDArray[Any]  # (n, d), whitened: the filters were learned on these
    whitening: Whitening
    fit: Fit
    group: Group


def filter_recipe(
    experiment: str, proportion: float, seed: int, features: int, settings: FilterSettings, device: Device
) -> dict[str, Any]:
    """Everything that decides the filters. `learn_filters` reads it; at proportion 1 it learns them in full."""
    filters = asdict(settings)
    centre, also = {"centre": False} if filters.pop("keep_mean") else {}, filters.pop("also")
    return {
        "experiment": experiment,
        "label": FULL if proportion == 1 else PREDICTED,
        "proportion": proportion,
        "seed": seed,
        "features": features,
        **filters,
        "settings": SE_SETTINGS,
        "contrast": COATES | centre,
        "dtype": "float32",
        **also,
    } | ({"device": device} if device != "cpu" else {})


def learn_filters(
    recipe: dict[str, Any], images: NDArray[Any], store: RunStore, report: Callable[[str], None]
) -> LearnedFilters:
    """Draw patches, normalise and whiten them, and learn filters by L-BFGS.

    recipe   as `filter_recipe` makes it; at proportion 1 the filters are learned in full
    images   (n, h, w, c) uint8
    store    keeps the evaluations of an unfinished fit: a run that was killed goes on to the same bits
    report   called at most `REPORTS` times with a sentence
    raises   ShapeError; DomainError, also for fewer patches than numbers in one, or patches without any contrast;
             DeviceError; DataError from the store; Interrupted on Ctrl-C
    """
    patch_rng, dictionary_rng, rng = np.random.default_rng(recipe["seed"]).spawn(3)
    size, c = recipe["patch"], images.shape[3]
    drawn = sample_patches(images, (size, size), recipe["patches"], patch_rng).astype(recipe["dtype"])
    if len(drawn) < drawn.shape[1]:
        raise DomainError(
            f"patches is {len(drawn)}, expected at least {drawn.shape[1]}, the numbers of a patch, for a covariance to "
            "whiten by: draw more, or take smaller ones"
        )
    drawn = normalise_contrast(drawn, **recipe["contrast"])
    if (drawn == drawn[:, :1]).all():
        raise DomainError(
            "images are constant in every patch that was drawn, expected some contrast: take other images"
        )
    whitening = fit_whitening(drawn, eps=recipe["whitening_eps"])
    x, grid, m, p = whitening.transform(drawn), Grid(size, size, c), recipe["features"], recipe["proportion"]
    weights: Weights = Full(grid.size, m)
    if p < 1:
        dictionary = make_dictionary("se", grid, proportion=p, rng=dictionary_rng, **recipe["settings"])
        weights = Predicted(dictionary, m)
    model = RICA(weights, recipe["objective"], recipe["trade_off"])
    xp = array_library(recipe.get("device", "cpu"))
    said, every = f"{m} features, {p:.0%} learned, seed {recipe['seed']}", ceil(recipe["iterations"] / REPORTS)

    def on_iteration(record: dict[str, Any]) -> None:
        if record["iteration"] % every == 0:
            report(f"{said}: iteration {record['iteration']}, loss {record['loss']:.5g}")

    group, start = group_of(recipe), model.init(rng, None, recipe["dtype"])
    group.agree(lambda: {"patches": x, "static parameters": model.static, "start": start})
    with ways_of(recipe):
        shares = {part: x[cut] for part, cut in enumerate(group.cuts(len(x))) if part in group.own}
        models = {part: model.of_share(len(share) / len(x)) for part, share in shares.items()}
        prepared = {part: model.prepare(xp.asarray(share)) for part, share in shares.items()}
        fit = fit_lbfgs(
            group.total(lambda params, part: models[part].loss_and_gradient(params, prepared[part])),
            {name: xp.asarray(array) for name, array in start.items()},
            iterations=recipe["iterations"],
            ftol=recipe["ftol"],
            on_iteration=on_iteration,
            checkpoint=group.checkpoint(Checkpoint(store.checkpoint(recipe, "filters"), recipe)),
        )
    return LearnedFilters(model, to_numpy(model.filters(fit.params)[0]), grid, x, whitening, fit, group)


def seconds(recipe: dict[str, Any], channels: int) -> float:
    """A guess of the core seconds of a fit that takes all its iterations: two products a patch, forward and back."""
    weights = recipe["patch"] ** 2 * channels * recipe["features"] * recipe["proportion"]
    return float(4 * recipe["patches"] * weights * recipe["iterations"] / FLOPS)
