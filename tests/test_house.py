"""Rules for every file of pp_ref and kernels that no linter knows."""

import ast
import re

import pytest

from tests.tree import ROOT, files

LONGEST = 400  # lines of a file that is no table
TABLES = {"oracle/operations/table.py"}
SOURCES = {file: (ROOT / "pp_ref" / file).read_text("utf-8") for file in files(ROOT / "pp_ref", ".py", ".cu")}
MODULES = {file: ast.parse(text) for file, text in SOURCES.items() if file.endswith(".py")}


def test_no_file_is_long():
    lines = {file: text.count("\n") for file, text in SOURCES.items() if file not in TABLES}
    assert {file: count for file, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize("file", [file for file in MODULES if re.match(r"models/|kernels/(choose|ways)", file)])
def test_what_is_called_is_in_a_table_and_not_looked_up_by_a_module_name(file):
    assert not re.findall(r"\bimport_module\b|\bsys\.modules\b", SOURCES[file])


def test_nobody_asks_whether_weights_are_predicted():
    asking = {
        file: ast.unparse(node)
        for file, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and re.match(r"isinstance\(.*\bPredicted\b", ast.unparse(node))
    }
    asking.pop("models/predicted.py", None)
    assert asking == {}


def test_the_glossary_names_files_that_exist():
    _, words = (ROOT / "docs" / "notation.md").read_text("utf-8").split("## Words")
    places = re.findall(r"\| (`[^|]*`) \|$", words, re.MULTILINE)
    paths = [path for place in places for path in re.findall("`(.*?)`", place)]
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / "pp_ref" / path).exists()] == []
