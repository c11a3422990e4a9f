"""The commands of `pp-ref`."""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.cli.bench import bench
from pp_ref.errors import DataError, DeviceError, DomainError, InaccurateError, MissingExtraError, ShapeError

_EXPECTED = (DataError, DeviceError, DomainError, InaccurateError, MissingExtraError, ShapeError)

app = typer.Typer(
    help="The reference for predicted parameters, W = U_alpha w_alpha (Denil et al., 2013).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
reproduce = typer.Typer(help="Make a figure of the paper from real data.", no_args_is_help=True)
app.add_typer(reproduce, name="reproduce")
app.add_typer(bench, name="bench")
vectors = typer.Typer(help="Cases of the oracle as files, for implementations in any language.", no_args_is_help=True)
app.add_typer(vectors, name="vectors")


class ProfileName(StrEnum):
    """How thoroughly: embedded data in minutes, real data in hours, or every constant of the authors' code."""

    demo = "demo"
    standard = "standard"
    authors = "authors"


class DataName(StrEnum):
    """What is classified. STL-10 is a download of 2.6 GB, unless it is found."""

    cifar10 = "cifar10"
    stl10 = "stl10"


class DeviceName(StrEnum):
    """Where the arrays live: gpu needs CuPy and a CUDA device."""

    cpu = "cpu"
    gpu = "gpu"


ProfileOption = Annotated[ProfileName, typer.Option("--profile", help=str(ProfileName.__doc__))]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for records and figures.", show_default="runs/FIGURE/PROFILE")
]
DataOption = Annotated[
    DataName | None, typer.Option("--data", help=str(DataName.__doc__), show_default="the profile's own")
]
DeviceOption = Annotated[DeviceName, typer.Option("--device", help=str(DeviceName.__doc__))]
SeedOption = Annotated[int, typer.Option(min=0, help="Of everything random.")]
OnlyOption = Annotated[list[str] | None, typer.Option(help="An operation; may be given again.", show_default="all")]
QuickOption = Annotated[bool, typer.Option("--quick", help="The regimes that find most mistakes.")]
JobsOption = Annotated[int, typer.Option(min=1, help="Runs at a time; the machine's threads are shared out.")]


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


@app.command()
def conform(
    context: typer.Context,
    candidate: Annotated[
        str | None,
        typer.Argument(help="A Python file or a module, with functions of the documented names.", show_default=False),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="In place of CANDIDATE: exported vectors, with answers.", show_default="none"),
    ] = None,
    arithmetic: Annotated[
        str | None,
        typer.Option(help="float64, float32, tf32, bfloat16 or float16.", show_default="what it declares, or float64"),
    ] = None,
    arrays: Annotated[
        str | None, typer.Option(help="numpy, torch, jax or cupy.", show_default="what it declares, or numpy")
    ] = None,
    autodiff: Annotated[bool, typer.Option("--autodiff", help="Gradients are those of torch or jax.")] = False,
    only: OnlyOption = None,
    seed: SeedOption = 0,
    quick: QuickOption = False,
    replay: Annotated[str | None, typer.Option(help="Run one case alone, by its id.")] = None,
    limit: Annotated[float, typer.Option(min=0.1, help="Seconds a case may take.")] = 20.0,
    out: Annotated[list[Path] | None, typer.Option(help="A report: .json, .xml or .html; may be given again.")] = None,
) -> None:
    """Judge an implementation against exact values and derived bounds, and say what is wrong with it.

    Exit code 0: it conforms. 1: a case failed. 2: within all bounds, but suspicious. 3: it could not be judged.
    """
    from pp_ref.data.search import user_cache
    from pp_ref.oracle.reports import print_report, write_report
    from pp_ref.oracle.run import conform as judged

    declared = {"arithmetic": arithmetic, "arrays": arrays, "autodiff": autodiff or None}
    store = user_cache("oracle") / "exact.sqlite"
    try:
        if (candidate is None) == (files is None):
            raise DomainError("expected a CANDIDATE, or --files with a folder of vectors and answers, and not both")
        if files is not None:
            from pp_ref.oracle.answers import Answers

            _refuse_beside_files(context, "arithmetic", "arrays", "autodiff", "seed", "quick", "limit")
            answers = Answers(files)
            report = judged(answers, only=only or (), seed=answers.seed, replay=replay, among=answers.ids, store=store)
            report = replace(report, folder=str(files))
        elif candidate is not None:
            from pp_ref.oracle.candidates import InWorker

            known = {name: value for name, value in declared.items() if value is not None}
            worker = InWorker(candidate, limit, **known)
            try:
                report = judged(worker, arithmetic, only or (), seed, quick, replay, store=store)
            finally:
                worker.close()
        print_report(report)
        for path in out or ():
            write_report(report, path)
            typer.echo(path)
    except _EXPECTED as error:
        typer.echo(f"pp-ref: {error}", err=True)
        raise typer.Exit(3) from None
    raise typer.Exit(report.exit_code)


def _refuse_beside_files(context: typer.Context, *names: str) -> None:
    """Options that were decided when the vectors were exported, or that no files have."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise DomainError(f"--{name} is given beside --files, whose folder has what was exported: leave it out")


@vectors.command("export")
def vectors_export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, an empty one, or one of vectors, which are replaced.")
    ],
    arithmetic: Annotated[str, typer.Option(help="float64, float32, tf32, bfloat16 or float16.")] = "float64",
    only: OnlyOption = None,
    seed: SeedOption = 0,
    quick: QuickOption = False,
) -> None:
    """Write the arguments of every case. Answers go beside them; `pp-ref conform --files` judges them."""
    from pp_ref.oracle.vectors import export

    manifest = export(folder, arithmetic, only or (), seed, quick)
    typer.echo(f"{len(manifest['cases'])} cases of {len(manifest['files'])} operations in {folder}")


@reproduce.command("figure4-left")
def figure4_left(profile: ProfileOption = ProfileName.demo, out: OutOption = None, jobs: JobsOption = 1) -> None:
    """MLP on MNIST: error against the proportion learned, for every dictionary pair. Go on with a stopped sweep by
    giving the same command again."""
    from pp_ref.experiments import figure4_left as experiment

    _reproduce("figure4-left", experiment, profile, out, jobs)


@reproduce.command("figure5")
def figure5(
    profile: ProfileOption = ProfileName.demo,
    out: OutOption = None,
    jobs: JobsOption = 1,
    device: DeviceOption = DeviceName.cpu,
) -> None:
    """Convnet on CIFAR-10: error against the proportion learned, and its first filters. The demo takes digits."""
    from pp_ref.experiments import figure5 as experiment

    _reproduce("figure5", experiment, profile, out, jobs, device=device.value)


@reproduce.command("figure1")
def figure1(profile: ProfileOption = ProfileName.demo, out: OutOption = None, jobs: JobsOption = 1) -> None:
    """Learned features, a few of their weights, and the rest predicted from these; a block a model."""
    from pp_ref.experiments import figure1 as experiment

    _reproduce("figure1", experiment, profile, out, jobs)


@reproduce.command("figure2")
def figure2(
    profile: ProfileOption = ProfileName.demo,
    out: OutOption = None,
    jobs: JobsOption = 1,
    device: DeviceOption = DeviceName.cpu,
) -> None:
    """RICA on natural images: filters with 100 % to 10 % of the parameters learned. The demo takes two photographs."""
    from pp_ref.experiments import figure2 as experiment

    _reproduce("figure2", experiment, profile, out, jobs, device=device.value)


@reproduce.command("figure6-left")
def figure6_left(
    profile: ProfileOption = ProfileName.demo,
    out: OutOption = None,
    jobs: JobsOption = 1,
    data: DataOption = None,
    device: DeviceOption = DeviceName.cpu,
) -> None:
    """RICA as a classifier: accuracy against the parameters learned. The demo takes digits."""
    from pp_ref.experiments import figure6_left as experiment

    _reproduce("figure6", experiment, profile, out, jobs, data=data and data.value, device=device.value)


@reproduce.command("figure6-right")
def figure6_right(
    profile: ProfileOption = ProfileName.demo,
    out: OutOption = None,
    jobs: JobsOption = 1,
    data: DataOption = None,
    device: DeviceOption = DeviceName.cpu,
) -> None:
    """RICA against RICA-50% at equal dynamic parameters. Records are shared with figure6-left."""
    from pp_ref.experiments import figure6_right as experiment

    _reproduce("figure6", experiment, profile, out, jobs, data=data and data.value, device=device.value)


def _reproduce(
    name: str, experiment: Any, profile: ProfileName, out: Path | None, jobs: int, **options: str | None
) -> None:
    """Do the runs of an experiment that have no record yet, print its table, write its figure."""
    from rich.console import Console

    from pp_ref.experiments.drawing import save_figure
    from pp_ref.experiments.run_store import RunStore
    from pp_ref.experiments.sweep import sweep

    store = RunStore(out or Path("runs") / name / profile.value)
    recipes = experiment.recipes(experiment.PROFILES[profile.value], **options)
    done = sweep(experiment.run, recipes, store, jobs=jobs, epochs=experiment.epochs)
    records = [record for record in done.records if record]
    if records:
        Console().print(experiment.table(records))
        for stem, figure in experiment.FIGURES.items():
            for path in save_figure(figure(records), store.folder / stem):
                typer.echo(path)
    if done.failures:
        raise typer.Exit(1)


def main() -> None:
    """Run a command. What goes wrong is said in one line: exit code 1, or 130 after Ctrl-C."""
    try:
        app()
    except _EXPECTED as error:
        sys.exit(f"pp-ref: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
