"""The oracle's text in README and docs/candidates.md, from its table of operations and its committed records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.faults.catalogue import FAULTS, RULED
from pp_ref.oracle.operations.draws import Draw, Sizes
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.records import STUDY
from tests.test_arrows import IMPORTS, MODULES, room

FOLDER = Path(__file__).parent


def planted_faults() -> str:
    """Return the number of planted faults, each of which some property has to catch."""
    functions = {fault.operation for fault in (*FAULTS, *RULED)}
    counts = f"{len(FAULTS)} faults are planted by hand and {len(RULED):,} by rule"
    runs = "`make test` plants the former and one in seven of the latter, `make torture` all."
    return f"{counts} in {len(functions)} functions. {runs}"


def arrows() -> list[tuple[str, str]]:
    """Return (room, room that it imports from), without arrows that follow from two others."""
    names = {name for name in MODULES if room(name) == "oracle"}
    below = {name: {inside(other) for other in IMPORTS[name] & names} for name in names}
    found = {(inside(name), other) for name in names for other in below[name] - {inside(name)}}
    return sorted(found - {(a, d) for a, b in found for c, d in found if b == c})


def rooms() -> str:
    """Return the picture of the oracle's rooms (`benchmarks.picture` draws it) and its arrows in words."""
    said = ", ".join(f"{a} imports from {b}" for a, b in arrows())
    return f"![The rooms of the oracle: {said}](pictures/rooms.svg)"


def inside(name: str) -> str:
    return str(room(name, "oracle", "run"))


def operations() -> str:
    """Return the table of operations: functions, equation, arguments with shapes; bold ones have a gradient."""
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
        names = ", ".join(f"[`{name}`](operations.md#{operation})" for name in operation.functions)
        arguments = operation.arguments(draw)
        said = "; ".join(described(name, value, name in operation.learned) for name, value in arguments.items())
        lines.append(f"| {names} | {operation.equation.replace('|', chr(92) + '|')} | {said} |")
    return "\n".join(lines)


def oracle() -> str:
    """Return the numbers of faults reported and named, and of false alarms, in sentences."""
    trials = _read("faults")["trials"]
    reported, named = (sum(each[key] for each in trials) for key in ("reported", "named"))
    blind, altered = (_read("held_out")[rows] for rows in ("blind", "altered"))
    seen, said, found = (
        sum(each[key] for each in rows) for rows, key in ((blind, "reported"), (blind, "named"), (altered, "reported"))
    )
    study = _read("false_alarms")
    speed = {row["name"]: row["median_s"] for row in _read("speed")["rows"]}
    return (
        f"Of {len(trials):,} trials with a planted fault it reports {reported:,} and names "
        f"{named:,} ([list](docs/oracle_faults.md)). Of {len(blind)} mistakes written without sight of "
        f"its catalogue, in programs that share no code with pp_ref, it reports {seen} and names {said}; of "
        f"{len(altered):,} small changes of such a program, made by rule, it reports {found:,} "
        f"([both](docs/oracle_held_out.md)). Of {study['cases']:,} random cases put to correct implementations, "
        f"{study['seeds']:,} seeds of each operation in many orders of sums and three frameworks, "
        f"{len(study['alarms'])} gave a false alarm. A whole run takes {speed['all regimes']:.0f} s, "
        f"`--quick` {speed['--quick']:.0f} s."
    )


def _read(name: str) -> dict[str, Any]:
    return STUDY.read_json(FOLDER / f"{name}.json", "take it from the repository again")


BLOCKS: dict[str, Callable[[], str]] = {"oracle": oracle, "faults": planted_faults}
