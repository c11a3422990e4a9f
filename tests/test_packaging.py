"""What gets installed: everything under the name pp_ref, and nothing under any other."""

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import pp_ref

ROOT = Path(__file__).resolve().parents[1]


def build(kind, tree, out):
    """Build a wheel or sdist of ``tree`` with the setuptools of this environment; returns the file."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.iterdir()
    return file


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """A source distribution of a copy of the tree: a build writes beside its sources."""
    tree = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pp_ref", "kernels"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    return build("sdist", tree, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory):
    """The content of the wheel that is built from the source distribution, as an installer unpacks it."""
    tree = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(tree, filter="data")
    wheel = build("wheel", tree / sdist.name.removesuffix(".tar.gz"), tmp_path_factory.mktemp("wheel"))
    site = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def modules(root):
    """The Python, CUDA, schema and marker files below ``root``, as names relative to it."""
    files = (file for pattern in ("*.py", "*.cu", "*.schema.json", "py.typed") for file in root.rglob(pattern))
    return {file.relative_to(root).as_posix() for file in files}


def test_everything_is_in_the_wheel(installed):
    kernels = {f"kernels/{file}" for file in modules(ROOT / "kernels")}
    expected = {file for file in modules(ROOT / "pp_ref") if not file.startswith("kernels/")} | kernels
    assert modules(installed / "pp_ref") == expected
    assert "kernels/gpu/naive.cu" in expected


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
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    kernels = " ".join(sorted(file.name for file in (ROOT / "kernels" / "gpu").glob("*.cu")))
    assert done.stdout.splitlines() == [str(installed / "pp_ref" / "__init__.py"), kernels]


def test_every_package_is_listed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    folders = {file.parent for name in ("pp_ref", "kernels") for file in (ROOT / name).rglob("*.py")}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    packages = {re.sub("^kernels", "pp_ref.kernels", package) for package in packages} | {"pp_ref.kernels"}
    assert set(setup["options"]["packages"].split()) == packages


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
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
