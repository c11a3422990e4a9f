"""Numbers come through a library's arrays and back, and a library says what it has not."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates.libraries import library

X = np.arange(12.0).reshape(3, 4)


def test_numpy_shares_memory_and_has_no_bfloat16():
    numpy = library("numpy")
    assert numpy.shared(X, X[1:])
    assert not numpy.shared(X, X.copy())
    assert (numpy.dtype_of(X), numpy.dtype_of(3.0), numpy.device_of(X)) == ("float64", "float", "cpu")
    with pytest.raises(DomainError, match="^arithmetic is 'bfloat16', but NumPy has no such dtype: expected float64"):
        numpy.check(ARITHMETICS["bfloat16"], autodiff=False)


def test_an_unknown_library():
    with pytest.raises(DomainError, match="^arrays is 'mxnet', expected one of numpy, torch, jax, cupy$"):
        library("mxnet")


def dense(v, W, b):
    return v @ W + b


@pytest.mark.parametrize("name", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("torch", "jax")])
def test_automatic_differentiation(name):
    """Values and gradients of a library conform."""
    own = library(name)
    for arithmetic in ("float64", "float32"):
        made = own.make(X, arithmetic)
        assert own.dtype_of(made) == arithmetic
        np.testing.assert_array_equal(own.numbers(made), X)
        report = conform(InProcess({"dense": dense}, arrays=name, arithmetic=arithmetic, autodiff=True), only=["dense"])
        assert report.exit_code == 0, report.diagnoses
        assert [t.name for t in report.findings[0].tensors] == ["y", "dv", "dW", "db"]


@pytest.mark.torch
def test_torch_in_half_precision():
    own = library("torch")
    for arithmetic in ("bfloat16", "float16"):
        report = conform(
            InProcess({"dense": dense}, arrays="torch", arithmetic=arithmetic, forward_only=True),
            only=["dense"],
            quick=True,
        )
        assert report.exit_code == 0, report.diagnoses
    x = own.make(X, "float32")
    assert own.shared(x, x[1:])
    assert not own.shared(x, x.clone())


@pytest.mark.torch
def test_bfloat16_declared_float32_is_named():
    def coarse(v, W, b):
        return (v.bfloat16() @ W.bfloat16()).float() + b

    report = conform(InProcess({"dense": coarse}, arrays="torch", arithmetic="float32"), only=["dense"], quick=True)
    assert report.diagnoses["dense"].startswith("rounds to 8 bits, as bfloat16 does, where float32 was declared")
