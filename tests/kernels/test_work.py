"""The work of every way: flops, operands, passes and calls, counted by hand."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import ShapeError
from pp_ref.kernels.choose import choose
from pp_ref.kernels.operands import LearnedOperands, OperandCache
from pp_ref.kernels.rates import Rates
from pp_ref.kernels.ways import CONV, LAYER, POOL, POOLED
from pp_ref.kernels.work import Arrays, ConvProblem, LayerProblem
from pp_ref.layers.fourier_conv2d import fourier_conv2d_flops

NOTHING = Rates(*(0.0 for _ in Rates._fields))


def seconds(ways, problem, **rates):
    """The seconds of every possible way, with the given rates and all others 0."""
    return choose(ways, problem, NOTHING._replace(**rates)).seconds


def mnist(n, proportion=0.25, dtype="float32", **settings):
    """Ten columns of 50 units on 28 x 28 pixels."""
    dictionary = make_dictionary(
        "se", Grid(28, 28), proportion=proportion, n_columns=10, rng=np.random.default_rng(0), **settings
    )
    shapes = tuple((alpha.size, 50) for alpha in dictionary.alpha)
    return LayerProblem(Arrays("numpy", dtype, (n, 784)), shapes, OperandCache(dictionary))


def test_flops():
    """2 n (2 d k + 3 k m_j) of ten columns, and 2 (2 d k m_j + 3 n d m_j)."""
    dictionary = 2 * 100 * (2 * 784 * 1960 + 3 * 98_000)
    found = seconds(LAYER, mnist(100, form="atom"), flop=1.0)
    assert found["dictionary"] == found["side by side"] == dictionary
    assert found["weights"] == 2 * (2 * 784 * 98_000 + 3 * 100 * 784 * 500)
    assert found["separable"] == 2 * 3 * 100 * 98_000
    assert seconds(LAYER, mnist(100), flop=1.0)["separable"] == 2 * 3 * 100 * 98_000 + 2 * 2 * 10 * 196**2 * 50
    pooled = 2 * 100 * 784 * 1960
    wide = seconds(POOL, mnist(100, dtype="float64"), flop=1.0)  # a number of float64 costs twice as much
    assert wide["dictionary"] == wide["side by side"] == 2 * pooled
    assert seconds(POOLED, mnist(100), flop=1.0) == {
        "dictionary": 2 * 3 * 100 * 98_000,
        "side by side": 2 * 3 * 100 * 98_000,
    }


def test_a_product_packs_its_operands():
    found = seconds(POOL, mnist(3, form="atom"), pack=1.0)
    assert found == {"dictionary": 10 * 3 * 784 + 784 * 1960, "side by side": 3 * 784 + 784 * 1960, "separable": 0.0}


def test_a_pass_costs_taps_and_numbers():
    # rows of 28 pixels and 6 of padding, 6 pairs of taps each way; there and back
    assert seconds(LAYER, mnist(3, form="atom"), tap=1.0)["separable"] == 2 * 3 * 28 * 34 * 12
    assert seconds(POOL, mnist(3, form="atom"), gather=1.0)["separable"] == 3 * 1960


def test_calls():
    """Calls for y, dv and dw of ten columns, for pooling or folding around them, and for all columns at once."""
    found = seconds(LAYER, mnist(100), product=1.0)
    assert found == {"dictionary": 5 * 10, "weights": 2 * 10 + 3, "side by side": 3 + 2, "separable": 5 * 10}
    assert seconds(LAYER, mnist(100), call=1.0)["separable"] == 1


def test_shared_columns():
    """v K for the kept columns of K, forward and backward; R_j w_j and R_j dw_j; a gather and a scatter."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((90, 40)) @ rng.standard_normal((40, 40))
    dictionary = make_dictionary("emp", Units(40), proportion=0.25, n_columns=4, data=data, ridge=1.0, rng=rng)
    kept = np.unique(np.concatenate(dictionary.alpha)).size
    problem = LayerProblem(Arrays("numpy", "float32", (9, 40)), ((10, 5),) * 4, OperandCache(dictionary))
    flops = 2 * (2 * 9 * 40 * kept + 3 * 9 * 4 * 50 + 2 * 4 * 10 * 10 * 5)
    assert seconds(LAYER, problem, flop=1.0)["shared"] == flops
    assert seconds(LAYER, problem, gather=1.0)["shared"] == 2 * 9 * 40
    assert seconds(LAYER, problem, product=1.0)["shared"] == 3 + 2 + 2 * 4


CIFAR10 = {  # images, filters, padding of the net of sec. 4.2
    1: ((128, 32, 32, 3), (8, 8, 3, 48), 4),
    2: ((128, 16, 16, 48), (8, 8, 48, 64), 3),
    3: ((128, 7, 7, 64), (5, 5, 64, 64), 3),
}


def convolution(layer, **settings):
    """One layer, predicted through a dictionary, or learned in full if there are no settings."""
    images, filters, padding = CIFAR10[layer]
    shapes, operands = ((int(np.prod(filters[:3])), filters[3]),), LearnedOperands()
    if settings:
        dictionary = make_dictionary("se", Grid(*filters[:3]), n_columns=1, rng=np.random.default_rng(0), **settings)
        shapes, operands = tuple((alpha.size, filters[3]) for alpha in dictionary.alpha), OperandCache(dictionary)
    return ConvProblem(Arrays("numpy", "float32", images), filters, 1, padding, shapes, operands)


def test_a_convolution():
    problem = convolution(3, alpha=[np.arange(128)])
    images, filters, padding = CIFAR10[3]
    pixels = 128 * 9 * 9
    v, W = (np.broadcast_to(np.float32(0), shape) for shape in (images, filters))
    assert seconds(CONV, problem, flop=1.0, theorem=1.0) == {
        "patches": 6 * pixels * 1600 * 64,
        "theorem": 3 * fourier_conv2d_flops(v, W, 1, padding),
        "separable": 6 * pixels * 128 * 64,
    }
    # Two sites of one row: five taps down for every channel, five across for every map, on 9 rows of 13 padded pixels.
    assert seconds(CONV, problem, plane=1.0)["separable"] == 3 * 128 * 9 * 13 * 64 * (5 + 2 * 5)
    assert seconds(CONV, problem, pooled=1.0)["separable"] == 3 * pixels * 128
    assert seconds(CONV, problem, copy=1.0)["patches"] == 3 * pixels * 1600


@pytest.mark.parametrize(
    ("layer", "proportion", "way"),
    [
        (1, 0.05, "separable"),
        (1, 0.25, "separable"),
        (2, 0.05, "separable"),
        (2, 0.25, "theorem"),
        (2, 0.5, "theorem"),
        (3, 0.05, "separable"),
        (3, 0.25, "theorem"),
    ],
)
def test_a_convolution_pools_first_where_few_maps_are_left(layer, proportion, way):
    plan = choose(CONV, convolution(layer, proportion=proportion), threads=1)
    assert plan.way.name == min(plan.seconds, key=plan.seconds.get) == way
    assert str(plan).startswith(f"patches {1e3 * plan.seconds['patches']:.2f} ms, theorem ")


def test_a_convolution_learned_in_full():
    plan = choose(CONV, convolution(2), threads=1)
    assert (plan.way.name, list(plan.seconds)) == ("theorem", ["patches", "theorem"])
    assert plan.refused == {"separable": "K is no product of axes"}
    small = ConvProblem(Arrays("numpy", "float32", (128, 32, 32, 3)), (1, 1, 3, 8), 1, 0, ((3, 8),), LearnedOperands())
    assert choose(CONV, small, threads=1).way.name == "patches"


def test_a_convolution_puts_accuracy_before_speed():
    refused = choose(CONV, convolution(1, proportion=0.25, length_scale=4.0)).refused
    assert refused["separable"].startswith("the way through K may lose ")
    assert choose(CONV, convolution(1, proportion=0.25, length_scale=4.0, form="atom")).way.name == "separable"


def test_a_convolution_that_does_not_fit():
    problem = ConvProblem(Arrays("numpy", "float32", (1, 2, 2, 1)), (5, 5, 1, 1), 1, 0, ((25, 1),), LearnedOperands())
    with pytest.raises(ShapeError, match="^filters are 5 x 5 but images 2 x 2 with padding 0"):
        choose(CONV, problem)
