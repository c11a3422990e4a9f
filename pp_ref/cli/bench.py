"""`pp-ref bench`: a command for each subject, `all` of them, and what to do with their records."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.bench.subjects import SUBJECTS, Subject

__all__ = ["bench"]

bench = typer.Typer(help="Time what pp_ref does, against dense products and PyTorch.", no_args_is_help=True)

ROUNDS = typer.Option(min=1, help="Turns of every contender, after one to warm up.")
SmallOption = Annotated[bool, typer.Option("--small", help="Small shapes: to see that everything works.")]


def _command(subject: Subject) -> None:
    @bench.command(subject.name, help=subject.about)
    def run(
        rounds: Annotated[int, ROUNDS] = subject.rounds,
        small: SmallOption = False,
        out: Annotated[Path | None, typer.Option(help="File for the JSON record.", show_default="none")] = None,
    ) -> None:
        from pp_ref.bench.record import lines

        record = subject.measure(rounds, **(subject.small if small else {}))
        for line in (*lines(record), *(table(record) for table in subject.tables.values())):
            typer.echo(line)
        if out:
            _write(record, out, subject.roofline)


def _write(record: dict[str, Any], out: Path, roof: bool) -> None:
    """The record, whole or not at all, and its roofline beside it."""
    import json

    from pp_ref.bench.roofline import roofline
    from pp_ref.experiments.drawing import save_figure
    from pp_ref.files import write_atomically

    write_atomically(out, (json.dumps(record, indent=1) + "\n").encode())
    typer.echo(out)
    for path in save_figure(roofline(record), out.with_name(f"{out.stem}-roofline")) if roof else ():
        typer.echo(path)


for _subject in SUBJECTS.values():
    _command(_subject)


@bench.command("all")
def every(
    rounds: Annotated[int | None, typer.Option(min=1, help=ROUNDS.help, show_default="each subject's own")] = None,
    small: SmallOption = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a record a subject.", show_default="none")] = None,
) -> None:
    """Every subject, each in its own process. What was left out is said at the end, with the reason: exit code 1."""
    left_out = []
    for name in SUBJECTS:
        command = [sys.executable, "-m", "pp_ref.cli", "bench", name, *(["--small"] if small else [])]
        command += [f"--rounds={rounds}"] if rounds else []
        command += [f"--out={out / name}.json"] if out else []
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            left_out.append(f"{name} was left out: {done.stderr.strip() or f'exit code {done.returncode}'}")
    for line in left_out:
        typer.echo(line, err=True)
    raise typer.Exit(bool(left_out))


@bench.command("calibrate")
def calibrate(rounds: Annotated[int, ROUNDS] = 9) -> None:
    """Measure what the plan's units of work cost on this machine, and keep it in the user's cache for the plan."""
    from pp_ref.bench.calibrate import calibrate
    from pp_ref.kernels.rates import rates_file

    for line in calibrate(rounds).lines():
        typer.echo(line)
    typer.echo(rates_file())


@bench.command("compare")
def compare(
    old: Annotated[Path, typer.Argument(help="The JSON record to compare with, or a folder of records.")],
    new: Annotated[Path, typer.Argument(help="The same of the same subjects, dtypes and machine.")],
) -> None:
    """Say which rows changed beyond noise; records of one subject in a folder are pooled. Exit code 0: none is slower;
    1: some are; 2: the files do not compare."""
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
