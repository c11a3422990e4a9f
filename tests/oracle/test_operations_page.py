"""docs/operations.md describes every operation as it is judged: arguments, shapes, results, options, gradients."""

import ast
import re

import numpy as np
import pytest

from benchmarks.oracle.worked import CALL, example, source, worked
from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.operations.cases import cases
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.oracle.operations.truth import evaluated, truth
from pp_ref.oracle.run import conform
from pp_ref.oracle.verdict.findings import Status
from tests.oracle import from_the_page
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
ARRAY, SETTING = r"(\[*)\(([^)]*)\)\]*( of int64)?", r"(int|float|bool|str|tuple|list)"
DESCRIBED = re.compile(rf"(\*\*)?(\w+)(?:\*\*)? (?:{ARRAY}|{SETTING})(?=[,;.])")
TYPES = {"int": int, "float": float, "bool": bool, "str": str, "tuple": tuple, "list": list}


def described(name):
    """Arguments in order, then the result: (name, bold, depth of lists, axes, int64, type)."""
    (line,) = re.findall(r"^Takes .*; returns .*\.$", SECTIONS[name], re.MULTILINE)
    found = [
        (argument, bool(bold), len(depth), [axis for axis in axes.split(", ") if axis.strip(",")], bool(whole), kind)
        for bold, argument, depth, axes, whole, kind in DESCRIBED.findall(line)
    ]
    return found[:-1], found[-1]


def arrays(value, path=()):
    """Every array of a nested list, with its place."""
    if isinstance(value, list):
        return [each for i, item in enumerate(value) for each in arrays(item, (*path, i))]
    return [(path, value)]


def bind(axes, value, depth, known):
    """Give each letter one size; one with a subscript has one size a column, or a layer."""
    for path, array in arrays(value):
        assert len(path) == depth
        names = [axis.strip(",") for axis in axes]
        assert array.ndim == len(names), (names, array.shape)
        for axis, size in zip(names, array.shape, strict=True):
            _, _, subscript = axis.partition("_")
            place = path[: len(subscript)] if subscript in ("j", "l", "lj") else ()
            assert known.setdefault((axis, place), size) == size, f"{axis} of {path} is {size}"


def test_every_operation_has_a_section():
    assert SECTIONS.keys() == BY_NAME.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_arguments_and_results_are_those_that_are_judged(operation):
    said, (_, _, depth, axes, _, _) = described(operation.name)
    assert tuple(name for name, bold, *_ in said if bold) == operation.learned
    for case in cases(operation, arithmetic("float64")):
        assert [name for name, *_ in said] == list(case.arguments)
        known = {}
        for (_, _, lists, letters, whole, kind), value in zip(said, case.arguments.values(), strict=True):
            if kind:
                assert type(value) is TYPES[kind]
            else:
                bind(letters, value, lists, known)
                assert {leaf.dtype for leaf in leaves(value)} <= {np.dtype(np.int64 if whole else np.float64)}
        if not case.wild:
            with np.errstate(over="ignore"):
                y = [np.asarray(x) for x in evaluated(case, plain.ALGEBRA).values.values()]
            bind(axes, y if depth else y[0], depth, known)


def calls(name):
    """The keywords of every call of a section, as code."""
    for found in CALL.finditer(SECTIONS[name]):
        node = ast.parse(source(found), mode="eval").body
        yield {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_every_option_has_an_example(operation):
    shown = list(calls(operation.name))
    assert shown
    if operation.kind == "layer":
        assert any("dy" in each for each in shown)
    drawn = [case.arguments for case in cases(operation, arithmetic("float64"))]
    for name, value in drawn[0].items():
        if isinstance(value, int | float | str) and not is_number(value):
            every = {repr(arguments[name]) for arguments in drawn}
            seen = {each[name] for each in shown}
            assert len(seen) >= min(len(every), 2), f"{name} is {seen}"
            assert type(value) in (int, float) or seen >= every
    assert re.search(r"^Edges: ", SECTIONS[operation.name], re.MULTILINE)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.batch], ids=repr)
def test_without_examples_everything_that_is_not_empty_is_zero(operation):
    (case,) = [each for each in cases(operation, arithmetic("float64")) if each.regime == "no example"]
    assert not any(each.exact.any() for each in truth(case))


def test_results_that_are_not_the_oracles_are_replaced():
    stale = PAGE.replace("y (1, 3)  [[3, 3, 6.5]]", "y (1, 3)  [[3, 3, 6]]")
    assert stale != PAGE
    assert worked(stale) == PAGE == worked(PAGE)


def test_examples_with_other_arguments_are_refused():
    dense = BY_NAME["dense"]
    with pytest.raises(TypeError, match="^dense takes v, W, b, not v, W$"):
        example(dense, v=[[1]], W=[[1]])
    with pytest.raises(ValueError, match=r"^dy has shapes \[\(2,\)\], expected \[\(1, 1\)\]$"):
        example(dense, v=[[1]], W=[[1]], b=[0], dy=[[1, 2]])


def test_what_is_written_from_the_page_alone_conforms():
    only = [each.name for each in OPERATIONS if provided(each)]
    report = conform(InProcess(from_the_page), only=only, quick=True)
    assert report.exit_code == 0
    assert report.counts[Status.passed] == len(report.findings) > 50


def provided(operation):
    return hasattr(from_the_page, operation.functions[0])
