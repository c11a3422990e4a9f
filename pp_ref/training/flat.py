"""Dynamic parameters as one flat vector, for optimisers and for the messages of a distributed run."""

from dataclasses import dataclass
from math import prod

from pp_ref.arrays import Array, array_namespace, check_arrays
from pp_ref.brief import brief
from pp_ref.errors import ShapeError

__all__ = ["Layout", "flatten"]


@brief
@dataclass(frozen=True)
class Layout:
    """The order and the shapes of named arrays in one vector.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import Layout
    >>> layout = Layout({"W": (1, 2), "b": (1,)})
    >>> layout.views(np.array([1.0, 2.0, 3.0]))
    {'W': array([[1., 2.]]), 'b': array([3.])}
    >>> layout.size
    3
    """

    shapes: dict[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())

    def views(self, vector: Array) -> dict[str, Array]:
        """Return the named arrays as views of the vector: writing to one writes to the other.

        raises  ShapeError if the vector has another length; DomainError as `check_arrays`
        """
        check_arrays(vector=vector)
        if vector.shape != (self.size,):
            raise ShapeError(
                f"vector has shape {tuple(vector.shape)}, expected ({self.size},): {', '.join(self.shapes)}"
            )
        xp = array_namespace(vector)
        named, start = {}, 0
        for name, shape in self.shapes.items():
            named[name] = xp.reshape(vector[start : start + prod(shape)], shape)
            start += prod(shape)
        return named

    def vector(self, named: dict[str, Array]) -> Array:
        """Return one vector with a copy of the named arrays, one after the other.

        raises  ShapeError if a name is missing, unknown, or has another shape; DomainError as `check_arrays`
        """
        check_arrays(**named)
        shapes = {name: tuple(array.shape) for name, array in named.items()}
        if shapes != self.shapes:
            wrong = sorted(set(shapes.items()) ^ set(self.shapes.items()))
            raise ShapeError(
                f"parameters do not fit the layout, first at {wrong[0][0]!r}: {shapes} but expected {self.shapes}"
            )
        xp = array_namespace(*named.values())
        return xp.concat([xp.reshape(named[name], (-1,)) for name in self.shapes])


def flatten(params: dict[str, Array]) -> tuple[Array, Layout]:
    """Return params as one vector, and its layout.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import flatten
    >>> vector, layout = flatten({"W": np.array([[1.0, 2.0]]), "b": np.array([3.0])})
    >>> vector
    array([1., 2., 3.])
    >>> layout
    Layout(shapes={'W': (1, 2), 'b': (1,)})
    """
    check_arrays(**params)
    layout = Layout({name: tuple(array.shape) for name, array in params.items()})
    return layout.vector(params), layout
