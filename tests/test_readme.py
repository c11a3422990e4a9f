"""README's tables come from the records, and its code runs."""

import re
import runpy
from pathlib import Path

import pytest

from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.verdict.findings import Status
from tests.processes import python
from tests.tree import ROOT

README = (ROOT / "README.md").read_text()


def test_tables_are_what_the_records_say() -> None:
    checked = python("-m", "benchmarks.readme", "--check", check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_check_notices_a_number_typed_by_hand() -> None:
    rendered = runpy.run_module("benchmarks.readme")["rendered"]
    assert rendered(README.replace("| nokernel |", "| nokernel | 0.00% |", 1)) == README


def test_the_check_notices_an_operation_that_is_not_in_the_table() -> None:
    readme = runpy.run_module("benchmarks.readme")
    page = ROOT / "docs" / "candidates.md"
    text = page.read_text()
    stale = "".join(line for line in text.splitlines(keepends=True) if "`se_kernel`" not in line)
    assert stale != text
    assert readme["rendered"](stale, readme["PAGES"][page]) == text


def test_the_example_runs() -> None:
    example = next(
        code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "predicted_forward" in code
    )
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["y"].shape == (100, 500)  # type: ignore[attr-defined]
    assert [dw.shape for dw in names["dw"]] == [(78, 50)] * 10  # type: ignore[attr-defined]


def test_the_classifier_learns(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "Classifier" in code]
    exec(compile(example, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.5  # guessing gives 0.1


def test_the_page_of_dictionaries_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "dictionaries.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "dictionaries.md", "exec"), {})
    assert [file.name for file in tmp_path.iterdir()] == ["dictionary.safetensors"]


def test_the_oracle_says_what_the_readme_says() -> None:
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "dense_backward" in code]
    functions: dict[str, object] = {}
    exec(compile(example, "my_layers.py", "exec"), functions)
    report = conform(InProcess(functions), only=["dense"])
    failed = report.counts[Status.failed]
    (said,) = re.findall(r"```text\n(.*?)\n```", README, re.DOTALL)
    assert said == f"dense is wrong in {failed} of {len(report.findings)} cases: {report.diagnoses['dense']}"


def test_the_two_commands_are_the_makefiles() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert said == ["demo", "test"]
    assert set(said) <= set(targets)
