"""Faults that kernels really have, planted in the sources one at a time: the comparisons must notice each.

`python -m pytest tests/kernels/gpu/test_faults.py -rP` shows which comparison does.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from pp_ref.errors import ShapeError
from pp_ref.kernels.gpu import fused, launching, layer
from pp_ref.kernels.gpu.cuda_on_cpu import LaunchError, StandIn
from pp_ref.kernels.gpu.ladders import KERNELS, LADDERS, POOL
from pp_ref.kernels.gpu.operands import DeviceOperands
from tests.kernels.cpu import comparisons as processors
from tests.kernels.gpu.comparisons import beyond_2_to_the_31, comparisons
from tests.kernels.gpu.operations import BEYOND, EXACT, OnDevice

RUNGS = {rung.name: rung for rung in POOL}


class Fault(NamedTuple):
    """A change of a file, and the rung or the operation that is then compared with its definition."""

    rung: str
    file: str
    name: str
    right: str
    wrong: str


def planted(rung: str, file: str, *changes: tuple[str, str, str]) -> list[Fault]:
    """Faults of a rung in a file, each from (name, right, wrong)."""
    return [Fault(rung, file, *change) for change in changes]


def without_barrier(after: str) -> tuple[str, str]:
    """The barrier of stencil.cu that follows, and nothing in its place."""
    return f"{after}    __syncthreads();\n", after


FIRST = without_barrier("x : x + ROW)] = 0;\n    }\n")
SECOND = without_barrier("+ BEFORE + x] = sums[r];\n    }\n")
THIRD = without_barrier("[image] = 1;\n            }\n    }\n")
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
        ("halo off by one, above", "i % TALL - HALF * ROW", "i % TALL - (HALF + 1) * ROW"),
        ("halo off by one, left", "PITCH + BEFORE + x]", "PITCH + BEFORE + x + 1]"),
        ("halo above not cleared", "&& at >= 0 && at < SIZE ?", "&& at < SIZE ?"),
        ("halo at one side not cleared", "(x < BEFORE ? x : x + ROW)", "(x < BEFORE ? x : 0)"),
        ("stale image where there is none",
         "input[i] = image < here && at >= 0 && at < SIZE ? v[(first + image) * SIZE + at] : 0;",
         "if (image < here && at >= 0 && at < SIZE) input[i] = v[(first + image) * SIZE + at];"),
        ("reads images past the last", "image < here && at >= 0", "at >= 0"),
        ("one tap short", "t < TAPS; t++", "t < TAPS - 1; t++"),
        ("taps not all loaded", "i < TAPS; i += THREADS", "i < TAPS - 1; i += THREADS"),
        ("the taps of one axis for both", "down[i] = taps_y[i]", "down[i] = taps_x[i]"),
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
        ("height for width", "y = i / CHANNELS % HEIGHT", "y = i / CHANNELS % WIDTH"),
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
        ("writes images past the last", "image < here; image++", "image < IMAGES; image++"),
        ("an index of 32 bits", "out[(first + image) * k + j]", "out[(int)((first + image) * k + j)]"),
    ),
    *planted(
        "pool",
        "stencil.cu",
        ("no flag is raised", "strange(shared)[image] = 1", "strange(shared)[image] = 0"),
        ("infinity raises no flag", "sums[r] - sums[r] != 0", "sums[r] != sums[r]"),
        ("channels mixed", "left * CHANNELS + channel, CHANNELS", "left * CHANNELS + channel, 1"),
        ("one channel for all", "int channel = i % CHANNELS", "int channel = 0"),
        ("halo of pixels without their channels", "BEFORE (HALF * CHANNELS)", "BEFORE HALF"),
        ("a strip's outputs beside each other", "(left + r) * CHANNELS + channel]", "left * CHANNELS + r + channel]"),
    ),
    *planted(
        "pool",
        "gathered.cu",
        ("flags the other way round", "[image] == 0", "[image] != 0"),
        ("the first image's flag for all", "strange(shared)[image]", "strange(shared)[0]"),
        ("flags past the last image", "image < here; image +=", "image < IMAGES; image +="),
        ("flags at the block's number", "finite[first + image]", "finite[blockIdx.x + image]"),
    ),
    *planted(
        "scattered",
        "stencil.cu",
        ("no barrier before the first pass", *FIRST),
        ("no barrier between the passes", *SECOND),
        ("no barrier before the image is written", *THIRD),
        ("the taps of one axis for both", "across[i] = taps_x[i]", "across[i] = taps_y[i]"),
    ),
    *planted(
        "pool_adjoint",
        "scattered.cu",
        ("one entry short", "e < starts[at + 1]", "e < starts[at + 1] - 1"),
        ("the last entry alone", "sum += g", "sum = g"),
        ("entries not looked up", "entries[e]]", "e]"),
        ("the neighbour's entries", "int e = starts[at]; e < starts[at + 1]",
         "int e = starts[at ? at - 1 : 0]; e < starts[at ? at : 1]"),
        ("wrong stride of g", "(first + image) * k + entries", "(first + image) * SIZE + entries"),
        ("one example for all", "g[(first + image) * k", "g[first * k"),
        ("reads examples past the last", "image < here && at >= 0", "at >= 0"),
        ("pixels below the image", "at >= 0 && at < SIZE", "at >= 0"),
        ("halo off by one", "i % TALL - HALF * ROW", "i % TALL - HALF * ROW - 1"),
        ("writes examples past the last", "i < here * SIZE", "i < IMAGES * SIZE"),
        ("starts at the block's number", "out[first * SIZE", "out[(long long)blockIdx.x * SIZE"),
        ("the tail of an image left out", "i < here * SIZE", "i < here * SIZE / 2"),
        ("adds to what was there", "out[first * SIZE + i] =", "out[first * SIZE + i] +="),
        ("flags the other way round", "[image] == 0", "[image] != 0"),
        ("the first image's flag for all", "strange(shared)[image]", "strange(shared)[0]"),
        ("flags past the last image", "image < here; image +=", "image < IMAGES; image +="),
    ),
    *planted(
        "scattered",
        "scattered.cu",
        ("stale halo", "        input[i] = sum;", "        if (at >= 0 && at < SIZE) input[i] = sum;"),
        ("an index of 32 bits into g", "g[(first + image) * k + entries[e]]",
         "g[(int)((first + image) * k + entries[e])]"),
        ("an index of 32 bits into the result", "out[first * SIZE + i]", "out[(int)(first * SIZE + i)]"),
    ),
    *planted(
        "expand",
        "scattered.cu",
        ("one entry short", "e < starts[at + 1]", "e < starts[at + 1] - 1"),
        ("writes units past the last", "i < here * SIZE", "i < IMAGES * SIZE"),
    ),
    *planted(
        "project",
        "gathered.cu",
        ("columns swapped", "alpha[j]", "alpha[(j ^ 1) < k ? j ^ 1 : j]"),
        ("flags the other way round", "[image] == 0", "[image] != 0"),
    ),
    *planted(
        "flags",
        "stencil.cu",
        ("flags not cleared", "strange(shared)[i] = 0", "strange(shared)[i] = strange(shared)[i]"),
        ("flags in the neighbour's place", "strange(shared)[image] = 1", "strange(shared)[image + 1] = 1"),
        ("a flag for all images", "strange(shared)[image] = 1", "strange(shared)[0] = 1"),
    ),
    *planted("layer", "stencil.cu", ("no flag is raised", "strange(shared)[image] = 1", "strange(shared)[image] = 0")),
    *planted("layer", "gathered.cu", ("wrong stride of the output", "* k + j]", "* SIZE + j]")),
    *planted("layer", "scattered.cu", ("one entry short", "e < starts[at + 1]", "e < starts[at + 1] - 1")),
    *planted("layer", "defined.cu", ("the flag the other way round", "if (finite[", "if (!finite[")),
    *planted(
        "defined",
        "defined.cu",
        ("the flag the other way round", "if (finite[", "if (!finite["),
        ("the first flag for all", "finite[row * finite_row]", "finite[0]"),
        ("a flag a row, where one is for all", "finite[row * finite_row]", "finite[row]"),
        ("rows past the last block left out", "row += gridDim.x", "row += rows"),
        ("the tail of the columns left out", "column += blockDim.x", "column += columns"),
        ("one input short", "j < inner", "j < inner - 1"),
        ("adds to what was there", "out_column] = sum", "out_column] += sum"),
        ("rows of a a column apart", "a[row * a_row", "a[row * a_column"),
        ("B transposed", "B[j * B_row + column * B_column]", "B[j * B_column + column * B_row]"),
        ("the result transposed", "row * out_row + column * out_column", "row * out_column + column * out_row"),
        ("goes on with the row before", "if (finite[row * finite_row])\n            continue;",
         "if (finite[row * finite_row])\n            break;"),
        ("an index of 32 bits into a", "a[row * a_row + j * a_column]", "a[(int)(row * a_row + j * a_column)]"),
        ("an index of 32 bits into the result", "out[row * out_row", "out[(int)(row * out_row)"),
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


def checks(processor: StandIn, name: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The comparisons that the rung or operation must pass, by name."""
    if name in LADDERS:
        yield f"the checks of {name}", OnDevice(name, LADDERS[name][-1], processor).check
    elif name in EXACT:
        yield "whole numbers", lambda: EXACT[name](processor, "float32")
    else:
        for compare in comparisons(RUNGS[name]):
            yield compare.__name__, lambda compare=compare: compare(RUNGS[name], processor, "float32")  # type: ignore[misc]


def noticed(processor: StandIn, fault: Fault) -> str:
    """The message of the first comparison that fails in some order of threads."""
    for processor.order in range(4):
        for said, check in checks(processor, fault.rung):
            try:
                check()
            except LaunchError as error:
                return str(error)
            except AssertionError as error:
                return f"order {processor.order}, {said}: {' '.join(str(error).split())}"
    try:
        if fault.rung in RUNGS:
            beyond_2_to_the_31(RUNGS[fault.rung], processor)
        elif fault.rung in BEYOND:
            BEYOND[fault.rung](processor)
    except (AssertionError, LaunchError) as error:
        return f"beyond 2^31: {' '.join(str(error).split())}"
    return ""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.rung}: {fault.name}")
def test_some_comparison_notices_the_fault(processor, monkeypatch, fault):
    text = launching.text
    assert text(fault.file).count(fault.right) == 1
    wrong = text(fault.file).replace(fault.right, fault.wrong)
    monkeypatch.setattr(launching, "text", lambda file: wrong if file == fault.file else text(file))
    monkeypatch.setattr(processors, "DTYPES", ("float32",))  # a source is compiled for each
    said = noticed(processor, fault)
    print(said[:140])
    assert said, f"{fault.rung}: {fault.name}: every comparison holds"


def nothing(*_: Any) -> None:
    """A replacement that does nothing."""


# Faults of the launchers between kernels: the operations, the replaced function, its replacement, the fault's name.
BETWEEN: list[tuple[tuple[str, ...], Any, str, Any, str]] = [
    (("pool", "pool_adjoint", "expand", "project"), fused, "define", nothing, "what is not finite left as it is"),
    (("layer",), layer, "define", nothing, "what is not finite left as it is"),
    (("layer",), layer, "all_finite", lambda array: array.size >= array.size, "w and dy taken to be finite"),
    (("layer",), layer, "choose", lambda cache, folded, defined: list(folded), "R w for the definition's w"),
    (("layer",), layer, "choose", lambda cache, folded, defined: list(defined), "w for R w"),
    (("layer",), layer, "fit", lambda dy, cache: dy, "dy not looked at"),
    (("expand", "project", "layer"), DeviceOperands, "fold", lambda o, w: list(w), "R left out"),
    (("pool", "pool_adjoint"), DeviceOperands, "R", property(nothing), "R left out"),
    (
        ("pool", "pool_adjoint", "expand", "project", "layer"),
        DeviceOperands,
        "taps",
        property(lambda o, right=DeviceOperands.taps.func: right(o)[::-1]),
        "the axes' taps exchanged",
    ),
    (
        ("pool_adjoint", "expand", "layer"),
        DeviceOperands,
        "inverses",
        property(lambda o, right=DeviceOperands.inverses.func: [right(o)[-1], *right(o)[:-1]]),
        "another column's pixels",
    ),
    (
        ("pool", "project", "layer"),
        DeviceOperands,
        "alpha",
        property(lambda o, right=DeviceOperands.alpha.func: [alpha[::-1] for alpha in right(o)]),
        "kept pixels in reverse",
    ),
]
LAUNCHERS = [(operation, *fault) for operations, *fault in BETWEEN for operation in operations]


@pytest.mark.parametrize(
    ("operation", "owner", "name", "wrong", "said"), LAUNCHERS, ids=[f"{each[0]}: {each[-1]}" for each in LAUNCHERS]
)
def test_the_checks_notice_a_fault_of_the_launchers(processor, monkeypatch, operation, owner, name, wrong, said):
    monkeypatch.setattr(owner, name, wrong)
    monkeypatch.setattr(processors, "DTYPES", ("float32",))
    with pytest.raises((AssertionError, LaunchError, ShapeError)):
        OnDevice(operation, LADDERS[operation][-1], processor).check()


def test_every_file_has_planted_faults():
    kernels = [rung.kernel("float32", 1, 9, 5) for rung in KERNELS]
    assert {fault.file for fault in FAULTS} == {file for kernel in kernels for file in kernel.files}
    assert {fault.rung for fault in FAULTS} == RUNGS.keys() | EXACT.keys() | LADDERS.keys()
    assert len({fault[:3] for fault in FAULTS}) == len(FAULTS) >= 120
