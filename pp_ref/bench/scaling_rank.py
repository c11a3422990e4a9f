"""The program that `scaling` runs on every rank: steps of the MNIST net, full or predicted, on numbers drawn at random.

python -m mpi4py -m pp_ref.bench.scaling_rank STEPS ROUNDS PROPORTION ...
"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.kernels.choose import use_backend
from pp_ref.models.mlp import MLP, mlp
from pp_ref.training import SGD, Group, fit_sgd, world

__all__ = ["BATCH", "PARTS", "carried_bytes", "measure", "net"]

SIZES, BATCH, PARTS = (784, 500, 500, 10), 100, 8
DEVICES = Path("/proc/net/dev")  # the counters of this process's namespace


def net(proportion: float, x: Any) -> MLP:
    """The net, whose first two layers are predicted unless the proportion is 1."""
    if proportion == 1:
        return mlp(SIZES)
    rng = np.random.default_rng(0)
    made = partial(make_dictionary, proportion=proportion, n_columns=10, rng=rng)
    hidden = rng.random((1000, SIZES[1]))  # the second layer's bytes do not depend on what it reads
    return mlp(SIZES, [made("se", Grid(28, 28)), made("emp", Units(SIZES[1]), data=hidden)])


def carried_bytes() -> int:
    """Bytes that the interfaces of this namespace have sent and received, the loopback's left out."""
    lines = [line.split(":") for line in DEVICES.read_text().splitlines()[2:]]
    return sum(int(numbers.split()[column]) for name, numbers in lines if name.strip() != "lo" for column in (0, 8))


def measure(proportion: float, steps: int, rounds: int) -> dict[str, Any]:
    """Take steps on this rank; return the row of all ranks. Its seconds are those of this rank."""
    rng = np.random.default_rng(1)
    x, y = rng.random((steps * BATCH, SIZES[0]), np.float32), rng.integers(0, SIZES[-1], steps * BATCH)
    model = net(proportion, x)
    start, inputs = model.init(rng), model.prepare(x)
    group = Group(PARTS, world())
    group.agree(lambda: {"examples": x, "static parameters": model.static, "start": start})

    def objective(params: Any, rows: Any, _: Any) -> Any:
        return model.loss_and_gradient(params, inputs[rows], y[rows])

    def meet() -> None:
        """Return when all ranks have come here: nothing is under way then."""
        group.agree(lambda: {"steps": steps})

    def one_round() -> float:
        meet()
        began = time.perf_counter()
        settings = SGD(1, 0.1, batch=BATCH, momentum=0.9)
        fit_sgd(group.divide(objective), start, len(y), settings, np.random.default_rng(1))
        return (time.perf_counter() - began) / steps

    first = one_round()
    meet()
    warm, before = group.cost(), carried_bytes()
    seconds = [one_round() for _ in range(rounds)]
    meet()
    carried, cost = carried_bytes() - before, group.cost()
    done = cost["steps"] - warm["steps"]
    return {
        "name": f"{proportion:.0%} learned",
        "seconds": seconds,
        "first_s": first,
        "proportion": proportion,
        "dynamic": sum(array.size for array in start.values()),
        "bytes_a_step": cost["bytes_a_step"],
        "interface_bytes_a_step": round(carried / done),
        "start_bytes": warm["other_bytes"],
        "static_bytes": cost["static_bytes"],
        **{name: (cost[name] - warm[name]) / done for name in ("computation_s", "communication_s")},
    }


if __name__ == "__main__":
    with use_backend("numpy"), threadpool_limits(1):
        rows = [measure(float(each), int(sys.argv[1]), int(sys.argv[2])) for each in sys.argv[3:]]
    if (link := world()) is None or link.rank == 0:
        print(json.dumps(rows))
