"""Tables of the pooling path's speed, from the committed records: the goals for README, the rest for docs/speed.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pp_ref.records import markdown

__all__ = ["conv", "goals", "growth", "layer", "machine", "plan", "pooling"]

SPEED = Path(__file__).parent / "speed"
Goal = tuple[str, float, dict[int, float]]  # what, times the peer that are wanted, times measured by threads


def read(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((SPEED / f"{name}.json").read_text())
    return record


def machine(record: dict[str, Any]) -> str:
    """Processor and versions."""
    machine, versions = record["machine"], record["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, OpenBLAS kernels {machine['blas']['kernels']}, PyTorch "
        f"{versions['torch']}, NumPy {versions['numpy']}"
    )


def goals() -> str:
    """What was to be reached, and what was: times the best peer, with one thread and two."""
    rows = []
    for what, goal, measured in wanted():
        met = all(ratio >= goal for ratio in measured.values())
        shown = (f"{measured[threads]:.1f}x" if threads in measured else "" for threads in (1, 2))
        rows.append([what, f"{goal:g}x", *shown, "yes" if met else "no"])
    headings = ["against the best peer, or the one named", "goal", "1 thread", "2 threads", "met"]
    return f"{markdown(headings, rows)}\n\n{said_of_goals()}"


def said_of_goals() -> str:
    """The machine, and what has no peer."""
    record = read("start_up")
    medians = {row["name"]: row["median_s"] for row in record["rows"]}
    return (
        f"A first pooled result takes a new process {medians['pool']:.2f} s (goal 0.5 s; "
        f"{medians['numba, one line']:.2f} s of it are Python, Numba and one cached line), and "
        f"{medians['pool, compiled']:.1f} s where all has to be compiled (goal 10 s). {plan()} "
        f"{machine(read('pooling'))}."
    )


def wanted() -> Iterator[Goal]:
    """The goals, in order."""
    record = read("pooling")
    for proportion, goal in ((0.25, 10.0), (0.5, 15.0)):
        chosen = {"form": "atom", "proportion": proportion, "n": 1000}
        yield (
            f"v U, ten columns, {proportion:.0%} kept, n 1000 (PyTorch, NumPy, JAX)",
            goal,
            best(record, chosen, "fused"),
        )
    record = read("layer")
    for proportion, goal, names in (
        (0.25, 2.0, ("separable", "dictionary first", "weights first")),
        (0.05, 4.0, ("separable", "dictionary first", "weights first")),
        (0.05, 10.0, ("pooled once",)),
    ):
        for n in (100, 1000):
            what = f"layer 784-500, y and dw, {proportion:.0%} learned, n {n}, against PyTorch's full layer"
            cached = ", pooled once" if names == ("pooled once",) else ""
            chosen = {"proportion": proportion, "n": n}
            yield what + cached, goal, best(record, chosen, *names, peer="full, torch")
    record = read("mnist_step")
    for proportion in sorted({block["proportion"] for block in record["measured"]}):
        found = [block for block in record["measured"] if block["proportion"] == proportion]
        what = f"training step of the MNIST net, {proportion:.0%} learned, against the full net"
        yield what, found[0]["goal"], {block["threads"]: block["times_torch"] for block in found}
    chosen = {"layer": 2, "proportion": 0.25}
    yield "convolution 2 of the CIFAR-10 net, 25% learned, against the full one", 1.5, best(read("conv"), chosen)
    record = read("convnet_step")
    steps = {block["threads"]: 1 / block["ratio_of_medians"]["predicted"] for block in record["steps"]}
    yield "training step of the CIFAR-10 net, 25% learned, against the full net", 1.3, steps


def best(record: dict[str, Any], chosen: dict[str, Any], *names: str, peer: str | None = None) -> dict[int, float]:
    """Times the best peer, or this one, of the best of these contenders, or of the plan's way, by threads.

    A peer that loses by a second thread, as PyTorch does between turns, stands with its time on one.
    """
    found: dict[int, float] = {}
    theirs: list[float] = []
    for block in record["measured"]:
        if all(block[key] == value for key, value in chosen.items()):
            rows = {row["name"]: row for row in block["rows"]}
            ours = min(rows[name]["median_s"] for name in names or (block["way"],))
            any_row = next(iter(rows.values()))
            theirs.append(rows[peer]["median_s"] if peer else any_row["times_best_peer"] * any_row["median_s"])
            found[block["threads"]] = min(theirs) / ours
    return found


def pooling() -> str:
    """The best rung, by form, proportion and batch."""
    return _against_peers("pooling", ("form", "proportion", "n"), "fused")


def layer() -> str:
    """The separable layer against the best full layer."""
    return _against_peers("layer", ("proportion", "n"), "separable")


def conv() -> str:
    """The plan's way of each convolution, against the best full one."""
    return _against_peers("conv", ("layer", "proportion"), None)


def _against_peers(name: str, shape: tuple[str, ...], contender: str | None) -> str:
    """A contender's rows: times the best dense peer, and its shares of the bound and of the machine's limits."""
    record = read(name)
    rows = []
    for block in record["measured"]:
        way = contender or block["way"]
        row = next(row for row in block["rows"] if row["name"] == way)
        limits = (f"{row[share]:.0%}" for share in ("share_of_bound", "share_of_peak", "share_of_copy"))
        said = ", ".join(f"{block[part]:g}" if part == "proportion" else str(block[part]) for part in shape)
        rows.append(
            [
                said + ("" if contender else f": {way}"),
                str(block["threads"]),
                milliseconds(row),
                f"{row['times_best_peer']:.1f}x",
                *limits,
            ]
        )
    headings = [", ".join(shape), "threads", "ms", "of the best dense peer", "of bound", "of peak", "of copy rate"]
    return f"{markdown(headings, rows)}\n\n{machine(record)}."


def growth() -> str:
    """Fitted exponents, with one thread."""
    record = read("growth")
    rows = [
        [
            f"{fit['name']}, by {fit['axis']}",
            f"{fit['exponent']:.2f} ({fit['low']:.2f} to {fit['high']:.2f})",
            f"{fit['flops']:.2f}",
        ]
        for fit in record["fits"]
        if fit["threads"] == 1
    ]
    sides, batches = (
        sorted({block[axis] for block in record["measured"] if block["axis"] == axis}) for axis in ("side", "n")
    )
    note = (
        f"Sides {sides[0]} to {sides[-1]}, batches {batches[0]:,} to {batches[-1]:,}, one column, 1 thread; 95% "
        f"intervals; {machine(record)}."
    )
    return markdown(["v U, time as a power", "measured", "flops"], rows) + "\n\n" + note


def plan() -> str:
    """How far the plan's choice is behind the best way or peer."""
    record = read("plan")
    goal, goal_median = record["goal_behind"], record["goal_median_behind"]
    parts = [
        f"with {each['threads']} thread{'s' * (each['threads'] > 1)} {each['median_behind']:.0%} behind the best at "
        f"the median and {each['most_behind']:.0%} at most ({each['missed']} of {each['shapes']} shapes beyond "
        f"{goal:.0%})"
        for each in record["summary"]
    ]
    met = all(each["most_behind"] <= goal and each["median_behind"] <= goal_median for each in record["summary"])
    return (
        f"The plan's choice is {' and '.join(parts)}. The goals of {goal:.0%} at most and {goal_median:.0%} at the "
        f"median are {'met' if met else 'missed'}."
    )


def milliseconds(row: dict[str, Any]) -> str:
    return f"{1e3 * row['median_s']:.2f} ({1e3 * row['min_s']:.2f} to {1e3 * row['max_s']:.2f})"
