"""Errors by kind: each is also the built-in error that a caller would expect."""

import json

import numpy as np
import pytest

from pp_ref.errors import (
    DataError,
    DeviceError,
    DomainError,
    InaccurateError,
    MissingExtraError,
    ShapeError,
    check_known,
    import_extra,
    unknown,
)


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        (ShapeError, ValueError),
        (DomainError, ValueError),
        (DataError, OSError),
        (DeviceError, RuntimeError),
        (InaccurateError, ArithmeticError),
        (MissingExtraError, ImportError),
    ],
)
def test_kinds(error, built_in):
    assert issubclass(error, built_in)
    assert str(error("v is 3, expected 4")) == "v is 3, expected 4"


def test_an_extra_that_is_there():
    assert import_extra("json", "test") is json


def test_an_extra_that_is_missing_is_named_with_its_command():
    with pytest.raises(MissingExtraError) as caught:
        import_extra("no_such_package.inside", "features")
    assert str(caught.value) == (
        "no_such_package is not installed, but this function needs it: "
        "pip install no_such_package (the extra 'features' of pp-ref)"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("figure4", ": did you mean 'figure4-left'?"),  # its beginning, though "figure5" has more letters in common
        ("figur5", ": did you mean 'figure5'?"),
        ("table", ""),
        ("", ""),
        (4, ""),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_known_one(value, nearest):
    known = ["figure5", "figure4-left"]
    assert unknown("name", value, known) == f"name is {value!r}, expected one of figure5, figure4-left{nearest}"


@pytest.mark.parametrize("value", ["dense", ["figure5"], {"figure5": 1}, np.ones(2), None])
def test_no_value_but_a_known_name_passes(value):
    known = {"figure5": 0}
    check_known("name", "figure5", known)
    with pytest.raises(DomainError) as refused:
        check_known("name", value, known)
    assert str(refused.value) == unknown("name", value, known)
