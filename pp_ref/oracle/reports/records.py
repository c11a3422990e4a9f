"""A report as JSON, for programs: `schemas/report.schema.json` says what is in it."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pp_ref.envelope import json_checksum
from pp_ref.errors import DataError
from pp_ref.files import read_regular, reason
from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict

__all__ = ["SCHEMA", "content", "from_record", "read_report", "strict", "to_record"]

SCHEMA = "pp_ref.report/4"
LARGEST = 2**28  # bytes of a report


def content(report: Report) -> bytes:
    """The file: strict JSON in ASCII, so that a lone surrogate in a candidate's words comes back too."""
    return json.dumps(to_record(report), allow_nan=False, indent=1).encode("ascii") + b"\n"


def read_report(path: str | os.PathLike[str]) -> Report:
    """The report in a file.

    raises  DataError if it is missing, no report, damaged, or of another version
    """
    try:
        record = json.loads(read_regular(Path(path), LARGEST))
        report = from_record(record)
        if json_checksum(record) != record["checksum"]:
            raise ValueError("its content does not have its checksum")
        return report
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}): expected the JSON report of a run") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else repr(error)
        raise DataError(
            f"{path} is not a report of version {SCHEMA}, or is damaged ({said}): write it anew with `pp-ref conform`"
        ) from error


def to_record(report: Report) -> dict[str, Any]:
    """What the file holds: the report's own fields, `counts`, `exit_code`, and the checksum of `pp_ref.envelope`.

    NaN and the infinities, which JSON does not have, are "nan", "inf" and "-inf".
    """
    counts = {str(status): number for status, number in report.counts.items()}
    record: dict[str, Any] = strict(
        {"schema": SCHEMA, **asdict(report), "counts": counts, "exit_code": report.exit_code}
    )
    return record | {"checksum": json_checksum(record)}


def from_record(record: dict[str, Any]) -> Report:
    """The report of which this is the record.

    raises  ValueError, KeyError, TypeError or AttributeError if it is none, or of another version
    """
    if record["schema"] != SCHEMA:
        raise ValueError(f"schema is {record['schema']!r}, expected {SCHEMA!r}")
    fields = {
        name: value for name, value in record.items() if name not in ("schema", "counts", "exit_code", "checksum")
    }
    return Report(
        **fields
        | {
            "findings": tuple(map(_finding, record["findings"])),
            "seconds": float(record["seconds"]),
            "options": tuple(record["options"]),
        }
    )


def _finding(record: dict[str, Any]) -> Finding:
    return Finding(
        **record
        | {
            "status": Status(record["status"]),
            "tensors": tuple(map(_tensor, record["tensors"])),
            "messages": tuple(record["messages"]),
            "missing": tuple(record["missing"]),
            "seconds": float(record["seconds"]),
        }
    )


def _tensor(record: dict[str, Any]) -> TensorVerdict:
    numbers = {name: float(record[name]) for name in ("ratio", "likely", "computed", "exact", "bound")}
    at, errors, judged = record["at"], record["errors"], record["judged"]
    return TensorVerdict(
        **record
        | numbers
        | {
            "shape": tuple(record["shape"]),
            "at": None if at is None else tuple(at),
            "errors": None if errors is None else tuple(map(float, errors)),
            "judged": None if judged is None else float(judged),
        }
    )


def strict(value: Any) -> Any:
    """The same, without the numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, dict):
        return {name: strict(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [strict(each) for each in value]
    return value
