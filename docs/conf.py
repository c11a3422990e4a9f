"""Settings of the documentation site: `make docs` builds it into build/docs, without network."""

import os
import sys
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pp_ref.experiments
import pp_ref.oracle

os.environ.setdefault("OMP_NUM_THREADS", "1")

# These names are imported when they are first used; autodoc looks at those that are there.
for lazy in (pp_ref.experiments, pp_ref.oracle):
    vars(lazy).update({name: getattr(lazy, name) for name in lazy.__all__})

project = "pp_ref"
author = "the maintainers of pp_ref"
release = version = installed("pp-ref")
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["examples", "_templates", "gallery"]
templates_path = ["_templates"]
autodoc_mock_imports = [] if find_spec("torch") else ["torch"]  # `make setup` does not install it
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3  # links to headings work as they do on a forge
html_theme = "pydata_sphinx_theme"
html_title = "pp_ref"
html_static_path = ["_static"]
html_extra_path = ["_extra"]  # the lessons' pages: see the Makefile
html_favicon = "_static/icon.svg"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
}
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
autosummary_generate = True
autodoc_typehints = "none"  # the signature has them, and a docstring says which shapes and dtypes
numpydoc_show_class_members = False
# Every script of docs/gallery is run, and its figures are drawn.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": "",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}


def setup(app):
    """Docstrings are read before numpydoc reads them."""
    from docstrings import process

    app.connect("autodoc-process-docstring", process, priority=100)
