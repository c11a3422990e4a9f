"""v K in two short passes in NumPy: each tap is an addition of shifted slices of the whole batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.shared import pool_smoothed
from pp_ref.kernels.gate import check_rows, new_or_checked
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["pool_slices", "smooth_slices"]


def pool_slices(v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """As `pool_shared`, with v K from `smooth_slices`: 4 n d (T_y + T_x + 1) flops; each tap reads and writes the batch
    in main memory."""
    check_rows(o, "d", o.d, v=v)
    return pool_smoothed(v, smooth_slices(v, o), o, new_or_checked(out, (len(v), o.ends[-1]), o, v=v))


def smooth_slices(v: NDArray[Any], o: SeparableOperands) -> NDArray[Any]:
    """v K (n, d) for K = K_y (x) K_x (x) I: a pass along the height, then one along the width."""
    images = v.reshape(len(v), *o.factors.sizes)
    for axis, taps in enumerate(o.taps, start=1):
        images = np.moveaxis(images, axis, 0)
        total = taps[0] * images
        for t, tap in enumerate(taps[1:], start=1):
            total[t:] += tap * images[:-t]
            total[:-t] += tap * images[t:]
        images = np.moveaxis(total, 0, axis)
    return images.reshape(len(v), o.d)
