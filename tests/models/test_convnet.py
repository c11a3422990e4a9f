"""The convnet of sec. 4.2, and its gradient by complex step, by PyTorch, and through its dictionaries."""

from math import prod

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import ShapeError
from pp_ref.kernels.bounds import ConvBounds
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.cpu.conv_layer import ConvCache
from pp_ref.kernels.cpu.max_pool import MaxPoolCache
from pp_ref.layers.conv2d import Conv2dCache, conv2d_backward, conv2d_forward
from pp_ref.layers.fourier_conv2d import FourierConv2dCache
from pp_ref.layers.pooling import MaxPool2dCache
from pp_ref.models import Full, LowRank, Predicted
from pp_ref.models.convnet import ConvNet, paper_convnet, weight_spaces
from pp_ref.models.stages import (
    Activation,
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    LocalResponse,
    MaxPool,
    through,
)
from pp_ref.training import SGD, fit_lbfgs, fit_sgd
from tests.bounds import assert_within


def predicted(space, m, columns=1, seed=0):
    rng = np.random.default_rng(seed)
    return Predicted(make_dictionary("se", Grid(*space), proportion=0.5, n_columns=columns, rng=rng), m)


def small(pool=AveragePool, activation="sigmoid", **settings):
    """A net with every kind of stage; images are 9 x 6, so that exchanged sides show."""
    stack = (
        Convolution(predicted((3, 2, 2), 4), (3, 2), padding=1),
        pool(3, 2),
        Activation(activation),
        LocalResponse(3, 0.5),
        Convolution(LowRank(2 * 2 * 4, 3, 2), (2, 2), stride=2),
        Flatten(),
        Dense(Full(6, 5)),
        Activation("sigmoid"),
        Dropout(0.5),
    )
    return ConvNet((9, 6, 2), stack, 3, **settings)


def drawn(model, n=4, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    params = {name: rng.standard_normal(array.shape).astype(dtype) for name, array in model.init(rng).items()}
    return params, rng.standard_normal((n, *model.shape)).astype(dtype), rng.integers(0, model.classes, n)


def test_the_papers_net():
    model = paper_convnet()
    assert [count.total for count in model.count().values()][:5] == [9_216, 196_608, 102_400, 800_000, 5_000]
    shape, maps = model.shape, []
    for stage in model.stages:
        shape = stage.shape(shape)
        maps.append(shape)
    assert [shape[0] for shape in maps if len(shape) == 3 and shape[0] not in (33,)][-1] == 5
    assert [maps[0][0], maps[1][0], maps[3][0], maps[4][0], maps[6][0], maps[7][0]] == [33, 16, 15, 7, 9, 5]
    assert weight_spaces() == [(8, 8, 3), (8, 8, 48), (5, 5, 64), (5, 5, 64)]


def test_the_papers_predicted_net_learns_a_quarter():
    spaces, columns = weight_spaces(), (1, 1, 1, 5)
    rng = np.random.default_rng(0)
    dictionaries = [
        make_dictionary("se", Grid(*space), proportion=0.25, n_columns=J, rng=rng)
        for space, J in zip(spaces, columns, strict=True)
    ]
    counts = list(paper_convnet(dictionaries).count().values())[:4]
    assert [count.dynamic / count.total for count in counts] == pytest.approx([0.25, 0.25, 0.24, 0.24])  # 6 of 25 sites
    assert [count.total for count in counts] == [prod(s) * m for s, m in zip(spaces, (48, 64, 64, 500), strict=True)]


@pytest.mark.parametrize("decay", [0.0, 0.25])
def test_complex_step(decay):
    model = small(weight_decay=decay)
    params, x, y = drawn(model)
    _, gradient = model.loss_and_gradient(params, x, y)
    for name, g in gradient.items():
        direction = np.random.default_rng(2).standard_normal(g.shape)
        moved = params | {name: params[name] + 1e-30j * direction}
        want = model.loss(moved, x, y).imag / 1e-30
        assert abs(np.vdot(g, direction) - want) <= 1e-12 * np.linalg.norm(g) * np.linalg.norm(direction), name


@pytest.mark.parametrize(("pool", "activation"), [(MaxPool, "sigmoid"), (MaxPool, "relu")])
def test_taylor_order_through_the_maximum(pool, activation):
    """The central remainder falls as h^3: 2^3 from step to step, where no maximum changes hands; longdouble keeps the
    smallest above rounding."""
    model = small(pool, activation)
    params, x, y = drawn(model, dtype=np.longdouble)
    _, gradient = model.loss_and_gradient(params, x, y)
    rng = np.random.default_rng(3)
    direction = {name: rng.standard_normal(array.shape).astype(np.longdouble) for name, array in params.items()}
    slope = sum(np.vdot(gradient[name], direction[name]) for name in params)

    def at(h):
        return model.loss({name: params[name] + h * direction[name] for name in params}, x, y)

    left = [abs(at(h) - at(-h) - 2 * h * slope) for h in np.longdouble(2) ** -np.arange(11, 16)]
    assert np.median(np.log2(left[:-1]) - np.log2(left[1:])) > 2.8


def test_predicted_filters_are_the_full_nets():
    model = small()
    params, x, y = drawn(model)
    W = model.filters(params)
    full = ConvNet(
        model.shape,
        (
            Convolution(Full(12, 4), (3, 2), padding=1),
            *model.stack[1:4],
            Convolution(Full(16, 3), (2, 2), stride=2),
            *model.stack[5:],
        ),
        3,
    )
    same = {"1.W": W[0], "2.W": W[1]} | {
        name: params[name] for name in full.init(np.random.default_rng(0)) if name in params
    }
    assert full.loss(same, x, y) == model.loss(params, x, y)  # the same filters, to the bit


@pytest.mark.torch
def test_whole_net_against_torch():
    torch = pytest.importorskip("torch")
    stack = (
        Convolution(Full(3 * 2 * 2, 4), (3, 2), padding=1),
        MaxPool(3, 2),
        Activation("relu"),
        Convolution(Full(2 * 2 * 4, 3), (2, 2), stride=2),
        Flatten(),
        Dense(Full(6, 5)),
        Activation("sigmoid"),
    )
    model = ConvNet((9, 6, 2), stack, 3)
    params, x, y = drawn(model)
    loss, gradient = model.loss_and_gradient(params, x, y)
    theirs = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}

    def filters(name, *shape):
        return theirs[name].reshape(*shape).permute(3, 2, 0, 1)

    F = torch.nn.functional
    v = F.conv2d(torch.tensor(x).permute(0, 3, 1, 2), filters("1.W", 3, 2, 2, 4), theirs["1.b"], padding=1)
    v = torch.relu(F.max_pool2d(v, 3, 2, ceil_mode=True))
    v = F.conv2d(v, filters("2.W", 2, 2, 4, 3), theirs["2.b"], stride=2)
    v = torch.sigmoid(v.permute(0, 2, 3, 1).reshape(len(y), -1) @ theirs["3.W"] + theirs["3.b"])
    want = F.cross_entropy(v @ theirs["softmax.W"] + theirs["softmax.b"], torch.tensor(y))
    want.backward()
    # Fewer than 200 roundings lie on a path from a parameter to the loss, in values and factors of order 1 to 10.
    gamma = 200 * np.finfo(np.float64).eps / 2
    assert abs(loss - want.item()) <= gamma * abs(loss) * 10
    for name, g in gradient.items():
        them = theirs[name].grad.numpy()
        assert np.max(np.abs(g - them)) <= gamma * 10 * max(1, np.max(np.abs(them))), name


def test_dropout_draws_only_while_learning():
    model = small()
    params, x, y = drawn(model)
    assert model.loss(params, x, y) == model.loss(params, x, y)
    assert model.loss(params, x, y, np.random.default_rng(0)) != model.loss(params, x, y)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ((Convolution(Full(27, 4), (3, 3)),), "^layer 1 has filters of 3x3x3 weights, but the layer below has 9x6x2 "),
        ((Convolution(Full(200, 4), (10, 10)),), "^layer 1 filters are 10 x 10 but images 9 x 6"),
        ((Flatten(), Dense(Full(80, 4))), "^layer 1 reads 80 inputs, but the layer below has 108 outputs$"),
        ((Dense(Full(108, 4)),), "^layer 1 reads 108 inputs, but the layer below has 9x6x2 outputs$"),
        ((MaxPool(8, 2),), "images are 9 x 6, smaller than a window of 8 x 8"),
        ((MaxPool(3, 2),), "^stack ends with images, but the softmax reads units: put a Flatten before it$"),
    ],
)
def test_stacks_that_do_not_fit(stack, message):
    with pytest.raises(ShapeError, match=message):
        ConvNet((9, 6, 2), stack, 3)


def test_shapes_are_what_forward_gives():
    model = small()
    params, x, _ = drawn(model)
    v, shape = x, model.shape
    for prefix, stage in model._named[:-1]:
        own = {name.removeprefix(prefix): array for name, array in params.items() if prefix and name.startswith(prefix)}
        v, _ = stage.forward(own, v, None)
        shape = stage.shape(shape)
        assert v.shape[1:] == shape
    assert through(model.stages, model.shape) == shape == (5,)


def test_lbfgs_and_sgd_learn_it():
    """24 images of noise with random labels are learned by heart."""
    model = small(MaxPool, "relu")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((24, *model.shape)), rng.integers(0, 3, 24)
    start = model.init(rng, None, np.float64)
    before = model.loss(start, x, y)
    lbfgs = fit_lbfgs(lambda params: model.loss_and_gradient(params, x, y), start, iterations=100)
    sgd = fit_sgd(
        lambda params, rows, _: model.loss_and_gradient(params, x[rows], y[rows]),
        start,
        24,
        SGD(200, 0.05, batch=8, momentum=0.9),
        rng,
    )
    for fit in (lbfgs, sgd):
        assert model.loss(fit.params, x, y) < before / 2


def test_another_array_library():
    """The same bits from arrays that have only the array API: so a device's arrays work too."""
    model = small(MaxPool, "relu", weight_decay=0.1)
    params, x, y = drawn(model)
    to_strict = array_api_strict.asarray
    with use_backend("numpy"):  # kernels take NumPy arrays only
        loss, gradient = model.loss_and_gradient(params, x, y, np.random.default_rng(0))
    strict, strict_gradient = model.loss_and_gradient(
        {name: to_strict(array) for name, array in params.items()}, to_strict(x), to_strict(y), np.random.default_rng(0)
    )
    assert float(strict) == loss
    for name, g in gradient.items():
        np.testing.assert_array_equal(np.asarray(strict_gradient[name]), g, err_msg=name)


def test_the_way_to_convolve_is_chosen_by_its_cost():
    """Large filters by the convolution theorem, small ones by patches; both learn the same."""
    large, small_filters = (Convolution(Full(size * size * 8, 16), (size, size), padding=size // 2) for size in (7, 1))
    rng = np.random.default_rng(0)
    v = rng.standard_normal((4, 12, 12, 8))
    for stage, kind in ((large, FourierConv2dCache), (small_filters, Conv2dCache)):
        params = stage.weights.init(rng, None, np.float64)
        y, cache = stage.forward(params, v, None)
        assert isinstance(cache.cache[2], kind)
        dv, gradient = stage.backward(y, cache, True)
        assert dv.shape == v.shape
        assert gradient["W"].shape == params["W"].shape


def predicted_stage(**kept):
    """A convolution of eight channels, so that a few kept weights are few maps."""
    rng, space = np.random.default_rng(0), Grid(7, 7, 8)
    kept = kept or {"proportion": 0.1}
    dictionary = make_dictionary("se", space, n_columns=1, rng=rng, **kept)
    return Convolution(Predicted(dictionary, 16), (7, 7), padding=3)


@pytest.mark.parametrize("wrt_input", [True, False])
@pytest.mark.parametrize("backend", ["auto", "numba", "numpy"])
def test_a_few_kept_weights_are_pooled_first_with_the_same_gradient(backend, wrt_input):
    stage, rng = predicted_stage(), np.random.default_rng(1)
    params, v = stage.weights.init(rng, None, np.float64), rng.standard_normal((9, 12, 12, 8))
    assert stage.plan(v.shape, v.dtype).way.name == "separable"
    with use_backend(backend):
        y, cache = stage.forward(params, v, None)
        dy = rng.standard_normal(y.shape)
        dv, gradient = stage.backward(dy, cache, wrt_input)
    assert isinstance(cache.cache, ConvCache) == (backend != "numpy")
    W, expanded = stage.weights.expand(params)
    want, dense = conv2d_forward(v, W.reshape(7, 7, 8, 16), params["b"], 1, 3)
    want_dv, dW, want_db = conv2d_backward(dy, dense)
    want_dw = stage.weights.expand_backward(dW.reshape(stage.weights.d, 16), expanded)["w0"]
    bounds = ConvBounds(stage.weights.operands.filters("float64"), 1, 3).conv_layer(v, [params["w0"]], params["b"], dy)
    # Both sides are rounded, each within the bound.
    assert_within(y, want, 2 * bounds.y, "y")
    assert_within(gradient["w0"], want_dw, 2 * bounds.dw[0], "dw")
    assert_within(gradient["b"], want_db, 2 * bounds.db, "db")
    if wrt_input:
        assert_within(dv, want_dv, 2 * bounds.dv, "dv")
    else:
        assert dv is None


def test_what_the_kernels_cannot_take_is_convolved_by_the_layers():
    stage, rng = predicted_stage(), np.random.default_rng(1)
    params = stage.weights.init(rng, None, np.longdouble)
    _, cache = stage.forward(params, rng.standard_normal((2, 12, 12, 8)).astype(np.longdouble), None)
    assert isinstance(cache.cache[2], Conv2dCache | FourierConv2dCache)
    loose = predicted_stage(alpha=[np.array([0, 1, 9, 30])])  # other sites in one channel than in the next
    assert loose.plan((9, 12, 12, 8), np.float64).refused == {"separable": "K is no product of axes"}
    with use_backend("numba"):
        _, cache = loose.forward(loose.weights.init(rng, None, np.float64), rng.standard_normal((2, 12, 12, 8)), None)
    assert isinstance(cache.cache[2], Conv2dCache | FourierConv2dCache)


@pytest.mark.parametrize(("backend", "kind"), [("auto", MaxPoolCache), ("numpy", MaxPool2dCache)])
def test_max_pooling_follows_the_switch(backend, kind):
    stage, v = MaxPool(3, 2), np.random.default_rng(0).standard_normal((2, 6, 7, 3), np.float32)
    with use_backend(backend):
        y, cache = stage.forward({}, v, None)
        dv, _ = stage.backward(y, cache, True)
    assert isinstance(cache.cache, kind)
    assert dv.shape == v.shape
    assert y.shape[1:] == stage.shape(v.shape[1:])


def test_a_small_start_is_that_of_the_lowest_layer_alone():
    model = small()
    usual, small_start = (model.init(np.random.default_rng(0), None, np.float32, first) for first in (1.0, 0.125))
    for name, array in usual.items():
        np.testing.assert_array_equal(small_start[name], array / 8 if name.startswith("1.") else array)
        assert small_start[name].dtype == np.float32
