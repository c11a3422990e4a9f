"""What the figures share: filters laid out as one image, and files that are whole and always the same."""

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from pp_ref.errors import DataError, ShapeError
from pp_ref.experiments.drawing import filter_grid, save_figure, show_filters
from tests.disk import full_disk


def drawn():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0], label="line")
    return figure


def test_png_and_svg_lie_beside_each_other(tmp_path):
    paths = save_figure(drawn(), tmp_path / "new" / "figure4.left")
    assert [path.name for path in paths] == ["figure4.left.png", "figure4.left.svg"]
    assert set((tmp_path / "new").iterdir()) == set(paths)
    assert matplotlib.image.imread(paths[0]).shape == (150, 300, 4)
    assert paths[1].read_text().rstrip().endswith("</svg>")


def test_the_same_figure_is_the_same_file(tmp_path):
    first, second = (save_figure(drawn(), tmp_path / name) for name in ("first", "second"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_full_disk_keeps_the_figure_before(tmp_path):
    (path, _) = save_figure(drawn(), tmp_path / "figure")
    before = path.read_bytes()
    with full_disk(), pytest.raises(DataError, match="figure.png could not be written: No space left on device"):
        save_figure(Figure(), tmp_path / "figure")
    assert path.read_bytes() == before


def test_filters_by_hand():
    """Three filters of 1 x 2 on two columns: each scaled by its own largest weight, grey 0, white frames."""
    W = np.array([[1.0, -0.5, 0.0], [-1.0, 0.25, 0.0]])
    np.testing.assert_array_equal(
        filter_grid(W, (1, 2), columns=2),
        [
            [1, 1, 1, 1, 1, 1, 1],
            [1, 1, 0, 1, 0, 0.75, 1],
            [1, 1, 1, 1, 1, 1, 1],
            [1, 0.5, 0.5, 1, 1, 1, 1],
            [1, 1, 1, 1, 1, 1, 1],
        ],
    )


def test_a_filter_is_laid_out_as_grid_lays_out_its_weights():
    W = np.zeros((18, 1))
    W[np.ravel_multi_index((1, 2, 0), (2, 3, 3))] = 1  # second row, third pixel, red
    image = filter_grid(W, (2, 3, 3))
    assert image.shape == (4, 5, 3)
    np.testing.assert_array_equal(np.argwhere(image[1:-1, 1:-1] == 1), [[1, 2, 0]])


@pytest.mark.parametrize(("m", "shape"), [(1, (4, 5)), (5, (7, 13)), (9, (10, 13)), (10, (10, 17))])
def test_the_grid_is_about_square(m, shape):
    """Filters of 2 x 3: m = 5 is two rows of three, m = 10 three rows of four."""
    assert filter_grid(np.ones((6, m)), (2, 3)).shape == shape


def test_tiny_weights_of_float32_are_seen_too():
    image = filter_grid(np.full((2, 1), 1e-44, np.float32), (1, 2))
    assert image.dtype == np.float64
    np.testing.assert_array_equal(image[1, 1:3], [1, 1])


@pytest.mark.parametrize("shape", [(2, 2), (6,), (1, 1, 2, 3), (3, 3)])
def test_a_shape_that_does_not_hold_the_weights(shape):
    message = r"^W has 6 weights a filter, but shape \(.*\) holds \d: expected an image of 6"
    with pytest.raises(ShapeError, match=message):
        filter_grid(np.ones((6, 1)), shape)


def test_filters_are_shown_without_ticks():
    axes = Figure().subplots()
    show_filters(axes, np.eye(6), (2, 3))
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), filter_grid(np.eye(6), (2, 3)))
    assert image.get_clim() == (0, 1)
    assert not axes.axison
