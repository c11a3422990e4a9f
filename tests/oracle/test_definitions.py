"""The oracle's definitions against those of the property suite, written by other means, in longdouble."""

import inspect
import types

import numpy as np
import pytest

from pp_ref.models import MLP
from pp_ref.oracle import definitions, plain, tape
from tests.properties.faults_table import CASES
from tests.properties.images import IMAGES
from tests.properties.models import MODELS, Draw, drawn, materialised, mlp_definition, predicted
from tests.properties.operations import OPERATIONS, Case
from tests.properties.values import converted, is_float, leaves, mapped

Exact = np.longdouble
# Written by the suite alone, or of other arguments: dropout is drawn, fourier_conv2d is conv2d.
OTHERS = {"dropout": None, "fourier_conv2d": "conv2d"}
WITNESSED = [operation for operation in (*OPERATIONS, *IMAGES) if OTHERS.get(operation.name, "") is not None]


def quantities(value):
    if isinstance(value, list | tuple):
        return [quantities(each) for each in value]
    return tape.quantity(np.asarray(value, Exact), plain.NAMESPACE)


def numbers(y):
    return [each.data for each in leaves(y)]


def agree(found, wanted, what):
    """Within 2^-48 of the largest number, and NaN at the same places."""
    for got, want in zip(found, leaves(wanted), strict=True):
        want = np.asarray(want, Exact)
        assert got.shape == want.shape, what
        size = float(np.max(abs(want), initial=0))
        assert (abs(got - want) <= 2.0**-48 * size).all(), f"{what}: {got} is not {want}"


def layers_agree(module):
    for operation in WITNESSED:
        for case in (case.at(dtype="float64", scale=1.0) for case in CASES):
            arguments = converted(operation.draw(case), Exact)
            name = operation.name.partition(",")[0]
            given = [
                quantities(value) if is_float(value) and not isinstance(value, float) else value
                for key, value in arguments.items()
                if key != "order"
            ]
            found = getattr(module, OTHERS.get(name) or name, None) or getattr(tape, name)
            agree(numbers(found(*given)), operation.definition(*arguments.values()), f"{operation.name}, {case}")


def models_agree(module):
    wanted = ("autoencoder, columns together", "RICA ufldl, predicted", "RICA le2011, predicted")
    for operation in MODELS:
        if operation.name not in wanted:
            continue
        for case in (case.at(dtype="float64") for case in CASES):
            arguments = operation.draw(case)
            model, params, x = (arguments[name] for name in ("model", "params", "x"))
            params = mapped(lambda p: p.astype(Exact), params)
            U = quantities([U_j.astype(Exact) for U_j in model.weights.dictionary.U()])
            if operation.name.startswith("RICA"):
                settings = (model.objective, model.trade_off, model.eps)
                y = module.rica(quantities(x), U, quantities(params), *settings)
            else:
                *w, b, c = params
                y = module.predicted_autoencoder(quantities(x), U, *map(quantities, (w, b, c)))
            agree(numbers(y), operation.definition(model, params, x.astype(Exact)), f"{operation.name}, {case}")


def networks_agree(module):
    """Two layers, the first of which has columns; then two convolutions by loops."""
    from pp_ref.kernels.cpu.conv2d import conv2d_loops
    from tests.properties.images import _filters, _pool

    case = Case(5, 4, ((3, 2), (3, 2)), seed=1)
    first, second = predicted(case), predicted(case.at(seed=9))
    model, draw = MLP((first, second), 3, weight_decay=0.25), Draw(case)
    params = [p.astype(Exact) for p in drawn(model, draw)]
    x, labels = draw(5, 4).astype(Exact), np.array([0, 2, 1, 1, 0])
    U = [quantities([U_j.astype(Exact) for U_j in each.dictionary.U()]) for each in (first, second)]
    (w_1, b_1), (w_2, b_2) = (params[0:2], params[2]), (params[3:5], params[5])
    assert materialised(first, params[:3])[0].shape == (4, 4)
    y = module.mlp(
        quantities(x), labels, U, [quantities(w_1), quantities(w_2)], [quantities(b_1), quantities(b_2)],
        *map(quantities, params[6:]), 0.25,
    )  # fmt: skip
    agree(numbers(y), mlp_definition(model, params, x, labels, None), "mlp")

    rng = np.random.default_rng(2)
    normal = lambda *shape: rng.standard_normal(shape).astype(Exact)  # noqa: E731
    v, U, w, b = normal(2, 5, 6, 2), [normal(9, 3), normal(9, 2)], [normal(6, 3), normal(6, 2)], [normal(3), normal(2)]
    W, c, shapes, labels = normal(8, 4), normal(4), [(3, 3), (3, 3)], np.array([3, 1])
    h = v
    for U_l, w_l, b_l, channels in zip(U, w, b, (2, 3), strict=True):
        h = conv2d_loops(h, _filters([U_l], [w_l], (3, 3), channels), b_l, 1, 1)
        h = _pool(np.max)(np.maximum(h, 0), 2, 2, True)
    z = h.reshape(2, -1) @ W + c
    loss = np.mean([np.log(np.sum(np.exp(row - row[label]))) for row, label in zip(z, labels, strict=True)])
    each = [[quantities(x)] for x in U], [[quantities(x)] for x in w], [quantities(x) for x in b]
    y = module.convnet(quantities(v), labels, *each, shapes, quantities(W), quantities(c))
    agree(numbers(y), loss, "convnet")


def dictionaries_agree(module):
    """By loops and formulas; ridge by its normal equations."""
    rng = np.random.default_rng(0)
    a, b, data = rng.standard_normal((4, 2)), rng.standard_normal((3, 2)), rng.standard_normal((6, 3))
    r = np.array([[np.hypot(*(i - j)) for j in b] for i in a])
    agree(numbers(module.se_kernel(*map(quantities, (a, b)), 0.75)), np.exp(-(r**2) / 2 / 0.75**2), "se")
    for nu, polynomial in ((0.5, lambda z: 1), (1.5, lambda z: 1 + z), (2.5, lambda z: 1 + z + z * z / 3)):
        z = np.sqrt(Exact(2 * nu)) * np.hypot.outer(np.zeros(1), r)[0] / Exact(0.75)
        got = numbers(module.matern_kernel(*map(quantities, (a, b)), 0.75, nu))[0]
        np.testing.assert_allclose(got.astype(float), (polynomial(z) * np.exp(-z)).astype(float), rtol=1e-14)
    for power in (1, 2):
        got = numbers(module.covariance(quantities(data), power))[0]
        np.testing.assert_allclose(got.astype(float), np.cov(data**power, rowvar=False), rtol=1e-13)
    K, alpha = np.cov(rng.standard_normal((5, 9))) + np.eye(5), np.array([3, 0, 4])
    U = numbers(module.ridge_dictionary(quantities(K), alpha, 0.25, "ridge"))[0].astype(float)
    np.testing.assert_allclose(U @ (K[np.ix_(alpha, alpha)] + 0.25 * np.eye(3)), K[:, alpha], rtol=1e-12)
    agree(numbers(module.ridge_dictionary(quantities(K), alpha, 0.25, "atom")), K[:, alpha], "atoms")


def grids_agree(module):
    """On the materialised Kronecker product."""
    rng, sizes = np.random.default_rng(0), (3, 4)
    taps = [rng.standard_normal(size) for size in sizes]
    toeplitz = [t[abs(np.subtract.outer(np.arange(t.size), np.arange(t.size)))] for t in taps]
    K, alpha = np.kron(*toeplitz), [np.array([1, 7, 11]), np.array([0, 5])]
    R, g = [rng.standard_normal((a.size, a.size)) for a in alpha], [rng.standard_normal((2, a.size)) for a in alpha]
    v, G, w = (
        rng.standard_normal((2, 12)),
        rng.standard_normal((12, 5)),
        [rng.standard_normal(s) for s in ((3, 3), (2, 2))],
    )
    U, grid = [K[:, a] @ R_j for a, R_j in zip(alpha, R, strict=True)], (sizes, quantities(taps), alpha, quantities(R))
    for found, want in (
        (module.grid_pool(quantities(v), *grid), [v @ U_j for U_j in U]),
        (module.grid_pool_adjoint(quantities(g), *grid), sum(g_j @ U_j.T for g_j, U_j in zip(g, U, strict=True))),
        (module.grid_expand(quantities(w), *grid), np.hstack([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)])),
        (module.grid_project(quantities(G), (3, 2), *grid), [U[0].T @ G[:, :3], U[1].T @ G[:, 3:]]),
    ):
        for got, wanted in zip(numbers(found), leaves(want), strict=True):
            np.testing.assert_allclose(got.astype(float), wanted, rtol=1e-12, atol=1e-13)
    for found, want in (
        (module.pool_adjoint(quantities(g), quantities(U)), sum(a @ b.T for a, b in zip(g, U, strict=True))),
        (module.project(quantities(U), quantities(G), (3, 2)), [U[0].T @ G[:, :3], U[1].T @ G[:, 3:]]),
    ):
        for got, wanted in zip(numbers(found), leaves(want), strict=True):
            np.testing.assert_allclose(got.astype(float), wanted, rtol=1e-12, atol=1e-13)
    z = rng.standard_normal((3, 4))
    np.testing.assert_allclose(
        numbers(module.softmax(quantities(z)))[0].astype(float), np.exp(z) / np.exp(z).sum(1)[:, None], rtol=1e-14
    )


CHECKS = (layers_agree, models_agree, networks_agree, dictionaries_agree, grids_agree)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_two_witnesses(check):
    check(definitions)


MUTANTS = {
    "dense without a bias": ("return v @ W + b\n", "return v @ W + b * 0.0\n"),
    "low rank without a bias": ("(v @ U) @ w + b", "(v @ U) @ w"),
    "columns exchanged": ("return [v @ U_j for U_j in U]", "return [v @ U_j for U_j in U[::-1]]"),
    "the adjoint of the first column": ("sum(parts[1:], parts[0])\n\n\ndef expand", "parts[0]\n\n\ndef expand"),
    "pieces strided": ("v.reshape(n, units // pieces, pieces).max(axis=2)", "v.reshape(n, pieces, -1).max(axis=1)"),
    "another mean": ("/ float(max(n, 1))", "/ float(n + 1)"),
    "a sum for a mean": ("(log_sum - own).sum() / float(max(n, 1))", "(log_sum - own).sum()"),
    "a true convolution": ("transpose(0, 1, 2, 4, 5, 3))", "transpose(0, 1, 2, 4, 5, 3)[:, :, :, ::-1])"),
    "the stride of rows alone": ("[:, ::stride, ::stride]", "[:, ::stride]"),
    "no padding of columns": ("(padding, padding), (padding, padding)", "(padding, padding), (0, 0)"),
    "channels before filters": (".transpose(0, 1, 2, 4, 3))", ".reshape(n, rows, columns, k, channels))"),
    "tied filters of one channel": ("copies, m = sites * channels // U_j.shape[0]", "copies, m = 1"),
    "the divisor counts the outside": ("sum(axis=4) / count.astype(float)", "sum(axis=4) / float(size * size)"),
    "windows that begin outside": ("ceil and i - stride + size < extent", "ceil"),
    "alpha undivided": ("* alpha / float(size) + k", "* alpha + k"),
    "neighbours on one side": ("np.arange(-(size // 2), (size + 1) // 2)", "np.arange(0, size)"),
    "beta positive": ("* -beta", "* beta"),
    "untied": ("sigmoid(sigmoid(v @ W + b) @ W.T + c)", "sigmoid((v @ W + b) @ W.T + c)"),
    "columns of length n": ("sqrt((W * W).sum(axis=0))\n\n\ndef smooth", "sqrt((W * W).sum())\n\n\ndef smooth"),
    "eps outside the root": ("sqrt(z * z + eps)", "sqrt(z * z) + eps"),
    "log 2 forgotten": ("+ 1.0) / 2.0)", "+ 1.0))"),
    "no identity": ("W @ W.T - np.eye(W.shape[0])", "W @ W.T"),
    "half a reconstruction": ("(v @ W) @ W.T - v", "(v @ W) @ W.T - v / 2.0"),
    "weights once": ("(W * W).sum() * rate", "W.sum() * rate"),
    "le2011 with unit columns": ('if objective == "ufldl":\n        W = ', 'if True:\n        W = '),
    "a sum over patches": ("trade_off / float(max(x.shape[0], 1))", "trade_off"),
    "a linear hidden layer": ("h = sigmoid(predicted", "h = (predicted"),
    "W does not decay": ("loss + weight_decay(W, decay)", "loss"),
    "no ReLU": ("max_pool2d(relu(", "max_pool2d(("),
    "twice the exponent": ("* -0.5 / (length_scale", "* -1.0 / (length_scale"),
    "nu for 2 nu": ("(2 * nu)", "nu"),
    "another polynomial": ("z * z / 3.0", "z * z / 2.0"),
    "divided by n": ("float(V.shape[0] - 1)", "float(V.shape[0])"),
    "not centred": ("(V - V.sum(axis=0) / float(V.shape[0]))", "V"),
    "the ridge once more": ("atoms[alpha] + ridge", "atoms[alpha] + 2 * ridge"),
    "every column scaled": ("norms.where(too_long, limit)", "norms"),
    "axes of the grid exchanged": ("np.divmod(alpha, sizes[1])", "np.divmod(alpha, sizes[0])"),
    "R forgotten": ("_grid_columns(sizes, taps, a) @ R_j for", "_grid_columns(sizes, taps, a) for"),
    "R transposed": ("g_j @ R_j.T @", "g_j @ R_j @"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_definition_is_caught(name):
    old, new = MUTANTS[name]
    source = inspect.getsource(definitions)
    assert old in source, f"{old!r} is not in definitions.py any more"
    module = types.ModuleType("mutant")
    exec(compile(source.replace(old, new), "mutant.py", "exec"), vars(module))

    def caught(check):
        try:
            with np.errstate(all="ignore"):
                check(module)
        except Exception:  # another shape, as likely as another number
            return True
        return False

    assert any(map(caught, CHECKS)), f"{name}: no witness disagrees"
