"""What is wrong with a candidate, in words: the known mistake that has the same results, or a pattern of the errors.

And what the cases that fail have in common.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.faults.arguments import of_arguments, rounded_operands
from pp_ref.oracle.faults.formulas import of_formulas
from pp_ref.oracle.faults.mistakes import known, unheard_of
from pp_ref.oracle.faults.parts import of_parts
from pp_ref.oracle.faults.rearranged import rearranged
from pp_ref.oracle.faults.uses import of_uses
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.verdict.coarser import coarse, inaccurate, like_single, overflowed, partial_sums, widened
from pp_ref.oracle.verdict.common import common
from pp_ref.oracle.verdict.evidence import Evidence, outside
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.matching import Match, mistaken, spread
from pp_ref.oracle.verdict.patterns import scaled, simple
from pp_ref.oracle.verdict.places import UNKNOWN, place, special
from pp_ref.oracle.verdict.shapes import shaped

__all__ = ["UNKNOWN", "Diagnosis", "Evidence", "diagnose"]

LARGE = 4  # large cases, of all sizes, on which a mistake is tried where the others pass


# Words of messages on state that tell most, and how these begin.
STATE = {
    "is overwritten": "keeps results in memory that later calls use",
    "other bits": "keeps state between calls, or depends on chance",
}


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with an operation.

    identifier  of the mistake, the same in every run: "dense_forward/bias omitted", "state", "shape/floor", "unknown"
    sentence    what is wrong, and what the cases that fail have in common
    """

    identifier: str
    sentence: str


def diagnose(operation: Operation, evidence: Sequence[Evidence]) -> Diagnosis | None:
    """A sentence or two on an operation that failed, from all of its cases; None if nothing failed.

    Tried in turn: memory that is nobody's; state between calls; shapes; every known mistake of the operation, which has
    to have the candidate's results on every case; entries past a tile, or beyond a number; a simple change of the right
    result; other formulas; other arguments than were given; a factor, an offset, or an argument that is added; coarser
    arithmetic than was declared; mistakes by rule, and small changes of a right function; the place of the errors.
    """
    judged = [each for each in evidence if each.finding.status != Status.not_provided]
    failed = [each for each in judged if each.finding.status == Status.failed]
    passed = [each for each in judged if each.passed]
    with np.errstate(all="ignore"):  # a wrong result may be anything
        found = _found(operation, judged, [each for each in passed if not each.case.wild])
    if found is None:
        return None
    identifier, sentence = found
    if not failed:
        return Diagnosis(identifier, sentence)
    return Diagnosis(identifier, f"{sentence}; {common(failed, passed)}")


def _found(operation: Operation, evidence: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str] | None:
    failed = [each for each in evidence if each.wrong and not each.case.wild]
    messages = _messages(evidence)
    for key in ("memory", "state"):
        if of_it := [message for message in messages if _kind(message) == key]:
            name = "unwritten memory" if any("never written" in each for each in of_it) else key
            return name, "; ".join(of_it) if key == "memory" else _of_state(of_it)
    misshapen = [each for each in evidence if each.misshapen and not each.case.wild]
    if misshapen:
        return shaped(misshapen, passed)
    if not failed:
        return _without_numbers(evidence, messages)
    # A mistake may divide 0 by 0 besides: what it does elsewhere tells more.
    spoilt = [each for each in failed if each.spoilt]
    numbers = [each for each in failed if each not in spoilt] or failed
    identifier, said = _of_numbers(operation, numbers, passed)
    if identifier == "unknown" and (kept := [message for message in messages if "it is not read" in message]):
        identifier, said, messages = "not read", "; ".join(kept), [each for each in messages if each not in kept]
    if len(numbers) < len(failed):
        regimes = sorted({each.case.regime for each in spoilt})
        said += f", and there is NaN in the case of {', '.join(regimes[:3])}"
    return identifier, "; ".join([said, *messages])


def _without_numbers(evidence: Sequence[Evidence], messages: list[str]) -> tuple[str, str] | None:
    """Of cases in which no number is wrong: what else is, and where NaN and infinity go."""
    wild = [each for each in evidence if each.wrong]
    said = list(messages)
    if wild:
        tensor = wild[0].finding.worst
        regimes = ", ".join(each.case.regime for each in wild[:3])
        name = tensor.name if tensor else "y"
        spreads = tensor is not None and np.isfinite(tensor.exact) and not np.isfinite(tensor.computed)
        goes = f"reaches entries of {name} that it is no part of" if spreads else f"does not come through to {name}"
        said.append(f"NaN or infinity in an argument {goes} ({regimes})")
    if not said:
        return None
    return (_kind(messages[0]) or "behaviour") if messages else "NaN hidden", "; ".join(said)


def _of_state(messages: list[str]) -> str:
    """What is overwritten, and what differs from run to run, is seen by other means as well."""
    for words, said in STATE.items():
        if of_it := [message for message in messages if words in message]:
            return f"{said}: {'; '.join(of_it)}"
    return f"keeps state between calls: {'; '.join(messages)}"


def _kind(message: str) -> str | None:
    """Whether it tells of numbers that are nobody's, which no mistake explains, or of a result that is not the same."""
    if "never written" in message or "memory beside" in message:
        return "memory"
    if any(words in message for words in ("other bits", "another call", "numbers were replaced", *STATE)):
        return "state"
    return None


def _messages(evidence: Sequence[Evidence]) -> list[str]:
    """What functions do besides numbers, each once, the most frequent first. After NaN nothing is linear."""
    counts: dict[str, int] = {}
    for each in evidence:
        for message in each.finding.messages:
            if each.spoilt and not each.case.wild and _kind(message) != "memory":
                continue
            # Shapes of this case alone, and what follows from a value of another shape.
            if message.startswith("called with ") or (each.misshapen and " has shape " in message):
                continue
            counts[message] = counts.get(message, 0) + 1
    for message in list(counts):  # who writes to an array and beside it writes to it
        to = message.replace("writes beside ", "writes to ").replace("writes to memory beside ", "writes to ")
        if to != message and to in counts:
            del counts[message]
    return sorted(counts, key=lambda message: -counts[message])[:3]


def _of_numbers(operation: Operation, failed: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str]:
    """The name of what is wrong, or the pattern of it. Mistakes are tried on small cases, which tell as much in less
    time, and on some large ones where no small one fails."""
    small = [each for each in failed if not each.case.large]
    tried = small or spread(failed, LARGE)
    beside = [each for each in passed if not (small and each.case.large)]
    case = tried[0].case

    match = mistaken(known(operation), tried, beside)
    if match is not None and match.whole:
        return _named(match)
    if said := overflowed(operation, failed, passed):
        return said
    if said := special(failed, passed):
        return said
    # What is computed right from other memory has no mistake in its formula.
    strided = bool(passed) and all(each.case.layout != "C" for each in failed)
    if not strided and (said := simple(tried)):
        return said
    of_reading = chain(of_arguments(case), rearranged(case))
    for mistakes in (of_formulas(operation), of_parts(operation), of_uses(case), of_reading, rounded_operands(case)):
        match = _better(match, mistaken(mistakes, tried, beside))
        if match is not None and match.whole:
            return _named(match)
    if strided:
        return "unknown", place(small or failed)
    if case.arithmetic.name == "float64" and (said := _in_float32(tried, beside)):
        return said
    said = scaled(tried)
    if said and (said[0] in ("factor", "offset") or said[0].startswith("plus ")):
        return said
    if match is not None and match.everywhere:
        return _named(match)
    said = said or coarse(tried, beside) or like_single(tried) or partial_sums(tried) or inaccurate(tried)
    if said:
        return said
    if small:
        match = _better(match, mistaken(unheard_of(operation), tried, beside))
    if match is not None and (match.everywhere or not match.besides):
        return _named(match)
    return "unknown", place(small or failed)


def _in_float32(failed: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str] | None:
    """Operands that are rounded further, of a function that computes in float32."""
    single = ARITHMETICS["float32"]
    wide = [widened(each, single) for each in failed if not each.case.whole]
    if not wide or not all(outside(each, x).any() for item in wide for each, x in item.wrong[:1]):
        return None
    match = mistaken(rounded_operands(wide[0].case), wide, [widened(each, single) for each in passed])
    if match is None or not match.whole:
        return None
    return match.mistake.identifier, f"{match.sentence}; and it computes in float32 where float64 was declared"


def _better(one: Match | None, other: Match | None) -> Match | None:
    """The one that explains more; the first of two that explain as much."""

    def rank(match: Match | None) -> int:
        if match is None:
            return 0
        return 1 + match.everywhere + 2 * (not match.besides)

    return other if rank(other) > rank(one) else one


def _named(match: Match) -> tuple[str, str]:
    where = "" if match.everywhere else "where it fails, "
    return match.mistake.identifier, where + match.sentence
