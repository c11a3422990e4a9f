"""The step that a predicted layer chooses, against every way and dense peers, over shapes."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import inf, isfinite
from statistics import median
from typing import Any

from pp_ref.bench.contest import Block, blocks, choice, contender
from pp_ref.bench.layer import UNITS, dense_steps, layer_arrays, layer_shares, ways
from pp_ref.bench.pooling import se_dictionary, se_operands
from pp_ref.bench.record import Record, goal, met, record
from pp_ref.bench.tables import UNSTABLE, with_threads
from pp_ref.bench.timing import Timing
from pp_ref.models import Predicted

__all__ = ["goals", "measure", "said"]

GOAL, GOAL_MEDIAN = 0.25, 0.05  # how much longer the choice may take than the best
JUDGED = 256 * 100  # entries of v up to which float64 is measured: its check uses long doubles, without a BLAS


def measure(
    timing: Timing,
    sides: Sequence[int] = (8, 12, 16, 28),
    batches: Sequence[int] = (10, 100, 1000),
    proportions: Sequence[float] = (0.05, 0.25, 0.5),
    columns: Sequence[int] = (1, 10),
    dtypes: Sequence[str] = ("float32", "float64"),
) -> Record:
    """Return the record of every way of a step (y, dv, dw, db), and of the step that a model's layer chooses.

    Peers are PyTorch in eager mode and JAX: to compile every shape by PyTorch would take longer than all the rest.
    """
    measured: list[Block] = []
    for dtype, side, proportion, J, n in product(dtypes, sides, proportions, columns, batches):
        if dtype == "float64" and side * side * n > JUDGED:
            continue
        o = se_operands(side, proportion, J, dtype)
        v, w, b, dy = layer_arrays(n, o)
        weights = Predicted(se_dictionary(side, proportion, J), UNITS)
        params = dict(zip(weights.shapes, w, strict=True)) | {"b": b}

        def chosen(weights: Predicted = weights, params: Any = params, v: Any = v, dy: Any = dy) -> Any:
            y, cache = weights.forward(params, v)
            dv, gradient = weights.backward(dy, cache, wrt_input=True)
            return y, dv, [gradient[name] for name in weights.shapes], gradient["b"]

        of_ways = {name: step for name, (step, _) in ways(weights.operands, v, w, b, dy).items()}
        runs = {"auto": chosen} | of_ways | dense_steps(o, v, w, b, dy)
        share = layer_shares(o, v, w, b, dy)
        contenders = {name: contender(step, share) for name, step in runs.items()}
        shape = {"dtype": dtype, "side": side, "proportion": proportion, "columns": J, "n": n}
        for block in blocks(shape, contenders, [], timing):
            plan = weights.plan(n, dtype, threads=block["threads"])
            measured.append(block | {"choice": choice(plan, block["rows"], "auto")})
    return record("plan", __doc__, timing, measured, goals, " ".join(dtypes))


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals: how much longer the choice takes than the best way or peer."""
    behind = _behind(record)
    for what, wanted, of in (
        ("the choice behind the best, of any shape", GOAL, max),
        ("the same at the median", GOAL_MEDIAN, median),
    ):
        yield from goal(what, "at most", wanted, {n: _known(of(shapes)) for n, shapes in behind.items()})


def _behind(record: Record) -> dict[int, list[float]]:
    """Return `behind` of all shapes, by number of threads: infinite for an unstable shape, which counts as missed."""
    found: dict[int, list[float]] = {}
    for block in record["measured"]:
        behind = block["choice"]["behind"]
        found.setdefault(block["threads"], []).append(inf if behind is None else behind)
    return found


def _known(behind: float) -> float | None:
    return behind if isfinite(behind) else None


def _share(behind: float) -> str:
    return f"{behind:.0%}" if isfinite(behind) else UNSTABLE


def said(record: Record) -> str:
    """Return two sentences: the numbers reached, and whether the goals are met."""
    parts = [
        f"{with_threads(number)} {_share(median(behind))} behind the best at the median and {_share(max(behind))} at "
        f"most ({sum(each > GOAL for each in behind)} of {len(behind)} shapes beyond {GOAL:.0%})"
        for number, behind in _behind(record).items()
    ]
    reached = "met" if all(map(met, record["goals"])) else "missed"
    return (
        f"The plan's choice is {' and '.join(parts)}. The goals of {GOAL:.0%} at most and {GOAL_MEDIAN:.0%} at the "
        f"median are {reached}."
    )
