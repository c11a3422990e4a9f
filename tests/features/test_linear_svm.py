"""The linear classifier: it minimises the objective of its docstring, and C is chosen on held-out examples."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, MissingExtraError, ShapeError
from pp_ref.features import fit_linear_svm, linear_svm
from tests.refused import refuses

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning


def blobs(n=300, classes=3, d=4, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    return 2 * np.eye(classes, d)[y] + spread * rng.standard_normal((n, d)), y


def gradient(w, x, t, C):
    """Return the gradient of |w|^2 / 2 + C mean(max(0, 1 - t ([x, 1] w))^2)."""
    ones = np.column_stack([x, np.ones(len(x))])
    return w - 2 * C * ones.T @ (t * np.maximum(0, 1 - t * (ones @ w))) / len(x)


@pytest.mark.parametrize("C", [0.1, 100.0])
def test_it_minimises_the_mean_with_the_intercept_penalised(C):
    """liblinear stops once the gradient is below 1e-4 of its start at w = 0, times the share of the rarer side."""
    x, y = blobs()
    fit = fit_linear_svm(x, y, [C], 0.2, np.random.default_rng(0))
    for label, w, b in zip(fit.classifier.classes_, fit.classifier.coef_, fit.classifier.intercept_, strict=True):
        t = np.where(y == label, 1, -1)
        left, start = (np.linalg.norm(gradient(at, x, t, C)) for at in (np.append(w, b), np.zeros(5)))
        assert left <= 1e-4 * start
    assert (fit.C, fit.held_out_accuracy) == (C, {})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [0.1, 100.0])
def test_lbfgs_comes_to_the_same_minimum(C, dtype):
    """The objective is |w|^2 / 2 and a convex function, so |w - minimum| <= |gradient at w|, for either solver."""
    x, y = blobs()
    plain = fit_linear_svm(x, y, [C], 0.2, np.random.default_rng(0)).classifier
    fit = fit_linear_svm(x.astype(dtype), y, [C], 0.2, np.random.default_rng(0), "lbfgs")
    assert fit.converged
    assert (fit.C, fit.iterations) == (C, fit.classifier.n_iter_)
    for k, label in enumerate(plain.classes_):
        t = np.where(y == label, 1, -1)
        ours, theirs = fit.classifier.W[:, k], np.append(plain.coef_[k], plain.intercept_[k])
        bound = sum(np.linalg.norm(gradient(w.astype(float), x, t, C)) for w in (ours, theirs))
        assert np.linalg.norm(ours - theirs) <= bound
        # Each entry is at most TOLERANCE of the largest of all classes at 0, and float32 rounds sums of 300 terms.
        start = max(abs(gradient(np.zeros(5), x, np.where(y == other, 1, -1), C)).max() for other in plain.classes_)
        rounding = 300 * np.finfo(dtype).eps * 2 * C * np.abs(x).max()
        assert abs(gradient(ours.astype(float), x, t, C)).max() <= linear_svm.TOLERANCE * start + rounding
    np.testing.assert_array_equal(fit.classifier.predict(x), plain.predict(x))


def test_lbfgs_chooses_C_and_says_whether_it_converged(monkeypatch):
    x, y = blobs(spread=1.5)
    fit = fit_linear_svm(x, y, [100.0, 1e-6, 1.0], 0.3, np.random.default_rng(0), "lbfgs")
    assert fit.held_out_accuracy[fit.C] == max(fit.held_out_accuracy.values()) > 0.5
    assert fit.converged
    monkeypatch.setattr(linear_svm, "MAX_ITERATIONS", 1)
    assert not fit_linear_svm(x, y, [100.0], 0.3, np.random.default_rng(0), "lbfgs").converged


def test_the_best_on_held_out_data_is_taken():
    x, y = blobs(spread=1.5)
    Cs = [100.0, 1e-6, 1.0]
    fit = fit_linear_svm(x, y, Cs, 0.3, np.random.default_rng(0))
    assert sorted(fit.held_out_accuracy) == sorted(Cs)
    best = max(fit.held_out_accuracy.values())
    chosen = [C for C, accuracy in fit.held_out_accuracy.items() if accuracy == best]
    assert min(chosen) == fit.C
    assert best > 0.5
    again = fit_linear_svm(x, y, [fit.C], 0.3, np.random.default_rng(1))  # fitted to all of x
    np.testing.assert_array_equal(fit.classifier.coef_, again.classifier.coef_)


def test_of_equals_the_smallest_is_taken():
    x, y = blobs(spread=0.01)
    fit = fit_linear_svm(x, y, [10.0, 1.0], 0.3, np.random.default_rng(0))
    assert fit.held_out_accuracy == {1.0: 1.0, 10.0: 1.0}
    assert fit.C == 1.0


def test_held_out_data_are_the_generators():
    x, y = blobs(spread=2.0)
    a, b, c = (fit_linear_svm(x, y, [1e-4, 1.0], 0.3, np.random.default_rng(s)).held_out_accuracy for s in (0, 0, 1))
    assert a == b
    assert a != c


@pytest.mark.parametrize("Cs", [[100.0], [1.0, 100.0]])
def test_a_fit_says_why_it_stopped(monkeypatch, Cs):
    x, y = blobs()
    fit = fit_linear_svm(x, y, Cs, 0.3, np.random.default_rng(0))
    assert fit.converged
    assert 1 < fit.iterations == fit.classifier.n_iter_ < linear_svm.MAX_ITERATIONS
    monkeypatch.setattr(linear_svm, "MAX_ITERATIONS", 1)
    with pytest.warns(ConvergenceWarning, match="failed to converge") as warned:
        fit = fit_linear_svm(x, y, Cs, 0.3, np.random.default_rng(0))
    assert len(warned) == (1 if len(Cs) == 1 else 3)
    assert (fit.converged, fit.iterations) == (False, 1)


def test_a_class_of_one_example_is_fitted_where_nothing_is_held_out():
    x, y = blobs(12)
    y[0] = 9
    assert 9 in fit_linear_svm(x, y, [1.0], 0.2, np.random.default_rng(0)).classifier.classes_


@pytest.mark.parametrize("held_out", [0.2, 0.34, 0.5, 0.66, 0.75, 0.8])
def test_scikit_learn_cuts_what_was_let_through(held_out):
    """scikit-learn also refuses the numbers that `check_parts` refuses."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    for n in range(6, 30):
        y = np.arange(n) % 3
        split = model_selection.StratifiedShuffleSplit(1, test_size=held_out, random_state=0)
        try:
            linear_svm.check_parts(*np.unique(y, return_counts=True), held_out)
        except DomainError:
            with pytest.raises(ValueError, match="should be greater or equal to the number of classes"):
                next(split.split(y[:, None], y))
        else:
            next(split.split(y[:, None], y))


def test_two_classes_of_any_name():
    x, y = blobs(classes=2, spread=0.1)
    fit = fit_linear_svm(x.astype("f4"), np.array(["cat", "dog"])[y], [1.0, 100.0], 0.2, np.random.default_rng(0))
    assert set(fit.classifier.predict(x)) == {"cat", "dog"}


X, Y = blobs(12)


REFUSED = {
    DomainError: [
        (X, Y, [], 0.2, "^Cs is empty, expected at least one C to choose from: 100 is that of Coates et al"),
        (X, Y, [1, -1], 0.2, "^C is -1, expected a finite number > 0$"),
        (X, Y, [1, 2], 0, r"^held_out is 0, expected a share in \(0, 1\)$"),
        (X, Y, [1, 2], np.nan, "^held_out is nan, expected a share in"),
        (X, 0 * Y, [1], 0.2, r"^y holds 1 class\(es\), expected at least two to tell apart$"),
        (X * np.nan, Y, [1], 0.2, "^x has 48 entries that are NaN or infinite"),
        (
            *(X, np.r_[9, Y[1:]], [1, 2], 0.2),
            "^y holds one example of class 9, expected at least two, one of them to be held out: add examples, leave "
            "the class out, or pass a single C, for which nothing is held out$",
        ),
        (
            *(X, Y, [1, 2], 0.1),
            "^held_out is 0.1, which cuts 12 examples into 10 to fit and 2 to judge, expected at least 3 in both, one "
            "per class: take another share, or pass a single C$",
        ),
        (X, Y, [1, 2], 0.9, "^held_out is 0.9, which cuts 12 examples into 1 to fit and 11 to judge"),
    ],
    ShapeError: [(X, Y[1:], [1], 0.2, "^axis n is 12 in x but 11 in y$")],
}
test_messages = refuses(lambda *arguments: fit_linear_svm(*arguments, np.random.default_rng(0)), REFUSED)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.svm", None)
    with pytest.raises(MissingExtraError, match=r"^scikit-learn is not installed, .*the extra 'features' of pp-ref"):
        fit_linear_svm(X, Y, [1], 0.2, np.random.default_rng(0))


def test_another_solver():
    with pytest.raises(DomainError, match="^solver is 'newton', expected 'liblinear' or 'lbfgs'$"):
        fit_linear_svm(X, Y, [1], 0.2, np.random.default_rng(0), "newton")
