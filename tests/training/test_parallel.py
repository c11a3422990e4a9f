"""Shares of a batch in threads: the same mean, to rounding, and the same bits each time."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pp_ref.errors import DomainError
from pp_ref.kernels.cpu.threads import blas_threads
from pp_ref.models.mlp import mlp
from pp_ref.training.parallel import in_threads

RNG = np.random.default_rng(0)
X, Y = RNG.random((23, 6)), RNG.integers(0, 3, 23)
MODEL = mlp((6, 5, 3))
PARAMS = MODEL.init(RNG, 0.5, np.float64)


def objective(params, rows, rng):
    return MODEL.loss_and_gradient(params, X[rows], Y[rows], rng)


@pytest.mark.parametrize("threads", [1, 2, 3, 30])
def test_the_mean_over_all(threads):
    loss, gradient = objective(PARAMS, np.arange(23), None)
    shared, shares = in_threads(objective, threads)(PARAMS, np.arange(23), np.random.default_rng(1))
    # Each is a sum over 23 examples in another order, after sums of at most 6 products: 40 roundings.
    u = 40 * np.finfo(float).eps
    assert abs(shared - loss) <= u * abs(loss)
    for name, g in gradient.items():
        assert np.max(np.abs(shares[name] - g)) <= u * np.max(np.abs(g)), name


def test_two_runs_agree_and_shares_draw_apart():
    model = mlp((6, 5, 3), dropout=0.5)

    def dropped(params, rows, rng):
        return model.loss_and_gradient(params, np.ones((len(rows), 6)), np.zeros(len(rows), int), rng)

    together = in_threads(dropped, 2)
    runs = [together(PARAMS, np.arange(8), np.random.default_rng(2))[0] for _ in range(2)]
    assert runs[0] == runs[1]
    alone = dropped(PARAMS, np.arange(4), np.random.default_rng(2))[0]
    assert runs[0] != alone  # they would be equal if both shares had one mask


def test_no_examples():
    loss, _ = in_threads(objective, 2)(PARAMS, np.arange(0), np.random.default_rng(0))
    assert loss == 0


def test_one_thread_is_the_objective_itself():
    assert in_threads(objective, 1) is objective


def test_an_error_in_a_share_comes_out():
    def failing(params, rows, rng):
        raise DomainError("labels[0] is 7")

    with pytest.raises(DomainError, match="^labels"):
        in_threads(failing, 2)(PARAMS, np.arange(4), np.random.default_rng(0))


def test_threads_that_make_no_sense():
    with pytest.raises(DomainError, match="^threads is 0, expected an integer >= 1$"):
        in_threads(objective, 0)


def test_a_share_is_not_divided_again():
    shared, _ = in_threads(in_threads(objective, 2), 3)(PARAMS, np.arange(23), np.random.default_rng(1))
    assert shared == in_threads(objective, 3)(PARAMS, np.arange(23), np.random.default_rng(1))[0]


def set_blas_threads(number):
    """For good, by a thread that ends: threadpoolctl lets only one living thread set this number."""
    thread = Thread(target=threadpool_limits, kwargs={"limits": number, "user_api": "blas"})
    thread.start()
    thread.join()


def test_calls_from_several_threads_leave_the_number_of_blas_threads():
    seen = set()

    def slow(params, rows, rng):
        seen.add(blas_threads())
        time.sleep(0.001)
        return np.zeros(()), {}

    def calls(together):
        for _ in range(20):
            together(PARAMS, np.arange(4), np.random.default_rng(0))

    before = blas_threads()
    set_blas_threads(2)
    try:
        with ThreadPoolExecutor(4) as callers:
            list(callers.map(calls, [in_threads(slow, 2) for _ in range(4)]))
        assert seen == {1}
        assert blas_threads() == 2
    finally:
        set_blas_threads(before)
