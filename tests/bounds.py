"""Derived tolerances, and a comparison in which NaN fails."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def gemm_bound(a: NDArray[Any], b: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """|fl(ab) - ab| <= g |a||b|, g = k u / (1 - k u), for any order of the sums, fused or not: Higham, sec. 3.5."""
    ku = a.shape[1] * np.finfo(dtype).eps / 2
    return ku / (1 - ku) * (abs(a) @ abs(b))


def assert_within(got: NDArray[Any], want: NDArray[Any], bound: NDArray[Any], what: str) -> None:
    """Fail with the first entry that is further from the reference than its bound."""
    assert got.shape == want.shape, f"{what}: shape {got.shape}, reference {want.shape}"
    inside = abs(got - want) <= bound  # NaN compares false, so NaN fails
    if not inside.all():
        at = tuple(int(i) for i in np.argwhere(~inside)[0])
        raise AssertionError(
            f"{what}: {(~inside).sum()} of {inside.size} outside, first at {at}: "
            f"got {got[at]}, reference {want[at]}, allowed +-{bound[at]:.1e}"
        )
