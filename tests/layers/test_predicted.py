"""The predicted layer: exact columns, both orders, and the messages."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.predicted import (
    DictionaryFirstCache,
    WeightsFirstCache,
    combine_forward,
    expand_backward,
    expand_forward,
    pool_backward,
    pool_forward,
    predicted_backward,
    predicted_backward_weights,
    predicted_forward,
)

ORDERS = ("dictionary", "weights")
SE = make_dictionary("se", Grid(2, 3), n_alpha=3, n_columns=2, rng=np.random.default_rng(0))
LIST = "expected a list of arrays, one a column"
ARRAY = "expected the array of a column"
THAT = "is a list of them: pass that list, or a sum of such lists, as U"


def layer(seed=0, n=3, d=5, columns=((2, 1), (3, 4), (1, 2))):
    """Small integers: every product and sum is exact, in every order."""
    rng = np.random.default_rng(seed)
    integers = lambda *shape: rng.integers(-4, 5, shape).astype(float)  # noqa: E731
    U, w = [integers(d, k) for k, _ in columns], [integers(k, m) for k, m in columns]
    return integers(n, d), U, w, integers(sum(m for _, m in columns))


def test_bits_spell_the_inputs_pooled_by_each_column():
    mask = np.random.default_rng(0).integers(0, 2, (7, 23))
    U = [np.repeat(2.0 ** np.arange(23)[:, None], k, axis=1) * scale for k, scale in ((5, 1), (2, 8))]
    pooled, _ = pool_forward(mask.astype("f4"), [U_j.astype("f4") for U_j in U])
    spelled = (mask @ (1 << np.arange(23)))[:, None]
    np.testing.assert_array_equal(pooled[0], np.repeat(spelled, 5, axis=1))
    np.testing.assert_array_equal(pooled[1], np.repeat(8 * spelled, 2, axis=1))


def test_a_dictionary_of_identity_columns_gathers():
    alpha = [np.array([0, 3]), np.array([4])]
    v, U = np.arange(10.0).reshape(2, 5), [np.eye(5)[:, a] for a in alpha]
    pooled, cache = pool_forward(v, U)
    for pooled_j, a in zip(pooled, alpha, strict=True):
        np.testing.assert_array_equal(pooled_j, v[:, a])
    np.testing.assert_array_equal(pool_backward([np.ones((2, 2)), np.full((2, 1), 2.0)], cache), [[1, 0, 0, 1, 2]] * 2)


def test_both_orders_give_the_same_integers():
    v, U, w, b = layer()
    dy = np.random.default_rng(1).integers(-4, 5, (3, 7)).astype(float)
    results = []
    for order in ORDERS:
        y, cache = predicted_forward(v, U, w, b, order)
        dv, dw, db = predicted_backward(dy, cache)
        results.append([y, dv, *dw, db])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    W = np.hstack([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)])
    np.testing.assert_array_equal(results[0][0], v @ W + b)
    np.testing.assert_array_equal(results[0][1], dy @ W.T)


@pytest.mark.parametrize(("order", "kind"), [("dictionary", DictionaryFirstCache), ("weights", WeightsFirstCache)])
def test_order_is_the_one_asked_for(order, kind):
    _, cache = predicted_forward(*layer(), order)
    assert isinstance(cache, kind)


@pytest.mark.parametrize("order", ORDERS)
def test_gradients_of_the_weights_alone_are_those_of_the_whole(order):
    y, cache = predicted_forward(*layer(), order)
    dw, db = predicted_backward_weights(y, cache)
    _, whole_dw, whole_db = predicted_backward(y, cache)
    for part, whole in zip([*dw, db], [*whole_dw, whole_db], strict=True):
        np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("order", ORDERS)
def test_no_examples_have_zero_gradients(order):
    v, U, w, b = layer(n=0)
    y, cache = predicted_forward(v, U, w, b, order)
    dv, dw, db = predicted_backward(y, cache)
    assert (y.shape, dv.shape) == ((0, 7), (0, 5))
    for gradient, parameter in zip([*dw, db], [*w, b], strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(parameter))


def test_expand_cuts_dW_where_the_columns_meet():
    _, U, w, _ = layer()
    W, cache = expand_forward(U, w)
    dW = np.arange(float(W.size)).reshape(W.shape)
    for gradient, U_j, (start, stop) in zip(expand_backward(dW, cache), U, ((0, 1), (1, 5), (5, 7)), strict=True):
        np.testing.assert_array_equal(gradient, U_j.T @ dW[:, start:stop])


def test_gradients_do_not_share_memory_with_the_cotangent():
    v, U, w, b = layer(columns=((2, 3),))
    y, cache = predicted_forward(v, U, w, b)
    dy = np.ones_like(y)
    for gradient in (predicted_backward(dy, cache)[0], predicted_backward(dy, cache)[2]):
        assert not np.shares_memory(gradient, dy)


def test_messages():
    v, U, w, b = layer()
    with pytest.raises(
        ShapeError, match=r"^U has 2, w has 3 columns; expected the same number, at least one, in each$"
    ):
        expand_forward(U[:2], w)
    with pytest.raises(ShapeError, match=r"^U has 0 columns; expected the same number, at least one, in each$"):
        pool_forward(v, [])
    with pytest.raises(ShapeError, match=r"^axis d is 4 in v but 5 in U\[0\]$"):
        pool_forward(v[:, 1:], U)
    with pytest.raises(ShapeError, match=r"^axis d is 5 in v but 4 in U\[1\]$"):
        pool_forward(v, [U[0], U[1][1:]])
    with pytest.raises(ShapeError, match=r"^axis k is 3 in pooled\[1\] but 2 in w\[1\]$"):
        combine_forward(pool_forward(v, U)[0], [w[0], w[1][1:], w[2]], b)
    with pytest.raises(ShapeError, match=r"^axis k is 3 in U\[1\] but 2 in w\[1\]$"):
        expand_forward(U, [w[0], w[1][1:], w[2]])
    with pytest.raises(ShapeError, match=r"^axis m is 7 in \[w_1, \.\.\., w_J\] but 6 in b$"):
        predicted_forward(v, U, w, b[1:])
    with pytest.raises(DomainError, match=r"^order is 'pool', expected 'dictionary' or 'weights'$"):
        predicted_forward(v, U, w, b, "pool")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("U", "error", "message"),
    [
        (SE.U()[0], DomainError, rf"^U is <float64 \(6, 3\)>, {LIST}: pass \[U\] if it is the only column$"),
        (SE, DomainError, rf"^U is Dictionary\(.*\), {LIST}: pass U\.U\(v\.dtype\)$"),
        (SE.U, DomainError, rf"^U is <bound method Dictionary\.U .*, {LIST}: pass U\(v\.dtype\)$"),
        (iter(SE.U()), DomainError, rf"^U is <list_iterator .*, {LIST}: pass list\(U\)$"),
        (dict(enumerate(SE.U())), DomainError, rf"^U is {{0: .*}}, {LIST}: pass list\(U\.values\(\)\)$"),
        (None, DomainError, rf"^U is None, {LIST}$"),
        ("se", DomainError, rf"^U is 'se', {LIST}$"),
        ([SE, SE], DomainError, rf"^U\[0\] is Dictionary\(.*\), {ARRAY}: U\[0\]\.U\(v\.dtype\) {THAT}$"),
        ([SE.U], DomainError, rf"^U\[0\] is <bound method .*, {ARRAY}: U\[0\]\(v\.dtype\) {THAT}$"),
        ([SE.U()], DomainError, rf"^U\[0\] is \[<float64 \(6, 3\)>, .*\], {ARRAY}: U\[0\] {THAT}$"),
        (SE.columns, DomainError, rf"^U\[0\] is Column\(.*\), {ARRAY}: pass U\[0\]\.U$"),
        (
            [SE.U()[0].tolist()] * 2,
            DomainError,
            r"^U\[0\] is a list, .*: use np\.asarray\(U\[0\], dtype=np\.float64\)$",
        ),
        (SE.U()[:1], ShapeError, "^U has 1, w has 2 columns; expected the same number, at least one, in each$"),
        ([U_j.T for U_j in SE.U()], ShapeError, r"^axis k is 6 in U\[0\] but 3 in w\[0\]$"),
    ],
    ids=lambda value: "",
)
def test_what_is_passed_in_place_of_the_columns(order, U, error, message):
    with pytest.raises(error, match=message):
        predicted_forward(np.ones((4, 6)), U, [np.ones((3, 2))] * 2, np.zeros(4), order)
