"""This machine's rates for the plan, from short steps of a few shapes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from pp_ref.bench.contest import numbers_of_threads, threads
from pp_ref.bench.conv import conv_arrays, conv_ways
from pp_ref.bench.layer import layer_arrays, ways
from pp_ref.bench.noise import unstable
from pp_ref.bench.pooling import se_dictionary, se_operands
from pp_ref.bench.tables import with_threads
from pp_ref.bench.timing import Timing, interleaved, say
from pp_ref.errors import DomainError
from pp_ref.kernels.operands import OperandCache
from pp_ref.kernels.rates import Rates, rates_file, write_rates
from pp_ref.kernels.ways import CONV
from pp_ref.kernels.work import Arrays, ConvProblem, Work

__all__ = ["SHAPES", "Calibration", "calibrate", "fitted"]

Step = tuple[Callable[[], Any], Work]

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
    steps: int
    unstable: int = 0  # steps whose turns disagree

    def lines(self) -> Iterator[str]:
        """Yield the rates and their errors for a terminal."""
        yield from (f"{name:8} {rate:.2e} s" for name, rate in self.rates._asdict().items())
        errors = f"{self.median_error:.0%} at the median, {self.largest_error:.0%} at most"
        yield f"by these rates, steps take what was measured up to {errors}"
        if self.unstable:
            yield (
                f"{self.unstable} of {self.steps} steps are unstable: their turns disagree by more than a tenth. Stop "
                "other programs on this machine, and calibrate again"
            )


def calibrate(timing: Timing) -> dict[int, Calibration]:
    """Time every way of a step of each shape, and return the rates that fit best by number of threads.

    The ways of a shape take turns. The rates are written to the user's cache, where the plan reads them.

    raises  DataError if they cannot be written
    """
    shapes = [list(layer(*shape)) for shape in SHAPES] + [list(convolution(*shape)) for shape in CONVOLUTIONS]
    works = [work for shape in shapes for _, work in shape]
    found = {}
    for number in numbers_of_threads():
        with threads(number):
            seconds = []
            for done, shape in enumerate(shapes, start=1):
                say(f"{with_threads(number)}: shape {done} of {len(shapes)}")
                turns = interleaved({str(way): run for way, (run, _) in enumerate(shape)}, timing)
                seconds += [[turn.seconds / turn.calls for turn in of_way] for of_way in turns.values()]
        loose = sum(unstable({"seconds": each}) for each in seconds)
        found[number] = fitted(works, [median(each) for each in seconds])._replace(unstable=loose)
    write_rates(rates_file(), {number: each.rates for number, each in found.items()})
    return found


def layer(side: int, proportion: float, J: int, n: int, units: int) -> Iterator[Step]:
    """Yield each way's step of a layer in float32, and the work of the step."""
    v, w, b, dy = layer_arrays(n, se_operands(side, proportion, J, "float32"), units)
    yield from ways(OperandCache(se_dictionary(side, proportion, J)), v, w, b, dy).values()


def convolution(
    n: int, side: int, channels: int, window: int, m: int, padding: int, proportion: float
) -> Iterator[Step]:
    """Yield each way's step of a convolution in float32, and the work of the step."""
    filters = (window, window, channels, m)
    weights, v, w, b, dy = conv_arrays((n, side, side, channels), filters, padding, proportion, "float32")
    problem = ConvProblem(Arrays.of(v, *w, b), filters, 1, padding, ((len(w[0]), m),), weights.operands)
    steps = conv_ways(weights.operands, w, b, filters, padding, wrt_input=True)
    yield from ((partial(steps[way.name], v, dy), way.work(problem)) for way in CONV if not way.needs(problem))


def fitted(parts: Sequence[Work], seconds: Sequence[float]) -> Calibration:
    """Return the rates >= 0 that minimise the sum of (fitted / measured - 1)^2.

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
    return Calibration(Rates(*rates.tolist()), float(np.median(errors)), float(errors.max()), len(seconds))
