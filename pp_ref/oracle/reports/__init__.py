"""What the oracle found: for a terminal, for programs (JSON), for continuous integration (JUnit), as a page (HTML)."""

from pp_ref.oracle.reports.files import check_name, write_report
from pp_ref.oracle.reports.records import read_report
from pp_ref.oracle.reports.terminal import print_report
from pp_ref.oracle.reports.verdict_object import failure, verdict_object

__all__ = ["check_name", "failure", "print_report", "read_report", "verdict_object", "write_report"]
