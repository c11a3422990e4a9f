"""The convolution theorem's convolution: against SciPy, in blocks, and what it says of its cost."""

import numpy as np
import pytest
from scipy.signal import correlate

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import conv2d_forward, fourier_conv2d_backward, fourier_conv2d_forward
from pp_ref.layers.fourier_conv2d import _inverse, _spectrum, _torus, fourier_conv2d_flops

RNG = np.random.default_rng(0)
V, W, B = RNG.standard_normal((3, 7, 6, 2)), RNG.standard_normal((3, 2, 2, 4)), RNG.standard_normal(4)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 1), (3, 3)])
def test_against_scipy(stride, padding):
    y, _ = fourier_conv2d_forward(V, W, B, stride, padding)
    padded = np.pad(V, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    for n, m in np.ndindex(3, 4):
        whole = sum(correlate(padded[n, :, :, c], W[:, :, c, m], mode="valid") for c in range(2)) + B[m]
        # Behind an output lie sums of 2 width, height, 2, 4 N and 2 F numbers: of the image's and the filter's sizes.
        terms = 2 * padded.shape[2] + padded.shape[1] + 2 + 4 * padded.shape[2] + 2 * padded.shape[1]
        allowed = terms * np.finfo(float).eps * np.sqrt(np.sum(padded[n] ** 2) * np.sum(W[..., m] ** 2))
        assert np.max(np.abs(y[n, :, :, m] - whole[::stride, ::stride])) <= allowed


def test_spectrum_is_numpys_and_its_inverse_undoes_it():
    torus = _torus(V, W, 1, 1)
    X = _spectrum(V.transpose(1, 2, 0, 3), torus.v, torus)
    padded = np.pad(V, ((0, 0), (1, 1), (1, 1), (0, 0)))
    want = np.moveaxis(np.fft.fft2(padded, axes=(1, 2)), 0, 2)[: padded.shape[1] // 2 + 1]
    # A frequency is a sum of height, then of 2 width products with numbers of size 1.
    allowed = (9 + 2 * 8) * np.finfo(float).eps * np.max(np.sum(np.abs(V), axis=(1, 2)))
    np.testing.assert_allclose(X[:, :, 0] + 1j * X[:, :, 1], want, rtol=0, atol=allowed)
    one = np.zeros((*X.shape[:3], 2, 2))
    one[:, :, 0] = np.eye(2)
    # Back, of 4 N and 2 F: together no number can be off by more than the sum of all, times as many roundings.
    allowed *= 4 * 8 + 2 * 5
    np.testing.assert_allclose(_inverse(X, one, (1, 1), torus.v, torus), V.transpose(1, 2, 0, 3), rtol=0, atol=allowed)


def test_blocks_of_images_change_nothing_beyond_rounding(monkeypatch):
    y, cache = fourier_conv2d_forward(V, W, B, 1, 1)
    whole = fourier_conv2d_backward(y, cache)
    for buffer in ("PRODUCT_ENTRIES", "SPECTRUM_ENTRIES"):
        monkeypatch.setattr(f"pp_ref.layers.fourier_conv2d.{buffer}", 1)
    parts, cache = fourier_conv2d_forward(V, W, B, 1, 1)
    for got, want in zip((parts, *fourier_conv2d_backward(y, cache)), (y, *whole), strict=True):
        # An entry is a sum of at most 3 x 7 x 6 x 4 products; each way rounds each of them a dozen times.
        allowed = 12 * 3 * 7 * 6 * 4 * np.finfo(float).eps * np.max(np.abs(want))
        np.testing.assert_allclose(got, want, rtol=0, atol=allowed)


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


def test_agrees_with_patches_on_the_papers_second_layer():
    rng = np.random.default_rng(1)
    v, W = rng.standard_normal((2, 16, 16, 48), np.float32), rng.standard_normal((8, 8, 48, 64), np.float32)
    b = np.zeros(64, np.float32)
    y, want = (forward(v, W, b, 1, 3)[0] for forward in (fourier_conv2d_forward, conv2d_forward))
    # Of independent roundings, sqrt of as many as there are terms add up; the longest sum has 8 8 48 of them.
    allowed = 10 * np.sqrt(8 * 8 * 48) * np.finfo(np.float32).eps / 2
    assert np.max(np.abs(y - want)) <= allowed * np.sqrt(np.sum(v[0] ** 2) * np.sum(W[..., 0] ** 2) / 16)
