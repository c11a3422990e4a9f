"""RICA's loss and gradient (100,000 patches, d 108, m 400, float32): pp_ref against PyTorch's autograd on the CPU.

    python benchmarks/speed/rica.py [--patches 100000] [--rounds 9] [--out FILE]

All evaluate the objective "ufldl" from the same start, in one process with the same number of threads, in turns: with
full weights, and with 50 % predicted (SE, length scale 1, one column). pp_ref reads patches that were prepared once.
PyTorch has its best plain formulation, on patches that were pooled once where there is a dictionary; PyTorch on the
second moment tells how much of the difference is the formula. First all losses and gradients must agree within the
rounding of float32; only then are they timed. The machine's limit stands beside: the rate of a large float32 product,
and the flops that each formulation needs.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pp_ref.bench.timing import interleaved, peak_rate, row
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.models import RICA, Full, Predicted
from pp_ref.models.rica import UFLDL_EPS, UFLDL_LAMBDA
from pp_ref.records import circumstances

SPACE = Grid(6, 6, 3)
FILTERS = 400
PREDICTED = "50 % predicted"
GOALS = {"pp_ref, full": 1 / 2, f"pp_ref, {PREDICTED}": 1 / 3.5}  # of PyTorch's time with full weights
# What losses and gradients are compared on: more patches than a block holds, and a lambda with which no term can be
# lost in the bound.
CHECKED, CHECKED_LAMBDA = 600, 30.0

Evaluation = Callable[[], tuple[float, np.ndarray]]
Objective = Callable[[torch.Tensor], torch.Tensor]


class Problem:
    """Patches, what is computed of them once, and the starts of both models."""

    def __init__(self, x: np.ndarray, trade_off: float = UFLDL_LAMBDA) -> None:
        rng = np.random.default_rng(1)
        dictionary = make_dictionary("se", SPACE, proportion=0.5, length_scale=1.0, rng=rng)
        self.x, self.trade_off, (self.U,) = x, trade_off, dictionary.U(np.float32)
        self.models = {
            "full": RICA(Full(SPACE.size, FILTERS), trade_off=trade_off),
            PREDICTED: RICA(Predicted(dictionary, FILTERS), trade_off=trade_off),
        }
        self.starts = {name: model.init(rng) for name, model in self.models.items()}
        self.prepared = {name: model.prepare(x) for name, model in self.models.items()}

    def start(self, name: str) -> np.ndarray:
        """The one array of parameters."""
        return next(iter(self.starts[name].values()))

    def objectives(self, dtype: torch.dtype = torch.float32) -> dict[str, Objective]:
        """PyTorch's formulations of the loss."""
        v, U = torch.from_numpy(self.x).to(dtype), torch.from_numpy(self.U).to(dtype)
        pooled = v @ U
        S = torch.from_numpy(self.prepared["full"].second_moment)
        identity = torch.eye(len(S), dtype=S.dtype)

        def sparsity(z: torch.Tensor) -> torch.Tensor:
            return self.trade_off * torch.sqrt(z * z + UFLDL_EPS).sum()

        def error(z: torch.Tensor, What: torch.Tensor) -> torch.Tensor:
            return 0.5 * torch.nn.functional.mse_loss(z @ What.T, v, reduction="sum")

        def full(W: torch.Tensor) -> torch.Tensor:
            What = torch.nn.functional.normalize(W, dim=0)
            z = v @ What
            return sparsity(z) + error(z, What)

        def predicted(w: torch.Tensor) -> torch.Tensor:
            W = U @ w
            norms = W.norm(dim=0)
            z = pooled @ (w / norms)
            return sparsity(z) + error(z, W / norms)

        def moment(W: torch.Tensor) -> torch.Tensor:
            What = torch.nn.functional.normalize(W, dim=0)
            A = What.to(S.dtype) @ What.to(S.dtype).T - identity
            return sparsity(v @ What) + 0.5 * (A * (S @ A)).sum()

        return {"full": full, PREDICTED: predicted, "full, second moment": moment}

    def evaluations(self) -> dict[str, Evaluation]:
        """Loss and gradient, by contender."""

        def ours(name: str) -> Evaluation:
            def evaluate() -> tuple[float, np.ndarray]:
                loss, gradient = self.models[name].loss_and_gradient(self.starts[name], self.prepared[name])
                return float(loss), next(iter(gradient.values()))

            return evaluate

        theirs = {
            f"torch, {name}": by_autograd(objective, self.start(name.partition(", second")[0]))
            for name, objective in self.objectives().items()
        }
        return {f"pp_ref, {name}": ours(name) for name in self.models} | theirs

    def flops(self) -> dict[str, int]:
        """Of the products with all patches, 2 n d m each: z, z What^T, and of backward what each of them pulls back."""
        (n, d), k = self.x.shape, self.U.shape[1]
        long, short = 2 * n * d * FILTERS, 2 * n * k * FILTERS
        return {
            "pp_ref, full": 2 * long,
            f"pp_ref, {PREDICTED}": 2 * short,
            "torch, full": 5 * long,
            f"torch, {PREDICTED}": 3 * long + 2 * short,
            "torch, full, second moment": 2 * long,
        }


def by_autograd(objective: Objective, start: np.ndarray) -> Evaluation:
    leaf = torch.tensor(start, requires_grad=True)

    def evaluate() -> tuple[float, np.ndarray]:
        leaf.grad = None
        loss = objective(leaf)
        loss.backward()
        return loss.item(), leaf.grad.numpy()

    return evaluate


def shares_of_bound(problem: Problem) -> dict[str, float]:
    """How far each is from PyTorch's plain formulation in float64, in shares of a rounding bound; above 1 is a failure.

    A gradient entry is a sum over patches behind sums over inputs and filters. gamma = L u with L the sum of the
    lengths on its longest path bounds the relative error of all of them together (Higham, sec. 3.5), relative to the
    same sums of magnitudes, to first order in gamma. z is off by gamma |v| |What|, and then the slope of the root,
    which nowhere changes faster than 1 / sqrt(eps), by that over sqrt(eps).
    """
    n, d = problem.x.shape
    v, U, m = np.abs(problem.x).astype(float), problem.U.astype(float), FILTERS
    shares = {}
    exact = problem.objectives(torch.float64)
    for name, evaluate in problem.evaluations().items():
        kind = PREDICTED if PREDICTED in name else "full"
        start = problem.start(kind).astype(float)
        norms = np.linalg.norm(U @ start if kind == PREDICTED else start, axis=0)
        What = (np.abs(U) @ np.abs(start) if kind == PREDICTED else np.abs(start)) / norms
        z = v @ What
        error = z @ What.T + v
        dWhat = problem.trade_off * v.T @ (1 + z / np.sqrt(UFLDL_EPS)) + v.T @ (error @ What) + error.T @ z
        dW = (dWhat + What * np.sum(What * dWhat, axis=0)) / norms
        magnitudes = (
            np.sum(problem.trade_off * (z + np.sqrt(UFLDL_EPS))) + np.sum(error**2),
            (np.abs(U).T @ dW if kind == PREDICTED else dW),
        )
        lengths = n * m + 2 * d + m, n + 5 * d + m
        for got, want, magnitude, length in zip(
            evaluate(), by_autograd(exact[kind], start)(), magnitudes, lengths, strict=True
        ):
            gamma = length * np.finfo(np.float32).eps / 2
            share = float(np.max(np.abs(got - want) / (gamma * magnitude)))
            shares[name] = np.maximum(shares.get(name, 0.0), share)  # NaN stays NaN and fails the comparison
    return shares


def measure(threads: int, rounds: int, x: np.ndarray) -> dict[str, object]:
    """Interleaved evaluations with this many threads; the first round warms up and is not counted."""
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        shares = shares_of_bound(Problem(x[:CHECKED], CHECKED_LAMBDA))
        if not all(share <= 1 for share in shares.values()):
            sys.exit(f"loss or gradient off by more than the bound, in shares of it: {shares}; nothing was timed")
        problem, peak = Problem(x), peak_rate()
        evaluations, flops = problem.evaluations(), problem.flops()
        seconds = interleaved(evaluations, rounds)
    rows = {
        name: row(
            name,
            times,
            share_of_bound=float(shares[name]),
            flops=flops[name],
            share_of_peak=flops[name] / min(times) / 1e9 / peak,
        )
        for name, times in seconds.items()
    }
    return {
        "threads": threads,
        "peak_gflops": peak,
        "rows": list(rows.values()),
        "ratios_of_medians": {name: rows[name]["median_s"] / rows["torch, full"]["median_s"] for name in GOALS},
        "ratios_of_minima": {name: rows[name]["min_s"] / rows["torch, full"]["min_s"] for name in GOALS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patches", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    x = np.random.default_rng(0).standard_normal((arguments.patches, SPACE.size), np.float32)  # as whitened ones are
    measured = [measure(threads, arguments.rounds, x) for threads in (1, 2)]
    record = {
        "what": __doc__.splitlines()[0],
        "goal_ratios": GOALS,
        "patches": len(x),
        "inputs": SPACE.size,
        "filters": FILTERS,
        "rounds": arguments.rounds,
        "measured": measured,
    } | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for block in measured:
        print("threads {threads}: peak {peak_gflops:.0f} Gflop/s, ratios {ratios_of_medians}".format(**block))
        for each in block["rows"]:
            said = "  {name:26} median {median_s:.3f} s, {min_s:.3f} to {max_s:.3f}, {share_of_peak:.0%} of peak"
            print(said.format(**each))


if __name__ == "__main__":
    main()
