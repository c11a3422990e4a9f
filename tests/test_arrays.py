"""The checks of arguments: every message names the argument, its value, and the expected value."""

from functools import partial

import array_api_strict
import numpy as np
import pytest

from pp_ref.arrays import (
    check_arrays,
    check_axes,
    check_factor,
    check_finite,
    check_fraction,
    check_gradient_of,
    check_integer,
    check_numpy,
    check_positive,
    check_rate,
    into,
    real_part,
    to_numpy,
)
from pp_ref.errors import DomainError, ShapeError
from tests.refused import refuses


def test_axes_have_one_size_each():
    assert check_axes("n d, d m, m", v=np.zeros((2, 3)), W=np.zeros((3, 4)), b=np.zeros(4)) == {"n": 2, "d": 3, "m": 4}


CLASHES = [
    ("n d, d m", {"v": np.zeros((2, 3)), "W": np.zeros((5, 4))}, "^axis d is 3 in v but 5 in W$"),
    ("n d", {"v": np.zeros((2, 3, 1))}, r"^v has shape \(2, 3, 1\), expected axes \(n, d\)$"),
]
test_messages_for_axes = refuses(lambda axes, arrays: check_axes(axes, **arrays), {ShapeError: CLASHES})


V = np.zeros((2, 3))
NO_ARRAYS = [
    (
        (),
        {"v": [[0.0]]},
        r"^v is a list, expected an array of floating-point numbers: use np.asarray\(v, dtype=np.float64\)$",
    ),
    (
        (),
        {"v": V, "W": V > 0},
        r"^W is an array of bool, shape \(2, 3\), expected an array of floating-point numbers: use",
    ),
    ((), {"v": np.ma.masked_array(V)}, r"^v is a MaskedArray of float64, .* numbers: fill the mask with v.filled$"),
    ((), {"v": V.view(np.matrix)}, r"^v is a matrix of float64, shape \(2, 3\), expected .*: use np.asarray"),
    (
        (),
        {"v": array_api_strict.asarray([1])},
        r"^v is a Array of .*int64, shape \(1,\), .*: cast it in its own library$",
    ),
    ((), {"v": None}, "^v is a NoneType, expected an array"),
    ((), {"v": V.astype("datetime64[s]")}, "^v is an array of datetime64"),
    (
        ("float32 or float64",),
        {"v": V.astype("f2")},
        "^v is an array of float16, .* expected an array of float32 or float64: ",
    ),
    (
        ("real floating-point numbers",),
        {"v": V + 0j},
        "^v is an array of complex128, .* of real floating-point numbers: ",
    ),
    (
        ("integers",),
        {"y": V},
        r"^y is an array of float64, .* an array of integers: use np.asarray\(y, dtype=np.int64\)$",
    ),
    (("real numbers",), {"y": V.astype(object)}, "^y is an array of object, .* an array of real numbers: use"),
    (("numbers",), {"y": V.astype(str)}, "^y is an array of <U32, .* an array of numbers: use"),
    (("labels",), {"y": ["a"]}, r"^y is a list, expected an array of labels: use np.asarray\(y\)$"),
]
test_messages_for_arrays = refuses(lambda held, arrays: check_arrays(*held, **arrays), {DomainError: NO_ARRAYS})


def test_arrays_of_any_library_and_precision(tmp_path):
    for dtype in ("f2", "f4", ">f8", "g", "c8", "c16"):
        check_arrays(v=np.zeros(2, dtype), w=np.zeros(2, dtype)[0])
    check_arrays(v=array_api_strict.zeros(2), w=np.memmap(tmp_path / "mapped", float, "w+", shape=(2,)))
    check_arrays("labels", y=np.array(["a", "b"]))


def test_a_gradient_has_the_shape_of_what_forward_returned():
    check_gradient_of((2, 3), dy=V)
    check_gradient_of(("n", 3), dy=V, dz=np.zeros((0, 3)))
    for shape, expected in (
        ((2, 4), r"\(2, 4\)"),
        (("n", 4), r"\(n, 4\)"),
        ((2,), r"\(2,\)"),
        ((2, 3, 1), r"\(2, 3, 1\)"),
    ):
        message = rf"^dWhat has shape \(2, 3\), expected {expected}, the shape of forward's What$"
        with pytest.raises(ShapeError, match=message):
            check_gradient_of(shape, dWhat=V)
    with pytest.raises(DomainError, match="^dy is a list, expected an array of floating-point numbers"):
        check_gradient_of((1,), dy=[1.0])


def test_a_numpy_array():
    check_numpy(v=V)
    with pytest.raises(DomainError, match=r"^v is a Array, expected a NumPy array: use pp_ref.arrays.to_numpy\(v\)$"):
        check_numpy(v=array_api_strict.zeros(2))


def test_a_factor_is_a_number_or_an_array():
    check_factor(dloss=1, dother=np.float32(0.5), dthird=np.array(2.0))
    with pytest.raises(ShapeError, match=r"^dloss has shape \(2, 3\), expected \(\), the shape of forward's loss$"):
        check_factor(dloss=V)
    for bad in (True, [1.0], np.int64(1), None):
        with pytest.raises(DomainError, match="^dloss is a .*, expected an array of floating-point numbers: "):
            check_factor(dloss=bad)


@pytest.mark.parametrize("library", [np, array_api_strict])
def test_finite_names_the_first_entry(library):
    check_finite(v=library.zeros((2, 2)))
    spoilt = library.asarray([[0.0, 1.0], [float("inf"), float("nan")]])
    message = r"^v has 2 entries that are NaN or infinite, first at \(1, 0\); expected finite"
    with pytest.raises(DomainError, match=message):
        check_finite(v=spoilt)


@pytest.mark.parametrize(
    ("check", "good", "bad", "expected"),
    [
        (check_positive, 1e-300, (0.0, -1.0, np.inf, np.nan), "a finite number > 0$"),
        (check_fraction, 1.0, (0.0, -0.5, 1.5, np.nan), r"a number in \(0, 1\]: 1 keeps everything$"),
        (check_rate, 0.0, (1.0, -0.5, np.nan), r"a number in \[0, 1\): 0 switches it off$"),
        (partial(check_integer, 1), np.int64(1), (0, -1, 1.0, "1", None), "an integer >= 1$"),
    ],
)
def test_a_number_out_of_range(check, good, bad, expected):
    check(ridge=good, scale=good)
    for value in bad:
        with pytest.raises(DomainError, match=f"^ridge is {value!r}, expected {expected}"):
            check(ridge=value)


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
