"""`load`: a model and its parameters from the file that `Model.save` wrote."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pp_ref.brief import brief
from pp_ref.dictionaries import Dictionary
from pp_ref.models.autoencoder import Autoencoder
from pp_ref.models.convnet import ConvNet
from pp_ref.models.full import Full
from pp_ref.models.lowrank import LowRank
from pp_ref.models.mlp import MLP
from pp_ref.models.model import MODEL, Model
from pp_ref.models.predicted import Predicted
from pp_ref.models.rica import RICA
from pp_ref.models.stages import (
    Activation,
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    LocalResponse,
    MaxPool,
)
from pp_ref.models.weights import Params

__all__ = ["Loaded", "load"]

MODELS = (MLP, ConvNet, Autoencoder, RICA)
WEIGHTS = (Full, LowRank, Predicted)
STAGES = (Activation, AveragePool, Convolution, Dense, Dropout, Flatten, LocalResponse, MaxPool)
TYPES: dict[str, type[Any]] = {each.__name__: each for each in (*MODELS, *WEIGHTS, *STAGES)}


@brief
class Loaded(NamedTuple):
    """A model and its parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import MLP, Full, load
    >>> model = MLP((Full(6, 8),), classes=3)
    >>> model.save("model.safetensors", model.init(np.random.default_rng(0)))
    >>> loaded = load("model.safetensors")
    >>> loaded.model
    MLP(layers=(Full(d=6, m=8),), classes=3)
    >>> list(loaded.params)
    ['1.W', '1.b', 'softmax.W', 'softmax.b']
    """

    model: Model
    params: Params


def load(path: str | os.PathLike[str]) -> Loaded:
    """Return the model and the parameters that ``model.save(path, params)`` wrote: the same settings, the same bits.

    path     of the file
    returns  Loaded(model, params); params are NumPy arrays
    raises   DataError if the file cannot be read, is damaged, or not a model: `Model.restore` reads a checkpoint,
             `Dictionary.load` a dictionary

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import MLP, Full, load
    >>> model = MLP((Full(6, 8),), classes=3)
    >>> params = model.init(np.random.default_rng(0))
    >>> model.save("model.safetensors", params)
    >>> again, loaded = load("model.safetensors")
    >>> again == model, bool((loaded["1.W"] == params["1.W"]).all())
    (True, True)
    """
    advice = "save it again"
    tensors, metadata, _ = MODEL.read_tensors(Path(path), advice)
    with MODEL.reading(Path(path), advice):
        dictionaries = []
        for number, recipe in enumerate(metadata["dictionaries"]):
            prefix = f"dictionary.{number}."
            stored = [name for name in tensors if name.startswith(prefix)]
            own = {name.removeprefix(prefix): tensors.pop(name) for name in stored}
            dictionaries.append(Dictionary.from_tensors(own, recipe))
        model = _built(metadata["model"], dictionaries)
        if not isinstance(model, MODELS):
            raise ValueError(f"it has a {type(model).__name__} where a model is expected")
        model.check_params(tensors)
        if wrong := sorted({str(array.dtype) for array in tensors.values()} - {"float32", "float64"}):
            raise ValueError(f"it has parameters of {', '.join(wrong)}, expected float32 or float64")
        return Loaded(model, {name: tensors[name] for name in model.shapes})


def _built(description: Any, dictionaries: Sequence[Dictionary]) -> Any:
    """What `model._described` described; raises LookupError, TypeError or ValueError for another description."""
    if isinstance(description, list):
        return tuple(_built(each, dictionaries) for each in description)
    if not isinstance(description, dict):
        return description
    named = {name: _built(each, dictionaries) for name, each in description.items() if name != "type"}
    if description["type"] == "Dictionary":
        return dictionaries[named["number"]]
    return TYPES[description["type"]](**named)
