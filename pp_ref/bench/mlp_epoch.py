"""One fine-tuning epoch of 784-500-500-10 (batch 100, float32): pp_ref against PyTorch and JAX on the CPU.

All learn the same net from the same start with the same batch size. Their gradients are compared with PyTorch's in
eager mode first, within the rounding of float32. PyTorch is timed with its default and its fused SGD, and compiled with
the fused one; JAX compiles the whole step. The fastest one counts. Threads wait as each library lets them: with
OMP_WAIT_POLICY=passive PyTorch's second thread gains nothing.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from pp_ref.bench.contest import Contender, Real, blocks, contender, installed, share_of_largest
from pp_ref.bench.libraries import compiler
from pp_ref.bench.peers import assign, torch_descent, torch_modes
from pp_ref.bench.record import Record, goal, inverse, met, reached, record
from pp_ref.bench.tables import UNSTABLE, of_row, seconds
from pp_ref.bench.timing import Run, Timing, said
from pp_ref.data import load_digits, load_mnist
from pp_ref.errors import DataError, import_extra
from pp_ref.models.mlp import MLP, mlp
from pp_ref.records import markdown
from pp_ref.training import SGD, fit_sgd

__all__ = [
    "BATCH",
    "SIZES",
    "epochs",
    "flops",
    "goals",
    "jax_epochs",
    "learned_from",
    "measure",
    "share_of_bound",
    "table",
    "torch_epochs",
    "torch_net",
]

SIZES = (784, 500, 500, 10)
BATCH = 100
RATE, MOMENTUM = 0.1, 0.9
GOAL = 0.9  # of the best peer's time


def measure(timing: Timing, examples: int | None = None) -> Record:
    """Return the record of epochs of these many examples; None: of all."""
    data, x, y = learned_from(examples)
    model, amount = mlp(SIZES), flops(len(y))
    params = model.init(np.random.default_rng(0))
    share = share_of_bound(x, y)
    ours = {"pp_ref": contender(epochs(model, params, x, y), share, amount)}
    peers = torch_epochs(params, x, y, amount) | jax_epochs(params, x, y, amount)
    measured = blocks({}, ours | peers, list(peers), timing)
    return record("mlp_epoch", __doc__, timing, measured, goals, data=data, examples=len(y), batch=BATCH)


def learned_from(examples: int | None) -> tuple[str, Real, Real]:
    """Return the data's name and the first training examples of MNIST, or of the embedded digits without it."""
    try:
        data = load_mnist()
    except DataError:
        data = load_digits()
    x, y = data.train
    return data.name, x[:examples], y[:examples]


def epochs(model: MLP, params: dict[str, Any], x: Any, y: Real) -> Run:
    """Return a run of one epoch, which continues the epoch before."""
    now = params

    def epoch() -> None:
        nonlocal now

        def objective(params: Any, rows: Any, rng: Any) -> Any:
            return model.loss_and_gradient(params, x[rows], y[rows])

        settings = SGD(1, RATE, batch=BATCH, momentum=MOMENTUM)
        now = fit_sgd(objective, now, len(y), settings, np.random.default_rng(1)).params

    return epoch


def torch_epochs(params: Mapping[str, Real], x: Real, y: Real, flops: int = 0, steps: int = 1) -> dict[str, Contender]:
    """Return PyTorch's epochs from the same start: eager with both kinds of SGD, compiled with the fused one."""
    torch = import_extra("torch", "torch")
    tx, ty, (want, unit) = torch.from_numpy(x), torch.from_numpy(y), _wanted(params, x, y)

    def epochs(mode: str, fused: bool | None) -> Contender:
        net, batches = torch_net(params), lambda: torch.randperm(len(ty)).split(BATCH)
        loss = torch_modes(lambda x, y: torch.nn.functional.cross_entropy(net(x), y))[mode]
        loss(tx[:BATCH], ty[:BATCH]).backward()
        got = {name: each.grad.numpy().T for name, each in zip(want, net.parameters(), strict=True)}
        share = share_of_largest(got, want, unit)
        settings = {"lr": RATE, "momentum": MOMENTUM, "fused": fused}
        run = torch_descent(lambda rows: loss(tx[rows], ty[rows]), net.parameters(), batches, **settings)
        return contender(run, share, flops, steps=steps)

    found = {"torch": epochs("torch", None), "torch, fused SGD": epochs("torch", True)}
    return found | ({"torch, compiled": epochs("torch, compiled", True)} if compiler() else {})


def jax_epochs(params: Mapping[str, Real], x: Real, y: Real, flops: int = 0, steps: int = 1) -> dict[str, Contender]:
    """Return JAX's epochs from the same start, the step compiled as a whole; nothing without JAX."""
    jax = installed("jax")
    if not jax:
        return {}
    jx, jy, tree = jax.numpy.asarray(x), jax.numpy.asarray(y), jax.tree
    start = {name: jax.numpy.asarray(each) for name, each in params.items()}

    def loss(params: Any, x: Any, y: Any) -> Any:
        for layer in ("1", "2"):
            x = jax.nn.sigmoid(x @ params[f"{layer}.W"] + params[f"{layer}.b"])
        scores = jax.nn.log_softmax(x @ params["softmax.W"] + params["softmax.b"])
        return -jax.numpy.take_along_axis(scores, y[:, None], 1).mean()

    @jax.jit  # type: ignore[untyped-decorator]
    def step(params: Any, velocity: Any, rows: Any) -> Any:
        gradient = jax.grad(loss)(params, jx[rows], jy[rows])
        velocity = tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradient)
        return tree.map(lambda p, v: p + v, params, velocity), velocity

    state, rng = (start, tree.map(jax.numpy.zeros_like, start)), np.random.default_rng(1)

    def epoch() -> None:
        nonlocal state
        order = rng.permutation(len(y))
        for first in range(0, len(y), BATCH):
            state = step(*state, order[first : first + BATCH])
        jax.block_until_ready(state)

    want, unit = _wanted(params, x, y)
    share = share_of_largest(jax.jit(jax.grad(loss))(start, jx[:BATCH], jy[:BATCH]), want, unit)
    return {"jax": contender(epoch, share, flops, steps=steps)}


def torch_net(params: Mapping[str, Real]) -> Any:
    """Return PyTorch's net with the start ``params``."""
    nn, modules = import_extra("torch", "torch").nn, []
    for (d, m), name in zip(pairwise(SIZES), ("1", "2", "softmax"), strict=True):
        modules += [assign(nn.Linear(d, m), params[f"{name}.W"].T, params[f"{name}.b"]), nn.Sigmoid()]
    return nn.Sequential(*modules[:-1])


def flops(n: int) -> int:
    """Return the flops of an epoch's products, 2 n d m each: forward, dW and, above the first layer, dv."""
    return sum(2 * n * d * m * (2 if number == 0 else 3) for number, (d, m) in enumerate(pairwise(SIZES)))


def share_of_bound(x: Real, y: Real) -> float:
    """Compare our first gradient with PyTorch's; return the largest error in units of its bound."""
    model = mlp(SIZES)
    params = model.init(np.random.default_rng(0))
    _, gradient = model.loss_and_gradient(params, x[:BATCH], y[:BATCH])
    return share_of_largest(gradient, *_wanted(params, x, y))


def _wanted(params: Mapping[str, Real], x: Real, y: Real) -> tuple[dict[str, Real], float]:
    """Return PyTorch's first gradient in eager mode, and the unit of its bound for `share_of_largest`.

    An entry of a gradient is a sum over the batch of sums of at most 784 products. gamma = L u bounds the relative
    error of all of them (Higham, sec. 3.5), with L the sum of the lengths on the longest path. It is relative to the
    same sums of absolute values, which the layer's largest |entry| times the batch bounds.
    """
    torch = import_extra("torch", "torch")
    net = torch_net(params)
    torch.nn.functional.cross_entropy(net(torch.from_numpy(x[:BATCH])), torch.from_numpy(y[:BATCH])).backward()
    gamma = (sum(SIZES[:-1]) + BATCH) * np.finfo(np.float32).eps / 2
    want = {name: theirs.grad.numpy().T for name, theirs in zip(params, net.parameters(), strict=True)}
    return want, float(gamma * BATCH)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal: seconds against the best peer's."""
    times, ceiling = (inverse(reached(record, "pp_ref", key)) for key in ("times_best_peer", "ceiling"))
    yield from goal("an epoch's seconds, times the best peer's", "at most", GOAL, times, ceiling)


def table(*records: Record) -> str:
    """Return the table of seconds an epoch, ours and the best peer's, for each record."""
    rows, missed = [], []
    for each in records:
        kernels = each["machine"]["blas"]["kernels"]
        for block, limits, wanted in zip(each["measured"], each["limits"], each["goals"], strict=True):
            ours, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            ratio = UNSTABLE if wanted["reached"] is None else f"{wanted['reached']:.2f}"
            rates = ratio, f"{limits['peak_gflops']:.0f}"
            shares = (of_row(row, "share_of_peak", ".0%") for row in (ours, best))
            cells = [kernels, str(block["threads"]), seconds(ours), f"{seconds(best)}: {best['name']}"]
            rows.append([*cells, *rates, *shares])
            if not met(wanted):
                missed.append(f"with {kernels} kernels and {block['threads']} threads, at {ratio}")
    headings = ["OpenBLAS kernels", "threads", "pp_ref, s", "best peer, s", "ratio", "peak, Gflop/s", "pp_ref of peak"]
    timed = " or ".join(dict.fromkeys(map(said, records)))
    machine, versions = records[-1]["machine"], records[-1]["versions"]
    note = (
        f"The goal of {GOAL} is {'missed ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) of "
        f"{timed}; {machine['processor']}, {machine['cores']} cores, "
        f"{records[-1]['settings']['examples']:,} examples; PyTorch {versions['torch']}, NumPy {versions['numpy']}. "
        "Peak: NumPy's 2048-cube product."
    )
    return markdown([*headings, "peer of peak"], rows) + "\n\n" + note


TABLES = {"mlp-epoch": table}
