"""What must hold of `pp_ref.oracle.algebras.rounded`, as functions of the module, so that wrong rules can be tried too.

A rule is sound if no correct implementation exceeds it, and tight if some adversary comes near it. The adversaries
here move every operand to the end of its interval and round everything one way.
"""

import itertools
import math

import numpy as np

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from tests.oracle.algebras.emulated import ORDERS, Machine

Exact = np.longdouble
SINGLE = ARITHMETICS["float32"]
LOSS = Exact(2) ** -9  # an operand's error in the rules below: far above a rounding, and its square is to be seen
NEAR = 1.02


def given(rounded, value, loss=LOSS, **more):
    """Numbers, each of which errs by `loss` of itself."""
    value = np.asarray(value, Exact)
    return rounded.Rounded(value, loss * abs(value), more.pop("arithmetic", SINGLE), **more)


def ends(x):
    """The computed arrays at the ends of x's interval: all up, all down."""
    return x.value + x.error, x.value - x.error


def rule(rounded, function, exact, *operands, units=1, slack=NEAR, zero=0.0):
    """The error is what the worst operands and the worst rounding give, and not much more; so is the spread."""
    bound = function(*operands)
    value = exact(*(x.value for x in operands))
    moved = [exact(*corner) for corner in itertools.product(*map(ends, operands))]
    u = units * Exact(SINGLE.unit)
    worst = np.max([abs(m - value) + u * abs(m) for m in moved], axis=0)
    assert (abs(np.asarray(bound.value - value)) <= 2.0**-60 * (abs(value) + zero)).all(), "another value"
    assert (worst <= bound.error).all(), f"{function} is unsound: {worst} is more than {bound.error}"
    assert (bound.error <= slack * worst + 10 * SINGLE.tiny).all(), f"{function} is loose: {bound.error} for {worst}"
    assert (worst <= bound.spread * NEAR).all(), f"{function}'s spread forgets what it inherits"
    assert (bound.spread <= bound.error).all()
    assert (bound.majorant >= abs(np.asarray(value))).all(), "the majorant is below the value"


X, Y = np.array([1.5, 3.0, 0.25]), np.array([2.0, 0.5, 5.0])


def elementwise(rounded):
    n = rounded.NAMESPACE
    x, y = given(rounded, X), given(rounded, Y, 2 * LOSS)
    rule(rounded, lambda a, b: a + b, lambda a, b: a + b, x, y)
    rule(rounded, lambda a, b: a - b, lambda a, b: a - b, x, -y, slack=1.1)
    rule(rounded, lambda a, b: a * b, lambda a, b: a * b, x, y)
    rule(rounded, lambda a, b: b * a, lambda a, b: a * b, x, y)
    rule(rounded, lambda a, b: a / b, lambda a, b: a / b, x, y)
    rule(rounded, lambda a: 1 / a, lambda a: 1 / a, x)
    rule(rounded, lambda a: 3 - a, lambda a: 3 - a, given(rounded, -X))
    rule(rounded, n.sqrt, np.sqrt, x)
    for function, exact in (
        (n.exp, np.exp),
        (n.log, np.log),
        (n.log1p, np.log1p),
        (n.tanh, np.tanh),
        (lambda a: a**-0.625, lambda a: a ** Exact(-0.625)),
    ):
        rule(rounded, function, exact, given(rounded, X + 0.125), units=8, slack=1.05)
    rule(rounded, n.sigmoid, lambda a: 1 / (1 + np.exp(-a)), given(rounded, [-3.0, -0.5]), units=10, slack=1.05)
    rule(rounded, n.abs, abs, given(rounded, -X), units=0)


def logistic(rounded):
    """Odds that move: of the sigmoid, of its slope, and of rows of exponentials, each moved against the others."""
    n = rounded.NAMESPACE
    y = given(rounded, [0.75, 0.5, 0.125])
    rule(rounded, n.sigmoid_slope, lambda y: y * (1 - y), y, units=2, slack=1.35)
    z = rounded.Rounded([[0.5, -1.0, 2.0]], 0.25, SINGLE)
    p, total = n.softmax(z), n.log_sum_exp(z)
    for signs in itertools.product((-1, 1), repeat=3):
        moved = np.exp(z.value + 0.25 * np.array(signs))
        assert (abs(moved / moved.sum() - p.value) <= p.error).all()
        assert (abs(np.log(moved.sum()) - total.value) <= total.error).all()
    worst = [[np.exp(z.value[0, i] + 0.25 * (1 if i == j else -1)) for i in range(3)] for j in range(3)]
    up = np.array([worst[j][j] / sum(worst[j]) for j in range(3)]) - p.value[0]
    assert (p.error[0] <= 1.5 * abs(up)).all()
    assert total.error[0] <= 1.01 * 0.25 + 40 * SINGLE.unit
    assert (p.spread >= abs(up) * 0.9).all()
    exact = lifted(rounded, [[30.0, 0.0, -30.0]])
    assert (n.softmax(exact).error >= SINGLE.unit * n.softmax(exact).value).all()
    assert (n.softmax(exact).error[0, 1:] <= 2e-5 * n.softmax(exact).value[0, 1:]).all()
    assert n.log_sum_exp(exact).error[0] >= 30 * SINGLE.unit
    bfloat16 = ARITHMETICS["bfloat16"]
    certain = n.softmax(lifted(rounded, [[2.0**13, 0.0]], bfloat16))
    assert (certain.error[0, 1] <= bfloat16.tiny * 2).all(), "what cannot be is judged beside what rounding decides"


def zeros(rounded):
    """Products with 0 are 0, sums with it are the other number; what may be computed in two ways has both bounds."""
    n, tiny = rounded.NAMESPACE, SINGLE.tiny
    none, some = lifted(rounded, [[0.0, 0.0]]), lifted(rounded, [[1.0], [3.0]])
    product = none @ some
    for zero in (product, none * 3.0, (none * 3.0).formed()):
        assert (zero.error == 0).all()
    third = rounded.Rounded([[1 / 3]], 0.25, SINGLE)
    for total in (product + third, third + product):
        assert total.error == 0.25
        assert total.spread == third.spread
    inexact = rounded.Rounded([[0.0]], tiny, SINGLE, majorant=[[0.0]])
    assert (inexact + third).error > 0.25
    one, other = rounded.Rounded([1.0, 1.0], [1.0, 4.0], SINGLE), rounded.Rounded([1.0, 1.0], [2.0, 3.0], SINGLE)
    assert n.either(one, other).error.tolist() == [2.0, 4.0]


def formed(rounded):
    """A sum that is stored as itself is off by its own last place, not by its terms'; it counts with its size."""
    bfloat16 = ARITHMETICS["bfloat16"]
    x, y = lifted(rounded, [[1.0, 1.0]], bfloat16), lifted(rounded, [[1.0], [2.0**-7 - 1.0]], bfloat16)
    product = x @ y
    once = product.formed()
    assert product.error[0, 0] >= 2 * 0.99 * bfloat16.unit
    assert once.error[0, 0] >= 2.0**-7 * bfloat16.unit
    assert once.error[0, 0] <= 2.0**-7 * 1.01 * bfloat16.unit
    assert (once.majorant, once.terms) == (2.0**-7, 2)
    assert once.formed(moved=1.0).majorant == 1.0 + 2.0**-7
    assert product.formed(moved=1.0).error[0, 0] >= (1 + 2.0**-7) * bfloat16.unit
    assert product.formed(likely=1.0).spread[0, 0] >= bfloat16.unit
    assert np.isinf((lifted(rounded, [2.0**15], ARITHMETICS["float16"]) * 2.0).formed().error).all()


def in_either_order(rounded):
    """a b c: both orders' roundings, and operands' errors as they come through the product of the other two."""
    rng = np.random.default_rng(4)
    for arithmetic in ARITHMETICS.values():
        a, b, c = (arithmetic.representable(rng.standard_normal(shape)) for shape in ((4, 9), (9, 3), (3, 5)))
        exact = [lifted(rounded, x, arithmetic) for x in (a, b, c)]
        bound = rounded.NAMESPACE.chained(*exact)
        for order in ORDERS:
            x, y, z = (Machine(arithmetic, order).lifted(each) for each in (a, b, c))
            for computed in ((x @ y) @ z, x @ (y @ z)):
                assert (abs(computed.value - bound.value) <= np.minimum(bound.error, bound.spread)).all()
        if arithmetic.name == "bfloat16":
            assert (bound.error < ((exact[0] @ exact[1]) @ exact[2]).error).all()
    # One order rounds 1 + 2^-9 to 1 before 1 is subtracted, the other subtracts first.
    bfloat16 = ARITHMETICS["bfloat16"]
    a, b, c = np.array([[1.0, 2.0**-9]]), np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[1.0], [-1.0]])
    for operands in ((a, b, c), (c.T, b.T, a.T)):
        bound = rounded.NAMESPACE.chained(*(lifted(rounded, x, bfloat16) for x in operands))
        assert (np.minimum(bound.error, bound.spread) >= 2.0**-9).all()
    a, b, c = (SINGLE.representable(rng.standard_normal(shape)) for shape in ((4, 9), (9, 3), (3, 5)))
    lost = Exact(2) ** -6 * rng.uniform(1, 2, (4, 9))
    bound = rounded.NAMESPACE.chained(rounded.Rounded(a, lost, SINGLE), lifted(rounded, b), lifted(rounded, c))
    for part in (bound.error, bound.spread):
        assert (lost @ abs(b @ c) <= part).all()
        assert (part <= lost @ abs(b @ c) * 1.001).all()
    ones = [given(rounded, np.ones(shape)) for shape in ((1, 2), (2, 2), (2, 1))]
    bound = rounded.NAMESPACE.chained(*ones)
    worst = 4 * ((1 + LOSS) ** 3 - 1)
    assert worst <= bound.error[0, 0] <= worst * 1.001
    assert worst * 0.9 <= bound.spread[0, 0]


def other_branches(rounded):
    """What another branch takes away from one place, or adds to another, is within the bound."""
    x, g = lifted(rounded, np.zeros((2, 2))), given(rounded, [1.0, -2.0])
    strayed = rounded.NAMESPACE.strayed(x, g, np.array([0, 3]))
    np.testing.assert_allclose(strayed.error.astype(float), [[1 + float(LOSS), 0], [0, 2 + 2 * float(LOSS)]])
    np.testing.assert_array_equal(strayed.error, strayed.spread)
    twice = rounded.NAMESPACE.strayed(x, g, np.array([1, 1]))
    assert twice.error[0, 1] >= 3


def subnormal(rounded):
    """What is flushed to zero, or lost below the smallest normal number, is allowed: once a rounding."""
    a = lifted(rounded, [2.0**-100])
    assert (SINGLE.tiny <= (a * a).error).all()
    assert ((a * a).spread >= SINGLE.tiny).all()
    root = rounded.NAMESPACE.sqrt(rounded.Rounded(np.zeros(1), 2.0**-40, SINGLE))
    assert (root.error >= 2.0**-20).all()  # computed: sqrt(2^-40)
    assert (root.error <= 2.0**-19).all()
    thousand = lifted(rounded, np.full((1, 1000), 2.0**-100))
    assert ((thousand @ thousand.T).error >= 1000 * SINGLE.tiny).all()


def lifted(rounded, x, arithmetic=SINGLE):
    return rounded.lifted(np.asarray(x, float), arithmetic)


def selection(rounded):
    """Maxima and minima: where an error could exchange two numbers, the larger error counts."""
    n = rounded.NAMESPACE
    apart = rounded.Rounded([1.0, 1.0], [0.25, 0.5], SINGLE), rounded.Rounded([2.0, 1.25], [0.125, 1.0], SINGLE)
    np.testing.assert_array_equal(n.minimum(*apart).error, [0.25, 1.0])
    np.testing.assert_array_equal(n.maximum(*apart).error, [0.125, 1.0])
    np.testing.assert_array_equal(n.max(apart[0], 0).error, 0.5)
    for joined in (n.concat(apart), n.stack(apart).moved(np.ravel)):
        np.testing.assert_array_equal(joined.error, [0.25, 0.5, 0.125, 1.0])
    np.testing.assert_array_equal(n.where(np.array([True, False]), *apart).error, [0.25, 1.0])


def inherited_products(rounded):
    """Matrix products and sums of operands with errors of one sign: first and second order."""
    rng = np.random.default_rng(0)
    a, b = given(rounded, rng.uniform(1, 2, (3, 5))), given(rounded, rng.uniform(1, 2, (5, 4)), 2 * LOSS)
    rule(rounded, lambda a, b: a @ b, lambda a, b: a @ b, a, b, units=5)
    for axis in (0, 1, None):
        length = a.size if axis is None else a.shape[axis]
        rule(
            rounded,
            lambda a, axis=axis: rounded.NAMESPACE.sum(a, axis=axis),
            lambda a, axis=axis: a.sum(axis),
            a,
            units=length,
        )
    at = np.array([0, 1, 1, 1, 2])
    rule(
        rounded,
        lambda x: rounded.NAMESPACE.scattered(x, at, 4),
        lambda x: np.array([x[at == i].sum() for i in range(4)]),
        given(rounded, [1.0, 2.0, 3.0, 4.0, 5.0]),
        units=3,
        slack=1.1,
    )
    c = lifted(rounded, [1.0, 1.0])
    assert (rounded.NAMESPACE.scattered(c, np.array([0, 1]), 2).error == 0).all(), "entries that do not meet are moved"


def one_way(rounded):
    """Every addition rounds up by all of u: 1, then numbers a little above half of its last place."""
    for length in (2, 9, 200):
        terms = np.full(length, SINGLE.unit * (1 + 2.0**-20))
        terms[0] = 1.0
        computed = Machine(SINGLE).chain(np.append(terms[:1], SINGLE.representable(terms[1:])))
        x = lifted(rounded, SINGLE.representable(terms))
        ones = lifted(rounded, np.ones((length, 1)))
        for bound in (rounded.NAMESPACE.sum(x), (x[None, :] @ ones)[0, 0]):
            error = abs(computed - bound.value)
            assert error <= bound.error, f"{length} terms: {error} is more than {bound.error}"
            assert error >= 0.45 * bound.error, f"{length} terms: {error} is far below {bound.error}"


def bias_first(rounded):
    """A product that starts from its bias, rounded up at every term; then from another product's sum."""
    length = 64
    v, W, b = np.ones((1, length)), np.full((length, 1), SINGLE.unit * (1 + 2.0**-20)), np.ones(1)
    W = SINGLE.representable(W)
    computed = Machine(SINGLE).chain([1.0, *W[:, 0]])
    product = lifted(rounded, v) @ lifted(rounded, W)
    bias = lifted(rounded, b)
    halves = lifted(rounded, v[:, :32]) @ lifted(rounded, W[:32]) + lifted(rounded, v[:, 32:]) @ lifted(rounded, W[32:])
    for bound in (product + bias, bias + product, halves + bias, product.moved(np.copy) + bias, -(-product - bias)):
        assert abs(computed - bound.value) <= bound.error
        assert (bound.error <= 2 * abs(computed - bound.value)).all()
        assert (bound.spread <= bound.error).all()
    # Weights first sums over all units at once what dictionary first sums column by column.
    y = (lifted(rounded, v) @ lifted(rounded, W)) @ lifted(rounded, np.ones((1, 1))) + bias
    assert abs(computed - y.value) <= y.error


def operands(rounded):
    """TF32's operands move by up to 2^-10 before they are multiplied, whatever they carry already."""
    tf32 = ARITHMETICS["tf32"]
    away = 1 + Exact(2) ** -10
    a = given(rounded, np.full((1, 4), 1.5), arithmetic=tf32)
    bound = a @ lifted(rounded, np.full((4, 1), 1.25), tf32)
    worst = 4 * 1.5 * 1.25 * ((1 + LOSS) * away**2 - 1)
    assert (worst <= bound.error).all()
    assert (bound.error <= NEAR * worst).all()
    assert (bound.spread >= 2.0**-10 * np.sqrt(4) * 1.5 * 1.25).all()
    wide = lifted(rounded, np.ones((1, 4096)), tf32)
    product = wide @ wide.T
    assert (product.spread < product.error / 2).all()


def stored_formats(rounded):
    """float16 and bfloat16 accumulate in float32 and round what they store, once."""
    for name in ("float16", "bfloat16"):
        a = ARITHMETICS[name]
        x = lifted(rounded, np.ones((1, 16)), a)
        bound = x @ x.T
        assert (bound.error >= 16 * a.unit).all()
        assert (bound.error <= 16 * a.unit * 1.01 + a.tiny).all()
        assert (bound.spread >= 16 * a.unit).all()
        assert (rounded.NAMESPACE.sum(x).error >= 16 * a.unit).all()
        third = lifted(rounded, [1.0], a) * (1 / 3)
        assert (third.error >= 1.9 / 3 * a.unit).all()  # the scalar is rounded, then the product
    exact = lifted(rounded, [1.0]) * 0.25
    assert (exact.error < 1.01 * 0.25 * SINGLE.unit).all()


def nothing_is_known(rounded):
    """A denominator that may be zero, a logarithm of what may be negative, overflow: no finite bound, never NaN."""
    n = rounded.NAMESPACE
    doubtful = rounded.Rounded([1.0, 4.0], [1.0, 8.0], SINGLE)
    with np.errstate(all="ignore"):
        for x in (
            1 / doubtful,
            n.log(doubtful),
            n.log1p(-doubtful * 0.5 - 0.5),
            doubtful**-0.5,
            (1 / doubtful) * 0.0,
            (1 / doubtful)[None] @ lifted(rounded, np.zeros((2, 1))),
            lifted(rounded, [2.0**127]) * 2.0,
            n.sum(lifted(rounded, [2.0**127] * 2)),
            lifted(rounded, [2.0**127] * 2)[None] @ lifted(rounded, np.ones((2, 1))),
            lifted(rounded, [2.0**127]) - 2.0**127,
        ):
            assert np.isposinf(np.asarray(x.error, float)).all(), "a bound where none can be had"
    assert np.isfinite(np.asarray((lifted(rounded, [2.0**120]) * 2.0).error, float)).all()


def any_order(rounded):
    """(v U) w and v (U w) have the same majorant, and so bounds of one size: no order is blamed for the other's."""
    rng = np.random.default_rng(2)
    v, U, w = (lifted(rounded, SINGLE.representable(rng.standard_normal(s))) for s in ((3, 9), (9, 4), (4, 5)))
    a, b = (v @ U) @ w, v @ (U @ w)
    M = abs(v.value) @ abs(U.value) @ abs(w.value)
    for each in (a, b):
        np.testing.assert_allclose(each.majorant.astype(float), M.astype(float))
        assert (each.error >= 13 * SINGLE.unit * M).all()
        assert (each.error <= 13.1 * SINGLE.unit * M).all()


def definite_systems(rounded):
    """Cholesky's, Gauss's and a multiplied inverse's errors of a hard system, all in float32."""
    import scipy.linalg

    seen = 0.0
    points = np.arange(12.0)
    K = SINGLE.representable(np.exp(-0.5 * (points[:, None] - points) ** 2 / 2.0) + 0.05 * np.eye(12))
    B = SINGLE.representable(np.random.default_rng(0).standard_normal((12, 5)))
    bound = rounded.NAMESPACE.solved(lifted(rounded, K), lifted(rounded, B))
    A, b = K.astype(np.float32), B.astype(np.float32)
    for X in (np.linalg.solve(A, b), np.linalg.inv(A) @ b, scipy.linalg.cho_solve(scipy.linalg.cho_factor(A), b)):
        off = abs(X - bound.value)
        assert (off <= np.minimum(bound.error, bound.spread)).all()
        seen = max(seen, float(np.max(off / bound.error)))
    assert seen > 1e-4
    errs = rounded.Rounded(K, 1e-3 * np.eye(12), SINGLE), rounded.Rounded(B, 1e-3 * abs(B), SINGLE)
    moved = np.linalg.solve(K - 1e-3 * np.eye(12), B * (1 + 1e-3))
    for part in ("error", "spread"):
        assert (abs(moved - bound.value) <= getattr(rounded.NAMESPACE.solved(*errs), part)).all()
    only_b = rounded.NAMESPACE.solved(lifted(rounded, K), errs[1])
    assert (only_b.error >= abs(np.linalg.inv(K)) @ (1e-3 * abs(B))).all()
    hopeless = rounded.NAMESPACE.solved(rounded.Rounded(np.eye(2), np.ones((2, 2)), SINGLE), lifted(rounded, np.eye(2)))
    assert np.isinf(hopeless.error.astype(float)).all()
    # Two doubtful entries of A = I move a third of its inverse, which neither moves alone.
    dA = np.zeros((3, 3))
    dA[0, 1] = dA[1, 2] = 0.2
    bound = rounded.NAMESPACE.solved(rounded.Rounded(np.eye(3), dA, SINGLE), lifted(rounded, np.eye(3)))
    assert (abs(np.linalg.inv(np.eye(3) - dA) - np.eye(3)) <= bound.error).all()


def hundreds_of_seeds(rounded):
    """Products in every arithmetic and order: within bound and spread, and not a thousandth of the bound."""
    for arithmetic in ARITHMETICS.values():
        most, likely = 0.0, 0.0
        for seed in range(120):
            rng = np.random.default_rng(seed)
            length = (3, 17, 60)[seed % 3]
            draw = lambda *shape, rng=rng, a=arithmetic: a.representable(rng.standard_normal(shape))  # noqa: E731
            v, U, w, b = draw(2, length), draw(length, 4), draw(4, 3), draw(3) * (1, 64)[seed % 2]
            machine = Machine(arithmetic, ORDERS[seed % 6], seed, truncates=seed % 2 == 0)
            bounds = [lifted(rounded, x, arithmetic) for x in (v, U, w, b)]
            computed = [machine.lifted(x) for x in (v, U, w, b)]
            started = machine.chain(  # from the bias
                machine.operand(v).T[:, :, None] * machine.operand(np.ones((length, 1, 3))), np.tile(b, (2, 1))
            )
            ones = lifted(rounded, np.ones((length, 3)), arithmetic)
            for got, bound in (
                (_dictionary_first(*computed).value, _dictionary_first(*bounds)),
                (_weights_first(*computed).value, _dictionary_first(*bounds)),
                (_dictionary_first(*computed).value, _weights_first(*bounds)),
                (machine.store(started), bounds[0] @ ones + bounds[3]),
            ):
                error = abs(got - bound.value)
                assert (error <= bound.error).all(), f"{arithmetic.name}, seed {seed}: {error.max()}"
                assert (error <= bound.spread).all(), f"{arithmetic.name}, seed {seed}: unlikely {error.max()}"
                assert (bound.spread <= bound.error).all()
                most = max(most, float(np.max(error / bound.error)))
                likely = max(likely, float(np.max(error / bound.spread)))
        assert most > 1e-3, f"{arithmetic.name}: at most {most} of the bound is used"
        assert likely > 1e-2


def _dictionary_first(v, U, w, b):
    return (v @ U) @ w + b


def _weights_first(v, U, w, b):
    return v @ (U @ w) + b


def likely_sums(rounded):
    """The spread of a sum grows with the root of its length, and is kept by what follows."""
    x = lifted(rounded, np.random.default_rng(0).choice([-1.0, 1.0], (1, 10_000)))
    y = x @ lifted(rounded, np.ones((10_000, 1)))
    assert (y.spread <= y.error / 10).all()
    assert (y.spread >= SINGLE.unit * math.sqrt(10_000)).all()
    for kept in (y * 1.0, y + 0.0, -y, y @ lifted(rounded, [[1.0]]), rounded.NAMESPACE.sum(y, axis=0)):
        assert (kept.spread >= y.spread.max()).all()
    ones = lifted(rounded, np.ones((1, 10_000)))
    assert ((ones @ ones.T).spread >= 4 * SINGLE.unit * math.sqrt(10_000) * 10_000).all()  # every partial sum is large
    assert (rounded.NAMESPACE.sum(x, axis=1).spread <= y.error.max() / 10).all()
    big = lifted(rounded, [1000.0]) + y
    assert (big.spread - y.spread >= 1000 * SINGLE.unit * math.sqrt(10_000)).all()  # if it was the bias that came first
    assert (big.spread <= big.error / 10).all()


CHECKS = (
    elementwise,
    logistic,
    zeros,
    formed,
    in_either_order,
    other_branches,
    subnormal,
    selection,
    inherited_products,
    one_way,
    bias_first,
    operands,
    stored_formats,
    nothing_is_known,
    any_order,
    definite_systems,
    likely_sums,
    hundreds_of_seeds,
)
