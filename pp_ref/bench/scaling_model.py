"""How far a step would scale: the measured record of `scaling`, continued to many machines by a model of a network.

A message takes latency + bytes / bandwidth (`training.network_model`). Both numbers are fitted to the communication
times of each network, and so is the time of an example to the computation times. The interval is that of the fit alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t

from pp_ref.bench.record import Record
from pp_ref.bench.scaling import SHARED, SMALL_SHARE
from pp_ref.records import markdown
from pp_ref.training import ring_allreduce_seconds, speed_up, tree_allreduce_seconds

__all__ = ["EXAMPLES", "LARGEST", "Link", "best", "draw", "gains", "links", "table"]

EXAMPLES, LARGEST = 100_000, 10_000  # of a step, on all machines together; machines
DEAN = ((81, 12.0), (128, 14.0))  # machines, and how many times faster (Dean et al. in the paper's introduction)
LEVEL = 0.95
SHAPES: dict[str, Callable[..., float]] = {"tree": tree_allreduce_seconds, "ring": ring_allreduce_seconds}


class Link(NamedTuple):
    """A network as the fit sees it: seconds of a message, seconds of a byte, and half their intervals."""

    latency: float
    byte: float
    latency_half: float
    byte_half: float

    def at(self, sign: int) -> tuple[float, float]:
        """Latency and bandwidth of the fit (0), of the interval's fast end (-1) or of its slow end (1)."""
        latency, byte = self.latency + sign * self.latency_half, self.byte + sign * self.byte_half
        return max(latency, 0.0), 1 / max(byte, self.byte / 100)  # no network is a hundred times faster than measured


def links(record: Record) -> dict[str, Link]:
    """Return what was fitted to each network of two ranks: a step sends one message up the tree and one down."""
    found = {}
    for block in record["measured"]:
        if block["ranks"] == 2 and block["network"] != SHARED:
            sizes = np.array([each["bytes_a_step"] / 2 for each in block["rows"]])
            seconds = np.array([each["communication_s"] / 2 for each in block["rows"]])
            found[block["network"]] = _fit(sizes, seconds)
    return found


def _fit(sizes: NDArray[Any], seconds: NDArray[Any]) -> Link:
    """Least squares of seconds = latency + byte * size, and Student's interval; relative errors count alike."""
    A = np.stack([np.ones_like(sizes), sizes], axis=1) / seconds[:, None]
    (latency, byte), *_ = np.linalg.lstsq(A, np.ones_like(seconds), rcond=None)
    free = len(sizes) - 2
    left = float(np.sum((A @ [latency, byte] - 1) ** 2)) / free if free > 0 else 0.0
    half = t.ppf((1 + LEVEL) / 2, free) * np.sqrt(left * np.diag(np.linalg.inv(A.T @ A))) if free > 0 else (0.0, 0.0)
    return Link(max(float(latency), 0.0), float(byte), float(half[0]), float(half[1]))


def gains(record: Record, link: Link, proportion: float, shape: str, sign: int = 0) -> NDArray[Any]:
    """Return how many times faster 1 to `LARGEST` machines are than one; the machines are `_machines()`."""
    alone = next(block for block in record["measured"] if block["ranks"] == 1)
    (one,) = (each for each in alone["rows"] if each["proportion"] == proportion)
    (two,) = (each for each in record["measured"][1]["rows"] if each["proportion"] == proportion)
    compute = one["computation_s"] * EXAMPLES / record["settings"]["batch"]
    latency, bandwidth = link.at(sign)
    size = two["bytes_a_step"] / 2
    return np.array([speed_up(compute, SHAPES[shape](latency, bandwidth, size, p), p) for p in _machines()])


def _machines() -> list[int]:
    return sorted({int(p) for p in np.geomspace(1, LARGEST, 200).round()})


def best(record: Record, link: Link, proportion: float, shape: str, sign: int = 0) -> tuple[int, float]:
    """Return with how many machines a step is fastest, and how many times faster than on one."""
    found = gains(record, link, proportion, shape, sign)
    return _machines()[int(found.argmax())], float(found.max())


def table(record: Record) -> str:
    """Return where the full and the predicted net stop gaining, a row for each network and order of adding."""
    rows = []
    for name, link in links(record).items():
        for shape in SHAPES:
            cells = []
            for proportion in (1.0, SMALL_SHARE):
                ends = [best(record, link, proportion, shape, sign) for sign in (0, 1, -1)]
                (machines, gain), (_, low), (_, high) = ends
                most = "at least " if machines == LARGEST else ""
                cells.append(f"{most}{machines:,}, {gain:.1f}x ({low:.1f} to {high:.1f})")
            rows.append([f"{name}, {shape}", f"{1e6 * link.latency:.0f}", f"{1e-6 / link.byte:.0f}", *cells])
    heads = ["network", "latency, µs", "MB/s", "full net gains up to", f"{SMALL_SHARE:.0%} learned gains up to"]
    return markdown(heads, rows)


def draw(record: Record) -> Figure:
    """Return the figure: a panel for each network, the speed-up of the full and of the predicted net."""
    found, machines = links(record), _machines()
    figure = Figure(figsize=(4.2 * len(found), 4.2), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (name, link) in zip(panels, found.items(), strict=True):
        for number, proportion in enumerate((1.0, SMALL_SHARE)):
            label = "full net" if proportion == 1 else f"{proportion:.0%} learned"
            for shape, line in (("tree", "-"), ("ring", "--")):
                axes.plot(
                    machines,
                    gains(record, link, proportion, shape),
                    line,
                    color=f"C{number}",
                    label=f"{label}, {shape}",
                )
            slow, fast = (gains(record, link, proportion, "tree", sign) for sign in (1, -1))
            axes.fill_between(machines, slow, fast, color=f"C{number}", alpha=0.2, linewidth=0)
        axes.plot(*zip(*DEAN, strict=True), "k^", label="Dean et al.")
        axes.plot(machines, machines, ":", color="0.6", linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="machines", title=name, ylim=(0.1, LARGEST))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("times faster than one machine")
    panels[0].legend(fontsize=7, loc="upper left")
    return figure
