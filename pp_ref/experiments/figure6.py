"""Both halves of Figure 6: RICA as a classifier, after Coates, Ng and Lee 2011 (paper, sec. 4.3).

Filters are learned from patches, applied at every place of an image, encoded and summed over quadrants. A linear
classifier with a squared hinge is trained on these features. Its C is chosen on held-out training images; its accuracy
on the test images is the result. Both halves keep their records in one folder: a run that both draw is done once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from pp_ref.data import Split, fold_splits, hold_out, load_cifar10, load_digits, load_stl10, load_stl10_unlabelled
from pp_ref.errors import DomainError
from pp_ref.experiments import rica_filters
from pp_ref.experiments.error_curves import cost, describe
from pp_ref.experiments.intervals import student_interval
from pp_ref.experiments.needs import check_needs
from pp_ref.experiments.phases import Phases
from pp_ref.experiments.rica_filters import REPORTS, FilterSettings, filter_recipe, learn_filters
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.ways import WAYS
from pp_ref.features import extract_features, fit_linear_svm, fit_standardisation
from pp_ref.layers import average_pool2d_forward
from pp_ref.machine import Device
from pp_ref.tables import plain_table

__all__ = [
    "AUTHORS",
    "DEMO",
    "HALF",
    "RESULT",
    "STANDARD",
    "Point",
    "Settings",
    "accuracy_and_spread",
    "bars",
    "bars_are",
    "check",
    "epochs",
    "errors",
    "note",
    "points",
    "recipe_of",
    "run",
    "seconds",
    "table",
]

HALF = 0.5  # the proportion of "RICA-50%", and of the paper's "more than half of the dynamic parameters"
REDUCED = 2048  # STL-10 images that are reduced at a time
IMAGE = 3e-5  # a guess of the core seconds of an image and a feature
check = partial(check_needs, modules=("sklearn.svm", "sklearn.model_selection"))  # the linear classifier


class Task(NamedTuple):
    """The images that filters are learned from, and those of the classifier."""

    name: str
    source: str
    digest: str
    images: NDArray[Any]  # (n, h, w, c): patches are drawn from these
    folds: list[Split]  # each trains a classifier of its own
    test: Split


@dataclass(frozen=True)
class Settings:
    """How thoroughly a half of the figure is made.

    data      a name in `TASKS`
    images    int >= 1: training images, the first ones in the published order; for STL-10, unlabelled images
    filters   FilterSettings
    Cs        candidates for the classifier's C, in the unit of `fit_linear_svm`
    held_out  share of the training images on which C is chosen, in (0, 1)
    encoding  a name that `encode` knows
    """

    data: str
    images: int
    filters: FilterSettings
    Cs: tuple[float, ...] = (10.0, 30.0, 100.0)
    held_out: float = 0.2
    encoding: str = "absolute"


DEMO = Settings("digits", 4000, FilterSettings(patch=6, patches=10_000, iterations=100, also=WAYS), Cs=(10.0,))
STANDARD = Settings("cifar10", 20_000, FilterSettings(patch=6, patches=100_000, iterations=200))
AUTHORS = Settings("cifar10", 50_000, FilterSettings(patch=6, patches=400_000, iterations=500))
# Both halves at full strength. Of the Cs of the standard profile the largest was chosen most often: the grid goes on.
RESULT = Settings(
    "cifar10",
    50_000,
    FilterSettings(patch=6, patches=200_000, iterations=500, also=WAYS | {"solver": "lbfgs"}),
    Cs=(10.0, 30.0, 100.0, 300.0),
)


def recipe_of(
    proportion: float, seed: int, features: int, settings: Settings, data: str | None, device: Device
) -> dict[str, Any]:
    """Everything that decides the accuracy of one run. ``data`` replaces the data of the settings; None keeps it."""
    return filter_recipe("figure6", proportion, seed, features, settings.filters, device) | {
        "data": data or settings.data,
        "images": settings.images,
        "Cs": list(settings.Cs),
        "held_out": settings.held_out,
        "encoding": settings.encoding,
    }


def epochs(recipe: dict[str, Any]) -> int:
    """How often `run` reports."""
    return REPORTS + 1


def seconds(recipe: dict[str, Any]) -> float:
    """A guess of a run's core seconds: the filters, and for each image its features and the classifier."""
    return rica_filters.seconds(recipe, 3) + IMAGE * float(recipe["images"] * recipe["features"])


def _cifar10(recipe: dict[str, Any]) -> Task:
    data = load_cifar10()
    if "validation" in recipe:
        data = hold_out(data, **recipe["validation"])
    train = Split(*_first(recipe, data.name, *data.train))
    return Task(data.name, data.source, data.digest, train.x, [train], data.test)


def _digits(recipe: dict[str, Any]) -> Task:
    data = load_digits()
    train, test = (
        Split((255 * x).reshape(-1, 28, 28, 1), y) for x, y in (_first(recipe, data.name, *data.train), data.test)
    )
    return Task(data.name, data.source, data.digest, train.x, [train], test)


def _stl10(recipe: dict[str, Any]) -> Task:
    labelled, unlabelled = load_stl10(), load_stl10_unlabelled()
    folds = [Split(_reduced(x), y) for x, y in fold_splits(labelled)]
    (images,) = _first(recipe, unlabelled.name, unlabelled.x)
    name, _, test, labelled_source, digest = labelled.data
    source = f"{labelled_source}; {unlabelled.source}"
    return Task(name, source, digest, _reduced(images), folds, test._replace(x=_reduced(test.x)))


def _first(recipe: dict[str, Any], name: str, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """The first rows of the arrays, as many as the recipe has images; DomainError if there are fewer."""
    n = recipe["images"]
    if n > len(arrays[0]):
        raise DomainError(f"images is {n}, but {name} has {len(arrays[0])} to learn from: ask for fewer")
    return [array[:n] for array in arrays]


def _reduced(images: NDArray[Any]) -> NDArray[Any]:
    """Images of 32 x 32 pixels, as Coates' are: the means of 3 x 3 of the 96 x 96 pixels."""
    parts = [images[start : start + REDUCED] for start in range(0, len(images), REDUCED)]
    return np.concatenate([average_pool2d_forward(part.astype(np.float32), 3, 3)[0] for part in parts])


TASKS: dict[str, Callable[[dict[str, Any]], Task]] = {"cifar10": _cifar10, "stl10": _stl10, "digits": _digits}


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Learn filters, and train a linear classifier on their features in each fold.

    returns  the record: "accuracies" on the test images, one a fold, and their mean "accuracy", or on those that are
             held out if the recipe has "validation"; "classifiers", the C of each and the accuracies by which it was
             chosen; counts, dictionary and the seconds of each phase
    """
    began, phases = time.perf_counter(), Phases()
    with phases("data"):
        task = TASKS[recipe["data"]](recipe)
    with phases("filters"):
        learned = learn_filters(recipe, task.images, store, report)

    shape, settings = (recipe["patch"], recipe["patch"]), (learned.whitening, recipe["contrast"], recipe["encoding"])

    def features(images: NDArray[Any]) -> NDArray[Any]:
        with phases("features"):
            return extract_features(images, learned.W, shape, *settings)

    test, rng, chosen, accuracies = features(task.test.x), np.random.default_rng(recipe["seed"]), [], []
    solver = recipe.get("solver", "liblinear")
    for fold in task.folds:
        train = features(fold.x)
        scale = fit_standardisation(train)
        with phases("classifier"):
            svm = fit_linear_svm(scale.transform(train), fold.y, recipe["Cs"], recipe["held_out"], rng, solver)
        accuracies.append(float(svm.classifier.score(scale.transform(test), task.test.y)))
        held = {str(C): accuracy for C, accuracy in svm.held_out_accuracy.items()}
        fit = {"iterations": svm.iterations, "converged": svm.converged}
        chosen.append({"C": svm.C, "held_out_accuracy": held, **fit})
    accuracy = mean(accuracies)
    said = f"{'validation' if 'validation' in recipe else 'test'} accuracy {accuracy:.2%}"
    report(f"{recipe['features']} features, {recipe['proportion']:.0%} learned: {said}")
    return record_of(
        recipe,
        began,
        said,
        learned.fit,
        task,
        learned.group,
        accuracy=accuracy,
        accuracies=accuracies,
        classifiers=chosen,
        counts={name: count._asdict() for name, count in learned.model.count().items()},
        dictionaries=[describe(learned.model.weights)],
        phases=phases.seconds,
    )


class Point(NamedTuple):
    """The runs of one size and proportion, over seeds."""

    features: int
    proportion: float
    dynamic: int  # parameters
    accuracy: float
    low: float  # the least and the most over seeds; with several folds, the ends of the 90 % interval
    high: float
    seeds: int


def points(records: Sequence[Record]) -> list[Point]:
    """One point a size and proportion, in the order of the dynamic parameters."""
    groups: dict[tuple[int, float], list[Record]] = {}
    for record in records:
        groups.setdefault((record["recipe"]["features"], record["recipe"]["proportion"]), []).append(record)
    found = []
    for (features, proportion), group in groups.items():
        means = [record["accuracy"] for record in group]
        accuracy, low, high = mean(means), min(means), max(means)
        if len(group[0]["accuracies"]) > 1:
            _, half = student_interval([mean(fold) for fold in zip(*(r["accuracies"] for r in group), strict=True)])
            low, high = accuracy - half, accuracy + half
        dynamic = group[0]["counts"]["1"]["dynamic"]
        found.append(Point(features, proportion, dynamic, accuracy, low, high, len(group)))
    return sorted(found, key=lambda point: (point.dynamic, point.features))


def table(records: Sequence[Record], title: str) -> Table:
    """Mean test accuracy and its spread, for each size and proportion."""
    made = plain_table(title, ("features", "learned", "dynamic", "seeds", "test accuracy", "from", "to"))
    for point in points(records):
        made.add_row(
            str(point.features),
            f"{point.proportion:.0%}",
            f"{point.dynamic:,}",
            str(point.seeds),
            *(f"{share:.2%}" for share in (point.accuracy, point.low, point.high)),
        )
    return made


def bars_are(records: Sequence[Record]) -> str:
    """What the error bars of these records show, in words."""
    if len(records[0]["accuracies"]) > 1:
        return "bars: 90 % intervals over folds"
    return "bars: the range over seeds" if len({record["recipe"]["seed"] for record in records}) > 1 else "one seed"


def bars(chosen: Sequence[Point]) -> tuple[list[int], list[float], NDArray[np.float64]]:
    """x, y and the lengths of the bars below and above, the arguments of Matplotlib's errorbar."""
    lengths = [(point.accuracy - point.low, point.high - point.accuracy) for point in chosen]
    return [point.dynamic for point in chosen], [point.accuracy for point in chosen], np.array(lengths).T


def note(records: Sequence[Record]) -> str:
    """README's note on the runs of both halves."""
    recipe = records[0]["recipe"]
    return (
        f"{recipe['images']:,} training and all 10,000 test images, {recipe['patches']:,} patches of 6 x 6 x 3, "
        f"encoding |z|; {len(records)} runs, {cost(records)}."
    )


def accuracy_and_spread(point: Point) -> str:
    """In per cent; after it half the range, if there are several seeds."""
    return f"{point.accuracy:.1%}" + (f" ± {50 * (point.high - point.low):.1f}" if point.seeds > 1 else "")


def errors(records: Sequence[Record], features: int, proportion: float) -> dict[int, float]:
    """Test errors by seed of the runs of one size and proportion."""
    return {
        record["recipe"]["seed"]: 1 - record["accuracy"]
        for record in records
        if (record["recipe"]["features"], record["recipe"]["proportion"]) == (features, proportion)
    }
