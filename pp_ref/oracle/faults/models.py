"""Mistakes in putting a model together from layers that are each right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.autoencoder import autoencoder_backward_weights, autoencoder_forward
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from pp_ref.models import MLP, Autoencoder, Params
from pp_ref.oracle.faults.fault import Derived, before, faults, instead
from pp_ref.oracle.faults.predicted import kept_rows

__all__ = ["FAULTS", "Result", "changed", "each", "stepping"]

Result = tuple[Array, Params]
right_mlp = MLP.loss_and_gradient
right_autoencoder = Autoencoder.loss_and_gradient


def changed(change: Callable[[Params, Params], Params], loss: float = 1.0) -> Derived:
    """The right loss, times a factor, and ``change(gradient, params)``."""
    return instead(lambda found, model, params, *_: (found[0] * loss, found[1] | change(found[1], params)))


def each(change: Callable[[Array], Array], under: str = "") -> Callable[[Params, Params], Params]:
    """``change`` on the gradient of every parameter whose name begins so."""
    return lambda gradient, params: {name: change(g) for name, g in gradient.items() if name.startswith(under)}


def backpropagated(derivative: Callable[[Array, list[SigmoidCache], int], Array]) -> Callable[..., Result]:
    """An MLP of sigmoids without decay or dropout, whose sigmoid' of layer l is ``derivative(dh, caches, l)``."""

    def wrong(model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None) -> Result:
        if model.activation != "sigmoid" or model.weight_decay or model.dropout:
            return right_mlp(model, params, x, y, rng)
        weights = {f"{number}.": layer for number, layer in enumerate(model.layers, start=1)}
        weights["softmax."] = model.softmax
        caches, hidden, v = [], [], x
        for prefix, layer in weights.items():
            own = {name.removeprefix(prefix): array for name, array in params.items() if name.startswith(prefix)}
            v, cache = layer.forward(own, v)
            caches.append(cache)
            if prefix != "softmax.":
                v, kept = sigmoid_forward(v)
                hidden.append(kept)
        loss, top = softmax_cross_entropy_forward(v, y)
        dv = softmax_cross_entropy_backward(1.0, top)
        gradient: Params = {}
        for at, (prefix, layer) in reversed(list(enumerate(weights.items()))):
            if prefix != "softmax.":
                dv = derivative(dv, hidden, at)
            dv, own = layer.backward(dv, caches[at], True)
            gradient |= {prefix + name: array for name, array in own.items()}
        return loss, {name: gradient[name] for name in params}

    return wrong


def derivative_of_the_layer_below(dh: Array, hidden: list[SigmoidCache], at: int) -> Array:
    below = hidden[max(at - 1, 0)]
    return sigmoid_backward(dh, below if below.y.shape == dh.shape else hidden[at])


def decaying(ndim: int, share: Callable[[int], float], in_loss: bool = True) -> Derived:
    """Adds the decay of the parameters of so many axes, times ``share(n)``, to the gradient, and to the loss."""

    def wrong(found: Result, model: MLP, params: Params, x: Array, *_: Any) -> Result:
        (loss, gradient), rate = found, share(x.shape[0]) * model.weight_decay
        for name, p in params.items():
            if p.ndim == ndim and model.weight_decay:
                loss = loss + rate * array_namespace(p).sum(p * p) if in_loss else loss
                gradient[name] = gradient[name] + 2 * rate * p
        return loss, gradient

    return instead(wrong)


@Derived
def masks_redrawn(right: Callable[..., Result]) -> Callable[..., Result]:
    return lambda model, params, *data: (model.loss(params, *data), right(model, params, *data)[1])


@Derived
def last_example_forgotten(right: Callable[..., Result]) -> Callable[..., Result]:
    return lambda model, params, x, y, *rng: right(
        model, params, *((x[:-1, ...], y[:-1]) if x.shape[0] > 1 else (x, y)), *rng
    )


def step_taken(found: Result, model: Any, params: Params, *data: Any) -> Result:
    for name, g in found[1].items():
        params[name][...] = params[name] - g / 8
    return found


stepping = instead(step_taken)


def columns_swapped(gradient: Params, params: Params) -> Params:
    if "1.w1" not in gradient or gradient["1.w0"].shape != gradient["1.w1"].shape:
        return {}
    return {"1.w0": gradient["1.w1"], "1.w1": gradient["1.w0"]}


def first_of_its_size() -> Callable[[Array], Array]:
    """The first array of equal shape, as if the data never changed."""
    kept: dict[Any, Array] = {}
    return lambda x: kept.setdefault((x.shape, x.dtype, type(x)), array_namespace(x).asarray(x, copy=True))


def encoder_alone(model: Autoencoder, params: Params, x: Array, y: None = None) -> Result:
    """Ties the decoder's values through the dictionary, but not its gradient."""
    loss, gradient = right_autoencoder(model, params, x, y)
    if model.per_column:
        return loss, gradient
    W, cache = model.weights.expand(params)
    _, tied = autoencoder_forward(x, W, params["b"], params["c"])
    dr = (tied.output.y - x) * (2.0 / max(x.shape[0], 1))
    dz = sigmoid_backward(sigmoid_backward(dr, tied.output) @ W, tied.hidden)
    return loss, gradient | model.weights.expand_backward(x.T @ dz, cache)


def gradient_at_kept_weights(model: Autoencoder, params: Params, x: Array, y: None = None) -> Result:
    """Takes rows of dW for dw, though U spreads every w over all weights."""
    loss, gradient = right_autoencoder(model, params, x, y)
    if model.per_column:
        return loss, gradient
    W, _ = model.weights.expand(params)
    dW, _, _ = autoencoder_backward_weights(1.0, autoencoder_forward(x, W, params["b"], params["c"])[1])
    dw = {name: g for name, g in gradient.items() if name.startswith("w")}
    return loss, gradient | dict(zip(dw, kept_rows(dW, list(dw.values())), strict=True))


def mean_over_columns(found: Result, model: Autoencoder, params: Params, *_: Any) -> Result:
    columns = len([name for name in params if name.startswith("w")]) if model.per_column else 1
    return found[0] / columns, {name: g / columns for name, g in found[1].items()}


FAULTS = (
    *faults(
        MLP,
        loss_and_gradient={
            "missing sigmoid'": (
                "leaves out sigmoid' of the last hidden layer",
                backpropagated(lambda dh, hidden, at: sigmoid_backward(dh, hidden[at]) if hidden[at + 1 :] else +dh),
            ),
            "sigmoid' of the layer below": (
                "takes sigmoid' off by one layer, as far as widths agree",
                backpropagated(derivative_of_the_layer_below),
            ),
            "first layer frozen": ("stops before the first layer", changed(each(lambda g: 0 * g, "1."))),
            "softmax frozen": ("does not learn the softmax", changed(each(lambda g: 0 * g, "softmax."))),
            "sign": ("goes uphill", changed(each(lambda g: -g))),
            "columns swapped": ("gives two columns each other's gradients", changed(columns_swapped)),
            "clipped": (
                "clips the gradient, without a word",
                changed(each(lambda g: array_namespace(g).clip(g, -0.125, 0.125))),
            ),
            "loss halved": ("reports half the loss", changed(lambda gradient, params: {}, 0.5)),
            "biases decay": ("decays biases too, in loss and gradient alike", decaying(1, lambda n: 1.0)),
            "decay in the loss alone": (
                "leaves the weight decay out of the gradient",
                decaying(2, lambda n: -1.0, in_loss=False),
            ),
            "decay in the mean": ("divides the weight decay by n too", decaying(2, lambda n: 1 / max(n, 1) - 1)),
            "last example forgotten": ("leaves out the last example, and divides by n - 1", last_example_forgotten),
            "labels misaligned": (
                "pairs each example with its neighbour's label",
                before(lambda y: array_namespace(y).roll(y, 1), 3),
            ),
            "parameters overwritten": ("takes the step itself", stepping),
            "stale pooled input": ("keeps the input of the first batch of this size", before(first_of_its_size(), 2)),
        },
    ),
    *faults(
        Autoencoder,
        loss_and_gradient={
            "decoder untied": ("leaves the decoder out of the gradient through the dictionary", encoder_alone),
            "kept weights only": ("takes dw at the first rows of dW in place of U^T dW", gradient_at_kept_weights),
            "visible bias frozen": ("does not learn the visible bias", changed(each(lambda g: 0 * g, "c"))),
            "hidden bias frozen": ("does not learn the hidden bias", changed(each(lambda g: 0 * g, "b"))),
            "factor 2 lost": ("takes |e|^2 to have the gradient e", changed(each(lambda g: g / 2))),
        },
    ),
    *faults(
        MLP,
        judged=False,
        loss_and_gradient={
            "masks redrawn": ("draws dropout masks anew for the gradient", masks_redrawn),
            "dropout forgotten": ("never drops", lambda *args: right_mlp(*args[:4])),
        },
    ),
    *faults(
        Autoencoder,
        judged=False,
        loss_and_gradient={
            "mean over columns": ("averages the columns' losses where they add", instead(mean_over_columns))
        },
    ),
)
