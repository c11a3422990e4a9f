"""Every small change of a function: which there are, that one is there at a time, and what it does."""

import ast

import numpy as np
import pytest

from pp_ref.oracle.algebras import plain, tape
from pp_ref.oracle.faults.alterations import altered, changes
from pp_ref.oracle.operations import definitions

ONE_EACH = {
    "a * b": {"a / b", "a + b", "a - b", "a", "b", "-(a * b)", "b * b", "a * a"},
    "a @ b": {"b @ a", "a", "b", "-(a @ b)", "b @ b", "a @ a"},
    "-a": {"a", "-b"},
    "a.T": {"a", "b.T"},
    "f(2)": {"f(3)", "f(1)"},
    "f(b, axis=True)": {"f(b, axis=False)", "f(a, axis=True)"},
    "a >= b": {"a > b", "a < b", "b >= b", "a >= a"},
    "np.sum(b)": {"np.mean(b)", "np.sum(a)"},
    "b.sum()": {"b.mean()", "a.sum()"},
    "a.x + b.shape": {
        "a.x - b.shape",
        "a.x * b.shape",
        "a.x / b.shape",
        "a.x",
        "b.shape",
        "-(a.x + b.shape)",
        "a + b.shape",
        "b + b.shape",
        "a.x + a.shape",
        "a.x + a.x.shape",
    },
}


def function(body: str) -> ast.FunctionDef:
    found = ast.parse(f"def f(a, b):\n    {body}").body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


@pytest.mark.parametrize("expression", ONE_EACH)
def test_the_changes_of_an_expression(expression):
    tree = function(f"return {expression}")
    found = [ast.unparse(tree.body[0]).removeprefix("return ") for _ in changes(tree)]
    assert sorted(found) == sorted(ONE_EACH[expression])
    assert ast.unparse(tree) == ast.unparse(function(f"return {expression}")), "the last change is still there"


@pytest.mark.parametrize("statement", ["a += b", "a.insert(0)"])
def test_a_statement_is_left_out(statement):
    tree = function(statement)
    assert "pass" in [ast.unparse(tree.body[0]) for _ in changes(tree)]


@pytest.mark.parametrize("body", ['"""a * b"""', "raise ValueError(a * b)", "c: a * b"])
def test_words_errors_and_types_stay(body):
    assert not list(changes(function(body)))


def test_a_change_says_what_stood_there():
    found = {(change.rule, change.before, change.after) for change in changes(function("return a @ b + 1"))}
    assert ("an operand left out", "a @ b + 1", "a @ b") in found
    assert ("a constant", "a @ b + 1", "a @ b + 2") in found, "a number is shown with what it is a part of"


def test_altered_functions_run_on_their_own():
    v, W, b = (tape.quantity(x, plain.ALGEBRA) for x in (np.ones((2, 3)), np.ones((3, 4)), np.ones(4)))
    values = {}
    for change, wrong in altered(definitions.dense):
        try:
            values[change.after] = wrong(v, W, b).data
        except (ValueError, AttributeError):
            continue
    assert (values["v @ W"] == 3).all()
    assert (values["v @ W - b"] == 2).all()
    assert (definitions.dense(v, W, b).data == 4).all(), "the function itself has changed"


def test_what_a_function_calls_is_changed_as_well():
    """predicted is pool, then combine."""
    assert "U_j" in {change.after for change, _ in altered(definitions.predicted)}
    assert len(list(altered(definitions.predicted))) > len(list(altered(definitions.combine)))
