"""The table: names, drawn arguments, nested lists."""

import inspect

import numpy as np
import pytest

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations.draws import CONVOLUTIONS, POOLINGS, Draw, Sizes
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.table import OPERATIONS

FLOAT64 = ARITHMETICS["float64"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_arguments_are_those_of_the_definition(operation):
    arguments = operation.arguments(Draw(Sizes(), FLOAT64))
    inspect.signature(operation.definition).bind(*arguments.values())
    for names in (operation.learned, operation.linear, operation.batch):
        assert set(names) <= set(arguments)
    if operation.kind != "function":
        assert operation.learned
        assert set(operation.linear) <= set(operation.learned)
    assert operation.equation


def test_functions_are_named_by_kind():
    named = {operation.name: operation.functions for operation in OPERATIONS}
    assert named["dense"] == ("dense_forward", "dense_backward")
    assert named["softmax"] == ("softmax",)
    assert named["mlp"] == ("mlp_loss_and_gradient",)


def test_geometries_are_distinct_and_none_is_empty():
    assert len(set(CONVOLUTIONS)) == len(CONVOLUTIONS)
    assert len(set(POOLINGS)) == len(POOLINGS)
    for fh, fw, _, padding, h, w in CONVOLUTIONS:
        assert fh <= h + 2 * padding
        assert fw <= w + 2 * padding


def test_nested_lists():
    value = [np.ones(2), [np.ones(3), np.ones(1)]]
    assert [leaf.size for leaf in leaves(value)] == [2, 3, 1]
    assert [leaf.size for leaf in leaves(mapped(lambda x: x[:1], value))] == [1, 1, 1]
    assert [is_number(v) for v in (value, [], np.arange(2), 1.0, [np.arange(2)])] == [True, False, False, False, False]


def test_kept_indices_are_distinct_and_sorted():
    kept = Draw(Sizes(seed=3), FLOAT64).kept(5, 9)
    np.testing.assert_array_equal(kept, np.arange(5))
