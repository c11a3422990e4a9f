"""Faults of memory and order, one each: every one has the right numbers in plain calls, and a clear message."""

import ctypes

import numpy as np
import pytest

from pp_ref import layers
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates.behaviour import LONG, MANY, observe
from pp_ref.oracle.candidates.declared import NONDETERMINISTIC, Declared, chance
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.candidates.memory import MARGIN, Held, Placed
from pp_ref.oracle.operations.cases import LAYOUTS, case_of
from pp_ref.oracle.verdict.findings import Status

NUMPY = library("numpy")
X = np.arange(12.0).reshape(3, 4)
DOUBLE, SINGLE = ARITHMETICS["float64"], ARITHMETICS["float32"]
RIGHT = {"dense_forward": layers.dense_forward, "dense_backward": layers.dense_backward}


def dense(forward=layers.dense_forward, backward=layers.dense_backward):
    return {"dense_forward": forward, "dense_backward": backward}


def beyond(v, entries=1):
    """The numbers behind the last of an array, as a kernel reads that goes too far."""
    last = v.ctypes.data + sum((n - 1) * step for n, step in zip(v.shape, v.strides, strict=True))
    return np.array((ctypes.c_double * entries).from_address(last + v.itemsize))


def reads_on(v, W, b):
    y, cache = layers.dense_forward(v, W, b)
    return y + 0 * beyond(v).sum(), cache


def largest_of_too_many(v, W, b):
    y, cache = layers.dense_forward(v, W, b)
    return y + (np.fmax.reduce(beyond(v)) > 1e6), cache  # NaN is passed over


def beside(v, W, b):
    y, cache = layers.dense_forward(v, W, b)
    end = v.ctypes.data + v.nbytes
    ctypes.memset(end, 0, 8)
    return y, cache


def negates_and_undoes(v, W, b):
    v *= -1
    y, cache = layers.dense_forward(-v, W, b)
    v *= -1
    return y, cache


def cotangent_undone(dy, cache):
    dy *= -1
    gradients = layers.dense_backward(-dy, cache)
    dy *= -1
    return gradients


def cotangent_beside(dy, cache):
    ctypes.memset(dy.ctypes.data - 8, 0, 8)
    return layers.dense_backward(dy, cache)


def kept_by(key):
    """Results of arguments that look the same from outside."""
    known = {}

    def forward(v, W, b):
        if key(v) not in known:
            known[key(v)] = v, layers.dense_forward(v, W, b)  # v stays: no other array has its id
        return known[key(v)][1]

    return dense(forward)


def gradients_kept():
    known = {}

    def backward(dy, cache):
        if id(dy) not in known:
            known[id(dy)] = dy, layers.dense_backward(dy, cache)
        return known[id(dy)][1]

    return dense(backward=backward)


def after(count, fault=lambda y: y * (1 + 1e-3)):
    """Right for so many calls."""
    calls = []

    def forward(v, W, b):
        calls.append(1)
        y, cache = layers.dense_forward(v, W, b)
        return (fault(y) if len(calls) > count else y), cache

    return dense(forward)


def every(count):
    """Wrong in one of so many calls."""
    calls = []

    def forward(v, W, b):
        calls.append(1)
        y, cache = layers.dense_forward(v, W, b)
        return (y * (1 + 1e-3) if len(calls) % count == count - 1 else y), cache

    return dense(forward)


def stack():
    """Backward takes the cache from a stack of its own."""
    caches = []

    def forward(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        caches.append(cache)
        return y, None

    return dense(forward, lambda dy, cache: layers.dense_backward(dy, caches.pop()))


def last_shape():
    """Backward adds up as many rows as the last batch had."""
    rows = []

    def forward(v, W, b):
        rows[:] = [len(v)]
        return layers.dense_forward(v, W, b)

    def backward(dy, cache):
        dv, dW, _ = layers.dense_backward(dy, cache)
        return dv, dW, dy[: rows[0]].sum(axis=0)

    return dense(forward, backward)


def unwritten(v, W, b):
    y = np.empty((len(v), W.shape[1]), v.dtype)
    right, cache = layers.dense_forward(v, W, b)
    y[:-1] = right[:-1]
    return y, cache


FAULTS = {
    "reads on": (dense(reads_on), "plain", None),
    "reads on in a maximum": (dense(largest_of_too_many), "plain", "y depends on memory beside its arguments"),
    "writes beside": (dense(beside), "plain", "writes to memory beside its argument v"),
    "writes and undoes": (dense(negates_and_undoes), "plain", "writes to its argument v"),
    "writes dy and undoes": (dense(backward=cotangent_undone), "plain", "backward writes to its cotangent"),
    "writes beside dy": (dense(backward=cotangent_beside), "plain", "backward writes beside its cotangent"),
    "kept by id": (kept_by(id), "square", "y of arrays whose numbers were replaced is not that of new arrays"),
    "kept by address": (kept_by(lambda v: v.ctypes.data), "square", "y of arrays whose numbers were replaced is not"),
    "gradients kept by id": (gradients_kept(), "square", "dv of arrays whose numbers were replaced is not"),
    "right for eleven calls": (after(11), "plain", "y of call 12 has other bits than before on the same arguments"),
    "right for fifty calls": (after(50), "plain", "y of call 51 has other bits than before on the same arguments"),
    "wrong in one of 40": (every(40), "plain", "y of call 39 has other bits than before on the same arguments"),
    "a stack": (stack(), "square", "dv depends on another call between forward and backward"),
    "the last shape": (last_shape(), "tails", "db depends on another call between forward and backward"),
    "unwritten": (dense(unwritten), "plain", "y has entries that were never written: they hold what lay in freed mem"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_memory_or_order_is_named(fault):
    functions, regime, message = FAULTS[fault]
    seen = observe(case_of(f"dense/{regime}/float64/0"), functions.get, NUMPY)
    if message is None:
        assert np.isnan(seen.results["y"]).all()
    else:
        assert any(each.startswith(message) for each in seen.messages), seen.messages


def test_a_stride_that_is_off_by_one_shows():
    """The gaps hold other numbers than their neighbours."""

    def shifted(v):
        if v.strides[-1] != 2 * v.itemsize:
            return v
        memory = np.ctypeslib.as_array((ctypes.c_double * 4096).from_address(v.ctypes.data))
        return np.ndarray(v.shape, v.dtype, memory.data, v.itemsize, v.strides)

    functions = {"relu": lambda v: np.maximum(shifted(v), 0)}
    report = conform(InProcess(functions), only=["relu"])
    assert {f.regime for f in report.findings if f.status == Status.failed} == {"strided"}


def test_functions_that_refuse_read_only_arrays_are_no_fault():
    """As those of Cython are, whose arguments are not declared const."""

    def refusing(v, W, b):
        if not v.flags.writeable:
            raise ValueError("buffer source array is read-only")
        return layers.dense_forward(v, W, b)

    report = conform(InProcess(dense(refusing)), only=["dense"])
    assert report.exit_code == 0
    assert not any(finding.messages for finding in report.findings)


def test_what_is_right_is_called_often_and_has_no_message():
    for regime in ("plain", "tails", "strided"):
        seen = observe(case_of(f"dense/{regime}/float64/0"), RIGHT.get, NUMPY)
        assert seen.messages == []
        assert seen.calls > MANY / 2 if regime in LONG else seen.calls < 12


def test_a_race_is_seen_by_repeating():
    case = case_of("dense/square/float64/0")
    assert observe(case, every(300).get, NUMPY).messages == []
    (said,) = observe(case, every(300).get, NUMPY, declared=Declared(repeat=400)).messages
    assert said == "y of call 299 has other bits than before on the same arguments"


def test_the_chance_of_seeing_a_race():
    assert chance(1, 1) == 1
    assert chance(200, 200) == pytest.approx(1 - np.exp(-1), abs=1e-3)


def shaken(size):
    """Every run has other bits."""
    rng = np.random.default_rng(0)

    def forward(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        return y * (1 + size * rng.uniform(-1, 1)), cache

    return dense(forward)


@pytest.mark.parametrize(("size", "status"), [(2.0**-53, Status.passed), (1e-9, Status.failed)])
def test_other_bits_that_are_announced_are_held_to_the_bound_in_every_run(size, status):
    announced = InProcess(shaken(size), expected={"dense/*": NONDETERMINISTIC})
    report = conform(announced, only=["dense"], quick=True)
    plain = report.findings[0]
    assert plain.status == status
    assert plain.messages == ()
    assert conform(InProcess(shaken(size)), only=["dense"], quick=True).findings[0].status == Status.failed


def test_one_run_in_seven_outside_the_bound_is_a_fault_of_what_is_nondeterministic():
    report = conform(InProcess(every(7), expected={"*": NONDETERMINISTIC}), only=["dense"], quick=True)
    assert report.findings[0].status == Status.failed
    assert report.findings[0].tensors[0].ratio > 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("huge", [False, True])
def test_an_array_lies_in_poison(layout, huge):
    for x in (X, X[0], np.array(3.0), np.zeros((0, 2)), np.arange(3)):
        placed = Placed(NUMPY, x, SINGLE, layout, huge)
        np.testing.assert_array_equal(placed.array, x)
        assert placed.array.dtype == (np.int64 if x.dtype.kind == "i" else np.float32)
        assert placed.buffer.size >= x.size + 2 * MARGIN
        outside = placed.buffer[~placed.inside]
        assert outside.size == placed.buffer.size - x.size
        assert (np.isnan(outside) | (abs(outside.astype(float)) > 1e18)).all()
        assert placed.written() is None
    made = Placed(NUMPY, X, SINGLE, layout, huge).array
    assert made.flags["C_CONTIGUOUS"] == (layout == "C")


def test_other_numbers_in_the_same_array():
    placed = Placed(NUMPY, X, DOUBLE, "reversed", False)
    array = placed.array
    placed.refill(-X)
    np.testing.assert_array_equal(array, -X)
    assert placed.written() is None
    array[0, 0] = 1
    assert placed.written() == "to"


def test_nested_lists_and_settings_stay():
    held = Held(NUMPY, {"a": [X, (X, 3, "ridge")], "b": 2.0}, SINGLE, frozen=frozenset(["a"]))
    (first, second), b = held.arguments
    assert isinstance(second, tuple)
    assert (second[1:], b) == ((3, "ridge"), 2.0)
    assert [name for name, _ in held.arrays] == ["a", "a"]
    assert not first.flags.writeable


@pytest.mark.parametrize("name", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("torch", "jax")])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_libraries_hold_the_same_numbers(name, layout):
    own = library(name)
    for x in (X, np.zeros((0, 2)), np.arange(3)):
        placed = Placed(own, x, SINGLE, layout, False)
        np.testing.assert_array_equal(own.numbers(placed.array), x)
        placed.refill(2 * x)
        np.testing.assert_array_equal(own.numbers(placed.array), 2 * x)
        assert placed.written() is None


@pytest.mark.torch
def test_torch_is_seen_to_write_beside_and_to_keep_results():
    known = {}

    def kept(v, W, b):
        return known.setdefault(id(v), (v, v @ W + b))[1], (v, W)

    def writing(v, W, b):
        v.as_strided((1,), (1,), v.storage_offset() - 1).zero_()
        return v @ W + b, (v, W)

    def backward(dy, cache):
        v, W = cache
        return dy @ W.T, v.T @ dy, dy.sum(0)

    case = case_of("dense/square/float32/0")
    seen = observe(case, dense(kept, backward).get, library("torch"))
    assert any(each.startswith("y of arrays whose numbers were replaced") for each in seen.messages)
    seen = observe(case, dense(writing, backward).get, library("torch"))
    assert seen.messages == ["writes to memory beside its argument v"]
