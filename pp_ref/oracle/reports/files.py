"""A report in a file, in the format that the file's name asks for."""

import os
from pathlib import Path

from pp_ref.errors import DomainError
from pp_ref.files import write_atomically
from pp_ref.oracle.reports import junit, page, records
from pp_ref.oracle.verdict.findings import Report

__all__ = ["check_name", "write_report"]

CONTENT = {".json": records.content, ".xml": junit.content, ".html": page.content}


def check_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name whose ending is of no format; raise DomainError."""
    if Path(path).suffix not in CONTENT:
        raise DomainError(
            f"path is {os.fspath(path)!r}, expected a name that ends in .json, .xml (JUnit) or .html: "
            "the ending decides the format"
        )


def write_report(report: Report, path: str | os.PathLike[str]) -> None:
    """Write JSON to a name that ends in .json, JUnit to .xml, a page to .html; whole or not at all.

    raises  DomainError for another ending, DataError if the file cannot be written
    """
    check_name(path)
    place = Path(path)
    write_atomically(place, CONTENT[place.suffix](report))
