"""The models as operations: a loss and its gradient come from one call, so the gradient is what the cache holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pp_ref.dictionaries import Units, make_dictionary
from pp_ref.models import MLP, RICA, Autoencoder, Full, LowRank, Predicted
from pp_ref.oracle.algebras import plain, tape
from pp_ref.oracle.operations import definitions, models
from tests.properties.operations import BY_NAME, Arguments, Case, Draw, Operation

CLASSES = 3
DECAY = 0.25


def loss_of(
    loss_and_gradient: Callable[..., Any], model: Any, params: list[Any], x: Any, y: Any = None, *rng: Any
) -> Any:
    names = list(model.init(np.random.default_rng(0)))
    loss, gradient = loss_and_gradient(model, dict(zip(names, params, strict=True)), x, y, *rng)
    return loss, [gradient[name] for name in names]


def prepared_loss_of(prepare: Callable[..., Any], model: Any, params: list[Any], x: Any) -> Any:
    """Preparing is under test: the loss is the model's own, of what it prepares of the patches."""
    return loss_of(type(model).loss_and_gradient, model, params, prepare(model, x))


def scaled(dloss: Any, gradient: list[Any]) -> list[Any]:
    return [g * dloss for g in gradient]


LOSSES = {"loss_and_gradient": loss_of, "prepare": prepared_loss_of}


@dataclass(frozen=True, repr=False, kw_only=True)
class Model(Operation):
    """`arguments` begin with the model and the list of its parameters; then come x, y and rng."""

    model: type
    method: str

    @property
    def functions(self) -> tuple[str, ...]:
        return (f"{self.model.__name__}.{self.method}",)

    def with_function(self, name: str, function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        return partial(LOSSES[self.method], function), scaled


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
    model = make(case)
    return {
        "model": model,
        "params": drawn(model, draw, offsets),
        "x": draw(case.n, case.d) / 4,
        "y": draw.labels(CLASSES),
        "rng": case.rng if model.dropout else None,
    }


def autoencoder(per_column: bool, case: Case, draw: Draw) -> Arguments:
    model = Autoencoder(predicted(case), per_column)
    return {"model": model, "params": drawn(model, draw), "x": abs(draw(case.n, case.d)) / 8}


def rica(make: Callable[[Case], RICA], case: Case, draw: Draw) -> Arguments:
    """At least three inputs, of each of which three weights are kept: a filter of one has no direction to learn."""
    case = case.at(d=case.d + 2, columns=tuple((k + 2, m) for k, m in case.columns))
    model = make(case)
    return {"model": model, "params": drawn(model, draw), "x": draw(case.n, case.d) / 2}


# Definitions: the oracle's, on the dictionaries and the parameters of any model.

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": tape.sigmoid,
    "relu": definitions.relu,
    "maxout": partial(definitions.maxout, pieces=2),
}


def columns(weights: Any, learned: list[Any]) -> tuple[list[Any], list[Any]]:
    """U and w of one layer: the identity and W of full weights."""
    if isinstance(weights, LowRank):
        return learned[:1], learned[1:]
    U = [np.eye(weights.d)] if isinstance(weights, Full) else weights.dictionary.U()
    return [tape.quantity(U_j, plain.ALGEBRA) for U_j in U], learned


def mlp_definition(model: MLP, params: list[Any], x: Any, y: Any, rng: Any) -> Any:
    left, v = list(params), x
    for weights in model.layers:
        *learned, b = (left.pop(0) for _ in weights.init(np.random.default_rng(0), 1.0, float))
        v = ACTIVATIONS[model.activation](definitions.predicted(v, *columns(weights, learned), b))
        if model.dropout:
            v = BY_NAME["dropout"].definition(v, model.dropout, rng)
    loss = definitions.softmax_cross_entropy(definitions.dense(v, *left), y)
    decaying = [p for p in params if p.ndim == 2 and model.weight_decay]  # 0 times NaN would be NaN
    return sum((definitions.weight_decay(p, model.weight_decay) for p in decaying), loss)


def autoencoder_definition(model: Autoencoder, params: list[Any], x: Any) -> Any:
    *w, b, c = [*params, 0.0] if model.per_column else params
    W = definitions.expand(*columns(model.weights, w))
    ends = np.cumsum([0, *(w_j.shape[1] for w_j in w)]) if model.per_column else (0, W.shape[1])
    blocks = [slice(*ends[j : j + 2]) for j in range(len(ends) - 1)]
    return sum(definitions.autoencoder(x, W[:, block], b[block], c) for block in blocks)


def rica_definition(model: RICA, params: list[Any], x: Any) -> Any:
    U, w = columns(model.weights, params)
    y = models.rica(x, U, w, model.objective, model.trade_off, model.eps)
    return y + definitions.expand(U, w).sum() * 0.0  # NaN in W shows even if there are no patches


def of(model: type, name: str, drawn: Callable[[Case, Draw], Arguments], definition: Any, **known: Any) -> Model:
    """Scale 1 whatever the case says: parameters of 64 saturate every unit, and then nothing is tested."""

    def arguments(draw: Draw) -> Arguments:
        case = draw.sizes.at(scale=1.0)
        return drawn(case, Draw(case))

    method = known.pop("method", "loss_and_gradient")
    return Model(
        name=name,
        equation="",
        definition=definition,
        arguments=arguments,
        learned=("params",),
        value="loss",
        forward=partial(LOSSES[method], getattr(model, method)),
        backward=scaled,
        model=model,
        method=method,
        **known,
    )


def _mlp(name: str, make: Callable[[Case], MLP], offsets: float = 0.0, **known: Any) -> Model:
    return of(MLP, name, partial(mlp, make, offsets), mlp_definition, mean=True, **{"batch": ("x", "y")} | known)


def _rica(kind: str, objective: str, weights: Callable[[Case], Any], method: str) -> Model:
    """Constants that leave neither term out of sight, as ufldl's own would."""
    names = {"loss_and_gradient": f"RICA {objective}, {kind}", "prepare": f"RICA {objective}, {kind}, prepared"}
    return of(
        RICA,
        names.pop(method),
        partial(rica, lambda case: RICA(weights(case), objective, trade_off=4.0, eps=0.3)),
        rica_definition,
        batch=("x",) if objective == "ufldl" else (),  # le2011 divides one of its sums by n
        method=method,
        twin=names.popitem()[1],
    )


RICAS = {
    "full": lambda case: Full(case.d, case.m),
    "predicted": predicted,
    "low rank": lambda case: LowRank(case.d, case.m, min(2, case.m)),
}

MODELS = (
    _mlp("MLP, predicted-full", lambda case: MLP((predicted(case), Full(case.m, case.m)), CLASSES)),
    _mlp(
        "MLP, low rank-predicted, decay",
        lambda case: MLP((LowRank(case.d, case.d, 1), predicted(case)), CLASSES, weight_decay=DECAY),
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
        analytic=False,
    ),
    *(
        of(
            Autoencoder,
            f"autoencoder, columns {'apart' if apart else 'together'}",
            partial(autoencoder, apart),
            autoencoder_definition,
            batch=("x",),
            mean=True,
        )
        for apart in (False, True)
    ),
    *(
        _rica(kind, objective, weights, method)
        for kind, weights in RICAS.items()
        for objective in ("ufldl", "le2011")
        for method in LOSSES
    ),
)
BY_NAME.update({operation.name: operation for operation in MODELS})  # where a twin is looked up
