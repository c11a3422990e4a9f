"""The plan's choice against every way of a step, and against dense peers, over shapes."""

from collections.abc import Sequence
from itertools import product
from statistics import median

from pp_ref.bench.layer import UNITS, layer_arrays, layer_shares
from pp_ref.bench.measuring import Contender, Record, blocks, contender, record, se_operands
from pp_ref.bench.steps import peers, ways
from pp_ref.bench.timing import interleaved
from pp_ref.kernels.plan import plan_layer

__all__ = ["ALLOWED", "ALLOWED_MEDIAN", "bench_plan"]

ALLOWED, ALLOWED_MEDIAN = 0.25, 0.05  # how far the plan's choice may be behind the best
JUDGED = 256 * 100  # entries of v up to which float64 is measured: long doubles judge it, for which there is no BLAS
TURN = 0.1  # seconds that the turns of a short shape may take: many, so that their minima mean something


def bench_plan(
    rounds: int = 3,
    sides: Sequence[int] = (8, 12, 16, 28),
    batches: Sequence[int] = (10, 100, 1000),
    proportions: Sequence[float] = (0.05, 0.25, 0.5),
    columns: Sequence[int] = (1, 10),
    dtypes: Sequence[str] = ("float32", "float64"),
) -> Record:
    """Of each shape, the time of every way of a step (y, dv, dw, db), and how far the plan's way is behind the best.

    Times are minima: the plan reckons with a machine that nobody else uses.
    """
    measured = []
    for dtype, side, proportion, J, n in product(dtypes, sides, proportions, columns, batches):
        if dtype == "float64" and side * side * n > JUDGED:
            continue
        o = se_operands(side, proportion, J, dtype)
        v, w, b, dy = layer_arrays(n, o)
        plan, share = plan_layer(n, o.d, [w_j.shape for w_j in w], dtype, o.factors), layer_shares(o, v, w, b, dy)
        runs = ways(o, v, w, b, dy) | peers(o, v, w, b, dy)
        contenders: dict[str, Contender] = {name: contender(step, share, 0, 0) for name, step in runs.items()}
        once = sum(times[0] for times in interleaved(runs, 1).values())
        shape = {"dtype": dtype, "side": side, "proportion": proportion, "columns": J, "n": n}
        for block in blocks(shape, contenders, [], max(rounds, min(round(TURN / once), 10 * rounds))):
            least = {each["name"]: each["min_s"] for each in block["rows"]}
            best = min(least, key=lambda name: least[name])
            measured.append(
                block | {"plan": str(plan), "way": plan.way, "best": best, "behind": least[plan.way] / least[best] - 1}
            )
    made = record(f"The plan of a layer's step against its ways, {UNITS} units", " ".join(dtypes), rounds, measured)
    summary = [
        _summary([block for block in measured if block["threads"] == limit["threads"]]) for limit in made["limits"]
    ]
    said = [
        "{threads} threads, {shapes} shapes: behind by {median_behind:.0%} at the median, {most_behind:.0%} at most; "
        "{missed} beyond".format(**each)
        + f" {ALLOWED:.0%}"
        for each in summary
    ]
    return made | {"goal_behind": ALLOWED, "goal_median_behind": ALLOWED_MEDIAN, "summary": summary, "said": said}


def _summary(measured: list[Record]) -> Record:
    behind = [block["behind"] for block in measured]
    return {
        "threads": measured[0]["threads"],
        "shapes": len(behind),
        "median_behind": median(behind),
        "most_behind": max(behind),
        "missed": sum(each > ALLOWED for each in behind),
    }
