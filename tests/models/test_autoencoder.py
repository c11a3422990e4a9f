"""A layer as a tied autoencoder: by hand, column by column, and in other array libraries and dtypes."""

from itertools import pairwise

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.choose import use_backend
from pp_ref.models import Autoencoder, Count, Full, LowRank, Predicted
from tests.bounds import assert_within
from tests.properties.bounded import Bounded

X = np.random.default_rng(0).random((7, 16))
DICTIONARY = make_dictionary("se", Grid(4, 4), proportion=0.25, n_columns=3, rng=np.random.default_rng(1))
MODELS = {
    f"{name}, {'columns apart' if apart else 'together'}": Autoencoder(weights, apart)
    for name, weights in (
        ("full", Full(16, 5)),
        ("predicted", Predicted(DICTIONARY, 7)),
        ("low rank", LowRank(16, 5, 2)),
    )
    for apart in (False, True)
}
MODELS["predicted, columns stacked"] = Autoencoder(Predicted(DICTIONARY, 7), per_column=True, stacked_cost=True)


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return MODELS[request.param]


def drawn(model, dtype=float):
    params = model.init(np.random.default_rng(2), dtype=dtype)
    return {name: array + np.asarray(0.125, dtype) for name, array in params.items()}


def test_by_hand():
    """Weights and biases of zero: h = 1/2 and r = 1/2 everywhere, so the loss is the mean of |1/2 - v|^2."""
    model, v = Autoencoder(Full(2, 3)), np.array([[0.0, 1.0], [0.5, 0.25]])
    params = {"W": np.zeros((2, 3)), "b": np.zeros(3), "c": np.zeros(2)}
    loss, gradient = model.loss_and_gradient(params, v)
    assert loss == model.loss(params, v) == (0.25 + 0.25 + 0 + 0.0625) / 2
    # da = 2 (r - v) / n r (1 - r) = (1/2 - v) / 4, and dc is its sum; dW = da^T h, since W = 0 passes no gradient back.
    np.testing.assert_array_equal(gradient["c"], [0.125, (-0.5 + 0.25) / 4])
    np.testing.assert_array_equal(gradient["b"], np.zeros(3))
    np.testing.assert_array_equal(gradient["W"], np.repeat(gradient["c"][:, None] / 2, 3, axis=1))
    np.testing.assert_array_equal(model.predict(params, v), np.full((2, 3), 0.5))


def test_names_and_counts():
    together, apart = MODELS["predicted, together"], MODELS["predicted, columns apart"]
    assert {name: array.shape for name, array in together.init(np.random.default_rng(0)).items()} == {
        "w0": (4, 3),
        "w1": (4, 2),
        "w2": (4, 2),
        "b": (7,),
        "c": (16,),
    }
    assert "c" not in apart.init(np.random.default_rng(0))
    weights = Count(28, 3 * 64, 112)
    assert together.count() == {"1": weights, "biases": Count(23, 0, 23)}
    assert apart.count() == {"1": weights, "biases": Count(7, 0, 7)}


def test_init_draws_what_count_counts(model):
    dynamic = sum(count.dynamic for count in model.count().values())
    assert dynamic == sum(array.size for array in model.init(np.random.default_rng(0)).values())


def test_columns_apart_are_separate_autoencoders_whose_losses_add():
    """Each column's gradient and the sum of the losses are within the running error of separate autoencoders."""
    model = MODELS["predicted, columns apart"]
    params = drawn(model)
    loss, gradient = model.loss_and_gradient(params, X)
    assert loss == model.loss(params, X)
    losses, starts = [], (0, 3, 5, 7)
    for j, (start, end) in enumerate(pairwise(starts)):
        own = make_dictionary("own", Grid(4, 4), U=DICTIONARY.columns[j].U, rng=np.random.default_rng(0))
        one = {"w0": params[f"w{j}"], "b": params["b"][start:end], "c": np.zeros(16)}
        bounded = {name: Bounded(array, 0, float) for name, array in one.items()}
        alone, exact = Autoencoder(Predicted(own, end - start)).loss_and_gradient(bounded, Bounded(X, 0, float))
        losses.append(alone)
        for name, got in (("w0", gradient[f"w{j}"]), ("b", gradient["b"][start:end])):
            assert_within(got, exact[name].value, exact[name].error, f"{name} of column {j}")
    total = sum(losses[1:], losses[0])
    assert abs(loss - total.value) <= total.error


def test_the_stacked_cost_is_the_authors():
    """Their reconstructions are a stack (J, n, d); its squared errors are summed over axis 1, then averaged."""
    model, apart = MODELS["predicted, columns stacked"], MODELS["predicted, columns apart"]
    params = drawn(model)
    (W,) = model.filters(params)
    stack = []
    for start, end in pairwise((0, 3, 5, 7)):
        h = 1 / (1 + np.exp(-(X @ W[:, start:end] + params["b"][start:end])))
        stack.append(1 / (1 + np.exp(-(h @ W[:, start:end].T))))
    loss, gradient = model.loss_and_gradient(params, X)
    assert loss == model.loss(params, X)
    np.testing.assert_allclose(loss, ((np.array(stack) - X) ** 2).sum(axis=1).mean(), rtol=1e-14)
    other, others = apart.loss_and_gradient(params, X)
    for got, want in ((loss, other), *((gradient[name], others[name]) for name in params)):
        np.testing.assert_allclose(got, want * 7 / (3 * 16), rtol=1e-13)  # n / (J d)


@pytest.mark.parametrize("weights", [Full(16, 5), LowRank(16, 5, 2)])
def test_layers_without_columns_have_no_stack(weights):
    plain, stacked = Autoencoder(weights, True), Autoencoder(weights, True, True)
    params = drawn(plain)
    assert stacked.loss(params, X) == plain.loss(params, X)
    for name, g in stacked.loss_and_gradient(params, X)[1].items():
        np.testing.assert_array_equal(g, plain.loss_and_gradient(params, X)[1][name])


def test_a_stack_of_columns_that_reconstruct_together_is_refused():
    with pytest.raises(DomainError, match="^stacked_cost is True, but per_column is False: expected both"):
        Autoencoder(Full(16, 5), stacked_cost=True)


@pytest.mark.parametrize("name", ["full", "low rank"])
def test_other_weights_are_one_column(name):
    """per_column then changes the visible bias alone."""
    together, apart = MODELS[f"{name}, together"], MODELS[f"{name}, columns apart"]
    params = drawn(apart)
    assert apart.loss(params, X) == together.loss(params | {"c": np.zeros(16)}, X)


def test_what_the_next_layer_is_given(model):
    params = drawn(model)
    h = model.predict(params, X)
    assert h.shape == (7, model.weights.m)
    (W,) = model.filters(params)
    exact = {name: Bounded(array, 0, float) for name, array in params.items()}
    bounded = model.predict(exact, Bounded(X, 0, float))
    want = 1 / (1 + np.exp(-(X.astype(np.longdouble) @ W + params["b"])))
    # W itself is rounded: a second pass through it adds at most its own error once more.
    assert_within(h, want, 2 * bounded.error, "h")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_models_dtype_is_that_of_its_parameters(model, dtype):
    params = drawn(model, dtype)
    loss, gradient = model.loss_and_gradient(params, X.astype(dtype))
    assert loss.dtype == model.predict(params, X.astype(dtype)).dtype == dtype
    assert {name: (g.dtype, g.shape) for name, g in gradient.items()} == {
        name: (np.dtype(dtype), array.shape) for name, array in params.items()
    }


def test_nothing_is_written_to(model):
    params, x = drawn(model), X.copy()
    before = {name: array.copy() for name, array in params.items()}
    _, gradient = model.loss_and_gradient(params, x)
    np.testing.assert_array_equal(x, X)
    for name, array in params.items():
        np.testing.assert_array_equal(array, before[name])
        assert not np.shares_memory(gradient[name], array)


def test_no_examples(model):
    params = drawn(model)
    loss, gradient = model.loss_and_gradient(params, X[:0])
    assert loss == 0
    assert not any(g.any() for g in gradient.values())
    assert model.predict(params, X[:0]).shape == (0, model.weights.m)


def test_nan_in_the_data_reaches_the_loss(model):
    x = X.copy()
    x[3, 7] = np.nan
    assert np.isnan(model.loss_and_gradient(drawn(model), x)[0])


def test_another_array_library_computes_the_same(model):
    """array-api-strict computes with NumPy, so every value is the same to the bit."""
    xp = array_api_strict
    params = drawn(model)
    strict = {name: xp.asarray(array) for name, array in params.items()}
    with use_backend("numpy"):  # kernels take NumPy arrays only
        want, gradient = model.loss_and_gradient(params, X)
        loss, strict_gradient = model.loss_and_gradient(strict, xp.asarray(X))
        features, strict_features = model.predict(params, X), model.predict(strict, xp.asarray(X))
    assert float(loss) == float(want)
    for name, g in strict_gradient.items():
        np.testing.assert_array_equal(np.asarray(g), gradient[name])
    np.testing.assert_array_equal(np.asarray(strict_features), features)


def test_an_input_of_another_width(model):
    with pytest.raises(ShapeError, match=r"^x has shape \(\d+, 15\), expected \(n, 16\): one example per row$"):
        model.loss_and_gradient(drawn(model), X[:, :15])
