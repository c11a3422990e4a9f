"""L-BFGS from SciPy on the flat vector of dynamic parameters (paper, Figure 2)."""

from collections.abc import Callable
from hashlib import sha256
from math import isfinite
from typing import Any

import numpy as np
import scipy  # its optimisers load when they are used

from pp_ref.arrays import Array, array_namespace, check_arrays, check_finite, check_integer, to_numpy
from pp_ref.training.checkpoint import Checkpoint, State
from pp_ref.training.fit import Fit, Interrupted, Stop, checked
from pp_ref.training.flat import flatten

__all__ = ["fit_lbfgs"]

Objective = Callable[[dict[str, Array]], tuple[Array, dict[str, Array]]]
Vector = np.ndarray[Any, Any]
Evaluate = Callable[[Vector], tuple[float, Vector]]  # the loss, and the gradient in the model's dtype


def fit_lbfgs(
    objective: Objective,
    params: dict[str, Array],
    *,
    iterations: int = 500,
    gtol: float = 1e-5,
    ftol: float = 1e-9,
    memory: int = 10,
    on_iteration: Callable[[dict[str, Any]], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Minimise objective(params) -> (loss, gradient) by L-BFGS-B without bounds.

    objective     loss and gradient of the whole data set; called with arrays of params' library and dtype
    params        start, a dict of arrays, not written to; on a device, only they and the gradient are copied to SciPy
    iterations    int >= 1: the budget; evaluations may be up to 1.25 times as many, plus 20
    gtol          largest |gradient entry| at which the fit ends
    ftol          relative decrease of the loss in one step at which the fit ends
    memory        steps kept for the inverse Hessian
    on_iteration  called with each record of the history
    checkpoint    each evaluation is kept in a file beside its path. A fit that was killed repeats its iterations with
                  the losses and gradients in these files, without a call of objective, and comes to the same bits
    returns       Fit; history has iteration, loss and gradient_norm (largest entry) of each
    raises        DomainError, also for a start that is not finite; DataError from the checkpoint; Interrupted on Ctrl-C

    SciPy works in float64. A float32 model cannot reach an ftol much below 1e-7. Iterates differ between releases of
    SciPy, so compare losses and gradient norms, never iterates. An evaluation is taken from a file only if it is of the
    same parameters to the bit, so after a change of SciPy the fit calls objective again from where its iterates differ.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import fit_lbfgs
    >>> x = np.array([1.0, 3.0])
    >>> def objective(params):
    ...     error = params["mean"] - x
    ...     return (error**2).mean() / 2, {"mean": error.mean(keepdims=True)}
    >>> fit = fit_lbfgs(objective, {"mean": np.zeros(1)})
    >>> fit.params["mean"].round(3), fit.stop
    (array([2.]), <Stop.GRADIENT: 'every gradient entry is below gtol'>)
    """
    check_integer(1, iterations=iterations, memory=memory)
    check_arrays(**params)
    check_finite(**params)
    start, layout = flatten(params)
    xp = array_namespace(start)
    history: list[dict[str, Any]] = []
    latest: dict[str, float] = {}

    def on_device(vector: Vector) -> Array:
        return xp.astype(xp.asarray(vector), start.dtype)

    def evaluate(vector: Vector) -> tuple[float, Vector]:
        loss, gradient = checked(objective(layout.views(on_device(vector))), params)
        return float(loss), to_numpy(layout.vector(gradient))

    kept: Evaluate = _Evaluations(evaluate, checkpoint) if checkpoint else evaluate

    def float64_objective(vector: Vector) -> tuple[float, Vector]:
        loss, gradient = kept(vector)
        flat = gradient.astype(np.float64)
        latest.update(loss=loss, gradient_norm=float(np.max(np.abs(flat), initial=0.0)))
        return loss, flat

    def record(_: object) -> None:
        history.append({"iteration": len(history) + 1, **latest})
        if on_iteration:
            on_iteration(history[-1])

    budget = {"maxiter": iterations, "maxfun": iterations * 5 // 4 + 20}
    try:
        result = scipy.optimize.minimize(
            float64_objective,
            to_numpy(start).astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=record,
            options=budget | {"gtol": gtol, "ftol": ftol, "maxcor": memory},
        )
    except KeyboardInterrupt as error:
        said = f"stopped by Ctrl-C after {len(history)} of at most {iterations} iterations; "
        if checkpoint:
            raise Interrupted(f"{said}they are beside {checkpoint.file}: run again to go on") from error
        raise Interrupted(f"{said}nothing is saved: run again to start afresh") from error
    return Fit(layout.views(on_device(result.x)), history, _reason(result, gtol))


class _Evaluations:
    """An objective (vector) -> loss, gradient that keeps its results in numbered files, in the order of its calls.

    SciPy's optimiser calls its objective at points that depend on the results alone. So the calls of a second fit from
    the same start are at the points of the first one, and their results are read from the files.
    """

    def __init__(self, evaluate: Evaluate, checkpoint: Checkpoint) -> None:
        self.evaluate, self.checkpoint, self.calls = evaluate, checkpoint, 0

    def __call__(self, vector: Vector) -> tuple[float, Vector]:
        point, file = sha256(vector.tobytes()).hexdigest(), self.checkpoint.numbered(self.calls)
        self.calls += 1
        if (state := file.load()) and state.history[0]["point"] == point:
            return state.history[0]["loss"], state.vectors["gradient"]
        loss, gradient = self.evaluate(vector)
        if isfinite(loss):  # a fit that diverges is not continued
            file.save(State({"gradient": gradient}, {}, [{"loss": loss, "point": point}]))
        return loss, gradient


def _reason(result: Any, gtol: float) -> Stop:
    """Return the reason for the status of L-BFGS-B: 0 converged, 1 budget, 2 abnormal."""
    if not np.isfinite(result.fun):
        return Stop.DIVERGED
    if result.status == 0:
        return Stop.GRADIENT if np.max(np.abs(result.jac), initial=0.0) <= gtol else Stop.FLAT
    return Stop.BUDGET if result.status == 1 else Stop.LINE_SEARCH
