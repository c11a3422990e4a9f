"""The hostile contents, which take seconds to make."""

import pytest

from tests.robustness.faults import hostile_files


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    return hostile_files(tmp_path_factory.mktemp("hostile") / "files")
