"""`pp-ref` and its own commands: info and show."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pp_ref.cli.bench import bench
from pp_ref.cli.oracle import conform, vectors
from pp_ref.cli.reproduce import reproduce
from pp_ref.cli.sweeps import sweeps
from pp_ref.errors import EXPECTED

app = typer.Typer(
    help="The reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(reproduce, name="reproduce")
app.add_typer(bench, name="bench")
app.add_typer(vectors, name="vectors")


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
    """Run a command. An expected error is printed in one line. Exit code 1 after an error, 130 after Ctrl-C.

    `reproduce` ends with 143 after SIGTERM and 129 after SIGHUP.
    """
    try:
        app()
    except EXPECTED as error:
        sys.exit(f"pp-ref: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
