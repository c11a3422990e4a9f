"""How the time of v U grows with an image's side and with the batch, against what the flops say."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import linregress, t

from pp_ref.bench.measuring import Record, blocks, record, se_operands
from pp_ref.bench.pooling import rung_contender
from pp_ref.kernels.cpu.ladders import LADDERS

__all__ = ["bench_growth", "exponent"]

PROPORTION, EXAMPLES, SIDE = 0.05, 64, 28
RUNGS = {rung.name: rung for rung in LADDERS["pool"]}
PATHS = (("dense", "atom", "dense"), ("separable, atoms", "atom", "fused"), ("separable, ridge", "ridge", "fused"))


def bench_growth(
    rounds: int = 9,
    sides: Sequence[int] = (16, 24, 32, 48, 64, 96),
    batches: Sequence[int] = (1, 10, 100, 1000, 10_000),
    dtype: str = "float32",
) -> Record:
    """v U for one column of 5 % of an image's pixels: 64 examples of images of each side, and batches of 28 x 28.

    One column, since a dense U of 96 x 96 pixels and many columns would fill the memory. With p of d = side^2 pixels
    kept, v U takes 2 n p side^4 flops, two passes n side^2 (T_y + T_x + 1) 4 with as many taps for every side, and the
    ridge's R another 2 n p^2 side^4, a twentieth of v U's. Exponents are fitted to minima, and to the flops alike.
    """
    measured = []
    for axis, side, n in (*(("side", side, EXAMPLES) for side in sides), *(("n", SIDE, n) for n in batches)):
        contenders = {}
        for name, form, rung in PATHS:
            o = se_operands(side, PROPORTION, 1, dtype, form=form)
            v = np.random.default_rng(1).random((n, o.d)).astype(dtype)
            contenders[name] = rung_contender(RUNGS[rung], v, o)
        measured += blocks({"axis": axis, "side": side, "n": n}, contenders, ["dense"], rounds)
    made = record(f"v U for a column of {PROPORTION:.0%} of an image's pixels, length scale 1", dtype, rounds, measured)
    fits = list(_fits(measured))
    said = [
        "{name}, {threads} threads: time grows as {axis}^{exponent:.2f} ({low:.2f} to {high:.2f}), flops as "
        "{axis}^{flops:.2f}".format(**fit)
        for fit in fits
    ]
    return made | {"fits": fits, "said": said}


def _fits(measured: list[Record]) -> Iterator[Record]:
    for axis in ("side", "n"):
        of_axis = [block for block in measured if block["axis"] == axis]
        for threads in sorted({block["threads"] for block in of_axis}):
            at = [block for block in of_axis if block["threads"] == threads]
            for index, (name, *_) in enumerate(PATHS):
                rows, sizes = [block["rows"][index] for block in at], [block[axis] for block in at]
                exponents = dict(
                    zip(("exponent", "low", "high"), exponent(sizes, [row["min_s"] for row in rows]), strict=True)
                )
                flops, *_ = exponent(sizes, [row["flops"] for row in rows])
                yield {"axis": axis, "threads": threads, "name": name} | exponents | {"flops": flops}


def exponent(sizes: Sequence[float], amounts: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """e of amount ~ size^e by least squares of logarithms, and Student's interval for it.

    sizes, amounts  at least three positive numbers each
    returns         e, low, high
    """
    fit = linregress(np.log(sizes), np.log(amounts))
    half = float(t.ppf((1 + level) / 2, len(sizes) - 2) * fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half
