"""Cases beyond what 32 bits count: few rows of whole numbers, again and again."""

from dataclasses import replace

import numpy as np
import pytest

from pp_ref import layers
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations import far
from pp_ref.oracle.operations.cases import case_of, far_cases
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.oracle.operations.truth import truth
from pp_ref.oracle.verdict.judge import judge

FLOAT32 = ARITHMETICS["float32"]


def judged(case, functions):
    candidate = InProcess(functions, arithmetic=case.arithmetic.name, forward_only=True)
    return judge(case, truth(case), candidate.observe(case))


def relu_of_32_bits(v):
    """Rows at byte offsets that are counted in 32 bits: beyond 2^31 they are negative, and are never reached."""
    offsets = np.arange(len(v), dtype=np.int32) * np.int32(v.strides[0])
    y = np.zeros_like(v)
    y[: np.argmax(offsets < 0) if (offsets < 0).any() else None] = 1
    return np.multiply(np.maximum(v, 0, out=y, where=y > 0), 1, out=y), None


def test_arrays_are_as_large_as_their_names_say():
    found = [case for each in OPERATIONS for case in far_cases(each, FLOAT32)]
    assert {case.operation.name for case in found} == {"dense", "pool", "predicted", "lowrank", "relu", "maxout"}
    for case in found:
        entries = case.arguments["v"].size
        assert entries % 2 == 1
        size = entries * (4 if case.regime.endswith("bytes") else 1)
        assert 2**31 + size < case.copies * size < 2**31 + 4 * size
        assert case_of(case.id).copies == case.copies


def test_no_sum_over_all_copies_rounds():
    case = next(far_cases(BY_NAME["dense"], FLOAT32))
    v, dy = case.arguments["v"], case.cotangent([(1009, 21)])[0]
    assert case.copies * (abs(v).T @ abs(dy)).max() <= 2**24
    _, dv, dW, db = truth(case)
    np.testing.assert_array_equal(dW.exact, case.copies * (v.T @ dy))
    np.testing.assert_array_equal(db.exact, case.copies * dy.sum(axis=0))
    assert dv.exact.shape == v.shape
    assert not list(far_cases(BY_NAME["dense"], ARITHMETICS["bfloat16"]))


@pytest.mark.parametrize("name", ["dense", "pool", "predicted", "lowrank", "relu", "maxout"])
def test_a_right_candidate_agrees(name):
    """Of a few copies; pp_ref's own functions."""
    case = replace(next(far_cases(BY_NAME[name], FLOAT32)), copies=4)
    finding = judged(case, layers)
    assert (finding.status, finding.messages) == ("passed", ())
    assert [tensor.name for tensor in finding.tensors][:2] == ["y" if name != "pool" else "y[0]", "dv"]


def test_rows_that_are_another_copy_s_or_none_are_reported():
    case = replace(next(far_cases(BY_NAME["relu"], FLOAT32)), copies=4)
    for shift in (2, -2):

        def wrong(v, shift=shift):
            y = np.maximum(v, 0)
            y[3 * 1009 :] = np.roll(y[3 * 1009 :], shift, axis=0)
            return y, None

        finding = judged(case, {"relu_forward": wrong})
        assert finding.status == "failed"
        assert finding.messages == ("y is not that of the same 1009 examples before, from entry 196,755 on",)
        assert not finding.worst.ratio <= 1
    short = judged(case, {"relu_forward": lambda v: (np.maximum(v[:-1], 0), None)})
    assert short.messages[0].startswith("y has shape (4035, 65), expected ")


def test_without_the_memory_it_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr("pp_ref.oracle.run.memory_available", lambda: 2.0**30)
    case = next(far_cases(BY_NAME["relu"], FLOAT32))
    report = conform(InProcess(layers, arithmetic="float32"), replay=case.id)
    assert report.findings[0].reason == "it needs 12 GiB of memory at least, and 1 GiB are available"
    assert report.exit_code == 3


def test_of_a_declared_algorithm_there_is_no_bound():
    case = next(far_cases(BY_NAME["dense"], FLOAT32))
    report = conform(InProcess(layers, arithmetic="float32", algorithm="Strassen"), replay=case.id)
    assert report.findings[0].reason == "of Strassen no bound is derived for so many examples"


def test_memory():
    """v and dv, y and dy, and the largest twice more."""
    case = replace(next(far_cases(BY_NAME["relu"], FLOAT32)), copies=10)
    assert far.memory(case) == 6 * 10 * 1009 * 65 * 4
    assert far.memory_available() > 2**20


@pytest.mark.torture
def test_offsets_of_32_bits_are_reported():
    """At full size, where the machine has the memory."""
    case = next(far_cases(BY_NAME["relu"], FLOAT32))
    if far.memory(case) > far.memory_available():
        pytest.skip(f"needs {far.memory(case) / 2**30:.0f} GiB of memory")
    right = judged(case, {"relu_forward": lambda v: (np.maximum(v, 0), None)})
    assert right.status == "passed"
    wrong = judged(case, {"relu_forward": relu_of_32_bits})
    assert wrong.status == "failed"
    assert wrong.messages[0].startswith("y is not that of the same 1009 examples before, from entry 536,")
