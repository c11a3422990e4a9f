"""Write the tables of README and of the pages in docs/ from the committed records and from the code.

python -m benchmarks.readme            rewrite the text between the markers
python -m benchmarks.readme --check    exit with 1 if a page differs from the records
"""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import gradient_check, lessons, robustness
from benchmarks.oracle import pages
from benchmarks.oracle.worked import worked
from pp_ref.bench import plan, scaling_model, start_up
from pp_ref.bench.record import read
from pp_ref.bench.subjects import SUBJECTS
from pp_ref.bench.tables import conditions, goals_table
from pp_ref.dictionaries import KINDS
from pp_ref.experiments import figure6
from pp_ref.experiments.experiment import FIGURES
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweeps import ORDER, Sweeps
from pp_ref.records import markdown

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RECORDS = ROOT / "benchmarks" / "figures"
SPEED = ROOT / "benchmarks" / "speed"
SWEEPS = ROOT / "benchmarks" / "sweeps"


def figures() -> dict[str, Callable[[], str]]:
    """Return the summary and the verdict of every figure, from the records of its standard profile."""
    blocks: dict[str, Callable[[], str]] = {}
    for entry in FIGURES:
        experiment, store = entry.load(), RunStore(RECORDS / entry.records)
        loaded = map(store.load, experiment.recipes(experiment.profiles["standard"]))
        records = [record for record in loaded if record]  # some figures have runs that are not done yet
        blocks[entry.name] = partial(experiment.summary, records)
        if experiment.verdict:
            blocks[f"{entry.name}-verdict"] = partial(experiment.verdict, records)
    return blocks | {"figure6": lambda: figure6.note(RunStore(RECORDS / "figure6").records())}


def sweeps() -> str:
    """Return the table and the verdict of every part of the sweeps that has a finished run."""
    made = Sweeps(SWEEPS)
    return "\n\n".join(filter(None, map(made.text, ORDER))) or "No run is finished yet."


def kinds() -> str:
    """Return the table of the kinds of dictionaries."""
    rows = []
    for name, kind in KINDS.items():
        settings = ", ".join(f"{setting}={value!r}" for setting, value in kind.settings.items())
        needs = [*(["data"] * kind.data), *(["positions"] * kind.smooth)]
        rows.append([f"`{name}`", kind.formula.replace("|", "\\|"), kind.source, settings, ", ".join(kind.choices)])
        rows[-1].append(", ".join(needs))
    return markdown(("kind", "formula", "source", "settings", "choices of alpha", "needs"), rows).replace("---:", "---")


def speed_tables() -> dict[str, Callable[[], str]]:
    """Return the tables of every subject of `pp-ref bench`, by their places in a page."""
    records: dict[str, list[dict[str, Any]]] = {name: [] for name in SUBJECTS}
    for record in map(read, sorted(SPEED.glob("*.json"))):
        records.setdefault(record["subject"], []).append(record)

    def pooling_path() -> str:
        """Return the table of goals against peers, and sentences on the subjects without a peer."""
        (first,), (plans,), (pools,) = (records[name] for name in ("start_up", "plan", "pooling"))
        note = f"{start_up.said(first)} {plan.said(plans)} {conditions(pools)}."
        return goals_table(record for each in records.values() for record in each) + "\n\n" + note

    return {"pooling-path": pooling_path} | {
        place: partial(table, *records[name])
        for name, subject in SUBJECTS.items()
        for place, table in subject.tables.items()
    }


SPEED_TABLES = speed_tables()
FIGURE_BLOCKS = figures()
ON_SPEECH_PAGE = ("figure4-right",)
# What the paper claims, by the verdict in docs/results.md and its heading there.
CLAIMS = {
    "figure4-left": (
        "4, left",
        "SE-Emp and SE-Emp2 ... better than the alternatives; more than 95% of the weights ... without any drop",
        "mlp-on-mnist-figure-4-left",
    ),
    "figure1": (
        "1",
        "given only a few weight values for each feature it is possible to accurately predict the remaining values",
        "can-the-remaining-weights-be-predicted-figure-1",
    ),
    "figure5": (
        "5",
        "learning only 25% of the parameters has a negligible effect on predictive accuracy",
        "the-convnet-figure-5",
    ),
    "figure6-left": (
        "6, left",
        "more than half of the dynamic parameters without a substantial drop in accuracy",
        "rica-as-a-classifier-figure-6",
    ),
    "figure6-right": (
        "6, right",
        "a substantial gain in accuracy with the same number of dynamic parameters",
        "rica-as-a-classifier-figure-6",
    ),
}
ON_README = ("training step of", "v U, ten columns, 25%")  # goals of speed


def verdicts() -> str:
    """Return README's table: each claim of the paper, and the verdict without its numbers."""
    rows = []
    for name, (figure, claim, heading) in CLAIMS.items():
        words = re.sub(r" \([^()]*\)", "", FIGURE_BLOCKS[f"{name}-verdict"]())
        parts = [part for part in re.split(r"\. |\n- |^- ", words) if "**" in part]
        said = "; ".join(re.sub(r":? \d.*| in the mean.*|\.$", "", part, flags=re.DOTALL) for part in parts)
        rows.append([figure, f'"{claim}"', f"{said} ([numbers](docs/results.md#{heading}))"])
    return markdown(("figure", "the paper says", "borne out?"), rows).replace("---:", "---")


def fastest() -> str:
    """Return README's lines of the table of goals."""
    head, rule, *rows = SPEED_TABLES["pooling-path"]().splitlines()
    return "\n".join([head, rule, *(row for row in rows if row.startswith(tuple(f"| {goal}" for goal in ON_README)))])


PAGES = {
    README: pages.BLOCKS | {"verdicts": verdicts, "speed": fastest},
    ROOT / "docs" / "results.md": {name: block for name, block in FIGURE_BLOCKS.items() if name not in ON_SPEECH_PAGE},
    ROOT / "docs" / "speed.md": {name: table for name, table in SPEED_TABLES.items() if name != "scaling"},
    ROOT / "docs" / "scaling.md": {
        "scaling": SPEED_TABLES["scaling"],
        "scaling-model": lambda: scaling_model.table(read(SPEED / "scaling.json")),
    },
    ROOT / "docs" / "candidates.md": {"operations": pages.operations},
    ROOT / "docs" / "operations.md": {},
    ROOT / "docs" / "how_a_case_flows.md": {"rooms": pages.rooms},
    ROOT / "docs" / "gradient_check.md": {"power": gradient_check.table},
    ROOT / "docs" / "robustness.md": {f"{by}s": partial(robustness.table, by) for by in ("format", "fault")},
    ROOT / "docs" / "speech.md": {name: FIGURE_BLOCKS[name] for name in ON_SPEECH_PAGE},
    ROOT / "docs" / "sweeps.md": {"sweeps": sweeps},
    ROOT / "docs" / "dictionaries.md": {"kinds": kinds},
    ROOT / "docs" / "lessons.md": {"wrong-answers": lessons.table},
}


def rendered(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """Return a page with the text between `<!-- NAME -->` and `<!-- /NAME -->` replaced by each block.

    What the calls of operations give (`>>> dense(...)`) is worked out again.
    """
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"there are no markers <!-- {name} --> and <!-- /{name} -->")
        text = pattern.sub(lambda found, block=block: found[1] + block() + found[2], text)
    return worked(text)


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
