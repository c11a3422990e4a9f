"""The MLP: names, counts, predictions by hand, and other kinds of weights and inputs."""

from itertools import pairwise

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.choose import use_backend
from pp_ref.models import MLP, Count, Full, LowRank, Predicted
from pp_ref.models.mlp import mlp
from tests.bounds import assert_within
from tests.properties.bounded import Bounded

X = np.random.default_rng(0).random((9, 16))
Y = np.random.default_rng(1).integers(0, 3, 9)


def se(n_columns=2, proportion=0.5):
    return make_dictionary("se", Grid(4, 4), proportion=proportion, n_columns=n_columns, rng=np.random.default_rng(2))


MODELS = {
    "full-full": MLP((Full(16, 8), Full(8, 6)), 3),
    "predicted-predicted": MLP(
        (
            Predicted(se(3), 8),
            Predicted(make_dictionary("randfixu", Units(8), n_alpha=3, n_columns=2, rng=np.random.default_rng(3)), 5),
        ),
        3,
        weight_decay=0.125,
    ),
    "predicted-low rank, relu": MLP((Predicted(se(1), 8), LowRank(8, 6, 2)), 3, "relu"),
    "low rank-full, maxout": MLP((LowRank(16, 8, 3), Full(4, 6)), 3, "maxout"),
    "dropout": MLP((Predicted(se(2), 8), Full(8, 6)), 3, dropout=0.5),
}


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return MODELS[request.param]


def drawn(model, dtype=float):
    """Random parameters, biases included."""
    params = model.init(np.random.default_rng(4), dtype=dtype)
    return {name: array + np.asarray(0.125, dtype) for name, array in params.items()}


def test_the_papers_net():
    model = mlp((784, 500, 500, 10))
    counts = model.count()
    assert counts == {
        "1": Count(392_000, 0, 392_000),
        "2": Count(250_000, 0, 250_000),
        "softmax": Count(5_000, 0, 5_000),
        "biases": Count(1_010, 0, 1_010),
    }
    params = model.init(np.random.default_rng(0))
    assert {name: array.shape for name, array in params.items()} == {
        "1.W": (784, 500),
        "1.b": (500,),
        "2.W": (500, 500),
        "2.b": (500,),
        "softmax.W": (500, 10),
        "softmax.b": (10,),
    }
    assert {array.dtype for array in params.values()} == {np.dtype(np.float32)}
    assert 0.0999 < abs(params["1.W"]).max() <= 0.1
    assert 0.0199 < abs(params["softmax.W"]).max() <= 0.02


@pytest.mark.parametrize("columns", [1, 5, 10])
def test_the_dynamic_count_is_what_init_draws_and_does_not_depend_on_the_columns(columns):
    rng = np.random.default_rng(0)
    first, second = (
        make_dictionary("randcon", space, proportion=0.1, n_columns=columns, rng=rng)
        for space in (Grid(28, 28), Units(500))
    )
    model = mlp((784, 500, 500, 10), [first, second])
    counts = model.count()
    assert counts["1"].dynamic == 78 * 500
    assert counts["2"].dynamic == 50 * 500
    assert sum(count.dynamic for count in counts.values()) == sum(p.size for p in model.init(rng).values())


def test_init_draws_what_count_counts(model):
    dynamic = sum(count.dynamic for count in model.count().values())
    assert dynamic == sum(array.size for array in model.init(np.random.default_rng(0)).values())


def test_a_net_by_hand():
    """relu, weights of 0 and 1: logits are (x_0, x_1, 0) + b, so the class is known."""
    model = MLP((Full(2, 2),), 3, "relu", weight_decay=0.5)
    W = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    params = {"1.W": np.eye(2), "1.b": np.zeros(2), "softmax.W": W, "softmax.b": np.array([0.0, 0.0, 0.5])}
    x, y = np.array([[2.0, 1.0], [0.0, 1.0], [-1.0, -1.0], [0.25, -4.0]]), np.array([0, 1, 2, 0])
    logits = np.array([[2.0, 1.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 0.5], [0.25, 0.0, 0.5]])
    np.testing.assert_array_equal(model.logits(params, x), logits)
    np.testing.assert_array_equal(model.predict(params, x), [0, 1, 2, 2])
    assert model.error(params, x, y) == 0.25
    assert model.error(params, x, y, batch=3) == 0.25
    assert model.error(params, x, (y + 1) % 3) in (0.75, 1.0)
    surprise = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4), y]
    want = surprise.mean() + 0.5 * 4  # four weights of 1, no bias: 0.5 * (2 + 2)
    # exp and log are off by a few units in the last place, sums of 3 and 4 terms by as many
    assert abs(model.loss(params, x, y) - want) <= 32 * np.finfo(float).eps * want


def test_maxout_by_hand():
    model = MLP((Full(1, 4),), 2, "maxout")
    params = {
        "1.W": np.array([[1.0, -1.0, 2.0, 0.0]]),
        "1.b": np.array([0.0, 0.0, 0.0, 3.0]),
        "softmax.W": np.eye(2),
        "softmax.b": np.zeros(2),
    }
    np.testing.assert_array_equal(model.logits(params, np.array([[-4.0], [1.0], [2.0]])), [[4, 3], [1, 3], [2, 4]])


def test_weight_decay_adds_the_squares_of_matrices_alone(model):
    params = {name: np.zeros_like(array) for name, array in drawn(model).items()}
    for name in params:
        if name.endswith(".b"):
            params[name] += 2.0
    with_decay = MLP(model.layers, model.classes, model.activation, weight_decay=0.25)
    without = MLP(model.layers, model.classes, model.activation)
    assert with_decay.loss(params, X, Y) == without.loss(params, X, Y)
    for name, array in params.items():
        if array.ndim == 2:
            array[0, 0] = 2.0
            change = with_decay.loss(params, X, Y) - without.loss(params, X, Y)
            gradients = [net.loss_and_gradient(params, X, Y)[1] for net in (with_decay, without)]
            array[0, 0] = 0.0
            # 0.25 * 2^2 = 1 and 2 * 0.25 * 2 = 1; the subtraction rounds to a unit of the larger loss
            assert abs(change - 1.0) <= 8 * np.finfo(float).eps
            np.testing.assert_allclose(
                (gradients[0][name] - gradients[1][name])[0, 0], 1.0, rtol=0, atol=8 * np.finfo(float).eps
            )
            for bias in (other for other in params if other.endswith(".b")):
                np.testing.assert_array_equal(gradients[0][bias], gradients[1][bias])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["predicted-predicted", "predicted-low rank, relu"])
def test_a_pooled_input_gives_the_same_loss_and_gradient(name, dtype):
    """Each is within its own running error of the exact value."""
    model = MODELS[name]
    params, x = drawn(model, dtype), X.astype(dtype)
    pooled = model.prepare(x)
    rows = np.array([7, 0, 3])
    loss, gradient = model.loss_and_gradient(params, x[rows], Y[rows])
    pooled_loss, pooled_gradient = model.loss_and_gradient(params, pooled[rows], Y[rows])
    bounded = {name: Bounded(array, 0, dtype) for name, array in params.items()}
    inputs = Bounded(x[rows], 0, dtype)
    bounds = model.loss_and_gradient(bounded, inputs, Y[rows])
    pooled_bounds = model.loss_and_gradient(bounded, model.prepare(inputs), Y[rows])
    assert abs(pooled_loss - loss) <= bounds[0].error + pooled_bounds[0].error
    assert list(gradient) == list(pooled_gradient) == list(params)
    for name, g in gradient.items():
        assert g.dtype == pooled_gradient[name].dtype == dtype
        assert_within(pooled_gradient[name], g, bounds[1][name].error + pooled_bounds[1][name].error, name)


def test_rows_of_a_pooled_input_are_rows_of_its_columns():
    model = MODELS["predicted-predicted"]
    pooled = model.prepare(X)
    assert pooled.widths == (8, 8, 8)
    for rows in (slice(2, 5), np.array([4, 1, 1])):
        for part, whole in zip(pooled[rows].columns(), pooled.columns(), strict=True):
            np.testing.assert_array_equal(part, whole[rows])
    params = drawn(model)
    assert model.error(params, pooled, Y, batch=4) == model.error(params, X, Y)
    np.testing.assert_array_equal(model.predict(params, pooled), model.predict(params, X))


@pytest.mark.parametrize("layer", [Full(16, 8), LowRank(16, 8, 2)])
def test_only_a_predicted_layer_pools(layer):
    assert MLP((layer,), 3).prepare(X) is X


def test_filters_are_the_materialised_weights():
    model = MODELS["predicted-low rank, relu"]
    params = drawn(model)
    first, second = model.filters(params)
    (U,) = model.layers[0].operands.U(X)
    np.testing.assert_array_equal(first, U @ params["1.w0"])
    np.testing.assert_array_equal(second, params["2.U"] @ params["2.w"])
    assert [W.shape for W in MODELS["predicted-predicted"].filters(drawn(MODELS["predicted-predicted"]))] == [
        (16, 8),
        (8, 5),
    ]


def test_dropout_needs_a_generator_and_repeats_with_it():
    model = MODELS["dropout"]
    params = drawn(model)
    plain = MLP(model.layers, model.classes)
    assert model.loss(params, X, Y) == plain.loss(params, X, Y)
    first, again, other = (model.loss_and_gradient(params, X, Y, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first[0] == again[0] != other[0]
    assert first[0] != plain.loss(params, X, Y)
    for name, g in first[1].items():
        np.testing.assert_array_equal(g, again[1][name])
    assert plain.loss(params, X, Y, np.random.default_rng(5)) == plain.loss(params, X, Y)
    np.testing.assert_array_equal(model.logits(params, X), plain.logits(params, X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_models_dtype_is_that_of_its_parameters(model, dtype):
    params = drawn(model, dtype)
    loss, gradient = model.loss_and_gradient(params, X.astype(dtype), Y, np.random.default_rng(0))
    assert loss.dtype == dtype
    assert {name: (g.dtype, g.shape) for name, g in gradient.items()} == {
        name: (np.dtype(dtype), array.shape) for name, array in params.items()
    }


def test_nothing_is_written_to(model):
    params, x = drawn(model), X.copy()
    before = {name: array.copy() for name, array in params.items()}
    _, gradient = model.loss_and_gradient(params, x, Y, np.random.default_rng(0))
    np.testing.assert_array_equal(x, X)
    for name, array in params.items():
        np.testing.assert_array_equal(array, before[name])
        assert not np.shares_memory(gradient[name], array)  # an optimiser may overwrite it


def test_no_examples(model):
    params = drawn(model)
    loss, gradient = model.loss_and_gradient(params, X[:0], Y[:0])
    assert loss == sum(model.weight_decay * np.sum(p**2) for p in params.values() if p.ndim == 2)
    for name, g in gradient.items():
        np.testing.assert_array_equal(g, 2 * model.weight_decay * params[name] * (params[name].ndim == 2))
    assert model.predict(params, X[:0]).shape == (0,)
    assert model.error(params, X[:0], Y[:0]) == 0


@pytest.fixture
def by_layers_alone():
    with use_backend("numpy"):
        yield


def test_nan_in_the_data_reaches_the_loss(model):
    x = X.copy()
    x[3, 7] = np.nan
    loss, _ = model.loss_and_gradient(drawn(model), x, Y)
    assert np.isnan(loss)


@pytest.mark.usefixtures("by_layers_alone")
def test_another_array_library_computes_the_same(model):
    """array-api-strict computes with NumPy, so every value is the same to the bit."""
    xp = array_api_strict
    params = drawn(model)
    strict = {name: xp.asarray(array) for name, array in params.items()}
    x, y = xp.asarray(X), xp.asarray(Y)
    want, gradient = model.loss_and_gradient(params, X, Y, np.random.default_rng(6))
    loss, strict_gradient = model.loss_and_gradient(strict, x, y, np.random.default_rng(6))
    assert float(loss) == float(want)
    for name, g in strict_gradient.items():
        np.testing.assert_array_equal(np.asarray(g), gradient[name])
    np.testing.assert_array_equal(np.asarray(model.predict(strict, x)), model.predict(params, X))
    assert model.error(strict, x, y, batch=4) == model.error(params, X, Y)
    for W, want in zip(model.filters(strict), model.filters(params), strict=True):
        np.testing.assert_array_equal(np.asarray(W), want)
    if model.layers[0].dictionary:
        pooled = model.prepare(x)
        np.testing.assert_array_equal(np.asarray(pooled.array), model.prepare(X).array)
        assert model.error(strict, pooled, y, batch=4) == model.error(params, X, Y)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: MLP((Full(4, 3),), 3, "tanh"),
            DomainError,
            "^activation is 'tanh', expected one of sigmoid, relu, ma",
        ),
        (lambda: MLP((Full(4, 3),), 1), DomainError, "^classes is 1, expected an integer >= 2$"),
        (lambda: MLP((), 3), ShapeError, "^layers is empty, expected at least one hidden layer$"),
        (
            lambda: MLP((Full(4, 3), Full(4, 3)), 3),
            ShapeError,
            "^layer 2 reads 4 inputs, but the layer below has 3 outputs$",
        ),
        (
            lambda: MLP((Full(4, 6), Full(6, 2)), 3, "maxout"),
            ShapeError,
            "^layer 2 reads 6 inputs, but the layer below has 3 outputs$",
        ),
        (
            lambda: MLP((Full(4, 5),), 3, "maxout"),
            ShapeError,
            "^layer 1 has 5 units, expected a multiple of 2 for maxout$",
        ),
        (
            lambda: mlp((16, 8, 8, 3), [se()]),
            ShapeError,
            "^sizes has 2 hidden layers but dictionaries 1; expected the same number, at least one$",
        ),
        (
            lambda: mlp((16, 3)),
            ShapeError,
            "^sizes has 0 hidden layers but dictionaries 0; expected the same number, at",
        ),
        (
            lambda: mlp((15, 8, 3), [se()]),
            ShapeError,
            "^layer 1 reads 16 inputs through its dictionary, but sizes begins with 15$",
        ),
        (
            lambda: mlp((16, 8, 8, 3), [None, se()]),
            ShapeError,
            "^layer 2 reads 16 inputs, but the layer below has 8 outputs$",
        ),
        (
            lambda: mlp((16, 1, 3), [se(2)]),
            ShapeError,
            "^the dictionary has 2 columns for 1 units; use fewer columns$",
        ),
    ],
)
def test_nets_that_do_not_fit_together(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_arguments_that_do_not_fit_the_net():
    model = MODELS["full-full"]
    params = drawn(model)
    with pytest.raises(ShapeError, match=r"^x has shape \(9, 15\), expected \(n, 16\): one example per row$"):
        model.loss_and_gradient(params, X[:, :15], Y)
    with pytest.raises(
        ShapeError, match=r"^y has shape \(8,\), but x has 9 examples: expected \(9,\), a class for each$"
    ):
        model.loss_and_gradient(params, X, Y[:8])
    with pytest.raises(DomainError, match=r"^y\[4\] is 3, expected a class in 0..2$"):
        model.loss_and_gradient(params, X, np.where(np.arange(9) == 4, 3, Y))


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "maxout"])
@pytest.mark.parametrize("dictionary", [None, se()], ids=["full", "predicted"])
def test_mlp_gives_every_layer_the_outputs_below(activation, dictionary):
    model = mlp((16, 8, 6, 4, 3), [dictionary, None, None], activation=activation, dropout=0.25, weight_decay=0.5)
    params = model.init(np.random.default_rng(0), dtype=float)
    assert np.isfinite(model.loss(params, X, Y, np.random.default_rng(0)))
    assert [layer.m for layer in model.layers] == [8, 6, 4]
    assert (model.dropout, model.weight_decay) == (0.25, 0.5)
    for below, above in pairwise(model.layers):
        assert above.d == below.m // (2 if activation == "maxout" else 1)
