"""The linear classifier: it minimises what its docstring says, and C is chosen on what was held out."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, MissingExtraError, ShapeError
from pp_ref.features import fit_linear_svm

pytest.importorskip("sklearn")


def blobs(n=300, classes=3, d=4, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    return 2 * np.eye(classes, d)[y] + spread * rng.standard_normal((n, d)), y


def gradient(w, x, t, C):
    """Of |w|^2 / 2 + C mean(max(0, 1 - t ([x, 1] w))^2), written out."""
    ones = np.column_stack([x, np.ones(len(x))])
    return w - 2 * C * ones.T @ (t * np.maximum(0, 1 - t * (ones @ w))) / len(x)


@pytest.mark.parametrize("C", [0.1, 100.0])
def test_it_minimises_the_mean_with_the_intercept_penalised(C):
    """liblinear stops where the gradient is below 1e-4 of its start at w = 0, times the share of the rarer side."""
    x, y = blobs()
    fit = fit_linear_svm(x, y, [C], 0.2, np.random.default_rng(0))
    for label, w, b in zip(fit.classifier.classes_, fit.classifier.coef_, fit.classifier.intercept_, strict=True):
        t = np.where(y == label, 1, -1)
        left, start = (np.linalg.norm(gradient(at, x, t, C)) for at in (np.append(w, b), np.zeros(5)))
        assert left <= 1e-4 * start
    assert (fit.C, fit.held_out_accuracy) == (C, {})


def test_the_best_on_held_out_data_is_taken():
    x, y = blobs(spread=1.5)
    Cs = [100.0, 1e-6, 1.0]
    fit = fit_linear_svm(x, y, Cs, 0.3, np.random.default_rng(0))
    assert sorted(fit.held_out_accuracy) == sorted(Cs)
    best = max(fit.held_out_accuracy.values())
    chosen = [C for C, accuracy in fit.held_out_accuracy.items() if accuracy == best]
    assert min(chosen) == fit.C
    assert best > 0.5
    again = fit_linear_svm(x, y, [fit.C], 0.3, np.random.default_rng(1))  # all of x, whatever was held out
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


def test_two_classes_of_any_name():
    x, y = blobs(classes=2, spread=0.1)
    fit = fit_linear_svm(x.astype("f4"), np.array(["cat", "dog"])[y], [1.0, 100.0], 0.2, np.random.default_rng(0))
    assert set(fit.classifier.predict(x)) == {"cat", "dog"}


X, Y = blobs(12)


@pytest.mark.parametrize(
    ("x", "y", "Cs", "held_out", "error", "message"),
    [
        (
            X,
            Y,
            [],
            0.2,
            DomainError,
            "^Cs is empty, expected at least one C to choose from: 100 is that of Coates et al",
        ),
        (X, Y, [1, -1], 0.2, DomainError, "^C is -1, expected a finite number > 0$"),
        (X, Y, [1, 2], 0, DomainError, r"^held_out is 0, expected a share in \(0, 1\)$"),
        (X, Y, [1, 2], np.nan, DomainError, "^held_out is nan, expected a share in"),
        (X, 0 * Y, [1], 0.2, DomainError, r"^y holds 1 class\(es\), expected at least two to tell apart$"),
        (X, Y[1:], [1], 0.2, ShapeError, "^axis n is 12 in x but 11 in y$"),
        (X * np.nan, Y, [1], 0.2, DomainError, "^x has 48 entries that are NaN or infinite"),
        (X, np.r_[9, Y[1:]], [1, 2], 0.2, ValueError, "least populated class"),
    ],
)
def test_messages(x, y, Cs, held_out, error, message):
    with pytest.raises(error, match=message):
        fit_linear_svm(x, y, Cs, held_out, np.random.default_rng(0))


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.svm", None)
    with pytest.raises(MissingExtraError, match=r"^sklearn.svm is not installed, .*pip install 'pp_ref\[features\]'$"):
        fit_linear_svm(X, Y, [1], 0.2, np.random.default_rng(0))
