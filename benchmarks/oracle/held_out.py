"""How many mistakes that the oracle does not know it reports and names, in programs that share no code with pp_ref.

    nice python -m benchmarks.oracle.held_out [--jobs 2]    writes held_out.json and docs/oracle_held_out.md

The mistakes are all small changes of `docs/examples/numpy_layers.py` (`pp_ref.oracle.faults.alterations`), and those of
`blind.py`, which were written without knowledge of the catalogue, there and in `docs/examples/torch_layers.py`. A
program is put to every case of the operations that call the changed function, in the arithmetic that it declares.
"""

import argparse
import ast
import multiprocessing
import os
import resource
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks.oracle.blind import PIECES
from pp_ref.files import write_atomically
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.faults.alterations import changes
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.run import conform
from pp_ref.oracle.verdict.diagnosis import UNKNOWN
from pp_ref.oracle.verdict.findings import Finding, Status
from pp_ref.records import STUDY, circumstances, markdown

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
RECORD = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "oracle_held_out.md"
TIME_LIMIT = 20.0  # seconds a case
LONGEST = 200  # characters of what was said
MEMORY = 6 << 30  # bytes: a wrong size may ask for all there is
# Why a change is no mistake, by patterns of the function and of the changed code.
DISTRIBUTED = "the same products, distributed: within the bounds, which hold for any order"
EQUAL = {
    ("*", "False"): "`zip` would refuse lists of unequal lengths, and there are none",
    ("*", "len(*)"): "the same number",
    ("ridge_dictionary", "alpha.dtype"): "K is float64; where it is float32, the result is promoted, which is reported",
    ("*", "*.dtype"): "the same dtype",
    ("sigmoid_forward", "v > 0"): "at 0 both branches are 1/2",
    ("maxout_forward", "(..., -1)"): "an axis of length 1",
    ("softmax_cross_entropy_forward", "(shifted, *"): "softmax does not change when a row of logits is shifted",
    ("autoencoder_forward", "v - r"): "it is squared",
    ("autoencoder_forward", "-(r - v)"): "it is squared",
    ("autoencoder_backward", "max(len(v), 0)"): "without examples there is nothing to divide",
    ("conv2d_backward", "* padding"): "the margin may be wider than the padding: it is cut off",
    ("conv2d_backward", "2 * [hwc]*"): "the margin may be wider than the padding, and is, in every case: it is cut off",
    ("unit_columns_forward", "-(W / norms)"): "cached, and the gradient is even in it",
    ("se_kernel", "b[[]None] - *"): "it is squared",
    ("se_kernel", "-(a[[]*"): "it is squared",
    ("covariance", "(data ** power).mean*"): "it is multiplied by itself",
    ("covariance", "-(data*"): "it is multiplied by itself",
    ("mlp_loss_and_gradient", "(layer, h)"): "the same array",
    ("mlp_loss_and_gradient", "dense_forward(unit, *"): "the same array",
    ("reconstruction_forward", "(v * v)*"): DISTRIBUTED,
    ("se_kernel", "torch.cdist*"): DISTRIBUTED,
}


@dataclass(frozen=True)
class HeldOut:
    """A program with a mistake: in which function, by which rule (or what a programmer did), before and after."""

    program: str
    function: str
    rule: str
    before: str
    after: str
    text: str


def altered() -> Iterator[HeldOut]:
    """Yield every small change of the NumPy example."""
    tree = ast.parse((EXAMPLES / "numpy_layers.py").read_text())
    for function in tree.body:
        for change in changes(function) if isinstance(function, ast.FunctionDef) else ():
            yield HeldOut("numpy_layers.py", function.name, **asdict(change), text=ast.unparse(tree))


def blind() -> Iterator[HeldOut]:
    """Yield the mistakes that were written blind."""
    for program, functions in PIECES.items():
        text = (EXAMPLES / program).read_text()
        lines, found = text.splitlines(keepends=True), {getattr(x, "name", ""): x for x in ast.parse(text).body}
        for name, (mistake, before, after) in ((name, piece) for name, pieces in functions.items() for piece in pieces):
            start, end = (sum(map(len, lines[:at])) for at in (found[name].lineno - 1, found[name].end_lineno))
            own = text[start:end]
            if own.count(before) != 1:
                raise ValueError(f"{name}: {before!r} is there {own.count(before)} times, expected once")
            yield HeldOut(program, name, mistake, before, after, text[:start] + own.replace(before, after) + text[end:])


def tried(held_out: HeldOut) -> dict[str, Any]:
    """Return what the oracle says of a program."""
    functions: dict[str, Any] = {}
    exec(compile(held_out.text, held_out.program, "exec"), functions)
    declared = {
        name: functions[name.upper()] for name in ("arrays", "autodiff", "expected") if name.upper() in functions
    }
    candidate = InProcess(functions, arithmetic=functions["ARITHMETIC"], time_limit=TIME_LIMIT, **declared)
    only = [
        operation.name
        for operation in OPERATIONS
        if any(held_out.function in _called(functions, name) for name in (*operation.functions, operation.name))
    ]
    report = conform(candidate, only=only)
    wrong = [each for each in report.findings if each.status in (Status.failed, Status.suspicious)]
    said = wrong[0].diagnosis or "" if wrong else ""
    found = {key: value for key, value in asdict(held_out).items() if key != "text"}
    return found | {
        "reported": report.exit_code != 0,
        "runs": not wrong or not all(map(_raised, wrong)),
        "named": bool(said) and not said.startswith((UNKNOWN, "warns", "raised")),
        "said": said if len(said) < LONGEST else f"{said[:LONGEST]}...",
    }


def _raised(finding: Finding) -> bool:
    return any(message.startswith("raised") for message in finding.messages)


def _called(functions: dict[str, Any], name: str) -> set[str]:
    """Return the names of a function of the program and of all that it calls."""
    found, left = set(), [name]
    while left:
        name = left.pop()
        code = getattr(functions.get(name), "__code__", None)
        if code is not None and name not in found:
            found.add(name)
            left += _names(code)
    return found


def _names(code: CodeType) -> list[str]:
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return [*code.co_names, *inner]


TEXT = """# Mistakes that the oracle does not know

Written by `benchmarks/oracle/held_out.py` from its record. Mistakes are made in the worked examples of
`docs/examples`, which share no code with pp_ref. *Named*: the oracle says what is wrong, not only where.

{summary}

*Written blind*: with the documented names and equations in view, but not the catalogue or the diagnosis
(`benchmarks/oracle/blind.py`). *Small changes* are all there are of the NumPy example, by the rules of
mutation testing; the diagnosis tries the same rules on pp_ref's functions and on the definitions. What does
not run raises an exception in every case, and is reported as that.

## Not reported

| function | mistake | why |
| --- | --- | --- |
{missed}

## Written blind, and what was said

| program | function | mistake | said |
| --- | --- | --- | --- |
{blind}
"""


def page(record: dict[str, Any]) -> str:
    """Return the page of the docs."""
    rule, blind = itemgetter("rule"), record["blind"]
    altered = sorted(record["altered"], key=rule)
    rows = [_summary("written blind", blind)]
    rows += [_summary(name, list(group)) for name, group in groupby(altered, key=rule)]
    rows.append(_summary("all small changes", altered))
    missed = [each for each in (*blind, *record["altered"]) if not each["reported"]]
    return TEXT.format(
        summary=markdown(["mistakes", "put to it", "of these run", "reported", "named, of those that run"], rows),
        missed="\n".join(f"| {each['function']} | {_mistake(each)} | {_reason(each)} |" for each in missed),
        blind="\n".join("| {program} | {function} | {rule} | ".format(**e) + f"{_cell(e['said'])} |" for e in blind),
    )


def _reason(each: dict[str, Any]) -> str:
    found = (
        reason
        for (function, after), reason in EQUAL.items()
        if fnmatchcase(each["function"], function) and fnmatchcase(each["after"], after)
    )
    return next(found, "**nobody looked**")


def _mistake(each: dict[str, Any]) -> str:
    changed = f"`{each['after']}` for `{each['before']}`"
    return _cell(changed if len(changed) < 160 else each["rule"])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _summary(name: str, rows: list[dict[str, Any]]) -> list[str]:
    run = [each for each in rows if each["runs"]]
    named = sum(each["named"] for each in run if each["reported"])
    seen = sum(each["reported"] for each in run)
    counts = (len(rows), len(run), sum(each["reported"] for each in rows))
    return [name, *(f"{count:,}" for count in counts), f"{named:,} ({named / max(seen, 1):.0%})"]


def _begun() -> None:
    """Limit a worker's memory, and silence its warnings."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # before the workers start
    with multiprocessing.get_context("spawn").Pool(arguments.jobs, _begun) as pool:
        record = {"blind": pool.map(tried, blind(), chunksize=4), "altered": pool.map(tried, altered(), chunksize=16)}
    STUDY.write_json(RECORD, record | circumstances(), indent=None)
    write_atomically(PAGE, page(record).encode())


if __name__ == "__main__":
    main()
