"""`pp-ref` and its own commands: info and show."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.cli.oracle import conform, vectors
from pp_ref.cli.reproduce import reproduce
from pp_ref.errors import EXPECTED

app = typer.Typer(
    help="The reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(reproduce, name="reproduce")
bench = typer.Typer(help="Time the pooling path against BLAS and PyTorch.", no_args_is_help=True)
app.add_typer(bench, name="bench")
app.add_typer(vectors, name="vectors")


RoundsOption = Annotated[int, typer.Option(min=1, help="Turns of every contender, after one to warm up.")]
SmallOption = Annotated[bool, typer.Option("--small", help="One small shape: to see that everything works.")]
RecordOption = Annotated[Path | None, typer.Option("--out", help="File for the JSON record.", show_default="none")]


@app.command()
def info() -> None:
    """Show versions, backends, threads, and which data is found where."""
    from pp_ref.cli.tables import print_info

    print_info()


@app.command()
def show(record: Annotated[Path, typer.Argument(help="The JSON record of a run.")]) -> None:
    """Show one run: dynamic, static and total parameters, its dictionaries, and how its error went."""
    from pp_ref.cli.tables import print_record
    from pp_ref.experiments.run_store import read_record

    print_record(read_record(record))


app.command()(conform)


@bench.command("pooling")
def bench_pooling(rounds: RoundsOption = 9, small: SmallOption = False, out: RecordOption = None) -> None:
    """v U for ten columns of a 28 x 28 grid: every rung of the ladder, and dense products."""
    from pp_ref.bench import bench_pooling as measure

    _bench(measure, rounds, {"batches": (10,), "proportions": (0.05,)} if small else {}, out, roof=True)


@bench.command("layer")
def bench_layer(rounds: RoundsOption = 9, small: SmallOption = False, out: RecordOption = None) -> None:
    """The MNIST net's first layer, forward and weight gradient, against a full layer."""
    from pp_ref.bench import bench_layer as measure

    _bench(measure, rounds, {"batches": (10,), "proportions": (0.05,)} if small else {}, out, roof=True)


@bench.command("plan")
def bench_plan(rounds: RoundsOption = 3, small: SmallOption = False, out: RecordOption = None) -> None:
    """How far the plan's choice is behind the best, over shapes."""
    from pp_ref.bench import bench_plan as measure

    _bench(measure, rounds, {"sides": (8,), "batches": (10,), "columns": (1,)} if small else {}, out)


@bench.command("conv")
def bench_conv(rounds: RoundsOption = 5, small: SmallOption = False, out: RecordOption = None) -> None:
    """A step of each convolution of the CIFAR-10 net, predicted by every way, against dense ones."""
    from pp_ref.bench import bench_conv as measure

    _bench(measure, rounds, {"layers": (3,), "proportions": (0.05,), "n": 4} if small else {}, out)


@bench.command("growth")
def bench_growth(rounds: RoundsOption = 9, small: SmallOption = False, out: RecordOption = None) -> None:
    """How times grow with an image's side, 16 to 96, and with the batch, 1 to 10,000."""
    from pp_ref.bench import bench_growth as measure

    _bench(measure, rounds, {"sides": (8, 12, 16), "batches": (1, 10, 100)} if small else {}, out)


@bench.command("calibrate")
def bench_calibrate(rounds: RoundsOption = 9) -> None:
    """Measure what the plan's units of work cost on this machine, and keep it in the user's cache for the plan."""
    from pp_ref.bench import calibrate
    from pp_ref.kernels.rates import rates_file

    for line in calibrate(rounds).lines():
        typer.echo(line)
    typer.echo(rates_file())


@bench.command("compare")
def bench_compare(
    old: Annotated[Path, typer.Argument(help="The JSON record to compare with.")],
    new: Annotated[Path, typer.Argument(help="The JSON record of the same benchmark, dtype and machine.")],
) -> None:
    """Say which rows changed beyond noise. Exit code 0: none is slower; 1: some are; 2: the files do not compare."""
    from pp_ref.bench import compare
    from pp_ref.errors import DataError

    try:
        found = compare(old, new)
    except DataError as error:
        typer.echo(f"pp-ref: {error}", err=True)
        raise typer.Exit(2) from error
    for line in found.lines():
        typer.echo(line)
    raise typer.Exit(bool(found.slower))


def _bench(measure: Any, rounds: int, shapes: dict[str, Any], out: Path | None, roof: bool = False) -> None:
    """Measure, print, and write the record, whole or not at all, with its roofline beside it."""
    import json

    from pp_ref.bench import lines
    from pp_ref.bench.roofline import roofline
    from pp_ref.experiments.drawing import save_figure
    from pp_ref.files import write_atomically

    record = measure(rounds, **shapes)
    for line in lines(record):
        typer.echo(line)
    if out:
        write_atomically(out, (json.dumps(record, indent=1) + "\n").encode())
        typer.echo(out)
        for path in save_figure(roofline(record), out.with_name(f"{out.stem}-roofline")) if roof else ():
            typer.echo(path)


def main() -> None:
    """Run a command. An expected error is printed in one line. Exit code 1 after an error, 130 after Ctrl-C."""
    try:
        app()
    except EXPECTED as error:
        sys.exit(f"pp-ref: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
