"""Every backward pass has a derivation, and its docstring links to it."""

import re
from pathlib import Path

import pytest

from pp_ref import layers

PAGE = Path(__file__).parents[2] / "docs" / "derivations.md"


@pytest.mark.parametrize("name", [name for name in layers.__all__ if name.endswith("_backward")])
def test_docstring_links_to_a_heading(name):
    headings = {
        line[3:].lower().replace(" ", "-") for line in PAGE.read_text("utf-8").splitlines() if line[:3] == "## "
    }
    link = re.search(r"Derived in docs/derivations\.md#([a-z0-9_-]+)\.", getattr(layers, name).__doc__)
    assert link, f"{name} does not say where it is derived"
    assert link[1] in headings
