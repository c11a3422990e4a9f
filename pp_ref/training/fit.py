"""The result of a fit: parameters, history, and the reason for stopping."""

from collections.abc import Callable
from enum import Enum
from math import prod
from typing import Any, NamedTuple

import numpy as np

from pp_ref.arrays import Array
from pp_ref.brief import brief_value
from pp_ref.errors import DomainError

__all__ = ["Fit", "Interrupted", "Objective", "Params", "Stop", "checked"]

Params = dict[str, Array]
# (params, rows, rng) -> loss and gradient, means over the examples in rows.
Objective = Callable[[Params, np.ndarray[Any, Any], np.random.Generator], tuple[Array, Params]]


class Stop(Enum):
    """Why a fit ended.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import Stop, fit_lbfgs
    >>> def objective(params):
    ...     return (params["w"] ** 4).sum(), {"w": 4 * params["w"] ** 3}
    >>> fit_lbfgs(objective, {"w": np.ones(3)}, iterations=1).stop is Stop.BUDGET
    True
    >>> Stop.BUDGET.value
    'the budget of iterations or evaluations is spent: not converged'
    """

    GRADIENT = "every gradient entry is below gtol"
    FLAT = "one step lowered the loss by less than ftol"
    EPOCHS = "all epochs are done"
    BUDGET = "the budget of iterations or evaluations is spent: not converged"
    LINE_SEARCH = "no step lowers the loss: check the gradient before touching the line search"
    DIVERGED = (
        "the loss or a parameter became NaN or infinite: lower the learning rate, or look for bad values in the data"
    )


class Fit(NamedTuple):
    """The result of a fit. `history` has one record per epoch or iteration, each with its loss.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.training import SGD, fit_sgd
    >>> def objective(params, rows, rng):
    ...     return (params["w"] ** 2).sum(), {"w": 2 * params["w"]}
    >>> fit_sgd(objective, {"w": np.ones(1)}, 1, SGD(epochs=2, learning_rate=0.25), np.random.default_rng(0))
    Fit(1 parameters, 2 records, the last with loss 0.25, stop=Stop.EPOCHS)
    """

    params: dict[str, Array]
    history: list[dict[str, Any]]
    stop: Stop

    def __repr__(self) -> str:
        size = sum(prod(array.shape) for array in self.params.values())
        last = f", the last with loss {self.history[-1]['loss']:.4g}" if self.history else ""
        return f"Fit({size:,} parameters, {len(self.history)} records{last}, stop={self.stop})"


def checked(returned: Any, params: Params) -> tuple[Array, Params]:
    """Return what an objective returned; raise DomainError unless it is a loss and the gradient of all parameters."""
    if not isinstance(returned, tuple | list) or len(returned) != 2 or not isinstance(returned[1], dict):
        raise DomainError(f"objective returned {brief_value(returned)}, expected (loss, gradient), a number and a dict")
    if returned[1].keys() != params.keys():
        given, expected = (", ".join(each) or "nothing" for each in (returned[1], params))
        raise DomainError(f"objective returned the gradient of {given}, expected that of {expected}")
    return returned[0], returned[1]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a fit; the message says what is saved and how to go on."""
