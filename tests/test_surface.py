"""What a user meets first: the package loads its rooms when they are used, and each name that is public is listed."""

import re
import shutil
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from inspect import getmembers, isclass, isroutine

import pytest

import pp_ref
from pp_ref.errors import MissingExtraError
from tests.processes import python
from tests.test_arrows import MODULES, ROOMS
from tests.tree import ROOT


def test_rooms_are_attributes_of_the_package():
    rooms = {room for line in ROOMS for room in line} - {"base", "cli"}
    assert set(dir(pp_ref)) == {*rooms, "errors", "__version__"}
    names = {name for name in dir(pp_ref) if name[0] != "_" and (name != "torch" or find_spec("torch"))}
    code = f"import pp_ref; print(*(getattr(pp_ref, name).__name__ for name in {names}))"
    assert set(python("-c", code).stdout.split()) == {f"pp_ref.{name}" for name in names}


def test_an_unknown_attribute_is_refused():
    with pytest.raises(AttributeError, match=r"^module 'pp_ref' has no attribute 'layer': it has .*layers.*$"):
        _ = pp_ref.layer


def test_the_version_is_that_of_the_installed_package():
    assert pp_ref.__version__ == version("pp-ref")


def test_sources_that_are_not_installed_have_no_version(tmp_path):
    (tmp_path / "pp_ref").mkdir()
    shutil.copy(ROOT / "pp_ref" / "__init__.py", tmp_path / "pp_ref")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pp_ref; print(pp_ref.__version__)"
    assert python("-I", "-S", "-c", code).stdout == "0+unknown\n"


def test_importing_loads_the_standard_library_alone():
    """And of that only `typing` and `importlib`, so that it takes a few milliseconds."""
    code = "import sys; before = set(sys.modules); import pp_ref; print(*set(sys.modules) - before)"
    loaded = {name.partition(".")[0] for name in python("-c", code).stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"pp_ref"}
    assert not loaded & {"asyncio", "email", "inspect", "logging", "pathlib", "unittest", "zipfile"}


# Programs are imported by nobody, nor are notebooks and answers.
PROGRAMS = re.compile(r".*__main__|pp_ref\.lessons\.(notebooks\..*|solutions)")
LISTING = [name for name in MODULES if not PROGRAMS.fullmatch(name)]


LAZY = ["pp_ref.experiments", "pp_ref.lessons", "pp_ref.oracle"]


@pytest.mark.parametrize("name", LAZY)
def test_a_room_loads_its_names_when_they_are_used(name):
    code = f"import sys, {name} as it; before = 'numpy' in sys.modules; [getattr(it, each) for each in it.__all__];"
    assert python("-c", f"{code} print(before, dir(it) == it.__all__)").stdout == "False True\n"
    with pytest.raises(AttributeError, match=f"^module '{name}' has no attribute 'nothing': it has "):
        _ = import_module(name).nothing
    modules = {each.rpartition(".")[2] for each in MODULES if each.rpartition(".")[0] == name}
    assert not modules & set(import_module(name).__all__)  # whichever is imported last would have the name


@pytest.mark.parametrize("name", LISTING)
def test_a_module_lists_its_public_names(name):
    try:
        module = import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


PATHS = {"path", "folder", "place", "file"}
OF_STATES = "features.phones_of: path"  # that of the Viterbi algorithm


def declared_paths():
    """What an argument for a path is declared as, by the names of the room, of what it exports, and of the argument."""
    for name in ("data", "dictionaries", "experiments", "features", "layers", "models", "training"):
        room = getattr(pp_ref, name)
        for exported in (getattr(room, each) for each in getattr(room, "__all__", ())):
            methods = [each for _, each in getmembers(exported, isroutine)] if isclass(exported) else []
            for function in (exported, *methods):
                for argument, said in getattr(function, "__annotations__", {}).items():
                    if argument in PATHS:
                        yield f"{name}.{exported.__name__}: {argument}", str(said)


def test_a_path_is_a_text_or_a_path_everywhere():
    declared = dict(declared_paths())
    assert "ndarray" in declared.pop(OF_STATES)
    assert {"models.load: path", "models.MLP: folder", "data.read_idx: path"} - {*declared} == set()
    assert set(declared.values()) == {"str | os.PathLike[str]", "str | os.PathLike[str] | None"}
