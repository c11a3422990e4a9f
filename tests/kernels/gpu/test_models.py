"""Models on the arrays of a device, through the launchers if the backend selects them, to the end of a step."""

import numpy as np
import pytest

from pp_ref.arrays import to_numpy
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.kernels.bounds import Bounds
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.gpu.layer import LayerCache
from pp_ref.kernels.operands import separable_operands
from pp_ref.kernels.rates import DEVICE
from pp_ref.layers.predicted import DictionaryFirstCache, WeightsFirstCache
from pp_ref.models import MLP, Predicted
from pp_ref.training import SGD, fit_lbfgs, fit_sgd
from tests.bounds import assert_within

DENSE = (DictionaryFirstCache, WeightsFirstCache)
RATE = 0.125


def se(proportion=0.3, n_columns=3):
    return make_dictionary("se", Grid(9, 7), proportion=proportion, n_columns=n_columns, rng=np.random.default_rng(0))


def moved(xp, params):
    return {name: xp.asarray(array) for name, array in params.items()}


@pytest.fixture
def net():
    """SE-Emp, its parameters, examples and labels: float64."""
    rng = np.random.default_rng(1)
    hidden = rng.random((40, 12))
    emp = make_dictionary("emp", Units(12), proportion=0.5, n_columns=2, rng=rng, data=hidden)
    model = MLP((Predicted(se(), 12), Predicted(emp, 6)), 3)
    return model, model.init(rng, 0.5, float), rng.standard_normal((11, 63)), rng.integers(0, 3, 11)


def gradient_bound(model, gradient, n):
    """By name: L u times what the sums of magnitudes are at most, n times the layer's largest entry, with L the lengths
    of all sums on the longest path. The first layer's dictionary rounds as K |R| does, not as |U|."""
    L = 63 + sum(weights.d + weights.m for weights in model.layers) + model.classes + n
    amplification = model.layers[0].operands.separable.amplification
    unit = L * np.finfo(float).eps / 2 * amplification * n
    return {name: unit * np.full(g.shape, abs(g).max()) for name, g in gradient.items()}


@pytest.mark.parametrize("wrt_input", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_by_the_kernels_is_within_the_bounds(xp, dtype, wrt_input):
    weights, rng = Predicted(se(), 8), np.random.default_rng(1)
    params = {name: array + np.asarray(0.125, dtype) for name, array in weights.init(rng, 0.5, dtype).items()}
    v, dy = rng.standard_normal((11, 63)).astype(dtype), rng.standard_normal((11, 8)).astype(dtype)
    with use_backend("cupy"):
        y, cache = weights.forward(moved(xp, params), xp.asarray(v))
        dv, gradient = weights.backward(xp.asarray(dy), cache, wrt_input)
    assert isinstance(cache.cache, LayerCache)
    w, o = [params[name] for name in weights.shapes], separable_operands(weights.dictionary, dtype)
    bounds = Bounds(o, passes=True).layer(v, w, params["b"], dy)
    W = np.hstack([U.astype("g") @ w_j.astype("g") for U, w_j in zip(o.U, w, strict=True)])
    assert_within(to_numpy(y), v.astype("g") @ W + params["b"], bounds.y, "y")
    if wrt_input:
        assert_within(to_numpy(dv), dy.astype("g") @ W.T, bounds.dv, "dv")
    else:
        assert dv is None
    blocks = np.split(dy.astype("g"), [3, 6], axis=1)
    for name, U, block, bound in zip(weights.shapes, o.U, blocks, bounds.dw, strict=True):
        assert_within(to_numpy(gradient[name]), (v.astype("g") @ U.astype("g")).T @ block, bound, name)


def test_a_training_step_agrees_with_numpy(xp, net):
    """One step of SGD on the device; only the loss leaves it."""
    model, params, x, y = net
    with use_backend("numpy"):
        loss, gradient = model.loss_and_gradient(params, x, y)
    x_there, y_there, seen = xp.asarray(x), xp.asarray(y), []

    def objective(params, rows, rng):
        seen.extend(params.values())
        value, slopes = model.loss_and_gradient(params, x_there[rows], y_there[rows])
        seen.extend(slopes.values())
        return value, slopes

    with use_backend("cupy"):
        fit = fit_sgd(objective, moved(xp, params), 11, SGD(1, RATE, batch=11), np.random.default_rng(0))
    assert {type(array) for array in (*seen, *fit.params.values())} == {xp.ndarray}
    bounds = gradient_bound(model, gradient, 11)
    assert abs(fit.history[0]["loss"] - loss) <= max(map(np.max, bounds.values())) + 11 * np.finfo(float).eps * loss
    for name, array in params.items():
        bound = RATE * bounds[name] + 2 * np.finfo(float).eps * (abs(array) + RATE * abs(gradient[name]))
        assert_within(to_numpy(fit.params[name]), array - RATE * gradient[name], bound, name)


def test_the_launchers_were_run(processor, net):
    model, params, x, y = net
    with use_backend("cupy"):
        model.loss_and_gradient(moved(processor, params), processor.asarray(x), processor.asarray(y))
    assert processor.launched == ["pool_gathered", "product_defined", "product_defined"]  # a first layer has no dv
    processor.launched.clear()
    with use_backend("numba"):
        model.loss_and_gradient(moved(processor, params), processor.asarray(x), processor.asarray(y))
    assert processor.launched == []


def test_pooled_input_on_the_device(xp, net):
    """The launchers compute a first layer's pooled input once, and the model takes it in place of x."""
    model, params, x, y = net
    with use_backend("numpy"):
        _, gradient = model.loss_and_gradient(params, x, y)
    with use_backend("cupy"):
        pooled = model.prepare(xp.asarray(x))
    o = separable_operands(model.layers[0].dictionary, float)
    want = x.astype("g") @ np.hstack(o.U).astype("g")
    assert_within(to_numpy(pooled.array), want, Bounds(o).pool(x), "pooled")
    _, found = model.loss_and_gradient(moved(xp, params), pooled, xp.asarray(y))
    for name, bound in gradient_bound(model, gradient, 11).items():
        assert_within(to_numpy(found[name]), gradient[name], bound, name)


def test_lbfgs_sees_dynamic_parameters_alone(xp, net):
    """SciPy's vectors are in the processor's memory; the objective's arguments and results are on the device."""
    model, params, x, y = net
    x_there, y_there, losses = xp.asarray(x), xp.asarray(y), []

    def objective(params):
        assert all(isinstance(array, xp.ndarray) for array in params.values())
        value, gradient = model.loss_and_gradient(params, x_there, y_there)
        assert all(isinstance(array, xp.ndarray) for array in gradient.values())
        losses.append(float(value))
        return value, gradient

    with use_backend("cupy"):
        fit = fit_lbfgs(objective, moved(xp, params), iterations=5)
    with use_backend("numpy"):
        loss, gradient = model.loss_and_gradient(params, x, y)
    assert abs(losses[0] - loss) <= max(np.max(each) for each in gradient_bound(model, gradient, 11).values())
    assert fit.history[-1]["loss"] < losses[0]
    assert all(isinstance(array, xp.ndarray) for array in fit.params.values())


def test_a_plan_with_a_devices_rates_decides(processor, monkeypatch):
    weights = Predicted(
        make_dictionary("se", Grid(28, 28), proportion=0.25, n_columns=10, rng=np.random.default_rng(0)), 500
    )
    params = moved(processor, weights.init(np.random.default_rng(0), 0.1, np.float32))
    # A small batch costs its launches.
    assert isinstance(weights.forward(params, processor.asarray(np.zeros((100, 784), "f4")))[1].cache, DENSE)
    assert processor.launched == []
    monkeypatch.setattr("pp_ref.kernels.choose.DEVICE", DEVICE._replace(product=0.0, call=0.0))
    assert isinstance(weights.forward(params, processor.asarray(np.zeros((2, 784), "f4")))[1].cache, LayerCache)


def test_what_no_kernel_takes_is_left_to_the_layers(processor, monkeypatch):
    weights = Predicted(se(), 8)
    params = moved(processor, weights.init(np.random.default_rng(0), 0.5, float))
    v = processor.asarray(np.zeros((2, 63)))
    with use_backend("cupy"):
        assert isinstance(weights.forward(params, v.astype("f4"))[1].cache, DENSE)
        host = {name: to_numpy(array) for name, array in params.items()}
        assert isinstance(weights.forward(host, to_numpy(v))[1].cache, DENSE)
        monkeypatch.setattr("pp_ref.kernels.gpu.operands.MOST_HALF", 3)
        assert isinstance(weights.forward(params, v)[1].cache, DENSE)
    assert processor.launched == []
