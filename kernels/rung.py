"""A rung of a ladder: what the tables of both machines hold, and what tests, benchmarks and docs read of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Rung"]


class Rung(NamedTuple):
    """One way to compute an operation.

    name    unique in its ladder
    run     the operation's arguments -> its result
    needs   "numpy", "numba" or "cupy"; of a CUDA kernel alone what it takes: "U", a dictionary of any structure;
            "grid", images and K = K_y (x) K_x; "columns", their weights as well; "flags"
    idea    one sentence
    passes  whether v K is made in two short passes, for which `pp_ref.kernels.bounds` knows a closer bound
    kernel  of a CUDA kernel alone: what it compiles for (dtype, half, height, width)
    """

    name: str
    run: Callable[..., Any]
    needs: str
    idea: str
    passes: bool = False
    kernel: Callable[[str, int, int, int], Any] | None = None
