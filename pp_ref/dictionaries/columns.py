"""Columns of representation, each with its index set and its dictionary: ``W = [U_1 w_1, ..., U_J w_J]`` (sec. 3.4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pp_ref.brief import brief
from pp_ref.dictionaries.spaces import Space

__all__ = [
    "Column",
    "Floats",
    "Indices",
    "Request",
    "Structure",
    "column_of",
    "drawn_columns",
    "gather_column",
    "is_product",
    "of_unit_norm",
    "spectrum",
    "tie",
    "tied_sites",
]

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]
Structure = Literal["dense", "gather", "separable", "channel-tied"]


@brief
@dataclass(frozen=True, eq=False)
class Column:
    """The static half of one column: ``W_j = U_j w_j``.

    alpha      (k,) int64, sorted, distinct: the weights that are kept, in [0, d), or the elements of a basis or of a
               learned dictionary
    U          (d, k) float64, read-only
    structure  a property of U that can make a product with it cheaper:
               "gather"        U = I[:, alpha], so v U = v[:, alpha]
               "separable"     one channel, alpha = rows x columns of a Grid: U = U_y (x) U_x up to rounding
               "channel-tied"  channels > 1: U = U_sites (x) I_channels exactly (channels last)
               "dense"         none of these
    condition  condition number of K_alpha + ridge I for the ridge form, of K_alpha for the atom form, of U (largest
               singular value over smallest) for the other kinds; inf if singular
    rank       numerical rank of K_alpha, or of U, cut at eps k times the largest eigenvalue (singular value).
               With unit_norm both are those before the division

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> column = make_dictionary("randcon", Grid(2, 2), alpha=[[0, 3]], rng=np.random.default_rng(0)).columns[0]
    >>> column.U
    array([[1., 0.],
           [0., 0.],
           [0., 0.],
           [0., 1.]])
    >>> column.structure, column.condition, column.rank
    ('gather', 1.0, 2)
    """

    alpha: Indices
    U: Floats
    structure: Structure
    condition: float
    rank: int

    def __post_init__(self) -> None:
        self.alpha.setflags(write=False)
        self.U.setflags(write=False)


@brief
@dataclass(frozen=True)
class Request:
    """The arguments of `make_dictionary` as a builder gets them: checked, with every default in ``settings``."""

    space: Space
    n_alpha: int
    n_columns: int
    tied: bool
    alpha: str | Sequence[Indices]
    rng: np.random.Generator
    settings: Mapping[str, Any]
    data: NDArray[Any] | None

    @property
    def rows(self) -> NDArray[Any]:
        """The data of a data-driven kind, (n, d)."""
        assert self.data is not None
        return self.data

    @property
    def candidates(self) -> int:
        """How many weights, or sites if alpha is tied, alpha is chosen from."""
        return prod(self.space.sites) if self.tied else self.space.size

    @property
    def count(self) -> int:
        """How many of the candidates each column keeps."""
        return self.n_alpha // (self.space.channels if self.tied else 1)


def spectrum(values: Floats, k: int, ridge: float = 0.0) -> tuple[float, int]:
    """Condition number and numerical rank from eigenvalues (of a symmetric K) or singular values.

    ``condition = (max + ridge) / (min + ridge)``, ``rank = #{values > eps k max}``. A zero eigenvalue may come out
    negative by rounding; the condition number is then inf.
    """
    top, bottom = float(values.max()), float(values.min()) + ridge
    rank = int((values > np.finfo(np.float64).eps * k * top).sum())
    return (top + ridge) / bottom if bottom > 0 else np.inf, rank


def column_of(alpha: Indices, U: Floats, structure: Structure = "dense") -> Column:
    """A column with the condition number and the rank of U itself."""
    condition, rank = spectrum(np.linalg.svd(U, compute_uv=False), min(U.shape))
    return Column(alpha, U, structure, condition, rank)


def drawn_columns(request: Request, draw: Callable[[], Floats]) -> list[Column]:
    """J columns, each with a U (d, k) of its own from ``draw``; alpha is 0..k-1."""
    return [column_of(np.arange(request.n_alpha), draw()) for _ in range(request.n_columns)]


def gather_column(d: int, alpha: Indices) -> Column:
    """U = I[:, alpha]: exact, condition 1, full rank."""
    U = np.zeros((d, alpha.size))
    U[alpha, np.arange(alpha.size)] = 1
    return Column(alpha, U, "gather", 1.0, alpha.size)


def of_unit_norm(column: Column, channels: int) -> Column:
    """The column with atoms ``U[:, i] / |U[:, i]|``; atoms of zeros stay. Condition and rank are those of before.

    Every filter U w stays possible, by another w: what changes is how far a step of learning moves it.
    """
    if column.structure == "channel-tied":  # one division a site, so that U stays a Kronecker product exactly
        return replace(column, U=np.kron(_unit(column.U[::channels, ::channels]), np.eye(channels)))
    return replace(column, U=_unit(column.U))


def _unit(U: Floats) -> Floats:
    norms = np.linalg.norm(U, axis=0)
    return U / np.where(norms > 0, norms, 1)


def tie(sites: Indices, channels: int) -> Indices:
    """Flat indices of all channels at each site, ``alpha = sites * channels + channel``; sorted if the sites are."""
    return (sites[:, None] * channels + np.arange(channels)).ravel()


def tied_sites(alpha: Indices, channels: int) -> Indices | None:
    """The sites of alpha if it keeps all channels or none at each site, else None."""
    sites = np.unique(alpha // channels)
    return sites if sites.size * channels == alpha.size else None


def is_product(space: Space, alpha: Indices) -> bool:
    """Whether alpha is rows x columns of a one-channel Grid of more than one row and column."""
    if space.channels > 1 or len(space.sites) != 2 or 1 in space.sites:
        return False
    rows, columns = np.unravel_index(alpha, space.sites)
    return bool(np.unique(rows).size * np.unique(columns).size == alpha.size)
