"""Kind ae: the features of an autoencoder with tied weights and sigmoid units are the dictionary (sec. 3.1, 3.5)."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from pp_ref.dictionaries.columns import Column, Floats, Request, column_of, drawn_columns
from pp_ref.dictionaries.index_sets import uniform
from pp_ref.errors import DomainError
from pp_ref.layers.autoencoder import autoencoder_backward_weights, autoencoder_forward

__all__ = ["ae_columns", "tied_cost", "train_features"]


def tied_cost(parameters: Floats, v: Floats, k: int) -> tuple[float, Floats]:
    """``J = 1/n sum |v^ - v|^2``, ``h = sigmoid(v A + b)``, ``v^ = sigmoid(h A^T + c)``, and its gradient.

    parameters  (d k + k + d,) float64: A (d, k), b (k,), c (d,), flattened in that order
    v           (n, d) float64 in [0, 1], the closure of the decoder's range
    returns     J, and dJ/dparameters in the same order
    """
    d = v.shape[1]
    A, b, c = parameters[: d * k].reshape(d, k), parameters[d * k : d * k + k], parameters[d * k + k :]
    cost, cache = autoencoder_forward(v, A, b, c)
    dA, db, dc = autoencoder_backward_weights(1.0, cache)
    return float(cost), np.concatenate([dA.ravel(), db, dc])


def train_features(data: NDArray[Any], k: int, examples: int, iterations: int, rng: np.random.Generator) -> Floats:
    """Features A (d, k), trained by SciPy's L-BFGS on rows drawn from ``data``.

    data        (n, d); at most ``examples`` of its rows are drawn, without replacement
    iterations  the most that L-BFGS takes

    A starts at Uniform(-s, s), ``s = 4 sqrt(6 / (d + k))``, as Glorot and Bengio (2010) advise for sigmoids; the biases
    start at 0.
    """
    n, d = data.shape
    rows = np.sort(rng.choice(n, min(n, examples), replace=False))
    span = 4 * np.sqrt(6 / (d + k))
    start = np.concatenate([rng.uniform(-span, span, d * k), np.zeros(k + d)])
    v = data[rows].astype(np.float64)
    fit = scipy.optimize.minimize(
        tied_cost, start, (v, k), method="L-BFGS-B", jac=True, options={"maxiter": iterations}
    )
    return np.asarray(fit.x[: d * k].reshape(d, k))


def ae_columns(request: Request) -> list[Column]:
    """``U = A``: one autoencoder a column, or index sets into the features of one.

    atoms  None: each column has an autoencoder of its own with k units, which draws its own start and rows; alpha is
           0..k-1 (ours). An integer >= k: one autoencoder with so many units; each column draws alpha from its features
           uniformly (paper, sec. 3.4, "index sets corresponding to elements from a dictionary"; the authors' code has
           1000 atoms for 500 inputs)
    raises DomainError for fewer atoms than a column keeps

    A sigmoid decoder reaches (0, 1) only, so scale the data into that range first: otherwise the units saturate.
    """
    examples, iterations = request.settings["examples"], request.settings["iterations"]
    rows, k, rng, atoms = request.rows, request.n_alpha, request.rng, request.settings["atoms"]
    if atoms is None:
        return drawn_columns(request, lambda: train_features(rows, k, examples, iterations, rng))
    if atoms < k:
        raise DomainError(f"atoms is {atoms}, but each column keeps {k} of them: expected at least {k}")
    A = train_features(rows, atoms, examples, iterations, rng)
    return [
        column_of(alpha, np.ascontiguousarray(A[:, alpha]))
        for alpha in (uniform(atoms, k, rng) for _ in range(request.n_columns))
    ]
