"""What is wrong, in words: each simple change is named, coarser arithmetic is named, errors are located."""

import numpy as np
import pytest

from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates import own
from pp_ref.oracle.verdict.diagnosis import UNKNOWN
from pp_ref.oracle.verdict.findings import Status
from tests.oracle.algebras.emulated import Machine

RIGHT = own.functions()


def diagnosed(operation, wrong, arithmetic="float64", name="forward", quick=True, **more):
    functions = RIGHT | {f"{operation}_{name}": wrong(RIGHT[f"{operation}_{name}"])}
    report = conform(InProcess(functions, arithmetic=arithmetic), only=[operation], quick=quick, **more)
    return report.diagnoses.get(operation), report


def value(change):
    """y of a forward pass, changed."""

    def wrong(right):
        def forward(*arguments):
            y, cache = right(*arguments)
            return change(y), cache

        return forward

    return wrong


def gradient(at, change):
    def wrong(right):
        def backward(dy, cache):
            gradients = list(right(dy, cache))
            gradients[at] = change(gradients[at])
            return tuple(gradients)

        return backward

    return wrong


def exchanged(y):
    if y.shape[1] < 3:
        return y
    y = y.copy()
    y[:, [1, 2]] = y[:, [2, 1]]
    return y


CHANGES = {
    "sign": (lambda y: -y, "y is minus the right value"),
    "twice": (lambda y: 2 * y, "y is 2 times the right value"),
    "half": (lambda y: y / 2, "y is half the right value"),
    "four times": (lambda y: 4 * y, "y is 4 times the right value"),
    "log 2": (lambda y: y * np.log(2), "y is log 2 times the right value"),
    "mean": (lambda y: y / max(len(y), 1), "y is 1 / n, the number of examples, times the right value"),
    "rows reversed": (lambda y: y[::-1], "y is reversed along rows"),
    "columns reversed": (lambda y: y[:, ::-1], "y is reversed along columns"),
    "a row late": (lambda y: np.roll(y, 1, axis=0), "y is shifted by one along rows"),
    "a column early": (lambda y: np.roll(y, -1, axis=1), "y is shifted back by one along columns"),
    "two columns exchanged": (exchanged, "y has 1 and 2 of columns exchanged"),
    "zero": (lambda y: 0 * y, "y is zero"),
    "NaN": (lambda y: np.nan * y, "y has NaN where numbers are due"),
    "transposed if square": (lambda y: y.T.copy() if y.shape[0] == y.shape[1] else y, "y is transposed"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("operation", ["sigmoid", "lowrank"])
def test_a_simple_change_is_named(operation, name):
    """lowrank has no planted fault of its forward pass that could be named instead, but for those that are the same."""
    change, sentence = CHANGES[name]
    said, report = diagnosed(operation, value(change))
    assert report.exit_code == 1
    known = f"{operation}_forward "
    assert said.startswith((sentence, known)), said
    if said.startswith(known):
        pytest.skip(f"a planted fault says: {said}")


def test_one_gradient_in_the_place_of_another():
    """S and W W^T A of equal shapes: dv where dW is due."""

    def wrong(right):
        def backward(dy, cache):
            dv, dW = right(dy, cache)
            return (dW, dv) if dv.shape == dW.shape else (dv, dW)

        return backward

    said, _ = diagnosed("reconstruction", wrong, name="backward")
    assert said.startswith("dv is what dW should be"), said


@pytest.mark.parametrize(
    ("declared", "real", "bits"), [("float32", "tf32", 11), ("float32", "bfloat16", 8), ("float64", "bfloat16", 8)]
)
def test_coarser_arithmetic_is_named(declared, real, bits):
    """Products whose operands are rounded further than was declared."""

    def coarse(x):
        a = ARITHMETICS[real]
        return Machine(a).operand(x) if a.operand else a.representable(x)

    def wrong(right):
        def forward(v, W, b):
            y = coarse(v.astype(float)) @ coarse(W.astype(float)) + b
            return y.astype(np.float32), right(v, W, b)[1]

        return forward

    said, _ = diagnosed("dense", wrong, declared, quick=False)
    assert said.startswith(f"y is what v and W rounded to {bits} bits, as {real} does, would give"), said


@pytest.mark.parametrize("real", ["bfloat16", "float16"])
def test_a_product_that_is_cast_is_named(real):
    """Operands, and the sum of their products, as under automatic mixed precision."""
    cast = ARITHMETICS[real].representable

    def wrong(right):
        def forward(v, W, b):
            y = cast(cast(v.astype(float)) @ cast(W.astype(float))).astype(np.float32) + b
            return y, right(v, W, b)[1]

        return forward

    said, _ = diagnosed("dense", wrong, "float32", quick=False)
    assert said.startswith(f"rounds to {ARITHMETICS[real].bits} bits, as "), said  # float16's are as many as TF32's


def test_float32_where_float64_was_declared():
    def wrong(right):
        def forward(v, W, b):
            return (v.astype("f4") @ W.astype("f4") + b.astype("f4")).astype(float), right(v, W, b)[1]

        return forward

    said, _ = diagnosed("dense", wrong)
    assert said.startswith("rounds to 24 bits, as float32 does, where float64 was declared"), said


@pytest.mark.parametrize("operation", ["sigmoid", "unit_columns"])
def test_small_errors_are_not_taken_for_coarse_arithmetic(operation):
    """float16's bounds hold them, as they hold everything that is nearly right."""

    def wrong(right):
        def forward(x):
            if operation == "sigmoid":
                return right(np.clip(x, -30, 30))
            return x / np.sqrt((x * x).sum(axis=0) + 1e-8), right(x)[1]

        return forward

    said, _ = diagnosed(operation, wrong, quick=False)
    assert "rounds to" not in said, said


def tail(y):
    y = y.copy()
    y[32:] = 7
    return y


def all_but_the_last(y):
    return np.vstack([y[:-1] * 1.25, y[-1:]]) if len(y) > 4 else y


def one_in_a_thousand(y):
    y = y.copy()
    if y.size > 500:
        y[20, 3] *= 1 + 1e-3
    return y


def channel(y):
    y = y.copy()
    if y.ndim == 4 and y.shape[3] > 2:
        y[..., 2] *= 1.25
    return y


def odd_columns(y):
    y = y.copy()
    y[:, 1::2] *= 1.25
    return y


PLACES = {
    "a tail": ("lowrank", tail, ", all from 32 of rows on, where 7 stands"),
    "all rows but one": ("lowrank", all_but_the_last, "each of its rows is scaled by a factor of its own"),
    "one entry": ("lowrank", one_in_a_thousand, "y is wrong in 1 of 770 entries, all at 20 of rows, by up to 0.001"),
    "a channel": ("conv2d", channel, ", all at 2 of channels"),
    "every second column": ("lowrank", odd_columns, ", at every 2 of columns from 1 on"),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_place_of_errors(name):
    operation, change, sentence = PLACES[name]
    said, report = diagnosed(operation, value(change))
    assert said.removeprefix(UNKNOWN).startswith("y "), said
    assert sentence in said
    assert all(f.diagnosis == said for f in report.findings if f.status == Status.failed)


def test_rows_past_a_tile():
    """What is left over of a tile of 8 is stale, wherever there is any."""

    def tiles(y):
        whole = len(y) // 8 * 8
        return np.vstack([y[:whole], 7 + 0 * y[whole:]])

    said, report = diagnosed("lowrank", value(tiles))
    assert said.startswith("y is wrong past the last full tile of 8 of rows, where 7 stands"), said
    assert report.mistakes == {"lowrank": "tile"}


def test_a_gradient_that_is_wrong_alone():
    said, _ = diagnosed("lowrank", gradient(1, lambda dU: 2 * dU), name="backward")
    assert said.startswith(("dU is 2 times the right value", "lowrank_backward ")), said


def test_state_is_said_first():
    calls = []

    def wrong(right):
        def forward(*arguments):
            calls.append(1)
            y, cache = right(*arguments)
            return y + len(calls) * 1e-3, cache

        return forward

    said, _ = diagnosed("lowrank", wrong)
    due = "keeps state between calls, or depends on chance: y of a second run on the same arguments has other bits"
    assert said.startswith(due), said


def test_hidden_nan():
    said, _ = diagnosed("sigmoid", value(np.nan_to_num), quick=False)
    assert said.startswith("NaN or infinity in an argument does not come through to y (NaN in v"), said


def test_a_planted_fault_is_known_by_its_sentence():
    from pp_ref.oracle.faults.catalogue import FAULTS

    fault = next(each for each in FAULTS if each.operation == "dense_backward")
    report = conform(InProcess(RIGHT | {"dense_backward": fault.wrong}), only=["dense"], quick=True)
    assert report.diagnoses["dense"].startswith(f"dense_backward {fault.sentence}")


def test_memory_that_is_nobodys_is_named_before_any_mistake():
    def unwritten(right):
        def forward(v, W, b):
            y = np.empty((len(v), W.shape[1]), v.dtype)
            if v.flags.c_contiguous:
                y[:] = v @ W + b
            return y, right(v, W, b)[1]

        return forward

    said, report = diagnosed("dense", unwritten, quick=False)
    assert said.startswith("y has entries that were never written: they hold what lay in freed memory")
    assert said.endswith("; only where arguments are not contiguous in memory: 3 of 39 cases")
    assert report.exit_code == 1


def test_only_strided_arguments_fail():
    def contiguous(right):
        def forward(v, W, b):
            y, cache = right(v, W, b)
            return (y if v.flags.c_contiguous else y + 0.5), cache

        return forward

    said, _ = diagnosed("dense", contiguous, quick=False)
    assert said.endswith("; only where arguments are not contiguous in memory: 3 of 39 cases")
