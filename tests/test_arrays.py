"""The checks of arguments: every message names the argument, its value, and the expected value."""

import array_api_strict
import numpy as np
import pytest

from pp_ref.arrays import (
    check_axes,
    check_finite,
    check_fraction,
    check_integer,
    check_positive,
    into,
    real_part,
    to_numpy,
)
from pp_ref.errors import DomainError, ShapeError


def test_axes_have_one_size_each():
    assert check_axes("n d, d m, m", v=np.zeros((2, 3)), W=np.zeros((3, 4)), b=np.zeros(4)) == {"n": 2, "d": 3, "m": 4}


def test_messages_for_axes():
    with pytest.raises(ShapeError, match=r"^axis d is 3 in v but 5 in W$"):
        check_axes("n d, d m", v=np.zeros((2, 3)), W=np.zeros((5, 4)))
    with pytest.raises(ShapeError, match=r"^v has shape \(2, 3, 1\), expected axes \(n, d\)$"):
        check_axes("n d", v=np.zeros((2, 3, 1)))


@pytest.mark.parametrize("library", [np, array_api_strict])
def test_finite_names_the_first_entry(library):
    check_finite(v=library.zeros((2, 2)))
    spoilt = library.asarray([[0.0, 1.0], [float("inf"), float("nan")]])
    with pytest.raises(
        DomainError, match=r"^v has 2 entries that are NaN or infinite, first at \(1, 0\); expected finite"
    ):
        check_finite(v=spoilt)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_positive(value):
    check_positive(ridge=1e-300)
    with pytest.raises(DomainError, match=rf"^ridge is {value}, expected a finite number > 0$"):
        check_positive(ridge=value)


@pytest.mark.parametrize("value", [0.0, -0.5, 1.5, float("nan")])
def test_fraction(value):
    check_fraction(proportion=1.0)
    message = rf"^proportion is {value}, expected a number in \(0, 1\]: 1 keeps everything$"
    with pytest.raises(DomainError, match=message):
        check_fraction(proportion=value)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None])
def test_integer(value):
    check_integer(1, stride=1, size=np.int64(7))
    with pytest.raises(DomainError, match=rf"^stride is {value!r}, expected an integer >= 1$"):
        check_integer(1, stride=value)


def test_real_part_of_real_and_complex():
    np.testing.assert_array_equal(real_part(np.array([1 + 2j])), [1])
    v = np.array([1.5])
    assert real_part(v) is v


def test_to_numpy():
    x = np.ones(2)
    assert to_numpy(x) is x
    np.testing.assert_array_equal(to_numpy(array_api_strict.asarray([1.0, 2.0])), [1, 2])


def test_into_writes_where_the_library_can():
    a, out = np.array([1.0, 4.0]), np.empty(2)
    assert into(np.sqrt, a, out=out) is out
    np.testing.assert_array_equal(out, [1, 2])
    assert into(np.sqrt, out, out=out) is out
    strict, untouched = array_api_strict.asarray(a), array_api_strict.zeros(2)
    np.testing.assert_array_equal(np.asarray(into(array_api_strict.sqrt, strict, out=untouched)), [1, 2])
    assert not array_api_strict.any(untouched)
