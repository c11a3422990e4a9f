"""`pp-ref bench`: a command for each subject, for all of them, and for comparing their records."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.bench.subjects import SUBJECTS, Subject
from pp_ref.cli.group import App

__all__ = ["bench"]

bench = App(help="Time what pp_ref does, against dense products and PyTorch.")

ROUNDS = typer.Option(min=1, help="Turns of every contender, each of 200 ms or of one longer call.")
FileOption = Annotated[Path | None, typer.Option("--out", help="File for the JSON record.", show_default="none")]
SmallOption = Annotated[bool, typer.Option("--small", help="Small shapes, single calls: to see that everything works.")]


def _command(subject: Subject) -> None:
    @bench.command(subject.name, help=subject.about)
    def run(
        rounds: Annotated[int, ROUNDS] = subject.rounds, small: SmallOption = False, out: FileOption = None
    ) -> None:
        from pp_ref.bench.timing import Timing

        with _progress(subject.name):
            timing = Timing(rounds)
            if small:
                record = subject.module.measure(timing.of_single_calls(), **subject.small)
            else:
                record = subject.module.measure(timing)
        _tell(record, out)
        from rich.console import Console
        from rich.markdown import Markdown

        from pp_ref.bench.terminal import ALL_AGREE, noise

        if noise(record) == ALL_AGREE:  # their ratios mean something
            for table in subject.tables.values():
                Console().print(Markdown(table(record)))
        if out:
            _draw(subject, record, out)


@contextmanager
def _progress(what: str) -> Iterator[None]:
    """Say on a terminal what is being timed; a log gets nothing. No thread redraws it, which would disturb."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    from pp_ref.bench.timing import told

    console = Console(stderr=True)
    text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    with Progress(
        text,
        TimeElapsedColumn(),
        console=console,
        expand=True,
        auto_refresh=False,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(f"{what}: preparing", total=None)
        progress.refresh()
        with told(lambda said: progress.update(bar, description=f"{what}: {said}", refresh=True)):
            yield


def _tell(record: dict[str, Any], out: Path | None) -> None:
    """Print the record, and write it atomically."""
    from rich.console import Console

    from pp_ref.bench.record import write
    from pp_ref.bench.terminal import print_record

    if out:
        write(out, record)
    print_record(record, Console())
    if out:
        typer.echo(out)


def _draw(subject: Subject, record: dict[str, Any], out: Path) -> None:
    """Draw the times and, if the subject has one, the roofline beside the record; say so if there is no Matplotlib."""
    from pp_ref.errors import MissingExtraError, import_extra

    try:
        import_extra("matplotlib", "figures")
    except MissingExtraError as error:
        typer.echo(f"nothing is drawn: {error}", err=True)
        return
    from pp_ref.bench.roofline import roofline
    from pp_ref.bench.times import times
    from pp_ref.experiments.drawing import save_figure

    drawn = {out.stem: times(record)} | ({f"{out.stem}-roofline": roofline(record)} if subject.roofline else {})
    for stem, figure in drawn.items():
        for path in save_figure(figure, out.with_name(stem)):
            typer.echo(path)


for _subject in SUBJECTS.values():
    _command(_subject)


@bench.command("scaling-model")
def scaling_model(
    record: Annotated[Path, typer.Argument(help="The JSON record of `pp-ref bench scaling`.")],
    out: Annotated[Path, typer.Option("--out", help="The drawing, without suffix.")] = Path("scaling"),
) -> None:
    """Continue a record of scaling to 10,000 machines by a model of the network: a table, and a drawing."""
    from rich.console import Console
    from rich.markdown import Markdown

    from pp_ref.bench.record import read
    from pp_ref.errors import import_extra
    from pp_ref.experiments.drawing import save_figure

    import_extra("matplotlib", "figures")
    from pp_ref.bench.scaling_model import draw, table

    found = read(record)
    Console().print(Markdown(table(found)))
    for path in save_figure(draw(found), out):
        typer.echo(path)


@bench.command("all")
def every(
    rounds: Annotated[int | None, typer.Option(min=1, help=ROUNDS.help, show_default="each subject's own")] = None,
    small: SmallOption = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a record a subject.", show_default="none")] = None,
) -> None:
    """Run every subject, each in its own process. The last line names those that failed: exit code 1."""
    options = ["--small"] * small + ([f"--rounds={rounds}"] if rounds else [])
    _in_turn({name: _bench(name, out, options) for name, subject in SUBJECTS.items() if subject.device == "cpu"})


@bench.command("gpu")
def gpu(
    small: SmallOption = False,
    out: Annotated[Path, typer.Option(help="Folder for a record a subject.")] = Path("benchmarks/speed"),
) -> None:
    """In a checkout, run all that needs a CUDA device: its tests, of which none may be skipped, its subjects, and
    Figure 5 in full, which continues after an interruption."""
    figure5 = ["-m", "pp_ref", "reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    subjects = [name for name, subject in SUBJECTS.items() if subject.device == "gpu"]
    _in_turn(
        {"tests": ["-m", "pytest", "-m", "gpu"]}
        | {name: _bench(name, out, ["--small"] * small) for name in subjects}
        | ({} if small else {"figure5": figure5}),
    )


def _bench(name: str, out: Path | None, options: list[str]) -> list[str]:
    return ["-m", "pp_ref", "bench", name, *options, *([f"--out={out / name}.json"] if out else [])]


def _in_turn(commands: Mapping[str, list[str]]) -> None:
    """Run each command in a new process; if one fails, the others still run."""
    environment = os.environ | {"PP_REF_REQUIRE_GPU": "1"}  # a GPU test that would be skipped fails
    left_out = []
    for number, (name, command) in enumerate(commands.items(), start=1):
        typer.echo(f"{name}: {number} of {len(commands)}", err=True)
        if subprocess.run([sys.executable, *command], env=environment, check=False).returncode:
            left_out.append(name)
    if left_out:
        typer.echo(f"pp-ref: left out: {', '.join(left_out)}", err=True)
        raise typer.Exit(1)


@bench.command("calibrate")
def calibrate(rounds: Annotated[int, ROUNDS] = 9) -> None:
    """Measure the cost of the plan's units of work on this machine, and write it to the user's cache for the plan."""
    from pp_ref.bench.calibrate import calibrate
    from pp_ref.bench.tables import with_threads
    from pp_ref.bench.timing import Timing
    from pp_ref.kernels.rates import rates_file

    with _progress("calibrate"):
        measured = calibrate(Timing(rounds))
    for number, found in measured.items():
        for line in (with_threads(number), *found.lines()):
            typer.echo(line)
    typer.echo(f"saved in {rates_file()}: models choose their ways by it, from the next process on")
    typer.echo("to undo it, delete this file: the default rates are taken again")


@bench.command("gpu_kernels")
def gpu_kernels(out: FileOption = None) -> None:
    """Report registers, spills and shared memory of every CUDA kernel, by its compiler: no device is needed."""
    from pp_ref.bench.gpu_kernels import measure

    _tell(measure(), out)


@bench.command("compare")
def compare(
    old: Annotated[Path, typer.Argument(help="The JSON record to compare with, or a folder of records.")],
    new: Annotated[Path, typer.Argument(help="The same of the same subjects, dtypes and machine.")],
) -> None:
    """Print the rows that changed beyond noise; records of one subject in a folder are pooled. Exit code 0: none is
    slower; 1: some are; 2: the files do not compare."""
    from pp_ref.bench.compare import compare
    from pp_ref.errors import DataError

    try:
        found = compare(old, new)
    except DataError as error:
        typer.echo(f"pp-ref: {error}", err=True)
        raise typer.Exit(2) from error
    for line in found.lines():
        typer.echo(line)
    raise typer.Exit(bool(found.slower))
