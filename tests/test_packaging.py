"""What the tools check and what gets installed: every file under the name pp_ref, once, and nothing under another."""

import re
import shutil
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import pp_ref
from tests.processes import python
from tests.tree import ROOT, files


def build(kind, tree, out):
    """Build a wheel, sdist or editable wheel of ``tree`` with the setuptools of this environment; returns the file."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    done = python("-c", code, cwd=tree, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.iterdir()
    return file


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what is built: a build writes beside its sources."""
    tree = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pp_ref", "kernels"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return tree


@pytest.fixture(scope="module")
def installed(checkout, tmp_path_factory):
    """The content of the wheel that is built from the source distribution, as an installer unpacks it."""
    sdist = build("sdist", checkout, tmp_path_factory.mktemp("sdist"))
    tree = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(tree, filter="data")
    wheel = build("wheel", tree / sdist.name.removesuffix(".tar.gz"), tmp_path_factory.mktemp("wheel"))
    site = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_the_source_distribution_has_its_tests(checkout, tmp_path_factory):
    tree = tmp_path_factory.mktemp("whole") / "tree"
    shutil.copytree(checkout, tree, symlinks=True)
    shutil.copy(ROOT / "MANIFEST.in", tree)
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    with tarfile.open(build("sdist", tree, tmp_path_factory.mktemp("sdist"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        f"{name}/{file}"
        for name in ("tests", "docs", "kernels")
        for file in files(ROOT / name, ".py", ".md", ".cpp", ".cu", ".h")
    }
    assert wanted - held == set()


MODULES = files(ROOT / "pp_ref", ".py")


def seen_by_ruff():
    pytest.importorskip("ruff")
    if not (ROOT / "pp_ref" / "kernels").is_symlink():
        pytest.skip("a source distribution has a copy in place of the link")
    lines = python("-m", "ruff", "check", "--show-files").stdout.splitlines()
    seen = (Path(line).relative_to(ROOT) for line in lines)
    return [file.as_posix().removeprefix("pp_ref/") for file in seen if file.parts[0] in ("pp_ref", "kernels")]


def seen_by_mypy():
    modulefinder, options = pytest.importorskip("mypy.modulefinder"), pytest.importorskip("mypy.options").Options()
    places = modulefinder.SearchPaths((str(ROOT),), (), (), ())
    sources = modulefinder.FindModuleCache(places, None, options).find_modules_recursive("pp_ref")
    paths = (Path(source.path).relative_to(ROOT / "pp_ref") for source in sources)
    return [path.as_posix() for path in paths if path.suffix]  # a folder without __init__.py is a source too


def seen_by_pytest():
    names = (".".join(("pp_ref", *Path(file).with_suffix("").parts)).removesuffix(".__init__") for file in MODULES)
    return [Path(find_spec(name).origin).relative_to(ROOT / "pp_ref").as_posix() for name in names]


@pytest.mark.parametrize(
    "seen",
    [seen_by_ruff, seen_by_mypy, pytest.param(seen_by_pytest, marks=pytest.mark.torch)],  # it imports pp_ref.torch
)
def test_every_tool_sees_every_module_once(seen):
    assert sorted(seen()) == MODULES


def test_everything_is_in_the_wheel(installed):
    endings = (".py", ".cpp", ".cu", ".h", ".schema.json", "py.typed")
    assert files(installed / "pp_ref", "") == files(ROOT / "pp_ref", *endings)
    assert "kernels/gpu/naive.cu" in files(installed / "pp_ref", ".cu")


def test_an_editable_install_is_a_path_that_mypy_can_read(checkout, tmp_path):
    with zipfile.ZipFile(build("editable", checkout, tmp_path)) as archive:
        (file,) = (name for name in archive.namelist() if ".dist-info/" not in name)
        assert file.endswith(".pth")
        assert Path(archive.read(file).decode().strip()) == checkout


def test_no_other_top_level_name_is_installed(installed):
    assert sorted(entry.name for entry in installed.iterdir()) == ["pp_ref", f"pp_ref-{pp_ref.__version__}.dist-info"]
    (top_level,) = installed.glob("*.dist-info/top_level.txt")
    assert top_level.read_text() == "pp_ref\n"


def test_the_kernels_are_found_as_resources(installed, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); from importlib import resources; import pp_ref;"
        "print(pp_ref.__file__); files = resources.files('pp_ref.kernels.gpu').iterdir();"
        "print(*sorted(file.name for file in files if file.name.endswith('.cu')))"
    )
    done = python("-I", "-c", code, cwd=tmp_path)
    kernels = " ".join(sorted(file.name for file in (ROOT / "kernels" / "gpu").glob("*.cu")))
    assert done.stdout.splitlines() == [str(installed / "pp_ref" / "__init__.py"), kernels]


def test_one_version():
    version = re.escape(pp_ref.__version__)
    assert re.search(rf"^version: {version}$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert re.search(rf"^## \[{version}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_lock_fits_every_machine():
    """Only the public index, and none of the packages whose build depends on the machine."""
    text = (ROOT / "uv.lock").read_text("utf-8")
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"https://pypi.org", "https://files.pythonhosted.org"}
    packages = tomllib.loads(text)["package"]
    for package in packages:
        assert package["source"] in ({"registry": "https://pypi.org/simple"}, {"editable": "."})
    assert not {package["name"] for package in packages} & {"torch", "jax", "jaxlib"}


def test_importing_pp_ref_loads_nothing_heavy():
    code = "import sys, pp_ref; print(*sorted({'numpy', 'scipy', 'numba', 'matplotlib', 'torch'} & set(sys.modules)))"
    assert python("-c", code).stdout.split() == []
