"""The rooms of pp_ref that each room may import. Imports inside functions count."""

import ast
import sys
from graphlib import TopologicalSorter

import pytest

from tests.tree import ROOT, files

# From the top. A module imports from its own room and from rooms on lower lines. "base" has the modules outside rooms.
ROOMS = (
    ("cli",),
    ("bench", "experiments", "oracle"),
    ("models",),
    ("training", "features", "data"),
    ("kernels",),
    ("dictionaries",),
    ("layers",),
    ("base",),
)
# The libraries that the definitions import, besides the standard library. `import_extra` imports PyWavelets.
LIBRARIES = {"layers": {"numpy", "scipy"}, "dictionaries": {"numpy", "scipy"}}

FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}


# Each module of pp_ref by name, with its file. kernels/ is found through the link.
MODULES = {
    f"pp_ref.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__"): ROOT / "pp_ref" / file
    for file in files(ROOT / "pp_ref", ".py")
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


def room(name):
    parent = MODULES[name].parent
    return "base" if parent == ROOT / "pp_ref" else parent.relative_to(ROOT / "pp_ref").parts[0]


def test_every_room_has_its_floor():
    assert {room(name) for name in MODULES} == set(FLOORS)


def test_contributing_gives_the_order():
    listed = "".join(f"\n      {', '.join(rooms)}" for rooms in ROOMS)
    assert f"{listed}\n" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_arrows_point_down():
    arrows = [(name, other) for name, others in IMPORTS.items() for other in others & MODULES.keys()]
    wrong = [f"{a} -> {b}" for a, b in arrows if room(a) != room(b) and FLOORS[room(a)] >= FLOORS[room(b)]]
    assert sorted(wrong) == []


def test_no_circle_of_modules():
    TopologicalSorter({name: others & MODULES.keys() for name, others in IMPORTS.items()}).prepare()


@pytest.mark.parametrize("truth", LIBRARIES)
def test_the_truth_is_built_on_few_libraries(truth):
    used = {other.partition(".")[0] for name, others in IMPORTS.items() if room(name) == truth for other in others}
    assert used - set(sys.stdlib_module_names) - {"pp_ref"} <= LIBRARIES[truth]


def test_nothing_is_imported_that_is_not_installed():
    used = {other.partition(".")[0] for others in IMPORTS.values() for other in others}
    assert used.isdisjoint({"benchmarks", "docs", "kernels", "tests"})
