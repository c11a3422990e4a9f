"""Windows along one axis and their adjoint, for convolution, pooling and local normalisation.

A window of a height and a width is a window along the width of a window along the height. So the layers slide along one
axis after the other, and copy or add size + size slices instead of size x size.
"""

from collections.abc import Sequence

from pp_ref.arrays import Array, array_namespace

__all__ = ["blocks", "count_windows", "overlap_add", "pad", "take", "windows"]


def count_windows(extent: int, size: int, stride: int, ceil: bool = False) -> int:
    """Return the number of windows, 1 + (extent - size) / stride, rounded down.

    extent   length of the axis with its padding, at least size
    ceil     round up: a last window may reach over the edge if it begins inside
    returns  int >= 1

    Examples
    --------
    >>> from pp_ref.layers import count_windows
    >>> count_windows(5, size=2, stride=2)
    2
    >>> count_windows(5, size=2, stride=2, ceil=True)
    3
    """
    over = stride - 1 if ceil else 0
    return min(1 + (extent - size + over) // stride, 1 + (extent - 1) // stride)


def blocks(n: int, entries: int, buffer: int) -> list[slice]:
    """Cut a batch of n images into blocks of at most ``buffer`` entries, with ``entries`` per image.

    An image larger than the buffer is a block by itself.
    """
    step = max(1, buffer // max(entries, 1))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def take(v: Array, axis: int, start: int, stop: int, step: int = 1) -> Array:
    """v[start:stop:step] along one axis."""
    return v[(*[slice(None)] * axis, slice(start, stop, step), ...)]


def pad(v: Array, axis: int, before: int, after: int, fill: float = 0.0) -> Array:
    """v with ``before`` and ``after`` entries of ``fill`` at the ends of an axis; v itself if there are none."""
    if not before and not after:
        return v
    xp = array_namespace(v)
    edges = [xp.full((*v.shape[:axis], size, *v.shape[axis + 1 :]), fill, dtype=v.dtype) for size in (before, after)]
    return xp.concat([edges[0], v, edges[1]], axis=axis)


def windows(v: Array, axis: int, size: int, stride: int, count: int) -> list[Array]:
    """Return ``size`` slices of v: the first entry of every window along an axis, the second of every window, ..."""
    return [take(v, axis, at, at + stride * (count - 1) + 1, stride) for at in range(size)]


def overlap_add(parts: Sequence[Array], axis: int, stride: int, extent: int) -> Array:
    """The adjoint of `windows`: each entry of an axis of length ``extent`` is the sum over the windows that read it.

    parts    the first entry of every window, the second of every window, ...
    extent   length of the axis that the windows were taken from
    """
    xp = array_namespace(parts[0])
    shape, count = parts[0].shape, parts[0].shape[axis]
    total = xp.zeros((*shape[:axis], extent, *shape[axis + 1 :]), dtype=parts[0].dtype)
    for at, part in enumerate(parts):
        total[(*[slice(None)] * axis, slice(at, at + stride * (count - 1) + 1, stride), ...)] += part
    return total
