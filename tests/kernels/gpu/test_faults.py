"""Faults that kernels really have, planted in the sources one at a time: the comparisons have to notice each.

`python -m pytest tests/kernels/gpu/test_faults.py -rP` shows by what.
"""

from typing import NamedTuple

import pytest

from pp_ref.kernels.gpu import launching
from pp_ref.kernels.gpu.ladder import POOL
from tests.kernels.gpu.comparisons import beyond_2_to_the_31, comparisons
from tests.kernels.gpu.cuda_on_cpu import LaunchError, StandIn

RUNGS = {rung.name: rung for rung in POOL}


class Fault(NamedTuple):
    """What is done to a file, and the rung that is then compared with its definition."""

    rung: str
    file: str
    name: str
    right: str
    wrong: str


def planted(rung: str, file: str, *changes: tuple[str, str, str]) -> list[Fault]:
    """(name, right, wrong) of each."""
    return [Fault(rung, file, *change) for change in changes]


def without_barrier(after: str) -> tuple[str, str]:
    """The barrier of stencil.cu that follows, and nothing in its place."""
    return f"{after}    __syncthreads();\n", after


FIRST = without_barrier("x : x + WIDTH)] = 0;\n    }\n")
SECOND = without_barrier("+ HALF + x] = sums[r];\n    }\n")
THIRD = without_barrier("+ left + r] = sums[r];\n    }\n")
PIXEL = "0 <= pixel && pixel < SIZE"

FAULTS = [
    *planted(
        "naive",
        "naive.cu",
        ("no guard past the end", "i >= n * k", "i >= n * k + 1"),
        ("the last block left out", "i >= n * k", "i >= n * k / 256 * 256"),
        ("an index of 32 bits", "long long i =", "int i ="),
        ("rows of v k apart", "v + i / k * d", "v + i / k * k"),
        ("one input short", "j < d; j++", "j < d - 1; j++"),
        ("adds to what was there", "out[i] = sum", "out[i] += sum"),
    ),
    *planted(
        "tiled",
        "tiled.cu",
        ("no barrier before the products", "        __syncthreads();\n        for", "        for"),
        ("no barrier after the products", "        __syncthreads();\n    }\n", "    }\n"),
        ("tail of axis d unguarded in v", "row < n && j < d ?", "row < n ?"),
        ("tail of axis d unguarded in U", "j < d && column < k ?", "column < k ?"),
        ("tail of the columns unguarded", "if (row < n && column < k)", "if (row < n)"),
        ("tail of the rows unguarded", "if (row < n && column < k)", "if (column < k)"),
        ("stale tile past axis d", "columns[i] = j < d && column < k ? U[j * k + column] : 0;",
         "if (j < d && column < k) columns[i] = U[j * k + column];"),
        ("wrong stride in shared memory", "columns[j * TILE + x", "columns[j * PITCH + x"),
        ("columns swapped", "left + x + f * ACROSS;\n            if", "left + x + (f ^ 1) * ACROSS;\n            if"),
        ("adds to what was there", "out[row * k + column] = sums", "out[row * k + column] += sums"),
        ("tiles swapped", "top = blockIdx.x / tiles * TILE, left = blockIdx.x % tiles",
         "top = blockIdx.x % tiles * TILE, left = blockIdx.x / tiles"),
        ("an index of 32 bits", "out[row * k + column]", "out[(int)(row * k + column)]"),
        ("a thread's row for another's", "y = threadIdx.x / ACROSS", "y = threadIdx.x / (ACROSS + 1)"),
    ),
    *planted(
        "separable",
        "stencil.cu",
        ("no barrier before the first pass", *FIRST),
        ("no barrier between the passes", *SECOND),
        ("no barrier after the second pass", *THIRD),
        ("halo off by one, above", "i % TALL - HALF * WIDTH", "i % TALL - (HALF + 1) * WIDTH"),
        ("halo off by one, left", "PITCH + HALF + x]", "PITCH + HALF + x + 1]"),
        ("halo above not cleared", "&& at >= 0 && at < SIZE ?", "&& at < SIZE ?"),
        ("halo at one side not cleared", "(x < HALF ? x : x + WIDTH)", "(x < HALF ? x : 0)"),
        ("stale image where there is none",
         "input[i] = image < here && at >= 0 && at < SIZE ? v[(first + image) * SIZE + at] : 0;",
         "if (image < here && at >= 0 && at < SIZE) input[i] = v[(first + image) * SIZE + at];"),
        ("reads images past the last", "image < here && at >= 0", "at >= 0"),
        ("one tap short", "t < TAPS; t++", "t < TAPS - 1; t++"),
        ("taps not all loaded", "i < TAPS; i += THREADS", "i < TAPS - 1; i += THREADS"),
        ("taps of the axes swapped", "*down = shared, *across = down + TAPS",
         "*across = shared, *down = across + TAPS"),
        ("taps in reverse", "real tap = taps[t]", "real tap = taps[TAPS - 1 - t]"),
        ("window not moved on", "from[(t + RUN) * step]", "from[t * step]"),
        ("window ends early", "t + RUN < reach", "t + RUN < reach - HALF - 1"),
        ("window of the wrong phase", "window[t % RUN] =", "window[(t + 1) % RUN] ="),
        ("the last strip left out", "down_strips = (HEIGHT + RUN - 1) / RUN",
         "down_strips = HEIGHT < RUN ? 1 : HEIGHT / RUN"),
        ("a strip's tail unguarded, down", "if (top + r < HEIGHT)", "if (true)"),
        ("a strip's tail unguarded, across", "if (left + r < WIDTH)", "if (true)"),
        ("wrong stride between images", "output[image * SIZE", "output[image * TALL"),
        ("output over the second pass's input", "*output = input;", "*output = between;"),
        ("height for width", "int y = i % HEIGHT, left = i / HEIGHT", "int y = i % WIDTH, left = i / WIDTH"),
        ("an index of 32 bits", "v[(first + image) * SIZE + at]", "v[(int)((first + image) * SIZE + at)]"),
    ),
    *planted(
        "separable",
        "separable.cu",
        ("writes images past the last", "i < here * SIZE", "i < IMAGES * SIZE"),
        ("starts at the block's number", "out[first * SIZE", "out[(long long)blockIdx.x * SIZE"),
    ),
    *planted("gathered", "stencil.cu", ("no barrier before the gather", *THIRD)),
    *planted(
        "gathered",
        "gathered.cu",
        ("an index not checked", PIXEL, "true"),
        ("a negative index not checked", PIXEL, "pixel < SIZE"),
        ("an index one too far", PIXEL, "0 <= pixel && pixel <= SIZE"),
        ("columns swapped", "alpha[j]", "alpha[(j ^ 1) < k ? j ^ 1 : j]"),
        ("the tail of the columns left out", "j < k; j += THREADS",
         "j < (k < THREADS ? k : k / THREADS * THREADS); j += THREADS"),
        ("adds to what was there", "* k + j] =", "* k + j] +="),
        ("wrong stride of the output", "(first + image) * k + j", "(first + image) * SIZE + j"),
        ("writes images past the last", "image < here", "image < IMAGES"),
        ("an index of 32 bits", "out[(first + image) * k + j]", "out[(int)((first + image) * k + j)]"),
    ),
    *planted(
        "combined",
        "stencil.cu",
        ("no barrier before the combination", *THIRD),
        ("reads images past the last", "image < here && at >= 0", "at >= 0"),
    ),
    *planted(
        "combined",
        "combined.cu",
        ("another column's alpha", "alpha + units[4 * u]", "alpha"),
        ("another column's weights", "F + units[4 * u + 2]", "F + u"),
        ("the neighbouring unit's weights", "weights[i * apart]", "weights[i]"),
        ("one weight short", "i < count", "i < count - 1"),
        ("no bias", "sums[image] + b[u]", "sums[image]"),
        ("an index not checked", PIXEL, "true"),
        ("writes images past the last", "            if (image < here)\n", ""),
        ("all images are the first", "values[image * SIZE]", "values[0]"),
        ("the tail of the units left out", "u < m; u += THREADS", "u < THREADS && u < m; u += THREADS"),
    ),
]  # fmt: skip


def noticed(processor: StandIn, fault: Fault) -> str:
    """What the first comparison that fails says, in whichever order of threads it does."""
    rung = RUNGS[fault.rung]
    for processor.order in range(4):
        for compare in comparisons(rung):
            try:
                compare(rung, processor, "float32")
            except LaunchError as error:
                return str(error)
            except AssertionError as error:
                return f"order {processor.order}, {compare.__name__}: {' '.join(str(error).split())}"
    try:
        beyond_2_to_the_31(rung, processor)
    except (AssertionError, LaunchError) as error:
        return f"beyond 2^31: {' '.join(str(error).split())}"
    return ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.rung}: {fault.name}")
def test_some_comparison_notices_the_fault(processor, monkeypatch, fault):
    text = launching.text
    assert text(fault.file).count(fault.right) == 1
    wrong = text(fault.file).replace(fault.right, fault.wrong)
    monkeypatch.setattr(launching, "text", lambda file: wrong if file == fault.file else text(file))
    said = noticed(processor, fault)
    print(said[:140])
    assert said, f"{fault.rung}: {fault.name}: every comparison holds"


def test_every_file_has_planted_faults():
    assert {fault.file for fault in FAULTS} == {file for rung in POOL for file in rung.kernel("float32", 1, 9, 5).files}
    assert {fault.rung for fault in FAULTS} == RUNGS.keys()
    assert len({fault[:3] for fault in FAULTS}) == len(FAULTS) >= 50
