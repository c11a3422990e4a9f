"""Convolution by the convolution theorem: against SciPy, in blocks, and its count of flops."""

import numpy as np
import pytest
from scipy.signal import correlate

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import conv2d_backward, conv2d_forward, fourier_conv2d_backward, fourier_conv2d_forward
from pp_ref.layers.fourier_conv2d import _inverse, _spectrum, _torus, _waves, fourier_conv2d_flops
from pp_ref.oracle.faults.fault import eleven_bits
from tests.bounds import assert_within
from tests.properties.operations import BY_NAME
from tests.properties.values import bounds

RNG = np.random.default_rng(0)
V, W, B = RNG.standard_normal((3, 7, 6, 2)), RNG.standard_normal((3, 2, 2, 4)), RNG.standard_normal(4)


def bound(v, W, b, stride, padding, dtype=np.float64):
    """Return bounds of the rounding error of y, by running error analysis."""
    arguments = {"v": v, "W": W, "b": b, "stride": stride, "padding": padding}
    return bounds(BY_NAME["fourier_conv2d"], arguments, np.dtype(dtype))[0]


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 1), (3, 3)])
def test_against_scipy(stride, padding):
    y, _ = fourier_conv2d_forward(V, W, B, stride, padding)
    padded = np.pad(V, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    want = np.empty_like(y)
    for n, m in np.ndindex(3, 4):
        whole = sum(correlate(padded[n, :, :, c], W[:, :, c, m], mode="valid", method="direct") for c in range(2))
        want[n, :, :, m] = whole[::stride, ::stride] + B[m]
    # SciPy sums 12 products, so its error is within the bound of our longer sums.
    assert_within(y, want, 2 * bound(V, W, B, stride, padding).astype(float), "y")


def test_spectrum_is_numpys_and_its_inverse_undoes_it():
    torus = _torus(V, W, 1, 1)
    X = _spectrum(V.transpose(1, 2, 0, 3), torus.v, torus)
    padded = np.pad(V, ((0, 0), (1, 0), (1, 0), (0, 0)))
    want = np.moveaxis(np.fft.fft2(padded, axes=(1, 2)), 0, 2)[: padded.shape[1] // 2 + 1]
    # A frequency is a sum of height, then of 2 width products with numbers of size 1.
    allowed = (8 + 2 * 7) * np.finfo(float).eps * np.max(np.sum(np.abs(V), axis=(1, 2)))
    np.testing.assert_allclose(X[:, :, 0] + 1j * X[:, :, 1], want, rtol=0, atol=allowed)
    one = np.zeros((*X.shape[:3], 2, 2))
    one[:, :, 0] = np.eye(2)
    # The inverse sums 4 N, then 2 F terms, frequencies over their number: at most the sum of all |v|, rounded as often.
    allowed = (8 + 2 * 7 + 4 * 7 + 2 * 5) * np.finfo(float).eps * np.max(np.sum(np.abs(V), axis=(1, 2))) * 4 * 2
    np.testing.assert_allclose(_inverse(X, one, (1, 1), torus.v, torus), V.transpose(1, 2, 0, 3), rtol=0, atol=allowed)


def test_blocks_of_images_change_nothing_beyond_rounding(monkeypatch):
    operation, arguments = BY_NAME["fourier_conv2d"], {"v": V, "W": W, "b": B, "stride": 1, "padding": 1}
    y, cache = fourier_conv2d_forward(*arguments.values())
    whole = fourier_conv2d_backward(y, cache)
    y_bound, pulled = bounds(operation, arguments, np.dtype(float), y)
    for buffer in ("PRODUCT_ENTRIES", "SPECTRUM_ENTRIES"):
        monkeypatch.setattr(f"pp_ref.layers.fourier_conv2d.{buffer}", 1)
    parts, cache = fourier_conv2d_forward(*arguments.values())
    assert_within(parts, y, 2 * y_bound.astype(float), "y")
    for got, want, name in zip(fourier_conv2d_backward(y, cache), whole, pulled, strict=True):
        assert_within(got, want, 3 * pulled[name].astype(float), f"d{name}")  # dW also sums over blocks


def test_angles_are_accurate_in_longdouble():
    """exp(i (a + b)) = exp(i a) exp(i b), and each factor is right to 2 u."""
    for size in (7, 22, 33, 40):
        waves = _waves(size, range(size), size)
        u = np.finfo(np.longdouble).eps / 2
        assert np.max(np.abs(np.abs(waves) - 1)) <= 4 * u
        assert (
            np.max(
                np.abs(waves[1, :, None] * waves[1, None, :] - waves[1][np.add.outer(range(size), range(size)) % size])
            )
            <= 10 * u
        )


@pytest.mark.parametrize("shapes", [("f4", "f8"), ("f8", "f4")], ids="-".join)
def test_the_higher_precision_of_two_is_kept(shapes):
    v, filters = (array.astype(dtype) for array, dtype in zip((50 * abs(V), W), shapes, strict=True))
    dtype = np.result_type(v, filters)
    b = np.zeros(4, dtype)
    y, cache = fourier_conv2d_forward(v, filters, b)
    want, patches = conv2d_forward(v, filters, b)
    assert y.dtype == want.dtype == dtype
    allowed = 2 * bound(v.astype(dtype), filters.astype(dtype), b, 1, 0, dtype).astype(dtype)
    assert_within(y, want, allowed, "y")
    dv, dW, _ = fourier_conv2d_backward(y, cache)
    for got, right in zip((dv, dW), conv2d_backward(want, patches), strict=False):
        assert got.dtype == right.dtype == dtype
        # At most some thousand roundings; one in the lower precision is as large as 2^29 in the higher.
        assert np.max(np.abs(got - right)) <= 2**12 * np.finfo(dtype).eps * np.max(np.abs(right))


def test_no_images():
    y, cache = fourier_conv2d_forward(V[:0], W, B)
    dv, dW, db = fourier_conv2d_backward(y, cache)
    assert (y.shape, dv.shape) == ((0, 5, 5, 4), (0, 7, 6, 2))
    assert not dW.any()
    assert not db.any()


def test_a_nan_stays_in_its_image():
    spoilt = V.copy()
    spoilt[1, 2, 3, 0] = np.nan
    y, _ = fourier_conv2d_forward(spoilt, W, B)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()


def test_flops_are_those_of_its_products(monkeypatch):
    counted = 0

    class Counting(np.ndarray):
        def __matmul__(self, other):
            nonlocal counted
            y = np.asarray(self) @ np.asarray(other)
            counted += 2 * y.size * self.shape[-1]
            return y.view(Counting)

    monkeypatch.setattr(
        "pp_ref.layers.fourier_conv2d._cast", lambda table, like: np.asarray(table, float).view(Counting)
    )
    fourier_conv2d_forward(V.view(Counting), W.view(Counting), B, 2, 1)
    assert counted == fourier_conv2d_flops(V, W, 2, 1)


def test_messages():
    with pytest.raises(ShapeError, match="^axis c is 2 in v but 3 in W$"):
        fourier_conv2d_forward(V, np.zeros((3, 2, 3, 4)), B)
    with pytest.raises(ShapeError, match="^filters are 8 x 2 but images 7 x 6 with padding 0"):
        fourier_conv2d_forward(V, np.zeros((8, 2, 2, 4)), B)
    with pytest.raises(DomainError, match="^stride is 0, expected an integer >= 1$"):
        fourier_conv2d_forward(V, W, B, 0)


def test_within_the_bound_on_the_papers_second_layer():
    rng = np.random.default_rng(1)
    v, W = rng.standard_normal((1, 16, 16, 48), np.float32), rng.standard_normal((8, 8, 48, 8), np.float32)
    b = np.zeros(8, np.float32)
    y, _ = fourier_conv2d_forward(v, W, b, 1, 3)
    want, _ = conv2d_forward(v.astype(float), W.astype(float), b.astype(float), 1, 3)
    allowed = bound(v, W, b, 1, 3, np.float32)
    assert_within(y, want, allowed.astype(float), "y")
    rounded, _ = fourier_conv2d_forward(eleven_bits(v), eleven_bits(W), b, 1, 3)
    with pytest.raises(AssertionError, match="outside, first at"):
        # The error of TF32 is far above the mean rounding error, a 200th of the worst case.
        assert_within(rounded, want, allowed.astype(float) / 200, "TF32")
    assert_within(y, want, allowed.astype(float) / 200, "y")
