"""Spaces: sizes, flat order, positions, JSON."""

import numpy as np
import pytest

from pp_ref.dictionaries.spaces import Frames, Grid, Units, space_from_json
from pp_ref.errors import DomainError

SPACES = [Grid(3, 4, 2), Grid(5, 7), Frames(4, 3), Units(6)]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_points_follow_the_flat_order(space):
    labels = np.arange(space.size).reshape(space.shape)
    at = space.points().astype(int)
    assert at.shape == (space.size, len(space.shape))
    np.testing.assert_array_equal(labels[tuple(at.T)], np.arange(space.size))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_sites_times_channels_is_every_weight(space):
    sites = space.site_points()
    assert sites.shape == (space.size // space.channels, len(space.sites))
    np.testing.assert_array_equal(np.repeat(sites, space.channels, axis=0), space.points()[:, :-1])


def test_sizes():
    assert [space.size for space in SPACES] == [24, 35, 12, 6]
    assert [space.channels for space in SPACES] == [2, 1, 3, 6]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_json_both_ways(space):
    assert space_from_json(space.to_json()) == space


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None])
def test_a_size_is_a_count(size):
    with pytest.raises(DomainError, match=f"^width of Grid is {size!r}, expected an integer >= 1$"):
        Grid(3, size)


def test_an_unknown_space_is_named():
    with pytest.raises(DomainError, match="^space type is 'Torus', expected one of Grid, Frames, Units$"):
        space_from_json({"type": "Torus", "n": 3})
