"""Low-rank weights: a product of two learned factors."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_integer
from pp_ref.errors import ShapeError
from pp_ref.kernels.operands import LearnedOperands
from pp_ref.layers.lowrank import lowrank_backward, lowrank_backward_weights, lowrank_forward
from pp_ref.models.weights import Count, Params, Weights, he, uniform

__all__ = ["LowRank"]


@dataclass(frozen=True)
class LowRank(Weights):
    """W = U w with both factors learned ("LowRank" in Figure 4). Parameters: U (d, rank), w (rank, m), b (m,).

    rank    int in 1..min(d, m)
    raises  ShapeError for a larger rank; DomainError for what is no integer >= 1

    Examples
    --------
    >>> from pp_ref.models import LowRank
    >>> weights = LowRank(6, 4, rank=2)
    >>> weights.shapes
    {'U': (6, 2), 'w': (2, 4)}
    >>> weights.count()
    Count(dynamic=20, static=0, total=24)
    """

    d: int
    m: int
    rank: int

    def __post_init__(self) -> None:
        check_integer(1, d=self.d, m=self.m, rank=self.rank)
        if self.rank > min(self.d, self.m):
            raise ShapeError(
                f"rank is {self.rank}, expected 1..{min(self.d, self.m)}, the rank of a full {self.d}x{self.m}"
            )

    @classmethod
    def with_proportion(cls, d: int, m: int, proportion: float) -> "LowRank":
        """LowRank whose two factors hold that proportion of d m weights: rank = proportion d m / (d + m), rounded."""
        return cls(d, m, max(1, min(d, m, round(proportion * d * m / (d + m)))))

    @property
    def dictionary(self) -> None:
        return None

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"U": (self.d, self.rank), "w": (self.rank, self.m)}

    @cached_property
    def operands(self) -> LearnedOperands:
        return LearnedOperands()

    def count(self) -> Count:
        return Count(self.rank * (self.d + self.m), 0, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        """Draw both factors from Uniform(+-s), s^4 = 3 spread^2 / rank, so that U w has the variance of full weights,
        spread^2 / 3."""
        s = (3 * (spread or he(self.d)) ** 2 / self.rank) ** 0.25
        drawn = {name: uniform(rng, shape, s, dtype) for name, shape in self.shapes.items()}
        return drawn | {"b": np.zeros(self.m, dtype)}

    def forward(self, params: Params, v: Array) -> tuple[Array, Any]:
        return lowrank_forward(v, params["U"], params["w"], params["b"])

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        if wrt_input:
            dv, dU, dw, db = lowrank_backward(dy, cache)
            return dv, {"U": dU, "w": dw, "b": db}
        return None, dict(zip(("U", "w", "b"), lowrank_backward_weights(dy, cache), strict=True))
