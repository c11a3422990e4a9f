"""L-BFGS: each reason for stopping, and the arrays that SciPy and the objective get. Iterates are never compared."""

import math

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Units, make_dictionary
from pp_ref.errors import DataError, DomainError
from pp_ref.models import MLP, Full, Predicted
from pp_ref.training import Checkpoint, Interrupted, Stop, fit_lbfgs

CURVATURES = np.array([1.0, 4.0, 16.0, 64.0])
MINIMUM = np.array([3.0, -2.0, 0.5, 8.0])
FAR = {"p": np.array([-1.2, 1.0])}  # the usual start for Rosenbrock's valley


def quadratic(params):
    """1/2 sum c (p - m)^2."""
    gap = np.concatenate([params["a"], params["b"]]) - MINIMUM
    slope = CURVATURES * gap
    return np.asarray(0.5 * np.vdot(gap, slope)), {"a": slope[:1], "b": slope[1:]}


def rosenbrock(params):
    """(1 - x)^2 + 100 (y - x^2)^2: a bent valley, minimum 0 at (1, 1)."""
    x, y = params["p"]
    gap = y - x * x
    return (1 - x) ** 2 + 100 * gap**2, {"p": np.array([2 * (x - 1) - 400 * x * gap, 200 * gap])}


def start(dtype=float):
    return {"a": np.zeros(1, dtype), "b": np.ones(3, dtype)}


def test_gradient_a_quadratic_to_its_minimum():
    """|p - m| <= |gradient| / smallest curvature, which is 1."""
    fit = fit_lbfgs(quadratic, start(), gtol=1e-9, ftol=0)
    assert fit.stop is Stop.GRADIENT
    assert fit.history[-1]["gradient_norm"] <= 1e-9
    assert (abs(np.concatenate([fit.params["a"], fit.params["b"]]) - MINIMUM) <= 1e-9).all()
    assert [record["iteration"] for record in fit.history] == list(range(1, len(fit.history) + 1))
    assert fit.history[0]["loss"] > fit.history[-1]["loss"] >= 0


def test_gradient_of_rosenbrock():
    """Near (1, 1) the Hessian's smallest eigenvalue is 0.399: the error is at most 2.6 gtol times sqrt 2."""
    fit = fit_lbfgs(rosenbrock, FAR, gtol=1e-8, ftol=0)
    assert fit.stop is Stop.GRADIENT
    assert (abs(fit.params["p"] - 1) <= 4e-8).all()


def test_flat_when_the_loss_hardly_falls():
    assert fit_lbfgs(rosenbrock, FAR, gtol=0, ftol=1e-3).stop is Stop.FLAT


def test_budget_when_iterations_run_out():
    fit = fit_lbfgs(rosenbrock, FAR, iterations=3)
    assert fit.stop is Stop.BUDGET
    assert len(fit.history) == 3


def test_line_search_when_the_gradient_points_uphill():
    def wrong(params):
        loss, gradient = quadratic(params)
        return loss, {name: -g for name, g in gradient.items()}

    fit = fit_lbfgs(wrong, start())
    assert fit.stop is Stop.LINE_SEARCH
    assert "check the gradient" in fit.stop.value


@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_diverged_when_the_loss_is_not_finite(good, bad):
    losses = iter(range(1000))

    def objective(params):
        loss, gradient = rosenbrock(params)
        return (loss, gradient) if next(losses) < good else (bad, {"p": gradient["p"] * np.nan})

    assert fit_lbfgs(objective, FAR).stop is Stop.DIVERGED


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_objective_sees_its_own_dtype_and_scipy_float64(dtype, monkeypatch):
    import scipy.optimize

    seen, right = [], scipy.optimize.minimize

    def minimize(function, x0, **options):
        def watched(vector):
            loss, gradient = function(vector)
            seen.append((vector.dtype, type(loss), gradient.dtype))
            return loss, gradient

        assert x0.dtype == np.float64
        return right(watched, x0, **options)

    def objective(params):
        assert {array.dtype for array in params.values()} == {np.dtype(dtype)}
        return quadratic(params)

    monkeypatch.setattr(scipy.optimize, "minimize", minimize)
    begun = start(dtype)
    fit = fit_lbfgs(objective, begun)
    assert set(seen) == {(np.dtype(np.float64), float, np.dtype(np.float64))}
    assert {name: array.dtype for name, array in fit.params.items()} == {"a": dtype, "b": dtype}
    np.testing.assert_array_equal(begun["b"], np.ones(3))


def test_a_small_predicted_net():
    """Weight decay makes the minimum finite; there the gradient vanishes in every layer."""
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 12)), rng.integers(0, 3, 40)
    dictionary = make_dictionary("emp", Units(12), proportion=0.5, n_columns=2, rng=rng, data=x)
    model = MLP((Predicted(dictionary, 6), Full(6, 5)), 3, weight_decay=1e-2)
    begun = model.init(rng, dtype=float)
    fit = fit_lbfgs(lambda params: model.loss_and_gradient(params, x, y), begun, gtol=1e-7, ftol=0)
    assert fit.stop is Stop.GRADIENT
    loss, gradient = model.loss_and_gradient(fit.params, x, y)
    assert max(abs(g).max() for g in gradient.values()) <= 1e-7
    assert loss < model.loss(begun, x, y)
    assert loss == fit.history[-1]["loss"]


def test_nothing_to_learn():
    fit = fit_lbfgs(lambda params: (np.asarray(2.0), {"p": np.zeros(2)}), {"p": np.ones(2)})
    assert (fit.stop, fit.history) == (Stop.GRADIENT, [])


@pytest.mark.parametrize("setting", ["iterations", "memory"])
def test_settings_that_make_no_sense(setting):
    with pytest.raises(DomainError, match=f"^{setting} is 0, expected an integer >= 1$"):
        fit_lbfgs(quadratic, start(), **{setting: 0})


OBJECTIVES = [
    (np.asarray(0.5), r"array\(0.5\), expected \(loss, gradient\), a number and a dict"),
    ((0.5, np.zeros(3)), r"\(0.5, <float64 \(3,\)>\), expected \(loss, gradient\), a number and a dict"),
    ((0.5, {}), "the gradient of nothing, expected that of a, b"),
    ((0.5, {"a": np.zeros(1)}), "the gradient of a, expected that of a, b"),
]


def test_arguments_that_make_no_sense():
    with pytest.raises(DomainError, match=r"^a has 1 entries that are NaN or infinite, first at \(0,\)"):
        fit_lbfgs(quadratic, start() | {"a": np.array([np.nan])})
    for returned, said in OBJECTIVES:
        with pytest.raises(DomainError, match=f"^objective returned {said}$"):
            fit_lbfgs(lambda params, returned=returned: returned, start())


def test_another_array_library():
    """The parameters stay in their library; SciPy gets NumPy vectors."""
    xp = array_api_strict

    def objective(params):
        gap = params["p"] - xp.ones(2, dtype=xp.float32)
        return xp.sum(gap * gap), {"p": 2 * gap}

    fit = fit_lbfgs(objective, {"p": xp.zeros(2, dtype=xp.float32)})
    assert fit.params["p"].dtype == xp.float32
    np.testing.assert_array_equal(np.asarray(fit.params["p"]), [1, 1])


def parts(checkpoint):
    """The files beside a checkpoint's path."""
    return sorted(path.name for path in checkpoint.path.parent.glob(f"{checkpoint.path.stem}-*"))


class Counted:
    """Rosenbrock's function in a dtype. It counts its calls, and is interrupted after so many."""

    def __init__(self, dtype, last=math.inf):
        self.dtype, self.last, self.points = dtype, last, []

    def __call__(self, params):
        if len(self.points) == self.last:
            raise KeyboardInterrupt
        self.points.append(params["p"].tobytes())
        loss, gradient = rosenbrock(params)
        return loss, {"p": gradient["p"].astype(self.dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("last", [0, 1, 7])
def test_a_killed_fit_goes_on_to_the_same_bits_without_an_evaluation_twice(tmp_path, dtype, last):
    begun, checkpoint = {"p": FAR["p"].astype(dtype)}, Checkpoint(tmp_path / "fit.safetensors", {"seed": 0})
    whole, killed, rest, nothing = (Counted(dtype, last) for last in (math.inf, last, math.inf, 0))
    wanted = fit_lbfgs(whole, begun, iterations=30)
    with pytest.raises(Interrupted, match=r"^stopped by Ctrl-C after \d+ of at most 30 iterations; they are beside "):
        fit_lbfgs(killed, begun, iterations=30, checkpoint=checkpoint)
    assert len(parts(checkpoint)) == last
    for objective in (rest, nothing):
        again = fit_lbfgs(objective, begun, iterations=30, checkpoint=checkpoint)
        assert (again.history, again.stop) == (wanted.history, wanted.stop)
        np.testing.assert_array_equal(again.params["p"], wanted.params["p"])
    assert killed.points + rest.points == whole.points


def test_an_evaluation_at_another_point_is_not_taken_from_the_file(tmp_path):
    """As after a change of SciPy's steps: the results are those of a fit without files."""
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {})
    fit_lbfgs(rosenbrock, {"p": np.array([3.0, -2.0])}, iterations=9, checkpoint=checkpoint)
    assert fit_lbfgs(rosenbrock, FAR, checkpoint=checkpoint).history == fit_lbfgs(rosenbrock, FAR).history


def test_the_files_of_another_recipe_are_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {"seed": 0})
    fit_lbfgs(rosenbrock, FAR, iterations=2, checkpoint=checkpoint)
    assert parts(checkpoint)[0] == "fit-00000.safetensors"
    with pytest.raises(DataError, match="is a checkpoint of another recipe: seed differ"):
        fit_lbfgs(rosenbrock, FAR, checkpoint=Checkpoint(checkpoint.path, {"seed": 1}))


def test_a_loss_that_is_not_finite_is_not_kept(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.safetensors", {})
    fit = fit_lbfgs(lambda params: (np.nan, {"p": params["p"]}), FAR, checkpoint=checkpoint)
    assert fit.stop is Stop.DIVERGED
    assert parts(checkpoint) == []


def test_ctrl_c_without_files():
    def interrupt(record):
        raise KeyboardInterrupt

    said = "^stopped by Ctrl-C after 1 of at most 500 iterations; nothing is saved: run again to start afresh$"
    with pytest.raises(Interrupted, match=said):
        fit_lbfgs(rosenbrock, FAR, on_iteration=interrupt)
