"""Stochastic gradient descent with momentum, as in the authors' code; the presets of experiments have its constants."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from pp_ref.arrays import array_namespace, check_arrays, check_finite, check_integer, check_positive, check_rate
from pp_ref.brief import brief, brief_value
from pp_ref.errors import DomainError
from pp_ref.generators import check_generator, generator_state
from pp_ref.layers.regularisers import limit_column_norms
from pp_ref.training.checkpoint import Checkpoint, State
from pp_ref.training.fit import Fit, Interrupted, Objective, Params, Stop, checked
from pp_ref.training.flat import flatten

__all__ = ["SGD", "fit_sgd"]


@brief
@dataclass(frozen=True)
class SGD:
    """Settings of `fit_sgd`.

    epochs            int >= 0: passes over the examples, each in a new random order
    learning_rate     float > 0, of the first step
    batch             int >= 1, examples per step; the last step of an epoch takes the rest
    momentum          in [0, 1), of the first epoch
    final_momentum    in [0, 1), reached linearly after momentum_epochs; None keeps momentum
    momentum_epochs   int >= 1
    decay             float >= 1: the learning rate is divided by it at each step
    floor             float >= 0: the smallest learning rate
    max_column_norm   float > 0: columns of every matrix are projected onto this norm after each step; None for no limit
    raises            DomainError

    Examples
    --------
    >>> from pp_ref.training import SGD
    >>> settings = SGD(epochs=10, learning_rate=0.1, momentum=0.5, final_momentum=0.9, momentum_epochs=4)
    >>> [round(settings.momentum_at(epoch), 2) for epoch in (0, 2, 4, 6)]
    [0.5, 0.7, 0.9, 0.9]
    """

    epochs: int
    learning_rate: float
    batch: int = 100
    momentum: float = 0.0
    final_momentum: float | None = None
    momentum_epochs: int = 1
    decay: float = 1.0
    floor: float = 0.0
    max_column_norm: float | None = None

    def __post_init__(self) -> None:
        check_positive(learning_rate=self.learning_rate)
        check_integer(1, batch=self.batch, momentum_epochs=self.momentum_epochs)
        check_integer(0, epochs=self.epochs)
        check_rate(momentum=self.momentum, final_momentum=self.final_momentum or 0.0)
        if self.max_column_norm is not None:
            check_positive(max_column_norm=self.max_column_norm)
        if not (self.decay >= 1 and self.floor >= 0):
            raise DomainError(f"decay is {self.decay} (expected >= 1), floor {self.floor} (expected >= 0)")

    def momentum_at(self, epoch: int) -> float:
        """Return the momentum of an epoch, counted from 0."""
        if self.final_momentum is None:
            return self.momentum
        share = min(epoch / self.momentum_epochs, 1.0)
        return self.momentum + share * (self.final_momentum - self.momentum)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0 over all epochs."""
        return max(self.learning_rate * self.decay**-step, self.floor)


def fit_sgd(
    objective: Objective,
    params: Params,
    n: int,
    settings: SGD,
    rng: np.random.Generator,
    *,
    evaluate: Callable[[Params], dict[str, float]] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Minimise the mean over n examples by SGD: u <- mu u - eta g, p <- p + u.

    objective   (params, rows, rng) -> (loss, gradient) of the examples in rows, an int array; rng is for dropout. The
                gradient's arrays are overwritten
    params      start, a dict of arrays; not written to
    n           int >= 1: examples
    settings    SGD
    rng         draws the order of the examples
    evaluate    called after each epoch; its errors, in [0, 1], are added to the epoch's record
    on_epoch    called with each epoch's record: epoch, loss (mean of its steps), learning_rate, seconds
    checkpoint  written after each epoch; the fit continues from its file, to the same bits, if there is one
    returns     Fit; it stops with DIVERGED and the current parameters at the first loss that is not finite, or after an
                epoch with parameters that are not
    raises      DomainError, also for a start that is not finite; DataError from the checkpoint; Interrupted on Ctrl-C

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import SGD, fit_sgd
    >>> x, rng = np.array([1.0, 3.0]), np.random.default_rng(0)
    >>> def objective(params, rows, rng):
    ...     error = params["mean"] - x[rows]
    ...     return (error**2).mean() / 2, {"mean": error.mean(keepdims=True)}
    >>> fit = fit_sgd(objective, {"mean": np.zeros(1)}, 2, SGD(epochs=3, learning_rate=0.5), rng)
    >>> fit.params  # 1, then 1.5, then 1.75
    {'mean': array([1.75])}
    >>> [epoch["loss"] for epoch in fit.history]
    [2.5, 1.0, 0.625]
    """
    if not isinstance(settings, SGD):
        raise DomainError(f"settings is {brief_value(settings)}, expected SGD(epochs, learning_rate)")
    check_integer(1, n=n)
    check_generator(rng)
    check_arrays(**params)
    check_finite(**params)
    vector, layout = flatten(params)
    xp = array_namespace(vector)
    velocity = xp.zeros_like(vector)
    history: list[dict[str, Any]] = []
    start = {"params": vector, "velocity": velocity}
    if checkpoint and (state := checkpoint.resume(start, rng, settings.epochs)):
        vector, velocity = (xp.asarray(state.vectors[name]) for name in start)
        history = state.history
    saved = len(history)  # epochs that are in the checkpoint
    params, velocities = layout.views(vector), layout.views(velocity)
    steps = -(-n // settings.batch)
    try:
        for epoch in range(len(history), settings.epochs):
            began, losses, momentum = time.perf_counter(), [], settings.momentum_at(epoch)
            order = rng.permutation(n)
            for step in range(steps):
                rate = settings.learning_rate_at(epoch * steps + step)
                rows = order[step * settings.batch : (step + 1) * settings.batch]
                loss, gradient = checked(objective(params, rows, rng), params)
                losses.append(float(loss))
                if not isfinite(losses[-1]):
                    return Fit(params, history, Stop.DIVERGED)
                velocity *= momentum
                for name, g in gradient.items():
                    u = velocities[name]
                    g *= rate
                    u -= g
                vector += velocity
                if settings.max_column_norm is not None:
                    for p in params.values():
                        if p.ndim == 2:
                            p[...] = limit_column_norms(p, settings.max_column_norm)
            record = {"epoch": epoch + 1, "loss": sum(losses) / steps, "learning_rate": rate}
            record |= evaluate(params) if evaluate else {}
            record["seconds"] = time.perf_counter() - began
            history.append(record)
            finite = bool(xp.all(xp.isfinite(vector)))
            if checkpoint and finite:  # a fit that diverges is not continued
                checkpoint.save(State({"params": vector, "velocity": velocity}, generator_state(rng), history))
                saved = len(history)
            if on_epoch:
                on_epoch(record)
            if not finite:
                return Fit(params, history, Stop.DIVERGED)
    except KeyboardInterrupt as error:
        said = f"stopped by Ctrl-C after {len(history)} of {settings.epochs} epochs; "
        if checkpoint and saved:
            raise Interrupted(f"{said}epoch {saved} is in {checkpoint.file}: run again to go on") from error
        raise Interrupted(f"{said}nothing is saved: run again to start afresh") from error
    return Fit(params, history, Stop.EPOCHS)
