"""Every example in a docstring gives what it says, and every public function and class has one."""

import doctest
from importlib import import_module
from inspect import getdoc

import pytest

from pp_ref.errors import MissingExtraError
from tests.tree import ROOT, files

PUBLIC = (
    "pp_ref.data",
    "pp_ref.dictionaries",
    "pp_ref.experiments",
    "pp_ref.features",
    "pp_ref.features.estimators",
    "pp_ref.gradient_check",
    "pp_ref.layers",
    "pp_ref.models",
    "pp_ref.models.classifier",
    "pp_ref.models.convnet",
    "pp_ref.models.mlp",
    "pp_ref.models.stages",
    "pp_ref.oracle",
    "pp_ref.torch",
    "pp_ref.training",
)
WITHOUT = {
    "models.Model": "abstract: its kinds have examples",
    "models.Params": "a type",
    "models.Weights": "abstract: its kinds have examples",
    "models.stages.ActivationName": "a type",
    "models.stages.Shape": "a type",
    "models.stages.Stage": "a protocol: its kinds have examples",
    "training.Interrupted": "an exception",
}
EXAMPLES = [file for file in files(ROOT / "pp_ref", ".py") if ">>> " in (ROOT / "pp_ref" / file).read_text("utf-8")]


def imported(name):
    try:
        return import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("file", EXAMPLES)
def test_examples(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where examples write their files
    name = f"pp_ref.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
    failed, tried = doctest.testmod(imported(name), globs={})  # nothing is imported but by the example itself
    assert tried
    assert not failed


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_an_example(name):
    module = imported(name)
    public = {f"{name.removeprefix('pp_ref.')}.{each}": getattr(module, each) for each in module.__all__}
    without = {each for each, made in public.items() if callable(made) and "\n>>> " not in (getdoc(made) or "")}
    assert without == WITHOUT.keys() & public.keys()


def test_a_wrong_example_is_found():
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(example, out=lambda _: None).failed == 1
