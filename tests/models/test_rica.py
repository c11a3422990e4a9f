"""Reconstruction ICA: by hand, by complex step, against PyTorch, prepared or not, in blocks of any size."""

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models import RICA, Count, Full, LowRank, Predicted
from pp_ref.models import rica as module
from pp_ref.training import Stop, fit_lbfgs
from tests.bounds import assert_within
from tests.properties.bounded import Bounded

X = np.random.default_rng(0).standard_normal((41, 16))
ONE, MANY = (
    make_dictionary("se", Grid(4, 4), proportion=0.5, n_columns=J, rng=np.random.default_rng(J)) for J in (1, 3)
)
WEIGHTS = {
    "undercomplete": Full(16, 5),
    "overcomplete": Full(16, 20),
    "predicted": Predicted(ONE, 20),
    "predicted by columns": Predicted(MANY, 20),
    "low rank": LowRank(16, 20, 4),
}
MODELS = {
    f"{objective}, {name}": RICA(weights, objective, trade_off=4.0)
    for name, weights in WEIGHTS.items()
    for objective in ("ufldl", "le2011")
}


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return MODELS[request.param]


def drawn(model, dtype=float):
    return model.init(np.random.default_rng(2), dtype=dtype)


def bounded(model, params, x, prepare=False):
    """Loss and gradient as `Bounded` arrays: exact values, and bounds of the rounding errors."""
    lifted = Bounded(x, 0, x.dtype)
    exact = {name: Bounded(array, 0, array.dtype) for name, array in params.items()}
    return model.loss_and_gradient(exact, model.prepare(lifted) if prepare else lifted)


def assert_agree(got, want, bounds, factor=2):
    """Two evaluations, each within its own bound of the exact values."""
    (loss, gradient), (other_loss, other), (exact, exact_gradient) = got, want, bounds
    assert_within(np.asarray(loss), np.asarray(other_loss), factor * exact.error, "loss")
    for name, g in gradient.items():
        assert_within(g, other[name], factor * exact_gradient[name].error, f"d{name}")


def test_ufldl_by_hand():
    """Filters (3, 4) / 5 and (0, 1) of a patch (5, 0): z = (3, 0); z What^T = (9, 12) / 5, 4.64 of 16 and 5.76 off."""
    model = RICA(Full(2, 2), trade_off=0.5, eps=16.0)
    loss, _ = model.loss_and_gradient({"W": np.array([[3.0, 0.0], [4.0, 2.0]])}, np.array([[5.0, 0.0]]))
    assert loss == pytest.approx(0.5 * (5 + 4) + 0.5 * ((1.8 - 5) ** 2 + 2.4**2), rel=1e-15)


def test_l2rowscaled_by_hand():
    """The filter (3, 4) of squared length 25 + 11 is divided by 6: z = 2.5 of the patch (5, 0)."""
    model = RICA(Full(2, 1), trade_off=0.5, eps=1.0, norm_eps=11.0)
    loss, _ = model.loss_and_gradient({"W": np.array([[3.0], [4.0]])}, np.array([[5.0, 0.0]]))
    assert loss == pytest.approx(0.5 * np.sqrt(7.25) + 0.5 * ((1.25 - 5) ** 2 + (2.5 * 4 / 6) ** 2), rel=1e-15)


def test_le2011_by_hand():
    """W = 2 I is not scaled: each of two patches e comes back as 4 e."""
    model = RICA(Full(2, 2), "le2011", trade_off=3.0)
    loss, _ = model.loss_and_gradient({"W": 2 * np.eye(2)}, np.eye(2))
    assert loss == pytest.approx(2 * np.log(np.cosh(2.0)) + 3 / 2 * (9 + 9), rel=1e-15)


def test_constants_of_the_exercise():
    model = RICA(Full(16, 20))
    assert (model.objective, model.eps) == ("ufldl", 1e-2)
    params = drawn(model)
    assert model.loss(params, X) == RICA(Full(16, 20), trade_off=5e-4).loss(params, X)


def test_names_and_counts(model):
    names = {"Full": ["W"], "Predicted": ["w0"], "LowRank": ["U", "w"]}[type(model.weights).__name__]
    params = drawn(model)
    if model.weights.count().static == 3 * 16 * 8:
        names = ["w0", "w1", "w2"]
    assert list(params) == names
    assert model.count() == {"1": model.weights.count()}
    assert sum(array.size for array in params.values()) == model.count()["1"].dynamic
    assert MODELS["ufldl, predicted"].count()["1"] == Count(8 * 20, 16 * 8, 320)


@pytest.mark.parametrize("prepare", [False, True])
def test_complex_step_in_every_parameter(model, prepare):
    params, rng = drawn(model), np.random.default_rng(3)
    x = model.prepare(X) if prepare else X
    _, gradient = model.loss_and_gradient(params, x)
    for name, g in gradient.items():
        direction = rng.standard_normal(g.shape)
        moved, _ = model.loss_and_gradient(params | {name: params[name] + 2.0**-100 * 1j * direction}, x)
        assert moved.imag * 2.0**100 == pytest.approx(
            np.vdot(g, direction), rel=0, abs=1e-12 * np.linalg.norm(g) * np.linalg.norm(direction)
        )


@pytest.mark.parametrize("prepare", [False, True])
def test_complex_step_with_columns_below_unit_norm(prepare):
    test_complex_step_in_every_parameter(RICA(Predicted(MANY, 20), trade_off=4.0, norm_eps=0.25), prepare)


def test_taylor_order(model):
    """The central remainder falls as h^3."""
    params, rng, orders = drawn(model), np.random.default_rng(4), []
    patches = model.prepare(X)
    _, gradient = model.loss_and_gradient(params, patches)
    for _ in range(3):
        direction = {name: rng.standard_normal(g.shape) for name, g in gradient.items()}
        slope = sum(np.vdot(g, direction[name]) for name, g in gradient.items())

        def f(h, direction=direction):
            return model.loss({name: array + h * direction[name] for name, array in params.items()}, patches)

        left = np.array([abs(f(h) - f(-h) - 2 * h * slope) for h in 2.0 ** -np.arange(6, 10)])
        orders.append(np.median(np.log2(left[:-1] / left[1:])))
    assert np.median(orders) > 2.8


@pytest.mark.torch
@pytest.mark.parametrize("prepare", [False, True])
def test_pytorch(model, prepare):
    torch = pytest.importorskip("torch")
    params = drawn(model)
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    if isinstance(model.weights, Predicted):
        U = [torch.from_numpy(U_j) for U_j in model.weights.dictionary.U()]
        W = torch.cat([U_j @ w_j for U_j, w_j in zip(U, leaves.values(), strict=True)], dim=1)
    else:
        W = leaves["W"] if "W" in leaves else leaves["U"] @ leaves["w"]
    v = torch.from_numpy(X)
    if model.objective == "ufldl":
        W = W / W.norm(dim=0)
        loss = 4.0 * torch.sqrt((v @ W) ** 2 + 1e-2).sum() + 0.5 * ((v @ W @ W.T - v) ** 2).sum()
    else:
        loss = torch.log(torch.cosh(v @ W)).sum() + 4.0 / len(v) * ((v @ W @ W.T - v) ** 2).sum()
    loss.backward()
    ours = model.loss_and_gradient(params, model.prepare(X) if prepare else X)
    theirs = loss.detach().numpy(), {name: leaf.grad.numpy() for name, leaf in leaves.items()}
    # PyTorch's products go through all examples, ours through the moment: twice the bound covers both.
    assert_agree(ours, theirs, bounded(model, params, X, prepare), factor=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_prepared_patches_give_the_same(model, dtype):
    params, x = drawn(model, dtype), X.astype(dtype)
    exact, prepared = bounded(model, params, x), bounded(model, params, x, prepare=True)
    ours, theirs = model.loss_and_gradient(params, x), model.loss_and_gradient(params, model.prepare(x))
    # The dictionary is rounded to the dtype once, and both use the rounded one.
    assert_within(ours[0], theirs[0], exact[0].error + prepared[0].error, "loss")
    for name, g in ours[1].items():
        assert_within(g, theirs[1][name], exact[1][name].error + prepared[1][name].error, f"d{name}")
    assert_within(
        model.predict(params, x),
        model.predict(params, model.prepare(x)),
        2 * sum(model.predict(*each).error for each in predictions(model, params, x)),
        "z",
    )


def predictions(model, params, x):
    exact = {name: Bounded(array, 0, array.dtype) for name, array in params.items()}
    lifted = Bounded(x, 0, x.dtype)
    return (exact, lifted), (exact, model.prepare(lifted))


@pytest.mark.parametrize("entries", [1, 200, 1000])
@pytest.mark.parametrize("prepare", [False, True])
def test_the_size_of_a_block_changes_rounding_alone(model, entries, prepare, monkeypatch):
    """Blocks of one patch, of several with a smaller last block, and one block."""
    params = drawn(model)
    whole = model.loss_and_gradient(params, model.prepare(X) if prepare else X)
    monkeypatch.setattr(module, "BLOCK_ENTRIES", entries)
    in_blocks = model.loss_and_gradient(params, model.prepare(X) if prepare else X)
    assert_agree(in_blocks, whole, bounded(model, params, X, prepare))


def test_features_of_many_patches_are_never_held_at_once(monkeypatch):
    """A block has as many patches as its buffers hold."""
    seen = []
    smooth_abs = module._smooth_abs
    monkeypatch.setattr(module, "_smooth_abs", lambda z, eps, spare: seen.append(z.shape) or smooth_abs(z, eps, spare))
    monkeypatch.setattr(module, "BLOCK_ENTRIES", 10 * (16 + 2 * 20))
    model = RICA(Full(16, 20))
    model.loss(drawn(model), X)
    assert seen == [(10, 20)] * 4 + [(1, 20)]


def test_the_order_of_the_patches_does_not_matter(model):
    params, order = drawn(model), np.random.default_rng(5).permutation(len(X))
    assert_agree(
        model.loss_and_gradient(params, X[order]),
        model.loss_and_gradient(params, X),
        bounded(model, params, X),
    )


@pytest.mark.parametrize("objective", ["ufldl", "le2011"])
def test_filters_in_another_order_learn_the_same(objective):
    model, order = MODELS[f"{objective}, overcomplete"], np.random.default_rng(6).permutation(20)
    W = drawn(model)["W"]
    loss, gradient = model.loss_and_gradient({"W": W[:, order]}, X)
    want, want_gradient = model.loss_and_gradient({"W": W}, X)
    moved = {"W": want_gradient["W"][:, order]}
    assert_agree((loss, gradient), (want, moved), bounded(model, {"W": W[:, order]}, X))


def test_ufldl_sees_no_lengths():
    model = MODELS["ufldl, predicted by columns"]
    params = drawn(model)
    loss, gradient = model.loss_and_gradient(params, X)
    longer, smaller = model.loss_and_gradient({name: 4 * w for name, w in params.items()}, X)
    assert longer == loss
    for name, g in gradient.items():
        np.testing.assert_array_equal(4 * smaller[name], g)
    np.testing.assert_array_equal(*(model.filters({name: f * w for name, w in params.items()})[0] for f in (1, 4)))


def test_filters_and_features(model):
    params = drawn(model)
    (What,) = model.filters(params)
    assert What.shape == (16, model.weights.m)
    if model.objective == "ufldl":
        np.testing.assert_allclose(np.linalg.norm(What, axis=0), 1, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(params, X), X @ What)


@pytest.mark.parametrize("prepare", [False, True])
def test_no_patches(model, prepare):
    params, x = drawn(model), X[:0]
    loss, gradient = model.loss_and_gradient(params, model.prepare(x) if prepare else x)
    assert loss == 0
    assert not any(g.any() for g in gradient.values())
    assert model.predict(params, x).shape == (0, model.weights.m)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_the_models_dtype_is_that_of_its_parameters(model, dtype):
    params, x = drawn(model, dtype), X.astype(dtype)
    for patches in (x, model.prepare(x)):
        loss, gradient = model.loss_and_gradient(params, patches)
        assert loss.dtype == model.predict(params, patches).dtype == model.filters(params)[0].dtype == dtype
        assert {name: (g.dtype, g.shape) for name, g in gradient.items()} == {
            name: (np.dtype(dtype), array.shape) for name, array in params.items()
        }


def test_nothing_is_written_to(model):
    params, x = drawn(model), X.copy()
    before = {name: array.copy() for name, array in params.items()}
    patches = model.prepare(x)
    kept = [v.copy() for v in (*patches.inputs, patches.second_moment)]
    for each in (x, patches):
        _, gradient = model.loss_and_gradient(params, each)
        np.testing.assert_array_equal(x, X)
        for name, array in params.items():
            np.testing.assert_array_equal(array, before[name])
            assert not np.shares_memory(gradient[name], array)
    for v, copy in zip((*patches.inputs, patches.second_moment), kept, strict=True):
        np.testing.assert_array_equal(v, copy)


@pytest.mark.parametrize("prepare", [False, True])
def test_another_array_library_computes_the_same(model, prepare):
    """array-api-strict computes with NumPy, so every value is the same to the bit."""
    xp = array_api_strict
    params = drawn(model)
    strict, x = {name: xp.asarray(array) for name, array in params.items()}, xp.asarray(X)
    want, gradient = model.loss_and_gradient(params, model.prepare(X) if prepare else X)
    loss, strict_gradient = model.loss_and_gradient(strict, model.prepare(x) if prepare else x)
    assert float(loss) == float(want)
    for name, g in strict_gradient.items():
        np.testing.assert_array_equal(np.asarray(g), gradient[name])
    np.testing.assert_array_equal(np.asarray(model.predict(strict, x)), model.predict(params, X))


def test_a_fit_ends_where_the_gradient_vanishes():
    """A fit of the prepared patches ends at a minimum of the loss of the patches themselves."""
    model = RICA(Predicted(ONE, 6), trade_off=1.0, eps=1.0)
    patches, start = model.prepare(X), model.init(np.random.default_rng(7), dtype=float)
    fit = fit_lbfgs(lambda params: model.loss_and_gradient(params, patches), start, gtol=1e-5, ftol=0)
    assert fit.stop is Stop.GRADIENT
    loss, gradient = model.loss_and_gradient(fit.params, X)
    assert loss < model.loss(start, X)
    rounding = [2 * bounded(model, fit.params, X, prepare)[1]["w0"].error for prepare in (False, True)]
    assert (abs(gradient["w0"]) <= 1e-5 + sum(rounding)).all()


def test_nan():
    """A start or patches to prepare that are not finite are refused; other patches end a fit, and its stop says so."""
    model = MODELS["ufldl, predicted"]
    params, x = drawn(model), X.copy()
    x[3, 7] = np.nan
    with pytest.raises(DomainError, match=r"^w0 has 1 entries that are NaN or infinite, first at \(2, 1\)"):
        fit_lbfgs(
            lambda p: model.loss_and_gradient(p, X), {"w0": np.where(np.arange(160) == 41, np.nan, 1.0).reshape(8, 20)}
        )
    assert np.isnan(model.loss(params, x))
    assert fit_lbfgs(lambda p: model.loss_and_gradient(p, x), params).stop is Stop.DIVERGED


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("entries", [7, 2**18])
def test_patches_that_are_not_finite_are_not_prepared(model, bad, entries, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ENTRIES", entries)
    x = X.copy()
    x[3, 7] = bad
    message = r"^x has 1 entries that are NaN or infinite, first at \(3, 7\); expected finite numbers: remove or repair"
    with pytest.raises(DomainError, match=message):
        model.prepare(x)


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e20), (np.float64, 1e155)])
def test_an_overflow_ends_a_fit_that_says_so(dtype, large):
    """Features whose squares overflow make the sparsity infinite; in float64 the second moment overflows with them."""
    model = RICA(Full(16, 5), trade_off=1e-30)
    params, z = drawn(model, dtype), np.array([[large, 1.0]], dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        total, _ = module._smooth_abs(z, 1e-2, np.empty_like(z))
        assert total == np.inf
        for x in (large * X.astype(dtype), model.prepare(large * X.astype(dtype))):
            assert not np.isfinite(model.loss(params, x))
            assert fit_lbfgs(lambda p, v=x: model.loss_and_gradient(p, v), params).stop is Stop.DIVERGED
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="overflow encountered"):
        model.loss(params, large * X.astype(dtype))


def test_an_eps_that_the_models_dtype_does_not_hold():
    model = RICA(Full(16, 5), eps=1e-50)
    with pytest.raises(DomainError, match="^eps is 1e-50, expected 1.2e-38 to 3.4e.38, the normal numbers of z's"):
        model.loss(drawn(model, np.float32), X.astype(np.float32))
    assert np.isfinite(model.loss(drawn(model), X))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, complex])
def test_patches_are_real_floating_point_numbers(model, dtype):
    x, params = abs(X).astype(dtype), drawn(model)
    for call in (model.prepare, lambda x: model.loss(params, x), lambda x: model.predict(params, x)):
        with pytest.raises(
            DomainError, match=f"^x is an array of {x.dtype}, .* an array of real floating-point numbers: "
        ):
            call(x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "ica"}, "^objective is 'ica', expected 'ufldl' or 'le2011'$"),
        (
            {"objective": "le2011"},
            "^trade_off is None, expected a number for le2011: of the order of the number of patch",
        ),
        ({"trade_off": 0.0}, "^trade_off is 0.0, expected a finite number > 0$"),
        ({"trade_off": np.nan}, "^trade_off is nan, expected a finite number > 0$"),
        ({"eps": -1.0}, "^eps is -1.0, expected a finite number > 0$"),
        ({"norm_eps": -1e-5}, "^norm_eps is -1e-05, expected a finite number >= 0$"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(DomainError, match=message):
        RICA(Full(16, 5), **settings)


def test_patches_of_another_width(model):
    message = r"^x has shape \(41, 15\), expected \(n, 16\): one patch per row$"
    for call in (model.prepare, lambda x: model.loss(drawn(model), x), lambda x: model.predict(drawn(model), x)):
        with pytest.raises(ShapeError, match=message):
            call(X[:, :15])
    with pytest.raises(ShapeError, match=r"^x has shape \(16,\), expected \(n, 16\)"):
        model.prepare(X[0])


def test_patches_that_another_model_prepared():
    full, one, many = (MODELS[f"ufldl, {name}"] for name in ("overcomplete", "predicted", "predicted by columns"))
    for model, other, expected in (
        (one, many, "this model's own"),
        (many, one, "this model's own"),
        (full, one, "none, as of this model"),
    ):
        message = f"^x was pooled by another dictionary, expected {expected}: prepare the patches with this model$"
        with pytest.raises(ShapeError, match=message):
            model.loss(drawn(model), other.prepare(X))
    with pytest.raises(ShapeError, match="^x was prepared by another model, of 15 inputs, expected this one's, of 16"):
        full.loss(drawn(full), RICA(Full(15, 3)).prepare(X[:, :15]))
    params = drawn(one)
    assert one.loss(params, full.prepare(X)) == one.loss(params, X)  # full weights pool nothing


def test_a_filter_of_zeros_has_no_direction():
    model = MODELS["ufldl, overcomplete"]
    with pytest.raises(DomainError, match="^column 4 of W is zero, expected an entry that is not zero"):
        model.loss({"W": np.where(np.arange(20) == 4, 0.0, drawn(model)["W"])}, X)
