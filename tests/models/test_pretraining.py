"""Layerwise pretraining: the input of each layer, the result, and stopping anywhere."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.models import MLP, Autoencoder, Full, Predicted, pretrain
from pp_ref.models import pretraining as pretraining_module
from pp_ref.training import SGD, Checkpoint, Interrupted, Stop

X = np.random.default_rng(0).random((50, 16)).astype(np.float32)
SETTINGS = SGD(3, 0.125, batch=10, momentum=0.5)


def se(v):
    dictionary = make_dictionary("se", Grid(4, 4), proportion=0.5, n_columns=2, rng=np.random.default_rng(1))
    return Predicted(dictionary, 6)


def emp(v):
    dictionary = make_dictionary("emp", Units(6), proportion=0.5, n_columns=2, rng=np.random.default_rng(2), data=v)
    return Predicted(dictionary, 5)


def pretrained(choose=(se, emp), settings=SETTINGS, x=X, **more):
    return pretrain(x, choose, settings, np.random.default_rng(3), **more)


def test_the_parameters_are_an_mlps_without_its_softmax():
    made = pretrained()
    model = MLP(made.layers, 3)
    params = model.init(np.random.default_rng(0))
    assert {name: array.shape for name, array in made.params.items()} == {
        name: array.shape for name, array in params.items() if not name.startswith("softmax")
    }
    assert {array.dtype for array in made.params.values()} == {np.dtype(np.float32)}
    assert np.isfinite(model.loss(params | made.params, X, np.zeros(50, int)))


@pytest.mark.parametrize("batch", [7, 50, 1000])
def test_a_layer_is_chosen_by_what_the_pretrained_layer_below_puts_out(monkeypatch, batch):
    """Its input is computed in batches; the last one is smaller."""
    monkeypatch.setattr(pretraining_module, "BATCH", batch)
    given = []
    made = pretrained([lambda v: (given.append(v), se(v))[1], lambda v: (given.append(v), emp(v))[1]])
    assert given[0] is X
    first = {name.removeprefix("1."): array for name, array in made.params.items() if name.startswith("1.")}
    want = Autoencoder(made.layers[0]).predict(first, X)
    # One row's sums may be taken in another order in another batch: pooling 16 and combining 8 terms, all below 1/4.
    assert given[1].shape == want.shape
    assert (abs(given[1] - want) <= 2 * (16 + 8) * np.finfo(np.float32).eps).all()


def test_emp_is_taken_after_pretraining_and_stays():
    """The dictionary is that of the pretrained activations, not of the random start."""
    trained, random = pretrained(), pretrained(settings=SGD(0, 0.125))
    given = []
    again = pretrained([se, lambda v: (given.append(v), emp(v))[1]])
    for column, other in zip(trained.layers[1].dictionary.columns, emp(given[0]).dictionary.columns, strict=True):
        np.testing.assert_array_equal(column.U, other.U)
    assert any(
        (column.U != other.U).any()
        for column, other in zip(trained.layers[1].dictionary.columns, random.layers[1].dictionary.columns, strict=True)
    )
    for name, array in trained.params.items():
        np.testing.assert_array_equal(array, again.params[name])


def test_no_epochs_keep_the_random_start():
    made = pretrained(settings=SGD(0, 0.125), spread=0.25)
    rng = np.random.default_rng(3)
    for number, weights in enumerate(made.layers, start=1):
        for name, array in Autoencoder(weights).init(rng, 0.25).items():
            if name != "c":
                np.testing.assert_array_equal(made.params[f"{number}.{name}"], array)
    assert [fit.history for fit in made.fits] == [[], []]


def test_reconstruction_improves_in_every_layer():
    made = pretrained(settings=SGD(20, 0.125, batch=10, momentum=0.5))
    for fit in made.fits:
        assert fit.stop is Stop.EPOCHS
        assert fit.history[-1]["loss"] < fit.history[0]["loss"]


def test_columns_apart_have_no_visible_bias():
    together, apart = pretrained(), pretrained(per_column=True)
    assert "c" in together.fits[0].params
    assert "c" not in apart.fits[0].params
    assert apart.params.keys() == together.params.keys()
    assert (apart.params["1.w0"] != together.params["1.w0"]).any()


def test_a_stacked_cost_takes_smaller_steps():
    """Batches of ten, two columns, 16 inputs: the gradient of layer 1 is 10 / 32 times the other."""
    apart, stacked = (
        pretrained(settings=SGD(1, 0.125, batch=10), per_column=True, stacked_cost=on) for on in (False, True)
    )
    start = pretrained(settings=SGD(0, 0.125), per_column=True)
    moved, less = (np.linalg.norm(made.params["1.w0"] - start.params["1.w0"]) for made in (apart, stacked))
    assert 0.25 < less / moved < 0.4


def test_every_epoch_is_reported_with_its_layer():
    told = []
    pretrained(on_epoch=lambda layer, record: told.append((layer, record["epoch"])))
    assert told == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_data(dtype):
    made = pretrained(x=X.astype(dtype))
    assert {array.dtype for array in made.params.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("stops", [[(1, 2)], [(1, 3)], [(2, 1)], [(1, 1), (1, 2), (2, 2), (2, 3)]], ids=str)
def test_stopped_anywhere_it_goes_on_to_the_same_bits(tmp_path, stops):
    whole = pretrained()
    checkpoints = [Checkpoint(tmp_path / f"layer{number}.safetensors", {"layer": number}) for number in (1, 2)]
    for at in stops:

        def stop(layer, record, at=at):
            if (layer, record["epoch"]) == at:
                raise KeyboardInterrupt

        with pytest.raises(Interrupted):
            pretrained(on_epoch=stop, checkpoints=checkpoints)
    told = []
    parts = pretrained(on_epoch=lambda layer, record: told.append((layer, record["epoch"])), checkpoints=checkpoints)
    everything = [(layer, epoch) for layer in (1, 2) for epoch in (1, 2, 3)]
    assert told == everything[everything.index(stops[-1]) + 1 :]
    for name, array in whole.params.items():
        assert parts.params[name].tobytes() == array.tobytes()
    for mine, theirs in zip(parts.fits, whole.fits, strict=True):
        assert [record["loss"] for record in mine.history] == [record["loss"] for record in theirs.history]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_is_not_finite_is_refused_before_anything_is_learned(bad):
    x, chosen = X.copy(), []
    x[4, 7] = bad
    with pytest.raises(
        DomainError, match=r"^x has 1 entries that are NaN or infinite, first at \(4, 7\); expected fin"
    ):
        pretrained([chosen.append], x=x)
    assert chosen == []


def test_pixels_as_bytes_are_refused():
    """The parameters have the dtype of the data: bytes would all be 0."""
    with pytest.raises(
        DomainError, match="^x is an array of uint8, .* expected an array of real floating-point numbers: use"
    ):
        pretrained(x=(255 * X).astype(np.uint8))


def test_full_weights_of_one_layer():
    made = pretrained([lambda v: Full(v.shape[1], 4)])
    assert list(made.params) == ["1.W", "1.b"]


def test_a_linear_decoder_is_that_of_the_lowest_layer(monkeypatch):
    """Data of any range are reconstructed there; activations above, which are in [0, 1], by a sigmoid."""
    decoders = []

    def noted(*arguments):
        decoders.append(arguments[-1])
        return Autoencoder(*arguments)

    monkeypatch.setattr(pretraining_module, "Autoencoder", noted)
    wide = 8 * X - 4
    linear, sigmoid = pretrained(x=wide, decoder="linear"), pretrained(x=wide)
    assert decoders == ["linear", "sigmoid", "sigmoid", "sigmoid"]
    assert linear.fits[0].history[-1]["loss"] != sigmoid.fits[0].history[-1]["loss"]
