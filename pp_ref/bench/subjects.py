"""The subjects of `pp-ref bench`, in the order of README's table of goals."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from pp_ref.machine import Device

__all__ = ["SUBJECTS", "Subject"]


class Subject(NamedTuple):
    """A subject; the module `pp_ref.bench.NAME` measures it.

    The module has `measure(timing, **settings)`, whose defaults are the full settings. It may have `TABLES`: functions
    that render a record, by their places in README or docs/speed.md.

    about     one sentence for the command's help
    small     settings of --small
    roofline  whether the command draws a roofline beside the record
    peers     the packages that it compares with, as `versions` names them
    rounds    default number of rounds, at least nine
    """

    name: str
    about: str
    small: Mapping[str, Any]
    roofline: bool = False
    device: Device = "cpu"
    peers: tuple[str, ...] = ()
    rounds: int = 9

    @property
    def module(self) -> Any:
        """The module, imported at the first use because the command's help needs none."""
        return import_module(f"pp_ref.bench.{self.name}")

    @property
    def tables(self) -> Mapping[str, Callable[..., str]]:
        tables: Mapping[str, Callable[..., str]] = getattr(self.module, "TABLES", {})
        return tables


_DENSE = ("torch", "jax")
_ONE_SHAPE = {"batches": (10,), "proportions": (0.05,)}
SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            "pooling",
            "v U for ten columns of a 28 x 28 grid: every rung, dense products.",
            _ONE_SHAPE,
            True,
            peers=_DENSE,
        ),
        Subject("layer", "The MNIST net's first layer, y and dw, against a full one.", _ONE_SHAPE, True, peers=_DENSE),
        Subject(
            "mnist_step",
            "A training step of the MNIST net, few weights learned.",
            {"proportions": (0.05,)},
            peers=_DENSE,
        ),
        Subject(
            "conv",
            "A step of each convolution of the CIFAR-10 net, predicted by every way, against dense ones.",
            {"layers": (3,), "proportions": (0.05,), "n": 4},
            peers=_DENSE,
        ),
        Subject("convnet_step", "A training step of the CIFAR-10 net, and every way to convolve.", {"batch": 4}),
        Subject("mlp_epoch", "An epoch of the MNIST net in full, against peers.", {"examples": 300}, peers=_DENSE),
        Subject("rica", "RICA's loss and gradient, against PyTorch's autograd.", {"patches": 1000}),
        Subject("features", "Features of CIFAR-10 images for a classifier.", {"images": 20, "patches": 2000}),
        Subject(
            "scaling",
            "A step of the MNIST net on one rank and two, on networks that count: bytes and time, full and predicted.",
            {"proportions": (1.0, 0.05), "steps": 2},
            rounds=5,
        ),
        Subject("start_up", "Imports, `pp-ref --help` and a first pooled result in new processes.", {}, rounds=15),
        Subject(
            "growth",
            "How times grow with an image's side, 16 to 96, and with the batch, 1 to 10,000.",
            {"sides": (8, 12, 16), "batches": (1, 10, 100)},
        ),
        Subject(
            "plan",
            "How much longer a layer's choice takes than the best way, over shapes.",
            {"sides": (8,), "batches": (10,), "columns": (1,)},
            peers=_DENSE,
        ),
        Subject(
            "turns",
            "What turns of a single call measure, and what turns of many calls.",
            {"batches": (10,)},
            peers=_DENSE,
        ),
        Subject("gpu_pool", "v U on a CUDA device: every rung, and cuBLAS.", {"images": 1000}, device="gpu", rounds=20),
        Subject("gpu_layer", "A layer's operations on a CUDA device.", {"images": 1000}, device="gpu", rounds=20),
        Subject("gpu_mlp", "A step of the MNIST net on a CUDA device.", {"steps": 5}, device="gpu", rounds=20),
        Subject("gpu_convnet", "An epoch of the convnet on a CUDA device.", {"images": 256}, device="gpu"),
    )
}
