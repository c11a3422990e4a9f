"""`pp-ref` and its own commands: info and show."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pp_ref import __version__
from pp_ref.cli.bench import bench
from pp_ref.cli.group import App
from pp_ref.cli.lesson import lesson
from pp_ref.cli.oracle import conform, vectors
from pp_ref.cli.reproduce import reproduce
from pp_ref.cli.sweeps import sweeps
from pp_ref.errors import EXPECTED

__all__ = ["app", "info", "main", "show"]

app = App(context_settings={"help_option_names": ["-h", "--help"]}, pretty_exceptions_enable=False)
app.add_typer(reproduce, name="reproduce")
app.add_typer(bench, name="bench")
app.add_typer(vectors, name="vectors")
app.add_typer(lesson, name="lesson")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def pp_ref(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013)."""


@app.command()
def info() -> None:
    """Show versions, backends, threads, and which data is found where."""
    from pp_ref.cli.tables import print_info

    print_info()


@app.command()
def show(
    record: Annotated[Path, typer.Argument(help="The JSON record of a run.")],
    utterance: Annotated[
        str | None, typer.Option("--utterance", help="Of figure4-right: draw this utterance beside the record.")
    ] = None,
    trn: Annotated[
        Path | None, typer.Option("--trn", help="Of figure4-right: folder for hyp.trn and ref.trn, which sclite reads.")
    ] = None,
) -> None:
    """Show one run: dynamic, static and total parameters, its dictionaries, and how its error went."""
    from pp_ref.cli.tables import print_record
    from pp_ref.experiments.run_store import RunStore, read_record

    found = read_record(record)
    if utterance is None and trn is None:
        print_record(found)
        return
    from pp_ref.experiments.drawing import save_figure
    from pp_ref.experiments.phone_decoder import write_trn
    from pp_ref.experiments.utterances import draw_utterance

    paths = write_trn(found, trn) if trn else []
    if utterance is not None:
        whole = RunStore(record.parent).load(found["recipe"]) or found
        paths += save_figure(draw_utterance(whole, utterance), record.with_name(f"{record.stem}-{utterance}"))
    for path in paths:
        typer.echo(path)


app.command()(conform)
app.command()(sweeps)


def main() -> None:
    """Run a command; an expected error is printed in one line. docs/commands.md lists the exit codes."""
    try:
        app()
    except EXPECTED as error:
        sys.exit(f"pp-ref: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
