"""A report as one page of HTML that asks for nothing else: a table, then each case that is not as it should be."""

import json
from collections.abc import Iterator
from urllib.parse import quote
from xml.etree import ElementTree

from pp_ref.oracle.reports.elements import Element, element
from pp_ref.oracle.reports.error_map import LEVELS, error_map
from pp_ref.oracle.reports.records import to_record
from pp_ref.oracle.reports.telling import telling
from pp_ref.oracle.reports.words import (
    Operation,
    details,
    looked_at,
    operations,
    percent,
    plural,
    printable,
    summary,
    verdict,
)
from pp_ref.oracle.verdict.findings import Finding, Report, Status

__all__ = ["content"]

SECTIONS = {
    Status.failed: "Wrong",
    Status.unexpected_pass: "Passes, though a failure was announced",
    Status.suspicious: "Suspicious: within the proven bound, but not likely",
    Status.not_judged: "Not judged: no answer could be told from a trivial one",
    Status.left_out: "Left out",
    Status.expected: "Fails as announced",
}
NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1a1a1a; --faint: #5c5c5c; --line: #cfcfcf; --bad: #a8120d;
  --level0: #f4f8fc; --level1: #dbe8f5; --level2: #b7d2ea; --level3: #86b4dc;
  --level4: #ffe08a; --level5: #fdae61; --level6: #f46d43; --level7: #dd3f2f }
@media (prefers-color-scheme: dark) {
  :root { --page: #16181b; --text: #e8e8e8; --faint: #a9adb3; --line: #40444b; --bad: #ff8a80;
    --level0: #1d252d; --level1: #20364a; --level2: #245070; --level3: #2b6c9c;
    --level4: #6b4a00; --level5: #99520f; --level6: #bb3d1f; --level7: #d9433c }
}
body { background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 1rem; overflow-wrap: anywhere }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem }
caption { text-align: left; color: var(--faint) }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .4rem; text-align: right; overflow-wrap: normal }
th:first-child, th:last-child, th:nth-child(2), td:nth-child(2), td.text { text-align: left }
.bad, .bad a { color: var(--bad); font-weight: 600 }
h2, h3, h3 + p { break-after: avoid }
article { border-top: 1px solid var(--line); margin-top: 1.5rem; break-inside: avoid }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }
dt { color: var(--faint) }
dd { margin: 0; white-space: pre-wrap }
.replay, .computed, .exact { font-family: ui-monospace, monospace }
pre { white-space: pre-wrap }
figure { margin: 1rem 0 }
figcaption { color: var(--faint); font-size: .85rem }
svg { max-width: 100%; height: auto; print-color-adjust: exact }
svg text { font: 11px system-ui, sans-serif; fill: var(--faint) }
.map .dots { stroke: var(--text); stroke-width: .3; stroke-linecap: round; fill: none }
.map .worst { stroke: var(--text); stroke-width: .12; fill: none }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0 }
@media print { .wide { overflow: visible } table { font-size: .62rem } }
.legend svg { vertical-align: middle; margin-right: .3rem; border: 1px solid var(--line) }
""" + "\n".join(f".level{level} {{ fill: var(--level{level}) }}" for level in range(len(LEVELS)))


def content(report: Report) -> bytes:
    """The file. Whatever the candidate says is escaped, and the page's own policy forbids scripts and network."""
    parts = operations(report)
    provided = [part for part in parts if part.verdict != Status.not_provided]
    absent = [part.name for part in parts if part.verdict == Status.not_provided]
    title = f"{report.candidate} in {report.arithmetic}"
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=NOTHING_ELSE),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            element("style", STYLE),
        ),
        element(
            "body",
            element("h1", title),
            element("p", summary(report)),
            element("p", verdict(report)),
            *([_table(report, provided)] if provided else []),
            *([element("p", f"Not provided: {', '.join(absent)}.")] if absent else []),
            *_sections(report, parts),
            element("h2", "Environment"),
            element("pre", json.dumps(to_record(report)["environment"], indent=2, ensure_ascii=False)),
        ),
        lang="en",
    )
    ElementTree.indent(page)
    text: str = ElementTree.tostring(page, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n".encode()


def _table(report: Report, parts: list[Operation]) -> Element:
    statuses = [status for status in reversed(Status) if report.counts[status]]
    headings = ["operation", "verdict", "judged", "largest share", "cases", *statuses, "looked at"]
    table = element(
        "table",
        element(
            "caption",
            "Cases of each operation. Judged is the share of entries whose bound a trivial answer exceeds. A largest "
            "share, |computed - exact| / bound, above 1 proves a fault.",
        ),
        element("thead", element("tr", *(element("th", heading, scope="col") for heading in headings))),
        element("tbody", *(_row(part, statuses) for part in parts)),
    )
    return element("div", table, class_="wide", tabindex=0)


def _row(part: Operation, statuses: list[Status]) -> Element:
    """Its verdict leads to the first case that is to blame."""
    numbers = [len(part.findings), *(len(part.having(status)) for status in statuses)]
    words: Element | str = part.words
    blamed = part.having(part.verdict) if part.verdict in SECTIONS else []
    if blamed:
        words = element("a", part.words, href=f"#{quote(printable(blamed[0].id))}")
    return element(
        "tr",
        element("th", part.name, scope="row"),
        element("td", words, class_="bad" if part.verdict in (Status.failed, Status.unexpected_pass) else "verdict"),
        element("td", "" if part.judged is None else percent(part.judged)),
        element("td", "" if part.share is None else f"{part.share:.2g}"),
        *(element("td", f"{number:,}" if number else "") for number in numbers),
        element("td", looked_at(part.findings), class_="text"),
    )


def _sections(report: Report, parts: list[Operation]) -> Iterator[Element]:
    if any(finding.status in SECTIONS and _map(finding) is not None for finding in report.findings):
        yield _legend()
    incomplete = [(part.name, part.incomplete) for part in parts if part.incomplete]
    if incomplete:
        yield element("h2", "What was not judged")
        yield element("ul", *(element("li", f"{name}: {words}") for name, words in incomplete))
    for status, title in SECTIONS.items():
        having = [part for part in parts if part.having(status)]
        if having:
            yield element("h2", title)
        for part in having:
            cases = part.having(status)
            first = telling(cases)
            cases = [first, *(case for case in cases if case is not first)]
            yield element("h3", f"{part.name}, {len(cases):,} of {plural(len(part.findings), 'case')}")
            if part.diagnosis and status == Status.failed:
                yield element("p", part.diagnosis)
            yield from (_case(report, finding) for finding in cases)


def _legend() -> Element:
    items = [
        element("li", _square(element("path", d="M0 0h1v1h-1z", class_=f"level{level}")), name)
        for level, name in enumerate(LEVELS)
    ]
    dot = _square(element("path", d="M.5 .5h0", class_="dots"))
    frame = _square(element("rect", x=0, y=0, width=1, height=1, class_="worst"))
    return element(
        "ul",
        element("li", "error / bound:"),
        *items,
        element("li", dot, "holds a wrong entry"),
        element("li", frame, "holds the worst"),
        class_="legend",
        aria_label="Colours of the error maps",
    )


def _square(drawn: Element) -> Element:
    return element("svg", drawn, viewBox="0 0 1 1", width=16, height=16, class_="map", aria_hidden="true")


def _case(report: Report, finding: Finding) -> Element:
    rows = [
        pair
        for heading, words in details(report, finding)
        for pair in (element("dt", heading), element("dd", words, class_=heading.replace(" ", "-")))
    ]
    drawn = _map(finding)
    figure = [] if drawn is None else [element("figure", drawn, element("figcaption", drawn.get("aria-label", "")))]
    return element("article", element("h4", finding.id), element("dl", *rows), *figure, id=finding.id)


def _map(finding: Finding) -> Element | None:
    return None if finding.worst is None else error_map(finding.worst)
