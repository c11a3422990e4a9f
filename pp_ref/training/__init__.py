"""Training of dynamic parameters by SciPy's L-BFGS or by SGD, on one process or on ranks that share each batch; a fit
returns its reason for stopping. And a model of what ranks cost."""

from pp_ref.training.checkpoint import Checkpoint, read_checkpoint
from pp_ref.training.distributed import Group
from pp_ref.training.fit import Fit, Interrupted, Stop
from pp_ref.training.flat import Layout, flatten
from pp_ref.training.lbfgs import fit_lbfgs
from pp_ref.training.link import world
from pp_ref.training.network_model import (
    LayerBytes,
    layer_bytes,
    message_seconds,
    ring_allreduce_seconds,
    speed_up,
    tree_allreduce_seconds,
)
from pp_ref.training.parallel import in_threads
from pp_ref.training.sgd import SGD, fit_sgd

__all__ = [
    "SGD",
    "Checkpoint",
    "Fit",
    "Group",
    "Interrupted",
    "LayerBytes",
    "Layout",
    "Stop",
    "fit_lbfgs",
    "fit_sgd",
    "flatten",
    "in_threads",
    "layer_bytes",
    "message_seconds",
    "read_checkpoint",
    "ring_allreduce_seconds",
    "speed_up",
    "tree_allreduce_seconds",
    "world",
]
