"""The models as operations: a loss and its gradient come from one call, so the gradient is what the cache holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pp_ref.dictionaries import Units, make_dictionary
from pp_ref.models import MLP, RICA, Autoencoder, Full, LowRank, Predicted
from tests.properties.operations import BY_NAME, Arguments, Case, Draw, Operation

CLASSES = 3
DECAY = 0.25


@dataclass(frozen=True, repr=False)
class Model(Operation):
    """`arguments` begin with the model, the names of its parameters, and their list; then come x, y and rng."""

    model: type = MLP

    @property
    def functions(self) -> tuple[str, ...]:
        return (f"{self.model.__name__}.loss_and_gradient",)

    def with_function(self, name: str, function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        return partial(loss_of, function), scaled


@dataclass(frozen=True, repr=False)
class PreparedModel(Model):
    """A model on what it prepares of the patches: preparing is under test, the loss is the model's own."""

    @property
    def functions(self) -> tuple[str, ...]:
        return (f"{self.model.__name__}.prepare",)

    def with_function(self, name: str, function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        return partial(prepared_loss_of, function), scaled


def prepared_loss_of(prepare: Callable[..., Any], model: Any, params: list[Any], x: Any) -> Any:
    return loss_of(type(model).loss_and_gradient, model, params, prepare(model, x))


def loss_of(
    loss_and_gradient: Callable[..., Any], model: Any, params: list[Any], x: Any, y: Any = None, *rng: Any
) -> Any:
    names = list(model.init(np.random.default_rng(0)))
    loss, gradient = loss_and_gradient(model, dict(zip(names, params, strict=True)), x, y, *rng)
    return loss, [gradient[name] for name in names]


def scaled(dloss: Any, gradient: list[Any]) -> list[Any]:
    return [g * dloss for g in gradient]


def predicted(case: Case) -> Predicted:
    """Dictionaries of float32's numbers, so that every dtype learns with the same ones."""
    rng = np.random.default_rng(case.seed + 2)
    U = [rng.standard_normal((case.d, min(case.k, case.d))).astype(np.float32).astype(float) for _ in case.columns]
    return Predicted(make_dictionary("own", Units(case.d), U=U, n_columns=len(U), rng=rng), case.m)


def drawn(model: Any, draw: Draw, offsets: float = 0.0) -> list[Any]:
    """Parameters of the model. Biases may alternate by an offset that keeps every unit away from its kink."""
    params = [draw(*like.shape) / 4 for like in model.init(np.random.default_rng(0)).values()]
    return [p if p.ndim == 2 else p + (offsets * (-1) ** np.arange(p.size)).astype(p.dtype) for p in params]


def mlp(make: Callable[[Case], MLP], offsets: float, case: Case, draw: Draw) -> Arguments:
    case = case.at(scale=1.0)  # parameters of 64 saturate every unit, and then nothing is tested
    model, draw = make(case), Draw(case)
    return {
        "model": model,
        "params": drawn(model, draw, offsets),
        "x": draw(case.n, case.d) / 4,
        "y": np.random.default_rng(case.seed + 1).integers(0, CLASSES, case.n),
        "rng": case.rng if model.dropout else None,
    }


def autoencoder(per_column: bool, case: Case, draw: Draw) -> Arguments:
    case = case.at(scale=1.0)
    model, draw = Autoencoder(predicted(case), per_column), Draw(case)
    return {"model": model, "params": drawn(model, draw), "x": abs(draw(case.n, case.d)) / 8}


def rica(make: Callable[[Case], RICA], case: Case, draw: Draw) -> Arguments:
    """At least three inputs, of each of which three weights are kept: a filter of one has no direction to learn."""
    case = case.at(scale=1.0, d=case.d + 2, columns=tuple((k + 2, m) for k, m in case.columns))
    model, draw = make(case), Draw(case)
    return {"model": model, "params": drawn(model, draw), "x": draw(case.n, case.d) / 2}


# Definitions, in longdouble: the paper's equations on materialised weights.

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
    "relu": lambda z: np.maximum(z, 0),
    "maxout": lambda z: np.maximum(z[:, ::2], z[:, 1::2]),
}


def materialised(weights: Any, arrays: list[Any]) -> Any:
    """W and the bias, from the arrays of one layer."""
    *learned, b = arrays
    if isinstance(weights, Full):
        return learned[0], b
    factors = [learned[0]] if isinstance(weights, LowRank) else weights.dictionary.U()
    return np.hstack([np.einsum("dk,km->dm", U, w) for U, w in zip(factors, learned[-len(factors) :], strict=True)]), b


def mlp_definition(model: MLP, params: list[Any], x: Any, y: Any, rng: Any) -> Any:
    decay = model.weight_decay and model.weight_decay * sum(np.vdot(p, p) for p in params if p.ndim == 2)
    left, v = list(params), x
    for weights in model.layers:
        own = [left.pop(0) for _ in weights.init(np.random.default_rng(0), 1.0, float)]
        W, b = materialised(weights, own)
        v = ACTIVATIONS[model.activation](np.einsum("nd,dm->nm", v, W) + b)
        if model.dropout:
            v = v * np.where(rng.random(v.shape) < model.dropout, 0, 1 / np.longdouble(1 - model.dropout))
    z = np.einsum("nd,dm->nm", v, left[0]) + left[1]
    each = [np.log(np.sum(np.exp(row - row[label]))) for row, label in zip(z, y, strict=True)]
    return np.sum(each) / max(len(each), 1) + decay


def autoencoder_definition(model: Autoencoder, params: list[Any], x: Any) -> Any:
    s = ACTIVATIONS["sigmoid"]
    weights, visible = model.weights, 0 if model.per_column else params[-1]
    *w, b = params if model.per_column else params[:-1]
    W, _ = materialised(weights, [*w, b])
    cuts = np.cumsum([w_j.shape[1] for w_j in w])[:-1] if model.per_column else []
    blocks = zip(np.split(W, cuts, axis=1), np.split(b, cuts), strict=True)
    errors = [s(s(x @ W_j + b_j) @ W_j.T + visible) - x for W_j, b_j in blocks]
    return sum(np.vdot(error, error) for error in errors) / max(len(x), 1)


def rica_definition(model: RICA, params: list[Any], x: Any) -> Any:
    W, _ = materialised(model.weights, [*params, None])
    if model.objective == "ufldl":
        W = W / np.linalg.norm(W, axis=0)
    z = np.einsum("nd,dm->nm", x, W)
    error = np.linalg.norm(np.einsum("nm,dm->nd", z, W) - x) ** 2
    error = error + 0 * np.sum(W)  # NaN in W shows even if there are no patches
    if model.objective == "ufldl":
        return model.trade_off * np.sum(np.hypot(z, np.sqrt(np.longdouble(model.eps)))) + error / 2
    return np.sum(np.log(np.cosh(z))) + model.trade_off / np.longdouble(max(len(x), 1)) * error


def _mlp(name: str, make: Callable[[Case], MLP], offsets: float = 0.0, **known: Any) -> Model:
    return Model(
        name,
        partial(loss_of, MLP.loss_and_gradient),
        scaled,
        partial(mlp, make, offsets),
        mlp_definition,
        learned=("params",),
        mean=True,
        model=MLP,
        **known,
    )


def _autoencoder(name: str, per_column: bool) -> Model:
    return Model(
        name,
        partial(loss_of, Autoencoder.loss_and_gradient),
        scaled,
        partial(autoencoder, per_column),
        autoencoder_definition,
        learned=("params",),
        batch=("x",),
        mean=True,
        model=Autoencoder,
    )


def _rica(kind: str, objective: str, weights: Callable[[Case], Any], prepared: bool = False) -> Model:
    """Constants that leave neither term out of sight, as ufldl's own would."""
    name = f"RICA {objective}, {kind}"
    return (PreparedModel if prepared else Model)(
        f"{name}, prepared" if prepared else name,
        partial(prepared_loss_of, RICA.prepare) if prepared else partial(loss_of, RICA.loss_and_gradient),
        scaled,
        partial(rica, lambda case: RICA(weights(case), objective, trade_off=4.0, eps=0.3)),
        rica_definition,
        learned=("params",),
        batch=("x",) if objective == "ufldl" else (),  # le2011 divides one of its sums by n
        total=True,
        model=RICA,
        twin=name if prepared else f"{name}, prepared",
    )


RICAS = {
    "full": lambda case: Full(case.d, case.m),
    "predicted": predicted,
    "low rank": lambda case: LowRank(case.d, case.m, min(2, case.m)),
}

MODELS = (
    _mlp(
        "MLP, predicted-full",
        lambda case: MLP((predicted(case), Full(case.m, case.m)), CLASSES),
        batch=("x", "y"),
    ),
    _mlp(
        "MLP, low rank-predicted, decay",
        lambda case: MLP((LowRank(case.d, case.d, 1), predicted(case)), CLASSES, weight_decay=DECAY),
        batch=("x", "y"),
    ),
    # One layer with a kink, whose biases keep it away; two would not stay apart.
    # The masks of a batch are drawn layer by layer, so those of its parts are others: no batch split.
    _mlp(
        "MLP, relu, dropout",
        lambda case: MLP((predicted(case),), CLASSES, "relu", dropout=0.25),
        offsets=4.0,
        batch=(),
        analytic=False,
    ),
    _mlp(
        "MLP, maxout",
        lambda case: MLP((Full(case.d, 2 * case.m),), CLASSES, "maxout", weight_decay=DECAY),
        offsets=4.0,
        batch=("x", "y"),
        analytic=False,
    ),
    _autoencoder("autoencoder, columns together", per_column=False),
    _autoencoder("autoencoder, columns apart", per_column=True),
    *(
        _rica(kind, objective, weights, prepared)
        for kind, weights in RICAS.items()
        for objective in ("ufldl", "le2011")
        for prepared in (False, True)
    ),
)
BY_NAME.update({operation.name: operation for operation in MODELS})  # where a twin is looked up
