"""Models evaluate the way of the plan: within the bound of the layer, and with the gradient of the loss."""

import re
from itertools import product

import array_api_strict
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.kernels.bounds import Bounds
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.cpu import combine, shared_layer
from pp_ref.kernels.cpu import layer as cpu_layer
from pp_ref.kernels.cpu.combine import PooledCache
from pp_ref.kernels.cpu.layer import LayerCache
from pp_ref.kernels.cpu.shared_layer import SharedCache
from pp_ref.kernels.operands import separable_operands
from pp_ref.kernels.ways import MOST_AMPLIFICATION
from pp_ref.layers import predicted as layers_predicted
from pp_ref.layers.predicted import DictionaryFirstCache, WeightsFirstCache
from pp_ref.models import MLP, Full, Predicted
from pp_ref.training import in_threads
from tests.bounds import assert_within

LAYERS = (DictionaryFirstCache, WeightsFirstCache)


def se(height=9, width=7, **settings):
    return make_dictionary(
        "se", Grid(height, width), proportion=0.3, n_columns=3, rng=np.random.default_rng(0), **settings
    )


def case(dtype, n=11):
    """Weights of unequal columns, their parameters, v and dy."""
    weights, rng = Predicted(se(), 8), np.random.default_rng(1)
    params = {name: array + np.asarray(0.125, dtype) for name, array in weights.init(rng, 0.5, dtype).items()}
    return weights, params, rng.standard_normal((n, 63)).astype(dtype), rng.standard_normal((n, 8)).astype(dtype)


@pytest.mark.parametrize("wrt_input", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_by_the_kernels_is_within_the_bounds(dtype, wrt_input):
    weights, params, v, dy = case(dtype)
    with use_backend("numba"):
        y, cache = weights.forward(params, v)
        dv, gradient = weights.backward(dy, cache, wrt_input)
    assert isinstance(cache.cache, LayerCache)
    w = [params[name] for name in weights.shapes]
    o = separable_operands(weights.dictionary, dtype)
    bounds = Bounds(o, passes=True).layer(v, w, params["b"], dy)
    W = np.hstack([U.astype("g") @ w_j.astype("g") for U, w_j in zip(o.U, w, strict=True)])
    assert_within(y, v.astype("g") @ W + params["b"], bounds.y, "y")
    if wrt_input:
        assert_within(dv, dy.astype("g") @ W.T, bounds.dv, "dv")
    else:
        assert dv is None
    blocks = np.split(dy.astype("g"), [3, 6], axis=1)
    for name, U, block, bound in zip(weights.shapes, o.U, blocks, bounds.dw, strict=True):
        assert_within(gradient[name], (v.astype("g") @ U.astype("g")).T @ block, bound, name)
    assert list(gradient) == list(params)


@pytest.mark.parametrize("wrt_input", [True, False])
def test_columns_of_a_covariance_share_it(wrt_input):
    """The way "shared" is possible if the columns agree on K in this dtype, and the way through it rounds well."""
    rng = np.random.default_rng(4)
    settings = {"proportion": 0.25, "n_columns": 10, "rng": rng}
    data = rng.standard_normal((90, 40)) @ rng.standard_normal((40, 40))
    weights = Predicted(make_dictionary("emp", Units(40), data=data, ridge=1.0, **settings), 40)
    params = {name: array + np.float32(0.125) for name, array in weights.init(rng, 0.5, np.float32).items()}
    v, dy = (rng.standard_normal((14, 40)).astype("f4") for _ in range(2))
    with use_backend("numba"):
        y, cache = weights.forward(params, v)
    assert isinstance(cache.cache, SharedCache)
    dv, gradient = weights.backward(dy, cache, wrt_input)
    w, o = [params[name] for name in weights.shapes], cache.cache.o
    bounds = Bounds(o).layer(v, w, params["b"], dy)
    W = np.hstack([U.astype("g") @ w_j.astype("g") for U, w_j in zip(o.U, w, strict=True)])
    assert_within(y, v.astype("g") @ W + params["b"], bounds.y, "y")
    if wrt_input:
        assert_within(dv, dy.astype("g") @ W.T, bounds.dv, "dv")
    blocks = np.split(dy.astype("g"), np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
    for name, U, block, bound in zip(weights.shapes, o.U, blocks, bounds.dw, strict=True):
        assert_within(gradient[name], (v.astype("g") @ U.astype("g")).T @ block, bound, name)
    refused = weights.plan(14, float).refused["shared"]
    assert re.fullmatch(r"the K of the columns differ by .*e-\d\d, more than float64 rounds", refused)
    with use_backend("numpy"):
        assert weights.plan(14, np.float32).refused["shared"] == "the backend is numpy"
    data = rng.standard_normal((90, 3)) @ rng.standard_normal((3, 40))  # K_alpha is singular
    coarse = Predicted(make_dictionary("emp", Units(40), data=data, ridge=1e-3, **settings), 40)
    assert coarse.operands.shared.amplification > MOST_AMPLIFICATION
    assert re.fullmatch(r"the way through K may lose \d+ bits", coarse.plan(14, np.float32).refused["shared"])


@pytest.mark.parametrize("backend", ["auto", "numpy", "numba"])
def test_pooled_input_by_any_backend(backend):
    weights, params, v, _ = case("float32")
    model = MLP((weights,), 3)
    with use_backend(backend):
        pooled = model.prepare(v)
        assert pooled.widths == tuple(k for k, _ in weights.shapes.values())
        o = separable_operands(weights.dictionary, "float32")
        assert_within(pooled.array, v.astype("g") @ np.hstack(o.U).astype("g"), Bounds(o).pool(v), "pooled")
        y, _ = weights.forward(params, pooled)
    assert y.shape == (11, 8)


def test_other_arrays_are_left_to_the_layers():
    weights, params, v, _ = case("float64")
    with use_backend("numba"):
        for change in (array_api_strict.asarray, lambda x: x.astype(np.longdouble), lambda x: x.astype(complex)):
            other = {name: change(array) for name, array in params.items()}
            assert isinstance(weights.forward(other, change(v))[1].cache, LAYERS)
        assert isinstance(weights.forward(params, v.astype("f4"))[1].cache, LAYERS)
        matern = make_dictionary("matern", Grid(9, 7), n_alpha=4, rng=np.random.default_rng(0))
        other = Predicted(matern, 3)
        assert isinstance(other.forward(other.init(np.random.default_rng(0), 0.1, float), v)[1].cache, PooledCache)
    with use_backend("numpy"):
        assert isinstance(weights.forward(params, v)[1].cache, LAYERS)


def test_the_plan_decides_unless_it_is_told():
    large = Predicted(
        make_dictionary("se", Grid(28, 28), proportion=0.05, n_columns=10, rng=np.random.default_rng(0)), 500
    )
    params = large.init(np.random.default_rng(0), 0.1, np.float32)
    v = np.zeros((100, 784), np.float32)
    assert large.plan(100, np.float32).way.name == "separable"
    assert isinstance(large.forward(params, v)[1].cache, LayerCache)
    weights, params, v, _ = case("float32")
    assert weights.plan(11, np.float32).way.name == "side by side"
    assert isinstance(weights.forward(params, v)[1].cache, PooledCache)
    with use_backend("numba"):
        assert isinstance(weights.forward(params, v)[1].cache, LayerCache)


KINDS = {
    "se": {"ridge": 1e-3},
    "matern": {"ridge": 1e-3},
    "emp": {"ridge": 1e-3},
    "randfixu": {},
}
PASSES = {  # the passes of each way, by name
    "dictionary": (layers_predicted, "predicted"),
    "side by side": (combine, "columns"),
    "shared": (shared_layer, "shared"),
    "separable": (cpu_layer, "layer"),
}


@pytest.fixture
def ran(monkeypatch):
    """The forward passes that ran, in order; the backward passes are those of the way that a forward pass keeps."""
    passes = []

    def recorded(name, run):
        def record(*arguments):
            order = arguments[-1] if name == "dictionary" and arguments[-1] in ("dictionary", "weights") else name
            passes.append(order)
            return run(*arguments)

        return record

    for name, (module, prefix) in PASSES.items():
        monkeypatch.setattr(module, f"{prefix}_forward", recorded(name, getattr(module, f"{prefix}_forward")))
    return passes


@pytest.mark.parametrize("side", [8, 14, 20, 28])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_done_is_what_the_plan_says(kind, side, ran):
    """36 shapes: the pass that ran is that of the way in the printed plan, with one thread and with two."""
    rng, space = np.random.default_rng(0), Grid(side, side)
    settings = KINDS[kind] | ({"data": rng.standard_normal((200, space.size))} if kind == "emp" else {})
    images = rng.standard_normal((1000, space.size), np.float32)
    for proportion, columns in product((0.05, 0.25, 0.5), (1, 10)):
        shape = {"proportion": proportion, "n_columns": columns}
        dictionary = make_dictionary(kind, space, rng=rng, **shape, **settings)
        weights = Predicted(dictionary, 40)
        params = weights.init(rng, 0.1, np.float32)
        for n, threads in product((10, 100, 1000), (1, 2)):
            with threadpool_limits(threads, user_api="blas"):
                ran.clear()
                printed = str(weights.plan(n, np.float32))
                weights.forward(params, images[:n])
            assert re.search(r": ([a-z ]+), .* (\d) thread", printed).groups() == (ran[0], str(threads)), printed
            assert len(ran) == 1


def test_the_gradient_is_that_of_the_loss():
    """The central remainder falls as h cubed if the gradient is right, as h if not."""
    model = MLP((Predicted(se(), 8), Predicted(se(2, 4), 6), Full(6, 5)), 3, weight_decay=0.125)
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((9, 63)), rng.integers(0, 3, 9)
    params = model.init(rng, 0.5, float)
    with use_backend("numba"):
        _, gradient = model.loss_and_gradient(params, x, y)
        for _ in range(3):
            direction = {name: rng.standard_normal(array.shape) for name, array in params.items()}
            slope = sum(np.vdot(gradient[name], direction[name]) for name in params)

            def loss(h, direction=direction):
                return model.loss({name: array + h * direction[name] for name, array in params.items()}, x, y)

            steps = 2.0 ** -np.arange(4, 9)
            left = [abs(loss(h) - loss(-h) - 2 * h * slope) for h in steps]
            assert np.median(np.log2(left[:-1]) - np.log2(left[1:])) > 2.8


def test_a_batch_in_shares_of_threads():
    """Several Python threads compile and run the kernels at once; every run has the same bits."""
    model = MLP((Predicted(se(), 8), Full(8, 6)), 3)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((64, 63)), rng.integers(0, 3, 64)
    params = model.init(rng, 0.5, float)

    def objective(params, rows, rng):
        return model.loss_and_gradient(params, x[rows], y[rows])

    with use_backend("numba"):
        together = in_threads(objective, 4)
        first, gradient = together(params, np.arange(64), np.random.default_rng(0))
        for _ in range(5):
            again, same = together(params, np.arange(64), np.random.default_rng(0))
            assert again == first
            for name, array in gradient.items():
                np.testing.assert_array_equal(same[name], array)
        with threadpool_limits(1, user_api="blas"):
            shares = [objective(params, rows, None) for rows in np.array_split(np.arange(64), 4)]
    assert first == sum(0.25 * loss for loss, _ in shares)
    for name, array in gradient.items():
        np.testing.assert_array_equal(array, sum(0.25 * each[name] for _, each in shares))


@pytest.mark.parametrize("backend", ["auto", "numpy", "numba"])
def test_atoms_of_unit_norm_are_evaluated_as_they_are(backend):
    """No way through K may be taken: it would leave the norms out."""
    rng = np.random.default_rng(0)
    dictionary = make_dictionary("se", Grid(28, 28), proportion=0.1, n_columns=2, unit_norm=True, rng=rng)
    layer, v = Predicted(dictionary, 6), rng.random((3, 784))
    params = layer.init(rng, 0.1, np.float64)
    W = np.concatenate([column.U @ params[f"w{j}"] for j, column in enumerate(dictionary.columns)], axis=1)
    with use_backend(backend):
        y, _ = layer.forward(params, v)
        pooled = layer.prepare(v)
    np.testing.assert_allclose(y, v @ W, rtol=0, atol=1e-12)
    np.testing.assert_allclose(pooled.array, v @ np.concatenate(dictionary.U(), axis=1), rtol=0, atol=1e-12)
