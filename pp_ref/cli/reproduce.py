"""`pp-ref reproduce`: one command a figure."""

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from pp_ref.cli.group import App
from pp_ref.experiments.experiment import FIGURES, PARTS, Entry

__all__ = ["DataName", "DeviceName", "ProfileName", "reproduce"]

reproduce = App(help="Make a figure of the paper from real data.")


OTHERS = "The other profiles put the paper's claims to the test."


class ProfileName(StrEnum):
    """How thoroughly: embedded data in minutes, real data in hours, or every constant of the authors' code."""

    demo = "demo"
    standard = "standard"
    authors = "authors"


class DataName(StrEnum):
    """What is classified. STL-10 is a download of 2.6 GB, unless it is found."""

    cifar10 = "cifar10"
    stl10 = "stl10"


class CorpusName(StrEnum):
    """What is decoded: NLTK's sample of 16 speakers, or all of TIMIT, for those who have LDC93S1."""

    sample = "timit-sample"
    timit = "timit"


class DeviceName(StrEnum):
    """Where the arrays live: gpu needs CuPy and a CUDA device."""

    cpu = "cpu"
    gpu = "gpu"


ProfileOption = Annotated[ProfileName, typer.Option("--profile", help=str(ProfileName.__doc__))]
DataOption = Annotated[
    DataName | None, typer.Option("--data", help=str(DataName.__doc__), show_default="the profile's own")
]
CorpusOption = Annotated[CorpusName, typer.Option("--corpus", help=str(CorpusName.__doc__))]
DeviceOption = Annotated[DeviceName, typer.Option("--device", help=str(DeviceName.__doc__))]
RanksOption = Annotated[
    int | None,
    typer.Option(
        "--ranks",
        min=1,
        help="Divide each batch between so many processes, by MPI. Any number of them gives the same bits.",
        show_default="batches are not divided",
    ),
]
PartsOption = Annotated[
    int, typer.Option("--parts", min=1, help="Into how many parts ranks cut a batch: the bits depend on it.")
]
CrowdedOption = Annotated[bool, typer.Option("--crowded", help="Allow more ranks than cores.")]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", help="Address of a Dask scheduler, whose workers do the runs.", show_default="none"),
]
NoSharedFolderOption = Annotated[
    bool,
    typer.Option(
        "--no-shared-folder", help="Workers do not see the folder: records and checkpoints come by the scheduler."
    ),
]
JobsOption = Annotated[int, typer.Option(min=1, help="Runs at a time; the machine's threads are shared out.")]


def _reproduce(
    entry: Entry,
    profile: ProfileOption = ProfileName.demo,
    out: Path | None = None,
    jobs: JobsOption = 1,
    data: DataOption = None,
    device: DeviceOption = DeviceName.cpu,
    corpus: CorpusOption = CorpusName.sample,
    ranks: RanksOption = None,
    parts: PartsOption = PARTS,
    crowded: CrowdedOption = False,
    scheduler: SchedulerOption = None,
    no_shared_folder: NoSharedFolderOption = False,
) -> None:
    """Do the runs of a figure that have no record yet; print its table and write its drawings."""
    from rich.console import Console

    from pp_ref.errors import DomainError
    from pp_ref.experiments.cluster import Cluster
    from pp_ref.experiments.ranks import launch, started_on, sweep_on_ranks

    link = started_on(ranks)
    if ranks and ranks > 1 and link is None:
        raise typer.Exit(launch(ranks, sys.argv[1:], crowded))

    experiment = entry.load()  # it asks for Matplotlib

    from pp_ref.experiments.drawing import save_figure
    from pp_ref.experiments.run_store import RunStore
    from pp_ref.experiments.sweep import sweep

    store = RunStore(out or Path("runs") / entry.records / profile.value)
    given = {"data": data and data.value, "device": device.value, "corpus": corpus.value}
    recipes = experiment.recipes(experiment.profiles[profile.value], **{name: given[name] for name in entry.options})
    if scheduler and (ranks or link):
        raise DomainError("scheduler and ranks are both given, expected one of them: a worker does whole runs")
    if ranks or link:
        recipes = [recipe | {"parts": parts} for recipe in recipes]
    if link:
        done = sweep_on_ranks(experiment.run, recipes, store, link, check=experiment.check, crowded=crowded)
    else:
        start = partial(Cluster, scheduler, not no_shared_folder) if scheduler else None
        epochs, check = experiment.epochs, experiment.check
        done = sweep(experiment.run, recipes, store, jobs=jobs, epochs=epochs, check=check, start=start)
    records = [record for record in done.records if record]
    if records:
        said = experiment.demo(records) if profile == ProfileName.demo else ""
        console = Console()
        console.print(experiment.table(records))
        if said:
            console.print(f"{said} {OTHERS}", highlight=False)
        for stem, figure in experiment.figures.items():
            for path in save_figure(figure(records), store.folder / stem, said):
                typer.echo(path)
    if done.failures:
        raise typer.Exit(1)


def _command(entry: Entry) -> Callable[..., None]:
    """`_reproduce` for one figure. Its signature holds the options of the figure, and Typer reads them there."""

    def command(**options: Any) -> None:
        _reproduce(entry, **options)

    folder = f"runs/{entry.records}/PROFILE"
    shown = typer.Option("--out", help="Folder for records and figures.", show_default=folder)
    every = dict(signature(_reproduce).parameters)
    every["out"] = every["out"].replace(annotation=Annotated[Path | None, shown])
    own = [
        every[name]
        for name in (
            "profile",
            "out",
            "jobs",
            "ranks",
            "parts",
            "crowded",
            "scheduler",
            "no_shared_folder",
            *entry.options,
        )
    ]
    command.__signature__ = Signature(own)  # type: ignore[attr-defined]
    return command


for _entry in FIGURES:
    reproduce.command(_entry.name, help=_entry.help)(_command(_entry))
