"""What is known of one operation: all of it stands here, and nothing about a single operation anywhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pp_ref.oracle.operations.draws import Arguments, Draw

__all__ = ["Operation"]


@dataclass(frozen=True, repr=False, eq=False)
class Operation:
    """One operation, as its users know it.

    name        functions of a candidate are `<name>_forward` and `<name>_backward` of a layer, `<name>` of a function,
                or `<name>_loss_and_gradient` of a model
    equation    with the paper's section
    definition  of Quantities, in the order of `arguments`
    arguments   drawn, in the order in which functions take them
    learned     the arguments that have a gradient, in the order in which backward returns them
    linear      those of them in which the value is affine
    fixed       the arguments that are never NaN: what is computed once, K or the grid's factors; log scores
    batch       the arguments that have one row an example; empty where examples are not apart
    value       "rows", one an example where there are examples; "sum" over the examples; or "loss", one number
    kind        "layer", "function" or "model"
    regimes     of this operation alone: regime name -> (bug, effect, arguments from a Draw)
    without     the regimes of all operations that prove nothing of this one
    windows     of which table of geometries its images are: "filters", "pools", or none
    geometries  how many geometries of images there are to go through
    orders      what pp_ref's function takes as its last argument: in which order products are taken
    exact       whether nothing is rounded
    indices     whether the value is indices, of int64
    view        whether a result may share memory with an argument
    """

    name: str
    equation: str
    definition: Callable[..., Any]
    arguments: Callable[[Draw], Arguments]
    learned: tuple[str, ...] = ()
    linear: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    batch: tuple[str, ...] = ("v",)
    value: Literal["rows", "sum", "loss"] = "rows"
    kind: Literal["layer", "function", "model"] = "layer"
    regimes: dict[str, tuple[str, str, Callable[[Draw], Arguments]]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    windows: Literal["filters", "pools"] | None = None
    geometries: int = 1
    orders: tuple[str, ...] = ()
    exact: bool = False
    indices: bool = False
    view: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def functions(self) -> tuple[str, ...]:
        """The names under which a candidate provides it."""
        if self.kind == "layer":
            return (f"{self.name}_forward", f"{self.name}_backward")
        return (self.name,) if self.kind == "function" else (f"{self.name}_loss_and_gradient",)

    @property
    def per_example(self) -> bool:
        """Whether the value has one row an example."""
        return self.value == "rows"
