"""The audit of what cases notice: its record, its page, and a short form of it on other seeds."""

from dataclasses import replace

import pytest

from benchmarks.oracle.audit import FREE, PAGE, audit, lacking, page
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.records import STUDY

RECORD = STUDY.read_json(PAGE.parents[1] / "benchmarks" / "oracle" / "audit.json", "take it from the repository again")


def test_the_page_is_made_from_the_record():
    assert PAGE.read_text("utf-8") == page(RECORD)
    assert not [row for row in RECORD["rows"] if row["lacking"]]


def test_every_argument_of_every_operation_is_changed():
    found = {(row["operation"], row["argument"]) for row in RECORD["rows"]}
    assert {name for name, _ in found} == {operation.name for operation in OPERATIONS}
    assert {"stride", "padding", "W", "b", "v"} <= {argument for name, argument in found if name == "conv2d"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_every_change_is_noticed(operation):
    rows = audit(operation, 0, hurry=True)
    assert not [row for row in rows if lacking(operation.name, row)]
    free = [row["noticed"] for row in rows if (operation.name, row["argument"], row["change"]) in FREE]
    assert not any(free)


def test_a_definition_that_does_not_add_its_bias_is_lacking():
    dense = replace(BY_NAME["dense"], definition=lambda v, W, b: v @ W + b * 0.0)
    assert {row["argument"] for row in audit(dense, 0, hurry=True) if lacking("dense", row)} == {"b"}
