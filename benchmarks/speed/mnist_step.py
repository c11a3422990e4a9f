"""A training step of 784-500-500-10 with few parameters learned (SE-Emp) against PyTorch's step of the full net.

    python benchmarks/speed/mnist_step.py [--rounds 9] [--out FILE]

Layers 1 and 2 are predicted in ten columns; layer 1 reads what was pooled once for all examples, outside of the times.
Batch 100, float32, SGD with momentum, on one thread and on two; a round is 20 steps of each contender in turns, in one
process. First the gradients must agree: the full net's with PyTorch's, the predicted net's with that of the layers
alone in float64. PyTorch is run with its default SGD and with its fused one, with subnormals flushed, and the faster
counts. Beside the steps stand the parts of the predicted one, and the rate of a large product.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlp_epoch import BATCH, MOMENTUM, RATE, SIZES, share_of_bound, torch_epoch, torch_net
from threadpoolctl import threadpool_limits

from pp_ref.bench.timing import interleaved, peak_rate, row
from pp_ref.data import load_digits, load_mnist
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DataError
from pp_ref.kernels.choose import use_backend
from pp_ref.layers import sigmoid_forward
from pp_ref.models.mlp import MLP, mlp
from pp_ref.records import circumstances
from pp_ref.training import SGD, fit_sgd

STEPS = 20
GOALS = {0.05: 4.0, 0.25: 2.0}  # times PyTorch's full net


def predicted_net(proportion: float, x: np.ndarray) -> MLP:
    """Layer 1 through SE, layer 2 through the covariance of what layer 1 puts out at its start."""
    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {"proportion": proportion, "n_columns": 10, "rng": rng, "ridge": 1e-3}
    se = make_dictionary("se", Grid(28, 28), **settings)
    first = mlp((*SIZES[:2], SIZES[-1]), [se])
    params = first.init(rng)
    hidden, _ = sigmoid_forward(x @ first.filters(params)[0] + params["1.b"])
    return mlp(SIZES, [se, make_dictionary("emp", Units(SIZES[1]), data=hidden, **settings)])


def share_of_predicted(model: MLP, params: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    """As `share_of_bound`, of the kernels in float32 against the layers in float64; the dictionaries' sums are longer,
    and their rounding is amplified at most as much as a plan allows, 2^8 times."""
    _, gradient = model.loss_and_gradient(params, model.pool(x), y)
    with use_backend("numpy"):
        _, wanted = model.loss_and_gradient({name: p.astype(float) for name, p in params.items()}, x.astype(float), y)
    gamma = (sum(SIZES[:-1]) + len(x)) * np.finfo(np.float32).eps / 2 * 2**8
    shares = [abs(gradient[name] - g).max() / (gamma * len(x) * abs(g).max()) for name, g in wanted.items()]
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def parts(model: MLP, params: dict[str, np.ndarray], v: Any, rounds: int) -> list[dict[str, Any]]:
    """Each stage's passes by themselves, at a batch: the first has no dv to compute."""
    contenders: dict[str, Callable[[], Any]] = {}
    number = 0
    for stage in model.stages[0], model.stages[1], model.stages[3], model.stages[4]:  # dropout is off
        number += stage.weights is not None
        prefix = f"{number}."
        own = {name.removeprefix(prefix): p for name, p in params.items() if stage.weights and name.startswith(prefix)}
        above, cache = stage.forward(own, v, None)
        dy = np.random.default_rng(0).standard_normal(above.shape, np.float32)
        name = f"{number} {type(stage).__name__.lower()}"
        first = stage is model.stages[0]
        contenders[f"{name} forward"] = lambda stage=stage, own=own, v=v: stage.forward(own, v, None)
        contenders[f"{name} backward"] = lambda stage=stage, dy=dy, cache=cache, first=first: stage.backward(
            dy, cache, wrt_input=not first
        )
        v = above
    return [row(name, times) for name, times in interleaved(contenders, 20 * rounds).items()]


def measure(threads: int, proportion: float, rounds: int, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    torch.set_num_threads(threads)
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)
    full, few = mlp(SIZES), predicted_net(proportion, x)
    params = {model: model.init(np.random.default_rng(0)) for model in (full, few)}
    pooled = few.pool(x)
    nets = {fused: torch_net(params[full]) for fused in (False, True)}
    optimisers = {
        fused: torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, fused=fused or None)
        for fused, net in nets.items()
    }

    def ours(model: MLP, inputs: Any) -> None:
        def objective(params: Any, rows: Any, _: Any) -> Any:
            return model.loss_and_gradient(params, inputs[rows], y[rows])

        settings = SGD(1, RATE, batch=BATCH, momentum=MOMENTUM)
        params[model] = fit_sgd(objective, params[model], len(y), settings, np.random.default_rng(1)).params

    contenders: dict[str, Callable[[], None]] = {
        "pp_ref, predicted": lambda: ours(few, pooled),
        "pp_ref, full": lambda: ours(full, x),
        "torch": lambda: torch_epoch(nets[False], optimisers[False], tx, ty),
        "torch, fused SGD": lambda: torch_epoch(nets[True], optimisers[True], tx, ty),
    }
    with threadpool_limits(threads):
        shares = share_of_bound(x, y), share_of_predicted(few, params[few], x[:BATCH], y[:BATCH])
        if not max(shares) <= 1:
            sys.exit(f"gradients are off by {shares} times their bounds: nothing was timed")
        peak = peak_rate()
        times = interleaved(contenders, rounds)
        timed = parts(few, params[few], pooled[:BATCH], rounds)
    rows = [row(name, [seconds / STEPS for seconds in each]) for name, each in times.items()]
    best = min(rows[2:], key=lambda each: float(each["median_s"]))
    return {
        "proportion": proportion,
        "threads": threads,
        "goal": GOALS[proportion],
        "times_torch": best["median_s"] / rows[0]["median_s"],
        "times_torch_by_minima": min(each["min_s"] for each in rows[2:]) / rows[0]["min_s"],
        "shares_of_bound": shares,
        "peak_gflops": peak,
        "rows": rows,
        "parts": timed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    try:
        data = load_mnist()
    except DataError:
        data = load_digits()
    x, y = (array[: STEPS * BATCH] for array in data.train)
    measured = [measure(threads, proportion, arguments.rounds, x, y) for proportion in GOALS for threads in (1, 2)]
    record = {"what": __doc__.splitlines()[0], "data": data.name, "batch": BATCH, "rounds": arguments.rounds}
    arguments.out.write_text(json.dumps(record | {"measured": measured} | circumstances(), indent=1) + "\n")
    for block in measured:
        said = (
            "{proportion:.0%} learned, {threads} threads: {times_torch:.2f} times PyTorch ({times_torch_by_minima:.2f} "
        )
        print((said + "by minima), goal {goal:.0f}; peak {peak_gflops:.0f} Gflop/s").format(**block))
        for each in (*block["rows"], *block["parts"]):
            times = {key: 1e3 * each[of] for key, of in (("ms", "median_s"), ("low", "min_s"), ("high", "max_s"))}
            print("  {name:24} median {ms:.3f} ms, {low:.3f} to {high:.3f}".format(name=each["name"], **times))


if __name__ == "__main__":
    main()
