"""The choice of a way: the cheapest that is possible, with a reason for every way that is not."""

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.kernels.choose import choose, pooling_backend, use_backend, use_default_rates
from pp_ref.kernels.operands import OperandCache
from pp_ref.kernels.rates import default_rates
from pp_ref.kernels.ways import LAYER, MAX_POOL, POOL
from pp_ref.kernels.work import Arrays, LayerProblem, PoolProblem
from pp_ref.models import Predicted
from tests.kernels.test_work import mnist


def test_the_innermost_choice_of_a_backend_decides(monkeypatch):
    monkeypatch.delenv("PP_REF_BACKEND", raising=False)
    assert pooling_backend() == "auto"
    monkeypatch.setenv("PP_REF_BACKEND", "numpy")
    assert pooling_backend() == "numpy"
    with use_backend("numba"):
        with use_backend("auto"):
            assert pooling_backend() == "auto"
        assert pooling_backend() == "numba"
    assert pooling_backend() == "numpy"


def test_an_unknown_backend(monkeypatch):
    with (
        pytest.raises(DomainError, match="^backend is 'torch', expected one of auto, numpy, numba, cupy$"),
        use_backend("torch"),
    ):
        pass
    monkeypatch.setenv("PP_REF_BACKEND", "fast")
    with pytest.raises(DomainError, match="^PP_REF_BACKEND is 'fast', expected one of auto, numpy, numba, cupy$"):
        pooling_backend()


def layer_refusals(*arrays):
    """Why each way of a small layer is not possible with these arrays."""
    dictionary = make_dictionary("matern", Grid(2, 1), n_alpha=1, rng=np.random.default_rng(0))
    return choose(LAYER, LayerProblem(Arrays.of(*arrays), ((1, 3),), OperandCache(dictionary))).refused


def test_the_arrays_that_kernels_read():
    single, double = np.zeros((1, 2), np.float32), np.zeros((1, 2))
    for taken in ((single, single), (double,)):
        assert "side by side" not in layer_refusals(*taken)
    for left, why in (
        ((single, double), "the arrays are of several dtypes, expected float32 or float64"),
        ((double.astype(complex),), "the arrays are of complex128, expected float32 or float64"),
        ((array_api_strict.asarray(double),), "the arrays are not all of numpy"),
        ((double, array_api_strict.asarray(double)), "the arrays are not all of numpy"),
        ((double[0],), "the first array has 1 axes, expected 2"),
    ):
        assert layer_refusals(*left)["side by side"] == why
    assert layer_refusals(double.astype(np.longdouble))["side by side"].endswith("expected float32 or float64")
    for backend in ("numpy", "cupy"):
        with use_backend(backend):
            assert layer_refusals(double)["side by side"] == f"the backend is {backend}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [100, 1000])
def test_the_mnist_layer_is_separable(n, dtype):
    for proportion in (0.05, 0.25):
        problem = mnist(n, proportion, dtype)
        plan = choose(LAYER, problem, threads=1)
        assert plan.way.name == min(plan.seconds, key=plan.seconds.get) == "separable"
        assert choose(POOL, problem, threads=1).way.name == "separable"


def test_a_plan_prints_its_costs_and_its_reasons():
    problem = mnist(100)
    plan = choose(LAYER, problem, threads=1)
    costs = ", ".join(f"{way} {1e3 * seconds:.2f} ms" for way, seconds in plan.seconds.items())
    gain = sorted(plan.seconds.values())[1] / plan.seconds["separable"]
    refused = "not shared: K is a product of axes; not separable, device: the arrays are not all of cupy"
    said = f"{costs}: separable, {gain:.1f} times cheaper than the next; {refused}"
    assert str(plan) == f"{said} (default rates, 1 thread)"
    assert str(choose(LAYER, problem, default_rates(1), 2)) == f"{said} (given rates, 2 threads)"
    with use_backend("numba"):
        assert choose(LAYER, problem).reason == "as backend numba demands"


def test_a_plan_for_two_threads_is_not_that_of_one():
    one, two = (choose(LAYER, mnist(100), threads=threads) for threads in (1, 2))
    assert one.seconds.keys() == two.seconds.keys()
    assert all(two.seconds[way] < one.seconds[way] for way in one.seconds)


def test_a_backend_takes_its_last_possible_way():
    problem = mnist(1)
    assert choose(LAYER, problem).way.name != "separable"
    with use_backend("numba"):
        assert choose(LAYER, problem).way.name == "separable"
    with use_backend("numpy"):
        assert choose(LAYER, problem).way.name in ("dictionary", "weights")


def test_accuracy_comes_before_speed():
    plan = choose(LAYER, mnist(100, length_scale=4.0))
    assert plan.refused["separable"] == "the way through K may lose 15 bits"
    assert choose(LAYER, mnist(100, length_scale=4.0, form="atom")).way.name == "separable"


def test_max_pooling_is_compiled_for_numpy_arrays():
    problem = PoolProblem(Arrays("numpy", "float32", (2, 6, 6, 3)), 3, 2)
    assert choose(MAX_POOL, problem).way.name == "compiled"
    other = problem._replace(arrays=Arrays("numpy", "complex128", (2, 6, 6, 3)))
    assert choose(MAX_POOL, other).way.name == "windows"


def test_default_rates_choose_the_same_ways_on_every_machine(monkeypatch):
    """Rates that were measured here, at which products cost nothing, would choose otherwise."""
    measured = default_rates(1)._replace(flop=0.0, pack=0.0, product=0.0)
    monkeypatch.setattr("pp_ref.kernels.choose.known_rates", lambda threads: (measured, "calibrated"))
    assert choose(LAYER, mnist(100)).rates == "calibrated"
    with use_default_rates():
        plan = choose(LAYER, mnist(100))
        assert (plan.rates, plan.threads) == ("default", 1)
        assert plan.seconds == choose(LAYER, mnist(100), default_rates(1), 1).seconds
        with use_default_rates(4):
            assert choose(LAYER, mnist(100)).threads == 4
        assert choose(LAYER, mnist(100), measured).rates == "given"
    assert choose(LAYER, mnist(100)).rates == "calibrated"


def test_default_rates_of_no_thread():
    with pytest.raises(DomainError, match="^threads is 0, expected an integer >= 1$"), use_default_rates(0):
        pass


def test_without_numba_the_plan_takes_numpy_and_says_why(monkeypatch):
    monkeypatch.setattr("pp_ref.kernels.choose.numba_absence", lambda: "Numba is not installed")
    dictionary = make_dictionary("se", Grid(28, 28), proportion=0.1, n_columns=10, rng=np.random.default_rng(0))
    plan = Predicted(dictionary, 500).plan(100, np.float32)
    assert plan.way.backend == "numpy"
    assert "not separable: Numba is not installed" in str(plan)
