"""Arrows point one way: which room of pp_ref may import which. Imports inside functions count."""

import ast
import os
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the top. A module imports its own room and rooms on lower lines. "base" is the modules beside the rooms.
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
# What the truth is built on, besides the standard library. PyWavelets comes by `import_extra`.
LIBRARIES = {"layers": {"numpy", "scipy"}, "dictionaries": {"numpy", "safetensors", "scipy"}}

FLOORS = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}


def modules():
    """Each module of pp_ref by name, with its file; kernels/ through the link."""
    found = {}
    for folder, _, names in os.walk(ROOT / "pp_ref", followlinks=True):
        for file in (Path(folder, name) for name in names if name.endswith(".py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = file
    return found


MODULES = modules()


def imports(file):
    """The modules that a file imports: for ``from pp_ref.a import b`` pp_ref.a.b if that is a module, else pp_ref.a."""
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
