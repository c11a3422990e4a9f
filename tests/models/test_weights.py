"""Full, predicted and low-rank weights: their shapes, their counts, and the same affine map."""

import copy
import pickle

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import ShapeError
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.cpu.combine import PooledCache
from pp_ref.kernels.ways import LAYER
from pp_ref.layers.predicted import CombineCache
from pp_ref.models import Count, Full, LowRank, Predicted
from tests.bounds import assert_within, gemm_bound


def own(*U):
    """A dictionary whose columns are these arrays."""
    return make_dictionary("own", Units(len(U[0])), U=list(U), n_columns=len(U), rng=np.random.default_rng(0))


def integers(*shape, seed=0):
    """Small integers: sums are the same in any order."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(float)


U2 = (integers(6, 2, seed=1), integers(6, 2, seed=2))
EACH = {
    "full": Full(6, 5),
    "predicted, one column": Predicted(own(U2[0]), 5),
    "predicted, two columns": Predicted(own(*U2), 5),
    "low rank": LowRank(6, 5, 2),
}


@pytest.fixture(params=EACH, ids=str)
def weights(request):
    return EACH[request.param]


def whole_params(weights):
    """Integers in the shapes that `init` draws."""
    drawn = weights.init(np.random.default_rng(0), 1.0, float)
    return {name: integers(*array.shape, seed=seed) for seed, (name, array) in enumerate(drawn.items(), start=3)}


def test_names_shapes_and_dtypes():
    def shapes(weights):
        params = weights.init(np.random.default_rng(0), 0.1, np.float32)
        assert {array.dtype for array in params.values()} == {np.dtype(np.float32)}
        assert not params["b"].any()
        return {name: array.shape for name, array in params.items()}

    assert shapes(Full(6, 5)) == {"W": (6, 5), "b": (5,)}
    assert shapes(EACH["predicted, two columns"]) == {"w0": (2, 3), "w1": (2, 2), "b": (5,)}
    assert shapes(LowRank(6, 5, 2)) == {"U": (6, 2), "w": (2, 5), "b": (5,)}


def test_the_affine_map_is_that_of_the_expanded_weights(weights):
    """On integers both are exact, in either order."""
    params, v = whole_params(weights), integers(7, 6, seed=9)
    W, _ = weights.expand(params)
    assert W.shape == (weights.d, weights.m) == (6, 5)
    y, _ = weights.forward(params, v)
    np.testing.assert_array_equal(y, v @ W + params["b"])


def test_predicted_expands_column_by_column():
    weights = EACH["predicted, two columns"]
    params = whole_params(weights)
    W, _ = weights.expand(params)
    np.testing.assert_array_equal(W, np.hstack([U2[0] @ params["w0"], U2[1] @ params["w1"]]))


def test_backward_of_forward_and_of_expand_agree(weights):
    """dw from the layer's own pass is the pull-back of dW = v^T dy; exact on integers."""
    params, v, dy = whole_params(weights), integers(7, 6, seed=9), integers(7, 5, seed=10)
    _, cache = weights.forward(params, v)
    dv, gradient = weights.backward(dy, cache, wrt_input=True)
    W, expand_cache = weights.expand(params)
    np.testing.assert_array_equal(dv, dy @ W.T)
    np.testing.assert_array_equal(gradient.pop("b"), dy.sum(axis=0))
    pulled = weights.expand_backward(v.T @ dy, expand_cache)
    assert list(pulled) == list(gradient)
    for name, dw in pulled.items():
        np.testing.assert_array_equal(gradient[name], dw)
    none, without = weights.backward(dy, cache, wrt_input=False)
    assert none is None
    for name, dw in pulled.items():
        np.testing.assert_array_equal(without[name], dw)


@pytest.mark.parametrize("n", [2, 7])
def test_every_way_of_a_layer_gives_the_same_result(n):
    """On integers all of them are exact."""
    square = Predicted(own(integers(6, 6, seed=1), integers(6, 6, seed=2)), 5)
    params, v, dy = whole_params(square), integers(n, 6, seed=9), integers(n, 5, seed=10)
    w, b, want = [params["w0"], params["w1"]], params["b"], v @ square.expand(params)[0] + params["b"]
    taken = [way for way in LAYER if way.name in square.plan(n, float).seconds]
    assert [way.name for way in taken] == ["dictionary", "weights", "side by side"]
    for way in taken:
        y, cache = way.forward(v, square.operands, w, b)
        np.testing.assert_array_equal(y, want)
        dv, dw, db = way.backward(dy, cache)
        np.testing.assert_array_equal(dv, dy @ square.expand(params)[0].T)
        for each in (dw, way.backward_weights(dy, cache)[0]):
            for U, block, got in zip(square.operands.U(v), (dy[:, :3], dy[:, 3:]), each, strict=True):
                np.testing.assert_array_equal(got, (v @ U).T @ block)
        np.testing.assert_array_equal(db, dy.sum(axis=0))


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_pooled_inputs_take_the_place_of_the_input(backend):
    weights = EACH["predicted, two columns"]
    params, v, dy = whole_params(weights), integers(7, 6, seed=9), integers(7, 5, seed=10)
    with use_backend(backend):
        y, cache = weights.forward(params, weights.prepare(v))
    assert isinstance(cache.cache, PooledCache if backend == "numba" else CombineCache)
    np.testing.assert_array_equal(y, weights.forward(params, v)[0])
    dv, gradient = weights.backward(dy, cache, wrt_input=False)
    want = weights.backward(dy, weights.forward(params, v)[1], wrt_input=False)[1]
    assert dv is None
    assert list(gradient) == list(want)
    for name, g in gradient.items():
        np.testing.assert_array_equal(g, want[name])


@pytest.mark.parametrize(
    ("m", "columns", "widths"), [(6, 2, [3, 3]), (7, 3, [3, 2, 2]), (5, 5, [1] * 5), (500, 10, [50] * 10)]
)
def test_units_are_split_as_equally_as_they_can_be(m, columns, widths):
    weights = Predicted(own(*[integers(6, 2)] * columns), m)
    assert [width for _, width in weights.shapes.values()] == widths


def test_more_columns_than_units():
    with pytest.raises(ShapeError, match="^the dictionary has 2 columns for 1 units; use fewer columns$"):
        Predicted(own(*U2), 1)


def test_counts():
    assert Full(784, 500).count() == Count(392_000, 0, 392_000)
    assert Predicted(own(*U2), 5).count() == Count(2 * 3 + 2 * 2, 2 * 6 * 2, 30)
    assert LowRank(784, 500, 3).count() == Count(3 * 1284, 0, 392_000)


@pytest.mark.parametrize("columns", [1, 5, 10])
def test_the_dynamic_count_does_not_depend_on_the_number_of_columns(columns):
    """The units are divided between the columns, whose pooled inputs have the same size (paper, sec. 3.4)."""
    dictionary = make_dictionary(
        "randcon", Grid(28, 28), proportion=0.1, n_columns=columns, rng=np.random.default_rng(0)
    )
    count = Predicted(dictionary, 500).count()
    assert (count.dynamic, count.total) == (78 * 500, 392_000)
    assert count.static == 78 * columns  # RandCon only gathers


@pytest.mark.parametrize("proportion", [20 / 784, 0.05, 0.1, 0.25])
@pytest.mark.parametrize(("d", "m"), [(784, 500), (500, 500), (40, 7)])
def test_low_rank_comes_as_near_to_the_proportion_as_a_rank_can(d, m, proportion):
    weights = LowRank.with_proportion(d, m, proportion)
    wanted = proportion * d * m
    assert abs(weights.count().dynamic - wanted) <= max((d + m) / 2, d + m - wanted)


def test_low_rank_at_the_edges():
    assert LowRank.with_proportion(784, 500, 1e-9).rank == 1
    assert LowRank.with_proportion(784, 500, 1.0).rank == 305  # 305 (784 + 500) = 391,620 of 392,000
    with pytest.raises(ShapeError, match="^rank is 6, expected 1..5, the rank of a full 6x5$"):
        LowRank(6, 5, 6)


@pytest.mark.parametrize("rank", [1, 10, 100])
def test_low_rank_starts_with_the_variance_of_full_weights(rank):
    """Var (U w) = spread^2 / 3. One entry's square has relative variance 2 + 1.2 / rank at most for sums of products
    of uniform factors; rows share U and columns w, so the mean square of the whole has that of about 2 (1/d + 1/m)."""
    d, m = 900, 800
    params = LowRank(d, m, rank).init(np.random.default_rng(0), 0.1, float)
    s = (3 * 0.1**2 / rank) ** 0.25
    for name in "Uw":
        assert 0.99 * s < abs(params[name]).max() <= s
    variance = np.mean((params["U"] @ params["w"]) ** 2)
    deviations = np.sqrt(2 * (1 / d + 1 / m))
    assert abs(variance / (0.1**2 / 3) - 1) <= 5 * deviations


def test_full_weights_start_uniform():
    W = Full(200, 300).init(np.random.default_rng(0), 0.1, float)["W"]
    assert 0.0999 < abs(W).max() <= 0.1
    # 60,000 squares of a uniform draw: mean 1/3, variance 4/45, in units of 0.1^2
    assert abs(np.mean(W**2) / 0.01 - 1 / 3) <= 5 * np.sqrt(4 / 45 / W.size)


def test_the_same_generator_draws_the_same_start(weights):
    first, second = (weights.init(np.random.default_rng(3), 0.1, np.float32) for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_the_dictionary_is_cast_once_for_each_library_and_precision():
    weights = Predicted(own(*U2), 5)
    single, double = np.zeros(1, np.float32), np.zeros(1)
    assert [U.dtype for U in weights.operands.U(single)] == [np.float32] * 2
    assert [U.dtype for U in weights.operands.U(double)] == [np.float64] * 2
    assert weights.operands.U(single) is weights.operands.U(single)
    assert weights.operands.U(np.zeros(1, complex))[0].dtype == np.float64
    strict = weights.operands.U(array_api_strict.zeros(1, dtype=array_api_strict.float32))
    assert strict[0].dtype == array_api_strict.float32


def test_float32_weights_stay_within_the_bound_of_their_product():
    dictionary = make_dictionary("se", Grid(5, 4), proportion=0.5, n_columns=2, rng=np.random.default_rng(0))
    weights = Predicted(dictionary, 4)
    params = weights.init(np.random.default_rng(1), 1.0, np.float32)
    W, _ = weights.expand(params)
    assert W.dtype == np.float32
    for j, U in enumerate(weights.operands.U(W)):
        w = params[f"w{j}"]
        exact = U.astype(np.longdouble) @ w.astype(np.longdouble)
        assert_within(W[:, 2 * j : 2 * j + 2], exact, gemm_bound(U, w, np.float32), f"W_{j}")


@pytest.mark.parametrize("kind", ["full", "smooth", "random", "low rank"])
def test_without_a_spread_inputs_are_answered_as_by_full_weights(kind):
    """Outputs of white inputs of unit variance, or of constant ones if larger (smooth filters), have the variance 2.

    It is estimated within five standard errors of a sum of m squares, sqrt(2 / m) for normal numbers. For the low-rank
    start the first factor counts as well; its variance is estimated from r d numbers.
    """
    rng, m, d = np.random.default_rng(0), 4000, 30
    weights = {
        "full": Full(d, m),
        "smooth": Predicted(make_dictionary("se", Grid(6, 5), proportion=0.3, rng=rng), m),
        "random": Predicted(make_dictionary("randfixu", Grid(6, 5), proportion=0.3, rng=rng), m),
        "low rank": LowRank(d, m, 8),
    }[kind]
    W, _ = weights.expand(weights.init(rng, None, np.float64))
    white, constant = np.mean(np.sum(W**2, axis=0)), np.mean(np.sum(W, axis=0) ** 2)
    allowed = 5 * np.sqrt(2 / m) + (5 * np.sqrt(2 / (8 * d)) if kind == "low rank" else 0)
    answer = max(white, constant) if kind in ("smooth", "random") else white
    assert abs(answer / 2 - 1) < allowed
    assert kind != "smooth" or constant > white


def test_a_dictionary_tied_across_channels_expands_as_its_dense_arrays():
    rng = np.random.default_rng(0)
    weights = Predicted(make_dictionary("se", Grid(3, 4, 2), proportion=0.5, n_columns=2, rng=rng), 5)
    params = weights.init(rng, 1.0, np.float64)
    w, U = [params["w0"], params["w1"]], weights.dictionary.U()
    W, cache = weights.expand(params)
    want = np.hstack([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)])
    # 24 products at most in an entry, zeros included, in either order.
    gamma = 24 * np.finfo(float).eps
    assert np.max(np.abs(W - want)) <= gamma * np.max(np.abs(U[0]) @ np.abs(w[0]))
    dW = rng.standard_normal(W.shape)
    pulled = weights.expand_backward(dW, cache)
    for U_j, dW_j, name in zip(U, np.split(dW, [3], axis=1), ("w0", "w1"), strict=True):
        assert np.max(np.abs(pulled[name] - U_j.T @ dW_j)) <= gamma * np.max(np.abs(U_j.T) @ np.abs(dW_j))


@pytest.mark.parametrize("weights", EACH.values(), ids=EACH)
def test_weights_that_were_used_can_be_copied(weights):
    rng = np.random.default_rng(0)
    params, x = weights.init(rng, 0.5, float), rng.random((3, 6))
    y, _ = weights.forward(params, x)
    for again in (pickle.loads(pickle.dumps(weights)), copy.deepcopy(weights)):
        np.testing.assert_array_equal(again.forward(params, x)[0], y)
