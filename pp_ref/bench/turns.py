"""The same contenders timed by turns of a single call and by turns of many calls: v U for ten columns of images.

OpenBLAS's threads wait awake for some 20 ms after a product. A contender that is called once, in its turn, then shares
the cores with the threads of the one before, most of all with two threads.
"""

from collections.abc import Sequence

import numpy as np

from pp_ref.bench.contest import Block, block, numbers_of_threads, threads
from pp_ref.bench.pooling import COLUMNS, SIDE, dense_pools, rung_contender, se_operands
from pp_ref.bench.record import Record, record
from pp_ref.bench.tables import UNSTABLE, conditions, milliseconds
from pp_ref.bench.timing import Timing, said
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.records import markdown

__all__ = ["measure", "table"]

FUSED = next(rung for rung in LADDERS["pool"] if rung.name == "fused")
PROPORTION = 0.25
SINGLE, MANY = "single", "many"  # calls a turn


def measure(timing: Timing, batches: Sequence[int] = (100, 1000)) -> Record:
    """Return the record of the fused rung and of dense products, each batch timed both ways, with all threads of
    `numbers_of_threads`."""
    measured: list[Block] = []
    number = max(numbers_of_threads())
    for n in batches:
        o = se_operands(SIDE, PROPORTION, COLUMNS, "float32", form="atom")
        v = np.random.default_rng(1).random((n, o.d)).astype("float32")
        peers = dense_pools(v, o)
        contenders = {"fused": rung_contender(FUSED, v, o), **peers}
        with threads(number):
            for calls, how in ((SINGLE, timing.of_single_calls()), (MANY, timing)):
                shape = {"n": n, "calls a turn": calls, "threads": number}
                measured.append(block(shape, contenders, list(peers), how))
    return record("turns", __doc__, timing, measured, proportion=PROPORTION)


def table(*records: Record) -> str:
    """Return the table of milliseconds by both kinds of turns, and their ratio; a sentence if there is no record."""
    if not records:
        return "Not measured yet: `pp-ref bench turns --out benchmarks/speed/turns.json` does it."
    rows = []
    for single, many in zip(records[0]["measured"][::2], records[0]["measured"][1::2], strict=True):
        for before, after in zip(single["rows"], many["rows"], strict=True):
            known = not before["unstable"] and not after["unstable"]
            ratio = f"{before['median_s'] / after['median_s']:.2f}" if known else UNSTABLE
            cells = str(many["n"]), str(many["threads"]), milliseconds(before), milliseconds(after)
            rows.append([before["name"], *cells, ratio])
    headings = ["v U, ten columns", "n", "threads", "single calls, ms", "many calls, ms", "ratio"]
    single_calls = said(records[0] | {"timing": Timing(1).of_single_calls().described()})
    return f"{markdown(headings, rows)}\n\n{single_calls}, against {conditions(records[0])}."


TABLES = {"turns": table}
