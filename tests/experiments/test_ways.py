"""The recipe says how ways are chosen."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.experiments.ways import WAYS, ways_of, ways_taken
from pp_ref.kernels.choose import pooling_backend
from pp_ref.models import Full, Predicted


@pytest.mark.parametrize(("recipe", "rates"), [({}, "calibrated"), (WAYS, "default")])
def test_a_recipe_without_ways_leaves_them_to_the_machine(monkeypatch, recipe, rates):
    from pp_ref.kernels.rates import default_rates

    monkeypatch.setattr("pp_ref.kernels.choose.known_rates", lambda threads: (default_rates(threads), "calibrated"))
    layer = Predicted(make_dictionary("se", Grid(4, 4), n_alpha=4, rng=np.random.default_rng(0)), 3)
    with ways_of(recipe):
        assert layer.plan(2, np.float32).rates == rates


def test_a_recipe_names_its_backend(monkeypatch):
    monkeypatch.setenv("PP_REF_BACKEND", "numba")
    with ways_of({"backend": "numpy"}):
        assert pooling_backend() == "numpy"
    assert pooling_backend() == "numba"
    with pytest.raises(DomainError, match="^backend is 'torch', expected one of"), ways_of({"backend": "torch"}):
        pass


def test_the_ways_taken():
    layer = Predicted(make_dictionary("se", Grid(4, 4), n_alpha=4, rng=np.random.default_rng(0)), 3)
    assert ways_taken(layer) == ways_taken(Full(16, 3)) == []
    with ways_of({"backend": "numba"}):
        layer.forward(layer.init(np.random.default_rng(0), 0.1, np.float32), np.zeros((2, 16), np.float32))
    assert ways_taken(layer) == ["separable"]
