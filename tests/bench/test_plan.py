"""Shapes for which there is no exact result in a reasonable time are left out."""

from pp_ref.bench.plan import goals, measure, said
from pp_ref.bench.timing import Timing


def test_long_doubles_judge_small_shapes_only():
    record = measure(Timing(1).of_single_calls(), sides=(6,), batches=(800,), proportions=(0.5,), columns=(1,))
    assert {block["dtype"] for block in record["measured"]} == {"float32"}


def test_an_unstable_shape_counts_as_missed():
    blocks = [{"threads": 1, "choice": {"behind": behind}} for behind in (0.0, 0.01, None)]
    record = {"measured": blocks}
    record["goals"] = list(goals(record))
    assert [goal["reached"] for goal in record["goals"]] == [None, 0.01]
    assert "1% behind the best at the median and unstable at most (1 of 3 shapes beyond 25%)" in said(record)
    assert said(record).endswith("are missed.")
