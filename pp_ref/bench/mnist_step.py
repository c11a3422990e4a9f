"""A training step of 784-500-500-10 with few parameters learned (SE-Emp) against PyTorch's step of the full net.

Layers 1 and 2 are predicted in ten columns; layer 1 reads what was pooled once for all examples, outside of the times.
Batch 100, float32, SGD with momentum; a round is 20 steps of each contender. First the gradients must agree: the full
net's with PyTorch's, the predicted net's with that of the layers alone in float64. PyTorch is run with its default SGD
and with its fused one, with subnormals flushed, and the faster counts. Beside the steps stand the parts of the
predicted one.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Real, blocks, contender
from pp_ref.bench.mlp_epoch import BATCH, SIZES, epochs, learned_from, share_of_bound, torch_epochs
from pp_ref.bench.record import Record, goal, reached, record
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.kernels.choose import use_backend
from pp_ref.layers import sigmoid_forward
from pp_ref.models.mlp import MLP, mlp

__all__ = ["measure"]

STEPS = 20
GOALS = {0.05: 4.0, 0.25: 2.0}  # times PyTorch's full net, by the proportion learned


def measure(rounds: int, proportions: Sequence[float] = tuple(GOALS)) -> Record:
    """For each proportion learned, a step and its parts."""
    import_extra("torch", "torch").set_flush_denormal(True)
    data, x, y = learned_from(STEPS * BATCH)
    steps = len(y) // BATCH
    full, measured = mlp(SIZES), list[Block]()
    start, share = full.init(np.random.default_rng(0)), share_of_bound(x, y)
    for proportion in proportions:
        few = predicted_net(proportion, x)
        params, pooled = few.init(np.random.default_rng(0)), few.prepare(x)
        share_of_few = share_of_predicted(few, params, x[:BATCH], y[:BATCH])
        ours = {
            "pp_ref, predicted": contender(epochs(few, params, pooled, y), share_of_few, steps=steps),
            "pp_ref, full": contender(epochs(full, start, x, y), share, steps=steps),
        }
        peers = torch_epochs(start, x, y, steps=steps)
        parts = {
            name: contender(repeated(run), steps=STEPS) for name, run in passes(few, params, pooled[:BATCH]).items()
        }
        measured += blocks({"proportion": proportion, "part": "step"}, ours | peers, list(peers), rounds)
        measured += blocks({"proportion": proportion, "part": "passes"}, parts, [], rounds)
    return record("mnist_step", __doc__, rounds, measured, goals, data=data, batch=BATCH)


def predicted_net(proportion: float, x: Real) -> MLP:
    """Layer 1 through SE, layer 2 through the covariance of what layer 1 puts out at its start."""
    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {"proportion": proportion, "n_columns": 10, "rng": rng, "ridge": 1e-3}
    se = make_dictionary("se", Grid(28, 28), **settings)
    first = mlp((*SIZES[:2], SIZES[-1]), [se])
    params = first.init(rng)
    hidden, _ = sigmoid_forward(x @ first.filters(params)[0] + params["1.b"])
    return mlp(SIZES, [se, make_dictionary("emp", Units(SIZES[1]), data=hidden, **settings)])


def share_of_predicted(model: MLP, params: dict[str, Real], x: Real, y: Real) -> float:
    """As `share_of_bound`, of the kernels in float32 against the layers in float64; the dictionaries' sums are longer,
    and their rounding is amplified at most as much as a plan allows, 2^8 times."""
    _, gradient = model.loss_and_gradient(params, model.prepare(x), y)
    with use_backend("numpy"):
        _, wanted = model.loss_and_gradient({name: p.astype(float) for name, p in params.items()}, x.astype(float), y)
    gamma = (sum(SIZES[:-1]) + len(x)) * np.finfo(np.float32).eps / 2 * 2**8
    shares = [abs(gradient[name] - g).max() / (gamma * len(x) * abs(g).max()) for name, g in wanted.items()]
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def passes(model: MLP, params: dict[str, Real], v: Any) -> dict[str, Callable[[], Any]]:
    """Each stage's passes by themselves, at a batch: the first has no dv to compute."""
    found: dict[str, Callable[[], Any]] = {}
    number = 0
    for stage in model.stages[0], model.stages[1], model.stages[3], model.stages[4]:  # dropout is off
        number += stage.weights is not None
        prefix = f"{number}."
        own = {name.removeprefix(prefix): p for name, p in params.items() if stage.weights and name.startswith(prefix)}
        above, cache = stage.forward(own, v, None)
        dy = np.random.default_rng(0).standard_normal(above.shape, np.float32)
        name = f"{number} {type(stage).__name__.lower()}"
        first = stage is model.stages[0]
        found[f"{name} forward"] = partial(stage.forward, own, v, None)
        found[f"{name} backward"] = partial(stage.backward, dy, cache, wrt_input=not first)
        v = above
    return found


def repeated(run: Callable[[], Any]) -> Callable[[], None]:
    def runs() -> None:
        for _ in range(STEPS):
            run()

    return runs


def goals(record: Record) -> list[Record]:
    """Times PyTorch's step of the full net."""
    found: list[Record] = []
    for proportion, wanted in GOALS.items():
        what = f"training step of the MNIST net, {proportion:.0%} learned, against the full net"
        times = reached(record, "pp_ref, predicted", proportion=proportion, part="step")
        found += goal(what, "at least", wanted, times)
    return found
