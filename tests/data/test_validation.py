"""The validation images are training images, and are never trained on."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Split, hold_out
from pp_ref.errors import DomainError
from tests.refused import refuses

DATA = Dataset(
    "few",
    Split(np.arange(40).reshape(20, 2), np.arange(20)),
    Split(np.full((5, 2), -1), np.full(5, -1)),
    "drawn",
    "0" * 64,
)


@pytest.mark.parametrize("images", [1, 6, 19])
def test_every_training_image_is_in_one_part_and_no_test_image_in_either(images):
    made = hold_out(DATA, images)
    assert len(made.test.y) == images
    assert sorted([*made.train.y, *made.test.y]) == list(range(20))
    for x, y in (made.train, made.test):
        assert (np.diff(y) > 0).all()  # the order of the training images
        np.testing.assert_array_equal(x, DATA.train.x[y])


def test_the_seed_decides_the_rows():
    one, again, other = (hold_out(DATA, 6, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.test.y, again.test.y)
    assert one.digest == again.digest
    assert (one.test.y != other.test.y).any()
    assert one.digest != other.digest


def test_what_is_said_of_it():
    made = hold_out(DATA, 6, 3)
    assert made.name == "few, 6 held out"
    assert made.source == "drawn; 6 of the training images are held out for validation (rows drawn with seed 3)"
    assert len(made.digest) == 64
    assert made.digest != DATA.digest


REFUSED = [
    (DATA, 0, "^images is 0, expected an integer >= 1$"),
    (DATA, 2.5, "^images is 2.5, expected an integer >= 1$"),
    (DATA, 20, "^images is 20, but few has 20 training images: expected fewer, so that some are left to train on$"),
]
test_hold_out_messages = refuses(hold_out, {DomainError: REFUSED})
