"""One utterance of a run of Figure 4 (right): its spectrogram, the net's posteriors, the best path and the truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pp_ref.data.phones import PHONES_39
from pp_ref.data.timit import RATE
from pp_ref.errors import DomainError
from pp_ref.experiments.run_store import Record
from pp_ref.experiments.speech_runs import DATA
from pp_ref.features import CONVENTIONS

__all__ = ["KINDS", "draw_utterance"]

KINDS = ("posteriors", "path", "truth")


def draw_utterance(record: Record, name: str) -> Figure:
    """Draw an utterance whose posteriors the record has: that is the first sentence of each tested speaker.

    record  with arrays
    name    of the utterance, such as "fvmh0-si1466"
    raises  DomainError if the record has no such utterance; DataError if its sound is not on this machine
    """
    arrays: Mapping[str, NDArray[Any]] = record.get("arrays") or {}
    known = sorted({key.partition("/")[0] for key in arrays if "/" in key})
    if name not in known:
        raise DomainError(
            f"utterance is {name!r}, expected one whose posteriors the record has: {', '.join(known) or 'it has none'}"
        )
    posteriors, path, truth = (arrays[f"{name}/{kind}"] for kind in KINDS)
    recipe = record["recipe"]
    sound = next(each.sound for each in DATA[recipe["data"]](recipe).test if each.name == name)
    settings = CONVENTIONS[recipe["features"]["convention"]]
    seconds = settings.centres(len(sound)) / RATE
    step = settings.hop / RATE

    drawn = Figure(figsize=(11, 8), layout="constrained")
    top, middle, bottom = drawn.subplots(3, 1, sharex=True, height_ratios=(3, 5, 1))
    top.specgram(sound + 1e-3, NFFT=settings.window, Fs=RATE, noverlap=settings.window - settings.hop, cmap="Greys")
    top.set(ylabel="Hz", title=f"{name}, {recipe['label']} at {recipe['proportion']:.3g}")
    edges = (seconds[0] - step / 2, seconds[-1] + step / 2)
    middle.imshow(
        posteriors.T / 255,
        cmap="Greys",
        aspect="auto",
        interpolation="nearest",
        extent=(*edges, len(PHONES_39) - 0.5, -0.5),
    )
    middle.plot(seconds, path, "C1.", markersize=2, label="best path")
    middle.plot(seconds, truth, "C0.", markersize=1, label="truth")
    middle.set_yticks(range(len(PHONES_39)), PHONES_39, fontsize=6)
    middle.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0)
    for row, (labels, colour) in enumerate(((path, "C1"), (truth, "C0"))):
        _strip(bottom, seconds - step / 2, labels, row, colour)
    bottom.set(xlabel="seconds", ylim=(2, 0))
    bottom.set_yticks([0.5, 1.5], ["best path", "truth"])
    return drawn


def _strip(axes: Axes, begins: NDArray[np.float64], labels: NDArray[Any], row: int, colour: str) -> None:
    """Write each run of a label once, with a line at its beginning."""
    at = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    for begin, end in zip(at, np.r_[at[1:], len(labels)], strict=True):
        axes.vlines(begins[begin], row, row + 1, color=colour, linewidth=0.5)
        middle = (begins[begin] + begins[end - 1]) / 2
        axes.text(middle, row + 0.5, PHONES_39[labels[begin]], fontsize=5, ha="center", va="center")
