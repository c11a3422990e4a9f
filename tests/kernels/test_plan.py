"""The plan: what it says of the shapes that matter, and that it can say no."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.dictionaries.separable import separable
from pp_ref.errors import ShapeError
from pp_ref.kernels.plan import DEFAULT, Rates, layer_work, plan_conv, plan_layer, plan_pool
from pp_ref.layers.fourier_conv2d import fourier_conv2d_flops


def mnist(proportion, **settings):
    dictionary = make_dictionary(
        "se", Grid(28, 28), proportion=proportion, n_columns=10, rng=np.random.default_rng(0), **settings
    )
    return separable(dictionary), [(alpha.size, 50) for alpha in dictionary.alpha]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [100, 1000])
def test_the_mnist_layer_is_separable(n, dtype):
    for proportion in (0.05, 0.25):
        factors, shapes = mnist(proportion)
        plan = plan_layer(n, 784, shapes, dtype, factors)
        assert plan.way == min(plan.seconds, key=plan.seconds.get) == "separable"
        assert plan_pool(n, 784, [k for k, _ in shapes], dtype, factors).way == "separable"


def test_a_plan_prints_its_costs_and_its_reason():
    factors, shapes = mnist(0.25)
    plan = plan_layer(100, 784, shapes, np.float32, factors)
    costs = ", ".join(f"{way} {1e3 * seconds:.2f} ms" for way, seconds in plan.seconds.items())
    gain = min(plan.seconds["dictionary"], plan.seconds["weights"]) / plan.seconds["separable"]
    said = f"{costs}: separable, {gain:.1f} times cheaper than the next"
    assert str(plan) == f"{said} (default rates)"
    assert str(plan_layer(100, 784, shapes, np.float32, factors, DEFAULT)) == f"{said} (given rates)"


NOTHING = Rates(*(0.0 for _ in Rates._fields))


def test_costs_without_overheads_are_flops():
    """2 n (2 d k + 3 k m_j) of ten columns, and 2 (2 d k m_j + 3 n d m_j)."""
    shapes, bare = [(196, 50)] * 10, NOTHING._replace(flop=1.0)
    assert plan_layer(100, 784, shapes, np.float32, rates=bare).seconds == {
        "dictionary": 2 * 100 * (2 * 784 * 1960 + 3 * 98_000),
        "weights": 2 * (2 * 784 * 98_000 + 3 * 100 * 784 * 500),
    }
    assert plan_pool(100, 784, [196] * 10, np.float64, rates=bare).seconds["dictionary"] == 2 * (2 * 100 * 784 * 1960)


def test_a_product_packs_its_operands():
    bare = NOTHING._replace(pack=1.0)
    packed = {"dictionary": 2 * 3 * 784 + 784 * 203}
    assert plan_pool(3, 784, [196, 7], np.float32, rates=bare).seconds == packed


def test_a_pass_costs_taps_and_numbers():
    factors, shapes = mnist(0.25, form="atom")
    bare = NOTHING._replace(tap=1.0)
    # rows of 28 pixels and 6 of padding, 6 pairs of taps each way; there and back
    assert plan_layer(3, 784, shapes, np.float32, factors, bare).seconds["separable"] == 2 * 3 * 28 * 34 * 12
    bare = NOTHING._replace(gather=1.0)
    assert plan_pool(3, 784, [196] * 10, np.float32, factors, bare).seconds["separable"] == 3 * 1960


def test_work_counts_what_is_called():
    factors, shapes = mnist(0.25)
    work = layer_work(100, 784, shapes, np.float32, factors)
    assert [way["product"] for way in work.values()] == [5 * 10, 2 * 10 + 3, 5 * 10]
    assert [way["call"] for way in work.values()] == [0, 0, 1]


def test_the_dense_ways_where_there_is_no_product_of_axes():
    _, shapes = mnist(0.25)
    said = str(plan_layer(100, 784, shapes, np.float32))
    assert said.endswith(" ms: weights, for want of a K that is a product of axes (default rates)")
    assert "separable" not in said
    assert plan_layer(10, 784, shapes, np.float32).way == "dictionary"


def test_accuracy_comes_before_speed():
    factors, shapes = mnist(0.25, length_scale=4.0)
    plan = plan_layer(100, 784, shapes, np.float32, factors)
    assert plan.way == "weights"
    assert plan.seconds["separable"] < plan.seconds["weights"]
    assert plan.reason == "since the separable way may lose 15 bits"
    atoms, _ = mnist(0.25, length_scale=4.0, form="atom")
    assert plan_layer(100, 784, shapes, np.float32, atoms).way == "separable"


def test_no_kernels_in_other_dtypes_and_none_for_a_few_pixels():
    factors, shapes = mnist(0.25)
    assert plan_layer(100, 784, shapes, np.longdouble, factors).reason == "for want of kernels in longdouble" or (
        plan_layer(100, 784, shapes, np.longdouble, factors).reason.startswith("for want of kernels in float")
    )
    small = separable(make_dictionary("se", Grid(4, 4), n_alpha=4, rng=np.random.default_rng(0)))
    assert plan_layer(10, 16, [(4, 8)], np.float32, small).reason == "since two short passes save nothing"
    assert plan_layer(0, 16, [(4, 8)], np.float32, small).way == "dictionary"


CIFAR10 = {  # images, filters, padding of the net of sec. 4.2
    1: ((128, 32, 32, 3), (8, 8, 3, 48), 4),
    2: ((128, 16, 16, 48), (8, 8, 48, 64), 3),
    3: ((128, 7, 7, 64), (5, 5, 64, 64), 3),
}


def convolution(layer, proportion, **settings):
    """The plan of one layer with a share of its weights learned."""
    images, filters, padding = CIFAR10[layer]
    dictionary = make_dictionary(
        "se", Grid(*filters[:3]), proportion=proportion, n_columns=1, rng=np.random.default_rng(0), **settings
    )
    shapes = [(alpha.size, filters[3]) for alpha in dictionary.alpha]
    return plan_conv(images, filters, 1, padding, "float32", shapes, separable(dictionary))


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
    plan = convolution(layer, proportion)
    assert plan.way == min(plan.seconds, key=plan.seconds.get) == way
    assert str(plan).startswith(f"patches {1e3 * plan.seconds['patches']:.2f} ms, theorem ")


def test_a_convolution_learned_in_full_or_without_factors():
    images, filters, padding = CIFAR10[2]
    plan = plan_conv(images, filters, 1, padding, "float32")
    assert "separable" not in plan.seconds
    assert str(plan).endswith(": theorem, for want of a K that is a product of axes (default rates)")
    assert plan_conv((128, 32, 32, 3), (1, 1, 3, 8), 1, 0, "float32").way == "patches"


def test_a_convolution_puts_accuracy_before_speed():
    assert convolution(1, 0.25, length_scale=4.0).reason.startswith("since the separable way may lose ")
    assert convolution(1, 0.25, length_scale=4.0, form="atom").way == "separable"


def test_costs_of_a_convolution_without_overheads():
    images, filters, padding = CIFAR10[3]
    bare = Rates(1.0, *[0.0] * (len(Rates._fields) - 1))._replace(theorem=1.0)
    dictionary = make_dictionary(
        "se", Grid(5, 5, 64), alpha=[np.arange(128)], n_columns=1, rng=np.random.default_rng(0)
    )
    pixels = 128 * 9 * 9
    factors = separable(dictionary)

    def seconds(rates):
        return plan_conv(images, filters, 1, padding, "float32", [(128, 64)], factors, rates).seconds

    v, W = (np.broadcast_to(np.float32(0), shape) for shape in (images, filters))
    assert seconds(bare) == {
        "patches": 6 * pixels * 1600 * 64,
        "theorem": 3 * fourier_conv2d_flops(v, W, 1, padding),
        "separable": 6 * pixels * 128 * 64,
    }
    # Two sites of one row: five taps down for every channel, five across for every map, on 9 rows of 13 padded pixels.
    assert seconds(bare._replace(flop=0.0, theorem=0.0, plane=1.0))["separable"] == 3 * 128 * 9 * 13 * 64 * (5 + 2 * 5)
    assert seconds(bare._replace(flop=0.0, theorem=0.0, pooled=1.0))["separable"] == 3 * pixels * 128
    assert seconds(bare._replace(flop=0.0, theorem=0.0, copy=1.0))["patches"] == 3 * pixels * 1600


def test_a_convolution_that_does_not_fit():
    with pytest.raises(ShapeError, match="^filters are 5 x 5 but images 2 x 2 with padding 0"):
        plan_conv((1, 2, 2, 1), (5, 5, 1, 1), 1, 0, "float32")
