"""The runs of Figure 4 (left) by which its sentences are judged: kinds, columns, alpha, the authors' constants.

Rates and the variant of kind ae are those chosen on validation images (`figure4_rates`). Nets are then trained on all
60,000 images, and each test error is computed once, after the last epoch. Before these runs, test errors of 50 columns
and of alpha by variance had been seen for a few seeds.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pp_ref.experiments.error_curves import (
    cost,
    error_figure,
    error_summary,
    errors_by_seed,
    label_of,
    learned,
)
from pp_ref.experiments.figure4_left import BEST, FINE_TUNING, FIRST, PROFILES
from pp_ref.experiments.figure4_rates import ALMOST, MANY, chosen_ae, chosen_rates, profile_at, seconds
from pp_ref.experiments.intervals import GAIN, NO_DROP, judge, together
from pp_ref.experiments.mlp_runs import LABELS, N_COLUMNS, PAIRS, epochs, recipe_of, recipes, run
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.sweeps import Finished, Part
from pp_ref.records import markdown

__all__ = ["COLUMNS", "FEW", "FULL", "PARTS", "SEEN", "VARIED", "alpha_figure", "kind_verdict"]

Recipe = dict[str, Any]

FEW = (FIRST, ALMOST)  # the "few dynamic parameters" of the sentence on kinds
PROPORTIONS = (*FEW, 0.1, 0.25)
DECIDING, OTHERS = 10, 3  # seeds of the runs that decide a sentence, and of the others
FULL, VARIED = "nokernel", "SE-Emp2"  # the net without prediction; the pair whose columns and alpha are varied
COLUMNS = (1, 5, N_COLUMNS, 25, MANY)
BACKENDS = ("auto", "numpy")
# The choices of alpha in layer 1 and in layer 2, whose units have no places.
ALPHA = {
    "uniform": ("uniform", "uniform"),
    "strided": ("strided", "uniform"),
    "farthest": ("farthest", "uniform"),
    "windowed": ("windowed", "uniform"),
    "cholesky": ("cholesky", "cholesky"),
    "leverage": ("leverage", "leverage"),
    "variance": ("variance", "variance"),
}
SEEN = "Before these runs, test errors of this setting had been seen for up to three seeds."


def _recipe(
    rates: Mapping[str, float], label: str, proportion: float, seed: int, n_columns: int, **also: Any
) -> Recipe:
    """A run at the rate of its label, or at the first records' if none is chosen yet."""
    profile = profile_at(rates.get(label, FINE_TUNING.learning_rate))
    return recipe_of(profile, label, proportion, seed, n_columns, **also)


def _full(rates: Mapping[str, float], seeds: int) -> list[Recipe]:
    return [_recipe(rates, FULL, 1.0, seed, 1) for seed in range(seeds)]


def kind_recipes(finished: Finished) -> list[Recipe]:
    """All kinds with ten columns. Of kind ae, the variant that validation images chose and the paper's."""
    tried = finished("figure4-rates")
    rates, ae = chosen_rates(tried), (chosen_ae(tried), "SE-AE shared")
    labels = dict.fromkeys(label for pair in PAIRS if pair != FULL for label in (ae if pair == "SE-AE" else (pair,)))
    return _full(rates, DECIDING) + [
        _recipe(rates, label, proportion, seed, N_COLUMNS)
        for seed in range(DECIDING)
        for label in labels
        for proportion in PROPORTIONS
        if seed < OTHERS or proportion in FEW
    ]


def column_recipes(finished: Finished) -> list[Recipe]:
    """SE-Emp2 with 1 to 50 columns; ten seeds where the sentence on 95 % of the weights is judged."""
    rates = chosen_rates(finished("figure4-rates"))
    return _full(rates, DECIDING) + [
        _recipe(rates, VARIED, proportion, seed, n_columns)
        for seed in range(DECIDING)
        for n_columns in COLUMNS
        for proportion in PROPORTIONS
        if seed < OTHERS or (n_columns, proportion) == (MANY, ALMOST)
    ]


def alpha_recipes(finished: Finished) -> list[Recipe]:
    """SE-Emp2 with 50 columns and every choice of alpha; ten seeds where variance is judged against uniform."""
    rates = chosen_rates(finished("figure4-rates"))
    return _full(rates, DECIDING) + [
        _recipe(rates, VARIED, proportion, seed, MANY, **({} if name == "uniform" else {"alpha": list(choices)}))
        for seed in range(DECIDING)
        for name, choices in ALPHA.items()
        for proportion in FEW
        if seed < OTHERS or (proportion == ALMOST and name in ("uniform", "variance"))
    ]


def rounding_recipes(finished: Finished) -> list[Recipe]:
    """The best pairs by two backends."""
    rates = chosen_rates(finished("figure4-rates"))
    return [
        _recipe(rates, label, ALMOST, seed, N_COLUMNS, backend=backend)
        for seed in range(OTHERS)
        for label in BEST
        for backend in BACKENDS
    ]


def author_recipes(_: Finished) -> list[Recipe]:
    """The authors' constants, with fewer pairs and proportions than the profile has."""
    labels = (FULL, *BEST, "Emp-Emp", "RandCon-RandCon")
    return recipes(replace(PROFILES["authors"], labels=labels, proportions=PROPORTIONS, seeds=OTHERS))


def columns_of(record: Record) -> str:
    """The number of columns in words; the label of a net without prediction."""
    label, n = label_of(record), record["recipe"]["n_columns"]
    return label if label == FULL else f"{n} column{'s' * (n > 1)}"


def alpha_of(record: Record) -> str:
    """The name of the choice of alpha; the label of a net without prediction."""
    if label_of(record) == FULL:
        return FULL
    kept = tuple(record["recipe"].get("alpha", ALPHA["uniform"]))
    return next(name for name, choices in ALPHA.items() if choices == kept)


def _errors(records: Sequence[Record], line: str, proportion: float, of: Callable[[Record], str]) -> dict[int, float]:
    """Test errors by seed of a line at one proportion."""
    return errors_by_seed(r for r in records if of(r) == line and r["recipe"]["proportion"] == proportion)


def _no_drop(records: Sequence[Record], line: str, of: Callable[[Record], str]) -> str:
    """The sentence "more than 95% of the weights ... without any drop in accuracy", of a line at `ALMOST`."""
    ours, full = _errors(records, line, ALMOST, of), _errors(records, FULL, 1.0, of)
    judged = judge(ours, full, NO_DROP["mnist"])
    share = [1 - learned(r) for r in records if of(r) == line and r["recipe"]["proportion"] == ALMOST]
    if not ours or not full:
        return f"**{judged.outcome}**: there are no runs of {line} at {ALMOST} beside {FULL}."
    return (
        f"**{judged.outcome}** for {line}: {mean(ours.values()):.2%} with {share[0]:.1%} of all parameters predicted, "
        f"{mean(full.values()):.2%} with none: {judged}; no drop is less than {100 * NO_DROP['mnist']:.1f} points."
    )


def kind_verdict(records: Sequence[Record]) -> str:
    """Whether SE-Emp and SE-Emp2 err less than every other pair with few parameters, each by the rule of a gain."""
    rivals = [label for label in LABELS if label not in (*BEST, FULL) and any(label_of(r) == label for r in records)]
    judged = {
        (best, rival, p): judge(_errors(records, best, p, label_of), _errors(records, rival, p, label_of), GAIN)
        for p in FEW
        for best in BEST
        for rival in rivals
    }
    outcomes = Counter(str(each.outcome) for each in judged.values())
    counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    closest = sorted(judged, key=lambda key: -judged[key].high)[:3]
    said = [f"{best} against {rival} at {p:.3g} {judged[best, rival, p]}" for best, rival, p in closest]
    outcome = together(judged.values())
    return f"**{outcome}**: of {len(judged)} gains {counts or 'none'}. The closest: {'; '.join(said)}."


def column_verdict(records: Sequence[Record]) -> str:
    """Whether 95 % of all parameters are predicted at no loss with 50 columns."""
    return f"{_no_drop(records, f'{MANY} columns', columns_of)} {SEEN}"


def alpha_verdict(records: Sequence[Record]) -> str:
    """Whether alpha by variance is a gain over the paper's uniform alpha, and costs no accuracy."""
    ours, theirs = (_errors(records, name, ALMOST, alpha_of) for name in ("variance", "uniform"))
    gain = judge(ours, theirs, GAIN)
    said = f"variance against uniform at {ALMOST}: a gain is {gain.outcome}, {gain}"
    return f"{said}. Against the full net: {_no_drop(records, 'variance', alpha_of)} {SEEN}"


def author_verdict(records: Sequence[Record]) -> str:
    """Both sentences with the authors' constants."""
    return f"{kind_verdict(records)}\n\n{_no_drop(records, VARIED, label_of)}"


def alpha_figure(records: Sequence[Record]) -> Figure:
    """The choices side by side: mean test error with bars from best to worst seed, a colour a proportion."""
    drawn = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = drawn.subplots()
    names = [name for name in ALPHA if any(alpha_of(record) == name for record in records)]
    for number, p in enumerate(FEW):
        found = {place: list(_errors(records, name, p, alpha_of).values()) for place, name in enumerate(names)}
        found = {place: errors for place, errors in found.items() if errors}
        means = [mean(errors) for errors in found.values()]
        low = [m - min(errors) for m, errors in zip(means, found.values(), strict=True)]
        high = [max(errors) - m for m, errors in zip(means, found.values(), strict=True)]
        places = [place + 0.2 * (number - 0.5) for place in found]
        axes.errorbar(places, means, (low, high), fmt="os"[number], capsize=3, label=f"{p:.3g} learned")
    if full := _errors(records, FULL, 1.0, alpha_of).values():
        axes.axhline(mean(full), color="black", linestyle="--", linewidth=1, label=f"{FULL} ({mean(full):.2%})")
        axes.axhspan(min(full), max(full), color="black", alpha=0.12, linewidth=0)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="Test error", title=f"{VARIED}, {MANY} columns: which weights are kept?")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3, axis="y")
    axes.legend()
    return drawn


def rounding_summary(records: Sequence[Record]) -> str:
    """Test error of each seed by each backend: what rounding alone changes, beside what the seed does."""
    by = {backend: [r for r in records if r["recipe"]["backend"] == backend] for backend in BACKENDS}
    rows, apart = [], []
    for label in BEST:
        one, other = (_errors(by[backend], label, ALMOST, label_of) for backend in BACKENDS)
        for seed in sorted(one.keys() & other.keys()):
            apart.append(abs(one[seed] - other[seed]))
            rows.append([f"{label}, seed {seed}", f"{one[seed]:.2%}", f"{other[seed]:.2%}"])
    most = f"Rounding alone changes a test error by up to {100 * max(apart, default=0):.2f} points"
    said = most if apart else "No pair of runs yet"
    return markdown(["same recipe, backend", *BACKENDS], rows) + f"\n\n{said}; {cost(records)}."


def _part(title: str, made: Callable[[Finished], list[Recipe]], summary: Callable[..., str], **more: Any) -> Part:
    defaults: dict[str, Any] = {"folder": "figure4", "needs": ("figure4-rates",)}
    told: dict[str, Any] = {"title": f"Figure 4 (left): {title}", "recipes": made, "summary": summary}
    return Part(run=run, epochs=epochs, seconds=seconds, **told, **(defaults | more))


def _by_kind(records: Sequence[Record]) -> str:
    return error_summary(records, LABELS, "test error, layer 1 - layer 2")


def _by_columns(records: Sequence[Record]) -> str:
    return error_summary(records, _COLUMN_LINES, f"test error, {VARIED}", columns_of)


def _by_alpha(records: Sequence[Record]) -> str:
    return error_summary(records, (FULL, *ALPHA), f"test error, {VARIED}, {MANY} columns", alpha_of)


def _kinds_drawn(records: Sequence[Record]) -> Figure:
    return error_figure(records, LABELS, FULL, "MLP on MNIST: which dictionary predicts the weights best?")


def _columns_drawn(records: Sequence[Record]) -> Figure:
    return error_figure(records, _COLUMN_LINES, FULL, f"MLP on MNIST: {VARIED} with more columns", columns_of)


_COLUMN_LINES = (FULL, *(f"{n} column{'s' * (n > 1)}" for n in COLUMNS))
PARTS = {
    "figure4-kinds": _part(
        "kinds", kind_recipes, _by_kind, figures={"figure4-kinds": _kinds_drawn}, verdict=kind_verdict
    ),
    "figure4-columns": _part(
        "columns", column_recipes, _by_columns, figures={"figure4-columns": _columns_drawn}, verdict=column_verdict
    ),
    "figure4-alpha": _part(
        "choices of alpha", alpha_recipes, _by_alpha, figures={"figure4-alpha": alpha_figure}, verdict=alpha_verdict
    ),
    "figure4-rounding": _part("rounding", rounding_recipes, rounding_summary),
    "figure4-authors": _part(
        "the authors' constants",
        author_recipes,
        _by_kind,
        folder="figure4-authors",
        figures={"figure4-authors": _kinds_drawn},
        verdict=author_verdict,
        needs=(),
    ),
}
