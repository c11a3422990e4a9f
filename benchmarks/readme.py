"""Write the tables of README, docs/speed.md and docs/candidates.md from the committed records.

python -m benchmarks.readme            rewrite what stands between the markers
python -m benchmarks.readme --check    exit with 1 if a page is not what the records say
"""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pooling_path
from benchmarks.oracle import pages
from benchmarks.pooling_path import machine
from pp_ref.experiments import figure6
from pp_ref.experiments.experiment import FIGURES
from pp_ref.experiments.run_store import RunStore
from pp_ref.records import markdown

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RECORDS = ROOT / "benchmarks" / "figures"
SPEED = ROOT / "benchmarks" / "speed"


def figures() -> dict[str, Callable[[], str]]:
    """The summary and the verdict of every figure, from the records of its standard profile."""
    blocks: dict[str, Callable[[], str]] = {}
    for entry in FIGURES:
        experiment, store = entry.load(), RunStore(RECORDS / entry.records)
        records = [store.load(recipe) for recipe in experiment.recipes(experiment.profiles["standard"])]
        blocks[entry.name] = partial(experiment.summary, records)
        if experiment.verdict:
            blocks[f"{entry.name}-verdict"] = partial(experiment.verdict, records)
    return blocks | {"figure6": lambda: figure6.note(RunStore(RECORDS / "figure6").records())}


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


def convnet_step() -> str:
    """Seconds a training step, ours against PyTorch's better layout."""
    record = json.loads((SPEED / "convnet_step.json").read_text())
    rows, missed = [], []
    for block in record["steps"]:
        full, predicted, *theirs = block["rows"]
        best = min(theirs, key=lambda row: row["median_s"])
        for row, kind in ((full, "full"), (predicted, "predicted")):
            ratio = block["ratio_of_medians"][kind]
            rows.append(
                [
                    row["name"].removeprefix("pp_ref, "),
                    str(block["threads"]),
                    *map(_milliseconds, (row, best)),
                    f"{ratio:.2f}",
                ]
            )
            if ratio > record["goals"][kind]:
                missed.append(f"{kind} with {block['threads']} threads, at {ratio:.2f}")
    goals = " and ".join(f"{goal:.2g} ({kind})" for kind, goal in record["goals"].items())
    peaks = " and ".join(f"{block['peak_gflops']:.0f}" for block in record["steps"])
    note = (
        f"The goals of {goals} are {'missed: ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) "
        f"of {record['rounds']} interleaved steps; {machine(record)}; peak {peaks} Gflop/s with one thread and two."
    )
    return markdown(["net", "threads", "pp_ref, ms", "PyTorch's full net, ms", "ratio"], rows) + "\n\n" + note


def convolutions() -> str:
    """Milliseconds of every way to convolve that was tried."""
    record = json.loads((SPEED / "convnet_step.json").read_text())
    rows = [
        [
            f"{' x '.join(map(str, layer['filters']))}",
            str(block["threads"]),
            *(f"{1e3 * row['median_s']:.0f}" for row in layer["rows"]),
        ]
        for block in record["ways"]
        for layer in block["layers"]
    ]
    names = [row["name"] for row in record["ways"][0]["layers"][0]["rows"]]
    return markdown(["filters, forward, ms", "threads", *names], rows)


def rica_speed() -> str:
    """Milliseconds of RICA's loss and gradient."""
    record = json.loads((SPEED / "rica.json").read_text())
    rows = []
    for block in record["measured"]:
        base = next(row for row in block["rows"] if row["name"] == "torch, full")
        rows += [
            [
                row["name"],
                str(block["threads"]),
                _milliseconds(row),
                f"{base['median_s'] / row['median_s']:.1f}x",
                f"{row['share_of_peak']:.0%}",
            ]
            for row in block["rows"]
        ]
    goals = " and ".join(
        f"{1 / goal:g}x ({name.removeprefix('pp_ref, ')})" for name, goal in record["goal_ratios"].items()
    )
    met = all(
        block["ratios_of_medians"][name] <= goal
        for block in record["measured"]
        for name, goal in record["goal_ratios"].items()
    )
    note = (
        f"{record['patches']:,} patches of {record['inputs']}, {record['filters']} filters; the goals of {goals} are "
        f"{'met' if met else 'missed'}; {machine(record)}."
    )
    return (
        markdown(["RICA, loss and gradient", "threads", "ms", "against PyTorch, full", "of peak"], rows) + "\n\n" + note
    )


def features_speed() -> str:
    """Images a second."""
    record = json.loads((SPEED / "features.json").read_text())
    rates = " and ".join(
        f"{row['images_a_second']:,.0f} images a second with {row['threads']} thread{'s' * (row['threads'] > 1)} "
        f"({row['share_of_peak']:.0%} of the peak product rate)"
        for row in record["rows"]
    )
    return (
        f"Features of {record['images']:,} CIFAR-10 images with {record['filters']} filters: {rates}, "
        f"{record['peak_memory_mb']:,.0f} MB."
    )


def _milliseconds(row: dict[str, Any]) -> str:
    return f"{1e3 * row['median_s']:.0f} ({1e3 * row['min_s']:.0f} to {1e3 * row['max_s']:.0f})"


def _seconds(row: dict[str, Any]) -> str:
    return f"{row['median_s']:.2f} ({row['min_s']:.2f} to {row['max_s']:.2f})"


def start_up() -> str:
    """Seconds until a new process has done nothing yet."""
    record = json.loads((SPEED / "start_up.json").read_text())
    return markdown(["new process", "seconds"], [[row["name"], _seconds(row)] for row in record["rows"]])


BLOCKS: dict[str, Callable[[], str]] = {
    **figures(),
    **pages.BLOCKS,
    "mlp-epoch": mlp_epoch,
    "convnet-step": convnet_step,
    "convolutions": convolutions,
    "rica": rica_speed,
    "pooling-path": pooling_path.goals,
    "features": features_speed,
    "start-up": start_up,
}


SPEED_BLOCKS: dict[str, Callable[[], str]] = {
    "pooling": pooling_path.pooling,
    "layer": pooling_path.layer,
    "conv": pooling_path.conv,
    "growth": pooling_path.growth,
}
PAGES = {
    README: BLOCKS,
    ROOT / "docs" / "speed.md": SPEED_BLOCKS,
    ROOT / "docs" / "candidates.md": {"operations": pages.operations},
}


def rendered(text: str, blocks: dict[str, Callable[[], str]] = BLOCKS) -> str:
    """A page with every block between `<!-- NAME -->` and `<!-- /NAME -->` made anew."""
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"there are no markers <!-- {name} --> and <!-- /{name} -->")
        text = pattern.sub(lambda found, block=block: found[1] + block() + found[2], text)
    return text


def main() -> None:
    for path, blocks in PAGES.items():
        text = path.read_text()
        new = rendered(text, blocks)
        if "--check" not in sys.argv[1:]:
            path.write_text(new)
        elif new != text:
            sys.exit(f"{path.name} is not what the records say: run python -m benchmarks.readme")


if __name__ == "__main__":
    main()
