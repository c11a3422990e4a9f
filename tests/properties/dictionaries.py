"""What must hold of the kernels and of the ridge dictionary: each check takes the function under test.

They are solved in float64 by LAPACK, outside the layers' array-API subset, so they have bounds of their own.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pp_ref.dictionaries.covariances import covariance, se_covariance
from pp_ref.dictionaries.ridge import ridge_dictionary
from tests.bounds import assert_within

U_ROUND = np.finfo(float).eps / 2
Check = Callable[[Callable[..., Any]], None]


def problems() -> Iterator[tuple[Any, Any, float]]:
    """K (d, d), alpha in no order, ridge."""
    for seed, (d, k, ridge) in enumerate([(6, 3, 0.25), (9, 5, 0.01), (4, 4, 2.0), (5, 1, 0.5)]):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((d, d + 2))
        yield A @ A.T / d, rng.permutation(d)[:k], ridge


def gamma(k: int) -> float:
    return k * U_ROUND / (1 - k * U_ROUND)


def normal_equations(function: Callable[..., Any]) -> None:
    """U (K_alpha + ridge I) = K[:, alpha]: by Cholesky each row solves a system within g_{3k+1} k |A| (Higham 10.4)."""
    for K, alpha, ridge in problems():
        k, U = len(alpha), function(K.copy(), alpha, ridge)[0]
        A = K[np.ix_(alpha, alpha)] + ridge * np.eye(k)
        off = np.linalg.norm(U @ A - K[:, alpha], axis=1)
        allowed = (gamma(3 * k + 1) * k + gamma(k + 1)) * np.linalg.norm(A, 2) * np.linalg.norm(U, axis=1)
        assert_within(off, np.zeros_like(off), allowed, "U (K_alpha + ridge I) - K[:, alpha]")


def atoms_are_columns(function: Callable[..., Any]) -> None:
    for K, alpha, ridge in problems():
        np.testing.assert_array_equal(function(K.copy(), alpha, ridge, "atom")[0], K[:, alpha])


def kernel_untouched(function: Callable[..., Any]) -> None:
    for K, alpha, ridge in problems():
        given = K.copy()
        function(given, alpha, ridge)
        np.testing.assert_array_equal(given, K)


POINTS = np.random.default_rng(0).uniform(-3, 3, (7, 2)), np.random.default_rng(1).uniform(-3, 3, (5, 2))


def formula_by_loops(function: Callable[..., Any]) -> None:
    """exp of a sum of p squares: the exponent errs by (p + 4) u of itself, and exp by 8 u."""
    for length_scale in (0.75, 2.0):
        a, b = POINTS
        want = np.array(
            [
                [
                    np.exp(-sum((np.longdouble(x) - y) ** 2 for x, y in zip(i, j, strict=True)) / (2 * length_scale**2))
                    for j in b
                ]
                for i in a
            ]
        )
        got = function(a, b, length_scale)
        assert_within(got, want, (10 * -np.log(want) + 8) * U_ROUND * want, "k(a, b)")


def data() -> Iterator[tuple[Any, int]]:
    """Means large beside the spread, where a sum of squares loses its digits."""
    for n, d, power, mean in ((9, 4, 1, 0.0), (6, 3, 2, 1.0), (50, 5, 1, 1e6)):
        yield np.random.default_rng(n).standard_normal((n, d)) + mean, power


def centred_products(function: Callable[..., Any]) -> None:
    """Against longdouble: the mean errs by g_n |x|, which enters each centred factor; then comes one product."""
    for x, power in data():
        n, exact = len(x), x.astype(np.longdouble) ** power
        centred = exact - exact.mean(0)
        slip = gamma(n + 3) * abs(exact).mean(0) + 3 * U_ROUND * abs(exact)
        size = abs(centred) + slip
        error = slip.T @ size + size.T @ slip + gamma(n + 3) * (size.T @ size)
        assert_within(function(x, power), centred.T @ centred / (n - 1), error / (n - 1), "cov")


CHECKS: dict[str, tuple[Callable[..., Any], tuple[Check, ...]]] = {
    "ridge_dictionary": (ridge_dictionary, (normal_equations, atoms_are_columns, kernel_untouched)),
    "se_kernel": (se_covariance, (formula_by_loops,)),
    "covariance": (covariance, (centred_products,)),
}


def violations(name: str, function: Callable[..., Any]) -> dict[str, str]:
    """The checks of the named function that fail, each with the first line of its message."""
    failed = {}
    for check in CHECKS[name][1]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                check(function)
            except Exception as error:  # a wrong function may raise anything
                failed[check.__name__.replace("_", " ")] = f"{type(error).__name__}: {error}".splitlines()[0]
    return failed
