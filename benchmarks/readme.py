"""Write the README's tables of results from the committed records.

python benchmarks/readme.py            rewrite what stands between the markers
python benchmarks/readme.py --check    exit with 1 if README.md is not what the records say
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from pp_ref.experiments.error_curves import error_and_spread, grouped, learned
from pp_ref.experiments.figure4_left import PAIRS
from pp_ref.experiments.figure5 import FULL, PREDICTED
from pp_ref.experiments.run_store import RunStore

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FIGURES = ROOT / "benchmarks" / "figures"
SPEED = ROOT / "benchmarks" / "speed"
FEW = 0.1  # proportions up to here are "few dynamic parameters"
CLAIMED = 0.95  # "more than 95% of the weights"


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    rule = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [headings, rule, *rows])


def figure4_left() -> str:
    """Mean test error of each pair at each proportion; the range over seeds where there are several."""
    records = RunStore(FIGURES / "figure4-left").records()
    errors = {key: [record["test_error"] for record in group] for key, group in grouped(records, PAIRS).items()}
    proportions = sorted({proportion for _, proportion in errors})
    rows = [
        [label, *(error_and_spread(errors[label, p]) if (label, p) in errors else "" for p in proportions)]
        for label in PAIRS
        if any(owner == label for owner, _ in errors)
    ]
    seeds = sorted({len(found) for found in errors.values()})
    processor, kernels = (
        {r["machine"]["processor"] for r in records},
        {r["machine"]["blas"]["kernels"] for r in records},
    )
    hours = sum(record["seconds"] for record in records) / 3600
    note = (
        f"{len(records)} runs, {' or '.join(map(str, seeds))} seeds each (± half the range over seeds), "
        f"{hours:.1f} core hours on {', '.join(processor)} (OpenBLAS kernels: {', '.join(kernels)}), "
        f"at most {max(record['peak_memory_mb'] for record in records):,.0f} MB."
    )
    return markdown(["test error, layer 1 - layer 2", *(f"{p:.3g}" for p in proportions)], rows) + "\n\n" + note


def verdict() -> str:
    """What the records say of the paper's two sentences: nothing here is typed but the words between the numbers."""
    groups = grouped(RunStore(FIGURES / "figure4-left").records(), PAIRS)
    error = {key: mean(record["test_error"] for record in group) for key, group in groups.items()}
    few = sorted({p for _, p in groups if p <= FEW})
    winners, others = ("SE-Emp", "SE-Emp2"), [pair for pair in PAIRS if pair not in ("SE-Emp", "SE-Emp2", "nokernel")]
    lines, won = [], True
    for p in few:
        rivals = sorted(others, key=lambda pair, p=p: error[pair, p])[:2]
        won &= max(error[pair, p] for pair in winners) < error[rivals[0], p]
        ours, theirs = (" and ".join(f"{error[pair, p]:.2%} ({pair})" for pair in pairs) for pairs in (winners, rivals))
        lines.append(f"{ours} at {p:.3g}; the best of the others {theirs}")
    said = "**Borne out** in the mean over seeds" if won else "**Not borne out everywhere**"
    first = f"- {said}: " + ". ".join(lines) + "."

    worst = max(record["test_error"] for record in groups["nokernel", 1.0])
    full = error["nokernel", 1.0]
    predicted = {key: 1 - learned(group[0]) for key, group in groups.items()}
    best = {p: min(winners, key=lambda pair, p=p: error[pair, p]) for p in sorted({p for _, p in groups})}
    level = min(p for p, pair in best.items() if error[pair, p] <= worst)
    beyond = [p for p, pair in best.items() if predicted[pair, p] > CLAIMED]
    reached = "**Borne out**" if any(error[best[p], p] <= worst for p in beyond) else "**Not reached**"
    drops = ", ".join(
        f"{100 * (error[best[p], p] - full):+.2f} points at {p:.3g} ({predicted[best[p], p]:.1%} predicted)"
        for p in few
    )
    share = f"{predicted[best[level], level]:.1%}"
    second = (
        f"- {reached} with this training. The net without prediction errs on {full:.2%}, on {worst:.2%} with its worst "
        f"seed. {best[level]} first does as well at {level:.3g}, where {share} of all parameters are predicted. The "
        f"better of the two differs from the full net by {drops}."
    )
    return first + "\n" + second


def figure1() -> str:
    """Relative squared error of the reconstruction, by proportion kept."""
    (record,) = RunStore(FIGURES / "figure1").records()
    headings = ["relative squared error", *(f"{p:.0%} kept" for p in record["recipe"]["proportions"])]
    return markdown(
        headings, [[name, *(f"{mean(draws):.0%}" for draws in rows)] for name, rows in record["errors"].items()]
    )


def figure5() -> str:
    """Test error of the convnet by proportion learned, and what it was trained on."""
    records = RunStore(FIGURES / "figure5").records()
    groups = grouped(records, (FULL, PREDICTED))
    rows = [
        [f"{proportion:.0%} learned", error_and_spread([r["test_error"] for r in group]), f"{learned(group[0]):.1%}"]
        for (_, proportion), group in groups.items()
    ]
    recipe, seeds = records[0]["recipe"], sorted({len(group) for group in groups.values()})
    hours = sum(record["seconds"] for record in records) / 3600
    note = (
        f"{recipe['images']:,} of the 50,000 training images, {recipe['training']['epochs']} epochs, all 10,000 test "
        f"images; seeds a point: {' or '.join(map(str, seeds))}; {hours:.1f} core hours."
    )
    return markdown(["CIFAR-10, of each layer", "test error", "of all weights"], rows) + "\n\n" + note


def mlp_epoch() -> str:
    """Seconds an epoch, ours against PyTorch's better SGD, for each committed record."""
    records = [json.loads(path.read_text()) for path in sorted(SPEED.glob("mlp_epoch*.json"))]
    rows, missed = [], []
    for record in records:
        kernels, goal = record["machine"]["blas"]["kernels"], record["goal_ratio"]
        for block in record["measured"]:
            ours, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            ratio = block["ratio_of_medians"]
            rows.append(
                [
                    kernels,
                    str(block["threads"]),
                    _seconds(ours),
                    _seconds(best),
                    f"{ratio:.2f}",
                    f"{block['peak_gflops']:.0f}",
                    f"{ours['share_of_peak']:.0%}",
                    f"{best['share_of_peak']:.0%}",
                ]
            )
            if ratio > goal:
                missed.append(f"with {kernels} kernels and {block['threads']} threads, at {ratio:.2f}")
    headings = ["OpenBLAS kernels", "threads", "pp_ref, s", "PyTorch, s", "ratio", "peak, Gflop/s", "pp_ref of peak"]
    rounds = " or ".join(map(str, sorted({record["rounds"] for record in records})))
    note = (
        f"The goal of {goal} is {'missed ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) of "
        f"{rounds} interleaved epochs; {record['machine']['processor']}, {record['machine']['cores']} cores, "
        f"{record['examples']:,} examples; PyTorch {record['versions']['torch']}, NumPy {record['versions']['numpy']}. "
        "Peak: NumPy's 2048-cube product."
    )
    return markdown([*headings, "PyTorch of peak"], rows) + "\n\n" + note


def _seconds(row: dict[str, Any]) -> str:
    return f"{row['median_s']:.2f} ({row['min_s']:.2f} to {row['max_s']:.2f})"


def start_up() -> str:
    """Seconds until a new process has done nothing yet."""
    record = json.loads((SPEED / "start_up.json").read_text())
    return markdown(["new process", "seconds"], [[row["name"], _seconds(row)] for row in record["rows"]])


def planted_faults() -> str:
    """How many there are; that all are caught is what tests/properties/test_faults.py asserts."""
    from pp_ref.oracle.faults import FAULTS

    operations = {fault.operation for fault in FAULTS}
    return f"{len(FAULTS)} faults are planted in {len(operations)} functions; all are caught."


BLOCKS: dict[str, Callable[[], str]] = {
    "verdict": verdict,
    "figure4-left": figure4_left,
    "figure1": figure1,
    "figure5": figure5,
    "mlp-epoch": mlp_epoch,
    "start-up": start_up,
    "faults": planted_faults,
}


def rendered(text: str) -> str:
    """README with every block between `<!-- NAME -->` and `<!-- /NAME -->` made anew."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"README.md has no markers <!-- {name} --> and <!-- /{name} -->")
        text = pattern.sub(lambda found, block=block: found[1] + block() + found[2], text)
    return text


def main() -> None:
    text = README.read_text()
    new = rendered(text)
    if "--check" in sys.argv[1:]:
        sys.exit("README.md is not what the records say: run python benchmarks/readme.py" if new != text else 0)
    README.write_text(new)


if __name__ == "__main__":
    main()
