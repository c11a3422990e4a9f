"""`pytest --pp-ref-candidate my_layers.py`: every case of the oracle as a test, beside one's own.

A case is an item: so an announced failure is an xfail of its own, `-k`, `-x` and pytest-xdist work as ever, and a
report for continuous integration names the case. Nothing but pytest is imported unless the option is given.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pp_ref.oracle.candidates.processes import InWorker

__all__ = ["CaseItem", "NotConforming", "Suspicious"]


class NotConforming(Exception):
    """A case that failed, in words."""


class Suspicious(UserWarning):
    """A case within its proven bounds, but more off than is likely; or one that is not judged, or not whole."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pp_ref", "pp_ref: judge an implementation of the paper's operations")
    group.addoption("--pp-ref-candidate", metavar="FILE", help="a Python file or module with functions to be judged")
    group.addoption("--pp-ref-arithmetic", metavar="NAME", help="float64, float32, tf32, bfloat16 or float16")
    group.addoption("--pp-ref-quick", action="store_true", help="only the regimes that find most mistakes")
    group.addoption(
        "--pp-ref-only", metavar="OPERATION", action="append", default=[], help="an operation; may be given again"
    )


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    path = session.config.getoption("--pp-ref-candidate")
    if path:
        if not Path(path).exists() and (beside := session.config.rootpath / path).exists():
            path = str(beside)  # from pytest's configuration, in whichever folder pytest was called
        judged = Candidate.from_parent(session, name=path, nodeid=path)
        judged.load()
        report = judged.ihook.pytest_make_collect_report(collector=judged)
        judged.ihook.pytest_collectreport(report=report)
        items += report.result


class Candidate(pytest.Collector):
    """Whose functions are judged, in a process of their own."""

    worker: "InWorker"
    identities: list[str]
    known: dict[str, Any]

    def load(self) -> None:
        """Start the process, and choose its cases."""
        from pp_ref.errors import DataError, DomainError, MissingExtraError
        from pp_ref.oracle.candidates.processes import InWorker
        from pp_ref.oracle.operations.cases import chosen

        option = self.config.getoption
        self.known = {}
        arithmetic = option("--pp-ref-arithmetic")
        try:
            self.worker = InWorker(self.name, **({"arithmetic": arithmetic} if arithmetic else {}))
            self.config.add_cleanup(self.worker.close)
            only = option("--pp-ref-only")
            self.identities, provided = [], False
            for _, cases in chosen(self.worker.arithmetic, only, quick=option("--pp-ref-quick")):
                first = next(cases)
                there = self.worker.observe(first).provided
                # Of an operation that is not there one case is skipped, and the others are not drawn.
                self.identities += [first.id, *(case.id for case in (cases if there else ()))]
                provided |= there
            if only and not provided:
                raise DataError(f"{self.name} has no function for {' or '.join(only)}: nothing could be judged")
        except (DataError, DomainError, MissingExtraError) as error:
            raise pytest.UsageError(str(error)) from None

    def collect(self) -> "Iterator[CaseItem]":
        for identity in self.identities:
            yield CaseItem.from_parent(self, name=identity)


class CaseItem(pytest.Item):
    """One case: passed, failed, skipped where nothing is provided, or an expected failure."""

    parent: Candidate

    def runtest(self) -> None:
        from pp_ref.oracle.reports.words import details, printable
        from pp_ref.oracle.run import conform
        from pp_ref.oracle.verdict.findings import Status

        quick = self.config.getoption("--pp-ref-quick")
        report = conform(self.parent.worker, replay=self.name, quick=quick, known=self.parent.known)
        (finding,) = report.findings
        if finding.status == Status.not_provided:
            pytest.skip(f"{self.parent.name} has no function for {finding.operation}")
        if finding.status == Status.expected:
            pytest.xfail(finding.reason)
        if finding.status == Status.left_out:
            pytest.skip(finding.reason)
        said = printable("\n".join(f"{heading}: {words}" for heading, words in details(report, finding)))
        if finding.missing and not report.forward_only:
            what = f"no {' and no '.join(finding.missing)}: write it, or declare FORWARD_ONLY"
            warnings.warn(Suspicious(f"incomplete: {self.parent.name} has {what}"), stacklevel=1)
        if finding.status in (Status.suspicious, Status.not_judged):
            warnings.warn(Suspicious(said or f"{finding.id} is {finding.status}"), stacklevel=1)
        elif finding.status == Status.unexpected_pass:
            raise NotConforming(f"[XPASS(strict)] {finding.reason}\n{said}")
        elif finding.status == Status.failed:
            raise NotConforming(said)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, NotConforming) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[str, None, str]:
        return self.parent.name, None, self.name
