"""Mistakes in the static half: kernels, covariances, and the ridge dictionary U = k_alpha^T (K_alpha + lambda I)^-1."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.dictionaries.covariances import covariance, se_covariance
from pp_ref.dictionaries.ridge import ridge_dictionary
from pp_ref.oracle.faults.fault import Function, after, before, faults, instead, next_row

__all__ = ["FAULTS"]


def ridge_by(formula: Function) -> Function:
    """The ridge form by another formula of (K, alpha, K_alpha, ridge); the atom form as it should be."""

    def wrong(K: Any, alpha: Any, ridge: float, form: str = "ridge") -> Any:
        U, condition, rank = ridge_dictionary(K, alpha, ridge, form)
        return (U if form == "atom" else formula(K, alpha, K[np.ix_(alpha, alpha)], ridge)), condition, rank

    return wrong


def ridge_on_every_weight(K: Any, alpha: Any, ridge: float, form: str = "ridge") -> Any:
    return ridge_dictionary(K + ridge * np.eye(len(K)), alpha, 0.0 if form == "ridge" else ridge, form)


def ridge_in_place(K: Any, alpha: Any, ridge: float, form: str = "ridge") -> Any:
    result = ridge_dictionary(K, alpha, ridge, form)
    K[alpha, alpha] += ridge
    return result


def moments(combine: Callable[[Any, Any], Any]) -> Function:
    """What combine(x^T x, n m m^T) makes of the data x, their number n and their mean m, over n - 1."""

    def wrong(data: Any, power: int = 1) -> Any:
        x = data.astype(np.float64) ** power
        return combine(x.T @ x, len(x) * np.outer(x.mean(0), x.mean(0))) / (len(x) - 1)

    return wrong


def correlation(K: Any) -> Any:
    scale = np.sqrt(np.diag(K))
    return K / np.outer(scale, scale)


FAULTS = faults(
    ridge_dictionary={
        "ridge omitted": ("leaves out the ridge", ridge_by(lambda K, a, Ka, r: np.linalg.solve(Ka, K[a]).T)),
        "ridge on every weight": ("adds the ridge to k_alpha too", ridge_on_every_weight),
        "ridge relative": (
            "takes the ridge relative to the mean of K_alpha's diagonal",
            ridge_by(lambda K, a, Ka, r: np.linalg.solve(Ka + r * np.mean(np.diag(Ka)) * np.eye(len(Ka)), K[a]).T),
        ),
        "ridge squared": ("squares the ridge", before(lambda ridge: ridge * ridge, 2)),
        "ridge everywhere": (
            "adds the ridge to every entry of K_alpha, not to its diagonal",
            ridge_by(lambda K, a, Ka, r: np.linalg.solve(Ka + r, K[a]).T),
        ),
        "inverse omitted": (
            "multiplies by K_alpha + lambda I in place of its inverse",
            ridge_by(lambda K, a, Ka, r: K[:, a] @ (Ka + r * np.eye(len(Ka)))),
        ),
        "atoms": ("returns the atoms, without a solve", ridge_by(lambda K, a, Ka, r: K[:, a].copy())),
        "whole kernel": (
            "solves with the kernel of all weights, then picks columns",
            ridge_by(lambda K, a, Ka, r: (K @ np.linalg.inv(K + r * np.eye(len(K))))[:, a]),
        ),
        "alpha off by one": (
            "keeps each weight's neighbour",
            ridge_by(lambda K, a, Ka, r: ridge_dictionary(K, np.sort((a + 1) % len(K)), r)[0]),
        ),
        "rows shifted": ("is shifted by one weight", after(next_row, 0)),
        "alpha sorted": ("sorts the dictionary's columns by alpha", before(np.sort, 1)),
        "kernel overwritten": ("adds the ridge to the caller's K", ridge_in_place),
        "float32": ("solves in float32", after(lambda U: U.astype(np.float32).astype(float), 0)),
    },
    se_kernel={
        "1/2 missing": ("leaves out the 1/2 in the exponent", lambda a, b, s: se_covariance(a, b, s) ** 2),
        "length scale not squared": (
            "divides by sigma, not by its square",
            lambda a, b, s: se_covariance(a, b, s**0.5),
        ),
        "distance not squared": (
            "takes the distance where its square belongs",
            lambda a, b, s: np.exp(-0.5 * np.sqrt(-2 * s**2 * np.log(se_covariance(a, b, s))) / s**2),
        ),
        "first axis only": (
            "measures distance along the first axis",
            lambda a, b, s: se_covariance(a[:, :1], b[:, :1], s),
        ),
        "transposed": ("returns k(b, a)", lambda a, b, s: se_covariance(b, a, s)),
    },
    covariance={
        "not centred": ("does not subtract the mean", moments(lambda S, mean: S)),
        "divided by n": (
            "divides by n, not n - 1",
            instead(lambda K, data, power=1: K * ((len(data) - 1) / len(data))),
        ),
        "correlation": ("is the correlation", after(correlation)),
        "one pass": ("subtracts the mean's square afterwards, which cancels digits", moments(lambda S, mean: S - mean)),
        "squared covariance": (
            "squares the covariance, where Emp2 is the covariance of the squares",
            lambda data, power=1: covariance(data) ** power,
        ),
        "between examples": ("is the covariance between examples", lambda data, power=1: covariance(data.T, power)),
    },
)
