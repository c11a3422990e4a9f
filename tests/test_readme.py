"""README and the pages say what the records say, and README is short."""

import re
import runpy

from pp_ref.oracle import InProcess, conform
from tests.processes import python
from tests.tree import ROOT

README = (ROOT / "README.md").read_text()


def test_tables_are_what_the_records_say() -> None:
    checked = python("-m", "benchmarks.readme", "--check", check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_check_notices_a_number_typed_by_hand() -> None:
    readme = runpy.run_module("benchmarks.readme")
    page = ROOT / "docs" / "results.md"
    text = page.read_text()
    typed = text.replace("| nokernel |", "| nokernel | 0.00% |", 1)
    assert typed != text
    assert readme["rendered"](typed, readme["PAGES"][page]) == text


def test_the_check_notices_an_operation_that_is_not_in_the_table() -> None:
    readme = runpy.run_module("benchmarks.readme")
    page = ROOT / "docs" / "candidates.md"
    text = page.read_text()
    stale = "".join(line for line in text.splitlines(keepends=True) if "`se_kernel`" not in line)
    assert stale != text
    assert readme["rendered"](stale, readme["PAGES"][page]) == text


def test_the_oracle_says_what_the_readme_says() -> None:
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "dense_backward" in code]
    functions: dict[str, object] = {}
    exec(compile(example, "my_layers.py", "exec"), functions)
    report = conform(InProcess(functions), only=["dense"])
    (said,) = re.findall(r"^    (dense is wrong: .*)$", README, re.MULTILINE)
    assert said == f"dense is wrong: {report.diagnoses['dense']}"


def test_a_reader_sees_all_of_it_soon() -> None:
    assert len(README.splitlines()) <= 150


def test_the_two_commands_are_the_makefiles() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert said == ["demo", "test"]
    assert set(said) <= set(targets)
