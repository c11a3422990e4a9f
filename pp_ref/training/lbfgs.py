"""L-BFGS from SciPy on the flat vector of dynamic parameters (paper, Figure 2)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from pp_ref.arrays import Array, array_namespace, check_arrays, check_finite, check_positive, to_numpy
from pp_ref.training.fit import Fit, Stop
from pp_ref.training.flat import flatten

Objective = Callable[[dict[str, Array]], tuple[Array, dict[str, Array]]]


def fit_lbfgs(
    objective: Objective,
    params: dict[str, Array],
    *,
    iterations: int = 500,
    gtol: float = 1e-5,
    ftol: float = 1e-9,
    memory: int = 10,
    on_iteration: Callable[[dict[str, Any]], None] | None = None,
) -> Fit:
    """Minimise objective(params) -> (loss, gradient) by L-BFGS-B without bounds.

    objective     loss and gradient of the whole data set; called with arrays of params' library and dtype
    params        start, a dict of arrays, not written to; on a device, only they and the gradient are copied to SciPy
    iterations    int >= 1: the budget; evaluations may be up to 1.25 times as many, plus 20
    gtol          largest |gradient entry| at which the fit ends
    ftol          relative decrease of the loss in one step at which the fit ends
    memory        steps kept for the inverse Hessian
    on_iteration  called with each record of the history
    returns       Fit; history has iteration, loss and gradient_norm (largest entry) of each
    raises        DomainError, also for a start that is not finite

    SciPy works in float64. A float32 model cannot reach an ftol much below 1e-7. Iterates differ between releases of
    SciPy, so compare losses and gradient norms, never iterates.
    """
    check_positive(iterations=iterations, memory=memory)
    check_arrays(**params)
    check_finite(**params)
    start, layout = flatten(params)
    xp = array_namespace(start)
    history: list[dict[str, Any]] = []
    latest: dict[str, float] = {}

    def on_device(vector: np.ndarray[Any, Any]) -> Array:
        return xp.astype(xp.asarray(vector), start.dtype)

    def float64_objective(vector: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        loss, gradient = objective(layout.views(on_device(vector)))
        flat = to_numpy(layout.vector(gradient)).astype(np.float64)
        latest.update(loss=float(loss), gradient_norm=float(np.max(np.abs(flat), initial=0.0)))
        return float(loss), flat

    def record(_: object) -> None:
        history.append({"iteration": len(history) + 1, **latest})
        if on_iteration:
            on_iteration(history[-1])

    budget = {"maxiter": iterations, "maxfun": iterations * 5 // 4 + 20}
    result = minimize(
        float64_objective,
        to_numpy(start).astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=record,
        options=budget | {"gtol": gtol, "ftol": ftol, "maxcor": memory},
    )
    return Fit(layout.views(on_device(result.x)), history, _reason(result, gtol))


def _reason(result: Any, gtol: float) -> Stop:
    """Return the reason for the status of L-BFGS-B: 0 converged, 1 budget, 2 abnormal."""
    if not np.isfinite(result.fun):
        return Stop.DIVERGED
    if result.status == 0:
        return Stop.GRADIENT if np.max(np.abs(result.jac), initial=0.0) <= gtol else Stop.FLAT
    return Stop.BUDGET if result.status == 1 else Stop.LINE_SEARCH
