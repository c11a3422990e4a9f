"""A training step of 784-500-500-10 with few parameters learned (SE-Emp) against the best peer's step of the full net.

Layers 1 and 2 are predicted in ten columns; layer 1 reads pooled input, which is prepared once and not timed. Batch
100, float32, SGD with momentum; a call is 20 steps of a contender. Gradients are compared first: the full nets' with
PyTorch's eager one, the predicted net's with that of the definitions in float64. The peers are those of `mlp_epoch`,
PyTorch's with subnormals flushed, and the fastest one counts. The record has each pass of the predicted step as well.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Contender, Real, blocks, contender, share_of_largest
from pp_ref.bench.mlp_epoch import (
    BATCH,
    SIZES,
    epochs,
    flops,
    jax_epochs,
    learned_from,
    share_of_bound,
    torch_epochs,
)
from pp_ref.bench.record import Record, goal, reached, record
from pp_ref.bench.timing import Run, Timing
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.kernels.choose import use_backend
from pp_ref.kernels.operands import OperandCache
from pp_ref.kernels.ways import LAYER
from pp_ref.kernels.work import Arrays, LayerProblem
from pp_ref.layers import sigmoid_forward
from pp_ref.models.mlp import MLP, mlp

__all__ = ["flushed", "goals", "measure", "passes", "predicted_net", "share_of_predicted", "step_flops"]

STEPS = 20
GOALS = {0.05: 4.0, 0.25: 2.0}  # times the best full net of a peer, by the proportion learned


def measure(timing: Timing, proportions: Sequence[float] = tuple(GOALS)) -> Record:
    """Return the record of a step and its passes for each proportion learned."""
    data, x, y = learned_from(STEPS * BATCH)
    steps = len(y) // BATCH
    full, measured = mlp(SIZES), list[Block]()
    start, share = full.init(np.random.default_rng(0)), share_of_bound(x, y)
    for proportion in proportions:
        few = predicted_net(proportion, x)
        params, pooled = few.init(np.random.default_rng(0)), few.prepare(x)
        share_of_few = share_of_predicted(few, params, x[:BATCH], y[:BATCH])
        ours = {
            "pp_ref, predicted": contender(epochs(few, params, pooled, y), share_of_few, step_flops(few), steps=steps),
            "pp_ref, full": contender(epochs(full, start, x, y), share, flops(BATCH), steps=steps),
        }
        peers = {name: flushed(each) for name, each in torch_epochs(start, x, y, flops(BATCH), steps).items()}
        peers |= jax_epochs(start, x, y, flops(BATCH), steps)
        parts = {name: contender(run, steps=STEPS) for name, run in passes(few, params, pooled[:BATCH]).items()}
        measured += blocks({"proportion": proportion, "part": "step"}, ours | peers, list(peers), timing)
        measured += blocks({"proportion": proportion, "part": "passes"}, parts, [], timing)
    return record("mnist_step", __doc__, timing, measured, goals, data=data, batch=BATCH)


def flushed(contender: Contender) -> Contender:
    """Return PyTorch's contender with its subnormals flushed, which this process does during its turns alone."""
    torch = import_extra("torch", "torch")

    def run() -> Any:
        torch.set_flush_denormal(True)
        try:
            return contender.run()
        finally:
            torch.set_flush_denormal(False)

    return contender._replace(run=run)


def predicted_net(proportion: float, x: Real) -> MLP:
    """Return a net with layer 1 predicted by SE, layer 2 by the covariance of layer 1's first output."""
    rng = np.random.default_rng(0)
    made = partial(make_dictionary, proportion=proportion, n_columns=10, rng=rng)
    se = made("se", Grid(28, 28))
    first = mlp((*SIZES[:2], SIZES[-1]), [se])
    params = first.init(rng)
    hidden, _ = sigmoid_forward(x @ first.filters(params)[0] + params["1.b"])
    return mlp(SIZES, [se, made("emp", Units(SIZES[1]), data=hidden)])


def step_flops(model: MLP) -> int:
    """Return the flops of a step's products: y and dw of layer 1 from pooled input, layer 2 by the way that needs
    fewest, the softmax."""
    first, second = model.layers
    assert isinstance(second.operands, OperandCache)  # layer 2 is predicted
    arrays = Arrays("numpy", "float32", (BATCH, second.d))
    problem = LayerProblem(arrays, tuple(second.shapes.values()), second.operands)
    fewest = min(way.work(problem)["flop"] for way in LAYER if not way.needs(problem))
    pooled = 4 * BATCH * sum(k * m for k, m in first.shapes.values())
    return int(pooled + fewest + 6 * BATCH * second.m * model.classes)


def share_of_predicted(model: MLP, params: dict[str, Real], x: Real, y: Real) -> float:
    """Compare the kernels' float32 gradient with the definitions' in float64, as `share_of_bound`.

    A way of the plan may round 2^8 times more than the definition, so the bound is 2^8 times larger.
    """
    _, gradient = model.loss_and_gradient(params, model.prepare(x), y)
    with use_backend("numpy"):
        _, wanted = model.loss_and_gradient({name: p.astype(float) for name, p in params.items()}, x.astype(float), y)
    gamma = (sum(SIZES[:-1]) + len(x)) * np.finfo(np.float32).eps / 2 * 2**8
    return share_of_largest(gradient, wanted, gamma * len(x))


def passes(model: MLP, params: dict[str, Real], v: Any) -> dict[str, Run]:
    """Return 20 calls of each stage's forward and backward pass at a batch; the first stage computes no dv."""

    def repeated(run: Any, *arguments: Any, **settings: Any) -> None:
        for _ in range(STEPS):
            run(*arguments, **settings)

    found: dict[str, Run] = {}
    number = 0
    for stage in model.stages[0], model.stages[1], model.stages[3], model.stages[4]:  # dropout is off
        number += stage.weights is not None
        prefix = f"{number}."
        own = {name.removeprefix(prefix): p for name, p in params.items() if stage.weights and name.startswith(prefix)}
        above, cache = stage.forward(own, v, None)
        dy = np.random.default_rng(0).standard_normal(above.shape, np.float32)
        name = f"{number} {type(stage).__name__.lower()}"
        found[f"{name} forward"] = partial(repeated, stage.forward, own, v, None)
        found[f"{name} backward"] = partial(repeated, stage.backward, dy, cache, wrt_input=stage is not model.stages[0])
        v = above
    return found


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals: the predicted net's step against the best peer's of the full net."""
    for proportion, wanted in GOALS.items():
        what = f"training step of the MNIST net, {proportion:.0%} learned, against the full net"
        times, ceiling = (
            reached(record, "pp_ref, predicted", key, proportion=proportion, part="step")
            for key in ("times_best_peer", "ceiling")
        )
        yield from goal(what, "at least", wanted, times, ceiling)
