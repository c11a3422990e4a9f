"""scikit-learn's two photographs."""

import hashlib

import numpy as np
import pytest

from pp_ref.data import load_photographs
from pp_ref.errors import MissingExtraError


def test_two_colour_photographs():
    pytest.importorskip("sklearn")
    photographs = load_photographs()
    assert (photographs.x.shape, photographs.x.dtype) == ((2, 427, 640, 3), np.uint8)
    assert photographs.digest == hashlib.sha256(photographs.x.tobytes()).hexdigest()
    assert photographs.digest in photographs.source
    assert (photographs.x[0] != photographs.x[1]).any()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match="sklearn.datasets is not installed"):
        load_photographs()
