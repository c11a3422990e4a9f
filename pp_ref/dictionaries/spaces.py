"""Where each weight sits: the domain on which a feature is a function (sec. 3, "w : W -> R").

A space is a lattice of *sites*, over which features may be smooth, times uncorrelated *channels*. Weights are numbered
in C order of ``shape``, channels last: ``i = site * channels + channel``.
"""

from dataclasses import asdict, dataclass, fields
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DomainError, check_known

__all__ = ["Frames", "Grid", "Space", "Units", "space_from_json"]


@dataclass(frozen=True)
class _Lattice:
    def __post_init__(self) -> None:
        for field in fields(self):
            size = getattr(self, field.name)
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise DomainError(f"{field.name} of {type(self).__name__} is {size!r}, expected an integer >= 1")
            object.__setattr__(self, field.name, int(size))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes of a feature before it is flattened in C order, channels last."""
        raise NotImplementedError

    @property
    def sites(self) -> tuple[int, ...]:
        """Sizes of the axes along which neighbours resemble each other; () if there are none."""
        return self.shape[:-1]

    @property
    def channels(self) -> int:
        """Number of uncorrelated values at each site."""
        return self.shape[-1]

    @property
    def size(self) -> int:
        """d, the number of weights of one feature."""
        return prod(self.shape)

    def points(self) -> NDArray[np.float64]:
        """(d, axes) float64: row i is the position of weight i along each axis of ``shape``, channel last."""
        return _lattice_points(self.shape)

    def site_points(self) -> NDArray[np.float64]:
        """(d / channels, axes - 1) float64: row s is the position of site s, in pixels or frames."""
        return _lattice_points(self.sites)

    def to_json(self) -> dict[str, Any]:
        """``{"type": class name, field: size, ...}``, which `space_from_json` takes."""
        return {"type": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Grid(_Lattice):
    """Pixels of an image patch, i = (iy, ix, ic); flattened as (height, width, channels). Units: pixels.

    Examples
    --------
    >>> from pp_ref.dictionaries import Grid
    >>> Grid(28, 28, 3).size
    2352
    >>> Grid(2, 2).points()  # row, column and channel of each weight
    array([[0., 0., 0.],
           [0., 1., 0.],
           [1., 0., 0.],
           [1., 1., 0.]])
    """

    height: int
    width: int
    channels: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)


@dataclass(frozen=True)
class Frames(_Lattice):
    """A window of speech frames, i = (frame, coefficient); flattened as (frames, coefficients). Units: frames.

    Coefficients are channels: the cosine transform decorrelates cepstra, so a smooth covariance joins frames only. Use
    ``Grid(frames, bands)`` if neighbouring coefficients resemble each other (filter-bank energies).

    Examples
    --------
    >>> from pp_ref.dictionaries import Frames
    >>> window = Frames(11, 39)  # 5 frames to each side, 39 coefficients each
    >>> window.size
    429
    >>> window.sites, window.channels
    ((11,), 39)
    """

    frames: int
    coefficients: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, coefficients)."""
        return (self.frames, self.coefficients)


@dataclass(frozen=True)
class Units(_Lattice):
    """n hidden units in no particular order. They have no positions, so the smooth kinds cannot be used.

    Examples
    --------
    >>> from pp_ref.dictionaries import Units
    >>> hidden = Units(500)
    >>> hidden.size, hidden.sites
    (500, ())
    """

    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,): every unit is a channel of a single site."""
        return (self.n,)


Space = Grid | Frames | Units
_SPACES: dict[str, type[Space]] = {"Grid": Grid, "Frames": Frames, "Units": Units}


def space_from_json(description: dict[str, Any]) -> Space:
    """The space that ``space.to_json()`` described.

    raises  DomainError for a type that does not exist
    """
    sizes = {name: size for name, size in description.items() if name != "type"}
    check_known("space type", description.get("type"), _SPACES)
    return _SPACES[description["type"]](**sizes)


def _lattice_points(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.indices(shape).reshape(len(shape), prod(shape)).T.astype(np.float64)
