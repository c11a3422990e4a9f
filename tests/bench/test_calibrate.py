"""Known rates are recovered from the work of steps, and the plan reads the rates that were measured."""

import sys
from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

from pp_ref import cli
from pp_ref.bench import timing
from pp_ref.bench.calibrate import CONVOLUTIONS, SHAPES, convolution, fitted, layer
from pp_ref.bench.contest import numbers_of_threads
from pp_ref.bench.timing import Timing
from pp_ref.errors import DomainError
from pp_ref.kernels.rates import Rates, rates_file, read_rates

TRUE = Rates(2e-11, 4e-10, 5e-11, 1e-9, 0.0, 2e-6, 5e-5, 2e-9, 1e-11, 4e-11, 3e-10)


def test_the_shapes_tell_the_rates_apart():
    steps = [work for shape in SHAPES for _, work in layer(*shape)]
    steps += [work for shape in CONVOLUTIONS for _, work in convolution(*shape)]
    exact = [sum(amount * getattr(TRUE, name) for name, amount in part.items()) for part in steps]
    found = fitted(steps, exact)
    np.testing.assert_allclose(found.rates, TRUE, rtol=1e-6, atol=1e-12)
    assert found.largest_error < 1e-6
    rng = np.random.default_rng(0)
    disturbed = fitted(steps, exact * np.exp(0.1 * rng.standard_normal(len(steps))))
    assert all(rate >= 0 for rate in disturbed.rates)
    assert disturbed.rates.flop == pytest.approx(TRUE.flop, rel=0.3)
    assert 0.01 < disturbed.median_error < 0.3


@pytest.mark.parametrize("second", [0.0, -1.0, float("nan")])
def test_times_are_positive(second):
    with pytest.raises(DomainError, match="^seconds are .*, expected positive ones$"):
        fitted([Counter(flop=1)], [second])


def test_the_command_keeps_them(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys.modules[fitted.__module__], "SHAPES", SHAPES[:6])
    monkeypatch.setattr(sys.modules[fitted.__module__], "CONVOLUTIONS", CONVOLUTIONS[2:3])
    monkeypatch.setattr(timing, "Timing", lambda rounds: Timing(rounds).of_single_calls())
    result = CliRunner().invoke(cli.app, ["bench", "calibrate", "--rounds", "1"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "steps are unstable: their turns disagree" in result.output  # a single turn is no proof
    saved, undo = result.output.splitlines()[-2:]
    assert saved == f"saved in {rates_file()}: models choose their ways by it, from the next process on"
    assert undo == "to undo it, delete this file: the default rates are taken again"
    kept = read_rates(rates_file())
    assert tuple(kept) == numbers_of_threads()
    assert all(0 < sum(rates) < 1 for rates in kept.values())
