"""How the time of v U grows with an image's side and with the batch, against what the flops say."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.stats import linregress, t

from pp_ref.bench.contest import Block, blocks
from pp_ref.bench.pooling import rung_contender, se_operands
from pp_ref.bench.record import Record, record
from pp_ref.bench.tables import conditions
from pp_ref.bench.timing import Timing
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.records import markdown

__all__ = ["exponent", "measure", "table"]

PROPORTION, EXAMPLES, SIDE = 0.05, 64, 28
RUNGS = {rung.name: rung for rung in LADDERS["pool"]}
PATHS = (("dense", "atom", "dense"), ("separable, atoms", "atom", "fused"), ("separable, ridge", "ridge", "fused"))


def measure(
    timing: Timing,
    sides: Sequence[int] = (16, 24, 32, 48, 64, 96),
    batches: Sequence[int] = (1, 10, 100, 1000, 10_000),
    dtype: str = "float32",
) -> Record:
    """Return the record of v U, one column of 5 % of the pixels: 64 images of each side, and batches of 28 x 28.

    There is one column because a dense U of many columns and 96 x 96 pixels would fill the memory. If p of
    d = side^2 pixels are kept, v U takes 2 n p side^4 flops; two passes take 4 n side^2 (T_y + T_x + 1), with the same
    taps for every side; R in ridge form adds 2 n p^2 side^4, a twentieth of v U. Exponents are fitted to the minima and
    to the flops.
    """
    measured: list[Block] = []
    for axis, side, n in (*(("side", side, EXAMPLES) for side in sides), *(("n", SIDE, n) for n in batches)):
        contenders = {}
        for name, form, rung in PATHS:
            o = se_operands(side, PROPORTION, 1, dtype, form=form)
            v = np.random.default_rng(1).random((n, o.d)).astype(dtype)
            contenders[name] = rung_contender(RUNGS[rung], v, o)
        measured += blocks({"axis": axis, "side": side, "n": n}, contenders, ["dense"], timing)
    return record("growth", __doc__, timing, measured, dtype=dtype)


def table(record: Record) -> str:
    """Return the table of exponents of time and flops with one thread."""
    blocks = [block for block in record["measured"] if block["threads"] == 1]
    rows = []
    for axis, (index, (name, *_)) in product(("side", "n"), enumerate(PATHS)):
        at = [(block[axis], block["rows"][index]) for block in blocks if block["axis"] == axis]
        sizes = [size for size, _ in at]
        power, low, high = exponent(sizes, [row["min_s"] for _, row in at])
        flops, *_ = exponent(sizes, [row["flops"] for _, row in at])
        rows.append([f"{name}, by {axis}", f"{power:.2f} ({low:.2f} to {high:.2f})", f"{flops:.2f}"])
    sides, batches = ([block[axis] for block in blocks if block["axis"] == axis] for axis in ("side", "n"))
    note = (
        f"Sides {min(sides)} to {max(sides)}, batches {min(batches):,} to {max(batches):,}, one column, 1 thread; 95% "
        f"intervals; {conditions(record)}."
    )
    return markdown(["v U, time as a power", "measured", "flops"], rows) + "\n\n" + note


TABLES = {"growth": table}


def exponent(sizes: Sequence[float], amounts: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return e of amount ~ size^e by least squares of the logarithms, and Student's interval for e.

    sizes, amounts  at least three positive numbers each
    returns         e, low, high
    """
    fit = linregress(np.log(sizes), np.log(amounts))
    half = float(t.ppf((1 + level) / 2, len(sizes) - 2) * fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half
