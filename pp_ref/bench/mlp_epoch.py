"""One fine-tuning epoch of 784-500-500-10 (batch 100, float32): pp_ref against PyTorch's eager mode on the CPU.

Both learn the same net from the same start with the same batch size. Their gradients are compared first, within the
rounding of float32. PyTorch is timed with its default and its fused SGD, and the faster one counts. Threads wait as
each library lets them: with OMP_WAIT_POLICY=passive PyTorch's second thread gains nothing.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from pp_ref.bench.contest import Contender, Real, Run, blocks, contender, share_of_largest
from pp_ref.bench.peers import assign, torch_descent
from pp_ref.bench.record import Record, goal, met, reached, record
from pp_ref.bench.tables import seconds
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
GOAL = 0.9  # of PyTorch's time


def measure(rounds: int, examples: int | None = None) -> Record:
    """Return the record of epochs of these many examples; None: of all."""
    data, x, y = learned_from(examples)
    model, amount = mlp(SIZES), flops(len(y))
    params = model.init(np.random.default_rng(0))
    share = share_of_bound(x, y)
    ours = {"pp_ref": contender(epochs(model, params, x, y), share, amount)}
    peers = torch_epochs(params, x, y, amount)
    measured = blocks({}, ours | peers, list(peers), rounds)
    return record("mlp_epoch", __doc__, rounds, measured, goals, data=data, examples=len(y), batch=BATCH)


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
    """Return PyTorch's epochs from the same start, with both kinds of SGD."""
    torch = import_extra("torch", "torch")
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)

    def epochs(fused: bool | None) -> Run:
        def loss(rows: Any) -> Any:
            return torch.nn.functional.cross_entropy(net(tx[rows]), ty[rows])

        net, batches = torch_net(params), lambda: torch.randperm(len(ty)).split(BATCH)
        return torch_descent(loss, net.parameters(), batches, lr=RATE, momentum=MOMENTUM, fused=fused)

    runs = {"torch": epochs(None), "torch, fused SGD": epochs(True)}
    return {name: contender(run, None, flops, steps=steps) for name, run in runs.items()}


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
    """Compare our first gradient with PyTorch's; return the largest error in units of its bound.

    An entry of a gradient is a sum over the batch of sums of at most 784 products. gamma = L u bounds the relative
    error of all of them (Higham, sec. 3.5), with L the sum of the lengths on the longest path. It is relative to the
    same sums of absolute values, which the layer's largest |entry| times the batch bounds.
    """
    torch = import_extra("torch", "torch")
    model = mlp(SIZES)
    params = model.init(np.random.default_rng(0))
    _, gradient = model.loss_and_gradient(params, x[:BATCH], y[:BATCH])
    net = torch_net(params)
    torch.nn.functional.cross_entropy(net(torch.from_numpy(x[:BATCH])), torch.from_numpy(y[:BATCH])).backward()
    gamma = (sum(SIZES[:-1]) + BATCH) * np.finfo(np.float32).eps / 2
    want = {name: theirs.grad.numpy().T for name, theirs in zip(gradient, net.parameters(), strict=True)}
    return share_of_largest(gradient, want, gamma * BATCH)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal: seconds against PyTorch's faster SGD."""
    times = reached(record, "pp_ref")
    yield from goal("an epoch's seconds, times PyTorch's", "at most", GOAL, {n: 1 / each for n, each in times.items()})


def table(*records: Record) -> str:
    """Return the table of seconds an epoch, ours and PyTorch's with its faster SGD, for each record."""
    rows, missed = [], []
    for each in records:
        kernels = each["machine"]["blas"]["kernels"]
        for block, limits, wanted in zip(each["measured"], each["limits"], each["goals"], strict=True):
            ours, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            rates = f"{wanted['reached']:.2f}", f"{limits['peak_gflops']:.0f}"
            shares = (f"{row['share_of_peak']:.0%}" for row in (ours, best))
            rows.append([kernels, str(block["threads"]), seconds(ours), seconds(best), *rates, *shares])
            if not met(wanted):
                missed.append(f"with {kernels} kernels and {block['threads']} threads, at {wanted['reached']:.2f}")
    headings = ["OpenBLAS kernels", "threads", "pp_ref, s", "PyTorch, s", "ratio", "peak, Gflop/s", "pp_ref of peak"]
    rounds = " or ".join(map(str, sorted({each["rounds"] for each in records})))
    machine, versions = records[-1]["machine"], records[-1]["versions"]
    note = (
        f"The goal of {GOAL} is {'missed ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) of "
        f"{rounds} interleaved epochs; {machine['processor']}, {machine['cores']} cores, "
        f"{records[-1]['settings']['examples']:,} examples; PyTorch {versions['torch']}, NumPy {versions['numpy']}. "
        "Peak: NumPy's 2048-cube product."
    )
    return markdown([*headings, "PyTorch of peak"], rows) + "\n\n" + note


TABLES = {"mlp-epoch": table}
