"""One fine-tuning epoch of 784-500-500-10 (batch 100, float32): pp_ref against PyTorch's eager mode on the CPU.

Both learn the same net from the same start on the same batches. First their losses and gradients must agree within the
rounding of float32; only then are they timed. PyTorch is run with its default SGD and with its fused one, and the
faster counts. Threads wait as each library has them wait: with OMP_WAIT_POLICY=passive PyTorch's second thread gains
nothing.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from pp_ref.bench.contest import Contender, Real, blocks, contender
from pp_ref.bench.record import Record, goal, met, reached, record
from pp_ref.bench.tables import seconds
from pp_ref.data import load_digits, load_mnist
from pp_ref.errors import DataError, import_extra
from pp_ref.models.mlp import MLP, mlp
from pp_ref.records import markdown
from pp_ref.training import SGD, fit_sgd

__all__ = ["BATCH", "SIZES", "TABLES", "epochs", "learned_from", "measure", "share_of_bound"]

SIZES = (784, 500, 500, 10)
BATCH = 100
RATE, MOMENTUM = 0.1, 0.9
GOAL = 0.9  # of PyTorch's time


def measure(rounds: int, examples: int | None = None) -> Record:
    """Epochs of these many examples, or of all there are."""
    data, x, y = learned_from(examples)
    model, amount = mlp(SIZES), flops(len(y))
    params = model.init(np.random.default_rng(0))
    share = share_of_bound(x, y)
    ours = {"pp_ref": contender(epochs(model, params, x, y), share, amount)}
    peers = torch_epochs(params, x, y, amount)
    measured = blocks({}, ours | peers, list(peers), rounds)
    return record("mlp_epoch", __doc__, rounds, measured, goals, data=data, examples=len(y), batch=BATCH)


def learned_from(examples: int | None) -> tuple[str, Real, Real]:
    """The first training examples of MNIST, or of the embedded digits where no place holds it."""
    try:
        data = load_mnist()
    except DataError:
        data = load_digits()
    x, y = data.train
    return data.name, x[:examples], y[:examples]


def epochs(model: MLP, params: dict[str, Any], x: Any, y: Real) -> Callable[[], None]:
    """An epoch a call, each from where the last one ended."""
    now = params

    def epoch() -> None:
        nonlocal now

        def objective(params: Any, rows: Any, rng: Any) -> Any:
            return model.loss_and_gradient(params, x[rows], y[rows])

        settings = SGD(1, RATE, batch=BATCH, momentum=MOMENTUM)
        now = fit_sgd(objective, now, len(y), settings, np.random.default_rng(1)).params

    return epoch


def torch_epochs(params: Mapping[str, Real], x: Real, y: Real, flops: int = 0, steps: int = 1) -> dict[str, Contender]:
    """The same by PyTorch, from the same start."""
    torch = import_extra("torch", "torch")
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)

    def epochs(fused: bool) -> Callable[[], None]:
        net = torch_net(params)
        optimiser = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=fused or None)

        def epoch() -> None:
            order = torch.randperm(len(ty))
            for start in range(0, len(ty), BATCH):
                rows = order[start : start + BATCH]
                loss = torch.nn.functional.cross_entropy(net(tx[rows]), ty[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

        return epoch

    runs = {"torch": epochs(False), "torch, fused SGD": epochs(True)}
    return {name: contender(run, None, flops, steps=steps) for name, run in runs.items()}


def torch_net(params: Mapping[str, Real]) -> Any:
    """The same net with the same start."""
    torch = import_extra("torch", "torch")
    modules: list[Any] = []
    for d, m, name in zip(SIZES, SIZES[1:], ("1", "2", "softmax"), strict=False):
        linear = torch.nn.Linear(d, m)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(params[f"{name}.W"].T.copy()))
            linear.bias.copy_(torch.from_numpy(params[f"{name}.b"]))
        modules += [linear] if name == "softmax" else [linear, torch.nn.Sigmoid()]
    return torch.nn.Sequential(*modules)


def flops(n: int) -> int:
    """Of one epoch's matrix products: forward, dW and, above the first layer, dv: 2 n d m each."""
    return sum(2 * n * d * m * (2 if number == 0 else 3) for number, (d, m) in enumerate(pairwise(SIZES)))


def share_of_bound(x: Real, y: Real) -> float:
    """How far the two first gradients lie apart, as the largest share of a rounding bound; above 1 is a failure.

    Each gradient entry is a sum over the batch behind sums of at most 784 products. gamma = L u with L the sum of the
    lengths on its longest path bounds the relative error of all of them together (Higham, sec. 3.5), relative to the
    same sums of absolute values, of which the largest |gradient entry| of the layer times the batch is an upper bound.
    """
    torch = import_extra("torch", "torch")
    model = mlp(SIZES)
    params = model.init(np.random.default_rng(0))
    _, gradient = model.loss_and_gradient(params, x[:BATCH], y[:BATCH])
    net = torch_net(params)
    torch.nn.functional.cross_entropy(net(torch.from_numpy(x[:BATCH])), torch.from_numpy(y[:BATCH])).backward()
    gamma = (sum(SIZES[:-1]) + BATCH) * np.finfo(np.float32).eps / 2
    shares = []
    for name, theirs in zip(gradient, net.parameters(), strict=True):
        want = theirs.grad.numpy().T
        shares.append(np.max(np.abs(gradient[name] - want)) / (gamma * BATCH * np.max(np.abs(want))))
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def goals(record: Record) -> list[Record]:
    """Seconds against PyTorch's better SGD."""
    times = reached(record, "pp_ref")
    return goal("an epoch's seconds, times PyTorch's", "at most", GOAL, {n: 1 / each for n, each in times.items()})


def table(*records: Record) -> str:
    """Seconds an epoch, ours against PyTorch's better SGD, for each record."""
    rows, missed = [], []
    for each in records:
        kernels = each["machine"]["blas"]["kernels"]
        for block, limits, wanted in zip(each["measured"], each["limits"], each["goals"], strict=True):
            ours, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            rows.append(
                [
                    kernels,
                    str(block["threads"]),
                    seconds(ours),
                    seconds(best),
                    f"{wanted['reached']:.2f}",
                    f"{limits['peak_gflops']:.0f}",
                    f"{ours['share_of_peak']:.0%}",
                    f"{best['share_of_peak']:.0%}",
                ]
            )
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
