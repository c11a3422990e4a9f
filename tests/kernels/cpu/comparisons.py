"""The comparisons that every rung must pass: exact cases, a derived bound, structure, and NaN and infinity."""

from functools import cache

import numpy as np

from pp_ref.dictionaries import Frames, Grid, make_dictionary
from pp_ref.kernels.bounds import Bounds
from pp_ref.kernels.cpu.layer import layer_backward
from pp_ref.kernels.operands import SeparableOperands, separable_operands
from tests.bounds import assert_within

# All sides differ, so that a wrong stride shows; the examples are more than a tile, and no multiple of it.
CASES = {
    "7 x 12, ridge": (Grid(7, 12), {"proportion": 0.4, "n_columns": 3}, 131),
    "9 x 5, atoms": (Grid(9, 5), {"proportion": 0.5, "n_columns": 2, "form": "atom", "length_scale": 2.5}, 5),
    "4 x 6 x 3": (Grid(4, 6, 3), {"proportion": 0.5, "n_columns": 2}, 9),
    "channels apart": (Grid(3, 4, 2), {"alpha": [np.array([0, 3, 4, 9, 23]), np.array([1, 2, 7, 8, 22])]}, 9),
    "one row": (Grid(1, 20), {"proportion": 0.3, "length_scale": 0.3, "form": "atom"}, 9),
    "frames": (Frames(11, 2), {"proportion": 0.5, "n_columns": 2}, 9),
    "one pixel": (Grid(1, 1), {"proportion": 1.0}, 3),
    "no examples": (Grid(5, 6), {"proportion": 0.4, "n_columns": 2}, 0),
}
DTYPES = ("float32", "float64")


@cache
def made(case: str, dtype: str) -> SeparableOperands:
    space, settings, _ = CASES[case]
    columns = len(settings["alpha"]) if "alpha" in settings else settings.get("n_columns", 1)
    return separable_operands(
        make_dictionary("se", space, rng=np.random.default_rng(0), **settings | {"n_columns": columns}), dtype
    )


def drawn(case: str, dtype: str, columns: int, seed: int = 1) -> np.ndarray:
    """Random numbers (n, columns) that need all their bits."""
    return np.random.default_rng(seed).standard_normal((CASES[case][2], columns)).astype(dtype)


def weights(o: SeparableOperands, spare: int = 1) -> list[np.ndarray]:
    """Random w_j (k_j, m_j) of unequal widths."""
    rng = np.random.default_rng(2)
    return [rng.standard_normal((U.shape[1], 2 + (j < spare))).astype(o.dtype) for j, U in enumerate(o.U)]


def exact(*arrays):
    return [array.astype(np.longdouble) for array in arrays]


def every_case(compare):
    for case in CASES:
        for dtype in DTYPES:
            compare(case, dtype, made(case, dtype))


def unchanged(run, *arrays):
    """Call run(*arrays) twice, and return the result: both results are equal, and the arrays are not written to."""
    before = [array.copy() for array in arrays]
    first = np.copy(run(*arrays))
    again = run(*arrays)
    np.testing.assert_array_equal(again, first)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
    return again


def check_pool(run, passes=True):
    """run(v, o) -> (n, k_1 + ... + k_J)"""

    def compare(case, dtype, o):
        v = drawn(case, dtype, o.d)
        got = unchanged(lambda v: run(v, o), v)
        assert got.dtype == o.dtype
        (long,) = exact(v)
        want = np.hstack([long @ U.astype(np.longdouble) for U in o.U])
        assert_within(got, want, Bounds(o, passes).pool(v), f"pool, {case}, {dtype}")

    every_case(compare)
    check_impulses(run)
    check_strange(run, lambda o: o.d, lambda x, o: np.hstack([x @ U for U in o.U]))


def check_impulses(run):
    """One pixel at a time, a power of two: an atom's answer is a product of two taps, to the bit."""
    o = made("9 x 5, atoms", "float64")
    for scale in (2.0**-40, 1.0, 2.0**40):
        tap_y, tap_x = (np.pad(taps, (0, 9)) for taps in o.taps)
        iy, ix = divmod(np.arange(o.d), 5)
        K = tap_x[abs(np.subtract.outer(ix, ix))] * tap_y[abs(np.subtract.outer(iy, iy))]
        got = run(scale * np.eye(o.d), o)
        # Definitions take exp of the sum of squares, passes the product of two: 4 roundings between them.
        assert_within(got, scale * K[:, o.alpha], 4 * np.finfo("f8").eps * scale * K[:, o.alpha], "impulses")


def check_adjoint(run, passes=True):
    """run(g, o) -> (n, d)"""

    def compare(case, dtype, o):
        g = drawn(case, dtype, o.ends[-1])
        got = unchanged(lambda g: run(g, o), g)
        assert got.dtype == o.dtype
        (long,) = exact(g)
        want = long @ np.hstack(exact(*o.U)).T
        assert_within(got, want, Bounds(o, passes).pool_adjoint(g), f"pool_adjoint, {case}, {dtype}")

    every_case(compare)
    check_strange(run, lambda o: o.ends[-1], lambda g, o: sum(g[:, p] @ U.T for p, U in zip(o.parts, o.U, strict=True)))


def check_strange(run, width, definition):
    """NaN, infinity, and both infinities in one example: the same entries are NaN or infinite as in the definition."""
    for case in ("7 x 12, ridge", "9 x 5, atoms", "one row"):  # the last has taps that do not reach far
        for dtype in DTYPES:
            o = made(case, dtype)
            x = np.random.default_rng(3).random((20, width(o))).astype(dtype)
            x[3, 5], x[11, 0], x[12, -1], x[15, 4], x[15, 9 % x.shape[1]] = np.nan, np.inf, -np.inf, np.inf, -np.inf
            with np.errstate(invalid="ignore"):
                got, want = run(x, o), definition(x, o)
            for ask in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(ask(got), ask(want))
            assert np.isfinite(got[np.isfinite(x).all(axis=1)]).all()


def check_expand(run, passes=True):
    """run(w, o) -> (d, m)"""

    def compare(case, dtype, o):
        w = weights(o)
        got = unchanged(lambda *w: run(list(w), o), *w)
        assert got.dtype == o.dtype
        want = np.hstack([U @ w_j for U, w_j in zip(exact(*o.U), exact(*w), strict=True)])
        assert_within(got, want, Bounds(o, passes).expand(w), f"expand, {case}, {dtype}")
        w[0][1 % len(w[0]), 0] = np.nan
        nan = np.isnan(run(w, o))
        assert nan[:, 0].all()
        assert not nan[:, 1:].any()

    every_case(compare)


def check_project(run, passes=True):
    """run(G, o, widths) -> J of (k_j, m_j)"""

    def compare(case, dtype, o):
        widths = [w_j.shape[1] for w_j in weights(o)]
        G = np.random.default_rng(4).standard_normal((o.d, sum(widths))).astype(dtype)
        unchanged(lambda G: np.hstack([part.ravel() for part in run(G, o, widths)]), G)
        blocks = np.split(G, np.cumsum(widths)[:-1], axis=1)
        bounds = Bounds(o, passes).project(G, widths)
        for got, U, block, bound in zip(run(G, o, widths), exact(*o.U), exact(*blocks), bounds, strict=True):
            assert got.dtype == o.dtype
            assert_within(got, U.T @ block, bound, f"project, {case}, {dtype}")
        G[o.d // 2, 0] = np.nan
        first, *others = run(G, o, widths)
        assert np.isnan(first[:, 0]).all()
        assert not np.isnan(first[:, 1:]).any()
        assert not any(np.isnan(other).any() for other in others)

    every_case(compare)


def check_layer(forward, passes=True, backward=layer_backward):
    """forward(v, w, b, o) -> y, cache; backward(dy, cache) -> dv, dw, db"""

    def compare(case, dtype, o):
        w = weights(o)
        m = sum(w_j.shape[1] for w_j in w)
        v, dy, b = drawn(case, dtype, o.d), drawn(case, dtype, m, seed=5), np.linspace(1, 2, m, dtype=dtype)
        y, cache = forward(v, w, b, o)
        forward(np.ones_like(v), [np.ones_like(w_j) for w_j in w], b, o)  # of another step, in between
        dv, dw, db = backward(dy, cache)
        W = np.hstack([U @ w_j for U, w_j in zip(exact(*o.U), exact(*w), strict=True)])
        long, ldy = exact(v, dy)
        bounds = Bounds(o, passes).layer(v, w, b, dy)
        assert {array.dtype for array in (y, dv, *dw, db)} == {o.dtype}
        assert_within(y, long @ W + b, bounds.y, f"y, {case}, {dtype}")
        assert_within(dv, ldy @ W.T, bounds.dv, f"dv, {case}, {dtype}")
        assert_within(db, ldy.sum(axis=0), bounds.db, f"db, {case}, {dtype}")
        blocks = np.split(ldy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
        for got, U, block, bound in zip(dw, exact(*o.U), blocks, bounds.dw, strict=True):
            assert_within(got, (long @ U).T @ block, bound, f"dw, {case}, {dtype}")

    every_case(compare)
    check_strange_layer(forward, backward)


def check_strange_layer(forward, backward):
    """NaN and infinity in v, w or dy reach the same entries as in the definition."""
    o = made("7 x 12, ridge", "float64")
    rng = np.random.default_rng(6)
    for strange in ("v", "w", "dy"):
        for value in (np.nan, np.inf, -np.inf):
            w, v = weights(o), rng.random((9, o.d))
            dy, b = rng.random((9, sum(w_j.shape[1] for w_j in w))), np.zeros(sum(w_j.shape[1] for w_j in w))
            {"v": v, "w": w[1], "dy": dy}[strange][2, 1] = value
            with np.errstate(invalid="ignore"):
                y, cache = forward(v, w, b, o)
                dv, dw, _ = backward(dy, cache)
                pooled = [v @ U for U in o.U]
                wanted_y = np.hstack([p @ w_j for p, w_j in zip(pooled, w, strict=True)])
                blocks = np.split(dy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
                wanted_dw = [p.T @ block for p, block in zip(pooled, blocks, strict=True)]
                wanted_dv = sum((block @ w_j.T) @ U.T for block, w_j, U in zip(blocks, w, o.U, strict=True))
            for got, want in zip((y, dv, *dw), (wanted_y, wanted_dv, *wanted_dw), strict=True):
                for ask in (np.isnan, np.isposinf, np.isneginf):
                    np.testing.assert_array_equal(ask(got), ask(want), f"{value} in {strange}")


CHECKS = {
    "pool": check_pool,
    "pool_adjoint": check_adjoint,
    "expand": check_expand,
    "project": check_project,
    "layer": check_layer,
}
