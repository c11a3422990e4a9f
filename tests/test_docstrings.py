"""Every example in a docstring gives what it says."""

import doctest
from importlib import import_module

import pytest

from pp_ref.errors import MissingExtraError
from tests.tree import ROOT, files

EXAMPLES = [file for file in files(ROOT / "pp_ref", ".py") if ">>> " in (ROOT / "pp_ref" / file).read_text("utf-8")]


@pytest.mark.parametrize("file", EXAMPLES)
def test_examples(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where examples write their files
    name = f"pp_ref.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
    try:
        module = import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed


def test_a_wrong_example_is_found():
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(example, out=lambda _: None).failed == 1
