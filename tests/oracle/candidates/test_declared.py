"""What a candidate says of itself by names, EXPECTED and FORWARD_ONLY, and what is said where it says nothing."""

from pathlib import Path

import numpy as np
import pytest

from pp_ref import layers
from pp_ref.errors import DataError, DomainError
from pp_ref.oracle import InProcess, conform, load
from pp_ref.oracle.candidates.behaviour import Observation, observe
from pp_ref.oracle.candidates.declared import (
    DOCUMENTED,
    NO_CEIL,
    NONDETERMINISTIC,
    RAISES,
    Declared,
    announced,
    check_provided,
    misspelled,
)
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.verdict.findings import Status
from tests.refused import refuses

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
DENSE = {"dense_forward": layers.dense_forward, "dense_backward": layers.dense_backward}


def none(*arguments):
    """A function of another name."""


test_nothing_to_judge_is_refused = refuses(
    lambda functions: check_provided("my_layers.py", functions),
    {
        DataError: [
            ({}, r"^no function of a documented name in my_layers.py; it has: none. Names are such as dense_forward "),
            ({"foo": none, "bar": none}, "it has: foo, bar. Names are such as "),
            ({"_dense": none, "Dense": type, "np": np}, "it has: none. Names"),
            ({"dens_forward": none}, r"it has: dens_forward. dens_forward: did you mean dense_forward\?"),
            ({"dense_backward": none}, "it has: dense_backward. dense_backward needs dense_forward beside it. Names"),
            ({f"f{i}": none for i in range(20)}, "f11, ...."),
        ]
    },
)
test_operations_that_there_are_not_are_refused = refuses(
    lambda names: Declared(forward_only=names),
    {
        DomainError: [
            (["dens"], r"^FORWARD_ONLY is 'dens', expected one of dense, pool, .*: did you mean 'dense'\?$"),
            ("dense", "^FORWARD_ONLY is 'dense', expected True or a list of names of operations$"),
        ]
    },
)
test_what_a_library_has_not_is_refused = refuses(
    lambda settings: InProcess(DENSE, **settings),
    {
        DomainError: [
            ({"arithmetic": "bfloat16"}, "^arithmetic is 'bfloat16', but NumPy has no such dtype: expected float64,"),
            ({"autodiff": True}, "^autodiff needs torch or jax arrays, but the candidate's are numpy's$"),
        ]
    },
)


def test_an_empty_file_is_refused(tmp_path):
    file = tmp_path / "empty.py"
    file.write_text("")
    with pytest.raises(DataError, match=r"^no function of a documented name in .*empty.py; it has: none"):
        load(str(file))


def test_names_that_look_misspelled():
    assert misspelled({"dense_forward": none, "dense_backwards": none}) == {"dense_backward": "dense_backwards"}
    assert misspelled({"max_pool_2d_forward": none}) == {"max_pool2d_forward": "max_pool_2d_forward"}
    assert misspelled(DENSE | {"helper": none, "patches": none}) == {}
    assert not {*DOCUMENTED} - misspelled({name + "s": none for name in DOCUMENTED}).keys()


@pytest.mark.parametrize("name", ["numpy", pytest.param("torch", marks=pytest.mark.torch)])
def test_helpers_of_the_examples_are_nobodys_misspelling(name):
    assert load(str(EXAMPLES / f"{name}_layers.py")).declared.misspelled == {}


def test_a_misspelled_name_makes_an_operation_suspicious():
    report = conform(InProcess(DENSE | {"relu_forwards": none}), only=["dense", "relu"], quick=True)
    relu = next(f for f in report.findings if f.operation == "relu")
    assert (relu.status, relu.messages) == (Status.suspicious, ("relu_forwards: did you mean relu_forward?",))
    assert report.exit_code == 2
    backwards = {"dense_forward": layers.dense_forward, "dense_backwards": layers.dense_backward}
    report = conform(InProcess(backwards, forward_only=True), only=["dense"], quick=True)
    assert report.findings[0].messages == ("dense_backwards: did you mean dense_backward?",)
    assert report.exit_code == 2


def test_a_backward_function_alone_is_not_passed_over():
    report = conform(InProcess({"relu_backward": none} | DENSE), only=["dense", "relu"], quick=True)
    relu = next(f for f in report.findings if f.operation == "relu")
    assert (relu.status, relu.messages) == (Status.suspicious, ("relu_backward needs relu_forward beside it",))


@pytest.mark.parametrize(("declared", "code"), [(False, 2), (True, 0), (["relu"], 0), (["dense"], 2)])
def test_forward_without_backward_has_to_be_declared(declared, code):
    functions = {"relu_forward": layers.relu_forward}
    report = conform(InProcess(functions, forward_only=declared), only=["relu"], quick=True)
    assert report.exit_code == code
    assert report.counts[Status.passed] == len(report.findings)
    assert report.findings[0].missing == (("relu_backward",) if code else ())


def test_what_raises_for_its_arguments_says_how_it_is_called(tmp_path):
    file = tmp_path / "my_layers.py"
    file.write_text("def dense(x, y):\n    pass\n\ndef relu(v):\n    return helper(v)\n\ndef helper(v):\n    1 / 0\n")
    candidate = load(str(file))
    assert candidate.observe(case_of("dense/plain/float64/0")).messages == [
        "raised TypeError at my_layers.py:1: dense_forward(x, y) is called with (v, W, b), by position",
        "called with v (6, 7), W (7, 4), b (4,)",
    ]
    said, called = candidate.observe(case_of("relu/plain/float64/0")).messages
    assert said == "raised ZeroDivisionError at my_layers.py:8: division by zero"
    assert called == "called with v (5, 8)"
    assert candidate.observe(case_of("maxout/plain/float64/0")).provided is False


POOL = {"max_pool2d_forward": layers.max_pool2d_forward, "max_pool2d_backward": layers.max_pool2d_backward}


def test_no_ceil():
    """Cases with ceil may fail, the others may not."""

    def floor(v, size, stride, ceil):
        return layers.max_pool2d_forward(v, size, stride, False)

    functions = POOL | {"max_pool2d_forward": floor}
    report = conform(InProcess(functions, expected={"*": NO_CEIL}), only=["max_pool2d"])
    with_ceil = {f.id: case_of(f.id).arguments["ceil"] for f in report.findings}
    assert {with_ceil[f.id] for f in report.findings if f.status == Status.expected} == {True}
    assert {with_ceil[f.id] for f in report.findings if f.status == Status.passed} == {False}
    broken = POOL | {"max_pool2d_forward": lambda v, *rest: (floor(v, *rest)[0] + 1, None)}
    counts = conform(InProcess(broken, expected={"*": NO_CEIL}), only=["max_pool2d"]).counts
    assert counts[Status.failed] >= list(with_ceil.values()).count(False)


def test_raises_on_nan():
    def refusing(v, W, b):
        if np.isnan(v).any():
            raise ValueError("NaN in v")
        return layers.dense_forward(v, W, b)

    wanted = {"*/NaN in v/*": RAISES}
    report = conform(InProcess(DENSE | {"dense_forward": refusing}, expected=wanted), only=["dense"])
    assert [f.regime for f in report.findings if f.status == Status.expected] == ["NaN in v"]
    assert report.exit_code == 0
    report = conform(InProcess(DENSE, expected=wanted), only=["dense"])
    (failed,) = [f for f in report.findings if f.status == Status.failed]
    assert failed.messages == ("is announced with 'raises on NaN', but does not raise: take that off EXPECTED",)
    hidden = {**DENSE, "dense_forward": lambda v, W, b: layers.dense_forward(np.nan_to_num(v), W, b)}
    report = conform(InProcess(hidden, expected=wanted), only=["dense"])
    assert "NaN in v" in {f.regime for f in report.findings if f.status == Status.failed}


def test_infinity_need_not_raise_where_nan_does():
    infinite, wanted = case_of("dense/infinity in v/float64/0"), Declared({"*": RAISES})
    assert observe(infinite, DENSE.get, library("numpy"), declared=wanted).messages == []


def test_words_hold_where_they_say():
    plain, wild = case_of("dense/plain/float64/0"), case_of("dense/NaN in v/float64/0")
    assert announced({"*": RAISES}, plain, raised=True) is None
    assert announced({"*": RAISES}, wild, raised=False) is None
    assert announced({"*": RAISES}, wild, raised=True) == RAISES
    assert announced({"*": NONDETERMINISTIC, "dense/*": "slow"}, plain, raised=False) == "slow"
    assert Declared({"dense/*": NONDETERMINISTIC}).is_nondeterministic(plain)
    assert not Declared({"relu/*": NONDETERMINISTIC}).is_nondeterministic(plain)
    assert Declared(forward_only=["dense"]).is_forward_only(BY_NAME["dense"])
    assert Observation(messages=["raised ValueError"]).raised


def test_observe_needs_no_declaration():
    assert observe(case_of("dense/plain/float64/0"), DENSE.get, library("numpy")).messages == []


@pytest.mark.torch
def test_a_file_for_torch_that_does_not_say_so_is_told_what_to_add(tmp_path):
    said = (
        'is called with NumPy arrays, though its file imports torch: write ARRAYS = "torch" in it, and AUTODIFF = True'
    )
    code = "import torch\n\n\ndef relu_forward(v):\n    return torch.relu(v)\n"
    (tmp_path / "plain.py").write_text(code)
    assert conform(load(tmp_path / "plain.py"), only=["relu"], quick=True).diagnoses["relu"].startswith(said)
    (tmp_path / "said.py").write_text(code.replace("torch\n", 'torch\nARRAYS, AUTODIFF = "torch", True\n', 1))
    assert conform(load(tmp_path / "said.py"), only=["relu"], quick=True).exit_code == 0


def test_other_errors_say_nothing_of_a_library():
    def relu_forward(v):
        raise ValueError("no")

    report = conform(InProcess({"relu_forward": relu_forward, "np": np}), only=["relu"], quick=True)
    assert report.diagnoses["relu"].startswith("raised ValueError")
