"""The judge of the lessons: the oracle's, on small cases, with a function that runs in a process of its own."""

import ast
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pp_ref.errors import DataError, DomainError
from pp_ref.lessons.card import Card, Counterexample
from pp_ref.lessons.exercise import Exercise
from pp_ref.lessons.exercises import EXERCISES
from pp_ref.oracle.candidates.call import results
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.candidates.processes import Candidate, InWorker
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.cases import names
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.operations.truth import cotangents_of, truth
from pp_ref.oracle.verdict.diagnosis import UNKNOWN, Diagnosis, Evidence, diagnose
from pp_ref.oracle.verdict.evidence import base, outside
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge
from pp_ref.oracle.verdict.matching import mistaken
from pp_ref.oracle.verdict.places import place

__all__ = ["check", "check_file", "exercise", "judged"]

TIME_LIMIT, IMPORT_LIMIT = 10.0, 20.0  # seconds a case, and for what stands outside functions
FEW_ROUNDED = 16  # wrong entries that do not tell of a coarser arithmetic yet: chance may round them
TELLING = ("raised ", "y is int", "y is uint", "y is bool")
SILENT = ("did not return", "ended its process", "closed the pipe", "could not be loaded")
BY_ID = {each.id: each for each in EXERCISES}
BY_FUNCTION = {each.function: each for each in EXERCISES}
SOLUTIONS = Path(__file__).with_name("solutions.py")


def exercise(identity: str) -> Exercise:
    """The exercise of an id.

    raises  DomainError if there is none
    """
    if identity not in BY_ID:
        raise DomainError(f"exercise is {identity!r}, expected one of {', '.join(BY_ID)}")
    return BY_ID[identity]


def check(identity: str, source: str) -> Card:
    """Judge an answer to one exercise.

    identity  "3.1"
    source    Python, with the function to write; it runs in a process of its own, and may raise, hang or print
    returns   a `Card`
    raises    DomainError for an exercise that there is not

    Examples
    --------
    >>> from pp_ref.lessons import check
    >>> card = check("1.1", "def product(U, V):\\n    return V @ U")
    >>> card.status, card.agree, card.asked
    ('wrong', 0, 7)
    """
    asked = exercise(identity)
    if asked.function not in _functions(source, lenient=True):
        return Card(identity, asked.function, "unfinished", 0, 0, _there(asked))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer.py"
        path.write_text(f"{source}\n\n{asked.given}", "utf-8")
        try:
            worker = InWorker(str(path), TIME_LIMIT, IMPORT_LIMIT, cases="pp_ref.lessons.exercises")
        except DataError as error:
            said = str(error).replace(str(path), "your file")
            said = said.partition("; expected a Python file")[0].partition(": import less")[0]
            steps = (f"Before {asked.function} was called.", _plainly(said), *_general(asked, ()))
            return Card(identity, asked.function, "wrong", 0, 0, _there(asked), "import", steps)
        try:
            return judged(asked, worker)
        finally:
            worker.close()


def judged(asked: Exercise, candidate: Candidate) -> Card:
    """The card of a candidate: the cases in turn, up to one after which its process is gone."""
    evidence: list[Evidence] = []
    for case in asked.cases():
        seen, due = candidate.observe(case), truth(case)
        evidence.append(Evidence(case, due, seen, judge(case, due, seen)))
        if any(words in message for message in seen.messages for words in SILENT):
            break
    failed = [each for each in evidence if each.finding.status not in (Status.passed, Status.suspicious)]
    counts = len(evidence) - len(failed), len(evidence), _there(asked) - len(evidence)
    notes = tuple(dict.fromkeys(warning for each in evidence for warning in each.seen.warnings))
    if not failed:
        return Card(asked.id, asked.function, "doubtful" if notes else "right", *counts, notes=notes)
    mistake, steps = _ladder(asked, evidence, failed)
    return Card(asked.id, asked.function, "wrong", *counts, mistake, steps, _smallest(failed))


def _there(asked: Exercise) -> int:
    """How many cases there are: the lesson's, and one of each of the oracle's regimes of an operation of its own."""
    oracle = len(names(asked.operation)) if asked.operation.name in BY_NAME else 0
    return len(asked.sizes) + oracle


def check_file(path: Path) -> list[Card]:
    """Judge every answer in a Python file: of each exercise whose function it has.

    raises  DataError if it cannot be read, or has no such function

    Examples
    --------
    >>> from pathlib import Path
    >>> from pp_ref.lessons import check_file
    >>> _ = Path("answer.py").write_text("def product(U, V):\\n    return U @ V")
    >>> [(card.exercise, card.status) for card in check_file(Path("answer.py"))]
    [('1.1', 'right')]
    """
    try:
        source = path.read_text("utf-8")
        there = _functions(source)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} cannot be read ({error}): expected a Python file with answers") from error
    answered = [each for each in EXERCISES if each.function in there]
    if not answered:
        raise DataError(f"{path} has none of the functions to write: {', '.join(BY_FUNCTION)}")
    return [check(each.id, source) for each in answered]


def _functions(source: str, lenient: bool = False) -> list[str]:
    """Names that are defined outside functions; lenient: of a file that is no Python, names after ``def``."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        if not lenient:
            raise
        return [line[4:].partition("(")[0].strip() for line in source.splitlines() if line.startswith("def ")]
    named = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return named + [each.id for node in assigned for each in node.targets if isinstance(each, ast.Name)]


def _ladder(asked: Exercise, evidence: Sequence[Evidence], failed: Sequence[Evidence]) -> tuple[str, tuple[str, ...]]:
    """The identifier of what is wrong, and four steps: where, what kind, which term, the repair."""
    numbers = [each for each in failed if each.wrong or each.misshapen]
    passed = [each for each in evidence if each.passed]
    wrong = list(dict.fromkeys(base(each.name) for item in numbers for each, _ in (*item.misshapen, *item.wrong)))
    where = _where(evidence, failed, numbers, wrong)
    if numbers:
        with np.errstate(all="ignore"):
            match = mistaken(known(asked), numbers, passed)
        if match is not None and match.whole:
            own = {f"{asked.id}/{each.name}": each for each in asked.mistakes}[match.mistake.identifier]
            return match.mistake.identifier, (where, own.kind, own.term or _term(asked, wrong), own.repair)
    found = diagnose(asked.operation, evidence)
    wrong_entries = sum(int(outside(due, computed).sum()) for each in numbers for due, computed in each.wrong)
    few = 1 if not found or not found.identifier.startswith("coarser/") else FEW_ROUNDED
    if wrong_entries and wrong_entries <= few and not any(each.misshapen for each in numbers):
        found = Diagnosis("unknown", place(numbers))  # so few numbers have many explanations
    if found is None or found.identifier == "unknown":
        if said := _stopped(failed):
            return "behaviour", (where, _plainly(said), *_general(asked, wrong))
        return "unknown", (where, _unknown(found.sentence if found else ""), *_general(asked, wrong))
    return found.identifier, (where, _plainly(found.sentence), *_general(asked, wrong))


def _stopped(failed: Sequence[Evidence]) -> str:
    """What an exception or a dtype says, of numbers that no known mistake gives: they are what comes of it.

    "" where most cases that fail have neither.
    """
    said = [next((words for words in each.finding.messages if words.startswith(TELLING)), "") for each in failed]
    told = [words for words in said if words]
    if 2 * len(told) < len(failed):
        return ""
    return f"{told[0]}; in {len(told)} of {len(failed)} cases that fail"


def _where(
    evidence: Sequence[Evidence], failed: Sequence[Evidence], numbers: Sequence[Evidence], wrong: Sequence[str]
) -> str:
    cases = f"{len(failed)} of {len(evidence)} cases"
    if not numbers:
        return f"Not in the numbers of a result, but in how the function behaves, in {cases}."
    every = list(dict.fromkeys(base(each.name) for item in evidence for each in item.expected))
    right = [name for name in every if name not in wrong]
    said = f"In {_and(wrong)}, in {cases}"
    said += f"; {_and(right)} agree{'s' if len(right) == 1 else ''}." if right else "."
    if shaped := next(iter(numbers[0].misshapen), None):
        return f"{said} In the smallest case {shaped[0].name} has shape {shaped[1].shape}, not {shaped[0].exact.shape}."
    expected, computed = numbers[0].wrong[0]
    bad = outside(expected, computed)
    return f"{said} In the smallest one {int(bad.sum())} of {bad.size} entries of {expected.name} differ."


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _term(asked: Exercise, wrong: Sequence[str]) -> str:
    return asked.terms.get(wrong[0] if wrong else "", next(iter(asked.terms.values())))


def _general(asked: Exercise, wrong: Sequence[str]) -> tuple[str, str]:
    return _term(asked, wrong), asked.repair


def _unknown(pattern: str) -> str:
    said = "No mistake that is known gives these numbers."
    return _plainly(f"{said} The pattern: {pattern.replace(UNKNOWN, '')}") if pattern else said


def _plainly(sentence: str) -> str:
    said = sentence.replace("answer.py:", "line ").replace(
        "is an int, expected an array of numpy", "is an int: return a float"
    )
    return textwrap.shorten(said, 400, placeholder=" ...")


def _smallest(failed: Sequence[Evidence]) -> Counterexample | None:
    """The smallest failing case, with its first wrong result: one of wrong numbers, if there is any."""
    item = next((each for each in failed if each.wrong or each.misshapen), failed[0])
    arguments = {name: _listed(value) for name, value in item.case.arguments.items()}
    if item.case.operation.kind == "layer" and item.case.operation.learned:
        dy = [each.tolist() for each in cotangents_of(item.case)]
        arguments["dy"] = dy if len(dy) > 1 else dy[0]
    if not item.wrong:
        due, none = item.expected[0], np.ones(item.expected[0].exact.shape, bool)
        if item.misshapen:
            due, none = item.misshapen[0][0], np.ones(item.misshapen[0][0].exact.shape, bool)
        elif item.seen.results:
            return None
        return Counterexample(item.case.id, arguments, due.name, None, due.exact.tolist(), none.tolist())
    due, computed = item.wrong[0]
    wrong = outside(due, computed).tolist()
    return Counterexample(item.case.id, arguments, due.name, computed.tolist(), due.exact.tolist(), wrong)


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


# The mistakes that have names in the lessons, as functions that make them.


@cache
def solutions() -> dict[str, str]:
    """Function -> its solution, without imports."""
    tree, text = ast.parse(SOLUTIONS.read_text("utf-8")), SOLUTIONS.read_text("utf-8")
    found = {node.name: ast.get_source_segment(text, node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name: source or "" for name, source in found.items()}


def wrong_answer(asked: Exercise, old: str, new: str) -> str:
    """The solution with one text replaced."""
    right = solutions()[asked.function]
    if right.count(old) != 1:
        raise DomainError(f"{asked.id}: {old!r} stands {right.count(old)} times in the solution, expected once")
    return f"import numpy as np\n\n\n{right.replace(old, new)}\n"


@cache
def known(asked: Exercise) -> tuple[Mistake, ...]:
    """The exercise's own mistakes, in the oracle's form."""
    found = []
    for each in asked.mistakes:
        source = f"{wrong_answer(asked, each.old, each.new)}\n\n{asked.given}"
        functions: dict[str, Any] = {}
        exec(compile(source, f"{asked.id} {each.name}", "exec"), functions)  # of this package's own text

        def run(case: Case, functions: dict[str, Any] = functions) -> Any:
            return results(case, functions.get, library("numpy"))

        found.append(Mistake(each.kind, run, f"{asked.id}/{each.name}"))
    return tuple(found)
