"""Peers: functions compiled by PyTorch, steps by automatic differentiation, training steps of whole nets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pp_ref.bench.contest import Real, installed
from pp_ref.bench.libraries import compiler
from pp_ref.bench.timing import Run
from pp_ref.errors import import_extra

__all__ = [
    "assign",
    "by_jax",
    "by_torch",
    "descent",
    "doubled",
    "torch_compiled",
    "torch_descent",
    "torch_modes",
]

MOST_COMPILED = 1000  # shapes and numbers of threads for which PyTorch compiles one function in a process


def torch_compiled(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the function of tensors compiled by PyTorch, for each shape by itself; None without a C++ compiler.

    It is compiled at the first call, and again at the first with another number of threads. PyTorch's mode is
    "max-autotune": it times several kernels and takes the fastest. What it cannot compile as a whole is an error, so
    that no part is left to eager mode.
    """
    if not compiler():
        return None
    torch = import_extra("torch", "torch")
    torch._dynamo.config.recompile_limit = MOST_COMPILED  # after eight, a function would be left to eager mode
    made: Callable[..., Any] = torch.compile(function, mode="max-autotune", dynamic=False, fullgraph=True)
    return made


def torch_modes(function: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the function of tensors by PyTorch's modes: eager and, if there is a C++ compiler, compiled."""
    compiled = torch_compiled(function)
    return {"torch": function} | ({"torch, compiled": compiled} if compiled else {})


def by_torch(forward: Callable[..., Any], leaves: Sequence[Any], dy: Any) -> Run:
    """Return a step that returns y = forward(*leaves), then the gradient of <y, dy> by every leaf; all are tensors."""
    torch = import_extra("torch", "torch")
    leaves = [leaf.requires_grad_() for leaf in leaves]

    def step() -> Any:
        y = forward(*leaves)
        return y.detach(), *torch.autograd.grad(y, leaves, dy)

    return step


def by_jax(forward: Callable[..., Any], fixed: Any, leaves: Sequence[Real], dy: Real) -> Run:
    """Return the same step of forward(fixed, *leaves), compiled by JAX; ``fixed`` is an array or a list of arrays."""
    jax = installed("jax")

    def step(fixed: Any, leaves: Any, dy: Any) -> Any:
        y, back = jax.vjp(lambda *leaves: forward(fixed, *leaves), *leaves)
        return y, *back(dy)

    compiled, arrays = jax.jit(step), jax.tree.map(jax.numpy.asarray, (fixed, tuple(leaves), dy))
    return lambda: jax.block_until_ready(compiled(*arrays))


def descent(
    xp: Any, model: Any, params: Mapping[str, Any], x: Any, y: Any, batches: Sequence[slice], rate: float
) -> Run:
    """Return a run of gradient steps on arrays of the library xp, one a batch of x and y.

    The run waits for the device. It continues from the weights of the run before.
    """
    weights, x, y = {name: xp.asarray(array) for name, array in params.items()}, xp.asarray(x), xp.asarray(y)

    def run() -> None:
        for rows in batches:
            loss, gradient = model.loss_and_gradient(weights, x[rows, ...], y[rows])
            for name, g in gradient.items():
                weights[name] = weights[name] - rate * g
        float(loss)

    return run


def torch_descent(
    loss_of: Callable[[Any], Any], parameters: Iterable[Any], batches: Callable[[], Iterable[Any]], **settings: Any
) -> Run:
    """Return such a run by PyTorch: steps on loss_of(rows) for all rows of batches(); settings of torch.optim.SGD."""
    optimiser = import_extra("torch", "torch").optim.SGD(list(parameters), **settings)

    def run() -> None:
        for rows in batches():
            optimiser.zero_grad()
            loss = loss_of(rows)
            loss.backward()
            optimiser.step()
        loss.item()

    return run


def assign(module: Any, W: Real, b: Real) -> Any:
    """Return a module of PyTorch after copying a weight and a bias into it."""
    torch = import_extra("torch", "torch")
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(W.copy()))
        module.bias.copy_(torch.from_numpy(b))
    return module


def doubled(xp: Any, params: Mapping[str, Any], x: Real) -> tuple[dict[str, Any], Any]:
    """Return params and x in float64, as arrays of the library xp."""
    return {name: xp.asarray(p.astype(np.float64)) for name, p in params.items()}, xp.asarray(x.astype(np.float64))
