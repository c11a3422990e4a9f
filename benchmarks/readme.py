"""Write the tables of README, docs/speed.md and docs/candidates.md from the committed records.

python -m benchmarks.readme            rewrite what stands between the markers
python -m benchmarks.readme --check    exit with 1 if a page is not what the records say
"""

import json
import re
import sys
from collections.abc import Callable
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from pp_ref.bench import plan, start_up
from pp_ref.bench.record import read
from pp_ref.bench.subjects import SUBJECTS
from pp_ref.bench.tables import goals_table, machine, markdown
from pp_ref.experiments import figure1 as figure1_experiment
from pp_ref.experiments import figure6_left as figure6_left_experiment
from pp_ref.experiments import figure6_right as figure6_right_experiment
from pp_ref.experiments.error_curves import error_and_spread, grouped, learned
from pp_ref.experiments.figure4_left import PAIRS
from pp_ref.experiments.figure5 import FULL, PREDICTED
from pp_ref.experiments.figure6 import Point, points
from pp_ref.experiments.figure6_right import HALF
from pp_ref.experiments.run_store import RunStore

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FIGURES = ROOT / "benchmarks" / "figures"
SPEED = ROOT / "benchmarks" / "speed"
ORACLE = ROOT / "benchmarks" / "oracle"
FEW = 0.1  # proportions up to here are "few dynamic parameters"
CLAIMED = 0.95  # "more than 95% of the weights"
TESTED = 10_000  # test images of CIFAR-10


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
    """Relative squared error of the reconstruction, by model and proportion kept."""
    records = {record["recipe"]["label"]: record for record in RunStore(FIGURES / "figure1").records()}
    ordered = [records[label] for label in figure1_experiment.BLOCKS if label in records]
    headings = ["relative squared error", *(f"{p:.0%} kept" for p in figure1_experiment.PROPORTIONS)]
    rows = [
        [f"{figure1_experiment.title(record)}, {name}", *(f"{mean(draws):.0%}" for draws in errors)]
        for record in ordered
        for name, errors in record["errors"].items()
    ]
    return markdown(headings, rows)


def prediction_verdict() -> str:
    """What Figure 1's records say of "accurately predict the remaining values"."""
    at = figure1_experiment.PROPORTIONS.index(0.25)
    records = {record["recipe"]["label"]: record for record in RunStore(FIGURES / "figure1").records()}
    return said_of_prediction(
        {
            figure1_experiment.title(records[label]): tuple(
                mean(records[label]["errors"][name][at]) for name in ("SE", "RandCon")
            )
            for label in figure1_experiment.BLOCKS
            if label in records
        }
    )


def said_of_prediction(left: dict[str, tuple[float, float]]) -> str:
    """By model, what is left of the features' squared norm at a quarter kept: by SE, and with the others taken for 0.

    Prediction is accurate, for this verdict, where SE leaves at most half of what the kept weights alone leave.
    """
    said = {True: [], False: []}
    for title, (se, alone) in left.items():
        said[se <= alone / 2].append(f"{title} ({se:.0%} left, {alone:.0%} without prediction)")
    parts = [
        f"{words}, from a quarter of the weights: {'; '.join(said[held])}."
        for held, words in ((True, "**Borne out**"), (False, "**Not borne out**"))
        if said[held]
    ]
    return " ".join(parts)


def figure2() -> str:
    """Loss a patch for each proportion."""
    records = sorted(RunStore(FIGURES / "figure2").records(), key=lambda record: -record["recipe"]["proportion"])
    headings = ["learned", *(f"{record['recipe']['proportion']:.0%}" for record in records)]
    recipe, minutes = records[0]["recipe"], sum(record["seconds"] for record in records) / 60
    note = (
        f"{recipe['features']} filters of {recipe['patch']} x {recipe['patch']}, {recipe['patches']:,} patches, "
        f"at most {recipe['iterations']} iterations; {minutes:.0f} core minutes."
    )
    rows = [
        ["loss a patch", *(f"{record['loss']:.2f}" for record in records)],
        ["flat filters", *(f"{flat(np.array(record['filters']['W'])):.0%}" for record in records)],
    ]
    return markdown(headings, rows) + "\n\n" + note


def flat(W: Any) -> float:
    """The share of filters, unit columns of W (d, m), with more than half of their squared norm in their mean."""
    return float(np.mean(W.sum(axis=0) ** 2 / len(W) > 0.5))


def figure5() -> str:
    """Test error of the convnet by proportion learned, and what it was trained on."""
    records = RunStore(FIGURES / "figure5").records()
    groups = grouped(records, (FULL, PREDICTED))
    rows = [
        [f"{p:.0%} learned", error_and_spread([r["test_error"] for r in group]), f"{learned(group[0]):.1%}"]
        for (_, p), group in sorted(groups.items(), key=lambda item: -item[0][1])
    ]
    recipe, seeds = records[0]["recipe"], sorted({len(group) for group in groups.values()})
    hours = sum(record["seconds"] for record in records) / 3600
    note = (
        f"{recipe['images']:,} of the 50,000 training images, {recipe['training']['epochs']} epochs, all 10,000 test "
        f"images; seeds a point: {' or '.join(map(str, seeds))} (± half the range); {hours:.1f} core hours, at most "
        f"{max(record['peak_memory_mb'] for record in records):,.0f} MB."
    )
    return markdown(["CIFAR-10, of each layer", "test error", "of all weights"], rows) + "\n\n" + note


def figure5_verdict() -> str:
    """What the records say of "a negligible effect"."""
    groups = grouped(RunStore(FIGURES / "figure5").records(), (FULL, PREDICTED))
    errors = {p: [record["test_error"] for record in group] for (_, p), group in groups.items()}
    quarter, full = errors[0.25], errors[1.0]
    points = 100 * (mean(quarter) - mean(full))
    apart = min(quarter) > max(full)
    better = [f"{p:.0%}" for p, found in errors.items() if max(found) < min(full)]
    said = (
        "**Not quite borne out** at this size: every net with a quarter learned errs more than every full one"
        if apart
        else "**Borne out** within the spread over seeds"
    )
    also = f" With {' and '.join(better)} learned it errs less than the full net." if better else ""
    return f"{said}; the means differ by {points:+.2f} points.{also}"


def figure6_left() -> str:
    """Accuracy by proportion learned."""
    found = sorted(points(_figure6(figure6_left_experiment)), key=lambda point: -point.proportion)
    headings = ["RICA on CIFAR-10", *(f"{point.proportion:.0%} learned" for point in found)]
    rows = [
        ["test accuracy", *(accuracy_and_spread(point) for point in found)],
        ["dynamic parameters", *(f"{point.dynamic:,}" for point in found)],
        ["seeds", *(str(point.seeds) for point in found)],
    ]
    return markdown(headings, rows)


def chance(a: float, b: float) -> float:
    """Twice the standard deviation of the difference of two accuracies on as many test images: what chance may do."""
    return 2 * sqrt((a * (1 - a) + b * (1 - b)) / TESTED)


def figure6_left_verdict() -> str:
    """What the records say of "more than half ... without a substantial drop"."""
    found = {point.proportion: point.accuracy for point in points(_figure6(figure6_left_experiment))}
    return said_of_drops(found.pop(1.0), found)


def said_of_drops(full: float, learned: dict[float, float]) -> str:
    """By proportion, how far accuracy is below the full model's: substantial is what chance does not explain."""
    half = {p: accuracy for p, accuracy in learned.items() if p <= HALF}
    kept = [p for p, accuracy in sorted(half.items()) if full - accuracy <= chance(full, accuracy)]
    said = f"**Borne out** down to {min(kept):.0%} learned" if kept else "**Not borne out**"
    drops = ", ".join(f"{100 * (learned[p] - full):+.1f} points at {p:.0%}" for p in sorted(learned, reverse=True))
    return (
        f"{said}. Against {full:.1%} with everything learned: {drops}; chance explains {100 * chance(full, full):.1f}."
    )


def figure6_right() -> str:
    """Accuracy of both kinds at equal dynamic parameters."""
    found = {(point.proportion, point.features): point for point in points(_figure6(figure6_right_experiment))}
    sizes = [m for p, m in found if p == 1.0 and (HALF, 2 * m) in found]
    headings = ["dynamic parameters", *(f"{found[1.0, m].dynamic:,}" for m in sizes)]
    rows = [
        ["RICA", *(f"{accuracy_and_spread(found[1.0, m])}, {m} features" for m in sizes)],
        ["RICA-50%", *(f"{accuracy_and_spread(found[HALF, 2 * m])}, {2 * m} features" for m in sizes)],
    ]
    return markdown(headings, rows)


def figure6_right_verdict() -> str:
    """What the records say of "a substantial gain"."""
    found = {(point.proportion, point.features): point.accuracy for point in points(_figure6(figure6_right_experiment))}
    return said_of_gains(
        {m: (accuracy, found[HALF, 2 * m]) for (p, m), accuracy in found.items() if p == 1.0 and (HALF, 2 * m) in found}
    )


def said_of_gains(pairs: dict[int, tuple[float, float]]) -> str:
    """By features of plain RICA: its accuracy, and RICA-50%'s; substantial is what chance does not explain."""
    gained = [b - a > chance(a, b) for a, b in pairs.values()]
    said = "**Borne out**" if all(gained) else "**Borne out for some sizes**" if any(gained) else "**Not borne out**"
    gains = ", ".join(f"{100 * (b - a):+.1f} points for {m} against {2 * m} features" for m, (a, b) in pairs.items())
    bound = max(100 * chance(a, b) for a, b in pairs.values())
    return f"{said}: {gains}; chance explains {bound:.1f}."


def figure6_circumstances() -> str:
    """What both halves were made with."""
    records = RunStore(FIGURES / "figure6").records()
    recipe, hours = records[0]["recipe"], sum(record["seconds"] for record in records) / 3600
    return (
        f"{recipe['images']:,} training and all 10,000 test images, {recipe['patches']:,} patches of 6 x 6 x 3, "
        f"encoding |z|; {len(records)} runs, {hours:.1f} core hours, at most "
        f"{max(record['peak_memory_mb'] for record in records):,.0f} MB."
    )


def _figure6(half: Any) -> list[Any]:
    """Those of the records that a half of the figure draws."""
    wanted = half.recipes(half.PROFILES["standard"])
    return [record for record in RunStore(FIGURES / "figure6").records() if record["recipe"] in wanted]


def accuracy_and_spread(point: Point) -> str:
    """In per cent, and where there are several seeds, half the range."""
    return f"{point.accuracy:.1%}" + (f" ± {50 * (point.high - point.low):.1f}" if point.seeds > 1 else "")


def speed_tables() -> dict[str, Callable[[], str]]:
    """What each subject of the benchmarks says of its records, by its place in a page."""
    records: dict[str, list[dict[str, Any]]] = {name: [] for name in SUBJECTS}
    for record in map(read, sorted(SPEED.glob("*.json"))):
        records.setdefault(record["subject"], []).append(record)

    def pooling_path() -> str:
        """All goals of at least so many times a peer, and what has no peer."""
        (first,), (plans,), (pools,) = (records[name] for name in ("start_up", "plan", "pooling"))
        note = f"{start_up.said(first)} {plan.said(plans)} {machine(pools)}."
        return goals_table(record for each in records.values() for record in each) + "\n\n" + note

    return {"pooling-path": pooling_path} | {
        place: partial(table, *records[name])
        for name, subject in SUBJECTS.items()
        for place, table in subject.tables.items()
    }


def planted_faults() -> str:
    """How many there are; that all are caught is what tests/properties/test_faults.py asserts."""
    from pp_ref.oracle.faults import FAULTS

    operations = {fault.operation for fault in FAULTS}
    return f"{len(FAULTS)} faults are planted in {len(operations)} functions; all are caught."


def operations() -> str:
    """Of every operation its equation and its arguments, those with a gradient in bold, with shapes of an example."""
    from pp_ref.oracle.arithmetic import arithmetic
    from pp_ref.oracle.draws import Draw, Sizes
    from pp_ref.oracle.nested import is_number, leaves
    from pp_ref.oracle.operations import OPERATIONS

    draw = Draw(Sizes(), arithmetic("float64"))

    def described(name: str, value: Any, learned: bool) -> str:
        name = f"**{name}**" if learned else name
        if not any(isinstance(leaf, np.ndarray) for leaf in leaves(value)):
            return f"{name} = {value!r}"
        return f"{name} {shapes(value)}" + ("" if is_number(value) else " of int64")

    def shapes(value: Any) -> str:
        return f"[{', '.join(map(shapes, value))}]" if isinstance(value, list) else str(value.shape)

    lines = ["| functions | equation | arguments |", "|---|---|---|"]
    for operation in OPERATIONS:
        names = ", ".join(f"`{name}`" for name in operation.functions)
        arguments = operation.arguments(draw)
        said = "; ".join(described(name, value, name in operation.learned) for name, value in arguments.items())
        lines.append(f"| {names} | {operation.equation.replace('|', chr(92) + '|')} | {said} |")
    return "\n".join(lines)


def oracle() -> str:
    """How many planted faults the oracle reports and names, and how many false alarms it gave."""
    trials = json.loads((ORACLE / "faults.json").read_text())["trials"]
    reported, named = (sum(each[key] for each in trials) for key in ("reported", "named"))
    held_out = json.loads((ORACLE / "held_out.json").read_text())
    blind, altered = held_out["blind"], held_out["altered"]
    seen, said, found = (
        sum(each[key] for each in rows) for rows, key in ((blind, "reported"), (blind, "named"), (altered, "reported"))
    )
    study = json.loads((ORACLE / "false_alarms.json").read_text())
    speed = {(row["name"], row["exact_values"]): row["median_s"] for row in _read_speed()}
    return (
        f"Of {len(trials):,} trials with a planted fault it reports {reported / len(trials):.1%} and names "
        f"{named / len(trials):.0%} ([list](docs/oracle_faults.md)). Of {len(blind)} mistakes written without sight of "
        f"its catalogue, in programs that share no code with pp_ref, it reports {seen} and names {said}; of "
        f"{len(altered):,} small changes of such a program, made by rule, it reports {found:,} "
        f"([both](docs/oracle_held_out.md)). Of {study['cases']:,} random cases put to correct implementations, "
        f"{study['seeds']:,} seeds of each operation in many orders of sums and three frameworks, "
        f"{len(study['alarms'])} gave a false alarm. A whole run takes {speed['all regimes', 'computed']:.0f} s, "
        f"`--quick` {speed['--quick', 'computed']:.0f} s."
    )


def _read_speed() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((ORACLE / "speed.json").read_text())["rows"]
    return rows


BLOCKS: dict[str, Callable[[], str]] = {
    "oracle": oracle,
    "verdict": verdict,
    "figure4-left": figure4_left,
    "prediction-verdict": prediction_verdict,
    "figure1": figure1,
    "figure2": figure2,
    "figure5-verdict": figure5_verdict,
    "figure5": figure5,
    "figure6-left-verdict": figure6_left_verdict,
    "figure6-left": figure6_left,
    "figure6-right-verdict": figure6_right_verdict,
    "figure6-right": figure6_right,
    "figure6": figure6_circumstances,
    "faults": planted_faults,
}
SPEED_BLOCKS = speed_tables()
ON_SPEED_PAGE = ("pooling", "layer", "conv", "growth")
BLOCKS |= {place: table for place, table in SPEED_BLOCKS.items() if place not in ON_SPEED_PAGE}
PAGES = {
    README: BLOCKS,
    ROOT / "docs" / "speed.md": {place: SPEED_BLOCKS[place] for place in ON_SPEED_PAGE},
    ROOT / "docs" / "candidates.md": {"operations": operations},
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
