"""Loss and all gradients of whole models against PyTorch's automatic differentiation, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings

from pp_ref.models import MLP, RICA, Autoencoder, Full, LowRank
from tests.properties.models import MODELS, Model
from tests.properties.operations import Case
from tests.properties.test_properties import CASES
from tests.properties.values import assert_all_within, bounds, fresh, run

pytestmark = pytest.mark.torch


def materialised(torch, weights, arrays):
    *learned, b = arrays
    if isinstance(weights, Full):
        return learned[0], b
    if isinstance(weights, LowRank):
        return learned[0] @ learned[1], b
    U = [torch.from_numpy(U_j) for U_j in weights.dictionary.U()]
    return torch.cat([U_j @ w_j for U_j, w_j in zip(U, learned, strict=True)], dim=1), b


def mlp_loss(torch, model, params, x, y, rng):
    activation = {
        "sigmoid": torch.sigmoid,
        "relu": torch.relu,
        "maxout": lambda z: torch.maximum(z[:, ::2], z[:, 1::2]),
    }
    left, v = list(params), x
    for weights in model.layers:
        own = [left.pop(0) for _ in weights.init(np.random.default_rng(0), 1.0, float)]
        W, b = materialised(torch, weights, own)
        v = activation[model.activation](v @ W + b)
        if model.dropout:
            v = v * torch.from_numpy(np.where(rng.random(v.shape) < model.dropout, 0, 1 / (1 - model.dropout)))
    loss = torch.nn.functional.cross_entropy(v @ left[0] + left[1], y)
    return loss + model.weight_decay * sum((p**2).sum() for p in params if p.ndim == 2)


def autoencoder_loss(torch, model, params, x):
    weights = model.weights
    *own, c = [*params, torch.zeros(weights.d, dtype=x.dtype)] if model.per_column else params
    W, b = materialised(torch, weights, own)
    cuts = [w.shape[1] for w in own[:-1]] if model.per_column else [W.shape[1]]
    blocks = zip(torch.split(W, cuts, dim=1), torch.split(b, cuts), strict=True)
    return sum(((torch.sigmoid(torch.sigmoid(x @ W_j + b_j) @ W_j.T + c) - x) ** 2).sum() for W_j, b_j in blocks) / len(
        x
    )


def rica_loss(torch, model, params, x):
    W, _ = materialised(torch, model.weights, [*params, None])
    if model.objective == "ufldl":
        W = torch.nn.functional.normalize(W, dim=0, eps=0)
    z = x @ W
    error = ((z @ W.T - x) ** 2).sum()
    if model.objective == "ufldl":
        return model.trade_off * torch.sqrt(z**2 + model.eps).sum() + error / 2
    return torch.log(torch.cosh(z)).sum() + model.trade_off / len(x) * error


LOSSES = {MLP: mlp_loss, Autoencoder: autoencoder_loss, RICA: rica_loss}


@pytest.mark.parametrize("operation", MODELS, ids=repr)
@settings(max_examples=10)
@given(case=CASES)
def test_loss_and_gradients_are_those_of_pytorch(operation: Model, case: Case) -> None:
    torch = pytest.importorskip("torch")
    case = case.at(dtype="float64", layout="C", n=case.n + 1)  # PyTorch's mean of no examples is NaN
    arguments = operation.draw(case)
    loss, gradient = run(operation.forward, arguments)
    model, params, *data = fresh(arguments).values()
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in data]
    autograd = LOSSES[type(model)](torch, model, leaves, *tensors)
    autograd.backward()
    # PyTorch orders its sums in another way; ours are within the bound, and twice that is room for both.
    loss_bound, bound = bounds(operation, arguments, np.float64, np.ones(()))
    assert_all_within(loss, autograd.detach().numpy(), 2 * loss_bound, "loss")
    double = [2 * each for each in bound["params"]]
    assert_all_within(gradient, [leaf.grad.numpy() for leaf in leaves], double, "gradient")
