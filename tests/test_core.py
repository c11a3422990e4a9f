"""The core works with its requirements alone, and a missing library is named by its distribution."""

import re

from tests.processes import python

MISSING = (
    *("numba", "matplotlib", "PIL", "pooch", "mlxtend", "sklearn", "pywt", "flint", "hypothesis"),
    *("librosa", "soundfile", "rapidfuzz"),
)
WITHOUT = f"import sys\nfor name in {MISSING}: sys.modules[name] = None\n"

TRAINS = """
import numpy as np
from pp_ref import data, features, gradient_check
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.models import MLP, Predicted, load
from pp_ref.training import SGD, fit_sgd

rng = np.random.default_rng(0)
model = MLP((Predicted(make_dictionary("se", Grid(6, 5), proportion=0.5, n_columns=2, rng=rng), 8),), 3)
x, y = rng.random((20, 30)), np.arange(20) % 3
objective = lambda params, rows, rng: model.loss_and_gradient(params, x[rows], y[rows])
fit = fit_sgd(objective, model.init(rng, dtype=float), 20, SGD(2, 0.1), rng)
model.save("model.safetensors", fit.params)
print(load("model.safetensors").model, model.layers[0].plan(20, float).refused["separable"])
"""

ASKS = """
from pp_ref.data import load_digits, load_photographs
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import MissingExtraError
import numpy as np

def wavelet():
    make_dictionary("wavelet", Grid(8, 8), n_alpha=4, rng=np.random.default_rng(0))

def figure():
    from pp_ref.experiments.experiment import FIGURES
    FIGURES[0].load()

def benchmark():
    import pp_ref.bench.contest

for function in (load_digits, load_photographs, wavelet, figure, benchmark):
    try:
        function()
    except MissingExtraError as error:
        print(error)
"""


def test_a_model_is_made_trained_and_saved(tmp_path):
    said = python("-c", WITHOUT + TRAINS, cwd=tmp_path).stdout
    assert said == (
        "MLP(layers=(Predicted(<se: 2 columns of 15 of 30 weights>, m=8),), classes=3) "
        "Numba is not installed: pip install numba (the extra 'fast' of pp-ref)\n"
    )


def test_what_needs_more_names_the_distribution(tmp_path):
    said = python("-c", WITHOUT + ASKS, cwd=tmp_path).stdout
    found = re.findall(
        r"(\S+) is not installed, but this function needs it: pip install (\S+) \(the extra '(\w+)'", said
    )
    assert [(name, extra) for name, _, extra in found] == [
        ("mlxtend", "figures"),
        ("scikit-learn", "features"),
        ("PyWavelets", "features"),
        ("matplotlib", "figures"),
        ("numba", "fast"),
    ]
    assert all(name == command for name, command, _ in found)
