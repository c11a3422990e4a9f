"""The roofline of a record: flops a byte against flops a second (Williams et al., CACM 52:4, 2009)."""

import numpy as np
from matplotlib.figure import Figure

from pp_ref.bench.record import Record

__all__ = ["roofline"]

MARKERS = "osD^vP*X<>hd"


def roofline(record: Record) -> Figure:
    """Return a figure with a panel for each number of threads and a point for each row, by its minimum.

    The roof is the smaller of the product rate and intensity times copy rate, both as measured. Intensity is flops over
    the bytes that cannot be avoided, so a row that moves more bytes than these lies below the roof.
    """
    names = list(dict.fromkeys(row["name"] for block in record["measured"] for row in block["rows"]))
    intensities = [row["flops"] / row["least_bytes"] for block in record["measured"] for row in block["rows"]]
    span = np.geomspace(min(intensities) / 2, max(intensities) * 2, 200)
    figure = Figure(figsize=(5.2 * len(record["limits"]), 4.6), layout="constrained")
    panels = figure.subplots(1, len(record["limits"]), squeeze=False, sharey=True)[0]
    for axes, limits in zip(panels, record["limits"], strict=True):
        peak, bandwidth = limits["peak_gflops"], limits["copy_gb_s"]
        axes.loglog(span, np.minimum(peak, bandwidth * span), "k-", linewidth=1)
        axes.annotate(f"product {peak:.0f} Gflop/s", (span[-1], peak), (0, 3), textcoords="offset points", ha="right")
        axes.annotate(f"copy {bandwidth:.0f} GB/s", (span[0], bandwidth * span[0]), (3, 10), textcoords="offset points")
        rows = [row for block in record["measured"] if block["threads"] == limits["threads"] for row in block["rows"]]
        for number, name in enumerate(names):
            mine = [
                (row["flops"] / row["least_bytes"], row["flops"] / row["min_s"] / 1e9)
                for row in rows
                if row["name"] == name
            ]
            colour, marker = f"C{number % 10}", MARKERS[number % len(MARKERS)]
            axes.plot(*zip(*mine, strict=True), marker, color=colour, markersize=4, label=name)
        axes.set_title(f"{limits['threads']} thread{'s' * (limits['threads'] > 1)}")
        axes.set_xlabel("flops a byte that cannot be avoided")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("Gflop/s")
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=7, loc="outside right upper")
    return figure
