"""The checks of `speech_checks` hold of the functions of pp_ref, and each planted fault fails one of them."""

from types import SimpleNamespace

import pytest

from tests.features.speech_checks import CHECKS, FAULTS, HONEST

pytest.importorskip("librosa", reason="librosa is not installed: pip install 'pp_ref[speech]'")


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_holds(name):
    CHECKS[name](HONEST)


def seen(functions):
    """Whether a check fails."""
    for check in CHECKS.values():
        try:
            check(functions)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault):
    name, function = FAULTS[fault]
    assert seen(SimpleNamespace(**vars(HONEST) | {name: function}))


def test_there_are_enough_faults():
    assert len(FAULTS) >= 25
    assert {name for name, _ in FAULTS.values()} == vars(HONEST).keys()
