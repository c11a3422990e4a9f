"""A columnar layer's step, y, dv, dw and db, by every way of the plan and by dense peers."""

from collections.abc import Callable
from typing import Any

from pp_ref.bench.contest import Real, installed
from pp_ref.kernels.operands import OperandCache, SeparableOperands
from pp_ref.kernels.ways import LAYER, Way
from pp_ref.kernels.work import Arrays, LayerProblem, Work
from pp_ref.layers.predicted import Order

__all__ = ["peers", "ways"]

ORDERS: tuple[Order, ...] = ("dictionary", "weights")


def ways(
    operands: OperandCache, v: Real, w: list[Real], b: Real, dy: Real
) -> dict[str, tuple[Callable[[], Any], Work]]:
    """The step and the work of each possible way of models."""
    problem = LayerProblem(Arrays.of(v, *w, b), tuple((len(w_j), w_j.shape[1]) for w_j in w), operands)

    def step(way: Way) -> Callable[[], Any]:
        def run() -> Any:
            y, cache = way.forward(v, operands, w, b)
            return y, *way.backward(dy, cache)

        return run

    return {way.name: (step(way), way.work(problem)) for way in LAYER if not way.needs(problem)}


def peers(o: SeparableOperands, v: Real, w: list[Real], b: Real, dy: Real) -> dict[str, Callable[[], Any]]:
    """PyTorch's and JAX's automatic differentiation in both dense orders, where they are installed."""
    found: dict[str, Callable[[], Any]] = {}
    if torch := installed("torch"):

        def by_torch(order: Order) -> Callable[[], Any]:
            tU, tdy = [torch.from_numpy(U_j) for U_j in o.U], torch.from_numpy(dy)
            tv, tb, *tw = (torch.from_numpy(array.copy()).requires_grad_() for array in (v, b, *w))

            def step() -> Any:
                y = layer(torch.cat, tU, order)(tv, tw, tb)
                dv, db, *dw = torch.autograd.grad(y, (tv, tb, *tw), tdy)
                return y.detach(), dv, dw, db

            return step

        found |= {f"torch, {order}": by_torch(order) for order in ORDERS}
    if jax := installed("jax"):

        def by_jax(order: Order) -> Callable[[], Any]:
            jU, jv, jw, jb, jdy = jax.tree.map(jax.numpy.asarray, (list(o.U), v, w, b, dy))

            def step(U: Any, v: Any, w: Any, b: Any, dy: Any) -> Any:
                y, back = jax.vjp(layer(jax.numpy.concatenate, U, order), v, w, b)
                return y, *back(dy)

            compiled = jax.jit(step)
            return lambda: jax.block_until_ready(compiled(jU, jv, jw, jb, jdy))

        found |= {f"jax, {order}": by_jax(order) for order in ORDERS}
    return found


def layer(join: Any, U: Any, order: Order) -> Callable[[Any, Any, Any], Any]:
    """y of v, w and b, for a library that joins arrays with `join`."""
    if order == "dictionary":
        return lambda v, w, b: join([(v @ U_j) @ w_j for U_j, w_j in zip(U, w, strict=True)], 1) + b
    return lambda v, w, b: v @ join([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], 1) + b
