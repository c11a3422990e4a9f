"""What the commands and README need of a figure, and the list of all figures. Importing this file is cheap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from pp_ref.errors import import_extra
from pp_ref.experiments.needs import check_needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["FIGURES", "PARTS", "Entry", "Experiment"]

PARTS = 8  # into which a batch is cut that ranks share


@dataclass(frozen=True)
class Experiment:
    """A figure of the paper: how its runs are made, and what is shown of their records.

    The module of a figure defines one as `EXPERIMENT`. ``records`` are those of the finished runs, in the order of
    their recipes.

    profiles  by name, how thoroughly the figure is made: "demo" takes minutes and needs no download, "standard" made
              the committed records, "authors" has every constant of the authors' code
    recipes   (profile, **options) -> one dict a run, JSON-serialisable, with "label", "proportion" and "seed". A recipe
              holds everything that decides the result; its digest names the record, so keys and values never change.
              The options are those of the figure's `Entry`
    epochs    (recipe) -> how often `run` reports
    run       (recipe, store, report) -> record, as `record_of` makes it. It calls report(text) once an epoch, and keeps
              checkpoints in the store. Worker processes import it by name: it is a function of a module
    table     (records) -> the table for a terminal
    figures   by file name without suffix: (records) -> the drawing
    summary   (records) -> the table for README, in Markdown
    demo      (records) -> what the figure of the demo is, and what to conclude from it, in sentences
    verdict   (records) -> README's sentence on what the paper claims; None if the paper claims nothing here
    check     (recipe) -> None; raises if this machine lacks what the run needs. No run is begun before all are checked
    """

    profiles: Mapping[str, Any]
    recipes: Callable[..., list[dict[str, Any]]]
    epochs: Callable[[dict[str, Any]], int]
    run: Callable[..., dict[str, Any]]
    table: Callable[..., "Table"]
    figures: Mapping[str, Callable[..., "Figure"]]
    summary: Callable[..., str]
    demo: Callable[..., str]
    verdict: Callable[..., str] | None = None
    check: Callable[[dict[str, Any]], None] = check_needs


class Entry(NamedTuple):
    """A figure as `pp-ref reproduce` lists it, before its module is imported.

    name     of the command; the module has the same name, with _ for -
    records  folder of the records in runs/ and in benchmarks/figures/
    help     of the command
    options  of the command beside --profile, --out and --jobs; `Experiment.recipes` takes them by name
    """

    name: str
    records: str
    help: str
    options: tuple[str, ...] = ()

    def load(self) -> Experiment:
        """Import the module of the figure, and return its experiment."""
        import_extra("matplotlib", "figures")
        experiment: Experiment = import_module(f"pp_ref.experiments.{self.name.replace('-', '_')}").EXPERIMENT
        return experiment


FIGURES = (
    Entry(
        "figure4-left",
        "figure4-left",
        "MLP on MNIST: error against the proportion learned, for every dictionary pair. Give the same command again to "
        "go on with a stopped sweep.",
    ),
    Entry(
        "figure4-right",
        "figure4-right",
        "MLP on speech: phone error rate against the proportion learned, on 16 speakers of TIMIT or on all of it.",
        ("corpus",),
    ),
    Entry(
        "figure5",
        "figure5",
        "Convnet on CIFAR-10: error against the proportion learned, and its first filters. The demo takes digits.",
        ("device",),
    ),
    Entry(
        "figure1",
        "figure1",
        "Learned features, a few of their weights, and the rest predicted from these; a block a model.",
    ),
    Entry(
        "figure2",
        "figure2",
        "RICA on natural images: filters with 100 % to 10 % of the parameters learned. The demo takes two photographs.",
        ("device",),
    ),
    Entry(
        "figure6-left",
        "figure6",
        "RICA as a classifier: accuracy against the parameters learned. The demo takes digits.",
        ("data", "device"),
    ),
    Entry(
        "figure6-right",
        "figure6",
        "RICA against RICA-50% at equal dynamic parameters. Records are shared with figure6-left.",
        ("data", "device"),
    ),
)
