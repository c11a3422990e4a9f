"""Which of the cases that fail a report shows first, and how severe one is."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pp_ref.oracle.verdict.findings import Finding

__all__ = ["entries", "severity", "telling"]

SEVERITIES = ((2.0, "barely"), (16.0, "a little"), (2.0**10, "clearly"), (2.0**20, "by far"))


def telling(failed: Sequence[Finding]) -> Finding:
    """The smallest case in which a number is wrong that is finite, and due to be; else in which any is."""

    def rank(finding: Finding) -> tuple[int, int]:
        worst = finding.worst
        wrong = worst is not None and worst.at is not None and not worst.ratio <= 1
        if worst is None or not wrong:
            return (1 if finding.messages and entries(finding) else 2), entries(finding)
        return (0 if math.isfinite(worst.computed) and math.isfinite(worst.exact) else 1), entries(finding)

    return min(failed, key=rank)


def entries(finding: Finding) -> int:
    """How many numbers its arguments have."""
    return sum(math.prod(shape) for value in finding.arguments.values() for shape in _shapes(value))


def _shapes(value: Any) -> Iterator[list[int]]:
    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _shapes(each)


def severity(finding: Finding) -> str | None:
    """In words, of the entry that is furthest out: "barely: 1.9 times its bound"; None where no number is wrong."""
    ratios = [tensor.ratio for tensor in finding.tensors if not tensor.ratio <= 1]
    if not ratios:
        return None
    if not all(map(math.isfinite, ratios)):
        return "NaN or infinity where a number is due, or another number where nothing rounds"
    most = max(ratios)
    words = next((words for limit, words in SEVERITIES if most < limit), "completely")
    return f"{words}: {most:.2g} times its bound"
