"""A model's file: the same settings and the same bits come back, and what is no model is refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from pp_ref.dictionaries import Dictionary, Grid, Units, make_dictionary
from pp_ref.errors import DataError, DomainError, ShapeError
from pp_ref.models import MLP, RICA, Autoencoder, ConvNet, Full, LowRank, Predicted, load
from pp_ref.models.convnet import paper_convnet, weight_spaces
from pp_ref.models.model import MODEL
from pp_ref.models.stages import AveragePool, Convolution, Dense, Flatten, LocalResponse
from pp_ref.training import SGD, Checkpoint, fit_lbfgs, fit_sgd


def dictionary(space, J=2, kind="se"):
    return make_dictionary(kind, space, proportion=0.5, n_columns=J, rng=np.random.default_rng(0))


SE = dictionary(Grid(3, 2))
MODELS = {
    "mlp": MLP((Predicted(SE, 4), LowRank(4, 6, 2), Full(6, 5)), 3, "relu", 0.5, 1e-3),
    "gather": MLP((Predicted(dictionary(Units(7), 3, "randcon"), 6),), 2),
    "one dictionary twice": MLP((Predicted(SE, 6), Predicted(SE, 6)), 3),
    "convnet": paper_convnet(
        [dictionary(Grid(*space), 2) if len(space) == 3 and space[0] == 5 else None for space in weight_spaces()]
    ),
    "stages": ConvNet(
        (6, 6, 1),
        (Convolution(Full(9, 2), (3, 3)), LocalResponse(), AveragePool(2, 2), Flatten(), Dense(Full(8, 4))),
        3,
    ),
    "autoencoder": Autoencoder(Predicted(SE, 4), per_column=True, stacked_cost=True),
    "linear decoder": Autoencoder(Predicted(SE, 4), decoder="linear"),
    "rica": RICA(Predicted(SE, 4), "le2011", 10.0),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_is_saved_comes_back(name, dtype, tmp_path):
    model = MODELS[name]
    params = model.init(np.random.default_rng(1), dtype=dtype)
    model.save(tmp_path / "model", params)
    again, loaded = load(tmp_path / "model")
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert list(loaded) == list(params)
    for each in params:
        assert loaded[each].dtype == params[each].dtype
        np.testing.assert_array_equal(loaded[each], params[each])
    for W, W_again in zip(model.filters(params), again.filters(loaded), strict=True):
        np.testing.assert_array_equal(W_again, W)


def test_settings_and_dictionaries_come_back(tmp_path):
    model = MODELS["mlp"]
    model.save(tmp_path / "model", model.init(np.random.default_rng(1)))
    again, _ = load(tmp_path / "model")
    assert (again.classes, again.activation, again.dropout, again.weight_decay) == (3, "relu", 0.5, 1e-3)
    assert again.layers[1:] == model.layers[1:]
    assert again.layers[0].dictionary.recipe == SE.recipe
    for column, expected in zip(again.layers[0].dictionary.columns, SE.columns, strict=True):
        np.testing.assert_array_equal(column.U, expected.U)
        np.testing.assert_array_equal(column.alpha, expected.alpha)


def test_a_dictionary_that_two_layers_share_is_saved_once(tmp_path):
    model = MODELS["one dictionary twice"]
    model.save(tmp_path / "model", model.init(np.random.default_rng(1)))
    tensors = MODEL.read_tensors(tmp_path / "model", "").tensors
    assert not any(name.startswith("dictionary.1") for name in tensors)
    first, second = load(tmp_path / "model").model.layers
    assert first.dictionary is second.dictionary


def test_a_path_is_a_text_or_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MODELS["rica"]
    params = model.init(np.random.default_rng(1))
    for path in ("model", Path("model"), os.fspath(tmp_path / "model")):
        model.save(path, params)
        np.testing.assert_array_equal(load(path).params["w0"], params["w0"])


class Own(Flatten):
    pass


def test_what_cannot_be_saved_is_refused(tmp_path):
    model = MODELS["rica"]
    params = model.init(np.random.default_rng(1))
    own = ConvNet((2, 2, 1), (Own(), Dense(Full(4, 2))), 2)
    wide, lists = ({name: change(w) for name, w in params.items()} for change in (np.longdouble, np.ndarray.tolist))
    cases = [
        (ShapeError, model, {"w0": params["w0"]}, r"^params\['w1'\] is missing, but this model has \(3, 2\): expected"),
        (ShapeError, model, params | {"b": params["w0"]}, r"^params\['b'\] is \(3, 2\), but this model has no such"),
        (DomainError, model, wide, "^params hold .*128, which a file cannot: expected float32 or float64$"),
        (DomainError, model, lists, "^w0 is a list, expected an array of"),
        (DomainError, own, own.init(np.random.default_rng(0)), r"^the model has Own\(\), which its file cannot descr"),
    ]
    for error, refused, given, message in cases:
        with pytest.raises(error, match=message):
            refused.save(tmp_path / "model", given)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_model_is_refused(tmp_path):
    SE.save(tmp_path / "dictionary")
    with pytest.raises(DataError, match="has the format 'pp_ref.dictionary', expected a model, 'pp_ref.model'"):
        load(tmp_path / "dictionary")
    with pytest.raises(DataError, match="cannot be read .No such file or directory.: expected a model"):
        load(tmp_path / "nothing")


FULL = {"type": "Full", "d": 2, "m": 2}
NET = {"type": "MLP", "layers": [FULL], "classes": 2}
PARAMS = MLP((Full(2, 2),), 2).init(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("model", "dictionaries", "params", "message"),
    [
        (FULL, [], PARAMS, "it has a Full where a model is expected"),
        (NET | {"type": "Path"}, [], PARAMS, "KeyError.'Path'"),
        (NET | {"colour": "red"}, [], PARAMS, "unexpected keyword argument 'colour'"),
        (NET | {"classes": 1}, [], PARAMS, "classes is 1, expected an integer"),
        (NET | {"layers": [{"type": "Dictionary", "number": 0}]}, [], PARAMS, "IndexError"),
        (NET, [{"recipe": SE.recipe.to_json(), "structure": ["dense"]}], PARAMS, "it has 1 columns, but its recipe 2"),
        (NET, [], PARAMS | {"more": np.zeros(3)}, "'more'. is .3,., but this model has no such"),
        (
            NET,
            [],
            {name: array.astype("f2") for name, array in PARAMS.items()},
            "parameters of float16, expected float",
        ),
    ],
)
def test_what_another_program_wrote_is_checked(model, dictionaries, params, message, tmp_path):
    MODEL.write_tensors(tmp_path / "model", params, {"model": model, "dictionaries": dictionaries})
    with pytest.raises(DataError, match=f"is not a model, or it is damaged .*{message}.*: save it again"):
        load(tmp_path / "model")


def objective(model):
    x, y = np.random.default_rng(5).random((30, 6)), np.arange(30) % 3
    return lambda params, rows=slice(None), rng=None: model.loss_and_gradient(params, x[rows], y[rows])


def test_a_checkpoint_becomes_parameters(tmp_path):
    model, rng = MODELS["mlp"], np.random.default_rng(0)
    checkpoint = Checkpoint(os.fspath(tmp_path / "fit"), {"any": "recipe"})
    fit = fit_sgd(objective(model), model.init(rng, dtype=float), 30, SGD(2, 0.1), rng, checkpoint=checkpoint)
    restored = model.restore(checkpoint.path)
    assert list(restored) == list(fit.params)
    for name, array in fit.params.items():
        np.testing.assert_array_equal(restored[name], array)
    model.save(tmp_path / "model", restored)
    with pytest.raises(ShapeError, match="holds 95 parameters, but this model has 29: expected a checkpoint of"):
        MLP((Full(6, 3),), 2).restore(checkpoint.path)


def test_gradients_are_no_parameters(tmp_path):
    model, rng = MODELS["mlp"], np.random.default_rng(0)
    checkpoint = Checkpoint(tmp_path / "fit", {})
    fit_lbfgs(objective(model), model.init(rng, dtype=float), iterations=2, checkpoint=checkpoint)
    with pytest.raises(DataError, match="holds gradient and no parameters: fit_lbfgs keeps its gradients alone; run"):
        model.restore(checkpoint.numbered(0).path)


def test_a_dictionary_is_as_in_its_own_file(tmp_path):
    SE.save(tmp_path / "dictionary")
    tensors, description = SE.to_tensors()
    again = Dictionary.from_tensors(tensors, description)
    assert again.recipe == Dictionary.load(tmp_path / "dictionary").recipe
