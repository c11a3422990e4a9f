"""The times of a record as a figure."""

import numpy as np

from pp_ref.bench.contest import row
from pp_ref.bench.times import times


def test_every_row_has_its_place():
    blocks = [
        {"n": n, "threads": threads, "rows": [row("ours", [n * 1e-3, n * 2e-3, n * 4e-3]), row("peer", [0.1])]}
        for n in (1, 10)
        for threads in (1, 2)
    ]
    figure = times({"what": "v U", "measured": blocks})
    assert [axes.get_title() for axes in figure.axes] == ["1 thread", "2 threads"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["n 1", "n 10"]
    for axes in figure.axes:
        ours, peer = (container.lines[0] for container in axes.containers)
        np.testing.assert_allclose(ours.get_xdata(), [2, 20])
        np.testing.assert_allclose(peer.get_xdata(), [100, 100])
        for place, at in ((0, ours), (0, peer)):
            assert abs(at.get_ydata()[0] - place) < 0.5
        assert ours.get_ydata()[0] < peer.get_ydata()[0]  # side by side
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "peer"]


def test_a_record_without_threads_is_one_panel():
    (axes,) = times({"what": "v U", "measured": [{"rows": [row("copy", [0.1])]}]}).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["step"]
