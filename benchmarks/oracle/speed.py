"""Seconds of `pp-ref conform` on the worked example in NumPy, with all regimes and with --quick.

    python benchmarks/oracle/speed.py [--rounds 5] [--out FILE]

Each run is a new process. Exact values are computed anew, or kept from the run before.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pp_ref.records import STUDY, circumstances

ROOT = Path(__file__).parents[2]
GOALS_S = {"all regimes": 90.0, "--quick": 10.0}
EXAMPLE = "docs/examples/numpy_layers.py"


def seconds(arguments: list[str], cache: str) -> float:
    """Return the seconds of one run with ``cache`` as the user's cache folder."""
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    command = [sys.executable, "-m", "pp_ref.cli", "conform", EXAMPLE, *arguments]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(arguments.rounds):
        for name in GOALS_S:
            with tempfile.TemporaryDirectory() as cache:
                for exact in ("computed", "kept"):
                    took = seconds([name] if name.startswith("--") else [], cache)
                    times.setdefault((name, exact), []).append(took)
    rows = [
        {"name": name, "exact_values": exact, "goal_s": GOALS_S[name]}
        | {"min_s": min(took), "median_s": statistics.median(took), "max_s": max(took)}
        for (name, exact), took in times.items()
    ]
    record = {"example": EXAMPLE, "rounds": arguments.rounds, "rows": rows} | circumstances()
    STUDY.write_json(arguments.out, record)
    for row in rows:
        print("{name:12} exact values {exact_values:9} {median_s:6.2f} s ({min_s:.2f} to {max_s:.2f})".format(**row))


if __name__ == "__main__":
    main()
