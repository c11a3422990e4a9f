"""The images that the convnet of Figure 5 reads: to train on and to be judged by, and how they are prepared."""

import json
import warnings
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.data import Dataset, Split, hold_out, load_cifar10, load_digits
from pp_ref.data.search import user_cache
from pp_ref.errors import DataError, DomainError
from pp_ref.features import as_floats, fit_whitening, normalise_contrast
from pp_ref.kept import kept_array, make_room
from pp_ref.machine import blas

__all__ = ["PREPROCESSING", "load_inputs"]

DEVIATION = 0.25  # of CIFAR-10's channels in 0..1, about: 0.247, 0.243 and 0.262

Images = NDArray[Any]  # (n, height, width, channels), uint8 or floats in 0..1


def _mean_subtracted(x: Images, x_test: Images) -> tuple[Images, Images]:
    """(x / 255 - mean) / 0.25, with the mean image of the training images."""
    x, x_test = (as_floats(images) if images.dtype == np.uint8 else images.copy() for images in (x, x_test))
    mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    for images in (x, x_test):
        images -= mean
        images /= DEVIATION
    return x, x_test


def _contrast(x: Images, x_test: Images) -> tuple[Images, Images]:
    return normalise_contrast(x), normalise_contrast(x_test)


def _contrast_and_zca(x: Images, x_test: Images) -> tuple[Images, Images]:
    """Contrast, and whitening by the training images."""
    x, x_test = _contrast(x, x_test)
    whitening = fit_whitening(x)
    return whitening.transform(x), whitening.transform(x_test)


# By name: (training images, test images) -> both, prepared. Pylearn2's maxout stack has contrast and ZCA, and
# cuda-convnet's the mean image subtracted (REPRODUCTION 4).
PREPROCESSING: dict[str, Callable[[Images, Images], tuple[Images, Images]]] = {
    "none": lambda x, x_test: (x, x_test),
    "mean": _mean_subtracted,
    "contrast": _contrast,
    "contrast-zca": _contrast_and_zca,
}
USUAL = {"cifar10": "contrast-zca", "digits": "none"}  # of a recipe that names none
KEPT = ("contrast-zca",)  # those that take longer than reading the result: it is kept in the user's cache
VERSION = 1  # of the preparation: another one where its bits change


def _digits() -> Dataset:
    data = load_digits()
    train, test = (Split(x.reshape(-1, 28, 28, 1), y) for x, y in (data.train, data.test))
    return data._replace(train=train, test=test)


DATA: dict[str, Callable[[], Dataset]] = {"cifar10": lambda: load_cifar10(), "digits": _digits}


def load_inputs(recipe: dict[str, Any]) -> Dataset:
    """Return the prepared images of a recipe.

    recipe   "data", a name in DATA; "images", so many are trained on, the first ones; perhaps "preprocessing", a name
             in PREPROCESSING, and "validation", the arguments of `hold_out`
    returns  Dataset; if images are held out, they are its test images. The digest is that of the images as published
    raises   DomainError for more images than there are; DataError
    """
    data, n = DATA[recipe["data"]](), recipe["images"]
    if "validation" in recipe:
        data = hold_out(data, **recipe["validation"])
    if n > len(data.train.y):
        raise DomainError(f"images is {n}, but {data.name} has {len(data.train.y)} to train on: ask for fewer")
    name = recipe.get("preprocessing", USUAL[recipe["data"]])
    prepare = _kept if name in KEPT else _prepared
    x, x_test = prepare(name, data, n)
    return data._replace(train=Split(x, data.train.y[:n]), test=Split(x_test, data.test.y))


def _prepared(name: str, data: Dataset, n: int) -> tuple[Images, Images]:
    return PREPROCESSING[name](data.train.x[:n], data.test.x)


def _kept(name: str, data: Dataset, n: int) -> tuple[Images, Images]:
    """The prepared images, mapped from a file in the user's cache; the first run with these images writes it.

    The name of the file says what decides the bits: images, preprocessing, versions and BLAS.
    warns  RuntimeWarning if the file cannot be written or read: the images are then in memory
    """
    used = {package: version(package) for package in ("numpy", "scipy")}
    decides = {"version": VERSION, "data": data.digest, "images": n, "preprocessing": name, "blas": blas()} | used
    digest = sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]
    path = user_cache("prepared") / f"{name}-{digest}.npy"
    shape = (n + len(data.test.x), *data.train.x.shape[1:])
    try:
        both = kept_array(path, np.float32, shape, lambda: _prepared(name, data, n), "the prepared images")
        make_room(path.parent)
    except DataError as error:
        warnings.warn(f"the prepared images are held in memory: {error}", RuntimeWarning, stacklevel=2)
        return _prepared(name, data, n)
    return both[:n], both[n:]
