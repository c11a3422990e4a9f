"""CuPy's stand-in under CuPy's name: the launchers run unchanged on the processor."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import array_api_compat
import array_api_compat.numpy
import numpy as np
import pytest
from array_api_compat.common import _helpers

from pp_ref.kernels.gpu import launching
from pp_ref.kernels.gpu.cuda_on_cpu import DeviceArray, StandIn

__all__ = ["standing_in"]


def standard_namespace(stand_in: StandIn) -> Any:
    """CuPy's namespace of the array API: NumPy's functions, but new arrays are on the device."""
    standard = ModuleType("array_api_compat.cupy")
    standard.__dict__.update(vars(array_api_compat.numpy))

    def moved(function: Any) -> Any:
        return lambda *arguments, **more: np.asarray(function(*arguments, **more)).view(DeviceArray)

    standard.asarray, standard.concat = stand_in.asarray, stand_in.concatenate
    for name in ("arange", "empty", "full", "ones", "where", "zeros"):
        setattr(standard, name, moved(getattr(array_api_compat.numpy, name)))
    return standard


@contextmanager
def standing_in(folder: Path) -> Iterator[StandIn]:
    """Code that imports CuPy gets the stand-in."""
    stand_in = StandIn(folder)
    of_numpy = _helpers._cls_to_namespace
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", stand_in)
        standard = standard_namespace(stand_in)
        patch.setitem(sys.modules, "array_api_compat.cupy", standard)
        patch.setattr(array_api_compat, "cupy", standard, raising=False)
        patch.setattr(
            _helpers,
            "_cls_to_namespace",
            lambda kind, *more: (standard, None) if kind is DeviceArray else of_numpy(kind, *more),
        )
        launching.forget()
        try:
            yield stand_in
        finally:
            launching.forget()
