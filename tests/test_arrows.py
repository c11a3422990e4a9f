"""The rooms of pp_ref that each room may import. Imports inside functions count."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.tree import ROOT, files

# From the top. A module imports from its own room and from rooms on lower lines. "base" has the modules outside rooms.
ROOMS = (
    ("cli",),
    ("lessons",),
    ("bench", "experiments", "oracle", "torch"),
    ("models",),
    ("training", "features", "data", "gradient_check"),
    ("kernels",),
    ("dictionaries",),
    ("layers",),
    ("base",),
)
# The same inside the oracle: "run" has the modules outside its rooms.
ORACLE = (("run",), ("reports",), ("verdict",), ("faults",), ("candidates",), ("operations",), ("algebras",))
# The libraries that the definitions import, besides the standard library. `import_extra` imports PyWavelets.
LIBRARIES = {"layers": {"numpy", "scipy"}, "dictionaries": {"numpy", "scipy"}}

# Each module of pp_ref by name, with its file. kernels/ is found through the link. The package itself is left out: it
# names its rooms for type checkers, and imports none.
MODULES = {
    f"pp_ref.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__"): ROOT / "pp_ref" / file
    for file in files(ROOT / "pp_ref", ".py")
    if file != "__init__.py"
}


def imports(file):
    """The modules that a file imports; ``from pp_ref.a import b`` imports pp_ref.a.b if that exists, else pp_ref.a."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inside}
    return found


IMPORTS = {name: imports(file) for name, file in MODULES.items()}


def room(name, within=Path(), outside="base"):
    """The folder of a module below pp_ref/``within``; ``outside`` if it lies beside them; "cli" of `__main__`."""
    *folders, file = MODULES[name].relative_to(ROOT / "pp_ref" / within).parts
    return folders[0] if folders else "cli" if file == "__main__.py" else outside


def upwards(rooms, modules, *where):
    """The arrows between modules of different rooms that do not point down."""
    floors = {room: floor for floor, line in enumerate(rooms) for room in line}
    assert {room(name, *where) for name in modules} == set(floors)
    arrows = [(name, other) for name in modules for other in IMPORTS[name] & modules]
    apart = [(a, b) for a, b in arrows if room(a, *where) != room(b, *where)]
    return sorted(f"{a} -> {b}" for a, b in apart if floors[room(a, *where)] >= floors[room(b, *where)])


def test_arrows_point_down():
    assert upwards(ROOMS, set(MODULES)) == []


def test_arrows_point_down_inside_the_oracle():
    assert upwards(ORACLE, {name for name in MODULES if room(name) == "oracle"}, "oracle", "run") == []


def test_the_docs_give_the_order():
    listed = "".join(f"\n      {', '.join(rooms)}" for rooms in ROOMS)
    assert f"{listed}\n" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    listed = ", ".join(f"`{name}`" for (name,) in ORACLE[:0:-1])
    assert f"{listed};" in " ".join((ROOT / "docs" / "oracle.md").read_text("utf-8").split())


def test_no_circle_of_modules():
    TopologicalSorter({name: others & MODULES.keys() for name, others in IMPORTS.items()}).prepare()


@pytest.mark.parametrize("truth", LIBRARIES)
def test_the_truth_is_built_on_few_libraries(truth):
    used = {other.partition(".")[0] for name, others in IMPORTS.items() if room(name) == truth for other in others}
    assert used - set(sys.stdlib_module_names) - {"pp_ref"} <= LIBRARIES[truth]


def test_nothing_is_imported_that_is_not_installed():
    used = {other.partition(".")[0] for others in IMPORTS.values() for other in others}
    assert used.isdisjoint({"benchmarks", "docs", "kernels", "tests"})
