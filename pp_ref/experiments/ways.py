"""By which ways a run is evaluated: the recipe says how they are chosen, the record says which were taken.

Ways agree within rounding, but training amplifies rounding: the same recipe gave SE-Emp2 2.68 % with one backend and
2.85 % with another. So a recipe names the backend, and ways are chosen by the default rates for one thread, never by
those that were measured on a machine. Processor and BLAS still differ; a record names them.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from pp_ref.kernels.choose import use_backend, use_default_rates
from pp_ref.models.weights import Weights

__all__ = ["WAYS", "ways_of", "ways_taken"]

WAYS = {"backend": "auto", "rates": "default"}  # the entries of a recipe


@contextmanager
def ways_of(recipe: Mapping[str, Any]) -> Iterator[None]:
    """Choose ways as a recipe says until the block ends; as this machine does if the recipe has no entries of `WAYS`.

    raises  DomainError for a backend that does not exist
    """
    with ExitStack() as stack:
        if "backend" in recipe:
            stack.enter_context(use_backend(recipe["backend"]))
            stack.enter_context(use_default_rates())
        yield


def ways_taken(layer: Weights) -> list[str]:
    """The names of the ways by which a layer was evaluated so far, in the order of the alphabet."""
    return sorted({plan.way.name for plan in layer.operands.plans.values()})
