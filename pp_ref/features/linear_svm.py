"""The linear classifier of features: one against all, with a squared hinge."""

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_finite, check_numpy, check_positive, check_sizes
from pp_ref.errors import DomainError, import_extra

MAX_ITERATIONS = 10_000  # Newton steps of liblinear for each class; scikit-learn's own limit is 1,000


class LinearSVMFit(NamedTuple):
    """A classifier, how its C was chosen, and why its fit stopped."""

    classifier: Any  # a fitted sklearn.svm.LinearSVC: predict(x), score(x, y)
    C: float  # chosen
    held_out_accuracy: dict[float, float]  # for each C; empty if there was one C only
    iterations: int  # of the classifier, for the slowest class
    converged: bool  # every fit, also in the search, ended before `MAX_ITERATIONS`


def fit_linear_svm(
    x: NDArray[Any], y: NDArray[Any], Cs: Sequence[float], held_out: float, rng: np.random.Generator
) -> LinearSVMFit:
    """Minimise |w|^2 / 2 + C mean(max(0, 1 - t ([x, 1] w))^2) for each class, t = 1 for it and -1 for the others.

    x         (n, d) float32 or float64, standardised
    y         (n,) labels of at least two classes
    Cs        each > 0, to choose from; Coates et al. take 100. A single C is taken without a search
    held_out  share in (0, 1) of each class for measuring accuracy in the search, which fits to the others
    rng       draws the held-out examples
    returns   LinearSVMFit; its classifier is fitted to all of x with the best C, the smallest of a tie
    raises    DomainError for no C or one that is not > 0, held_out outside (0, 1), one class only, x that is not
              finite, or, if C is searched, a class of one example or a part of x with fewer examples than there are
              classes; ShapeError if x and y do not fit; MissingExtraError without scikit-learn
    warns     scikit-learn's ConvergenceWarning for each fit that did not converge

    C multiplies the MEAN over examples, as in Coates' code, so that it means the same for the n of the search and of
    the last fit. scikit-learn's C multiplies the sum: it is ours over n. The appended 1 is LinearSVC's
    intercept_scaling; its weight is penalised like any other. The primal is minimised, so the result does not depend on
    a seed. liblinear's copy of x takes 16 bytes per entry, 256 MB for 10,000 x 1,600.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.
    """
    svm, selection = import_extra("sklearn.svm", "features"), import_extra("sklearn.model_selection", "features")
    check_numpy("float32 or float64", x=x)
    check_arrays("labels", y=y)
    check_sizes("n d, n", x=x, y=y)
    check_finite(x=x)
    if not len(Cs):
        raise DomainError("Cs is empty, expected at least one C to choose from: 100 is that of Coates et al.")
    for C in Cs:
        check_positive(C=C)
    if not 0 < held_out < 1:
        raise DomainError(f"held_out is {held_out}, expected a share in (0, 1)")
    classes, members = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise DomainError(f"y holds {len(classes)} class(es), expected at least two to tell apart")
    if len(Cs) > 1:
        check_parts(classes, members, held_out)

    most = 0

    def fit(C: float, x: NDArray[Any], y: NDArray[Any]) -> Any:
        nonlocal most
        settings = {"loss": "squared_hinge", "dual": False, "intercept_scaling": 1.0, "max_iter": MAX_ITERATIONS}
        classifier = svm.LinearSVC(C=C / len(x), **settings).fit(x, y)
        most = max(most, classifier.n_iter_)
        return classifier

    accuracy: dict[float, float] = {}
    if len(Cs) > 1:
        split = selection.StratifiedShuffleSplit(1, test_size=held_out, random_state=int(rng.integers(2**31)))
        ((fitted, judged),) = split.split(x, y)
        accuracy = {C: float(fit(C, x[fitted], y[fitted]).score(x[judged], y[judged])) for C in sorted(Cs)}
    best = max(accuracy, key=accuracy.__getitem__) if accuracy else Cs[0]
    classifier = fit(best, x, y)
    return LinearSVMFit(classifier, best, accuracy, int(classifier.n_iter_), most < MAX_ITERATIONS)


def check_parts(classes: NDArray[Any], members: NDArray[np.int64], held_out: float) -> None:
    """Refuse examples that cannot be cut into a part to fit to and a part to judge by, with every class in both.

    raises  DomainError
    """
    if members.min() < 2:
        raise DomainError(
            f"y holds one example of class {classes[members.argmin()]}, expected at least two, one of them to be held "
            "out: add examples, leave the class out, or pass a single C, for which nothing is held out"
        )
    n = int(members.sum())
    parts = (n - ceil(held_out * n), ceil(held_out * n))  # as StratifiedShuffleSplit cuts
    if min(parts) < len(classes):
        raise DomainError(
            f"held_out is {held_out}, which cuts {n} examples into {parts[0]} to fit and {parts[1]} to judge, expected "
            f"at least {len(classes)} in both, one per class: take another share, or pass a single C"
        )
