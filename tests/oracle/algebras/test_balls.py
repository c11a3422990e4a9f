"""Enclosures hold the exact value, and their midpoints are rounded to the nearest float64."""

import math
from fractions import Fraction

import numpy as np
import pytest

flint = pytest.importorskip("flint")

from pp_ref.oracle.algebras import balls, tape  # noqa: E402
from pp_ref.oracle.algebras.balls import ALGEBRA, ball_array, enclosed  # noqa: E402

RNG = np.random.default_rng(0)
DRAWN = RNG.standard_normal((4, 3)) * 2.0 ** RNG.integers(-40, 40, (4, 3))


def exactly(x):
    return np.vectorize(Fraction, otypes=[object])(x)


def holds(enclosure, exact):
    """The exact fraction is inside, and the value is the float64 nearest to it."""
    assert enclosure.value.shape == exact.shape
    for value, radius, want in zip(enclosure.value.flat, enclosure.radius.flat, exact.flat, strict=True):
        assert abs(Fraction(float(value)) - want) <= Fraction(float(radius))
        assert float(value) == want.numerator / want.denominator


RATIONAL = {
    "products": lambda x: x @ x.T,
    "sums": lambda x: x + x.T.reshape(4, 3) * 3,
    "quotients": lambda x: x / (x * x + 1),
    "cancellation": lambda x: (x + 2**60) - 2**60,
    "sum of squares": lambda x: (x * x).sum(axis=0),
}


@pytest.mark.parametrize("name", RATIONAL)
def test_rational_expressions(name):
    function = RATIONAL[name]
    holds(enclosed(lambda: function(ball_array(DRAWN))), function(exactly(DRAWN)))


def test_elementary_functions_against_mpmath():
    mpmath = pytest.importorskip("mpmath")
    x = np.array([1e-300, 1e-8, 0.1, 1.0, 20.0, 700.0])
    with mpmath.workdps(60):
        for name, wanted in {
            "exp": mpmath.exp,
            "log": mpmath.log,
            "sqrt": mpmath.sqrt,
            "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
        }.items():
            found = enclosed(lambda name=name: getattr(ALGEBRA, name)(ball_array(x)))
            for value, radius, each in zip(found.value, found.radius, x, strict=True):
                want = wanted(mpmath.mpf(float(each)))
                assert abs(mpmath.mpf(float(value)) - want) <= mpmath.mpf(float(radius)), (name, each)
                assert float(want) == value


def nearest(text, prec=3000):
    """`_nearest` of a ball around a number far longer than a float."""
    before, flint.ctx.prec = flint.ctx.prec, prec
    try:
        return balls._nearest(flint.arb(text))
    finally:
        flint.ctx.prec = before


@pytest.mark.parametrize(
    ("significand", "exponent"),
    [
        (2**53 + 1, 0),  # halfway, to even: down
        (2**53 + 3, 0),  # halfway, to even: up
        (2**54 + 3, -1200),  # no float64 is that small
        (3, -1075),  # halfway between subnormals
        (1, -1075),  # half of the smallest
        (2**80 + 1, -1130),  # a little more than a subnormal
        (2**53 - 1, 971),  # the largest
        (-(2**53) + 1, -1074),
    ],
)
def test_rounding_to_nearest(significand, exponent):
    exact = Fraction(significand) * Fraction(2) ** exponent
    ball = flint.arb((significand, exponent))
    value, radius = balls._nearest(ball)
    assert value == exact.numerator / exact.denominator or exponent == -1200
    assert abs(Fraction(value) - exact) <= Fraction(radius)


def test_beyond_float64():
    assert nearest((1, 1025)) == (math.inf, 0.0)
    assert nearest((-1, 5000)) == (-math.inf, 0.0)
    value, radius = nearest((1, -5000))
    assert (value, radius) == (0.0, 5e-324)


def test_log_0_is_exact():
    assert nearest("-inf") == (-math.inf, 0.0)
    (found,) = balls.enclosed(lambda: [np.array([flint.arb("-inf"), flint.arb(3).log()], object)])
    np.testing.assert_array_equal(found.value, [-math.inf, math.log(3)])
    assert found.radius[1] < 2.0**-52


def test_infinity_and_nan_have_no_value():
    for text in ("inf", "nan"):
        value, radius = nearest(text)
        assert math.isnan(value)
        assert radius == math.inf


def test_a_wide_ball_has_a_wide_radius():
    value, radius = balls._nearest(flint.arb(1, 0.25))
    assert (value, round(radius, 6)) == (1, 0.25)


def test_precision_is_raised_where_a_sum_cancels():
    precisions = []

    def function():
        precisions.append(flint.ctx.prec)
        one = ALGEBRA.exp(ball_array(np.zeros(1)) + 1)
        return one * 2**200 - one * 2**200 + 1

    before = flint.ctx.prec
    found = enclosed(function)
    assert precisions == [128, 256, 512]
    assert found.value == 1
    assert found.radius < 2.0**-60
    assert flint.ctx.prec == before


def test_an_identity_stops_at_the_last_precision():
    """exp(1) - exp(1) is no ball of radius 0, but one below anything that is compared."""
    one = lambda: ALGEBRA.exp(ball_array(np.ones(1)))  # noqa: E731
    found = enclosed(lambda: one() - one())
    assert found.value == 0
    assert found.radius < np.finfo(float).tiny


def test_what_raises_leaves_the_precision_as_it_was():
    before = flint.ctx.prec
    with pytest.raises(ZeroDivisionError, match="no"):
        enclosed(lambda: (_ for _ in ()).throw(ZeroDivisionError("no")))
    assert flint.ctx.prec == before


def test_the_same_bits_from_twice_the_precision(monkeypatch):
    def function():
        x = tape.quantity(DRAWN, ALGEBRA)
        return tape.sigmoid(x @ x.T).data

    first = enclosed(function)
    monkeypatch.setattr(balls, "FIRST", 512)
    second = enclosed(function)
    np.testing.assert_array_equal(first.value, second.value)


def test_a_list_of_arrays_and_empty_ones():
    found = enclosed(
        lambda: [ball_array(np.ones(2)), ball_array(np.ones((0, 3))), ball_array(np.ones((0, 3))).sum(axis=0)]
    )
    assert [each.value.shape for each in found] == [(2,), (0, 3), (3,)]
    np.testing.assert_array_equal(found[2].value, 0)


def test_a_system_by_fractions():
    n = 6
    A = np.array([[float(Fraction(1, i + j + 1)) for j in range(n)] for i in range(n)])  # Hilbert's: condition 10^7
    X = enclosed(lambda: ALGEBRA.solved(ball_array(A), ball_array(np.eye(n))))
    scaled = np.hstack([exactly(A), exactly(np.eye(n))])
    for i in range(n):  # Gauss and Jordan, in fractions
        scaled[i] = scaled[i] / scaled[i, i]
        for other in set(range(n)) - {i}:
            scaled[other] = scaled[other] - scaled[other, i] * scaled[i]
    holds(X, scaled[:, n:])


def test_a_singular_system_has_no_value():
    X = enclosed(lambda: ALGEBRA.solved(ball_array(np.ones((2, 2))), ball_array(np.eye(2))))
    assert np.isnan(X.value).all()
    assert np.isinf(X.radius).all()
