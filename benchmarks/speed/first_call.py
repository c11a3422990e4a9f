"""How long a predicted layer's first step takes in a new process: importing, compiling or loading code, running.

    python benchmarks/speed/first_call.py [--rounds 5] [--out FILE]

Every process imports a library, makes the MNIST net's first layer with it (784-500 in 10 columns, a quarter kept, 100
examples) and does a step (y, dv, dw, db) twice: the second is warm. Numba's machine code is kept on disk: its process
is started with an empty folder for it, and again with the folder that this one filled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from pp_ref.environment import circumstances
from pp_ref.timing import row

STEP = """
import time
began = time.perf_counter()
import {library}
imported = time.perf_counter() - began
from pp_ref.kernels.bench.layer import layer_arrays
from pp_ref.kernels.bench.measuring import se_operands
from pp_ref.kernels.bench.steps import peers, ways
o = se_operands(28, 0.25, 10, "float32")
arrays = layer_arrays(100, o)
step = {steps}(o, *arrays)[{way!r}]
seconds = []
for _ in range(2):
    began = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - began)
print(imported, *seconds)
"""
PROCESSES = {  # library that is imported, whose steps, and which
    "pp_ref, separable, nothing compiled yet": ("numba", "ways", "separable"),
    "pp_ref, separable, machine code on disk": ("numba", "ways", "separable"),
    "NumPy, weights first": ("numpy", "ways", "weights"),
    "PyTorch, weights first": ("torch", "peers", "torch, weights"),
    "JAX, weights first": ("jax", "peers", "jax, weights"),
}
PHASES = ("import", "first step", "second step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    found = {name: process for name, process in PROCESSES.items() if find_spec(process[0])}
    times: dict[str, list[list[float]]] = {name: [] for name in found}
    for number in range(arguments.rounds + 1):  # the first round fills the disk's cache and is not counted
        with tempfile.TemporaryDirectory() as folder:
            for name, (library, steps, way) in found.items():
                command = [sys.executable, "-c", STEP.format(library=library, steps=steps, way=way)]
                environment = os.environ | {"NUMBA_CACHE_DIR": folder}
                done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
                if number:
                    times[name].append([float(second) for second in done.stdout.split()])
    measured = [
        {
            "process": name,
            "rows": [row(phase, list(each)) for phase, each in zip(PHASES, zip(*rounds, strict=True), strict=True)],
        }
        for name, rounds in times.items()
    ]
    record = {"rounds": arguments.rounds, "measured": measured} | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for block in measured:
        print(block["process"], *("{name} {median_s:.3f} s".format(**each) for each in block["rows"]), sep="; ")


if __name__ == "__main__":
    main()
