"""The runs by which the paper's sentences are judged: all parts in one order, within a budget of core hours.

`pp-ref sweeps` starts them and goes on with them. Each part is done by `sweep`: a run that was killed goes on from its
last epoch, and a finished run is never done again. Importing this file is cheap.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pp_ref.errors import check_known
from pp_ref.experiments.needs import check_needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pp_ref.experiments.run_store import RunStore

__all__ = ["BUDGET", "ORDER", "Finished", "Part", "Sweeps", "core_seconds", "load_part"]

Recipe = dict[str, Any]
Record = dict[str, Any]
Finished = Callable[[str], list[Record]]  # (name of a part) -> its finished runs

BUDGET = 24.0  # core hours of all parts together
CHUNK = 8  # runs of a job between two looks at the budget


@dataclass(frozen=True)
class Part:
    """Runs that belong together. A module defines its own in `PARTS`, by name; `ORDER` lists all.

    title    in words
    folder   of the records; parts that draw the same runs share one
    recipes  (finished) -> the recipes, in the order in which they are run. ``finished(name)`` are the records of
             another part, on which settings may depend; ``needs`` names that part
    run      (recipe, store, report) -> record, and epochs, as in `Experiment`
    seconds  (recipe) -> a guess of the core seconds; `State` scales it by the runs that are finished
    figures  by file name without suffix: (records) -> the drawing. As for `summary` and `verdict`, the records are
             those of the finished runs, at least one, in the order of their recipes: some may be missing
    summary  (records) -> a table in Markdown
    verdict  (records) -> what the runs say of the paper's sentence, by the rules of `intervals`; None without one
    needs    names of parts that have to be finished before
    check    (recipe) -> None, as in `Experiment`
    """

    title: str
    folder: str
    recipes: Callable[[Finished], list[Recipe]]
    run: Callable[..., Record]
    epochs: Callable[[Recipe], int]
    seconds: Callable[[Recipe], float]
    summary: Callable[[Sequence[Record]], str]
    figures: Mapping[str, Callable[[Sequence[Record]], "Figure"]] = field(default_factory=dict)
    verdict: Callable[[Sequence[Record]], str] | None = None
    needs: tuple[str, ...] = ()
    check: Callable[[Recipe], None] = check_needs


# The module of each part, in the order in which the parts are done.
ORDER: dict[str, str] = {
    "figure4-settings": "figure4_rates",
    "figure4-rates": "figure4_rates",
    "figure5-short": "short_parts",
    "figure2-short": "short_parts",
    "figure6-short": "short_parts",
    "figure5-settings": "figure5_parts",
    "figure5-rates": "figure5_parts",
    "figure4-kinds": "figure4_parts",
    "figure4-columns": "figure4_parts",
    "figure4-alpha": "figure4_parts",
    "figure4-rounding": "figure4_parts",
    "figure5": "figure5_parts",
    "figure4-authors": "figure4_parts",
    "figure6-left": "figure6_left",
    "figure6-right": "figure6_right",
    "figure2": "figure2",
    "figure1": "figure1",
    "figure6-larger": "figure6_right",
}


def load_part(name: str) -> Part:
    """Import the module of a part.

    raises  DomainError for a part that does not exist
    """
    check_known("part", name, ORDER)
    part: Part = import_module(f"pp_ref.experiments.{ORDER[name]}").PARTS[name]
    return part


class State(NamedTuple):
    """How far a part is.

    done     records of the finished runs
    left     recipes of the others, in their order
    seconds  estimated core seconds of each of `left`: the part's guess, times the ratio of measured to guessed seconds
             of the finished runs together
    waits    names of parts that it needs and that are not finished
    """

    done: list[Record]
    left: list[Recipe]
    seconds: list[float]
    waits: list[str]


def core_seconds(record: Record) -> float:
    """The duration of a run times the threads of its BLAS."""
    return float(record["seconds"] * record["machine"]["blas"]["threads"])


@dataclass(frozen=True)
class Sweeps:
    """The records of all parts, each in its folder under one folder."""

    folder: Path

    def store(self, name: str) -> "RunStore":
        """Where the records of a part are."""
        from pp_ref.experiments.run_store import RunStore

        return RunStore(self.folder / load_part(name).folder)

    def recipes(self, name: str) -> list[Recipe]:
        """The recipes of a part, by what is finished now."""
        return load_part(name).recipes(self.finished)

    def finished(self, name: str) -> list[Record]:
        """The records of a part's finished runs, in the order of their recipes.

        raises  DataError if a record is damaged
        """
        store = self.store(name)
        return [record for recipe in self.recipes(name) if (record := store.load(recipe))]

    def state(self, name: str) -> State:
        """How far a part is; raises DataError if a record is damaged."""
        part, store = load_part(name), self.store(name)
        found = [(recipe, store.load(recipe)) for recipe in self.recipes(name)]
        done = [record for _, record in found if record]
        left = [recipe for recipe, record in found if not record]
        guessed = sum(part.seconds(record["recipe"]) for record in done)
        ratio = sum(map(core_seconds, done)) / guessed if guessed else 1.0
        waits = [needed for needed in part.needs if self.state(needed).left]
        return State(done, left, [ratio * part.seconds(recipe) for recipe in left], waits)

    def spent(self) -> float:
        """Core seconds of all finished runs; those that several parts share count once."""
        found = {self.store(name).path(record["recipe"]): record for name in ORDER for record in self.finished(name)}
        return sum(map(core_seconds, found.values()))

    def affordable(self, name: str, budget: float, most: int) -> list[Recipe]:
        """The next runs of a part: at most so many, and as many as the rest of the budget (core seconds) allows."""
        state, rest = self.state(name), budget - self.spent()
        chosen: list[Recipe] = []
        for recipe, seconds in zip(state.left, state.seconds, strict=True):
            rest -= seconds
            if state.waits or rest < 0 or len(chosen) == most:
                break
            chosen.append(recipe)
        return chosen

    def work(self, names: Iterable[str] = ORDER, *, budget: float = BUDGET, jobs: int = 1) -> list[str]:
        """Do the runs of the parts that have no record yet, part after part.

        budget   core hours of all parts together, those of finished runs included
        jobs     int >= 1 runs at a time
        returns  a sentence a failure; a run that failed is not tried again in this call
        raises   as `sweep`
        """
        from pp_ref.experiments.sweep import sweep

        failures: list[str] = []
        for name in names:
            part, store, failed = load_part(name), self.store(name), set[str]()
            while chosen := [
                recipe
                for recipe in self.affordable(name, 3600 * budget, CHUNK * jobs + len(failed))
                if store.name(recipe) not in failed
            ]:
                done = sweep(part.run, chosen, store, jobs=jobs, epochs=part.epochs, check=part.check)
                failures += done.failures
                failed |= {store.name(recipe) for recipe in chosen if store.load(recipe) is None}
        return failures

    def text(self, name: str) -> str:
        """A part's title, table and verdict in Markdown; "" if none of its runs is finished."""
        part, records = load_part(name), self.finished(name)
        if not records:
            return ""
        verdict = [part.verdict(records)] if part.verdict else []
        return "\n\n".join([f"## {part.title}", *verdict, part.summary(records)])
