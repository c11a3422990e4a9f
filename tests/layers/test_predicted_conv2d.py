"""Predicted convolution: both orders and both forms of a dictionary give the same integers; the messages."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.conv2d import conv2d_forward
from pp_ref.layers.predicted_conv2d import (
    DictionaryFirstConv2dCache,
    WeightsFirstConv2dCache,
    dictionary_conv2d_forward,
    expand_filters_backward,
    expand_filters_forward,
    predicted_conv2d_backward,
    predicted_conv2d_backward_weights,
    predicted_conv2d_forward,
)
from tests.bounds import assert_within, gemm_bound
from tests.layers.test_conv2d import GEOMETRIES, integers

ORDERS = ("dictionary", "weights")
SHAPE, CHANNELS = (3, 2), 3


def layer(n=2):
    """Three columns: tied, dense, tied; of 6, 4 and 3 elements, for 2, 3 and 1 units."""
    U = [integers(6, 2, seed=1), integers(18, 4, seed=2), integers(6, 1, seed=3)]
    w = [integers(6, 2, seed=4), integers(4, 3, seed=5), integers(3, 1, seed=6)]
    return integers(n, 6, 5, CHANNELS), U, w, integers(6, seed=7)


def densified(U):
    return [np.kron(U_j, np.eye(CHANNELS)) if len(U_j) == 6 else U_j for U_j in U]


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_orders_and_forms_give_the_same_integers(stride, padding):
    v, U, w, b = layer()
    W = np.hstack([U_j @ w_j for U_j, w_j in zip(densified(U), w, strict=True)]).reshape(*SHAPE, CHANNELS, 6)
    want, _ = conv2d_forward(v, W, b, stride, padding)
    dy = integers(*want.shape, seed=8)
    results = []
    for order in ORDERS:
        for form in (U, densified(U)):
            y, cache = predicted_conv2d_forward(v, form, w, b, SHAPE, stride, padding, order)
            dv, dw, db = predicted_conv2d_backward(dy, cache)
            alone, db_alone = predicted_conv2d_backward_weights(dy, cache)
            for part, whole in zip([*alone, db_alone], [*dw, db], strict=True):
                np.testing.assert_array_equal(part, whole)
            results.append([y, dv, *dw, db])
    np.testing.assert_array_equal(results[0][0], want)
    for parts in zip(*results, strict=True):
        for part in parts[1:]:
            np.testing.assert_array_equal(part, parts[0])


@pytest.mark.parametrize(
    ("order", "kind"), [("dictionary", DictionaryFirstConv2dCache), ("weights", WeightsFirstConv2dCache)]
)
def test_order_is_the_one_asked_for(order, kind):
    assert isinstance(predicted_conv2d_forward(*layer(), SHAPE, order=order)[1], kind)


def test_all_weights_kept_are_the_filters_themselves():
    w = np.arange(36.0).reshape(18, 2)
    for identity in (np.eye(18), np.eye(6)):  # dense, and tied across channels
        W, cache = expand_filters_forward([identity], [w], SHAPE, CHANNELS)
        np.testing.assert_array_equal(W, w.reshape(3, 2, 3, 2))
        np.testing.assert_array_equal(expand_filters_backward(W, cache)[0], w)


def test_flat_weights_are_those_of_a_grid():
    """Channel-tied dictionaries are products, and the flat index of a Grid is that of the filters."""
    made = make_dictionary("se", Grid(4, 4, CHANNELS), proportion=0.5, n_columns=1, rng=np.random.default_rng(0))
    (column,), (U,) = made.columns, made.U()
    assert column.structure == "channel-tied"
    tied = U[::CHANNELS, ::CHANNELS]
    np.testing.assert_array_equal(np.kron(tied, np.eye(CHANNELS)), U)
    w = np.random.default_rng(1).standard_normal((U.shape[1], 5))
    filters, _ = expand_filters_forward([tied], [w], (4, 4), CHANNELS)
    assert_within(filters.reshape(48, 5), U @ w, 2 * gemm_bound(U, w, float), "filters")


def test_one_channel_has_one_form():
    v, U = integers(1, 4, 4, 1), [integers(4, 3, seed=1)]
    pooled, _ = dictionary_conv2d_forward(v, U, (2, 2))
    want, _ = conv2d_forward(v, U[0].reshape(2, 2, 1, 3), np.zeros(3))
    np.testing.assert_array_equal(pooled[0], want)


@pytest.mark.parametrize("order", ORDERS)
def test_no_images_have_zero_gradients(order):
    v, U, w, b = layer(n=0)
    y, cache = predicted_conv2d_forward(v, U, w, b, SHAPE, order=order)
    dv, dw, db = predicted_conv2d_backward(y, cache)
    assert (y.shape, dv.shape) == ((0, 4, 4, 6), v.shape)
    for gradient, parameter in zip([*dw, db], [*w, b], strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(parameter))


def test_messages():
    v, U, w, b = layer()
    rows = (
        r"^U\[0\] has 5 rows, expected fh fw c = 18 for filters of 3 x 2 and 3 channels, or fh fw = 6 if it is tied "
        r"across channels$"
    )
    for order in ORDERS:
        with pytest.raises(ShapeError, match=rows):
            predicted_conv2d_forward(v, [U[0][1:], *U[1:]], w, b, SHAPE, order=order)
        with pytest.raises(ShapeError, match=r"^axis m is 6 in .* but 5 in b$"):
            predicted_conv2d_forward(v, U, w, b[1:], SHAPE, order=order)
        with pytest.raises(ShapeError, match=r"^filters are 3 x 2 but images 2 x 5 with padding 0 on each side; "):
            predicted_conv2d_forward(v[:, :2], U, w, b, SHAPE, order=order)
        with pytest.raises(DomainError, match=r"^stride is 0, expected an integer >= 1$"):
            predicted_conv2d_forward(v, U, w, b, SHAPE, 0, order=order)
        with pytest.raises(DomainError, match=r"^filter_shape\[1\] is 0, expected an integer >= 1$"):
            predicted_conv2d_forward(v, U, w, b, (3, 0), order=order)
        with pytest.raises(ShapeError, match=r"^v has shape \(6, 5, 3\), expected axes \(n, h, w, c\)$"):
            predicted_conv2d_forward(v[0], U, w, b, SHAPE, order=order)
    with pytest.raises(ShapeError, match=r"^axis k is 6 in U\[0\] but 5 in w\[0\]$"):
        expand_filters_forward(U, [w[0][1:], *w[1:]], SHAPE, CHANNELS)
    with pytest.raises(ShapeError, match=r"^axis k is 6 in pooled\[0\] but 5 in w\[0\]$"):
        predicted_conv2d_forward(v, U, [w[0][1:], *w[1:]], b, SHAPE)
    with pytest.raises(ShapeError, match=r"^w\[0\] has shape \(6,\), expected axes \(k, m\)$"):
        expand_filters_forward(U, [w[0][:, 0], *w[1:]], SHAPE, CHANNELS)
    with pytest.raises(
        ShapeError, match=r"^U has 2, w has 3 columns; expected the same number, at least one, in each$"
    ):
        expand_filters_forward(U[:2], w, SHAPE, CHANNELS)
    with pytest.raises(ShapeError, match=r"^U has 0 columns; expected the same number, at least one, in each$"):
        dictionary_conv2d_forward(v, [], SHAPE)
    with pytest.raises(DomainError, match=r"^order is 'pool', expected 'dictionary' or 'weights'$"):
        predicted_conv2d_forward(v, U, w, b, SHAPE, order="pool")
