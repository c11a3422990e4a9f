"""What a user sees of an object at the prompt is short, and says what matters."""

import re
from zlib import decompress

import numpy as np
import pytest

from pp_ref import data, features
from pp_ref.brief import LONGEST
from pp_ref.dictionaries import KINDS, Grid, Units, choose_covariance, make_dictionary
from pp_ref.dictionaries.html import grey_png
from pp_ref.models import MLP, RICA, Autoencoder, Full, LowRank, Predicted, pretrain
from pp_ref.models.convnet import paper_convnet
from pp_ref.training import SGD, Checkpoint, fit_lbfgs, fit_sgd, flatten

RNG = np.random.default_rng(0)
DICTIONARY = make_dictionary("se", Grid(28, 28), proportion=0.1, n_columns=10, rng=RNG)
PREDICTED = Predicted(DICTIONARY, 500)
MODEL = MLP((PREDICTED, Full(500, 500)), 10)
X, Y, SETTINGS = RNG.random((20, 784)), RNG.integers(0, 10, 20), SGD(2, 0.1)


def objective(params, rows=slice(None), rng=None):
    return MODEL.loss_and_gradient(params, X[rows], Y[rows])


def shown():
    params = MODEL.init(RNG, dtype=float)
    digits = data.load_digits()
    yield from (DICTIONARY, DICTIONARY.recipe, DICTIONARY.columns[0], DICTIONARY.space)
    yield make_dictionary("own", Grid(28, 28), U=np.eye(784), rng=RNG)
    yield make_dictionary("emp", Units(30), alpha=[np.arange(20)], data=RNG.random((99, 30)), rng=RNG)
    yield from (MODEL, PREDICTED, Full(3, 4), LowRank(5, 4, 3), Autoencoder(PREDICTED, True, True), RICA(PREDICTED))
    yield from (paper_convnet(), *paper_convnet().stack, PREDICTED.plan(100, float), PREDICTED.plan(100, float).way)
    yield from (fit_sgd(objective, params, 20, SETTINGS, RNG), fit_lbfgs(objective, params, iterations=2), SETTINGS)
    yield from (pretrain(X, [lambda v: PREDICTED], SETTINGS, RNG), flatten(params)[1], Checkpoint("fit", {"rate": 0.1}))
    yield from (digits, digits.train, data.load_natural_images(), MODEL.prepare(X), RICA(PREDICTED).prepare(X))
    yield from (features.fit_whitening(X), features.fit_standardisation(X), *KINDS.values())
    yield choose_covariance("se", Grid(6, 6), RNG.standard_normal((36, 4)))
    yield from (*features.CONVENTIONS.values(), features.bigram([np.arange(3)], 3), features.Errors(1, 2, 3, 99))
    spoken = data.Utterance("fvmh0-sx206", "fvmh0", np.zeros(999, np.int16), np.array([500, 999]), np.array([1, 2]))
    yield from (spoken, data.Timit("timit", (spoken,) * 99, (spoken,), (), "TIMIT (LDC93S1)", "0" * 64))


def test_no_repr_is_long():
    said = {type(each).__name__: repr(each) for each in shown()}
    assert {name: text for name, text in said.items() if len(text) > LONGEST} == {}
    assert [name for name, text in said.items() if not text.startswith(f"{name}(")] == []


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (
            DICTIONARY,
            "Dictionary('se', Grid(height=28, width=28, channels=1), n_alpha=78, n_columns=10, length_scale=1.0, "
            "ridge=0.001, form='ridge', alpha='uniform')",
        ),
        (
            MODEL,
            "MLP(layers=(Predicted(<se: 10 columns of 78 of 784 weights>, m=500), Full(d=500, m=500)), classes=10)",
        ),
        (data.dataset.Split(X, Y), "Split(x=<float64 (20, 784)>, y=<int64 (20,)>)"),
        (SETTINGS, "SGD(epochs=2, learning_rate=0.1)"),
        (SGD(2, 0.1, batch=99), "SGD(epochs=2, learning_rate=0.1, batch=99)"),
        (features.HTK, "MFCC()"),
        (KINDS["randcon"], "Kind('U = I[:, alpha]', 'sec. 3.5')"),
    ],
)
def test_what_is_said(each, said):
    assert repr(each) == said


def test_a_fit_says_how_it_ended():
    fit = fit_sgd(objective, MODEL.init(RNG, dtype=float), 20, SETTINGS, RNG)
    last = f"{fit.history[-1]['loss']:.4g}"
    assert repr(fit) == f"Fit(295,010 parameters, 2 records, the last with loss {last}, stop=Stop.EPOCHS)"
    assert repr(fit._replace(history=[])) == "Fit(295,010 parameters, 0 records, stop=Stop.EPOCHS)"


def test_a_default_that_was_given_as_another_type_is_shown():
    assert repr(SGD(2, 0.1, decay=1)) == "SGD(epochs=2, learning_rate=0.1, decay=1)"


def test_a_dictionary_in_a_notebook():
    html = make_dictionary(
        "se", Grid(6, 5, 2), proportion=0.2, n_columns=12, rng=np.random.default_rng(0)
    )._repr_html_()
    assert html.startswith("<table><caption>Dictionary(&#x27;se&#x27;, Grid(height=6, width=5, channels=2), n_alpha=12")
    rows = re.findall("<tr>(.*?)</tr>", html)
    assert len(rows) == 12  # a head, ten columns, and a line for the others
    assert rows[1].startswith("<td>0</td><td>12 of 60</td><td>channel-tied</td>")
    assert html.count("<img ") == 10
    assert rows[-1].startswith("<td>and 2 more</td>")


def test_without_positions_there_is_no_picture():
    html = make_dictionary("randcon", Units(9), n_alpha=3, rng=RNG)._repr_html_()
    assert "<img" not in html
    assert "<td>3 of 9</td><td>gather</td>" in html


def test_a_picture_has_the_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = grey_png(pixels)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    start = content.index(b"IDAT") + 4
    rows = np.frombuffer(decompress(content[start:-16]), np.uint8).reshape(3, 5)
    np.testing.assert_array_equal(rows, np.hstack([np.zeros((3, 1), np.uint8), pixels]))
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    np.testing.assert_array_equal(np.asarray(image.open(BytesIO(content))), pixels)
