"""Where the errors of a tensor are."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest

from pp_ref.oracle.reports.error_map import EDGES, LEVELS, SQUARES, error_map
from pp_ref.oracle.verdict.findings import TensorVerdict


def tensor(errors, name="dv"):
    """The verdict on a tensor with these errors."""
    errors = np.asarray(errors, dtype=float)
    wrong = ~(errors <= 1)
    at = tuple(int(i) for i in np.unravel_index(np.argmax(np.nan_to_num(errors, nan=math.inf)), errors.shape))
    return TensorVerdict(
        name, errors.shape, math.inf, 9.0, at, wrong=int(wrong.sum()), errors=tuple(errors.ravel().tolist())
    )


def squares(drawn):
    """The level of each square, from the runs that are drawn; each square is drawn once."""
    found = {}
    for path in drawn.iter("path"):
        if path.get("class").startswith("level"):
            runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path.get("d"))
            assert "".join("M{} {}h{}v1h-{}z".format(*run) for run in runs) == path.get("d")
            for x, y, width, back in (map(int, run) for run in runs):
                assert width == back
                for column in range(x, x + width):
                    assert (y, column) not in found
                    found[y, column] = int(path.get("class")[-1])
    return found


def dots(drawn):
    (path,) = (path for path in drawn.iter("path") if path.get("class") == "dots")
    return {(int(y), int(x)) for x, y in re.findall(r"M(\d+)\.5 (\d+)\.5h0", path.get("d"))}


def frame(drawn):
    return [(int(rect.get("y")), int(rect.get("x"))) for rect in drawn.iter("rect")]


def texts(drawn):
    return [text.text for text in drawn.iter("text")]


def test_each_power_of_ten_has_a_level():
    edges = np.array(EDGES)
    errors = np.stack([edges, np.nextafter(edges, np.inf)])
    levels = squares(error_map(tensor(errors)))
    for x in range(len(EDGES)):
        assert levels[0, x] == x
        assert levels[1, x] == x + 1
    assert len(LEVELS) == len(EDGES) + 1


@pytest.mark.parametrize(
    ("error", "level", "is_wrong"),
    [(0.0, 0, False), (1.0, 3, False), (np.nextafter(1, 2), 4, True), (math.inf, 7, True), (math.nan, 7, True)],
)
def test_what_is_wrong_has_a_dot(error, level, is_wrong):
    drawn = error_map(tensor([[0.5, error]]))
    assert squares(drawn)[0, 1] == level
    assert ((0, 1) in dots(drawn)) == is_wrong
    assert (0, 0) not in dots(drawn)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (2, 2, 2, 3), (1, 1), (48, 48)])
def test_a_small_tensor_is_drawn_entry_by_entry(shape):
    errors = 10.0 ** np.random.default_rng(0).uniform(-5, 5, shape)
    drawn = error_map(tensor(errors))
    unfolded = errors.reshape(-1, shape[-1])
    levels = squares(drawn)
    assert levels.keys() == set(np.ndindex(*unfolded.shape))
    for at, level in levels.items():
        assert level == sum(unfolded[at] > edge for edge in EDGES)
    assert dots(drawn) == {at for at in levels if unfolded[at] > 1}
    assert frame(drawn) == [np.unravel_index(np.argmax(unfolded), unfolded.shape)]
    assert "Each square" not in drawn.get("aria-label")


@pytest.mark.parametrize("shape", [(49, 3), (3, 49), (100, 97), (500,), (20, 10, 130)])
@pytest.mark.parametrize("value", [2.0, math.inf, math.nan])
def test_of_a_large_tensor_no_wrong_entry_is_lost(shape, value):
    rng = np.random.default_rng(1)
    for place in (0, -1, int(rng.integers(math.prod(shape)))):
        errors = np.full(shape, 0.5)
        errors.ravel()[place] = value
        drawn = error_map(tensor(errors))
        levels = squares(drawn)
        rows, columns = (1 + max(at[axis] for at in levels) for axis in (0, 1))
        assert max(rows, columns) <= SQUARES
        assert len(levels) == rows * columns
        assert len(dots(drawn)) == 1
        assert frame(drawn) == list(dots(drawn))
        assert "Each square is the largest of up to" in drawn.get("aria-label")


def test_the_axes_have_their_indices():
    assert texts(error_map(tensor(np.zeros((2, 3)) + 2))) == ["axis 1", "0", "1", "2", "axis 0", "0", "1"]
    assert texts(error_map(tensor([2.0, 0.0]))) == ["axis 0", "0", "1"]
    drawn = texts(error_map(tensor(np.zeros((2, 3, 4)) + 2)))
    assert drawn == ["axis 2", "0", "1", "2", "3", "axes 0 to 1", "0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]


def test_a_reduced_axis_says_where_its_squares_begin():
    drawn = error_map(tensor(np.zeros((3, 100)) + 2))
    columns = [int(text) for text in texts(drawn)[1:-4]]
    assert columns[0] == 0
    assert all(column % 3 == 0 for column in columns)  # 100 columns in 34 squares of three
    assert len(set(np.diff(columns))) == 1


@pytest.mark.parametrize("shape", [(3, 48), (3, 30_000), (48, 3), (40, 50, 60, 2)])
def test_indices_do_not_overlap(shape):
    drawn = error_map(tensor(np.zeros(shape) + 2))
    places = {anchor: [] for anchor in ("middle", "end")}
    for text in drawn.iter("text"):
        if text.get("text-anchor"):
            places[text.get("text-anchor")].append((float(text.get("x")), float(text.get("y")), len(text.text)))
    for (x, _, length), (after, _, next_length) in pairwise(places["middle"]):
        assert after - x > 0.6 * 11 * (length + next_length) / 2
    for (_, y, _), (_, below, _) in pairwise(places["end"]):
        assert below - y >= 1.5 * 11
    assert all(x - 0.6 * 11 * length >= 11 for x, _, length in places["end"])  # beside the title


def test_a_number_alone_is_one_square():
    drawn = error_map(TensorVerdict("y", (), 2.0, 9.0, (), wrong=1, errors=(2.0,)))
    assert squares(drawn) == {(0, 0): 4}
    assert dots(drawn) == {(0, 0)}
    assert texts(drawn) == []


@pytest.mark.parametrize("errors", [None, ()])
def test_without_errors_there_is_no_map(errors):
    assert error_map(TensorVerdict("y", (0, 4), 0.0, 0.0, errors=errors)) is None


def test_the_map_is_said_in_words():
    drawn = error_map(tensor([[0.5, 3.0], [9.0, 0.1]]))
    said = "Error over bound of dv (2, 2): 2 of 4 entries are wrong, the worst at (1, 0)."
    assert drawn.get("role") == "img"
    assert drawn.get("aria-label") == drawn.find("title").text == said
