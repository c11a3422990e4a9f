"""The plan: what it says of the shapes that matter, and that it can say no."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.dictionaries.separable import separable
from pp_ref.kernels.plan import DEFAULT, Rates, layer_work, plan_layer, plan_pool


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
