"""pp_ref itself as a candidate: what its layers, dictionaries and models are called under the documented names."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from pp_ref import layers
from pp_ref.arrays import Array
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.dictionaries.covariances import covariance, matern_covariance, se_covariance
from pp_ref.dictionaries.ridge import ridge_dictionary
from pp_ref.kernels.factors import Separable
from pp_ref.kernels.ways import CONV
from pp_ref.layers.predicted import ExpandCache, PoolCache, expand_backward, pool_backward
from pp_ref.models import MLP, RICA, Autoencoder, ConvNet, Predicted
from pp_ref.models.stages import Activation, Convolution, Flatten, MaxPool
from pp_ref.oracle.candidates.own_speech import SPEECH
from pp_ref.oracle.operations.table import OPERATIONS

__all__ = ["MODELS", "STATIC", "functions", "grid_operands", "kernels", "orders", "original", "provided", "replaced"]

Loss = Callable[..., tuple[Array, dict[str, Array]]]


# Computed in float64, whatever comes in.
STATIC: dict[str, Callable[..., Any]] = {
    "covariance": covariance,
    "matern_kernel": matern_covariance,
    "ridge_dictionary": ridge_dictionary,
    "se_kernel": se_covariance,
}


def kernels() -> dict[str, Callable[..., Any]]:
    """The fastest rungs of `pp_ref.kernels.cpu`, on a grid's factors."""
    from pp_ref.kernels.cpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused

    def pool(v: Array, *grid: Any) -> list[Array]:
        o = grid_operands(*grid)
        return [pool_fused(v, o)[:, part] for part in o.parts]

    return {
        "grid_pool": pool,
        "grid_pool_adjoint": lambda g, *grid: pool_adjoint_fused(np.hstack(g), grid_operands(*grid)),
        "grid_expand": lambda w, *grid: expand_fused(w, grid_operands(*grid)),
        "grid_project": lambda G, widths, *grid: project_fused(G, grid_operands(*grid), widths),
    }


def grid_operands(sizes: tuple[int, int], taps: Sequence[Array], alpha: Sequence[Array], R: Sequence[Array]) -> Any:
    """Return the `SeparableOperands` of images with one channel."""
    from pp_ref.kernels.operands import SeparableOperands

    y, x = (np.asarray(axis, float) for axis in taps)
    factors = Separable((*sizes, 1), (y, x), tuple(alpha), tuple(np.asarray(R_j, float) for R_j in R))
    U = [factors.atoms(a) @ R_j for a, R_j in zip(factors.alpha, factors.R or (), strict=True)]
    return SeparableOperands(taps[0].dtype, tuple(U_j.astype(taps[0].dtype) for U_j in U), factors)


# In which order products are taken: the same functions otherwise.
ORDERS = {operation.functions[0]: operation.orders for operation in OPERATIONS if operation.orders}


def functions(order: int = 0) -> dict[str, Callable[..., Any]]:
    """Every function by its documented name; order 0 or 1 of those that have two."""
    found = {name: getattr(layers, name) for name in layers.__all__}
    found |= {name: _ordered(found[name], orders[order]) for name, orders in ORDERS.items()}
    found |= {
        "covariance": _static(covariance),
        "matern_kernel": _static(matern_covariance),
        "se_kernel": _static(se_covariance),
        "ridge_dictionary": _static(lambda *arguments: ridge_dictionary(*arguments)[0]),
        "pool_adjoint": lambda g, U: pool_backward(g, PoolCache(U)),
        "project": lambda U, G, widths: expand_backward(G, ExpandCache(U, widths)),
    }
    return found | SPEECH | {name: partial(adapted, right) for name, (adapted, right) in MODELS.items()}


def provided() -> list[str]:
    """The operations that `functions` has."""
    found = functions()
    return [operation.name for operation in OPERATIONS if operation.functions[0] in found]


def _ordered(function: Callable[..., Any], order: str) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments, order)


def replaced(name: str, wrong: Callable[..., Any], order: int = 0) -> list[tuple[str, Callable[..., Any]]]:
    """Documented names and functions, where a function of pp_ref is wrong: "MLP.loss_and_gradient", say."""
    owner, _, method = name.partition(".")
    if method == "loss_and_gradient":
        return [
            (documented, partial(adapted, wrong))
            for documented, (adapted, right) in MODELS.items()
            if right.__qualname__ == name or (owner == "MLP" and right.__qualname__ == f"Network.{method}")
        ]
    if name in ORDERS:
        return [(name, _ordered(wrong, ORDERS[name][order]))]
    if name == "ridge_dictionary":
        return [(name, _static(lambda *arguments: wrong(*arguments)[0]))]
    return [(name, _static(wrong) if name in STATIC else wrong)]


def original(name: str) -> Callable[..., Any] | None:
    """The function itself, by its documented name; None of models and of what is adapted from another."""
    return STATIC.get(name) or SPEECH.get(name) or (getattr(layers, name) if name in layers.__all__ else None)


def orders(name: str) -> tuple[int, ...]:
    """Those in which a function, or what it pulls back through, is another."""
    return (0, 1) if name.replace("_backward", "_forward") in ORDERS else (0,)


def _static(function: Callable[..., Array]) -> Callable[..., Array]:
    """Dictionaries are computed in float64 and cast on use."""

    def cast(first: Array, *others: Any) -> Array:
        wide = [
            np.asarray(x, float) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in (first, *others)
        ]
        return function(*wide).astype(first.dtype)

    return cast


def _predicted(space: Any, U: Sequence[Array], m: int) -> Predicted:
    rng = np.random.default_rng(0)
    return Predicted(
        make_dictionary("own", space, U=[np.asarray(U_j, float) for U_j in U], n_columns=len(U), rng=rng), m
    )


class Direct(Convolution):
    """Without the convolution theorem, whose rounding errors are relative to the largest numbers of a whole image: more
    than the bound of an entry that is small or zero."""

    ways = tuple(way for way in CONV if way.name != "theorem")


def mlp(
    loss_and_gradient: Loss, x: Array, labels: Array, U: Any, w: Any, b: Any, W: Array, c: Array, decay: float
) -> Any:
    weights = (_predicted(Units(len(U_l[0])), U_l, b_l.size) for U_l, b_l in zip(U, b, strict=True))
    model = MLP(tuple(weights), c.size, weight_decay=decay)
    return _network(loss_and_gradient, model, x, labels, w, b, W, c)


def convnet(
    loss_and_gradient: Loss, x: Array, labels: Array, U: Any, w: Any, b: Any, filter_shapes: Any, W: Array, c: Array
) -> Any:
    stack: list[Any] = []
    channels = x.shape[3]
    for U_l, b_l, (height, width) in zip(U, b, filter_shapes, strict=True):
        whole = [np.kron(np.asarray(U_j, float), np.eye(channels)) for U_j in U_l]  # tied across channels
        weights = _predicted(Grid(height, width, channels), whole, b_l.size)
        stack += [Direct(weights, (height, width), padding=height // 2), Activation("relu"), MaxPool(2, stride=2)]
        channels = b_l.size
    model = ConvNet(tuple(x.shape[1:]), (*stack, Flatten()), c.size)
    return _network(loss_and_gradient, model, x, labels, w, b, W, c)


def _network(loss_and_gradient: Loss, model: Any, x: Array, labels: Array, w: Any, b: Any, W: Array, c: Array) -> Any:
    names = list(model.init(np.random.default_rng(0)))
    arrays = [array for w_l, b_l in zip(w, b, strict=True) for array in (*w_l, b_l)] + [W, c]
    loss, gradient = loss_and_gradient(model, dict(zip(names, arrays, strict=True)), x, labels)
    pulled = iter([gradient[name] for name in names])
    dw, db = [], []
    for w_l in w:
        dw.append([next(pulled) for _ in w_l])
        db.append(next(pulled))
    return loss, [dw, db, *pulled]


def predicted_autoencoder(loss_and_gradient: Loss, x: Array, U: Any, w: Any, b: Array, c: Array) -> Any:
    model = Autoencoder(_predicted(Units(c.size), U, b.size))
    names = list(model.init(np.random.default_rng(0)))
    loss, gradient = loss_and_gradient(model, dict(zip(names, (*w, b, c), strict=True)), x, None)
    *dw, db, dc = (gradient[name] for name in names)
    return loss, [dw, db, dc]


def rica(
    loss_and_gradient: Loss,
    x: Array,
    U: Any,
    w: Any,
    objective: Literal["ufldl", "le2011"],
    trade_off: float,
    eps: float,
) -> Any:
    model = RICA(_predicted(Units(x.shape[1]), U, sum(w_j.shape[1] for w_j in w)), objective, trade_off, eps)
    names = list(model.init(np.random.default_rng(0)))
    loss, gradient = loss_and_gradient(model, dict(zip(names, w, strict=True)), x, None)
    return loss, [gradient[name] for name in names]


MODELS: dict[str, tuple[Callable[..., Any], Loss]] = {
    "mlp_loss_and_gradient": (mlp, MLP.loss_and_gradient),
    "convnet_loss_and_gradient": (convnet, ConvNet.loss_and_gradient),
    "predicted_autoencoder_loss_and_gradient": (predicted_autoencoder, Autoencoder.loss_and_gradient),
    "rica_ufldl_loss_and_gradient": (rica, RICA.loss_and_gradient),
    "rica_le2011_loss_and_gradient": (rica, RICA.loss_and_gradient),
}
