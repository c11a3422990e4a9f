"""The autoencoder behind kind ae: its cost and gradient, and that training learns."""

import numpy as np
import pytest
from scipy.special import expit

from pp_ref.dictionaries import Units, make_dictionary
from pp_ref.dictionaries.autoencoder import tied_cost, train_features


def _draw(n=7, d=5, k=3):
    rng = np.random.default_rng(0)
    return rng.standard_normal(d * k + k + d), rng.random((n, d)), rng


def test_cost_is_its_formula():
    parameters, v, _ = _draw()
    A, b, c = parameters[:15].reshape(5, 3), parameters[15:18], parameters[18:]
    want = np.mean([((expit(expit(row @ A + b) @ A.T + c) - row) ** 2).sum() for row in v])
    assert tied_cost(parameters, v, 3)[0] == pytest.approx(want, rel=1e-14)


def test_the_remainder_of_the_gradient_has_order_three():
    parameters, v, rng = _draw()
    gradient = tied_cost(parameters, v, 3)[1]
    steps = 2.0 ** -np.arange(5, 10)
    for _ in range(3):
        u = rng.standard_normal(parameters.size)

        def left(h, u=u):
            ends = tied_cost(parameters + h * u, v, 3)[0] - tied_cost(parameters - h * u, v, 3)[0]
            return abs(ends - 2 * h * np.vdot(gradient, u))

        remainders = np.log2([left(h) for h in steps])
        assert np.median(remainders[:-1] - remainders[1:]) > 2.8


def test_training_finds_the_factors_of_binary_data():
    rng = np.random.default_rng(1)
    parts = np.kron(np.eye(3), np.ones(4))  # (3, 12): three blocks that are on or off together
    data = (rng.random((200, 3)) < 0.5) @ parts

    def outside(iterations):
        """Norm of what the span of A misses of the parts, after so many steps from one start."""
        basis = np.linalg.qr(train_features(data, 3, 200, iterations, np.random.default_rng(2)))[0]
        return np.linalg.norm(parts.T - basis @ (basis.T @ parts.T), 2)

    assert outside(100) < outside(1) / 2


def test_a_column_a_start_and_no_more_rows_than_asked_for():
    data = np.random.default_rng(0).random((30, 6))
    made = make_dictionary(
        "ae", Units(6), n_alpha=2, n_columns=2, data=data, iterations=3, rng=np.random.default_rng(0)
    )
    assert not np.array_equal(*made.U())
    assert made.columns[0].structure == "dense"
    few = make_dictionary("ae", Units(6), n_alpha=2, data=data, examples=10, iterations=3, rng=np.random.default_rng(0))
    assert not np.array_equal(few.U()[0], made.U()[0])


def test_integer_data_is_read_as_numbers():
    bits = (np.random.default_rng(0).random((30, 6)) < 0.5).astype(np.uint8)
    ask = {"n_alpha": 2, "iterations": 3}
    one = make_dictionary("ae", Units(6), data=bits, rng=np.random.default_rng(0), **ask)
    two = make_dictionary("ae", Units(6), data=bits.astype(float), rng=np.random.default_rng(0), **ask)
    np.testing.assert_array_equal(one.U()[0], two.U()[0])


def test_columns_share_one_autoencoder_by_index_sets():
    """Sec. 3.4: index sets into one dictionary. Every atom of a column is that feature of the one autoencoder."""
    data = np.random.default_rng(0).random((30, 6))
    ask = {"data": data, "iterations": 3, "examples": 20}
    made = make_dictionary("ae", Units(6), n_alpha=4, n_columns=3, atoms=9, rng=np.random.default_rng(0), **ask)
    A = train_features(data, 9, 20, 3, np.random.default_rng(0))
    for column in made.columns:
        assert (np.diff(column.alpha) > 0).all()
        assert column.alpha[-1] < 9
        np.testing.assert_array_equal(column.U, A[:, column.alpha])
    assert len({column.alpha.tobytes() for column in made.columns}) == 3
