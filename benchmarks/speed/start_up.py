"""How long a user waits before anything happens: `import pp_ref` and `pp-ref --help`, each in a new process.

    python benchmarks/speed/start_up.py [--rounds 20] [--out FILE]

Beside them stands `python -c pass`, the least that a new process takes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from pp_ref.environment import circumstances

GOAL_S = 0.3
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import pp_ref": [sys.executable, "-c", "import pp_ref"],
    "pp-ref --help": [sys.executable, "-m", "pp_ref.cli", "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(arguments.rounds + 1):  # the first round fills the disk's cache and is not counted
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number:
                seconds[name].append(time.perf_counter() - began)
    rows = [
        {"name": name, "min_s": min(times), "median_s": statistics.median(times), "max_s": max(times)}
        for name, times in seconds.items()
    ]
    record = {"goal_s": GOAL_S, "rounds": arguments.rounds, "rows": rows} | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for row in rows:
        print("{name:16} median {median_s:.3f} s, {min_s:.3f} to {max_s:.3f}".format(**row))


if __name__ == "__main__":
    main()
