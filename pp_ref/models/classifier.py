"""`PredictedMLPClassifier`: the perceptron of sec. 4.1 as a scikit-learn classifier.

Importing this module needs scikit-learn, importing `pp_ref.models` does not.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_integer
from pp_ref.brief import brief_value
from pp_ref.dictionaries import KINDS, Grid, Space, Units, make_dictionary
from pp_ref.errors import DomainError, ShapeError, check_known, import_extra
from pp_ref.features.patches import check_extents
from pp_ref.layers.softmax import softmax
from pp_ref.models.full import Full
from pp_ref.models.mlp import MLP
from pp_ref.models.predicted import Predicted
from pp_ref.models.pretraining import pretrain
from pp_ref.models.weights import Weights
from pp_ref.training import SGD, Fit, fit_lbfgs, fit_sgd

import_extra("sklearn", "features")  # its error names the missing extra; that of the next line would not

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["PredictedMLPClassifier"]

SOLVERS = ("lbfgs", "sgd")
BATCH = 1000  # examples classified at once, to bound the memory


class PredictedMLPClassifier(ClassifierMixin, BaseEstimator):
    """x -> s(x U_1 w_1 + b_1) -> ... -> softmax, with only the w_l and the b_l learned (paper, sec. 3.5 and 4.1).

    hidden         units of each hidden layer, integers >= 1
    dictionary     a kind of `pp_ref.dictionaries.KINDS` that needs no more than the data: that of the first layer, and
                   of the others too unless it needs positions, which hidden units do not have; they then take "emp",
                   as the paper's SE-Emp. None: "se" if there is a grid, else "emp". "nokernel" learns every weight
    proportion     in (0, 1]: the share of each unit's weights that is learned
    n_columns      int >= 1: columns of each layer, at most as many as its units
    grid           (height, width) or (height, width, channels) of the image in a row, channels last; None: the columns
                   of X have no order
    settings       those of the first layer's dictionary, such as {"length_scale": 2.0}
    pretrain       int >= 0: epochs for which each layer is first trained as an autoencoder, for X in [0, 1]
    solver         "lbfgs": all examples at once, for at most so many iterations. "sgd": for so many epochs, for many
                   examples
    iterations     int >= 1, of lbfgs
    epochs         int >= 0, of sgd
    learning_rate  > 0, of sgd and pretraining; so are batch, int >= 1, and momentum, in [0, 1)
    dropout        in [0, 1), for sgd alone
    weight_decay   >= 0: adds weight_decay * sum W^2 over the learned weights
    random_state   argument of `numpy.random.default_rng`; it draws alpha, the start and the order of the examples

    classes_       the labels, sorted, after fit; model_ the MLP, params_ its parameters, fit_ the `Fit` with its
                   history and the reason why it stopped. `model_.count()` counts the learned weights

    A fit takes rows of float32 or float64; all is computed in their dtype. Scale them first: sigmoids saturate. It
    raises ShapeError if rows are no images of that grid, DomainError for another setting, and scikit-learn's errors for
    sparse matrices, NaN and infinity.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from pp_ref.models.classifier import PredictedMLPClassifier
    >>> x, y = load_digits(return_X_y=True)
    >>> classifier = PredictedMLPClassifier((40,), grid=(8, 8), proportion=0.25, n_columns=4, random_state=0)
    >>> bool(classifier.fit(x[:1000] / 16, y[:1000]).score(x[1000:] / 16, y[1000:]) > 0.85)
    True
    >>> classifier.model_.count()["1"]
    Count(dynamic=640, static=4096, total=2560)
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100,),
        *,
        dictionary: str | None = None,
        proportion: float = 0.25,
        n_columns: int = 10,
        grid: Sequence[int] | None = None,
        settings: Mapping[str, Any] | None = None,
        pretrain: int = 0,
        solver: Literal["lbfgs", "sgd"] = "lbfgs",
        iterations: int = 200,
        epochs: int = 20,
        learning_rate: float = 0.1,
        batch: int = 100,
        momentum: float = 0.9,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.dictionary = dictionary
        self.proportion = proportion
        self.n_columns = n_columns
        self.grid = grid
        self.settings = settings
        self.pretrain = pretrain
        self.solver = solver
        self.iterations = iterations
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch = batch
        self.momentum = momentum
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from rows X (n, d) and their labels y (n,), of any type that scikit-learn takes as classes."""
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DomainError(f"y has one class, {self.classes_[0]}: expected at least two classes")
        self._check_settings()
        rng, kinds = np.random.default_rng(self.random_state), self._kinds()
        space = self._space(X.shape[1])

        def weights(layer: int, v: NDArray[Any]) -> Weights:
            where = space if layer == 0 else Units(v.shape[1])
            return self._weights(kinds[layer], where, self.hidden[layer], v, self.settings if layer == 0 else None, rng)

        choose = [lambda v, layer=layer: weights(layer, v) for layer in range(len(self.hidden))]
        started = pretrain(X, choose, self._sgd(self.pretrain), rng)
        self.model_ = MLP(started.layers, len(self.classes_), dropout=self.dropout, weight_decay=self.weight_decay)
        params = self.model_.init(rng, dtype=X.dtype) | started.params
        self.fit_ = self._fit(self.model_.prepare(X), codes.astype(np.int64), params, rng)
        self.params_ = self.fit_.params
        return self

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n, classes): the probability of each class, in the order of ``classes_``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.params_["softmax.W"].dtype, reset=False)
        batches = (X[start : start + BATCH] for start in range(0, len(X), BATCH))
        return np.concatenate([softmax(self.model_.logits(self.params_, rows)) for rows in batches])

    def predict(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n,): the most probable class of each row."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def _check_settings(self) -> None:
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence) or not self.hidden:
            raise DomainError(
                f"hidden is {brief_value(self.hidden)}, expected a tuple with the units of each hidden layer: (500,)"
            )
        check_integer(1, **{f"hidden[{layer}]": units for layer, units in enumerate(self.hidden)})
        check_integer(0, pretrain=self.pretrain)
        check_known("solver", self.solver, SOLVERS)

    def _kinds(self) -> list[str]:
        """The kind of each layer's dictionary."""
        first = self.dictionary if self.dictionary is not None else "emp" if self.grid is None else "se"
        check_known("dictionary", first, [name for name in KINDS if name != "lowrank"])
        return [first, *["emp" if KINDS[first].smooth else first] * (len(self.hidden) - 1)]

    def _space(self, d: int) -> Space:
        if self.grid is None:
            return Units(d)
        axes = "height, width, channels" if np.size(self.grid) == 3 else "height, width"
        check_extents("grid", self.grid, axes, "or height, width and channels for images in colour")
        if prod(self.grid) != d:
            raise ShapeError(f"X has {d} columns, expected {prod(self.grid)}, as in grid {tuple(self.grid)}")
        return Grid(*self.grid)

    def _weights(
        self,
        kind: str,
        space: Space,
        units: int,
        v: NDArray[Any],
        settings: Mapping[str, Any] | None,
        rng: np.random.Generator,
    ) -> Weights:
        if kind == "nokernel":
            return Full(space.size, units)
        dictionary = make_dictionary(
            kind,
            space,
            proportion=self.proportion,
            n_columns=self.n_columns,
            rng=rng,
            data=v if KINDS[kind].data else None,
            **(settings or {}),
        )
        return Predicted(dictionary, units)

    def _sgd(self, epochs: int) -> SGD:
        return SGD(epochs, self.learning_rate, self.batch, self.momentum)

    def _fit(self, x: Any, y: NDArray[np.int64], params: dict[str, Any], rng: np.random.Generator) -> Fit:
        model = self.model_
        if self.solver == "lbfgs":
            return fit_lbfgs(lambda at: model.loss_and_gradient(at, x, y), params, iterations=self.iterations)
        return fit_sgd(
            lambda at, rows, rng: model.loss_and_gradient(at, x[rows], y[rows], rng),
            params,
            len(y),
            self._sgd(self.epochs),
            rng,
        )
