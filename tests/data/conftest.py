"""A machine without data, for the tests of the readers."""

import pytest


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch, request):
    """An empty cache, no PP_REF_DATA, and the test module's PATCHES; tests of real data get none of this."""
    if request.node.get_closest_marker("needs_data"):
        return
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PP_REF_DATA", raising=False)
    for target, value in getattr(request.module, "PATCHES", {}).items():
        monkeypatch.setattr(target, value)
