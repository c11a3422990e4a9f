"""The flattening of images to rows, between convolutional and fully connected layers."""

from math import prod
from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of

__all__ = ["FlattenCache", "flatten_backward", "flatten_forward"]


class FlattenCache(NamedTuple):
    image_shape: tuple[int, int, int]  # (h, w, c)


def flatten_forward(v: Array) -> tuple[Array, FlattenCache]:
    """y[n, (iy w + ix) c + ic] = v[n, iy, ix, ic]: the order of a `Grid` of h x w x c weights.

    v        (n, h, w, c) images
    returns  y (n, h w c), which may share v's memory; cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import flatten_forward
    >>> y, cache = flatten_forward(np.arange(4.0).reshape(1, 2, 2, 1))
    >>> y
    array([[0., 1., 2., 3.]])
    """
    check_axes("n h w c", v=v)
    n, *image_shape = v.shape
    h, w, c = image_shape
    return array_namespace(v).reshape(v, (n, prod(image_shape))), FlattenCache((h, w, c))


def flatten_backward(dy: Array, cache: FlattenCache) -> Array:
    """dv (n, h, w, c): dy (n, h w c) in the shape of the images.

    Derived in docs/derivations.md#flatten.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import flatten_backward, flatten_forward
    >>> y, cache = flatten_forward(np.zeros((1, 2, 2, 1)))
    >>> flatten_backward(np.array([[1.0, 2.0, 3.0, 4.0]]), cache)[0, :, :, 0]
    array([[1., 2.],
           [3., 4.]])
    """
    check_gradient_of(("n", prod(cache.image_shape)), dy=dy)
    return array_namespace(dy).reshape(dy, (dy.shape[0], *cache.image_shape))
