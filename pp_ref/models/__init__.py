"""Models: a loss and its gradient, composed of layers.

Every model has `init(rng) -> params` (a dict of dynamic arrays), `loss_and_gradient(params, x, y)`,
`predict(params, x)`, `count()` (dynamic, static, total) and `filters(params)` (the expanded weights W).
`model.save(path, params)` writes one file, `load(path)` reads it, and `model.restore(path)` takes the parameters out of
a checkpoint of a fit.
"""

from pp_ref.models.autoencoder import Autoencoder
from pp_ref.models.convnet import ConvNet
from pp_ref.models.full import Full
from pp_ref.models.load import Loaded, load
from pp_ref.models.lowrank import LowRank
from pp_ref.models.mlp import MLP
from pp_ref.models.model import Model
from pp_ref.models.predicted import Predicted
from pp_ref.models.pretraining import Pretrained, pretrain
from pp_ref.models.rica import RICA, PreparedPatches
from pp_ref.models.weights import Count, Params, Weights

__all__ = [
    "MLP",
    "RICA",
    "Autoencoder",
    "ConvNet",
    "Count",
    "Full",
    "Loaded",
    "LowRank",
    "Model",
    "Params",
    "Predicted",
    "PreparedPatches",
    "Pretrained",
    "Weights",
    "load",
    "pretrain",
]
