"""Seconds of a new process: `import pp_ref`, `pp-ref --help`, a first pooled result.

"pool" is a process that computes v U of 100 images: it imports, makes the SE dictionary of a 28 x 28 grid (5 %, ten
columns), and calls the compiled passes from Numba's cache; "pool, compiled" starts with an empty cache. Lower bounds
are `python -c pass` for any process, the import of NumPy and SciPy's linear algebra for any dictionary, and Numba with
one cached function of one line for any compiled code.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from pp_ref.bench.contest import blocks, contender
from pp_ref.bench.record import Record, goal, reached, record
from pp_ref.bench.tables import seconds
from pp_ref.bench.timing import Timing
from pp_ref.machine import cores
from pp_ref.records import markdown

__all__ = ["goals", "measure", "run", "said", "table"]

GOALS = {"import pp_ref": 0.3, "pp-ref --help": 0.3, "pool": 0.5, "pool, compiled": 10.0}  # seconds
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
    "pp-ref --help": ["-m", "pp_ref", "--help"],
    "import numpy, scipy.linalg": ["-c", "import numpy, scipy.linalg"],
    "import numba": ["-c", "import numba"],
    "numba, one line": ["one_line.py"],
    "pool": ["-c", POOL],
}


def measure(timing: Timing) -> Record:
    """Return the record of new processes in turns, with all cores."""
    with TemporaryDirectory() as place:
        folder, caches = Path(place), count()
        (folder / "one_line.py").write_text(ONE_LINE)  # Numba caches what has a file

        kept = {name: contender(partial(run, command, folder, "cache")) for name, command in COMMANDS.items()}
        empty = {"pool, compiled": contender(lambda: run(COMMANDS["pool"], folder, f"empty {next(caches)}"))}
        measured = blocks({"cache": "kept"}, kept, [], timing, [cores()])
        measured += blocks({"cache": "empty"}, empty, [], timing, [cores()])
    return record("start_up", __doc__, timing, measured, goals)


def run(command: list[str], folder: Path, cache: str) -> None:
    """Run a process in the folder, with Numba's cache in a folder below it; Python's bytecode is kept."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, *command], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals of median seconds."""
    for name, wanted in GOALS.items():
        yield from goal(f"{name}, s", "at most", wanted, reached(record, name, "median_s"))


def said(record: Record) -> str:
    """Return a sentence about the first pooled result and its goals."""
    medians = {row["name"]: row["median_s"] for block in record["measured"] for row in block["rows"]}
    return (
        f"A first pooled result takes a new process {medians['pool']:.2f} s (goal {GOALS['pool']:g} s; "
        f"{medians['numba, one line']:.2f} s of it are Python, Numba and one cached line), and "
        f"{medians['pool, compiled']:.1f} s where all has to be compiled (goal {GOALS['pool, compiled']:g} s)."
    )


def table(record: Record) -> str:
    """Return the table of seconds of each new process."""
    rows = [row for block in record["measured"] for row in block["rows"]]
    return markdown(["new process", "seconds"], [[row["name"], seconds(row)] for row in rows])


TABLES = {"start-up": table}
