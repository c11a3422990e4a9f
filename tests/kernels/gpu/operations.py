"""The operations on a device in the comparisons of the processor's, from NumPy to the device and back."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.kernels import operands as host
from pp_ref.kernels.gpu import layer
from pp_ref.kernels.gpu.cuda_on_cpu import StandIn
from pp_ref.kernels.gpu.defined import define
from pp_ref.kernels.gpu.grids import gather_smooth, inverse, smooth_scatter
from pp_ref.kernels.gpu.ladders import LADDERS
from pp_ref.kernels.gpu.operands import DeviceOperands, to_device
from pp_ref.kernels.ways import Way
from tests.kernels.cpu.comparisons import CHECKS
from tests.kernels.gpu.comparisons import FAR, filtered, to_numpy, whole_numbers

RUNGS = [(operation, rung) for operation, ladder in LADDERS.items() for rung in ladder]
IDS = [f"{operation}: {rung.name}" for operation, rung in RUNGS]


def there(xp: Any, arrays: Any) -> Any:
    return [xp.asarray(array) for array in arrays] if isinstance(arrays, list) else xp.asarray(arrays)


def back(arrays: Any) -> Any:
    return [to_numpy(array) for array in arrays] if isinstance(arrays, list) else to_numpy(arrays)


class OnDevice:
    """An operation's rung, with the arguments of the processor's rungs in CHECKS. Operands are moved once."""

    def __init__(self, operation: str, rung: Way, xp: Any) -> None:
        self.operation, self.rung, self.xp = operation, rung, xp
        self.moved: dict[host.SeparableOperands, DeviceOperands] = {}

    def operands(self, o: host.SeparableOperands) -> DeviceOperands:
        if o not in self.moved:
            self.moved[o] = to_device(o)
        return self.moved[o]

    def __call__(self, x: Any, o: host.SeparableOperands, *more: Any) -> Any:
        return back(self.rung.forward(there(self.xp, x), self.operands(o), *more))

    def forward(self, v: Any, w: Any, b: Any, o: host.SeparableOperands) -> Any:
        y, cache = self.rung.forward(*(there(self.xp, each) for each in (v, w, b)), self.operands(o))
        return back(y), cache

    def backward(self, dy: Any, cache: Any) -> Any:
        return [back(each) for each in layer.layer_backward(there(self.xp, dy), cache)]

    def check(self) -> None:
        if self.operation == "layer":
            CHECKS["layer"](self.forward, self.rung.passes, self.backward)
        else:
            CHECKS[self.operation](self, self.rung.passes)


def definition_is_exact(xp: Any, dtype: str) -> None:
    """Sizes that straddle a block's threads and the number of blocks, any strides, and rows that stay as they were."""
    for n, d, k in [(1, 1, 1), (3, 5, 270), (4100, 2, 3), (4, 0, 3), (0, 2, 2), (2, 3, 0)]:
        draw = whole_numbers(dtype, n + k)
        a, B, out = draw((d, n)), draw((k, 2 * d)), draw((k, n))
        finite = np.random.default_rng(n).random(n) < 0.5
        want = np.where(finite[:, None], out.T, a.T @ B[:, ::2].T)
        moved = xp.asarray(out)
        define(xp.asarray(a).T, xp.asarray(B)[:, ::2].T, xp.asarray(finite), moved.T)
        np.testing.assert_array_equal(to_numpy(moved).T, want, strict=True)
        for flag in (True, False):
            moved = xp.asarray(out)
            define(xp.asarray(a).T, xp.asarray(B)[:, ::2].T, xp.asarray(np.asarray(flag)), moved.T)
            np.testing.assert_array_equal(to_numpy(moved).T, out.T if flag else a.T @ B[:, ::2].T, strict=True)


def scatter_is_exact(xp: Any, dtype: str) -> None:
    """Pixels without entries and with many, and more entries than a block has threads."""
    for n, height, width, half, k in [(1, 1, 1, 0, 3), (9, 6, 8, 2, 300), (3, 13, 4, 5, 7), (2, 3, 5, 1, 0)]:
        draw = whole_numbers(dtype, n + k)
        alpha = np.random.default_rng(k).integers(0, height * width, k)
        g, taps_y, taps_x = draw((n, k)), draw((2 * half + 1,)), draw((2 * half + 1,))
        placed = np.zeros((n, height * width), dtype)
        np.add.at(placed, (slice(None), alpha), g)
        arguments = map(xp.asarray, (g, taps_y, taps_x, *inverse(alpha, height * width)))
        out, finite = smooth_scatter(*arguments, height, width)
        np.testing.assert_array_equal(
            to_numpy(out), filtered(placed, taps_y, taps_x, height, width).astype(dtype), strict=True
        )
        assert bool(finite.all())


def flags_are_exact(xp: Any, dtype: str) -> None:
    """Flags of as many images as fill several blocks. A finite image with a wrong flag only costs time, so no result
    shows it."""
    n, height, width, taps = 41, 6, 7, np.array([1, 2, 1], dtype)
    v = np.random.default_rng(0).standard_normal((n, height * width)).astype(dtype)
    v[[3, 17, 40], [0, 20, 41]] = np.nan, np.inf, -np.inf
    alpha = np.arange(height * width, dtype=np.int32)
    want = np.isfinite(v).all(axis=1)
    _, gathered = gather_smooth(*map(xp.asarray, (v, taps, taps, alpha)), height, width)
    np.testing.assert_array_equal(to_numpy(gathered), want)
    _, scattered = smooth_scatter(*map(xp.asarray, (v, taps, taps, *inverse(alpha, height * width))), height, width)
    np.testing.assert_array_equal(to_numpy(scattered), want)


def scatter_beyond_2_to_the_31(xp: StandIn) -> None:
    """Of g and of the result; only the last blocks read or write the last rows."""
    draw, alpha = whole_numbers("float32"), np.random.default_rng(0).permutation(1024)
    g, taps = xp.empty((FAR, 1024), np.float32), np.array([1, 2, 1], "f4")
    g[-3:], xp.last_blocks = draw((3, 1024)), 3
    out, finite = smooth_scatter(g, *map(xp.asarray, (taps, taps, *inverse(alpha, 1024))), 32, 32)
    placed = np.zeros((3, 1024), "f4")
    placed[:, alpha] = g[-3:]
    np.testing.assert_array_equal(out[-3:], filtered(placed, taps, taps, 32, 32))
    assert bool(finite[-3:].all())


def definition_beyond_2_to_the_31(xp: StandIn) -> None:
    draw, finite = whole_numbers("float32"), np.ones(FAR, bool)
    finite[-2:] = False
    a, out = xp.empty((FAR, 1024), np.float32), xp.empty((FAR, 1024), np.float32)
    a[-2:], B = draw((2, 1024)), draw((1024, 1024))
    define(a, xp.asarray(B), xp.asarray(finite), out)
    np.testing.assert_array_equal(out[-2:], a[-2:] @ B)


EXACT: dict[str, Callable[[Any, str], None]] = {
    "defined": definition_is_exact,
    "scattered": scatter_is_exact,
    "flags": flags_are_exact,
}
BEYOND: dict[str, Callable[[StandIn], None]] = {
    "defined": definition_beyond_2_to_the_31,
    "scattered": scatter_beyond_2_to_the_31,
}
