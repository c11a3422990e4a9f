"""What a demo says: chance by hand and by simulation, and what is better, worse or within chance."""

import numpy as np
import pytest

from pp_ref.experiments.demo import Change, chance, conclusion, data_name

RECORD = {"recipe": {"data": "digits", "seed": 0, "images": 2000}, "data": {"name": "digits"}}


def test_chance_by_hand():
    """1.96 sqrt(2 * 0.02 * 0.98 / 1000)."""
    assert chance(Change("SE", 0.02, 0.02), 1000) == pytest.approx(0.012271, rel=1e-4)


def test_two_nets_of_one_true_error_differ_by_more_in_five_of_a_hundred_pairs():
    """Of 4,000 pairs with independent mistakes, 5 % ± 1 % (three standard deviations). The counts are whole numbers, so
    the chance is not exactly 5 %."""
    first, second = np.random.default_rng(0).binomial(1000, 0.05, (2, 4000)) / 1000
    beyond = [abs(a - b) > chance(Change("", float(a), float(b)), 1000) for a, b in zip(first, second, strict=True)]
    assert 0.03 < np.mean(beyond) < 0.07


def test_what_is_better_worse_or_within_chance():
    changes = [Change("a", 0.02, 0.05), Change("b", 0.05, 0.051), Change("c", 0.2, 0.05)]
    assert conclusion([RECORD], "the full net", changes) == (
        "5,000 digits: 2,000 learned from, 1,000 test images, one seed. A difference of less than 1.6 to 2.8 points "
        "may be chance (95 %). Against the full net: Better: a. Within chance: b. Worse: c."
    )


def test_nothing_to_compare_is_no_conclusion():
    other = RECORD | {"recipe": {"data": "digits", "seed": 1}}
    assert (
        conclusion([other, RECORD], "the full net", [])
        == "5,000 digits: 4,000 learned from, 1,000 test images, 2 seeds."
    )


def test_data_without_a_name_of_its_own():
    assert data_name([RECORD | {"data": {"name": "noise"}}]) == "noise"
