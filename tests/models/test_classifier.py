"""The classifier: scikit-learn's own checks, the models that it makes, and the messages for what it refuses."""

import pickle
import re

import numpy as np
import pytest

from pp_ref.dictionaries import KINDS
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models import Full, load
from tests.processes import python
from tests.refused import refuses

pytest.importorskip("sklearn")

from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pp_ref.models.classifier import PredictedMLPClassifier


@parametrize_with_checks(
    [
        PredictedMLPClassifier(),
        PredictedMLPClassifier(
            (20, 8), dictionary="randcon", n_columns=4, solver="sgd", pretrain=2, epochs=100, learning_rate=0.5
        ),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


X, Y = load_digits(return_X_y=True)
X = X / 16
TRAIN, TEST = slice(0, 400), slice(400, 800)


def small(**settings):
    return PredictedMLPClassifier(
        **{"hidden": (20, 10), "grid": (8, 8), "n_columns": 2, "iterations": 30, "random_state": 0} | settings
    )


def kinds(classifier):
    return [
        getattr(weights.dictionary, "recipe", None) and weights.dictionary.recipe.kind for weights in layers(classifier)
    ]


def layers(classifier):
    return classifier.fit(X[TRAIN], Y[TRAIN]).model_.layers


def test_the_layers_of_a_net_for_images():
    first, second = layers(small(settings={"length_scale": 2.0}))
    assert (first.d, first.m, second.d, second.m) == (64, 20, 20, 10)
    assert first.dictionary.recipe.settings["length_scale"] == 2.0
    assert [weights.dictionary.alpha[0].size for weights in (first, second)] == [16, 5]
    assert kinds(small()) == ["se", "emp"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"grid": None}, ["emp", "emp"]),
        ({"dictionary": "randcon"}, ["randcon", "randcon"]),
        ({"dictionary": "dct"}, ["dct", "emp"]),
        ({"dictionary": "nokernel"}, [None, None]),
        ({"dictionary": "matern", "hidden": (9,)}, ["matern"]),
    ],
)
def test_the_kind_of_each_layer(settings, expected):
    assert kinds(small(**settings)) == expected


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"lowrank", "nokernel"}))
def test_every_kind_can_be_fitted(kind):
    fitted = small(dictionary=kind, iterations=2, hidden=(10, 5))
    assert [weights.dictionary.n_columns for weights in layers(fitted)] == [2, 2]


@pytest.mark.parametrize(
    "settings", [{}, {"solver": "sgd", "dropout": 0.1, "epochs": 100}, {"pretrain": 5}, {"dictionary": "nokernel"}]
)
def test_what_is_learned_generalises(settings):
    classifier = small(hidden=(40,), **settings).fit(X[TRAIN], Y[TRAIN])
    assert classifier.score(X[TEST], Y[TEST]) > 0.5  # guessing gives 0.1 ± 0.015
    again = small(hidden=(40,), **settings).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_pretraining_starts_from_learned_filters():
    (first, *_), (started, *_) = (small(pretrain=epochs).fit(X[TRAIN], Y[TRAIN]).fit_.history for epochs in (0, 5))
    assert first["loss"] != started["loss"]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_probabilities(dtype):
    classifier = small().fit(X[TRAIN].astype(dtype), Y[TRAIN])
    P = classifier.predict_proba(X[TEST])
    assert P.dtype == dtype
    assert P.shape == (400, 10)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=0, atol=20 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(classifier.predict(X[TEST]), P.argmax(axis=1))


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True]), np.array([-7, 3])])
def test_labels_of_any_type(labels):
    y = labels[Y[TRAIN] % 2]
    classifier = small(hidden=(10,)).fit(X[TRAIN], y)
    assert list(classifier.classes_) == list(labels)
    assert classifier.score(X[TRAIN], y) > 0.9
    assert set(classifier.predict(X[TEST])) == set(labels)


def test_a_pipeline_a_search_and_a_copy():
    pipeline = make_pipeline(MinMaxScaler(), small(iterations=5))
    search = GridSearchCV(pipeline, {"predictedmlpclassifier__proportion": [0.1, 0.5]}, cv=2).fit(X[TRAIN], Y[TRAIN])
    assert search.best_params_ in ({"predictedmlpclassifier__proportion": share} for share in (0.1, 0.5))
    fitted = clone(pipeline).fit(X[TRAIN], Y[TRAIN])
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X[TEST]), fitted.predict_proba(X[TEST]))


def test_what_was_learned_can_be_saved(tmp_path):
    classifier = small().fit(X[TRAIN], Y[TRAIN])
    classifier.model_.save(tmp_path / "model", classifier.params_)
    model, params = load(tmp_path / "model")
    np.testing.assert_array_equal(model.predict(params, X[TEST]), classifier.predict(X[TEST]))


def test_nokernel_learns_every_weight():
    assert layers(small(dictionary="nokernel")) == (Full(64, 20), Full(20, 10))


KINDS_SAID = ", ".join(name for name in KINDS if name != "lowrank")
REFUSED = {
    DomainError: [
        ({"hidden": ()}, "^hidden is (), expected a tuple with the units of each hidden layer: (500,)$"),
        ({"hidden": 100}, "^hidden is 100, expected a tuple with the units of each hidden layer: (500,)$"),
        ({"hidden": (5.0,)}, "^hidden[0] is 5.0, expected an integer >= 1$"),
        ({"dictionary": "lowrank"}, f"^dictionary is 'lowrank', expected one of {KINDS_SAID}"),
        ({"dictionary": "SE"}, f"^dictionary is 'SE', expected one of {KINDS_SAID}"),
        (
            {"dictionary": "se", "grid": None},
            "^kind se needs positions, but Units(n=64) has none: use a Grid or Frames",
        ),
        ({"proportion": 25}, "^proportion is 25, expected a number in (0, 1]: 1 keeps everything$"),
        ({"solver": "adam"}, "^solver is 'adam', expected one of lbfgs, sgd$"),
        ({"pretrain": True, "epochs": -1, "solver": "sgd"}, "^epochs is -1, expected an integer >= 0$"),
        ({"pretrain": 0.5}, "^pretrain is 0.5, expected an integer >= 0$"),
        (
            {"settings": {"lengthscale": 2}},
            "^lengthscale is no setting of kind se, which takes length_scale, ridge, form",
        ),
        ({"dropout": 1.0}, "^dropout is 1.0, expected a number in [0, 1): 0 switches it off$"),
        ({"iterations": 0}, "^iterations is 0, expected an integer >= 1$"),
    ],
    ShapeError: [
        ({"grid": (28, 28)}, "^X has 64 columns, expected 784, as in grid (28, 28)$"),
        ({"grid": 64}, "^grid is 64, expected (height, width), 2 integers >= 1: or height, width and channels for im"),
        ({"grid": (8.0, 8)}, "^grid is (8.0, 8), expected (height, width), 2 integers >= 1: or height, width and chan"),
        ({"n_columns": 11}, "^the dictionary has 11 columns for 10 units; use fewer columns$"),
    ],
}
test_messages = refuses(
    lambda settings: small(**settings).fit(X[TRAIN], Y[TRAIN]),
    {
        error: [(settings, f"^{re.escape(said.strip('^$'))}") for settings, said in rows]
        for error, rows in REFUSED.items()
    },
)


def spoilt(value):
    x = X[TRAIN].copy()
    x[3, 5] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (csr_array(X[TRAIN]), Y[TRAIN], TypeError, "Sparse data was passed for X, but dense data is required"),
        (spoilt(np.nan), Y[TRAIN], ValueError, "Input X contains NaN"),
        (spoilt(np.inf), Y[TRAIN], ValueError, "Input X contains infinity"),
        (X[TRAIN], np.full(400, "a"), DomainError, "y has one class, a: expected at least two classes"),
        (X[TRAIN], Y[:399], ValueError, "inconsistent numbers of samples"),
        (X[TRAIN], X[TRAIN, 20] / 3, ValueError, "Unknown label type: continuous"),
    ],
)
def test_data_that_cannot_be_learned_from(x, y, error, message):
    with pytest.raises(error, match=message):
        small().fit(x, y)


def test_another_number_of_columns():
    with pytest.raises(
        ValueError, match="X has 63 features, but PredictedMLPClassifier is expecting 64 features as input"
    ):
        small(iterations=1).fit(X[TRAIN], Y[TRAIN]).predict(X[TEST, 1:])


def test_scikit_learn_is_asked_for_only_here():
    code = (
        "import sys; sys.modules['sklearn'] = None; import pp_ref.models\n"
        "try: import pp_ref.models.classifier\n"
        "except ImportError as error: print(error)"
    )
    said = python("-c", code).stdout
    assert said == (
        "scikit-learn is not installed, but this function needs it: "
        "pip install scikit-learn (the extra 'features' of pp-ref)\n"
    )
