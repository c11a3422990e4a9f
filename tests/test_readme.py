"""README is what the records say, and its code runs."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_tables_are_what_the_records_say() -> None:
    checked = subprocess.run(
        [sys.executable, "benchmarks/readme.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_the_check_notices_a_number_typed_by_hand() -> None:
    rendered = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))["rendered"]
    assert rendered(README.replace("| nokernel |", "| nokernel | 0.00% |", 1)) == README


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["y"].shape == (100, 500)  # type: ignore[attr-defined]
    assert [dw.shape for dw in names["dw"]] == [(78, 50)] * 10  # type: ignore[attr-defined]


def test_the_two_commands_are_the_makefiles() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    said = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert said == ["demo", "test"]
    assert set(said) <= set(targets)
