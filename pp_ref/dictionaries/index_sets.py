"""Which weights to keep: the choices of alpha.

The paper draws alpha uniformly and leaves a designed choice open (sec. 3.2 and 5). Sec. 3.4 asks for columns with
"high resolution in a local area". `variance` is ours: it keeps the pixels that vary, which are those that a unit can
tell apart. Every choice is (count,) int64, sorted and distinct, in [0, size).
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import scipy

from pp_ref.dictionaries.columns import Floats, Indices, Request, tie
from pp_ref.dictionaries.covariances import variance

__all__ = [
    "CHOICES",
    "Choice",
    "bands",
    "cholesky",
    "choose_alpha",
    "farthest",
    "in_proportion",
    "interleaved",
    "leading",
    "leverage",
    "ridge_leverage",
    "site_variances",
    "strided",
    "uniform",
    "windowed",
]


def uniform(size: int, count: int, rng: np.random.Generator) -> Indices:
    """``count`` indices drawn uniformly without replacement (sec. 3.2)."""
    return np.sort(rng.choice(size, count, replace=False)).astype(np.int64)


def bands(shape: Sequence[int], count: int) -> list[int]:
    """How many points to place on each of the evenly spaced rows of a lattice, ``count`` in all.

    shape    one or two axes; a single axis is one row
    count    1 to the number of sites
    returns  one number for each row. All are equal if ``count`` factorises so that the row and column spacings are
             within sqrt(2) of each other (the points are then a product set); else they differ by at most one
    """
    height, width = (1, *shape)[-2:]
    stretch = {a: abs(np.log2(height * count / (a * a * width))) for a in range(ceil(count / width), height + 1)}
    even = [a for a in stretch if count % a == 0 and stretch[a] <= 0.5 and a <= count]
    rows = min(even or [a for a in stretch if a <= count], key=lambda a: stretch[a])
    return [count * (r + 1) // rows - count * r // rows for r in range(rows)]


def strided(shape: Sequence[int], count: int, column: int = 0) -> Indices:
    """Sites at an even stride, ``floor((i + phase) stride)`` on each axis.

    shape   sites along each axis, one or two axes
    column  number of the column: it shifts the phase along the R2 low-discrepancy sequence (Roberts, 2018), so that
            columns interleave
    returns exactly ``count`` sites: a product set of rows and columns if `bands` finds one
    """
    height, width = (1, *shape)[-2:]
    phase_y, phase_x = (0.5 + column * 0.7548776662466927) % 1, (0.5 + column * 0.5698402909980532) % 1
    layout = bands(shape, count)
    rows = np.floor((np.arange(len(layout)) + phase_y) * height / len(layout))
    kept = [y * width + np.floor((np.arange(n) + phase_x) * width / n) for y, n in zip(rows, layout, strict=True)]
    return np.concatenate(kept).astype(np.int64)


def windowed(
    points: Floats, count: int, centre: int, window: float, inside: float, rng: np.random.Generator
) -> Indices:
    """Sites dense in a window around ``centre`` and sparse elsewhere: "high resolution in a local area" (sec. 3.4).

    points   (size, p) positions of the sites
    centre   site in the middle of the window
    window   in (0, 1]: the share of all sites that the window holds, the nearest to the centre
    inside   in (0, 1]: the share of the kept sites that are drawn inside it, as far as they fit; the others are drawn
             outside
    """
    size = len(points)
    near = np.argsort(scipy.spatial.distance.cdist(points[[centre]], points, "sqeuclidean")[0], kind="stable")
    edge = max(1, round(window * size))
    n_inside = max(min(ceil(inside * count), edge), count - (size - edge))
    return np.sort(
        np.concatenate(
            [rng.choice(near[:edge], n_inside, replace=False), rng.choice(near[edge:], count - n_inside, replace=False)]
        )
    ).astype(np.int64)


def farthest(points: Floats, count: int, start: int) -> Indices:
    """``i_{t+1} = argmax_i min_{s <= t} |x_i - x_{i_s}|``, from ``i_1 = start``; ties to the smallest index.

    Gonzalez, Clustering to minimize the maximum intercluster distance (1985). The covering radius is at most twice the
    smallest that is possible with that many points.
    """
    kept = [start]
    gap = scipy.spatial.distance.cdist(points[[start]], points, "sqeuclidean")[0]
    while len(kept) < count:
        gap[kept[-1]] = -1  # not chosen again, even if every gap is zero
        kept.append(int(gap.argmax()))
        to_last = scipy.spatial.distance.cdist(points[kept[-1:]], points, "sqeuclidean")[0]
        gap = np.where(gap < 0, gap, np.minimum(gap, to_last))
    return np.sort(np.array(kept, dtype=np.int64))


def cholesky(K: Floats, count: int, rng: np.random.Generator, start: int | None = None) -> Indices:
    """The pivots of a Cholesky factorisation with diagonal pivoting: ``i = argmax diag(K - K_:a K_a^-1 K_a:)``.

    K      (size, size) symmetric positive semi-definite
    start  first pivot; None takes the largest variance

    Each step keeps the weight that the kept ones predict worst: it has the largest posterior variance of a Gaussian
    process. Harbrecht, Peters, Schneider, On the low-rank approximation by the pivoted Cholesky decomposition (2012).
    If the largest residual is below ``eps size max(diag K)``, the kept weights predict all others to rounding. Further
    pivots would be rounding noise, so the rest of the set is drawn uniformly: any choice spans the same space.
    """
    size = len(K)
    residual = K.diagonal().copy()
    floor = np.finfo(np.float64).eps * size * residual.max()
    factor = np.zeros((count, size))
    kept: list[int] = []
    while len(kept) < count:
        pivot = start if start is not None and not kept else int(residual.argmax())
        if not residual[pivot] > floor:
            rest = np.setdiff1d(np.arange(size), kept)
            return np.sort(np.concatenate([kept, rng.choice(rest, count - len(kept), replace=False)])).astype(np.int64)
        row = (K[pivot] - factor[: len(kept), pivot] @ factor[: len(kept)]) / np.sqrt(residual[pivot])
        factor[len(kept)] = row
        residual = residual - row**2
        kept.append(pivot)
        residual[kept] = -np.inf
    return np.sort(np.array(kept, dtype=np.int64))


def in_proportion(scores: Floats, count: int, rng: np.random.Generator) -> Indices:
    """``count`` indices drawn without replacement, with probability proportional to their scores.

    scores  (size,) >= 0, the largest about 1

    Those with a score below eps are drawn uniformly, and only after all others are kept.
    """
    live = np.flatnonzero(scores > np.finfo(np.float64).eps)
    share = scores[live] / scores[live].sum() if live.size else None
    kept = rng.choice(live, min(count, live.size), replace=False, p=share)
    rest = np.setdiff1d(np.arange(scores.size), live)
    return np.sort(np.concatenate([kept, rng.choice(rest, count - kept.size, replace=False)])).astype(np.int64)


def ridge_leverage(K: Floats, ridge: float) -> Floats:
    """Scores ``l_i = [K (K + ridge I)^-1]_ii`` in [0, 1]. Their sum is the effective dimension of K.

    Alaoui and Mahoney, Fast randomized kernel ridge regression with statistical guarantees (2015), def. 1.
    At ridge 0 and full rank every score is 1.
    """
    values, vectors = np.linalg.eigh(K)
    # An eigenvalue below this is rounding; at ridge 0 it would count as a full degree of freedom.
    values = np.where(values > np.finfo(np.float64).eps * len(K) * values[-1], values, 0)
    shrink = np.divide(values, values + ridge, out=np.zeros_like(values), where=values > 0)
    return np.asarray(vectors**2 @ shrink)


def leverage(K: Floats, count: int, ridge: float, rng: np.random.Generator) -> Indices:
    """``count`` indices drawn `in_proportion` to their `ridge_leverage`."""
    return in_proportion(ridge_leverage(K, ridge), count, rng)


def site_variances(request: Request) -> Floats:
    """The variance of each candidate's input relative to the largest one; of a site, summed over its channels."""
    summed: Floats = variance(request.rows).reshape(request.candidates, -1).sum(axis=1)
    return summed / max(float(summed.max()), np.finfo(np.float64).tiny)


def leading(order: Indices, count: int) -> Indices:
    """The first ``count`` elements of a basis in its order: lowest frequency, coarsest scale, or largest variance."""
    return np.sort(order[:count])


def interleaved(order: Indices, count: int, column: int, n_columns: int) -> Indices:
    """Column j keeps ranks ``floor((i + j / J) min(d, J count) / count)``, i < count, of a basis in its order.

    The J columns share the leading ``J count`` elements out, and each gets low and high ones. If the basis has fewer
    elements, each column spreads over the whole basis, and columns overlap. With J = 1 this is `leading`.
    """
    reach = min(order.size, n_columns * count)
    # In integers nothing is rounded, so no rank is repeated: (i J + j) reach // (J count).
    ranks = (np.arange(count) * n_columns + column) * reach // (n_columns * count)
    return np.sort(order[ranks])


class Choice(NamedTuple):
    """One choice of alpha.

    needs     "nothing"; "positions", and sites are chosen, so alpha is tied across channels; "data", of which the
              variances are taken; "covariance", which is K; or "order", that of a basis
    settings  names and defaults
    choose    (request, number of the column, K, the order or the variances if needed) -> indices of candidates
    """

    needs: str
    settings: dict[str, Any]
    choose: Callable[[Request, int, Any], Indices]


def _start(request: Request) -> int:
    return int(request.rng.integers(request.candidates))


def _windowed(request: Request, column: int, _: Any) -> Indices:
    # The windows of J columns are centred in J even blocks of the lattice; centres repeat if J > sites.
    centres = strided(request.space.sites, min(request.n_columns, request.candidates))
    centre, settings = int(centres[column % request.candidates]), request.settings
    return windowed(
        request.space.site_points(), request.count, centre, settings["window"], settings["inside"], request.rng
    )


# The greedy choices draw nothing but a first index: `cholesky` draws it for every column after the first.
CHOICES: dict[str, Choice] = {
    "uniform": Choice("nothing", {}, lambda ask, j, _: uniform(ask.candidates, ask.count, ask.rng)),
    "windowed": Choice("positions", {"window": 0.2, "inside": 0.5}, _windowed),
    "strided": Choice("positions", {}, lambda ask, j, _: strided(ask.space.sites, ask.count, j)),
    "farthest": Choice("positions", {}, lambda ask, j, _: farthest(ask.space.site_points(), ask.count, _start(ask))),
    "variance": Choice("data", {}, lambda ask, j, scores: in_proportion(scores, ask.count, ask.rng)),
    "cholesky": Choice("covariance", {}, lambda ask, j, K: cholesky(K, ask.count, ask.rng, _start(ask) if j else None)),
    "leverage": Choice("covariance", {}, lambda ask, j, K: leverage(K, ask.count, ask.settings["ridge"], ask.rng)),
    "leading": Choice("order", {}, lambda ask, j, order: leading(order, ask.count)),
    "interleaved": Choice("order", {}, lambda ask, j, order: interleaved(order, ask.count, j, ask.n_columns)),
}


def choose_alpha(request: Request, given: Floats | Indices | None = None) -> list[Indices]:
    """One sorted index set for each column, in [0, d). If the request is tied, sites are chosen with all channels.

    given  K (candidates, candidates), for the choices that need a covariance; or the elements (d,) of a basis from
           first to last, for the choices that need an order
    """
    if not isinstance(request.alpha, str):
        return list(request.alpha)
    choice, channels = CHOICES[request.alpha], request.space.channels if request.tied else 1
    given = site_variances(request) if choice.needs == "data" else given
    return [tie(choice.choose(request, column, given), channels) for column in range(request.n_columns)]
