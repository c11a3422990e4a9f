"""scikit-learn's two photographs."""

import hashlib

import numpy as np
import pytest

from pp_ref.data import load_photographs
from pp_ref.errors import DataError, MissingExtraError


def test_two_colour_photographs():
    pytest.importorskip("sklearn")
    photographs = load_photographs()
    assert (photographs.x.shape, photographs.x.dtype) == ((2, 427, 640, 3), np.uint8)
    assert photographs.digest == hashlib.sha256(photographs.x.tobytes()).hexdigest()
    assert photographs.digest in photographs.source
    assert (photographs.x[0] != photographs.x[1]).any()


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match="^scikit-learn is not installed"):
        load_photographs()


def test_a_damaged_file(monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")

    def fail():
        raise SyntaxError("broken JPEG")

    monkeypatch.setattr(datasets, "load_sample_images", fail)
    message = (
        r"^scikit-learn's china.jpg and flower.jpg cannot be read \(SyntaxError: broken JPEG\); expected two images: "
        "reinstall it, pip install --force-reinstall scikit-learn$"
    )
    with pytest.raises(DataError, match=message):
        load_photographs()
