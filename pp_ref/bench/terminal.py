"""A record on a terminal: where it was measured, a table a block, the goals, and whether its turns agree."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pp_ref.bench.noise import unstable
from pp_ref.bench.record import BESIDE_SHAPE, Record, met
from pp_ref.bench.subjects import SUBJECTS
from pp_ref.bench.tables import UNSTABLE
from pp_ref.bench.timing import said
from pp_ref.tables import plain_pairs, plain_table

__all__ = ["noise", "print_record"]

LIMITS = {"peak_gflops": "product {peak_gflops:.0f} Gflop/s", "copy_gb_s": "copy {copy_gb_s:.0f} GB/s"}
PEER = "against the\nbest peer"
ALL_AGREE = "The turns of every row agree."


def print_record(record: Record, console: Console) -> None:
    """Print a record. A ratio of unstable rows is no result: the word stands in its place."""
    console.print(plain_pairs(record["what"], _head(record)))
    for block in record["measured"]:
        console.print(_block(block))
        if said := _choice(block):
            console.print(said, highlight=False)
    if record["goals"]:
        console.print(_goals(record))
    console.print(noise(record), highlight=False)


def noise(record: Record) -> str:
    """Return the verdict on the noise of a record, with what to do; empty if nothing was timed."""
    timed = [row for block in record["measured"] for row in block["rows"] if "seconds" in row]
    loose = sum(map(unstable, timed))
    if not loose:
        return ALL_AGREE if timed else ""
    return (
        f"{loose} of {len(timed)} rows are unstable: their median is not known within a tenth, so they have no ratio. "
        f"Stop other programs on this machine, and give --rounds {max(9, 2 * record['rounds'])} or more."
    )


def _head(record: Record) -> Iterator[tuple[str, str]]:
    described, versions = record["machine"], record["versions"]
    blas = ", BLAS {library} {version}, kernels {kernels}".format(**described["blas"])
    yield "machine", "{processor}, {cores} cores, {system}".format(**described) + blas
    if "gpu" in described:
        yield "device", described["gpu"]
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    threads = {block["threads"] for block in record["measured"] if "threads" in block}
    yield "dtype", record["dtype"]
    if threads:
        yield "threads", " and ".join(map(str, sorted(threads)))
    yield "timing", said(record)
    yield from record.get("libraries", {}).items()
    for limits in record["limits"]:
        rates = [said.format(**limits) for name, said in LIMITS.items() if name in limits]
        of = "limits, {} thread{}".format(n := limits["threads"], "s" * (n > 1)) if "threads" in limits else "limits"
        yield of, ", ".join(rates)
    peers = SUBJECTS[record["subject"]].peers if record["subject"] in SUBJECTS else ()
    if missing := [name for name in peers if name not in versions]:
        yield "missing peers", f"{', '.join(missing)}: not installed, so there is no comparison with them"


# Columns of a block by heading: (row) -> the cell, empty where the row has nothing to say.
COLUMNS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "ms": lambda row: f"{1e3 * row['median_s']:.3f}",
    "from": lambda row: f"{1e3 * row['min_s']:.3f}",
    "to": lambda row: f"{1e3 * row['max_s']:.3f}",
    "of\npeak": lambda row: f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else "",
    PEER: lambda row: f"{row['times_best_peer']:.1f}x" if "times_best_peer" in row else "",
    "ceiling": lambda row: f"{row['ceiling']:.1f}x" if "ceiling" in row else "",
    "error, of\nits bound": lambda row: f"{row['share_of_bound']:.0%}" if "share_of_bound" in row else "",
}


def _block(block: dict[str, Any]) -> Table:
    shape = ", ".join(f"{name} {value}" for name, value in block.items() if name not in BESIDE_SHAPE)
    rows = block["rows"]
    if "median_s" not in rows[0]:  # nothing was timed
        keys = list(dict.fromkeys(key for row in rows for key in row))
        made = plain_table(shape, (key.replace("_", " ") for key in keys))
        for row in rows:
            made.add_row(*(str(row.get(key, "")) for key in keys))
        return made
    cells = {heading: [cell(row) for row in rows] for heading, cell in COLUMNS.items()}
    if "peers" in block:
        cells[PEER] = [cell or UNSTABLE for cell in cells[PEER]]
    cells = {heading: column for heading, column in cells.items() if any(column)}
    made = plain_table(shape, ["contender", *cells])
    for number, row in enumerate(rows):
        made.add_row(row["name"], *(column[number] for column in cells.values()))
    return made


def _choice(block: dict[str, Any]) -> str:
    """Return which way was chosen in a block, and how far it is behind the best one."""
    if "choice" not in block:
        return ""
    choice = block["choice"]
    behind = UNSTABLE if choice["behind"] is None else f"behind {choice['best']} by {choice['behind']:.0%}"
    return f"chosen: {choice['way']}, {behind}"


def _goals(record: Record) -> Table:
    made = plain_table("goals", ("goal", "threads", "wanted", "reached", "ceiling", "verdict"), ("verdict",))
    for goal in record["goals"]:
        reached = UNSTABLE if goal["reached"] is None else f"{goal['reached']:.3g}"
        ceiling = f"{goal['ceiling']:.3g}" if "ceiling" in goal else ""
        cells = str(goal.get("threads", "")), f"{goal['sense']} {goal['goal']:.3g}", reached, ceiling
        made.add_row(goal["what"], *cells, "met" if met(goal) else "missed")
    return made
