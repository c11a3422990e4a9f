"""One fine-tuning epoch of 784-500-500-10 (batch 100, float32): pp_ref against PyTorch's eager mode on the CPU.

    python benchmarks/speed/mlp_epoch.py [--rounds 9] [--out FILE]

Both learn the same net from the same start on the same batches, in one process with the same number of threads, in
turns. First their losses and gradients must agree within the rounding of float32; only then are they timed. PyTorch is
run with its default SGD and with its fused one, and the faster counts. The machine's limit stands beside: the rate of
a large float32 product, which no epoch can beat, and the flops that an epoch needs. Threads wait as each library has
them wait: with OMP_WAIT_POLICY=passive PyTorch's second thread gains nothing.
"""

import argparse
import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pp_ref.bench.timing import interleaved, peak_rate, row
from pp_ref.data import load_digits, load_mnist
from pp_ref.errors import DataError
from pp_ref.models.mlp import mlp
from pp_ref.records import circumstances
from pp_ref.training import SGD, fit_sgd

SIZES = (784, 500, 500, 10)
BATCH = 100
RATE, MOMENTUM = 0.1, 0.9
GOAL = 0.9


def flops(n: int) -> int:
    """Of one epoch's matrix products: forward, dW and, above the first layer, dv: 2 n d m each."""
    return sum(2 * n * d * m * (2 if number == 0 else 3) for number, (d, m) in enumerate(pairwise(SIZES)))


def torch_net(params: dict[str, np.ndarray]) -> torch.nn.Sequential:
    """The same net with the same start."""
    modules: list[torch.nn.Module] = []
    for d, m, name in zip(SIZES, SIZES[1:], ("1", "2", "softmax"), strict=False):
        linear = torch.nn.Linear(d, m)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(params[f"{name}.W"].T.copy()))
            linear.bias.copy_(torch.from_numpy(params[f"{name}.b"]))
        modules += [linear] if name == "softmax" else [linear, torch.nn.Sigmoid()]
    return torch.nn.Sequential(*modules)


def torch_epoch(net: torch.nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    order = torch.randperm(len(y))
    for start in range(0, len(y), BATCH):
        rows = order[start : start + BATCH]
        loss = torch.nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def share_of_bound(x: np.ndarray, y: np.ndarray) -> float:
    """How far the two first gradients lie apart, as the largest share of a rounding bound; above 1 is a failure.

    Each gradient entry is a sum over the batch behind sums of at most 784 products. gamma = L u with L the sum of the
    lengths on its longest path bounds the relative error of all of them together (Higham, sec. 3.5), relative to the
    same sums of absolute values, of which the largest |gradient entry| of the layer times the batch is an upper bound.
    """
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


def measure(threads: int, rounds: int, x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Interleaved epochs with this many threads; the first round warms up and is not counted."""
    torch.set_num_threads(threads)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    model = mlp(SIZES)
    params = model.init(np.random.default_rng(0))
    nets = {fused: torch_net(params) for fused in (False, True)}
    optimisers = {
        fused: torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=fused or None)
        for fused, net in nets.items()
    }
    rng = np.random.default_rng(1)

    def ours() -> None:
        nonlocal params
        objective = lambda params, rows, _: model.loss_and_gradient(params, x[rows], y[rows])  # noqa: E731
        params = fit_sgd(objective, params, len(y), SGD(1, RATE, batch=BATCH, momentum=MOMENTUM), rng).params

    contenders: dict[str, Callable[[], None]] = {
        "pp_ref": ours,
        "torch": lambda: torch_epoch(nets[False], optimisers[False], tx, ty),
        "torch, fused SGD": lambda: torch_epoch(nets[True], optimisers[True], tx, ty),
    }
    with threadpool_limits(threads):
        share = share_of_bound(x, y)
        if not share <= 1:
            sys.exit(f"gradients differ from PyTorch's by {share:.1f} times the bound: nothing was timed")
        peak = peak_rate()
        seconds = interleaved(contenders, rounds)
    rows = [row(name, times, share_of_peak=flops(len(y)) / min(times) / 1e9 / peak) for name, times in seconds.items()]
    best = min(rows[1:], key=lambda each: float(each["median_s"]))
    return {
        "threads": threads,
        "share_of_bound": share,
        "peak_gflops": peak,
        "rows": rows,
        "ratio_of_medians": float(rows[0]["median_s"]) / float(best["median_s"]),
        "ratio_of_minima": float(rows[0]["min_s"]) / min(float(each["min_s"]) for each in rows[1:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    try:
        data = load_mnist()
    except DataError:
        data = load_digits()
    x, y = data.train
    measured = [measure(threads, arguments.rounds, x, y) for threads in (1, 2)]
    record = {
        "what": __doc__.splitlines()[0],
        "goal_ratio": GOAL,
        "data": data.name,
        "examples": len(y),
        "batch": BATCH,
        "flops": flops(len(y)),
        "rounds": arguments.rounds,
        "measured": measured,
    } | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for block in measured:
        print("threads {threads}: peak {peak_gflops:.0f} Gflop/s, ratio {ratio_of_medians:.2f}".format(**block))
        for each in block["rows"]:
            said = "  {name:18} median {median_s:.2f} s, {min_s:.2f} to {max_s:.2f}, {share_of_peak:.0%} of peak"
            print(said.format(**each))


if __name__ == "__main__":
    main()
