"""A training step of 784-500-500-10 on a CUDA device, SE-Emp with a quarter of the weights, against PyTorch's.

PyTorch has the same net on the same device, eager and compiled; if it does not compile, the settings give the reason.
The gradients are compared first.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pp_ref.bench.contest import block, contender, share_of_largest
from pp_ref.bench.gpu_pool import COLUMNS, PROPORTION, SIDE, UNITS
from pp_ref.bench.peers import descent, doubled, torch_descent
from pp_ref.bench.pooling import se_dictionary
from pp_ref.bench.record import Record, record
from pp_ref.bench.timing import Run, Timing
from pp_ref.dictionaries import Dictionary, Units, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.operands import separable_operands
from pp_ref.machine import array_library
from pp_ref.models import MLP
from pp_ref.models.mlp import mlp

__all__ = ["agreement", "columns_of", "measure", "se_emp", "tensors", "torch_loss"]

RATE = 1e-2


def measure(timing: Timing, steps: int = 100, batch: int = 100, device: str = "cuda") -> Record:
    """Return the record of gradient steps on a batch in the device's memory, pp_ref's net by each backend.

    device  that of PyTorch's net
    raises  DeviceError without a CUDA device; MissingExtraError without PyTorch
    """
    xp, torch = array_library("gpu"), import_extra("torch", "torch")
    dictionaries, rng = se_emp(), np.random.default_rng(1)
    model = mlp((SIDE * SIDE, UNITS, UNITS, 10), dictionaries)
    params = model.init(rng, 0.1, np.float32)
    x, y = rng.random((batch, SIDE * SIDE), np.float32), rng.integers(0, 10, batch)
    share = agreement(xp, model, dictionaries, params, x, y)
    x_there, y_there, batches = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device), [slice(None)] * steps

    def ours(backend: Any) -> Run:
        run = descent(xp, model, params, x, y, batches, RATE)

        def with_backend() -> None:
            with use_backend(backend):
                run()

        return with_backend

    def theirs(loss_of: Callable[..., Any]) -> Run:
        weights = tensors(params, device)
        return torch_descent(lambda _: loss_of(weights, x_there, y_there), weights.values(), lambda: batches, lr=RATE)

    factors, failed = columns_of(dictionaries, torch.float32, device), {}

    def eager(weights: Any, x: Any, y: Any) -> Any:
        return torch_loss(factors, weights, x, y)

    everybody = {f"pp_ref, {name}": contender(ours(name), share, steps=steps) for name in ("cupy", "numpy", "auto")}
    peers = {"PyTorch, eager": contender(theirs(eager), steps=steps)}
    try:
        peers["PyTorch, compiled"] = contender(theirs(torch.compile(eager)), steps=steps)
    except Exception as error:  # any error of this machine's compiler
        failed["PyTorch, compiled"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    measured = [block({"batch": batch}, everybody | peers, list(peers), timing)]
    return record("gpu_mlp", __doc__, timing, measured, device="gpu", limits=[], failed=failed)


def se_emp() -> list[Dictionary]:
    """Return the dictionaries of both layers of Figure 4 (left), with a quarter of the weights learned."""
    rng = np.random.default_rng(0)
    data = rng.random((2 * UNITS, UNITS))
    emp = make_dictionary("emp", Units(UNITS), proportion=PROPORTION, n_columns=COLUMNS, rng=rng, data=data)
    return [se_dictionary(SIDE, PROPORTION, COLUMNS), emp]


def tensors(params: Mapping[str, Any], device: str) -> dict[str, Any]:
    torch = import_extra("torch", "torch")
    return {name: torch.tensor(array, device=device, requires_grad=True) for name, array in params.items()}


def columns_of(dictionaries: Sequence[Dictionary], dtype: Any, device: str) -> list[list[Any]]:
    """Return U_j of every column of every dictionary as tensors."""
    tensor = partial(import_extra("torch", "torch").tensor, dtype=dtype, device=device)
    return [[tensor(column.U) for column in dictionary.columns] for dictionary in dictionaries]


def torch_loss(factors: Sequence[Sequence[Any]], weights: Mapping[str, Any], x: Any, y: Any) -> Any:
    """Return the loss of the same net in PyTorch, which pools first, one column after the other."""
    torch = import_extra("torch", "torch")
    for number, U in enumerate(factors, 1):
        columns = [x @ U_j @ weights[f"{number}.w{j}"] for j, U_j in enumerate(U)]
        x = torch.sigmoid(torch.cat(columns, dim=1) + weights[f"{number}.b"])
    return torch.nn.functional.cross_entropy(x @ weights["softmax.W"] + weights["softmax.b"], y)


def agreement(
    xp: Any, model: MLP, dictionaries: Sequence[Dictionary], params: Mapping[str, Any], x: Any, y: Any
) -> float:
    """Compare the kernels' float64 gradient with PyTorch's on the processor; return the largest share of the bound.

    L u bounds the relative error of nested sums, with L the lengths on the longest path. It is relative to the same
    sums of magnitudes, estimated by n times the layer's largest entry; K |R| of the SE dictionary exceeds |U| by its
    amplification.
    """
    torch = import_extra("torch", "torch")
    with use_backend("cupy"):
        _, gradient = model.loss_and_gradient(*doubled(xp, params, x), xp.asarray(y))
    double, images = doubled(np, params, x)
    theirs, factors = tensors(double, "cpu"), columns_of(dictionaries, torch.float64, "cpu")
    torch_loss(factors, theirs, torch.from_numpy(images), torch.from_numpy(y)).backward()
    amplification = separable_operands(dictionaries[0], np.float64).factors.amplification
    length = sum(weights.d + weights.m for weights in model.layers) + model.classes + len(x)
    unit = length * np.finfo(np.float64).eps / 2 * amplification * len(x)
    return share_of_largest(gradient, {name: theirs[name].grad.numpy() for name in gradient}, unit)
