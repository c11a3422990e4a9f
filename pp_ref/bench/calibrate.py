"""This machine's rates for the plan, from short steps of a few shapes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from pp_ref.bench.contest import interleaved
from pp_ref.bench.conv import conv_ways
from pp_ref.bench.layer import layer_arrays
from pp_ref.bench.pooling import se_operands
from pp_ref.bench.steps import ways
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.kernels.cpu.conv_layer import conv_forward
from pp_ref.kernels.cpu.filters import filters
from pp_ref.kernels.plan import Way, Work, conv_work, layer_work
from pp_ref.kernels.rates import Rates, rates_file, write_rates

__all__ = ["SHAPES", "Calibration", "calibrate", "fitted"]

# side, proportion, columns, examples, units: none is a shape of `bench plan`
SHAPES = (
    (6, 0.3, 1, 4, 40),
    (6, 0.5, 6, 700, 300),
    (10, 0.1, 1, 700, 300),
    (10, 0.3, 12, 60, 600),
    (10, 0.4, 8, 700, 400),
    (14, 0.1, 8, 60, 600),
    (14, 0.4, 1, 400, 100),
    (14, 0.3, 12, 4, 600),
    (20, 0.05, 12, 300, 400),
    (20, 0.5, 1, 60, 300),
    (20, 0.25, 6, 60, 60),
    (24, 0.1, 1, 300, 400),
    (24, 0.25, 8, 300, 400),
    (24, 0.5, 4, 20, 400),
    (26, 0.3, 8, 8, 400),
    (26, 0.1, 12, 30, 400),
    (32, 0.05, 4, 200, 200),
    (32, 0.2, 1, 60, 400),
    (32, 0.2, 4, 8, 800),
)


# examples, side, channels, filter's side, filters, padding, proportion: none is a layer of `bench conv`
CONVOLUTIONS = (
    (32, 28, 3, 7, 40, 3, 0.1),
    (32, 28, 3, 9, 48, 4, 0.4),
    (64, 14, 24, 7, 48, 3, 0.3),
    (64, 8, 48, 5, 48, 2, 0.1),
    (32, 16, 16, 3, 32, 1, 0.5),
    (64, 10, 40, 7, 56, 3, 0.05),
)


class Calibration(NamedTuple):
    rates: Rates
    median_error: float  # |fitted / measured - 1|
    largest_error: float

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield from (f"{name:8} {rate:.2e} s" for name, rate in self.rates._asdict().items())
        errors = f"{self.median_error:.0%} at the median, {self.largest_error:.0%} at most"
        yield f"by these rates, steps take what was measured up to {errors}"


def calibrate(rounds: int = 9) -> Calibration:
    """Time every way of a step of each shape, on one thread, and keep the rates that fit best in the user's cache.

    raises  DataError if they cannot be written
    """
    parts: list[Work] = []
    seconds: list[float] = []
    with threadpool_limits(1):
        for side, proportion, J, n, units in SHAPES:
            o = se_operands(side, proportion, J, "float32")
            v, w, b, dy = layer_arrays(n, o, units)
            work = layer_work(n, o.d, [w_j.shape for w_j in w], o.dtype, o.factors)
            times = interleaved(ways(o, v, w, b, dy), rounds)
            parts += work.values()
            seconds += [min(times[way]) for way in work]
        for shape in CONVOLUTIONS:
            work, steps = convolution(*shape)
            times = interleaved({way: steps[way] for way in work}, rounds)
            parts += work.values()
            seconds += [min(times[way]) for way in work]
    found = fitted(parts, seconds)
    write_rates(rates_file(), found.rates)
    return found


def convolution(
    n: int, side: int, channels: int, window: int, m: int, padding: int, proportion: float
) -> tuple[dict[Way, Work], dict[str, Callable[[], Any]]]:
    """Of a convolution in float32: what each way consists of, and each way as a step."""
    rng = np.random.default_rng(0)
    space = Grid(window, window, channels)
    f = filters(make_dictionary("se", space, proportion=proportion, n_columns=1, rng=rng), "float32")
    v, b = rng.standard_normal((n, side, side, channels), np.float32), np.zeros(m, np.float32)
    w = [rng.standard_normal((f.o.ends[-1], m), np.float32)]
    geometry, shapes = (1, padding), [w_j.shape for w_j in w]
    ways = conv_ways(f, w, b, geometry, wrt_input=True)
    y, _ = conv_forward(v, w, b, f, *geometry)
    steps: dict[str, Callable[[], Any]] = {name: partial(step, v, np.ones_like(y)) for name, step in ways.items()}
    return conv_work(v.shape, (*f.shape, m), *geometry, shapes, f.o.factors), steps


def fitted(parts: Sequence[Work], seconds: Sequence[float]) -> Calibration:
    """The rates >= 0 that make the sum of (fitted / measured - 1)^2 least.

    raises  DomainError for times that are not positive
    """
    measured = np.array(seconds)
    if not (measured > 0).all():
        raise DomainError(f"seconds are {seconds}, expected positive ones")
    amounts = np.array([[part[name] for name in Rates._fields] for part in parts]) / measured[:, None]
    scale = abs(amounts).max(axis=0)  # flops count in millions, calls in ones
    rates, _ = nnls(amounts / scale, np.ones(len(parts)))
    rates /= scale
    errors = abs(amounts @ rates - 1)
    return Calibration(Rates(*rates.tolist()), float(np.median(errors)), float(errors.max()))
