"""Bases are orthonormal and in order; clusters and block averages are what they say."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pp_ref.dictionaries import Frames, Grid, Units, make_dictionary
from pp_ref.dictionaries.bases import dct_basis, fourier_basis, wavelet_basis
from pp_ref.errors import DomainError

EPS = np.finfo(np.float64).eps
X = np.random.default_rng(5).random((90, 48)) @ np.diag(np.linspace(0.1, 2, 48))


def _assert_orthonormal(B, slack=1.0):
    d = len(B)
    assert B.shape == (d, d)
    # Entries are rounded to eps or so, and each inner product sums d terms.
    np.testing.assert_allclose(B.T @ B, np.eye(d), rtol=0, atol=slack * 4 * d * EPS)


@given(n=st.integers(1, 40))
def test_one_dimensional_bases_are_orthonormal(n):
    _assert_orthonormal(dct_basis(n))
    _assert_orthonormal(fourier_basis(n))


@pytest.mark.parametrize("space", [Grid(6, 8), Grid(4, 4, 3), Grid(8, 6, 1), Frames(8, 6)], ids=str)
@pytest.mark.parametrize("kind", ["dct", "fourier", "wavelet"])
def test_full_bases_are_orthonormal(kind, space):
    if kind == "wavelet":
        pytest.importorskip("pywt")
    made = make_dictionary(kind, space, proportion=1, rng=np.random.default_rng(0))
    _assert_orthonormal(made.U()[0])
    assert made.columns[0].condition == pytest.approx(1, abs=4 * space.size * EPS)
    assert made.columns[0].rank == space.size


def test_pca_is_orthonormal_by_falling_variance():
    made = make_dictionary("pca", Units(48), proportion=1, data=X, rng=np.random.default_rng(0))
    (U,) = made.U()
    _assert_orthonormal(U, slack=4)
    variance = ((X - X.mean(0)) @ U).var(0, ddof=1)
    want = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    np.testing.assert_allclose(variance, want, rtol=0, atol=90 * 48 * EPS * want[0])
    assert (U[abs(U).argmax(0), np.arange(48)] > 0).all()
    few = make_dictionary("pca", Units(48), n_alpha=5, data=X, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(few.U()[0], U[:, :5])


def test_dct_and_fourier_are_their_formulas():
    i = np.arange(7)
    np.testing.assert_allclose(dct_basis(7)[:, 3], np.sqrt(2 / 7) * np.cos(np.pi * (i + 0.5) * 3 / 7), atol=8 * EPS)
    np.testing.assert_allclose(fourier_basis(7)[:, 3], np.sqrt(2 / 7) * np.cos(2 * np.pi * 2 * i / 7), atol=8 * EPS)
    np.testing.assert_allclose(fourier_basis(7)[:, 4], np.sqrt(2 / 7) * np.sin(2 * np.pi * 2 * i / 7), atol=8 * EPS)
    np.testing.assert_allclose(fourier_basis(6)[:, 5], np.sqrt(1 / 6) * (-1.0) ** np.arange(6), atol=8 * EPS)


@pytest.mark.parametrize("kind", ["dct", "fourier"])
def test_the_lowest_frequencies_lead(kind):
    made = make_dictionary(kind, Grid(6, 6), n_alpha=3 if kind == "dct" else 5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(made.alpha[0], [0, 1, 6] if kind == "dct" else [0, 1, 2, 6, 12])
    np.testing.assert_allclose(made.U()[0][:, 0], 1 / 6, rtol=8 * EPS)


def test_channels_of_a_frequency_follow_one_another():
    made = make_dictionary("dct", Grid(2, 4, 3), n_alpha=6, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(made.alpha[0], np.arange(6))  # the constant and the lowest, 3 channels each
    assert made.columns[0].structure == "channel-tied"
    space_only = make_dictionary("dct", Grid(2, 4), n_alpha=2, rng=np.random.default_rng(0)).U()[0]
    np.testing.assert_array_equal(made.U()[0], np.kron(space_only, np.eye(3)))
    cut = make_dictionary("dct", Grid(2, 4, 3), n_alpha=5, rng=np.random.default_rng(0))
    assert cut.columns[0].structure == "dense"
    np.testing.assert_array_equal(cut.U()[0], made.U()[0][:, :5])


@pytest.mark.parametrize("kind", ["dct", "fourier"])
def test_separable_bases_are_products(kind):
    basis = {"dct": dct_basis, "fourier": fourier_basis}[kind]
    alpha = np.add.outer(np.array([0, 2, 3]) * 5, [1, 4]).ravel()
    made = make_dictionary(kind, Grid(6, 5), alpha=[alpha], rng=np.random.default_rng(0))
    assert made.columns[0].structure == "separable"
    np.testing.assert_array_equal(made.U()[0], np.kron(basis(6)[:, [0, 2, 3]], basis(5)[:, [1, 4]]))
    ragged = make_dictionary(kind, Grid(6, 5), alpha=[alpha[:-1]], rng=np.random.default_rng(0))
    assert ragged.columns[0].structure == "dense"


def test_several_columns_deal_the_leading_elements_out():
    made = make_dictionary("dct", Grid(6, 6), n_alpha=4, n_columns=3, rng=np.random.default_rng(0))
    assert made.recipe.settings["alpha"] == "interleaved"
    together = make_dictionary("dct", Grid(6, 6), n_alpha=12, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.concatenate(made.alpha)), together.alpha[0])
    same = make_dictionary("dct", Grid(6, 6), n_alpha=4, n_columns=3, alpha="leading", rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same.alpha[0], same.alpha[2])


@pytest.mark.parametrize("wavelet", ["haar", "db4", "coif1"])
@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (4, 12), (16,)], ids=str)
def test_wavelets_transform_as_pywavelets_does(shape, wavelet):
    pywt = pytest.importorskip("pywt")
    B, scale = wavelet_basis(shape, wavelet, 2)
    _assert_orthonormal(B)
    feature = np.random.default_rng(0).standard_normal(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "all coefficients will experience boundary effects": they wrap
        want = pywt.coeffs_to_array(pywt.wavedecn(feature, wavelet, "periodization", 2))[0].ravel()
    np.testing.assert_allclose(B.T @ feature.ravel(), want, rtol=0, atol=4 * B.shape[0] * EPS * abs(want).max())
    assert np.bincount(scale).tolist() == [B.shape[0] // 4 ** len(shape), *_rings(shape)]


def test_the_coarsest_wavelets_lead():
    pytest.importorskip("pywt")
    made = make_dictionary("wavelet", Grid(8, 8), n_alpha=4, wavelet="haar", level=2, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(made.alpha[0], [0, 1, 8, 9])
    blocks = make_dictionary("downsample", Grid(8, 8), n_alpha=4, rng=np.random.default_rng(0))
    # The four averages of Haar are the four blocks, at unit norm instead of unit sum.
    np.testing.assert_allclose(made.U()[0], 4 * blocks.U()[0], rtol=0, atol=8 * EPS)


def test_wavelets_that_are_not_orthogonal_or_do_not_halve():
    pytest.importorskip("pywt")
    for name in ("bior2.2", "dmey", "wobble"):
        with pytest.raises(DomainError, match=f"^wavelet is '{name}', expected the name of an orthogonal one"):
            wavelet_basis((8, 8), name, None)
    with pytest.raises(DomainError, match=r"^level is 0, but sites \(9, 8\) halve evenly 0 times.*even sides"):
        wavelet_basis((9, 8), "haar", None)
    with pytest.raises(DomainError, match=r"^level is 4, but sites \(8, 8\) halve evenly 3 times: expected 1 to 3"):
        wavelet_basis((8, 8), "haar", 4)


def test_kmeans_finds_separate_clusters():
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0, 9.0], [9, 0, 0], [0, 9, 0]])
    data = np.repeat(middles, 20, axis=0) + 0.01 * rng.standard_normal((60, 3))
    made = make_dictionary("kmeans", Units(3), n_alpha=3, data=data, rng=rng)
    found = made.U()[0].T
    want = data.reshape(3, 20, 3).mean(1)
    order = abs(want[:, None] - found).sum(-1).argmin(1)
    np.testing.assert_allclose(found[order], want, rtol=0, atol=20 * EPS * 9)


def test_whitened_kmeans_is_centres_seen_from_the_input():
    data = np.random.default_rng(0).standard_normal((300, 4)) @ np.diag([1, 2, 3, 4.0])
    made = make_dictionary("kmeans", Units(4), n_alpha=2, whitening=1e-6, data=data, rng=np.random.default_rng(0))
    U = made.U()[0]
    C = np.cov(data.T)
    values, V = np.linalg.eigh(C + 1e-6 * np.eye(4))
    centres = V * np.sqrt(values) @ V.T @ U  # undo P: white centres again
    white = (data - data.mean(0)) @ (V / np.sqrt(values) @ V.T)
    nearest = ((white[:, :, None] - centres) ** 2).sum(1).argmin(1)
    # Lloyd's fixed point: each centre is the mean of the rows nearest to it; it may stop within its threshold.
    for j in range(2):
        np.testing.assert_allclose(centres[:, j], white[nearest == j].mean(0), rtol=0, atol=0.02)
    # Rows have mean 0, so counts times centres sum to 0.
    assert made.columns[0].condition > 1e3 or made.columns[0].rank == 1


def test_kmeans_without_enough_rows():
    with pytest.raises(DomainError, match="^data has 3 rows, but n_alpha is 4: expected at least one row a cluster$"):
        make_dictionary("kmeans", Units(5), n_alpha=4, data=np.ones((3, 5)), rng=np.random.default_rng(0))
    with pytest.raises(DomainError, match="^data has too few distinct rows for 4 clusters"):
        make_dictionary("kmeans", Units(5), n_alpha=4, data=np.ones((9, 5)), rng=np.random.default_rng(0))


@pytest.mark.parametrize("count", [1, 4, 6, 7, 24, 96])
def test_downsample_averages_blocks(count):
    made = make_dictionary("downsample", Grid(8, 12), n_alpha=count, rng=np.random.default_rng(0))
    (U,), (alpha,) = made.U(), made.alpha
    np.testing.assert_allclose(U.sum(0), 1, rtol=96 * EPS)  # an average
    np.testing.assert_array_equal((U > 0).sum(1), 1)  # each pixel in one block
    np.testing.assert_array_equal(U[alpha] > 0, np.eye(count, dtype=bool))  # alpha lies in its block
    assert (np.diff(alpha) > 0).all()
    if made.columns[0].structure == "separable":
        rows, columns = (np.unique(axis).size for axis in np.unravel_index(alpha, (8, 12)))
        halves = U.reshape(8, 12, rows, columns)
        U_y, U_x = halves.sum(axis=(1, 3)) / columns, halves.sum(axis=(0, 2)) / rows
        np.testing.assert_allclose(U, np.kron(U_y, U_x), rtol=0, atol=96 * EPS)
    assert (made.columns[0].structure == "separable") == (count in (1, 4, 6, 24, 96))


def test_downsample_of_images():
    image = np.arange(4 * 4 * 2.0).reshape(4, 4, 2)
    made = make_dictionary("downsample", Grid(4, 4, 2), proportion=0.25, n_columns=2, rng=np.random.default_rng(0))
    assert made.columns[0].structure == "channel-tied"
    assert made.columns[0] is made.columns[1]
    want = image.reshape(2, 2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose((image.ravel() @ made.U()[0]).reshape(2, 2, 2), want, rtol=8 * EPS)


def _rings(shape):
    size = int(np.prod(shape))
    quarter, half = size // 4 ** len(shape), size // 2 ** len(shape)
    return [half - quarter, size - half]
