"""The comparisons that every rung of a convolution must pass: a derived bound, structure, and NaN and infinity."""

from functools import cache

import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.bounds import ConvBounds
from pp_ref.kernels.cpu.conv_layer import conv_backward
from pp_ref.kernels.operands import FilterOperands, filter_operands, separable_operands
from pp_ref.layers.conv2d import conv2d_backward, conv2d_forward
from tests.bounds import assert_within
from tests.kernels.cpu.comparisons import exact, unchanged, weights

# Space, settings, images (n, h, w), stride, padding. All sides differ; more images than a tile for two threads.
CASES = {
    "3 x 5 x 2, two columns": (Grid(3, 5, 2), {"proportion": 0.4, "n_columns": 2}, (19, 7, 6), 1, 1),
    "8 x 4, strides": (Grid(8, 4), {"proportion": 0.3}, (5, 9, 11), 2, 3),
    "5 x 9 x 3, atoms": (Grid(5, 9, 3), {"proportion": 0.2, "n_columns": 3, "form": "atom"}, (3, 5, 10), 3, 0),
    "one row": (Grid(1, 6, 2), {"proportion": 0.5, "length_scale": 0.3, "form": "atom"}, (4, 3, 8), 1, 2),
    "one pixel": (Grid(1, 1, 3), {"proportion": 1.0}, (2, 4, 3), 1, 0),
    "larger than the image": (Grid(4, 5), {"proportion": 0.4}, (2, 2, 3), 1, 2),
    "no images": (Grid(3, 3, 2), {"proportion": 0.4, "n_columns": 2}, (0, 5, 6), 1, 1),
}
DTYPES = ("float32", "float64")


@cache
def made(case: str, dtype: str) -> FilterOperands:
    space, settings, *_ = CASES[case]
    dictionary = make_dictionary("se", space, rng=np.random.default_rng(0), **{"n_columns": 1} | settings)
    return filter_operands(separable_operands(dictionary, dtype))


def images(case: str, dtype: str) -> np.ndarray:
    n, h, w = CASES[case][2]
    return np.random.default_rng(1).standard_normal((n, h, w, made(case, dtype).shape[2])).astype(dtype)


def every_case(compare):
    for case in CASES:
        for dtype in DTYPES:
            compare(f"{case}, {dtype}", made(case, dtype), images(case, dtype), *CASES[case][3:])


def kernel(f: FilterOperands, U) -> np.ndarray:
    """Filters (fh, fw, c, k) of matrices (d, k_j)."""
    return np.hstack(U).reshape(*f.shape, -1)


def check_conv_pool(run, passes=True):
    """run(v, f, stride, padding) -> (n, h', w', k_1 + ... + k_J)"""

    def compare(case, f, v, stride, padding):
        got = unchanged(lambda v: run(v, f, stride, padding), v)
        assert got.dtype == v.dtype
        (long,), U = exact(v), kernel(f, exact(*f.o.U))
        want, _ = conv2d_forward(long, U, np.zeros(U.shape[3], np.longdouble), stride, padding)
        assert_within(got, want, ConvBounds(f, stride, padding, passes).conv_pool(v), f"conv_pool, {case}")

    every_case(compare)
    f = made("3 x 5 x 2, two columns", "float64")
    for value in (np.nan, np.inf, -np.inf):
        v = images("3 x 5 x 2, two columns", "float64")
        v[3, 2, 4, 1] = value
        U = kernel(f, f.o.U)
        with np.errstate(invalid="ignore"):
            got, want = run(v, f, 1, 0), conv2d_forward(v, U, np.zeros(U.shape[3]))[0]
        # If alpha is tied, other channels' filters are not stored: 0 NaN is NaN only within a channel.
        own = np.concatenate([alpha % 2 == 1 for alpha in f.o.factors.alpha])
        np.testing.assert_array_equal(np.isfinite(got[..., own]), np.isfinite(want[..., own]))
        assert np.isfinite(np.delete(got, 3, axis=0)).all()


def check_conv_layer(forward, passes=True, backward=conv_backward):
    """forward(v, w, b, f, stride, padding) -> y, cache; backward(dy, cache) -> dv, dw, db"""

    def compare(case, f, v, stride, padding):
        w = weights(f.o)
        m = sum(w_j.shape[1] for w_j in w)
        b = np.linspace(1, 2, m, dtype=v.dtype)
        y, cache = forward(v, w, b, f, stride, padding)
        forward(np.ones_like(v), [np.ones_like(w_j) for w_j in w], b, f, stride, padding)  # of another step, between
        dy = np.random.default_rng(5).standard_normal(y.shape).astype(v.dtype)
        before = [array.copy() for array in (v, dy, *w)]
        dv, dw, db = backward(dy, cache)
        for array, old in zip((v, dy, *w), before, strict=True):
            np.testing.assert_array_equal(array, old)
        long, ldy, lb = exact(v, dy, b)
        W = np.hstack([U @ w_j for U, w_j in zip(exact(*f.o.U), exact(*w), strict=True)])
        want, long_cache = conv2d_forward(long, W.reshape(*f.shape, m), lb, stride, padding)
        want_dv, dW, want_db = conv2d_backward(ldy, long_cache)
        bounds = ConvBounds(f, stride, padding, passes).conv_layer(v, w, b, dy)
        assert {array.dtype for array in (y, dv, *dw, db)} == {v.dtype}
        assert_within(y, want, bounds.y, f"y, {case}")
        assert_within(dv, want_dv, bounds.dv, f"dv, {case}")
        assert_within(db, want_db, bounds.db, f"db, {case}")
        blocks = np.split(dW.reshape(f.o.d, m), np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
        for got, U, block, bound in zip(dw, exact(*f.o.U), blocks, bounds.dw, strict=True):
            assert_within(got, U.T @ block, bound, f"dw, {case}")

    every_case(compare)
    check_strange(forward, backward)


def check_strange(forward, backward):
    """NaN and infinity in v, w or dy: the same entries of outputs and gradients are finite as in the definition."""
    case = "3 x 5 x 2, two columns"
    f = made(case, "float64")
    for strange in ("v", "w", "dy"):
        for value in (np.nan, np.inf):
            v, w = images(case, "float64"), weights(f.o)
            b = np.zeros(sum(w_j.shape[1] for w_j in w))
            dy = np.random.default_rng(6).random(forward(v, w, b, f, 1, 1)[0].shape)
            {"v": v[2], "w": w[1], "dy": dy[2]}[strange][(1, 0, 1)[: 2 if strange == "w" else 3]] = value
            with np.errstate(invalid="ignore"):
                W = np.hstack([U @ w_j for U, w_j in zip(f.o.U, w, strict=True)]).reshape(*f.shape, b.size)
                y, cache = forward(v, w, b, f, 1, 1)
                dv, dw, db = backward(dy, cache)
                want, dense = conv2d_forward(v, W, b, 1, 1)
                want_dv, dW, want_db = conv2d_backward(dy, dense)
            if strange != "dy":  # else y is not touched
                np.testing.assert_array_equal(np.isfinite(y), np.isfinite(want), f"{value} in {strange}")
            if strange != "v":
                finite = np.isfinite(want_dv)
                assert np.isfinite(dv[finite]).all()
                assert not np.isfinite(dv).all()
            np.testing.assert_array_equal(np.isfinite(db), np.isfinite(want_db))
            touched = not np.isfinite(dW).all()
            assert touched == (not all(np.isfinite(dw_j).all() for dw_j in dw))


CHECKS = {"conv_pool": check_conv_pool, "conv_layer": check_conv_layer}
