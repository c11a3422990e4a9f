"""Generators that go on where they were: the same draws after their state has been JSON."""

import json

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.generators import BIT_GENERATORS, generator_from_state, generator_state


@pytest.mark.parametrize("bits", BIT_GENERATORS)
def test_a_state_comes_back_from_json(bits):
    rng = np.random.Generator(getattr(np.random, bits)(5))
    rng.integers(0, 9, 7, dtype=np.uint32)  # leaves half a word buffered
    again = generator_from_state(json.loads(json.dumps(generator_state(rng))))
    np.testing.assert_array_equal(again.integers(0, 9, 7, dtype=np.uint32), rng.integers(0, 9, 7, dtype=np.uint32))
    np.testing.assert_array_equal(again.random(5), rng.random(5))


def test_a_bit_generator_that_is_not_numpys():
    with pytest.raises(DomainError, match="^bit generator is 'os.system', expected one of MT19937, PCG64"):
        generator_from_state({"bit_generator": "os.system"})
