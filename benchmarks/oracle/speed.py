"""Seconds of `pp-ref conform` on the worked example in NumPy, with all regimes and with --quick.

    python benchmarks/oracle/speed.py [--rounds 5] [--out FILE]

Each run is a new process.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from pp_ref.records import STUDY, circumstances

ROOT = Path(__file__).parents[2]
GOALS_S = {"all regimes": 20.0, "--quick": 5.0}
EXAMPLE = "docs/examples/numpy_layers.py"


def seconds(*arguments: str) -> float:
    """Return the seconds of one run."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "pp_ref", "conform", EXAMPLE, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in GOALS_S}
    for _ in range(arguments.rounds):
        for name, took in times.items():
            took.append(seconds(*[name] if name.startswith("--") else []))
    rows = [
        {"name": name, "goal_s": GOALS_S[name]}
        | {"min_s": min(took), "median_s": statistics.median(took), "max_s": max(took)}
        for name, took in times.items()
    ]
    record = {"example": EXAMPLE, "rounds": arguments.rounds, "rows": rows} | circumstances()
    STUDY.write_json(arguments.out, record)
    for row in rows:
        print("{name:12} {median_s:6.2f} s ({min_s:.2f} to {max_s:.2f})".format(**row))


if __name__ == "__main__":
    main()
