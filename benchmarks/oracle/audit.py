"""Which changes of an operation's arguments the oracle's cases notice: `docs/oracle_audit.md`.

    nice python benchmarks/oracle/audit.py [--seed 0] [--out FILE] [--page FILE]

Each argument is changed as a mistake would read it: transposed, slices exchanged, a slice or all of it left out, one
entry moved, columns exchanged, an option changed. A case notices it if some result is outside its bound in float32.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.files import write_atomically
from pp_ref.oracle.algebras import plain, rounded
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations.cases import Case, cases
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import cotangents_of, evaluated
from pp_ref.records import STUDY, circumstances

PAGE = Path(__file__).parents[2] / "docs" / "oracle_audit.md"
FLOAT32 = ARITHMETICS["float32"]
ENOUGH = 2  # regimes that have to notice a change
# What the right answer does not depend on, and why: of (operation, argument, change).
FREE = {
    (
        "moment_reconstruction",
        "S",
        "transposed",
    ): "tr(A^T S A) has the symmetric part of S alone, and so have gradients",
    ("covariance", "data", "slices of axis 0 exchanged"): "a sum over examples",
    ("predicted_autoencoder", "x", "slices of axis 0 exchanged"): "a sum over examples",
    ("rica_ufldl", "x", "slices of axis 0 exchanged"): "a sum over examples",
    ("rica_le2011", "x", "slices of axis 0 exchanged"): "a sum over examples",
    ("rica_le2011", "eps", "half as much more"): "log cosh has no eps",
    ("ridge_dictionary", "K", "transposed"): "K is symmetric",
    ("mel_filters", "spectrum", "last slice of axis 1 left out"): "the last filter is 0 at the last frequency",
}
UNREAD = ("ridge_dictionary", "K")  # columns of K that are not kept: which they are depends on alpha
Changed = tuple[str, Any]  # what is done, and the argument after it


def of_array(x: np.ndarray) -> Iterator[Changed]:
    """Yield changes of an array of numbers."""
    if x.ndim == 2 and min(x.shape) > 1:
        yield "transposed", x.T
    for axis, extent in enumerate(x.shape if x.size else ()):
        if extent > 1:
            order = [*range(1, extent), 0]
            yield f"slices of axis {axis} exchanged", np.take(x, order, axis)
            less = x.copy()
            np.moveaxis(less, axis, 0)[-1] = 0
            yield f"last slice of axis {axis} left out", less
    if x.size:
        yield "left out", np.zeros_like(x)
        moved = x.copy()
        moved.flat[x.size // 2] = -2 * moved.flat[x.size // 2] + 0.5
        yield "one entry moved", moved


def of_columns(values: list[Any]) -> Iterator[Changed]:
    """Yield changes of a list of arrays, one a column, or of lists of them, one a layer."""
    if len(values) > 1:
        yield "columns exchanged", [*values[1:], values[0]]
        yield "the first column for all", [values[0]] * len(values)
    for place in dict.fromkeys((0, len(values) - 1)) if values else ():
        name = "first" if place == 0 else "last"
        for said, value in of_value(values[place]):
            yield f"{name}: {said}", [*values[:place], value, *values[place + 1 :]]


def of_indices(x: np.ndarray) -> Iterator[Changed]:
    """Yield changes of labels or of kept indices."""
    if len(set(x.tolist())) > 1:
        yield "reversed", x[::-1].copy()
    if x.size:
        moved = x.copy()
        moved[0] = min({*range(int(x.max()) + 1)} - {*x.tolist()}, default=0 if x[0] else 1)
        if moved[0] != x[0] and (moved[0] <= x.max() or x.max() == 0):
            yield "one index moved", moved


def of_option(value: Any) -> Iterator[Changed]:
    """Yield changes of a setting."""
    match value:
        case bool():
            yield "the other", not value
        case int():
            yield "one more", value + 1
            if value > 0:
                yield "one less", value - 1
        case float():
            yield "half as much more", 1.5 * value if value else 0.25
        case "ridge" | "atom":
            yield "the other", "atom" if value == "ridge" else "ridge"
        case "ufldl" | "le2011":
            yield "the other", "le2011" if value == "ufldl" else "ufldl"
        case tuple() if len(set(value)) > 1:
            yield "reversed", value[::-1]


def of_value(value: Any) -> Iterator[Changed]:
    if is_array(value):
        yield from of_array(value) if value.dtype.kind == "f" else of_indices(value)
    else:
        yield from of_columns(value) if isinstance(value, list) else of_option(value)


def is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def is_same(value: Any, changed: Any) -> bool:
    pairs = zip(leaves(value), leaves(changed), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def is_square(value: Any) -> bool:
    """Return whether all matrices are, of which one is transposed."""
    return all(len(set(np.shape(leaf))) == 1 for leaf in leaves(value))


def kinds(case: Case) -> Iterator[str]:
    """Yield what may hide a mistake: that a grid is square, that alpha is a run, ..., or that it is not."""
    given = case.arguments

    def said(name: str, holds: bool) -> str:
        return name if holds else f"not {name}"

    if "sizes" in given:
        yield said("square grid", given["sizes"][0] == given["sizes"][1])
    if "alpha" in given:
        runs = [bool((np.diff(each) == 1).all()) for each in leaves(given["alpha"]) if np.size(each) > 1]
        if runs:
            yield said("alpha a run", all(runs))
    for name in ("w", "U", "pooled", "g", "R"):
        value = given.get(name)
        if isinstance(value, list) and len(value) > 1 and is_array(value[0]):
            yield said("equal widths", len({np.shape(each)[-1] for each in value}) == 1)
            break
    first = next(iter(given.values()))
    if is_array(first) and first.ndim == 4:
        yield said("square image", first.shape[1] == first.shape[2])
    if case.operation.windows == "filters":
        shape = given["filter_shape"] if "filter_shape" in given else given["W" if "W" in given else "u"].shape[:2]
        yield said("square filter", shape[0] == shape[1])


def noticed(case: Case, arguments: dict[str, Any], bounds: dict[str, Any]) -> bool:
    """Return whether some result of the changed case is outside the bounds of the case, or has another shape."""
    try:
        with np.errstate(all="ignore"):
            changed = replace(case, arguments=arguments)
            shapes = {name: x.shape for name, x in evaluated(changed, plain.SHAPES).values.items()}
            if shapes != {name: x.shape for name, x in bounds.items() if name in shapes} or len(shapes) == 0:
                return True
            found = evaluated(changed, plain.ALGEBRA, cotangents_of(case)).results
    except (ValueError, IndexError, ZeroDivisionError, KeyError, np.linalg.LinAlgError):
        return True  # no such operation
    if {name: x.shape for name, x in found.items()} != {name: x.shape for name, x in bounds.items()}:
        return True
    with np.errstate(all="ignore"):  # what is not finite is noticed
        return any(not (abs(found[name] - x.value) <= x.error).all() for name, x in bounds.items())


def audit(operation: Operation, seed: int = 0, hurry: bool = False) -> list[dict[str, Any]]:
    """Return a row for each change of each argument: how many regimes have it, notice it, and under which conditions.

    hurry  no more cases are looked at once `ENOUGH` notice each change that there has been, in each condition
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for case in cases(operation, FLOAT32, seed):
        if case.wild or case.regime == "no example":
            continue
        tags = [*kinds(case)]
        bounds = None
        for name, value in case.arguments.items():
            for said, changed in of_value(value):
                if is_same(value, changed):
                    continue
                row = rows.setdefault((name, said), {"there": 0, "noticed": 0, "tags": defaultdict(int)})
                row["there"] += 1
                turned = [f"{'' if is_square(value) else 'not '}square"] if said.endswith("transposed") else []
                where = [*tags, *turned]
                if hurry and row["noticed"] >= ENOUGH and all(row["tags"][tag] for tag in where):
                    continue
                if bounds is None:
                    with np.errstate(all="ignore"):
                        bounds = evaluated(case, rounded.algebra(FLOAT32), cotangents_of(case)).results
                seen = noticed(case, case.arguments | {name: changed}, bounds)
                row["noticed"] += seen
                for tag in where:
                    row["tags"][tag] += seen
    return [
        {"argument": argument, "change": change, "there": row["there"], "noticed": row["noticed"]}
        | {"unnoticed_where": sorted(tag for tag, count in row["tags"].items() if not count)}
        for (argument, change), row in rows.items()
    ]


def lacking(operation: str, row: dict[str, Any]) -> bool:
    """Return whether too few regimes notice a change, or none under some condition, though the answer depends on it."""
    if (operation, row["argument"], row["change"]) in FREE:
        return False
    where = [] if (operation, row["argument"]) == UNREAD else row["unnoticed_where"]
    return row["noticed"] < min(ENOUGH, row["there"]) or row["there"] < ENOUGH or bool(where)


def page(record: dict[str, Any]) -> str:
    """Return docs/oracle_audit.md."""
    lines = ["| operation | argument | change: regimes that notice it, of those that have it |", "|---|---|---|"]
    lines += [
        f"| {operation} | {name} | {'; '.join(f'{change} {noticed}/{there}' for change, noticed, there in changes)} |"
        for operation, arguments in by_argument(record["rows"]).items()
        for name, changes in arguments.items()
    ]
    free = [f"| {operation} | {name} | {change} | {why} |" for (operation, name, change), why in FREE.items()]
    bad = [f"- {row['operation']}: {row['argument']} {row['change']}" for row in record["rows"] if row["lacking"]]
    table = "\n".join(["| operation | argument | change | because |", "|---|---|---|---|", *free])
    return f"""# What the oracle's cases notice

Written by `benchmarks/oracle/audit.py` from its record: all cases of seed {record["seed"]} in float32, without large
ones, NaN and infinity. Each argument is changed as a mistake would read it: slices of an axis are exchanged in turn, an
entry moves, a column of another serves, an option is another. A case notices the change if some result, value or
gradient, is then outside its bound.

Each change has to be noticed in at least {ENOUGH} regimes, and under each condition that holds in some case: a square
grid, image, filter or matrix and another, alpha a run and not, equal widths and not. Changes that are not:

{chr(10).join(bad) or "none."}

The right answer does not depend on these:

{table}

## Changes

{chr(10).join(lines)}
"""


def by_argument(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[tuple[str, int, int]]]]:
    found: dict[str, dict[str, list[tuple[str, int, int]]]] = {}
    for row in rows:
        of_operation = found.setdefault(row["operation"], {})
        of_operation.setdefault(row["argument"], []).append((row["change"], row["noticed"], row["there"]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    rows = [
        {"operation": operation.name, **row, "lacking": lacking(operation.name, row)}
        for operation in OPERATIONS
        for row in audit(operation, arguments.seed)
    ]
    record = {"seed": arguments.seed, "rows": rows} | circumstances()
    STUDY.write_json(arguments.out, record)
    write_atomically(arguments.page, page(record).encode())
    print(f"{len(rows)} changes, {sum(row['lacking'] for row in rows)} are noticed by too few cases")


if __name__ == "__main__":
    main()
