"""Mistakes in putting a model together from layers that are each right."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pp_ref.arrays import Array, array_namespace
from pp_ref.layers.autoencoder import autoencoder_backward_weights, autoencoder_forward
from pp_ref.layers.sigmoid import SigmoidCache, sigmoid_backward, sigmoid_forward
from pp_ref.layers.softmax import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from pp_ref.models import MLP, Autoencoder, Params
from pp_ref.oracle.faults.fault import Fault, faults

Result = tuple[Array, Params]
right_mlp = MLP.loss_and_gradient
right_autoencoder = Autoencoder.loss_and_gradient


def changed(right: Callable[..., Result], change: Callable[[Params, Params], Params], loss: float = 1.0) -> Any:
    """The right loss, times a factor, and ``change(gradient, params)``."""

    def wrong(model: Any, params: Params, x: Array, y: Any, *rng: Any) -> Result:
        value, gradient = right(model, params, x, y, *rng)
        return value * loss, gradient | change(gradient, params)

    return wrong


def each(change: Callable[[Array], Array], under: str = "") -> Callable[[Params, Params], Params]:
    """``change`` on the gradient of every parameter whose name begins so."""
    return lambda gradient, params: {name: change(g) for name, g in gradient.items() if name.startswith(under)}


def backpropagated(
    derivative: Callable[[Array, list[SigmoidCache], int], Array],
) -> Callable[..., Result]:
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


def without_top_derivative(dh: Array, hidden: list[SigmoidCache], at: int) -> Array:
    return +dh if at == len(hidden) - 1 else sigmoid_backward(dh, hidden[at])


def derivative_of_the_layer_below(dh: Array, hidden: list[SigmoidCache], at: int) -> Array:
    below = hidden[max(at - 1, 0)]
    return sigmoid_backward(dh, below if below.y.shape == dh.shape else hidden[at])


def decays_biases(model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None) -> Result:
    loss, gradient = right_mlp(model, params, x, y, rng)
    for name, b in params.items():
        if b.ndim == 1 and model.weight_decay:
            loss = loss + model.weight_decay * array_namespace(b).sum(b * b)
            gradient[name] = gradient[name] + 2 * model.weight_decay * b
    return loss, gradient


def decay_for_each_example(
    model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None
) -> Result:
    loss, gradient = right_mlp(model, params, x, y, rng)
    for name, W in params.items():
        if W.ndim == 2 and model.weight_decay:
            share = 1 / max(y.shape[0], 1) - 1
            loss = loss + share * model.weight_decay * array_namespace(W).sum(W * W)
            gradient[name] = gradient[name] + 2 * share * model.weight_decay * W
    return loss, gradient


def decay_in_the_loss_alone(gradient: Params, params: Params, rate: float = 0.25) -> Params:
    return {name: gradient[name] - 2 * rate * W for name, W in params.items() if W.ndim == 2}


def without_decay_gradient(
    model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None
) -> Result:
    loss, gradient = right_mlp(model, params, x, y, rng)
    return loss, gradient | decay_in_the_loss_alone(gradient, params, model.weight_decay)


def masks_redrawn(model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None) -> Result:
    return model.loss(params, x, y, rng), right_mlp(model, params, x, y, rng)[1]


def dropout_forgotten(model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None) -> Result:
    return right_mlp(model, params, x, y, None)


def last_example_forgotten(
    model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None
) -> Result:
    return right_mlp(model, params, x[:-1, ...], y[:-1], rng) if y.shape[0] > 1 else right_mlp(model, params, x, y, rng)


def labels_of_the_neighbour(
    model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None
) -> Result:
    return right_mlp(model, params, x, array_namespace(y).roll(y, 1), rng)


def stepping(right: Callable[..., Result]) -> Callable[..., Result]:
    """Takes the step itself."""

    def wrong(model: Any, params: Params, *data: Any) -> Result:
        loss, gradient = right(model, params, *data)
        for name, g in gradient.items():
            params[name][...] = params[name] - g / 8
        return loss, gradient

    return wrong


def columns_swapped(gradient: Params, params: Params) -> Params:
    if "1.w1" not in gradient or gradient["1.w0"].shape != gradient["1.w1"].shape:
        return {}
    return {"1.w0": gradient["1.w1"], "1.w1": gradient["1.w0"]}


def clipped(gradient: Params, params: Params) -> Params:
    return {name: array_namespace(g).clip(g, -0.125, 0.125) for name, g in gradient.items()}


def stale_pool() -> Callable[..., Result]:
    """Keeps a pooled first layer of the last batch of equal shape, as if the data never changed."""
    kept: dict[Any, Array] = {}

    def wrong(model: MLP, params: Params, x: Array, y: Array, rng: np.random.Generator | None = None) -> Result:
        last = kept.setdefault((x.shape, x.dtype, type(x)), array_namespace(x).asarray(x, copy=True))
        return right_mlp(model, params, last, y, rng)

    return wrong


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
    start = 0
    for name, w in params.items():
        if name.startswith("w"):
            width = w.shape[1]
            if w.shape[0] <= dW.shape[0]:
                gradient[name] = dW[: w.shape[0], start : start + width]
            start += width
    return loss, gradient


def one_reconstruction_for_many(model: Autoencoder, params: Params, x: Array, y: None = None) -> Result:
    """Averages the columns' own reconstruction errors, where they add."""
    loss, gradient = right_autoencoder(model, params, x, y)
    columns = len([name for name in params if name.startswith("w")]) if model.per_column else 1
    return loss / columns, {name: g / columns for name, g in gradient.items()}


FAULTS = (
    *faults(
        {
            "MLP.loss_and_gradient": {
                "missing sigmoid'": (
                    "leaves out sigmoid' of the last hidden layer",
                    backpropagated(without_top_derivative),
                ),
                "sigmoid' of the layer below": (
                    "takes sigmoid' off by one layer, as far as widths agree",
                    backpropagated(derivative_of_the_layer_below),
                ),
                "first layer frozen": ("stops before the first layer", changed(right_mlp, each(lambda g: 0 * g, "1."))),
                "softmax frozen": ("does not learn the softmax", changed(right_mlp, each(lambda g: 0 * g, "softmax."))),
                "sign": ("goes uphill", changed(right_mlp, each(lambda g: -g))),
                "columns swapped": ("gives two columns each other's gradients", changed(right_mlp, columns_swapped)),
                "clipped": ("clips the gradient, without a word", changed(right_mlp, clipped)),
                "loss halved": ("reports half the loss", changed(right_mlp, lambda gradient, params: {}, 0.5)),
                "biases decay": ("decays biases too, in loss and gradient alike", decays_biases),
                "decay in the loss alone": ("leaves the weight decay out of the gradient", without_decay_gradient),
                "decay in the mean": ("divides the weight decay by n too", decay_for_each_example),
                "last example forgotten": ("leaves out the last example, and divides by n - 1", last_example_forgotten),
                "labels misaligned": ("pairs each example with its neighbour's label", labels_of_the_neighbour),
                "parameters overwritten": ("takes the step itself", stepping(right_mlp)),
                "stale pooled input": ("keeps the input of the first batch of this size", stale_pool()),
            },
            "Autoencoder.loss_and_gradient": {
                "decoder untied": ("leaves the decoder out of the gradient through the dictionary", encoder_alone),
                "kept weights only": ("takes dw at the first rows of dW in place of U^T dW", gradient_at_kept_weights),
                "visible bias frozen": (
                    "does not learn the visible bias",
                    changed(right_autoencoder, each(lambda g: 0 * g, "c")),
                ),
                "hidden bias frozen": (
                    "does not learn the hidden bias",
                    changed(right_autoencoder, each(lambda g: 0 * g, "b")),
                ),
                "factor 2 lost": (
                    "takes |e|^2 to have the gradient e",
                    changed(right_autoencoder, each(lambda g: g / 2)),
                ),
            },
        }
    ),
    Fault(
        "masks redrawn",
        "MLP.loss_and_gradient",
        "draws dropout masks anew for the gradient",
        masks_redrawn,
        judged=False,
    ),
    Fault("dropout forgotten", "MLP.loss_and_gradient", "never drops", dropout_forgotten, judged=False),
    Fault(
        "mean over columns",
        "Autoencoder.loss_and_gradient",
        "averages the columns' losses where they add",
        one_reconstruction_for_many,
        judged=False,
    ),
)
