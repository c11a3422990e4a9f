"""A report as a page."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from pp_ref.oracle.reports.page import content
from pp_ref.oracle.reports.words import printable
from pp_ref.oracle.verdict.findings import Status
from tests.oracle.reports.sample import HOSTILE, REPORTS, sample

VOID = {"meta"}
TOLD = (*(s for s in Status if s not in (Status.passed, Status.not_provided)),)
# All that a page may have: none of it loads, runs or submits anything.
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "h4", "p", "div", "pre", "ul", "li", "a"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "article", "dl", "dt", "dd", "figure", "figcaption"),
    *("svg", "g", "path", "rect", "text"),
}


class Page(HTMLParser):
    """Reads a page, and sees that each element is closed where it should be."""

    def __init__(self, data):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(data.decode("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append((self.open[-1], data))

    def handle_comment(self, data):
        raise AssertionError(data)

    def having(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag):
        return [words for name, words in self.words if name == tag]


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_asks_for_nothing(name):
    data = content(REPORTS[name])
    page = Page(data)
    assert data.startswith(b'<!DOCTYPE html>\n<html lang="en">')
    assert {tag for tag, _ in page.elements} <= TAGS
    for _, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on") or key in ("src", "style", "xlink:href")]
        assert attributes.get("href", "#").startswith("#")
    assert b"url(" not in data
    assert b"@import" not in data
    policy = next(meta for meta in page.having("meta") if "http-equiv" in meta)
    assert policy["content"].startswith("default-src 'none';")


@pytest.mark.parametrize("name", REPORTS)
def test_every_case_that_is_not_as_it_should_be_is_there(name):
    page = Page(content(REPORTS[name]))
    told = [finding.id for finding in REPORTS[name].findings if finding.status in TOLD]
    assert sorted(article["id"] for article in page.having("article")) == sorted(map(printable, told))
    links = [unquote(link["href"][1:]) for link in page.having("a")]
    assert set(links) <= {article["id"] for article in page.having("article")}
    assert len(links) == len({finding.operation for finding in REPORTS[name].findings if finding.status in TOLD})


def test_a_candidates_words_are_text():
    page = Page(content(REPORTS["hostile"]))
    assert page.text("h1") == [f"{printable(HOSTILE)} in float32"]
    assert printable(HOSTILE) in page.text("dd")
    assert "two\nlines" in page.text("dd")
    assert b"\0" not in content(REPORTS["hostile"])


def test_the_table():
    cells = [words for words in Page(content(sample())).words if words[0] in ("th", "td", "a") and words[1].strip()]
    words = [word for _, word in cells]
    start = words.index("predicted")
    assert words[start : start + 6] == ["predicted", "wrong", "75 %", "1e+05", "4", "3"]
    assert words[: words.index("dense")] == [
        *("operation", "verdict", "judged", "largest share", "cases"),
        *map(str, reversed(Status)),
        "looked at",
    ]


def test_every_map_has_a_title_and_the_legend_explains_it():
    page = Page(content(sample()))
    maps = [svg for svg in page.having("svg") if "role" in svg]
    assert len(maps) == len(page.having("figure")) == 6
    assert [svg["aria-label"] for svg in maps] == page.text("figcaption")
    assert all(svg["viewbox"].startswith("0 0 ") for svg in maps)  # HTMLParser writes names small
    assert "more, or NaN" in page.text("li")
    assert Page(content(REPORTS["empty"])).having("ul") == []


def test_both_colour_schemes_have_every_level():
    style = re.search("<style>(.*)</style>", content(sample()).decode(), re.DOTALL)[1]
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for level in range(8):
        assert len(re.findall(f"--level{level}: #[0-9a-f]{{6}}", light)) == 1
        assert len(re.findall(f"--level{level}: #[0-9a-f]{{6}}", dark)) == 1
        assert f".level{level} {{ fill: var(--level{level}) }}" in style
