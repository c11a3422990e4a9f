"""How long a user waits in a new process: `import pp_ref`, `pp-ref --help`, a first pooled result.

    python benchmarks/speed/start_up.py [--rounds 20] [--out FILE]

"pool" is all that a process does until it has v U of 100 images: it imports, makes the SE dictionary of a 28 x 28 grid
(5 %, ten columns), and calls the compiled passes, which it finds in Numba's cache; "pool, compiled" has an empty one.
Beside them stand `python -c pass`, the least that a new process takes, NumPy and SciPy's linear algebra, without which
there is no dictionary, and Numba with one cached function of one line: the least for whatever it has compiled.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pp_ref.records import circumstances

GOAL_S = 0.3
POOL_GOAL_S, COMPILED_GOAL_S = 0.5, 10
POOL = """
import numpy as np
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.cpu.fused import pool_fused
from pp_ref.kernels.operands import separable_operands
dictionary = make_dictionary("se", Grid(28, 28), proportion=0.05, n_columns=10, rng=np.random.default_rng(0))
pool_fused(np.ones((100, 784), np.float32), separable_operands(dictionary, np.float32))
"""
ONE_LINE = """
import numba
@numba.njit(cache=True)
def next(number):
    return number + 1
next(1)
"""
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import pp_ref": ["-c", "import pp_ref"],
    "pp-ref --help": ["-m", "pp_ref.cli", "--help"],
    "import numpy, scipy.linalg": ["-c", "import numpy, scipy.linalg"],
    "import numba": ["-c", "import numba"],
    "numba, one line": ["one_line.py"],
    "pool": ["-c", POOL],
}


def run(command: list[str], folder: str, cache: str) -> float:
    """Seconds of a new process in the folder, with Numba's cache in a folder below it, and Python's bytecode kept."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(Path(folder) / cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with TemporaryDirectory() as folder:
        (Path(folder) / "one_line.py").write_text(ONE_LINE)  # Numba caches what has a file
        for number in range(arguments.rounds + 1):  # the first round fills the caches and is not counted
            for name, command in COMMANDS.items():
                took = run(command, folder, "cache")
                if number:
                    seconds[name].append(took)
        seconds["pool, compiled"] = [run(COMMANDS["pool"], folder, f"empty {number}") for number in range(3)]
    rows = [
        {"name": name, "min_s": min(times), "median_s": statistics.median(times), "max_s": max(times)}
        for name, times in seconds.items()
    ]
    goals = {"goal_s": GOAL_S, "pool_goal_s": POOL_GOAL_S, "compiled_goal_s": COMPILED_GOAL_S}
    record = goals | {"rounds": arguments.rounds, "rows": rows} | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for row in rows:
        print("{name:26} median {median_s:.3f} s, {min_s:.3f} to {max_s:.3f}".format(**row))


if __name__ == "__main__":
    main()
