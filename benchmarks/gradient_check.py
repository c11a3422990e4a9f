"""How often `check_gradient` accepts right gradients and refuses wrong ones: the table of docs/gradient_check.md.

    python -m benchmarks.gradient_check [--seeds 200] [--large-seeds 10] [--out FILE]

`python -m benchmarks.readme` then writes the table. "complex" allows complex steps if f takes them, "real" never does.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.oracle import check_gradient
from pp_ref.records import STUDY, circumstances, markdown
from tests.gradient_check.gradients import LARGE, RIGHT, WRONG, real_only

RECORD = Path(__file__).with_suffix(".json")
COLUMNS = [(dtype, steps) for dtype in ("float64", "float32") for steps in ("complex", "real")]


def counted(make: Any, dtype: str, steps: str, seeds: int) -> dict[str, int]:
    """Return the number of each verdict over the seeds."""
    verdicts: Counter[str] = Counter()
    for seed in range(seeds):
        problem = make(np.random.default_rng(seed), np.dtype(dtype).type)
        if steps == "real":
            problem = real_only(problem)
        verdicts[check_gradient(*problem, np.random.default_rng(seed)).verdict] += 1
    return dict(verdicts)


def measured(seeds: int, large_seeds: int) -> list[dict[str, Any]]:
    kinds = [("right", RIGHT, seeds), ("wrong", WRONG, seeds), ("wrong", LARGE, large_seeds)]
    return [
        {"gradient": gradient, "name": name, "dtype": dtype, "steps": steps}
        | {"verdicts": counted(make, dtype, steps, runs)}
        for gradient, problems, runs in kinds
        for name, make in problems.items()
        for dtype, steps in COLUMNS
    ]


def table() -> str:
    """Return the table of right verdicts, with the others in brackets, from the committed record."""
    cells: dict[tuple[str, str], list[str]] = {}
    for row in STUDY.read_json(RECORD, "take it from the repository again")["rows"]:
        verdicts, total = row["verdicts"], sum(row["verdicts"].values())
        others = [f"{count} {verdict}" for verdict, count in sorted(verdicts.items()) if verdict != row["gradient"]]
        cell = f"{verdicts.get(row['gradient'], 0)} of {total}" + (f" ({', '.join(others)})" if others else "")
        cells.setdefault((row["gradient"], row["name"]), []).append(cell)
    head = ["gradient", *(f"{dtype}, {steps}" for dtype, steps in COLUMNS)]
    return markdown(head, [[f"{gradient}: {name}", *counts] for (gradient, name), counts in cells.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--large-seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RECORD)
    arguments = parser.parse_args()
    record = {"rows": measured(arguments.seeds, arguments.large_seeds)} | circumstances()
    STUDY.write_json(arguments.out, record)


if __name__ == "__main__":
    main()
