"""An epoch of the convnet of sec. 4.2 on a CUDA device, in full and with a quarter of the weights learned.

PyTorch has the full net on the same device, in both memory layouts. First the full nets' gradients have to agree.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pp_ref.arrays import to_numpy
from pp_ref.bench.contest import block, contender
from pp_ref.bench.convnet_step import predicted_net, share_of_bound, torch_net
from pp_ref.bench.gpu_pool import Run
from pp_ref.bench.record import Record, record
from pp_ref.errors import import_extra
from pp_ref.machine import array_library
from pp_ref.models.convnet import paper_convnet

__all__ = ["measure"]


def measure(rounds: int, images: int = 50_000, batch: int = 128, device: str = "cuda") -> Record:
    """Epochs of plain gradient steps on images that lie on the device.

    device  where PyTorch's nets lie
    raises  DeviceError without a CUDA device; MissingExtraError without PyTorch
    """
    xp, torch = array_library("gpu"), import_extra("torch", "torch")
    full, predicted = paper_convnet(), predicted_net()
    rng, rate = np.random.default_rng(1), 1e-3
    x, y = rng.standard_normal((images, *full.shape), np.float32), rng.integers(0, 10, images)
    params = full.init(np.random.default_rng(0), None, "float32")
    share = agreement(xp, full, params, x[:batch], y[:batch])
    x_here, y_here = xp.asarray(x), xp.asarray(y)
    images_there = torch.from_numpy(x).permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last)
    labels = torch.from_numpy(y).to(device)

    def ours(model: Any) -> Run:
        weights = {
            name: xp.asarray(array) for name, array in model.init(np.random.default_rng(0), None, "float32").items()
        }

        def epoch() -> None:
            for start in range(0, images - batch + 1, batch):
                rows = slice(start, start + batch)
                loss, gradient = model.loss_and_gradient(weights, x_here[rows, ...], y_here[rows])
                for name, g in gradient.items():
                    weights[name] = weights[name] - rate * g
            float(loss)  # which waits for the device

        return epoch

    def theirs(layout: Any) -> Run:
        net = torch_net(params, layout).to(device)
        there = images_there.contiguous(memory_format=layout)
        optimiser = torch.optim.SGD(net.parameters(), rate)

        def epoch() -> None:
            for start in range(0, images - batch + 1, batch):
                rows = slice(start, start + batch)
                optimiser.zero_grad()
                loss = torch.nn.functional.cross_entropy(net(there[rows]), labels[rows])
                loss.backward()
                optimiser.step()
            loss.item()

        return epoch

    everybody = {
        "pp_ref, full": contender(ours(full), share),
        "pp_ref, 25% learned": contender(ours(predicted), share),
    }
    layouts = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}
    peers = {f"{name}, full": contender(theirs(layout)) for name, layout in layouts.items()}
    measured = [block({"images": images, "batch": batch}, everybody | peers, list(peers), rounds)]
    tf32 = {"convolutions": torch.backends.cudnn.allow_tf32, "products": torch.backends.cuda.matmul.allow_tf32}
    return record("gpu_convnet", __doc__, rounds, measured, device="gpu", limits=[], pytorch_tf32=tf32)


def agreement(xp: Any, model: Any, params: Mapping[str, Any], x: Any, y: Any) -> float:
    """Our float64 gradient on the device against PyTorch's on the processor, as a share of the rounding bound."""
    torch = import_extra("torch", "torch")
    double = {name: array.astype(np.float64) for name, array in params.items()}
    here = {name: xp.asarray(array) for name, array in double.items()}
    _, gradient = model.loss_and_gradient(here, xp.asarray(x.astype(np.float64)), xp.asarray(y))
    net = torch_net(double, torch.contiguous_format).double()
    images = torch.from_numpy(x.astype(np.float64)).permute(0, 3, 1, 2)
    torch.nn.functional.cross_entropy(net(images), torch.from_numpy(y)).backward()
    return share_of_bound({name: to_numpy(g) for name, g in gradient.items()}, net, len(y))
