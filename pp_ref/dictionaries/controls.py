"""Dictionaries that use nothing that is known of the weights: the controls of the paper's comparisons (sec. 3.5)."""

import numpy as np

from pp_ref.dictionaries.columns import Column, Request, drawn_columns, gather_column
from pp_ref.dictionaries.index_sets import choose_alpha

__all__ = ["lowrank_columns", "nokernel_columns", "randcon_columns", "randfixu_columns"]


def randcon_columns(request: Request) -> list[Column]:
    """RandCon: ``U = I[:, alpha]``, distinct columns of the identity (sec. 3.5). Each unit sees k inputs."""
    return [gather_column(request.space.size, alpha) for alpha in choose_alpha(request)]


def randfixu_columns(request: Request) -> list[Column]:
    """RandFixU: a random projection, fixed (sec. 3.5). alpha is 0..k-1.

    distribution  "gaussian": iid N(0, scale^2), as in the paper; "uniform": Uniform(-scale, scale), the authors' code
    scale         None means d^(-1/2) for gaussian (columns of expected norm 1) and 0.1, as the authors', for uniform
    """
    shape, scale, rng = (request.space.size, request.n_alpha), request.settings["scale"], request.rng
    if request.settings["distribution"] == "gaussian":
        spread = request.space.size**-0.5 if scale is None else scale
        return drawn_columns(request, lambda: rng.standard_normal(shape) * spread)
    reach = 0.1 if scale is None else scale
    return drawn_columns(request, lambda: rng.uniform(-1, 1, shape) * reach)


def lowrank_columns(request: Request) -> list[Column]:
    """LowRank: ``W = U V`` with both learned (sec. 2). U is the start of learning, Uniform(-irange, irange).

    alpha is 0..k-1. The Dictionary's ``dynamic`` is True and its ``static_count`` 0, since U is learned.
    """
    shape, irange = (request.space.size, request.n_alpha), request.settings["irange"]
    return drawn_columns(request, lambda: request.rng.uniform(-irange, irange, shape))


def nokernel_columns(request: Request) -> list[Column]:
    """No prediction: U = I, so every weight is learned. All columns are one object."""
    column = gather_column(request.space.size, np.arange(request.space.size))
    return [column] * request.n_columns
