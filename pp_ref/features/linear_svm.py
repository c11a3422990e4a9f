"""The linear classifier of features: one against all, with a squared hinge."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy  # its optimisers load when they are used
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_finite, check_numpy, check_positive, check_sizes
from pp_ref.brief import brief
from pp_ref.errors import DomainError, import_extra

__all__ = ["LinearSVMFit", "OneAgainstAll", "check_parts", "fit_by_lbfgs", "fit_linear_svm"]

MAX_ITERATIONS = 10_000  # of L-BFGS, and Newton steps of liblinear for each class; scikit-learn's own limit is 1,000
TOLERANCE = 1e-4  # share of the gradient at w = 0 at which a fit ends: liblinear's default

Solver = Literal["liblinear", "lbfgs"]


@brief
class LinearSVMFit(NamedTuple):
    """A classifier, how its C was chosen, and why its fit stopped.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fit_linear_svm
    >>> x, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> fit = fit_linear_svm(x, y, Cs=[1.0, 10.0], held_out=0.5, rng=np.random.default_rng(0), solver="lbfgs")
    >>> fit.C, fit.held_out_accuracy, fit.converged
    (1.0, {1.0: 1.0, 10.0: 1.0}, True)
    """

    classifier: Any  # a fitted sklearn.svm.LinearSVC or OneAgainstAll: predict(x), score(x, y)
    C: float  # chosen
    held_out_accuracy: dict[float, float]  # for each C; empty if there was one C only
    iterations: int  # of the classifier, for the slowest class
    converged: bool  # every fit, also in the search, ended at `TOLERANCE`


@brief
@dataclass(frozen=True, eq=False)
class OneAgainstAll:
    """The class whose score [x, 1] W is the largest."""

    W: NDArray[Any]  # (d + 1, classes); the last row has the intercepts
    classes_: NDArray[Any]
    n_iter_: int
    converged: bool

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        labels: NDArray[Any] = self.classes_[np.argmax(x @ self.W[:-1] + self.W[-1], axis=1)]
        return labels

    def score(self, x: NDArray[Any], y: NDArray[Any]) -> float:
        """The share of rows whose label is right."""
        return float(np.mean(self.predict(x) == y))


def fit_linear_svm(
    x: NDArray[Any],
    y: NDArray[Any],
    Cs: Sequence[float],
    held_out: float,
    rng: np.random.Generator,
    solver: Solver = "liblinear",
) -> LinearSVMFit:
    """Minimise |w|^2 / 2 + C mean(max(0, 1 - t ([x, 1] w))^2) for each class, t = 1 for it and -1 for the others.

    x         (n, d) float32 or float64, standardised
    y         (n,) labels of at least two classes
    Cs        each > 0, to choose from; Coates et al. take 100. A single C is taken without a search
    held_out  share in (0, 1) of each class for measuring accuracy in the search, which fits to the others
    rng       draws the held-out examples
    solver    "liblinear", one class after another; or "lbfgs", all classes together in the dtype of x, as Coates et al.
              do: it takes a fraction of the time where there are many features
    returns   LinearSVMFit; its classifier is fitted to all of x with the best C, the smallest of a tie
    raises    DomainError for no C or one that is not > 0, held_out outside (0, 1), one class only, x that is not
              finite, another solver, or, if C is searched, a class of one example or a part of x with fewer examples
              than there are classes; ShapeError if x and y do not fit; MissingExtraError without scikit-learn
    warns     scikit-learn's ConvergenceWarning for each fit of liblinear that did not converge

    C multiplies the MEAN over examples, as in Coates' code, so that it means the same for the n of the search and of
    the last fit. scikit-learn's C multiplies the sum: it is ours over n. The appended 1 is LinearSVC's
    intercept_scaling; its weight is penalised like any other. The primal is minimised, so the result does not depend on
    a seed. liblinear's copy of x takes 16 bytes per entry, 256 MB for 10,000 x 1,600.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fit_linear_svm
    >>> x, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> fit = fit_linear_svm(x, y, Cs=[100.0], held_out=0.25, rng=np.random.default_rng(0), solver="lbfgs")
    >>> fit.classifier.predict(np.array([[-3.0], [0.5]]))
    array([0, 1])
    """
    svm, selection = import_extra("sklearn.svm", "features"), import_extra("sklearn.model_selection", "features")
    check_numpy("float32 or float64", x=x)
    check_arrays("labels", y=y)
    check_sizes("n d, n", x=x, y=y)
    check_finite(x=x)
    if solver not in ("liblinear", "lbfgs"):
        raise DomainError(f"solver is {solver!r}, expected 'liblinear' or 'lbfgs'")
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

    converged = True

    def fit(C: float, x: NDArray[Any], y: NDArray[Any]) -> Any:
        nonlocal converged
        if solver == "lbfgs":
            found = fit_by_lbfgs(x, y, C)
            converged &= found.converged
            return found
        settings = {"loss": "squared_hinge", "dual": False, "intercept_scaling": 1.0, "max_iter": MAX_ITERATIONS}
        classifier = svm.LinearSVC(C=C / len(x), **settings).fit(x, y)
        converged &= bool(classifier.n_iter_ < MAX_ITERATIONS)
        return classifier

    accuracy: dict[float, float] = {}
    if len(Cs) > 1:
        split = selection.StratifiedShuffleSplit(1, test_size=held_out, random_state=int(rng.integers(2**31)))
        ((fitted, judged),) = split.split(x, y)
        accuracy = {C: float(fit(C, x[fitted], y[fitted]).score(x[judged], y[judged])) for C in sorted(Cs)}
    best = max(accuracy, key=accuracy.__getitem__) if accuracy else Cs[0]
    classifier = fit(best, x, y)
    return LinearSVMFit(classifier, best, accuracy, int(classifier.n_iter_), converged)


def fit_by_lbfgs(x: NDArray[Any], y: NDArray[Any], C: float) -> OneAgainstAll:
    """Minimise the sum over classes of the objective of `fit_linear_svm`, all of W (d + 1, classes) at once.

    Scores and their gradient are computed in the dtype of x, W and the loss in float64. The fit ends where no entry of
    the gradient is larger than `TOLERANCE` times the largest one at W = 0.
    """
    classes, number = np.unique(y, return_inverse=True)
    t = np.where(number[:, None] == np.arange(len(classes)), 1, -1).astype(x.dtype)  # (n, classes)
    n, d = x.shape

    def objective(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        W = vector.reshape(d + 1, len(classes))
        w = W.astype(x.dtype)
        slack = np.maximum(0, 1 - t * (x @ w[:-1] + w[-1]))  # (n, d) (d, classes)
        loss = np.sum(W**2) / 2 + C / n * np.sum(slack**2, dtype=np.float64)
        pull = t * slack
        dW = W - 2 * C / n * np.vstack([x.T @ pull, pull.sum(axis=0)])
        return float(loss), dW.ravel()

    start = np.zeros((d + 1) * len(classes))
    gtol = TOLERANCE * np.max(np.abs(objective(start)[1]))
    options = {"gtol": gtol, "ftol": 0.0, "maxiter": MAX_ITERATIONS, "maxfun": 2 * MAX_ITERATIONS}
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    W = found.x.reshape(d + 1, len(classes)).astype(x.dtype)
    return OneAgainstAll(W, classes, int(found.nit), bool(np.max(np.abs(found.jac)) <= gtol))


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
