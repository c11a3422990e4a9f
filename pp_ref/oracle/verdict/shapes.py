"""What is wrong with the shape of a result, in words."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pp_ref.oracle.verdict.evidence import Evidence

__all__ = ["shaped"]

Count = Callable[[int, int, int, int, bool], int]


def _inside(extent: int, size: int, stride: int, padding: int, ceil: bool) -> int:
    """Windows of which each begins inside, as the definitions have them."""
    last = [i for i in range(0, extent, stride) if i + size <= extent or (ceil and i - stride + size < extent)]
    return len(last) if not padding else max((extent + 2 * padding - size) // stride + 1, 0)


# How many windows an extent has, counted in another way: identifier, words, and the number.
COUNTS: dict[str, tuple[str, Count]] = {
    "floor": (
        "windows counted by floor, where ceil is asked",
        lambda extent, size, stride, padding, ceil: _inside(extent, size, stride, padding, False),
    ),
    "ceil": (
        "windows counted by ceil, where floor is asked",
        lambda extent, size, stride, padding, ceil: _inside(extent, size, stride, padding, True),
    ),
    "begins outside": (
        "a last window that begins outside the image",
        lambda extent, size, stride, padding, ceil: (
            -(-(extent + 2 * padding - size) // stride) + 1 if ceil else _inside(extent, size, stride, padding, ceil)
        ),
    ),
    "no padding": ("no padding", lambda extent, size, stride, padding, ceil: max((extent - size) // stride + 1, 0)),
    "padding at one end": (
        "padding at one end alone",
        lambda extent, size, stride, padding, ceil: max((extent + padding - size) // stride + 1, 0),
    ),
    "no stride": (
        "a stride of 1",
        lambda extent, size, stride, padding, ceil: _inside(extent, size, 1, padding, ceil),
    ),
    "exchanged": (
        "windows of the stride, as far apart as the size",
        lambda extent, size, stride, padding, ceil: _inside(extent, stride, size, padding, ceil),
    ),
    "same": (
        "as many pixels as the image, over the stride",
        lambda extent, size, stride, padding, ceil: -(-extent // stride),
    ),
    "every start": (
        "a window at every multiple of the stride inside the image",
        lambda extent, size, stride, padding, ceil: len(range(0, extent, stride)),
    ),
    "full": (
        "every window that touches the image",
        lambda extent, size, stride, padding, ceil: max((extent + 2 * (size - 1) - size) // stride + 1, 0),
    ),
    "one short": (
        "one window too few",
        lambda extent, size, stride, padding, ceil: max(_inside(extent, size, stride, padding, ceil) - 1, 0),
    ),
    "one long": (
        "one window too many",
        lambda extent, size, stride, padding, ceil: _inside(extent, size, stride, padding, ceil) + 1,
    ),
}


def shaped(wrong: Sequence[Evidence], passed: Sequence[Evidence]) -> tuple[str, str]:
    """Identifier and sentence on results of another shape than is due."""
    each, computed = wrong[0].misshapen[0]
    got, due = computed.shape, each.exact.shape
    example = f"{each.name} has shape {got}, expected {due}, in {wrong[0].case.regime}"
    for key, (words, count) in COUNTS.items():
        pairs = [(item, *item.misshapen[0]) for item in wrong]
        if all(_counted(count, item, x.shape) for item, _, x in pairs) and all(
            _counted(count, item, item.expected[0].exact.shape) for item in passed
        ):
            return f"shape/{key}", f"{each.name} has the shape of {words}: {example}"
    for key, (words, holds) in RELATIONS.items():
        if all(holds(x.shape, e.exact.shape) for item in wrong for e, x in item.misshapen):
            return f"shape/{key}", f"{each.name} {words}: {example}"
    return "shape", example


def _counted(count: Count, item: Evidence, shape: tuple[int, ...]) -> bool:
    arguments = item.case.arguments
    window = _window(arguments)
    if window is None or len(shape) != 4:
        return False
    (height, width), extents = window, next(x for x in arguments.values() if np.ndim(x) == 4).shape[1:3]
    stride, padding, ceil = arguments["stride"], arguments.get("padding", 0), arguments.get("ceil", False)
    due = [count(e, size, stride, padding, ceil) for e, size in zip(extents, (height, width), strict=True)]
    return list(shape[1:3]) == due


def _window(arguments: dict[str, Any]) -> tuple[int, int] | None:
    if "stride" not in arguments:
        return None
    if "size" in arguments:
        return arguments["size"], arguments["size"]
    if "filter_shape" in arguments:
        return tuple(arguments["filter_shape"])
    shape = next(np.shape(arguments[name]) for name in ("W", "u") if name in arguments)
    return shape[0], shape[1]


RELATIONS: dict[str, tuple[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]]] = {
    "axes": ("has its axes in another order", lambda got, due: len(got) == len(due) and sorted(got) == sorted(due)),
    "squeezed": (
        "lacks an axis of length 1",
        lambda got, due: len(got) < len(due) and [n for n in due if n != 1] == [n for n in got if n != 1],
    ),
    "kept": (
        "has an axis of length 1 too many",
        lambda got, due: len(got) > len(due) and [n for n in due if n != 1] == [n for n in got if n != 1],
    ),
    "flat": (
        "has the right number of entries in another shape",
        lambda got, due: int(np.prod(got)) == int(np.prod(due)),
    ),
    "summed": ("lacks an axis", lambda got, due: len(got) == len(due) - 1),
}
