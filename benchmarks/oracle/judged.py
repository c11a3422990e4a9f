"""Which entries the oracle judges, and what trivial answers it takes for right.

    nice python benchmarks/oracle/judged.py [--seed 0] [--jobs 2] [--only OPERATION ...] [--out FILE] [--page FILE]

Every case of every operation without NaN and infinity: the share of the entries of each result that is judged
(`pp_ref/oracle/verdict/judged.py`), in every arithmetic; and which of `ANSWERS` is within the bounds of each result.
The page is `docs/oracle_judged.md`. With --only these operations are looked at; the record keeps the rows of others.
"""

import argparse
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.files import write_atomically
from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, arithmetic
from pp_ref.oracle.operations.cases import Case, cases
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.oracle.operations.truth import Expected, cotangents_of, evaluated, truth
from pp_ref.oracle.verdict.judge import shares
from pp_ref.oracle.verdict.judged import inputs_of, judged
from pp_ref.records import STUDY, circumstances

RICA = Path(__file__).with_name("rica_bounds.json")
PAGE = Path(__file__).parents[2] / "docs" / "oracle_judged.md"
COLUMNS = ("operation", "arithmetic", "regime", "result", "entries", "judged", "accepted", "answers")
Answer = Callable[[Case, Expected, list[np.ndarray]], np.ndarray | None]


def first_argument(case: Case, result: Expected, last: list[np.ndarray]) -> np.ndarray:
    """Return its numbers in the result's shape, from the start again where there are too few."""
    first = next(leaf for value in case.arguments.values() if is_number(value) for leaf in leaves(value))
    return np.resize(first, result.exact.shape)


def last_result(case: Case, result: Expected, last: list[np.ndarray]) -> np.ndarray | None:
    """Return what the result of this name was in the case before, in this shape."""
    found = next((each for name, each in last if name == result.name), None)
    return None if found is None or found.size == 0 else np.resize(found, result.exact.shape)


def transposed_case(case: Case, result: Expected, last: list[np.ndarray]) -> np.ndarray | None:
    """Return the right value of the case whose square matrices are transposed; None where there is no such matrix."""

    def turned(x: np.ndarray) -> np.ndarray:
        return x.T if x.ndim == 2 and x.shape[0] == x.shape[1] > 1 else x

    arguments = {name: mapped(turned, value) if is_number(value) else value for name, value in case.arguments.items()}
    same = all(
        a is b or np.array_equal(a, b)
        for name, value in case.arguments.items()
        if is_number(value)
        for a, b in zip(leaves(value), leaves(arguments[name]), strict=True)
    )
    if same:
        return None
    with np.errstate(all="ignore"):
        other = evaluated(replace(case, arguments=arguments), plain.ALGEBRA, cotangents_of(case)).results
    return np.asarray(other[result.name], float)


ANSWERS: dict[str, Answer] = {
    "zeros": lambda case, result, last: np.zeros(result.exact.shape),
    "ones": lambda case, result, last: np.ones(result.exact.shape),
    "the first argument": first_argument,
    "the last result": last_result,
    "the transposed case": transposed_case,
}


def study(task: tuple[str, str, int]) -> list[list[Any]]:
    """Return a row of `COLUMNS` for each result of each case of one operation in one arithmetic."""
    name, operation, seed = task
    rows, last = [], []
    for case in cases(BY_NAME[operation], arithmetic(name), seed):
        if case.wild:
            continue
        expected = truth(case)
        inputs = inputs_of(case, expected)
        for each in expected:
            if each.exact.size == 0:
                continue
            found = {said: answer(case, each, last) for said, answer in ANSWERS.items()}
            # Where it is right it is no trivial answer.
            answers = {
                said: x for said, x in found.items() if x is not None and not np.allclose(x, each.exact, 2.0**-48, 0.0)
            }
            accepted = [said for said, x in answers.items() if (shares(x, each.exact, each.bound) <= 1).all()]
            told = int(judged(each, inputs).sum())
            rows.append([operation, name, case.regime, each.name, each.exact.size, told, accepted, [*answers]])
        last = [(each.name, each.exact) for each in expected]
    return rows


def table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(record: dict[str, Any]) -> str:
    """Return docs/oracle_judged.md."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in record["rows"]]
    operations = list(dict.fromkeys(row["operation"] for row in rows))

    sums: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        operation, name = row["operation"], row["arithmetic"]
        for key in ((operation, name), (operation, name, row["regime"]), (operation, name, "", row["result"])):
            sums[key][0] += row["judged"]
            sums[key][1] += row["entries"]

    def percent(*key: str) -> str:
        """Return the share of entries that is judged, rounded down; a dash for none."""
        told, entries = sums.get(key, (0, 0))
        return f"{100 * told // entries} %" if entries else "–"

    shares_of = [[each, *(percent(each, name) for name in ARITHMETICS)] for each in operations]
    least = []
    for operation, regime in dict.fromkeys((row["operation"], row["regime"]) for row in rows):
        found = [percent(operation, name, regime) for name in ARITHMETICS]
        if any(each != "–" and int(each.split()[0]) < 60 for each in found):
            least.append([f"{operation}, {regime}", *found])
    never = [(f"{key[0]}, {key[3]}", key[1]) for key, (told, _) in sums.items() if len(key) == 4 and not told]
    counts, places = audit(rows)
    return f"""# What the oracle judges

Written by `benchmarks/oracle/judged.py` from its record: all cases of seed {record["seed"]}, without those of NaN and
infinity. *Judged* is the share of entries whose bound tells a right answer from a trivial one;
[oracle.md](oracle.md#what-is-judged) has the definition.

{table(["operation", *ARITHMETICS], shares_of)}

## Where less than 60 % is judged

{table(["operation, regime", *ARITHMETICS], least) if least else "Nowhere."}

Results of which no entry is judged in any case, so that the operation is *not judged*, whatever is returned:
{", ".join(f"{what} in {name}" for what, name in never) or "none"}.

## How much of RICA's bounds is used

{rica(STUDY.read_json(RICA, "run benchmarks/oracle/rica_bounds.py"))}

## Trivial answers

Each answer is put in the place of every result, where it is not right. *The first argument*: its numbers in the
result's shape. *The last result*: what was right in the case before. *The transposed case*: what is right if all square
matrices among the arguments are transposed. The table counts results within their bounds, of all to which the answer
can be given.

{table(["answer", *ARITHMETICS], counts)}

Accepted in every case of a result: {places[0]}.

Accepted in float64 or float32 in some case:

{table(["answer", "result", "regimes"], places[1]) if places[1] else "Nothing."}
"""


def rica(record: dict[str, Any]) -> str:
    """Return what `rica_bounds` measured."""
    rows = [
        [f"{row['regime']}, {row['arithmetic']}", f"{row['median_share']:.4f}", f"{row['largest_share']:.3f}"]
        + [f"{100 * row[key]:.0f} %" for key in ("judged", "judged_if")]
        for row in record["rows"]
    ]
    headings = ["regime", "share used, median", "largest", "judged", "judged if"]
    return f"""The gradient of `rica_ufldl` by its definition, of {record["seeds"]} seeds, on arrays that round after
every step: the terms of every sum in a random order, products of three matrices associated either way
(`benchmarks/oracle/rica_bounds.py`). Errors are compared with bounds entry by entry. *Judged if* all bounds of the
arithmetic were narrower by the largest share that any entry uses.

{table(headings, rows)}

So much wider than what was seen are bounds that add up magnitudes. The gradient of a unit filter is orthogonal to it:
an error along the filter goes in by one way and out by another. A bound that knows this has to follow each rounding
through both. None is derived here, and a share that was seen is no bound."""


def audit(rows: list[dict[str, Any]]) -> tuple[list[list[str]], tuple[str, list[list[str]]]]:
    """Return the table of counts, what is accepted everywhere, and where what is accepted in the finer arithmetics."""
    given = Counter((row["arithmetic"], answer) for row in rows for answer in row["answers"])
    taken = Counter((row["arithmetic"], answer) for row in rows for answer in row["accepted"])
    counts = [[a, *(f"{taken[name, a]:,} of {given[name, a]:,}" for name in ARITHMETICS)] for a in ANSWERS]
    asked, accepted = (
        {
            (answer, row["arithmetic"], f"{row['result']} of {row['operation']}"): []
            for row in rows
            for answer in row[key]
        }
        for key in ("answers", "accepted")
    )
    for row in rows:
        for key, found in (("answers", asked), ("accepted", accepted)):
            for answer in row[key]:
                found[answer, row["arithmetic"], f"{row['result']} of {row['operation']}"].append(row["regime"])
    everywhere = [
        f"{answer} for {result} in {name} ({len(found)} cases)"
        for (answer, name, result), found in accepted.items()
        if len(found) == len(asked[answer, name, result])
    ]
    some = [
        [answer, f"{result} in {name}", ", ".join(found)]
        for (answer, name, result), found in accepted.items()
        if name in ("float64", "float32")
    ]
    return counts, ("; ".join(everywhere) or "nothing", some)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--only", nargs="+", default=[])
    arguments = parser.parse_args()
    names = arguments.only or [each.name for each in OPERATIONS]
    tasks = [(name, each, arguments.seed) for name in ARITHMETICS for each in names]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        rows = [row for found in pool.map(study, tasks, chunksize=1) for row in found]
    if arguments.only:
        before = STUDY.read_json(arguments.out, "take it from the repository again")["rows"]
        rows = [row for row in before if row[0] not in names] + rows
    record = {"seed": arguments.seed, "columns": COLUMNS, "rows": rows} | circumstances()
    STUDY.write_json(arguments.out, record, indent=None)
    write_atomically(arguments.page, page(record).encode())
    print(f"{len(rows):,} results")


if __name__ == "__main__":
    main()
