"""Every example of README and of the pages in docs/ runs, and prints what the page says."""

import doctest
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest

from tests.tree import ROOT

EXAMPLE = re.compile(r"^ *```python\n(.*?)^ *```(?:\n\s*^ *```text\n(.*?)^ *```)?", re.DOTALL | re.MULTILINE)
FRAGMENTS = {  # pages whose code is a part of a program
    "candidates.md": "files of candidates",
    "oracle_reports.md": "a report of the reader's",
    "CONTRIBUTING.md": "a part of a file",
}
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.name not in FRAGMENTS and EXAMPLE.search(page.read_text())
]


def differs(said: str, printed: str) -> bool:
    """Whether what was printed is not what the page says; "..." stands for any text."""
    return not doctest.OutputChecker().check_output(said, printed, doctest.ELLIPSIS)


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.torch] * ("import torch" in page.read_text())) for page in PAGES],
    ids=[page.name for page in PAGES],
)
def test_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where examples write their files
    names: dict[str, object] = {}
    for code, said in EXAMPLE.findall(page.read_text()):
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(dedent(code), page.name, "exec"), names)
        assert not said or not differs(dedent(said), printed.getvalue()), printed.getvalue()


def test_a_wrong_number_on_a_page_is_found() -> None:
    assert differs("9... of 10\n", "8 of 10\n")
    assert not differs("9... of 10\n", "9.5 of 10\n")
