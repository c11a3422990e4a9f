"""A training step of 784-500-500-10 on a CUDA device, SE-Emp with a quarter of the weights, against PyTorch's.

PyTorch has the same net on the same device, eager and compiled; where it does not compile, the reason is in the
settings. First their gradients have to agree.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender
from pp_ref.bench.gpu_pool import COLUMNS, PROPORTION, SIDE, UNITS, Run, smooth_dictionary
from pp_ref.bench.record import Record, record
from pp_ref.dictionaries import Dictionary, Units, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.operands import separable_operands
from pp_ref.machine import array_library
from pp_ref.models import MLP
from pp_ref.models.mlp import mlp

__all__ = ["measure"]


def measure(rounds: int, steps: int = 100, batch: int = 100, device: str = "cuda") -> Record:
    """Runs of plain gradient steps on a batch that lies on the device, pp_ref's net by each backend.

    device  where PyTorch's net lies
    raises  DeviceError without a CUDA device; MissingExtraError without PyTorch
    """
    xp, torch = array_library("gpu"), import_extra("torch", "torch")
    dictionaries, rng, rate = se_emp(), np.random.default_rng(1), 1e-2
    model = mlp((SIDE * SIDE, UNITS, UNITS, 10), dictionaries)
    params = model.init(rng, 0.1, np.float32)
    x, y = rng.random((batch, SIDE * SIDE), np.float32), rng.integers(0, 10, batch)
    share = agreement(xp, model, dictionaries, params, x, y)
    x_here, y_here = xp.asarray(x), xp.asarray(y)
    x_there, y_there = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)

    def ours(backend: Any) -> Run:
        weights = {name: xp.asarray(array) for name, array in params.items()}

        def run() -> None:
            with use_backend(backend):
                for _ in range(steps):
                    loss, gradient = model.loss_and_gradient(weights, x_here, y_here)
                    for name, g in gradient.items():
                        weights[name] = weights[name] - rate * g
            float(loss)  # which waits for the device

        return run

    def theirs(loss_of: Callable[..., Any]) -> Run:
        weights = tensors(params, device)
        optimiser = torch.optim.SGD(list(weights.values()), rate)

        def run() -> None:
            for _ in range(steps):
                optimiser.zero_grad()
                loss = loss_of(weights, x_there, y_there)
                loss.backward()
                optimiser.step()
            loss.item()

        return run

    eager, failed = torch_loss(dictionaries, torch.float32, device), {}
    everybody = {f"pp_ref, {name}": contender(ours(name), share, steps=steps) for name in ("cupy", "numpy", "auto")}
    peers = {"PyTorch, eager": contender(theirs(eager), steps=steps)}
    try:
        peers["PyTorch, compiled"] = contender(theirs(torch.compile(eager)), steps=steps)
    except Exception as error:  # whatever a compiler of this machine raises
        failed["PyTorch, compiled"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    measured = [block({"batch": batch}, everybody | peers, list(peers), rounds)]
    return record("gpu_mlp", __doc__, rounds, measured, device="gpu", limits=[], failed=failed)


def se_emp() -> list[Dictionary]:
    """Of both layers of Figure 4 (left), a quarter of the weights learned."""
    rng = np.random.default_rng(0)
    hidden = make_dictionary(
        "emp", Units(UNITS), proportion=PROPORTION, n_columns=COLUMNS, rng=rng, data=rng.random((2 * UNITS, UNITS))
    )
    return [smooth_dictionary(rng), hidden]


def tensors(params: Mapping[str, Any], device: str) -> dict[str, Any]:
    torch = import_extra("torch", "torch")
    return {name: torch.tensor(array, device=device, requires_grad=True) for name, array in params.items()}


def torch_loss(dictionaries: Sequence[Dictionary], dtype: Any, device: str) -> Callable[..., Any]:
    """The same net in PyTorch: pools first, a column after the other."""
    torch = import_extra("torch", "torch")
    factors = [
        [torch.tensor(column.U, dtype=dtype, device=device) for column in dictionary.columns]
        for dictionary in dictionaries
    ]

    def loss(weights: Mapping[str, Any], x: Any, y: Any) -> Any:
        for number, U in enumerate(factors, 1):
            columns = [x @ U_j @ weights[f"{number}.w{j}"] for j, U_j in enumerate(U)]
            x = torch.sigmoid(torch.cat(columns, dim=1) + weights[f"{number}.b"])
        return torch.nn.functional.cross_entropy(x @ weights["softmax.W"] + weights["softmax.b"], y)

    return loss


def agreement(
    xp: Any, model: MLP, dictionaries: Sequence[Dictionary], params: Mapping[str, Any], x: Any, y: Any
) -> float:
    """Our float64 gradient, by the kernels, against PyTorch's on the processor, as a share of the rounding bound.

    L u bounds the relative error of sums within sums, L the lengths on the longest path, relative to the same sums of
    magnitudes, which n times the layer's largest entry stands for; the SE dictionary's K |R| is larger than |U|.
    """
    torch = import_extra("torch", "torch")
    double = {name: array.astype(np.float64) for name, array in params.items()}
    here = {name: xp.asarray(array) for name, array in double.items()}
    with use_backend("cupy"):
        _, gradient = model.loss_and_gradient(here, xp.asarray(x.astype(np.float64)), xp.asarray(y))
    theirs = tensors(double, "cpu")
    torch_loss(dictionaries, torch.float64, "cpu")(theirs, torch.from_numpy(x).double(), torch.from_numpy(y)).backward()
    factors = separable_operands(dictionaries[0], np.float64).factors
    length = sum(weights.d + weights.m for weights in model.layers) + model.classes + len(x)
    unit = length * np.finfo(np.float64).eps / 2 * factors.amplification * len(x)
    shares = []
    for name, got in gradient.items():
        want = theirs[name].grad.numpy()
        shares.append(float(np.max(np.abs(to_numpy(got) - want)) / (unit * np.max(np.abs(want)))))
    return float(np.max(shares))  # NaN stays NaN and fails the comparison
