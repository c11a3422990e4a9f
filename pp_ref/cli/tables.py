"""Tables for a terminal: this installation, the parameters of a model, the record of a run."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pp_ref.data.search import COLLECTIONS, look_for
from pp_ref.machine import available, blas, machine
from pp_ref.models.weights import Count
from pp_ref.records import versions
from pp_ref.tables import plain_pairs, plain_table

__all__ = ["parameter_table", "print_info", "print_record"]

HISTORY = {"epoch": "", "iteration": "", "loss": ".5g", "gradient_norm": ".2e", "test_error": ".2%"}  # name: format


def parameter_table(counts: Mapping[str, Count]) -> Table:
    """Dynamic, static and total numbers of each layer and of all layers.

    counts  by layer, as `MLP.count` returns them
    """
    made = plain_table("parameters", ("layer", "dynamic", "static", "total", "learned"))
    whole = Count(*(sum(column) for column in zip(*counts.values(), strict=True)))
    for name, count in [*counts.items(), ("all", whole)]:
        made.add_row(name, *(f"{number:,}" for number in count), f"{count.dynamic / max(count.total, 1):.1%}")
    return made


def print_info() -> None:
    """Print versions, machine, BLAS, the backends of the pooling path, and the place of each data set."""
    console = Console()
    console.print(plain_pairs("versions", versions().items()))
    described = machine() | {f"BLAS {name}": value for name, value in blas().items()}
    console.print(plain_pairs("machine", described.items()))
    console.print(plain_pairs("backends", ((name, reason or "ready") for name, reason in available().items())))
    found = []
    for name in COLLECTIONS:
        folder, places = look_for(name)
        found.append((name, str(folder) if folder else "not on this machine: " + "; ".join(places)))
    console.print(plain_pairs("data", found))


def print_record(record: Mapping[str, Any]) -> None:
    """Print one run: its parameters, its dictionaries and the course of its fit, as far as the record has them."""
    console = Console()
    recipe = record["recipe"]
    said = [
        name
        for name in ("experiment", "label", "proportion", "n_columns", "features", "seed", "data")
        if name in recipe
    ]
    console.print(plain_pairs(record["summary"], ((name, recipe[name]) for name in said)))
    if counts := record.get("counts"):
        console.print(parameter_table({name: Count(**count) for name, count in counts.items()}))
    dictionaries = plain_table("dictionaries", ("layer", "kind", "kept", "rank", "largest condition"))
    for number, layer in enumerate(record.get("dictionaries", []), start=1):
        if layer["weights"] == "Predicted":
            conditions = [math.inf if condition is None else condition for condition in layer["condition"]]
            dictionaries.add_row(
                str(number), layer["kind"], _span(layer["n_alpha"]), _span(layer["rank"]), f"{max(conditions):.1e}"
            )
    if dictionaries.row_count:
        console.print(dictionaries)
    columns = {name: form for name, form in HISTORY.items() if any(name in step for step in record["history"])}
    steps = plain_table("fit", (name.replace("_", " ") for name in columns))
    for step in record["history"]:
        steps.add_row(*(format(step[name], form) if name in step else "" for name, form in columns.items()))
    console.print(steps)


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
