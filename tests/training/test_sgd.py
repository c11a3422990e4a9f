"""SGD: exact on powers of two, equal to a plain loop, and resumable to the bit."""

from dataclasses import replace

import array_api_strict
import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError
from pp_ref.generators import BIT_GENERATORS
from pp_ref.training import SGD, Checkpoint, Interrupted, Stop, fit_sgd
from tests.refused import refuses

ROWS = np.random.default_rng(0).standard_normal((23, 3))


def linear(slope):
    """loss = slope . p; its gradient is constant, so every step is known exactly."""

    def objective(params, rows, rng):
        return np.asarray(np.vdot(slope, params["p"])), {"p": np.array(slope, float)}

    return objective


def losing(losses, slope=0):
    """An objective with these losses, one a step, and a constant gradient."""
    each = iter(losses)
    return lambda params, rows, rng: (np.asarray(next(each)), {"p": np.full(1, float(slope))})


def to_the_mean(params, rows, rng):
    """loss = 1/2 mean |p - row|^2 over the rows: its minimum is their mean."""
    gap = params["p"] - ROWS[rows]
    return np.asarray(0.5 * np.sum(gap**2) / len(rows)), {"p": gap.mean(axis=0)}


def noisy(params, rows, rng):
    """An objective that draws, as dropout does."""
    loss, gradient = to_the_mean(params, rows, rng)
    return loss, {"p": gradient["p"] * rng.integers(0, 2, 3)}


def fitted(settings, start=0.0, slope=1.0, n=1):
    fit = fit_sgd(linear([slope]), {"p": np.array([start])}, n, settings, np.random.default_rng(0))
    return fit.params["p"][0]


def to_mean(settings, start=None, **more):
    """The fit of `to_the_mean` on all rows."""
    return fit_sgd(to_the_mean, start or {"p": np.ones(3)}, 23, settings, np.random.default_rng(0), **more)


def without_seconds(history):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


# One step per epoch; u <- mu u - eta g, p <- p + u with g = 1. All of it is exact in binary.
STEPS = {
    "plain": (SGD(3, 0.5), -(0.5 + 0.5 + 0.5)),
    "momentum": (SGD(3, 0.5, momentum=0.5), -(0.5 + 0.75 + 0.875)),
    "decay": (SGD(3, 0.5, decay=2.0), -(0.5 + 0.25 + 0.125)),
    "floor": (SGD(4, 0.5, decay=2.0, floor=0.125), -(0.5 + 0.25 + 0.125 + 0.125)),
    # momentum 0, 1/4, 1/2, 1/2: u = -1, -5/4, -13/8, -29/16
    "rising": (SGD(4, 1.0, momentum=0.0, final_momentum=0.5, momentum_epochs=2), -(1 + 1.25 + 1.625 + 1.8125)),
    "falling": (SGD(2, 1.0, momentum=0.5, final_momentum=0.0), -2.0),  # 1/2, 0
    "no epochs": (SGD(0, 1.0), 0.0),
}


@pytest.mark.parametrize(("settings", "want"), STEPS.values(), ids=list(STEPS))
def test_steps_by_hand(settings, want):
    assert fitted(settings) == want


def test_decay_counts_steps_over_all_epochs():
    assert fitted(SGD(2, 1.0, batch=2, decay=2.0), n=4) == -(1 + 0.5 + 0.25 + 0.125)


def test_columns_longer_than_the_limit_are_projected_after_each_step_and_vectors_are_not():
    start = {"W": np.array([[3.0, 0.25], [4.0, 0.0]]), "b": np.array([8.0])}

    def objective(params, rows, rng):
        return np.asarray(0.0), {"W": np.zeros((2, 2)), "b": np.zeros(1)}

    fit = fit_sgd(objective, start, 1, SGD(1, 1.0, max_column_norm=2.5), np.random.default_rng(0))
    np.testing.assert_array_equal(fit.params["W"], [[1.5, 0.25], [2.0, 0.0]])
    np.testing.assert_array_equal(fit.params["b"], [8.0])
    np.testing.assert_array_equal(start["W"], [[3.0, 0.25], [4.0, 0.0]])


def test_every_epoch_is_a_new_permutation_and_the_last_batch_takes_what_is_left():
    seen = []

    def objective(params, rows, rng):
        seen.append(rows.copy())
        return np.asarray(0.0), {"p": np.zeros(1)}

    fit_sgd(objective, {"p": np.zeros(1)}, 23, SGD(2, 1.0, batch=5), np.random.default_rng(0))
    assert [len(rows) for rows in seen] == [5, 5, 5, 5, 3] * 2
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    assert sorted(first) == sorted(second) == list(range(23))
    assert (first != second).any()
    assert (first != np.arange(23)).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_equals_a_loop_anyone_can_read(dtype):
    settings = SGD(3, 0.1, batch=5, momentum=0.5, final_momentum=0.9, momentum_epochs=2, decay=1.01, floor=0.09)
    rows, start = ROWS.astype(dtype), {"p": np.ones(3, dtype), "W": np.ones((2, 2), dtype)}

    def objective(params, chosen, rng):
        gap = params["p"] - rows[chosen]
        return np.sum(gap * gap), {"p": gap.sum(axis=0), "W": params["W"] * 2}

    fit = fit_sgd(objective, start, 23, settings, np.random.default_rng(7))
    p, W, up, uW, rate, rng = np.ones(3, dtype), np.ones((2, 2), dtype), 0, 0, [], np.random.default_rng(7)
    for momentum in (0.5, 0.7, 0.9):
        order = rng.permutation(23)
        for start_of_batch in range(0, 23, 5):
            rate.append(max(0.1 * 1.01 ** -len(rate), 0.09))
            gp = (p - rows[order[start_of_batch : start_of_batch + 5]]).sum(axis=0)
            up, uW = momentum * up - rate[-1] * gp, momentum * uW - rate[-1] * (2 * W)
            p, W = p + up, W + uW
    # The same operations on the same numbers, rounded the same way.
    np.testing.assert_array_equal(fit.params["p"], p)
    np.testing.assert_array_equal(fit.params["W"], W)
    assert fit.params["p"].dtype == dtype
    assert [record["learning_rate"] for record in fit.history] == rate[4::5]


def test_the_start_is_not_written_to_and_no_epochs_return_it():
    start = {"p": np.ones(3)}
    to_mean(SGD(2, 0.5), start)
    np.testing.assert_array_equal(start["p"], np.ones(3))
    fit = to_mean(SGD(0, 0.5), start)
    assert (fit.history, fit.stop) == ([], Stop.EPOCHS)
    np.testing.assert_array_equal(fit.params["p"], start["p"])


def test_the_minimum_of_a_quadratic():
    """On the whole batch, p - mean shrinks by 1/2 each step: after 60 steps only rounding is left."""
    fit = to_mean(SGD(60, 0.5))
    assert fit.stop is Stop.EPOCHS
    rounding = 23 * np.finfo(float).eps / 2 * abs(ROWS).sum(axis=0)  # of one mean; halved, they sum to less than two
    assert (abs(fit.params["p"] - ROWS.mean(axis=0)) <= 2 * rounding).all()


def test_history_has_the_mean_loss_of_the_steps_and_what_was_evaluated():
    told = []
    objective, settings = losing([1.0, 2.0, 6.0, 4.0, 4.0, 7.0]), SGD(2, 1.0, batch=2, decay=2.0)
    more = {"evaluate": lambda params: {"test_error": 0.25}, "on_epoch": told.append}
    fit = fit_sgd(objective, {"p": np.zeros(1)}, 6, settings, np.random.default_rng(0), **more)
    assert told == fit.history
    assert without_seconds(fit.history) == [
        {"epoch": 1, "loss": 3.0, "learning_rate": 0.25, "test_error": 0.25},
        {"epoch": 2, "loss": 5.0, "learning_rate": 2.0**-5, "test_error": 0.25},
    ]
    assert all(record["seconds"] >= 0 for record in fit.history)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_diverged_at_the_first_loss_that_is_not_finite(bad):
    objective = losing([1.0, 1.0, bad, 1.0], slope=1)
    fit = fit_sgd(objective, {"p": np.zeros(1)}, 4, SGD(9, 1.0, batch=2), np.random.default_rng(0))
    assert fit.stop is Stop.DIVERGED
    assert "lower the learning rate, or look for bad values in the data" in fit.stop.value
    assert len(fit.history) == 1
    np.testing.assert_array_equal(fit.params["p"], [-2.0])  # the step of the bad loss is not taken


def test_diverged_after_an_epoch_with_parameters_that_are_not_finite(tmp_path):
    """The last step of the second epoch overflows: no loss shows it, and the checkpoint keeps the epoch before."""
    slopes = iter([1.0, 1.0, 1.0, np.inf])

    def objective(params, rows, rng):
        return 1.0, {"p": np.full(1, next(slopes))}

    checkpoint, told = Checkpoint(tmp_path / "fit.safetensors", {}), []
    settings, rng = SGD(2, 1.0, batch=2), np.random.default_rng(0)
    fit = fit_sgd(objective, {"p": np.zeros(1)}, 4, settings, rng, checkpoint=checkpoint, on_epoch=told.append)
    assert (fit.stop, len(fit.history), told) == (Stop.DIVERGED, 2, fit.history)
    assert fit.params["p"] == -np.inf
    assert len(checkpoint.load().history) == 1
    assert "the loss or a parameter became NaN or infinite" in fit.stop.value


def test_another_array_library():
    xp = array_api_strict

    def objective(params, rows, rng):
        return xp.sum(params["p"]), {"p": xp.ones(2), "W": xp.zeros((1, 1))}

    start = {"p": xp.zeros(2), "W": xp.ones((1, 1)) * 4}
    settings = SGD(2, 0.5, momentum=0.5, max_column_norm=2.0)
    fit = fit_sgd(objective, start, 1, settings, np.random.default_rng(0))
    np.testing.assert_array_equal(np.asarray(fit.params["p"]), [-1.25, -1.25])
    np.testing.assert_array_equal(np.asarray(fit.params["W"]), [[2.0]])


SETTINGS = [
    ({"learning_rate": 0.0}, "^learning_rate is 0.0, expected a finite number > 0$"),
    ({"learning_rate": np.nan}, "^learning_rate is nan, expected"),
    ({"batch": 0}, "^batch is 0, expected"),
    ({"momentum_epochs": 0}, "^momentum_epochs is 0, expected"),
    ({"momentum": 1.0}, r"^momentum is 1.0, expected a number in \[0, 1\): 0"),
    ({"momentum": np.nan}, "^momentum is nan, expected"),
    ({"final_momentum": -0.5}, "^final_momentum is -0.5, expected"),
    ({"decay": 0.5}, r"^decay is 0.5 \(expected >= 1\)"),
    ({"decay": np.nan}, "^decay is nan"),
    ({"epochs": -1}, "^epochs is -1, expected an integer >= 0$"),
    ({"epochs": 1.5}, "^epochs is 1.5, expected an integer >= 0$"),
    ({"learning_rate": "0.1"}, "^learning_rate is '0.1', expected a finite number > 0$"),
    ({"floor": -1.0}, "floor -1.0 .expected >= 0.$"),
    ({"max_column_norm": 0.0}, "^max_column_norm is 0.0, expected a finite number > 0$"),
    ({"max_column_norm": -1.0}, "^max_column_norm is -1.0, expected"),
]
test_settings_that_make_no_sense = refuses(lambda wrong: replace(SGD(1, 1.0), **wrong), {DomainError: SETTINGS})


def test_arguments_that_make_no_sense():
    with pytest.raises(DomainError, match="^n is 0, expected an integer >= 1$"):
        fit_sgd(to_the_mean, {"p": np.zeros(3)}, 0, SGD(1, 1.0), np.random.default_rng(0))
    with pytest.raises(DomainError, match=r"^n is <float64 \(3,\)>, expected an integer >= 1$"):
        fit_sgd(to_the_mean, {"p": np.zeros(3)}, np.zeros(3), SGD(1, 1.0), np.random.default_rng(0))
    with pytest.raises(DomainError, match=r"^settings is 100, expected SGD\(epochs, learning_rate\)$"):
        fit_sgd(to_the_mean, {"p": np.zeros(3)}, 3, 100, np.random.default_rng(0))
    with pytest.raises(
        DomainError, match=r"^rng is 0, expected a numpy.random.Generator, e.g. numpy.random.default_rn"
    ):
        fit_sgd(to_the_mean, {"p": np.zeros(3)}, 3, SGD(1, 1.0), 0)
    with pytest.raises(
        DomainError, match=r"^objective returned 1.0, expected \(loss, gradient\), a number and a dict$"
    ):
        fit_sgd(lambda *_: 1.0, {"p": np.zeros(3)}, 3, SGD(1, 1.0), np.random.default_rng(0))
    with pytest.raises(DomainError, match=r"^p has 1 entries that are NaN or infinite, first at \(1,\)"):
        to_mean(SGD(1, 1.0), {"p": np.array([0, np.nan, 0])})


@pytest.mark.parametrize("bits", BIT_GENERATORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, bits, dtype):
    """The objective draws, so the bits show whether the generator continues where it was."""
    settings = SGD(5, 0.1, batch=4, momentum=0.5, final_momentum=0.9, momentum_epochs=4, decay=1.01)
    start = {"p": np.ones(3, dtype)}

    def rng():
        return np.random.Generator(getattr(np.random, bits)(5))

    whole = fit_sgd(noisy, start, 23, settings, rng())
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {"settings": "these"})
    for stop_after in (1, 3):

        def stop(record, stop_after=stop_after):
            if record["epoch"] == stop_after:
                raise KeyboardInterrupt

        with pytest.raises(Interrupted):
            fit_sgd(noisy, start, 23, settings, rng(), on_epoch=stop, checkpoint=checkpoint)
    told = []
    parts = fit_sgd(noisy, start, 23, settings, rng(), on_epoch=told.append, checkpoint=checkpoint)
    assert [record["epoch"] for record in told] == [4, 5]
    assert parts.params["p"].dtype == dtype
    assert parts.params["p"].tobytes() == whole.params["p"].tobytes()
    assert without_seconds(parts.history) == without_seconds(whole.history)
    again = fit_sgd(noisy, start, 23, settings, rng(), checkpoint=checkpoint)  # nothing is left to do
    assert again.params["p"].tobytes() == whole.params["p"].tobytes()


def test_ctrl_c_says_what_is_saved_and_how_to_go_on(tmp_path):
    def stopping(epoch, step):
        calls = iter(range(100))

        def objective(params, rows, rng):
            if next(calls) == (epoch - 1) * 2 + step - 1:
                raise KeyboardInterrupt
            return to_the_mean(params, rows, rng)

        return objective

    start, settings, rng = {"p": np.ones(3)}, SGD(5, 0.1, batch=20), np.random.default_rng(0)
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {})
    with pytest.raises(Interrupted, match="^stopped by Ctrl-C after 0 of 5 epochs; nothing is saved: run again"):
        fit_sgd(stopping(1, 2), start, 23, settings, rng, checkpoint=checkpoint)
    with pytest.raises(Interrupted, match="^stopped by Ctrl-C after 2 of 5 epochs; nothing is saved"):
        fit_sgd(stopping(3, 1), start, 23, settings, rng)
    message = r"^stopped by Ctrl-C after 2 of 5 epochs; epoch 2 is in .*safetensors: run again to go on$"
    with pytest.raises(Interrupted, match=message):
        fit_sgd(stopping(3, 2), start, 23, settings, rng, checkpoint=checkpoint)
    assert len(checkpoint.load().history) == 2


def test_ctrl_c_while_a_checkpoint_is_written_keeps_the_one_before(tmp_path, monkeypatch):
    checkpoint, settings = Checkpoint(tmp_path / "fit.safetensors", {}), SGD(3, 0.1)
    syncs = iter(range(100))

    def fsync(_):
        if next(syncs) == 2:  # a file and its folder for each epoch
            raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(Interrupted, match=r"after 2 of 3 epochs; epoch 1 is in"):
        to_mean(settings, checkpoint=checkpoint)
    assert [file.name for file in tmp_path.iterdir()] == ["fit.safetensors"]
    parts = to_mean(settings, checkpoint=checkpoint)
    assert parts.params["p"].tobytes() == to_mean(settings).params["p"].tobytes()


def test_a_checkpoint_of_other_shapes_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {})
    to_mean(SGD(1, 0.1), checkpoint=checkpoint)
    message = r"it has the vectors .*\(3,\).*, but the fit .*\(4,\).*: use another path, or move it away"
    with pytest.raises(DataError, match=message):
        fit_sgd(linear(np.ones(4)), {"p": np.ones(4)}, 1, SGD(2, 0.1), np.random.default_rng(0), checkpoint=checkpoint)


def test_a_checkpoint_of_another_array_library(tmp_path):
    xp, settings = array_api_strict, SGD(4, 0.5, momentum=0.5)

    def objective(params, rows, rng):
        return xp.sum(params["p"] * params["p"]), {"p": 2 * params["p"]}

    def fitted(epochs, checkpoint=None):
        few = replace(settings, epochs=epochs)
        return fit_sgd(objective, {"p": xp.ones(2)}, 1, few, np.random.default_rng(0), checkpoint=checkpoint)

    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {})
    fitted(2, checkpoint)
    np.testing.assert_array_equal(*(np.asarray(fit.params["p"]) for fit in (fitted(4, checkpoint), fitted(4))))
