"""Full weights: every weight is learned."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_integer
from pp_ref.kernels.operands import LearnedOperands
from pp_ref.layers.dense import dense_backward_input, dense_backward_weights, dense_forward
from pp_ref.models.weights import Count, Params, Weights, he, uniform

__all__ = ["Full"]


@dataclass(frozen=True)
class Full(Weights):
    """Every weight is learned ("nokernel" in Figure 4). Parameters: W (d, m), b (m,).

    d, m    int >= 1: inputs and units
    raises  DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import Full
    >>> weights = Full(3, 2)
    >>> weights.count()
    Count(dynamic=6, static=0, total=6)
    >>> y, cache = weights.forward({"W": np.ones((3, 2)), "b": np.zeros(2)}, np.array([[1.0, 2.0, 3.0]]))
    >>> y
    array([[6., 6.]])
    """

    d: int
    m: int

    def __post_init__(self) -> None:
        check_integer(1, d=self.d, m=self.m)

    @property
    def dictionary(self) -> None:
        return None

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"W": (self.d, self.m)}

    @cached_property
    def operands(self) -> LearnedOperands:
        return LearnedOperands()

    def count(self) -> Count:
        return Count(self.d * self.m, 0, self.d * self.m)

    def init(self, rng: np.random.Generator, spread: float | None, dtype: DTypeLike) -> Params:
        return {"W": uniform(rng, (self.d, self.m), spread or he(self.d), dtype), "b": np.zeros(self.m, dtype)}

    def forward(self, params: Params, v: Array) -> tuple[Array, Any]:
        return dense_forward(v, params["W"], params["b"])

    def backward(self, dy: Array, cache: Any, wrt_input: bool) -> tuple[Array | None, Params]:
        dW, db = dense_backward_weights(dy, cache)
        return dense_backward_input(dy, cache) if wrt_input else None, {"W": dW, "b": db}
