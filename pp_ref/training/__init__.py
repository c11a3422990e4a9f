"""Training of dynamic parameters by SciPy's L-BFGS or by SGD; a fit returns its reason for stopping."""

from pp_ref.training.checkpoint import Checkpoint, read_checkpoint
from pp_ref.training.distributed import Group
from pp_ref.training.fit import Fit, Interrupted, Stop
from pp_ref.training.flat import Layout, flatten
from pp_ref.training.lbfgs import fit_lbfgs
from pp_ref.training.link import world
from pp_ref.training.parallel import in_threads
from pp_ref.training.sgd import SGD, fit_sgd

__all__ = [
    "SGD",
    "Checkpoint",
    "Fit",
    "Group",
    "Interrupted",
    "Layout",
    "Stop",
    "fit_lbfgs",
    "fit_sgd",
    "flatten",
    "in_threads",
    "read_checkpoint",
    "world",
]
