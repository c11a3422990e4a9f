"""Every module that opens a file is in the list of formats, so that none escapes the injector."""

import ast

import pytest

from tests.robustness.formats import EXEMPT, FORMATS
from tests.tree import ROOT, files

FUNCTIONS = {
    *("open", "io.open", "os.open", "safe_open", "load_file", "save_file", "sqlite3.connect"),
    *(
        "np.load",
        "np.save",
        "np.savez",
        "np.savez_compressed",
        "np.memmap",
        "np.loadtxt",
        "np.fromfile",
    ),
    *("json.load", "json.dump", "pickle.load", "pickle.dump", "tarfile.open", "gzip.open", "bz2.open", "lzma.open"),
    *("zipfile.ZipFile", "Image.open", "tempfile.mkstemp", "pooch.retrieve"),
}
METHODS = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "tofile"}
MODULES = {"pp_ref.files", "pp_ref.envelope"}  # the project's own ways to open a file
WORDS = {"reason", "packed_size"}  # what they have besides


def opens(tree):
    """Whether a module opens a file, or imports what does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES and {each.name for each in node.names} - WORDS:
            return True
        if not isinstance(node, ast.Call):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else None
        caches = any(each.arg == "cache" and ast.unparse(each.value) == "True" for each in node.keywords)
        if ast.unparse(node.func) in FUNCTIONS or method in METHODS or (caches and "jit" in ast.unparse(node.func)):
            return True
    return False


def test_every_module_that_opens_a_file_is_registered():
    sources = {file: (ROOT / "pp_ref" / file).read_text("utf-8") for file in files(ROOT / "pp_ref", ".py")}
    opening = {file for file, text in sources.items() if opens(ast.parse(text))}
    own = {name.removeprefix("pp_ref.").replace(".", "/") + ".py" for name in MODULES}
    registered = {module for form in FORMATS.values() for module in form.modules} | EXEMPT.keys()
    assert opening - own - registered == set(), "no format in tests/robustness/formats.py names these modules"
    assert registered - opening == set(), "these modules open no file any more"


@pytest.mark.parametrize(
    "source",
    [
        "from pp_ref.files import write_atomically",
        "path.read_bytes()",
        "with path.open('rb') as file: pass",
        "open(path)",
        "np.load(path)",
        "numba.njit(loops, cache=True)",
        "def f():\n    return Image.open(path)",
    ],
)
def test_a_module_that_opens_a_file_is_found(source):
    assert opens(ast.parse(source))


@pytest.mark.parametrize("source", ["store.load(recipe)", "json.loads(text)", "from pp_ref.files import reason"])
def test_others_are_not(source):
    assert not opens(ast.parse(source))
