"""What a new user passes by mistake is refused in a sentence that names the argument."""

import re

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import predicted_forward
from pp_ref.models import MLP, RICA, Autoencoder, ConvNet, Full, LowRank, Predicted, pretrain
from pp_ref.models.convnet import paper_convnet
from pp_ref.models.mlp import mlp
from pp_ref.models.stages import Convolution, Dense, Flatten
from pp_ref.training import SGD
from tests.refused import refuses

RNG = np.random.default_rng(0)
SE = make_dictionary("se", Grid(3, 2), proportion=0.5, n_columns=2, rng=RNG)
U, W = SE.U(), [np.ones((3, 4)), np.ones((3, 4))]
NET = MLP((Full(6, 8),), 3)
PARAMS = NET.init(RNG, dtype=float)
X, Y = RNG.random((5, 6)), np.arange(5) % 3
NO_PARAMS = "expected a dict of arrays, as model.init returns it"
IMAGES = np.zeros((2, 3, 32, 32), "f4")

REFUSED = {
    DomainError: [
        (
            lambda: MLP(Full(6, 8), 3),
            "layers is Full(d=6, m=8), expected a tuple of weights, one a hidden layer: (Full(d",
        ),
        (lambda: MLP((6, 8), 3), "layers[0] is 6, expected Full, LowRank or Predicted"),
        (
            lambda: MLP((SE,), 3),
            "layers[0] is Dictionary('se', Grid(",
        ),
        (lambda: MLP((Full(6, 8),), 3.0), "classes is 3.0, expected an integer >= 2"),
        (lambda: MLP((Full(6, 8),), 3, dropout=1.5), "dropout is 1.5, expected a number in [0, 1): 0 switches it off"),
        (lambda: MLP((Full(6, 8),), 3, dropout="no"), "dropout is 'no', expected a number in [0, 1)"),
        (lambda: MLP((Full(6, 8),), 3, weight_decay=-1), "weight_decay is -1, expected a finite number >= 0"),
        (lambda: MLP((Full(6, 8),), 3, weight_decay="x"), "weight_decay is 'x', expected a finite number >= 0"),
        (lambda: Full(6.0, 8), "d is 6.0, expected an integer >= 1"),
        (lambda: Full(6, 0), "m is 0, expected an integer >= 1"),
        (lambda: LowRank(6, 8, 2.5), "rank is 2.5, expected an integer >= 1"),
        (lambda: Predicted(SE, 8.0), "m is 8.0, expected an integer >= 1"),
        (
            lambda: Predicted(U, 8),
            "dictionary is [<float64 (6, 3)>, <float64 (6, 3)>], expected a Dictionary, as make_di",
        ),
        (
            lambda: Autoencoder(SE),
            "weights is Dictionary('se', Grid(",
        ),
        (lambda: Autoencoder(Full(6, 8), decoder="tanh"), "decoder is 'tanh', expected one of sigmoid, linear"),
        (lambda: RICA(8), "weights is 8, expected Full, LowRank or Predicted"),
        (lambda: Dense(Full), "weights is <class 'pp_ref.models.full.Full'>, expected Full, LowRank or Predicted"),
        (lambda: mlp((6, 8, 3), SE), "dictionaries is Dictionary('se', Grid("),
        (lambda: mlp(6), "sizes is 6, expected a list, with an entry for each layer"),
        (lambda: NET.init(0), "rng is 0, expected a numpy.random.Generator, e.g. numpy.random.default_rng(0)"),
        (lambda: NET.init(RNG, dtype=int), "dtype is int64, expected one of floating-point numbers, such as float32"),
        (lambda: NET.init(RNG, spread=-1), "spread is -1, expected a finite number > 0"),
        (lambda: NET.loss(None, X, Y), f"params is None, {NO_PARAMS}"),
        (lambda: NET.predict(X, PARAMS), f"params is <float64 (5, 6)>, {NO_PARAMS}"),
        (
            lambda: NET.predict(PARAMS, X.tolist()),
            "x is a list, expected an array of floating-point numbers: use np.asarr",
        ),
        (lambda: NET.loss(PARAMS, X, Y + 1), "y[2] is 3, expected a class in 0..2"),
        (lambda: NET.save("file", "params"), f"params is 'params', {NO_PARAMS}"),
        (
            lambda: predicted_forward(X, SE, W, np.zeros(8)),
            "U is Dictionary('se', Grid(",
        ),
        (
            lambda: predicted_forward(X, U[0], W, np.zeros(8)),
            "U is <float64 (6, 3)>, expected a list of arrays, one a colu",
        ),
        (lambda: predicted_forward(X, U, 3, np.zeros(8)), "w is 3, expected a list of arrays, one a column"),
        (
            lambda: ConvNet((6, 1, 1), Flatten(), 3),
            "stack is Flatten(), expected a tuple of stages: (Flatten(), Dense(wei",
        ),
        (
            lambda: ConvNet((6, 1, 1), (Flatten, Dense(Full(6, 2))), 3),
            "stack[0] is <class 'pp_ref.models.stages.Flatten'>",
        ),
        (
            lambda: ConvNet((6, 1, 1), (Full(6, 2),), 3),
            "stack[0] is Full(d=6, m=2), expected a stage, such as Flatten()",
        ),
        (lambda: pretrain(X, lambda v: Full(6, 8), SGD(0, 1.0), RNG), "choose is <function <lambda>"),
        (
            lambda: pretrain(X, [Full(6, 8)], SGD(0, 1.0), RNG),
            "choose is [Full(d=6, m=8)], expected a list of functions",
        ),
        (
            lambda: make_dictionary("se", Grid(3, 2), proportion="half", rng=RNG),
            "proportion is 'half', expected a number in (0, 1]: 1 keeps everything",
        ),
        (
            lambda: make_dictionary("se", Grid(3, 2), alpha=[1, 2, 3], rng=RNG),
            "alpha is [1, 2, ...], expected a name, or a list of index arrays, one a column: for one column",
        ),
        (
            lambda: make_dictionary("se", Grid(3, 2), alpha=3, rng=RNG),
            "alpha is 3, expected a name, or a list of index",
        ),
    ],
    ShapeError: [
        (lambda: NET.predict(PARAMS, X[:, :5]), "x has shape (5, 5), expected (n, 6): one example per row"),
        (lambda: NET.predict(PARAMS, X[0]), "x has shape (6,), expected (n, 6): one example per row"),
        (lambda: NET.prepare(X[:, :5]), "x has shape (5, 5), expected (n, 6): one example per row"),
        (lambda: NET.loss(PARAMS, X, Y[:4]), "y has shape (4,), but x has 5 examples: expected (5,), a class for each"),
        (
            lambda: NET.error(PARAMS, X, Y[:4]),
            "y has shape (4,), but x has 5 examples: expected (5,), a class for each",
        ),
        (
            lambda: NET.loss(PARAMS, X, Y[:, None]),
            "y has shape (5, 1), but x has 5 examples: expected (5,), a class for",
        ),
        (
            lambda: NET.loss({}, X, Y),
            "params['1.W'] is missing, but this model has (6, 8): expected what model.init ret",
        ),
        (
            lambda: NET.filters({}),
            "params['1.W'] is missing, but this model has (6, 8): expected what model.init returns",
        ),
        (
            lambda: NET.loss(PARAMS | {"1.W": PARAMS["1.W"].T}, X, Y),
            "params['1.W'] is (8, 6), but this model has (6, 8): expected what model.init returns",
        ),
        (
            lambda: NET.loss(PARAMS | {"2.W": X}, X, Y),
            "params['2.W'] is (5, 6), but this model has no such parameter: exp",
        ),
        (
            lambda: RICA(Full(6, 4)).loss(PARAMS, X),
            "params['W'] is missing, but this model has (6, 4): expected what mode",
        ),
        (
            lambda: Autoencoder(Full(6, 4)).loss(PARAMS, X),
            "params['W'] is missing, but this model has (6, 4): expected wh",
        ),
        (lambda: paper_convnet([None] * 3), "dictionaries has 3 entries, expected 4: one a layer, None for full ones"),
        (
            lambda: paper_convnet().predict(paper_convnet().init(RNG), IMAGES),
            "x has shape (2, 3, 32, 32), expected (n, 32, 32, 3): images with their channels last",
        ),
        (
            lambda: Convolution(Full(75, 4), 5),
            "filter_shape is 5, expected (height, width), 2 integers >= 1: a filter has",
        ),
    ],
}
test_messages = refuses(
    lambda call: call(),
    {error: [(call, f"^{re.escape(said)}") for call, said in rows] for error, rows in REFUSED.items()},
)


def test_a_list_of_layers_is_taken_as_a_tuple():
    assert MLP([Full(6, 8)], 3) == NET
    assert ConvNet((6, 1, 1), [Flatten(), Dense(Full(6, 2))], 3).stack == (Flatten(), Dense(Full(6, 2)))


def test_weights_of_a_dictionary_are_named():
    with pytest.raises(DomainError, match=r", expected Full, LowRank or Predicted: pass Predicted\(layers\[0\], m\)$"):
        MLP((SE,), 3)
    with pytest.raises(DomainError, match=r", expected a list of arrays, one a column: pass U.U\(v.dtype\)$"):
        predicted_forward(X, SE, W, np.zeros(8))
