"""Layerwise pretraining: each layer is trained as an autoencoder on the output of the layer below (paper, sec. 3.5)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import Array, array_namespace, check_arrays, check_finite
from pp_ref.brief import brief, brief_value
from pp_ref.errors import DomainError
from pp_ref.layers.autoencoder import Decoder
from pp_ref.models.autoencoder import Autoencoder
from pp_ref.models.weights import Params, Weights
from pp_ref.training import SGD, Checkpoint, Fit, Group, fit_sgd

__all__ = ["Pretrained", "pretrain"]

BATCH = 1000  # examples encoded at once, to bound the memory


@brief
class Pretrained(NamedTuple):
    """The layers, their parameters by the names of an MLP, and each autoencoder's fit.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import Full, pretrain
    >>> from pp_ref.training import SGD
    >>> rng = np.random.default_rng(0)
    >>> pretrained = pretrain(np.zeros((20, 6)), [lambda v: Full(6, 4)], SGD(epochs=1, learning_rate=0.1), rng)
    >>> pretrained.layers
    (Full(d=6, m=4),)
    >>> {name: array.shape for name, array in pretrained.params.items()}
    {'1.W': (6, 4), '1.b': (4,)}
    """

    layers: tuple[Weights, ...]
    params: Params
    fits: list[Fit]


def pretrain(
    x: Array,
    choose: Sequence[Callable[[Array], Weights]],
    settings: SGD,
    rng: np.random.Generator,
    *,
    spread: float = 0.1,
    per_column: bool = False,
    stacked_cost: bool = False,
    decoder: Decoder = "sigmoid",
    on_epoch: Callable[[int, dict[str, Any]], None] | None = None,
    checkpoints: Sequence[Checkpoint] | None = None,
    group: Group | None = None,
) -> Pretrained:
    """Train every layer as a tied autoencoder on the activations of the pretrained layers below.

    x            (n, d) data, in [0, 1] for a sigmoid decoder
    choose       for each layer, a function from its input (n, d_l) to its weights, so that a dictionary can be built
                 from the activations (Emp, Emp2, AE); it stays fixed from then on
    settings     SGD of each autoencoder; with 0 epochs the layers keep their random start
    rng          draws the starts and the orders of examples
    spread       dynamic weights start from Uniform(+-spread)
    per_column   as in `Autoencoder`; the authors' code has True
    stacked_cost as in `Autoencoder`; the authors' code has True
    decoder      of the lowest layer, as in `Autoencoder`; the others read activations, and theirs is a sigmoid
    on_epoch     called with the layer's number, from 1, and the epoch's record
    checkpoints  one for each layer
    group        the parts into which each batch is cut, and the ranks that share them; None: nothing is cut
    returns      Pretrained, without visible biases
    raises       DomainError if x is not finite or not floating-point; the errors of `fit_sgd`

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.models import MLP, Full, pretrain
    >>> from pp_ref.training import SGD
    >>> rng = np.random.default_rng(0)
    >>> x = rng.random((20, 6))
    >>> made = pretrain(x, [lambda v: Full(6, 4), lambda v: Full(4, 3)], SGD(epochs=2, learning_rate=0.1), rng)
    >>> model = MLP(made.layers, classes=2)
    >>> params = model.init(rng, dtype=x.dtype) | made.params  # a new softmax, pretrained layers
    >>> model.predict(params, x).shape
    (20,)
    """
    check_arrays("real floating-point numbers", x=x)
    check_finite(x=x)
    if not isinstance(choose, Sequence) or not all(map(callable, choose)):
        raise DomainError(
            f"choose is {brief_value(choose)}, expected a list of functions, one a layer, from its input to its "
            "weights: [lambda v: Full(d, m)]"
        )
    group = group or Group()
    layers: list[Weights] = []
    params: Params = {}
    fits: list[Fit] = []
    v = x
    for number, choose_weights in enumerate(choose, start=1):
        weights = choose_weights(v)
        model = Autoencoder(weights, per_column, stacked_cost, decoder if number == 1 else "sigmoid")

        def objective(
            params: Params, rows: Array, _: np.random.Generator, model: Autoencoder = model, v: Array = v
        ) -> Any:
            return model.loss_and_gradient(params, v[rows])

        start = model.init(rng, spread, x.dtype)
        group.agree(partial(_compared, model, v, start))
        fit = fit_sgd(
            group.divide(objective, summed=model.summed),
            start,
            v.shape[0],
            settings,
            rng,
            on_epoch=partial(on_epoch, number) if on_epoch else None,
            checkpoint=group.checkpoint(checkpoints[number - 1] if checkpoints else None),
        )
        layers, fits = [*layers, weights], [*fits, fit]
        params |= {f"{number}.{name}": array for name, array in fit.params.items() if name != "c"}
        if number < len(choose):
            xp = array_namespace(v)
            batches = range(0, v.shape[0], BATCH)
            v = xp.concat([model.predict(fit.params, v[start : start + BATCH]) for start in batches], axis=0)
    return Pretrained(tuple(layers), params, fits)


def _compared(model: Autoencoder, v: Array, start: Params) -> dict[str, Any]:
    """What has to be the same on all ranks before a layer is trained."""
    return {"input": v, "static parameters": model.static, "start": start}
