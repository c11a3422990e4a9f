"""Mistakes that the oracle does not know: the record and its page, and some of them put to it again."""

import ast
import json

import pytest

from benchmarks.oracle import held_out
from pp_ref.oracle.faults.alterations import changes

BLIND = list(held_out.blind())
RECORD = json.loads(held_out.RECORD.read_text())


def test_the_page_says_what_the_record_holds():
    assert held_out.PAGE.read_text() == held_out.page(RECORD)


def test_what_is_not_reported_has_a_reason():
    assert "nobody looked" not in held_out.page(RECORD)
    missed = [each for each in (*RECORD["blind"], *RECORD["altered"]) if not each["reported"]]
    assert not any(each["named"] for each in missed)


def test_the_record_has_every_mistake():
    assert [(each["function"], each["before"], each["after"]) for each in RECORD["blind"]] == [
        (each.function, each.before, each.after) for each in BLIND
    ]
    tree = ast.parse((held_out.EXAMPLES / "numpy_layers.py").read_text())
    assert [(each["function"], each["before"], each["after"]) for each in RECORD["altered"]] == [
        (function.name, change.before, change.after)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for change in changes(function)
    ]


# One in twenty in every run.
AGAIN = [
    pytest.param(at, id=f"{each.function}: {each.rule}", marks=[pytest.mark.torture] if at % 20 else [])
    for at, each in enumerate(BLIND)
]


@pytest.mark.parametrize("at", AGAIN)
def test_what_was_reported_is_reported(at):
    if BLIND[at].program.startswith("torch"):
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    found, was = held_out.tried(BLIND[at]), RECORD["blind"][at]
    assert found["reported"] >= was["reported"]  # cases that are new since the record was made may report more
    assert found["runs"] == was["runs"]
