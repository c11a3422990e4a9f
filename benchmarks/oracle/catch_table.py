"""What the oracle says of small wrong candidates after public bug reports, and of the tricks of generated kernels.

    nice python -m benchmarks.oracle.catch_table [--jobs 2] [NAME ...]    writes catches.json and docs/oracle_catches.md

Every file of `catches/` is put to `pp-ref conform`, with all cases of the operations that it has. Its first line says
what it does. With names, those alone are run and the others are kept from the record.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pp_ref.files import write_atomically
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.records import STUDY, circumstances, markdown

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).with_name("catches")
RECORD = FOLDER.with_suffix(".json")
PAGE = ROOT / "docs" / "oracle_catches.md"
HELPERS = ("right", "products_of_mine")


class Wanted(NamedTuple):
    """What a good judge says of a file.

    codes  the exit codes that are as wanted
    word   of these codes, for a reader
    says   a regular expression that the printed report has to match; None: any report
    named  one that the diagnosis of a named fault matches; None: no name is wanted
    """

    codes: tuple[int, ...]
    word: str
    says: str | None = None
    named: str | None = None


def reported(named: str | None = None) -> Wanted:
    return Wanted((1,), "reported", named=named)


REPORTED = reported()
SUSPICIOUS = Wanted((1, 2), "suspicious")
NOT_JUDGED = Wanted((1, 2), "not judged")
AGREES = Wanted((0,), "agrees, as documented")
OUTSIDE = Wanted((1, 2), "outside, as documented")
TOLD = Wanted((0, 1, 2), "told", says=r"pp_ref\.(layers|oracle)")
# Why one that is not reported is not, by name: what it does is within bounds that hold for any order of roundings.
BESIDE_MAXIMUM = (
    "not covered: log sum exp may be rounded beside the maximum, which rounds log n away, as within a sum in any order"
)
DOCUMENTED: dict[str, str] = {
    "maximum_added_back_float32": BESIDE_MAXIMUM,
    "maximum_added_back_float16": BESIDE_MAXIMUM,
    "sigmoid_gradient_by_difference": (
        "not covered: the gradient of a sigmoid is a function of its output, which most implementations keep, and has "
        "the absolute accuracy of y (1 - y)"
    ),
    "batch_sum_overflows": (
        "not covered: where a sum of right terms overflows float16 on the way, NaN and infinity are an arithmetic's own"
    ),
}

# After public bug reports.
REPORTS = {
    "log_plus_eps": reported("eps|added"),
    "log_of_clipped": reported("clip|floor|least"),
    "maximum_added_back_float32": REPORTED,
    "maximum_added_back_float16": REPORTED,
    "saturated_gradient_is_zero": reported("saturat|small"),
    "maximum_of_the_batch": reported("batch|all rows"),
    "sigmoid_gradient_by_difference": REPORTED,
    "sigmoid_gradient_of_infinities": reported("overflow|large|NaN"),
    "sigmoid_half_beyond_overflow": reported("overflow|large"),
    "max_pool_hides_nan": reported("NaN"),
    "mean_counts_the_overhang": reported("edge|beyond|divi"),
    "window_begins_outside": reported("window"),
    "filter_gradient_without_stride": reported("stride"),
    "filter_gradient_without_padding": reported("padding"),
    "filter_gradient_in_another_order": reported("order|axes"),
    "distance_by_expansion": SUSPICIOUS,
    "norm_plus_eps": reported("eps|added"),
    "transposed_read_as_contiguous": reported("contiguous|memory"),
    "fortran_order_uninitialised": reported("Fortran|contiguous|memory"),
    "half_partial_sums": reported("float16|half|partial"),
    "bfloat16_partial_sums": reported("bfloat16|partial"),
    "tf32_by_default": reported("tf32|11 bits|10 bits"),
    "subnormals_flushed": AGREES,
    "ridge_by_inverse": AGREES,
    "ridge_solved_in_float32": reported("float32|24 bits|single"),
    "int16_offsets": REPORTED,
    "filters_wider_than_3": REPORTED,
    "alpha_not_divided": reported("size|divid"),
    "window_of_even_size_mirrored": reported("even|window"),
    "rows_past_tiles_of_4_are_stale": reported(r"\b4\b"),
    "rows_past_tiles_of_4_are_zero": reported(r"\b4\b"),
    "log_of_cosh": reported("overflow|large|infinity stands"),
    "covariance_in_one_pass": reported("mean|n - 1|divid"),
    "batch_sum_overflows": REPORTED,
    "ties_all_get_the_gradient": reported("tie|equal"),
    "ties_share_the_gradient": reported("tie|equal|shared"),
    "window_of_minus_infinity": REPORTED,
    "coarse_power": reported("inaccurate|power|function"),
    "convolution_by_fft": OUTSIDE,
    "zero_column_divided": REPORTED,
    "relu_hides_nan": reported("NaN"),
    "labels_in_half_precision": REPORTED,
    "loss_of_zero": NOT_JUDGED,
    "constant_models_float16": NOT_JUDGED,
    "constant_models_bfloat16": NOT_JUDGED,
    "constant_models_tf32": NOT_JUDGED,
    "root_multiplied": reported("root|divi|multipl"),
    "sibling/my_layers": AGREES,
}
# Tricks of generated kernels: about correctness, not about clocks.
TRICKS = {
    "kept_by_id": REPORTED,
    "inner_axis_cut_at_64": REPORTED,
    "wrong_beyond_128": REPORTED,
    "half_partial_sums_of_32": REPORTED,
    "reference_called": TOLD,
    "race_in_1_of_200_calls": REPORTED,
    "kept_by_a_few_entries": REPORTED,
    "truth_of_the_caller": TOLD,
    "right_for_ten_calls": REPORTED,
    "memory_of_an_earlier_result": REPORTED,
    "inputs_set_to_zero": REPORTED,
    "result_in_the_input": REPORTED,
    "zeros_within_the_tolerance": REPORTED,
    "float32_inside": REPORTED,
    "product_left_out": REPORTED,
    "bias_left_out": REPORTED,
    "option_at_its_default": REPORTED,
    "multiples_of_128_are_cut": REPORTED,
    "coarse_unless_whole": REPORTED,
    "comparison_replaced": REPORTED,
    "answers_forged": Wanted((1, 2), "reported, or told", says=r"pp_ref\.(layers|oracle)|wrong|fail"),
    "computed_after_return": REPORTED,
    "computed_when_it_is_read": REPORTED,
    "nan_everywhere": REPORTED,
    "reads_past_the_end": REPORTED,
    "memory_order_is_assumed": REPORTED,
    "half_of_the_sum_by_a_fixed_seed": REPORTED,
    "cache_in_a_global": REPORTED,
    "cotangent_of_ones": REPORTED,
    "saturates_at_the_half_range": REPORTED,
    "symmetry_assumed": REPORTED,
    "way_chosen_by_the_first_row": REPORTED,
    "small_beside_the_largest_is_zero": REPORTED,
}
WANTED = REPORTS | TRICKS


def files() -> dict[str, Path]:
    """Return every candidate by its name, "sibling/my_layers" say."""
    found = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.py"))}
    return {name: path for name, path in found.items() if path.stem not in HELPERS}


def operations(path: Path) -> list[str]:
    """Return the operations that a file has functions of, without running it."""
    tree = ast.parse(path.read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    names |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return [operation.name for operation in OPERATIONS if operation.functions[0] in names]


class Said(NamedTuple):
    """What `pp-ref conform` said of a file: its exit code, all that it printed, its report, and its diagnosis."""

    code: int
    text: str
    report: dict[str, Any]
    diagnosis: str


def put(path: Path) -> Said:
    """Put a file to the oracle, with all cases of the operations that it has."""
    only = [word for operation in operations(path) for word in ("--only", operation)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "10000", "NO_COLOR": "1"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "report.json")
        command = [sys.executable, "-m", "pp_ref", "conform", str(path.relative_to(ROOT)), *only, "--out", str(out)]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
        report = json.loads(out.read_text()) if out.exists() else {}
    if not report and ended.returncode != 3:
        raise RuntimeError(f"{path.stem} has no report, and the exit code is {ended.returncode}: {ended.stderr}")
    said = next(iter(report.get("diagnoses", {}).values()), "") or (ended.stderr.strip().splitlines() or [""])[-1]
    return Said(ended.returncode, ended.stdout + ended.stderr, report, said.replace(str(ROOT) + "/", ""))


def judged(name: str) -> dict[str, Any]:
    """Put one file to the oracle."""
    path, wanted = files()[name], WANTED[name]
    said = put(path)
    listed = name in DOCUMENTED and said.code == 0
    return {
        "name": name,
        "does": ast.get_docstring(ast.parse(path.read_text())),
        "operations": operations(path),
        "wanted": wanted.word,
        "exit_code": said.code,
        "counts": said.report.get("counts", {}),
        "said": said.diagnosis,
        "as_wanted": listed or (said.code in wanted.codes and bool(re.search(wanted.says or "", said.text))),
        "named": None if wanted.named is None else bool(re.search(wanted.named, said.diagnosis)),
    }


TEXT = """# Small wrong candidates, and tricks of generated kernels

Written by `benchmarks/oracle/catch_table.py` from its record. The candidates are in `benchmarks/oracle/catches`, each a
small file that is wrong, or suspect, in one way: after public bug reports of other projects, or after the tricks with
which generated kernels have passed other checks (KernelBench, GPU MODE, llm.c; those about clocks are left out).
[commands.md](commands.md#exit-codes) has the exit codes.

{summary}

*Told*: the report says through which modules of pp_ref the candidate's calls went. A code in **bold** is not what is
wanted.

## After public bug reports

{reports}

## Tricks of generated kernels

{tricks}
"""


def page(record: dict[str, Any]) -> str:
    """Return the page of the docs."""
    rows = {row["name"]: row for row in record["rows"]}
    groups = {"after public bug reports": REPORTS, "tricks of generated kernels": TRICKS}
    summary = []
    for title, names in groups.items():
        found = [rows[name] for name in names]
        of_names = [row["named"] for row in found if row["named"] is not None]
        named = f"{sum(of_names)} of {len(of_names)}" if of_names else "none is wanted"
        summary.append([title, str(len(found)), str(sum(row["as_wanted"] for row in found)), named])
    return TEXT.format(
        summary=markdown(["candidates", "put to it", "answered as wanted", "named"], summary),
        reports=table([rows[name] for name in REPORTS]),
        tricks=table([rows[name] for name in TRICKS]),
    )


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| candidate | what it does | wanted | code | said |", "| --- | --- | --- | ---: | --- |"]
    for row in rows:
        code = f"{row['exit_code']}" if row["as_wanted"] else f"**{row['exit_code']}**"
        said = DOCUMENTED.get(row["name"], row["said"]) if row["exit_code"] == 0 else row["said"]
        lines.append(f"| {row['name']} | {_cell(row['does'])} | {row['wanted']} | {code} | {_cell(said)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="those that are run again; none: all")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    unknown = {*arguments.names} - WANTED.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))} in {FOLDER}")
    kept = {row["name"]: row for row in STUDY.read_json(RECORD, "run all")["rows"]} if arguments.names else {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = {row["name"]: row for row in pool.map(judged, arguments.names or WANTED)}
    record = {"rows": [(kept | found)[name] for name in WANTED]} | circumstances()
    STUDY.write_json(RECORD, record, indent=1)
    write_atomically(PAGE, page(record).encode())
    for row in record["rows"]:
        if not row["as_wanted"]:
            print(f"{row['name']}: wanted {row['wanted']}, exit code {row['exit_code']}")


if __name__ == "__main__":
    main()
