"""An epoch of the convnet of sec. 4.2 on a CUDA device, in full and with a quarter of the weights learned.

PyTorch has the full net on the same device, in both memory layouts. The full nets' gradients are compared first.
"""

from typing import Any

import numpy as np

from pp_ref.bench.contest import block, contender
from pp_ref.bench.convnet_step import FULL, PREDICTED, predicted_net, share_of_gradient, torch_net
from pp_ref.bench.peers import descent, torch_descent
from pp_ref.bench.record import Record, record
from pp_ref.bench.timing import Run, Timing
from pp_ref.errors import import_extra
from pp_ref.machine import array_library
from pp_ref.models.convnet import paper_convnet

__all__ = ["measure"]

RATE = 1e-3


def measure(timing: Timing, images: int = 50_000, batch: int = 128, device: str = "cuda") -> Record:
    """Return the record of epochs of gradient steps on images in the device's memory.

    device  that of PyTorch's nets
    raises  DeviceError without a CUDA device; MissingExtraError without PyTorch
    """
    xp, torch = array_library("gpu"), import_extra("torch", "torch")
    nets, rng = {FULL: paper_convnet(), PREDICTED: predicted_net()}, np.random.default_rng(1)
    x, y = rng.standard_normal((images, *nets[FULL].shape), np.float32), rng.integers(0, 10, images)
    starts = {name: net.init(np.random.default_rng(0), None, "float32") for name, net in nets.items()}
    share = share_of_gradient(nets[FULL], starts[FULL], x[:batch], y[:batch], xp)
    batches = [slice(start, start + batch) for start in range(0, images - batch + 1, batch)]
    x_here, y_here, labels = xp.asarray(x), xp.asarray(y), torch.from_numpy(y).to(device)

    def theirs(layout: Any) -> Run:
        def loss(rows: slice) -> Any:
            return torch.nn.functional.cross_entropy(net(there[rows]), labels[rows])

        net = torch_net(starts[FULL], layout).to(device)
        there = torch.from_numpy(x).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout)
        return torch_descent(loss, net.parameters(), lambda: batches, lr=RATE)

    ours = {
        name: contender(descent(xp, net, starts[name], x_here, y_here, batches, RATE), share)
        for name, net in nets.items()
    }
    layouts = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}
    peers = {f"{name}, full": contender(theirs(layout)) for name, layout in layouts.items()}
    measured = [block({"images": images, "batch": batch}, ours | peers, list(peers), timing)]
    tf32 = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.backends.cuda.matmul.allow_tf32}
    return record("gpu_convnet", __doc__, timing, measured, device="gpu", limits=[], pytorch_tf32=tf32)
