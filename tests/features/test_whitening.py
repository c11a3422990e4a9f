"""Whitening: the identity on what was kept, whatever the rank, and the block sums against NumPy's covariance."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import Whitening, fit_whitening, normalise_contrast, whitening
from pp_ref.features.whitening import mean_and_covariance
from tests.bounds import assert_within, gemm_bound
from tests.refused import refuses

EPS = np.finfo(np.float64).eps


def correlated(n=300, d=8, rank=8, seed=0):
    """Return rows of the given rank with a mean; their covariance has a condition number of about 4^2 on that rank."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0][:rank]
    return rng.standard_normal((n, rank)) * np.linspace(1, 4, rank) @ basis + rng.standard_normal(d)


def gamma(k):
    return k * EPS / 2 / (1 - k * EPS / 2)


def identity_bound(x, rank):
    """Bound the distance of the covariance after whitening with eps 0 from the identity, on the kept directions.

    In units of the smallest kept variance: the fitted covariance errs by g(n) trace C, its eigendecomposition is that
    of a matrix d eps |C| away, the product errs by g(d) on either side, and the last covariance errs as the first.
    """
    n, d = x.shape
    variances = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    condition = variances[0] / variances[rank - 1]
    return np.full((d, d), d * condition * (2 * gamma(n + 4) + 2 * gamma(d + 2) + EPS))


@pytest.mark.parametrize("block", [7, 2048])
@pytest.mark.parametrize("offset", [0, 1e3])
def test_block_sums_are_the_covariance(monkeypatch, block, offset):
    monkeypatch.setattr(whitening, "BLOCK", block)
    x = correlated() + offset
    n = len(x)
    mean, C = mean_and_covariance(x)
    off = gamma(n + 1) * abs(x).mean(axis=0)  # error of either mean
    assert_within(mean, x.mean(axis=0), 2 * off, "mean")
    # As the centred rows sum to 0, a mean that is off by d adds n d d^T; subtracting it rounds once more on each side.
    z = abs(x - x.mean(axis=0)) + 2 * off
    bound = 2 * (gamma(n + 4) * (z.T @ z) + n * np.outer(off, off)) / (n - 1)
    assert_within(C, np.cov(x.T), bound, "covariance")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_blocks_change_no_bit_where_sums_are_exact(monkeypatch, dtype):
    x = np.random.default_rng(1).integers(-100, 100, (64, 5, 2)).astype(dtype)  # 64 rows: the mean is exact as well
    whole = mean_and_covariance(x)
    for block in (1, 3, 63, 64):
        monkeypatch.setattr(whitening, "BLOCK", block)
        for got, want in zip(mean_and_covariance(x), whole, strict=True):
            np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(whole[1], whole[1].T)


@pytest.mark.parametrize("rank", [8, 3, 1])
@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_whitened_is_the_identity_on_what_was_kept(kind, rank):
    x = correlated(rank=rank)
    white = fit_whitening(x, kind, eps=0)
    C = np.atleast_2d(np.cov(white.transform(x).T))
    want = np.eye(rank)
    if kind == "zca":  # the projection onto the kept directions
        E = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:rank]
        want = E.T @ E
    assert white.rank == rank
    assert_within(C, want, identity_bound(x, rank)[: len(want), : len(want)], kind)
    assert (white.eigenvalues >= 0).all()
    assert (np.diff(white.eigenvalues) <= 0).all()


def test_fewer_images_than_numbers_in_each():
    x = correlated(n=5)
    white = fit_whitening(x, "pca", eps=0)
    assert white.rank == 4
    assert_within(np.cov(white.transform(x).T), np.eye(4), identity_bound(x, 4)[:4, :4], "5 rows")


@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_constant_data_have_no_directions(kind):
    x = np.full((6, 2, 2, 1), 3.0)
    white = fit_whitening(x, kind, eps=0)
    assert white.rank == 0
    assert white.transform(x).shape == ((6, 2, 2, 1) if kind == "zca" else (6, 0))
    assert not white.transform(x).any()


def test_the_mean_that_contrast_normalisation_took_is_dropped():
    x = normalise_contrast(np.random.default_rng(2).random((400, 4, 4, 3)))
    white = fit_whitening(x, "zca", eps=0)
    assert white.rank == 47
    assert white.transform(x).shape == x.shape


@pytest.mark.parametrize("eps", [0.1, 10.0])
def test_eps_is_added_to_every_variance(eps):
    """P (C + eps I) P = I: nothing is dropped, however flat."""
    x = correlated(rank=5)
    white = fit_whitening(x, eps=eps)
    assert white.rank == 8
    C = np.cov(x.T) + eps * np.eye(8)
    bound = 8 * np.linalg.cond(C) * (gamma(len(x) + 4) + 3 * gamma(8) + 8 * EPS)
    assert_within(white.P @ C @ white.P, np.eye(8), np.full((8, 8), bound), "P (C + eps I) P")
    np.testing.assert_array_equal(white.P, white.P.T)


def test_pca_falls_and_zca_is_its_rotation():
    x = correlated()
    pca, zca = fit_whitening(x, "pca", 0.1), fit_whitening(x, "zca", 0.1)
    variances = pca.transform(x).var(axis=0)
    assert (np.diff(variances) < 0).all()  # l / (l + eps) falls with l
    bound = 4 * gamma(10) * abs(pca.P) @ abs(pca.P).T
    assert_within(zca.P @ zca.P.T, pca.P @ pca.P.T, bound + 8 * EPS * np.linalg.norm(pca.P) ** 2, "P P^T")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_other_data_by_the_training_datas_map(monkeypatch, dtype, kind):
    monkeypatch.setattr(whitening, "BLOCK", 4)
    x = correlated().reshape(-1, 2, 2, 2).astype(dtype)
    white = fit_whitening(x, kind)
    other = correlated(n=10, seed=9).reshape(-1, 2, 2, 2).astype(dtype)
    before = other.copy()
    y = white.transform(other)
    assert y.dtype == dtype
    assert y.shape == ((10, 2, 2, 2) if kind == "zca" else (10, 8))
    z = other.reshape(10, 8).astype(float) - white.mean
    # Mean, difference and P are each rounded to dtype before the product.
    rounded = 3 * np.finfo(dtype).eps * (abs(z) + abs(white.mean)) @ abs(white.P)
    assert_within(y.reshape(10, 8), z @ white.P, rounded + 2 * gemm_bound(z, white.P, dtype), kind)
    np.testing.assert_array_equal(other, before)
    assert white.transform(other[:0]).shape == (0, *y.shape[1:])


def test_inputs_are_not_written_to_and_fits_agree():
    x = correlated()
    x.flags.writeable = False
    a, b = fit_whitening(x), fit_whitening(x)
    np.testing.assert_array_equal(a.P, b.P)
    assert isinstance(a, Whitening)


REFUSED = {
    DomainError: [
        (correlated(), {"kind": "ica"}, "^kind is 'ica', expected 'zca' or 'pca'$"),
        (correlated(), {"eps": -0.1}, "^eps is -0.1, expected a finite number >= 0$"),
        (correlated(), {"eps": np.nan}, "^eps is nan, expected a finite number >= 0$"),
        (correlated()[:1], {}, "^x has 1 rows, expected at least 2: a covariance needs them$"),
        (correlated()[:0], {}, "^x has 0 rows, expected at least 2"),
        (np.zeros((3, 2), "u1"), {}, "^x is an array of uint8, .* expected an array of float32 or float64: use"),
        *(
            (np.array([[0, 1], [bad, 1]]), {}, r"^x has 1 entries that are NaN or infinite, first at \(1, 0\)")
            for bad in (np.nan, np.inf)
        ),
    ],
    ShapeError: [(np.zeros(3), {}, r"^x has shape \(3,\), expected axes \(n, ...\) with one image per row$")],
}
test_fit_messages = refuses(lambda x, settings: fit_whitening(x, **settings), REFUSED)


def test_transform_messages():
    white = fit_whitening(correlated())
    with pytest.raises(ShapeError, match=r"^x has shape \(5, 3, 3\), 9 numbers per row; expected 8, as in the fit$"):
        white.transform(np.zeros((5, 3, 3)))
    with pytest.raises(DomainError, match="^x is an array of int64, .* expected an array of float32 or float64: use"):
        white.transform(np.zeros((5, 8), int))
