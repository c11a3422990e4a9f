"""The linear classifier that judges features: one against all, with a squared hinge."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_axes, check_finite, check_positive
from pp_ref.errors import DomainError, import_extra

__all__ = ["LinearSVMFit", "fit_linear_svm"]


class LinearSVMFit(NamedTuple):
    """A classifier, and how its C was chosen."""

    classifier: Any  # a fitted sklearn.svm.LinearSVC: predict(x), score(x, y)
    C: float  # the chosen one
    held_out_accuracy: dict[float, float]  # for each C, of those that were held out; empty where nothing was chosen


def fit_linear_svm(
    x: NDArray[Any], y: NDArray[Any], Cs: Sequence[float], held_out: float, rng: np.random.Generator
) -> LinearSVMFit:
    """Minimise |w|^2 / 2 + C mean(max(0, 1 - t ([x, 1] w))^2) for each class, t = 1 for it and -1 for the others.

    x         (n, d) float32 or float64, standardised
    y         (n,) labels of at least two classes
    Cs        each > 0, to choose from; 100 is the one of Coates et al. A single one is taken without a search
    held_out  share in (0, 1) of each class that accuracy is measured on, after a fit to the others
    rng       draws which
    returns   LinearSVMFit: the classifier is fitted anew to all of x with the best C, the smallest of equals
    raises    DomainError for no C or one that is not > 0, held_out outside (0, 1), one class only, or x that is not
              finite; ShapeError if x and y do not fit; MissingExtraError without scikit-learn; ValueError from
              scikit-learn if a class is too small to be held out in part

    C multiplies the MEAN over examples, as in Coates' code, so that it keeps its meaning when n changes, which it does
    between search and last fit. scikit-learn's multiplies the sum: its C is ours over n. The appended 1 is LinearSVC's
    intercept_scaling; its weight is penalised like any other, there and here. Minimised in the primal, where the
    answer does not depend on a seed; liblinear's copy of x takes 16 bytes an entry, 256 MB for 10,000 x 1,600.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.
    """
    svm, selection = import_extra("sklearn.svm", "features"), import_extra("sklearn.model_selection", "features")
    check_axes("n d, n", x=x, y=y)
    check_finite(x=x)
    if not len(Cs):
        raise DomainError("Cs is empty, expected at least one C to choose from: 100 is that of Coates et al.")
    for C in Cs:
        check_positive(C=C)
    if not 0 < held_out < 1:
        raise DomainError(f"held_out is {held_out}, expected a share in (0, 1)")
    if len(classes := np.unique(y)) < 2:
        raise DomainError(f"y holds {len(classes)} class(es), expected at least two to tell apart")

    def fit(C: float, x: NDArray[Any], y: NDArray[Any]) -> Any:
        return svm.LinearSVC(loss="squared_hinge", dual=False, C=C / len(x), intercept_scaling=1.0).fit(x, y)

    accuracy: dict[float, float] = {}
    if len(Cs) > 1:
        split = selection.StratifiedShuffleSplit(1, test_size=held_out, random_state=int(rng.integers(2**31)))
        ((fitted, judged),) = split.split(x, y)
        accuracy = {C: float(fit(C, x[fitted], y[fitted]).score(x[judged], y[judged])) for C in sorted(Cs)}
    best = max(accuracy, key=accuracy.__getitem__) if accuracy else Cs[0]
    return LinearSVMFit(fit(best, x, y), best, accuracy)
