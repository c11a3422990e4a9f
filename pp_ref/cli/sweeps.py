"""`pp-ref sweeps`: all runs by which the paper's sentences are judged."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pp_ref.experiments.sweeps import BUDGET, ORDER, Sweeps, core_seconds, load_part

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show", "sweeps", "write"]

NICE = 19  # others on this machine go first


def sweeps(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts to do.", show_default="all, in their order")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for records, figures and texts.")] = Path("runs/sweeps"),
    budget: Annotated[float, typer.Option(min=0, help="Core hours of all parts together, finished runs included.")] = (
        BUDGET
    ),
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; the machine's threads are shared out.")] = 1,
    status: Annotated[bool, typer.Option("--status", help="Only print what is done and what is left.")] = False,
) -> None:
    """Do the runs by which the paper's sentences are judged, or go on with them; print what is done and left."""
    from rich.console import Console

    console, made, names = Console(), Sweeps(out), parts or list(ORDER)
    for name in names:
        load_part(name)  # an unknown name is refused before anything is done
    show(console, made, names, budget)
    if status:
        return
    os.nice(NICE - os.nice(0))
    failures = made.work(names, budget=budget, jobs=jobs)
    for name in names:
        for path in write(made, name):
            typer.echo(path)
    show(console, made, names, budget)
    if failures:
        raise typer.Exit(1)


def write(made: Sweeps, name: str) -> list[Path]:
    """Write the figures and the text of a part, and return their paths; nothing if none of its runs is finished."""
    from pp_ref.experiments.drawing import save_figure
    from pp_ref.files import write_atomically

    part, records = load_part(name), made.finished(name)
    if not records:
        return []
    page = made.folder / f"{name}.md"
    write_atomically(page, (made.text(name) + "\n").encode())
    drawn = [save_figure(figure(records), made.folder / stem) for stem, figure in part.figures.items()]
    return [page, *(path for paths in drawn for path in paths)]


def show(console: "Console", made: Sweeps, names: list[str], budget: float) -> None:
    """Print the runs that are done and left, and the core hours that they took and take."""
    from pp_ref.tables import plain_table

    shown = plain_table("sweeps", ("part", "done", "left", "hours so far", "hours left", "waits for"), ("waits for",))
    left: dict[Path, float] = {}  # a run that parts share counts once
    for name in names:
        state, store = made.state(name), made.store(name)
        left |= {store.path(recipe): seconds for recipe, seconds in zip(state.left, state.seconds, strict=True)}
        hours = (sum(map(core_seconds, state.done)), sum(state.seconds))
        cells = (str(len(state.done)), str(len(state.left)), *(f"{seconds / 3600:.1f}" for seconds in hours))
        shown.add_row(name, *cells, ", ".join(state.waits))
    console.print(shown)
    hours = made.spent() / 3600, sum(left.values()) / 3600
    console.print(f"core hours: {hours[0]:.1f} so far, {hours[1]:.1f} left as estimated, {budget:.1f} allowed")
