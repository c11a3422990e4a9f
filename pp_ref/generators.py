"""The state of NumPy's random generators as JSON, so that a recipe or a checkpoint can hold it."""

from typing import Any

import numpy as np

from pp_ref.brief import brief_value
from pp_ref.errors import DomainError, check_known

__all__ = ["BIT_GENERATORS", "check_generator", "generator_from_state", "generator_state"]

BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def check_generator(rng: np.random.Generator) -> None:
    """raises DomainError for anything but a Generator, such as a seed"""
    if not isinstance(rng, np.random.Generator):
        raise DomainError(
            f"rng is {brief_value(rng)}, expected a numpy.random.Generator, e.g. numpy.random.default_rng(0)"
        )


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of the bit generator, with lists for arrays: JSON can hold it, as its integers have any size."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    return dict(plain(rng.bit_generator.state))


def generator_from_state(state: dict[str, Any]) -> np.random.Generator:
    """A new Generator in the state that `generator_state` returned.

    raises  DomainError for a bit generator that is not NumPy's
    """
    check_known("bit generator", state["bit_generator"], BIT_GENERATORS)

    def arrays(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: arrays(entry) for key, entry in value.items()}
        return np.array(value, dtype=np.uint64) if isinstance(value, list) else value

    bits = getattr(np.random, state["bit_generator"])()
    bits.state = arrays(state)
    return np.random.Generator(bits)
