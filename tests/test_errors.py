"""Errors by kind: each is also the built-in error that a caller would expect."""

import json

import pytest

from pp_ref.errors import (
    DataError,
    DeviceError,
    DomainError,
    InaccurateError,
    MissingExtraError,
    ShapeError,
    import_extra,
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
        "no_such_package.inside is not installed, but this function needs it: pip install 'pp_ref[features]'"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
