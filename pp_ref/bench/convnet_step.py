"""A training step of the convnet of sec. 4.2 (batch 128, float32): pp_ref against PyTorch on the CPU.

A step is loss and gradient of one net from one start on one batch. pp_ref has the full net and one that learns a
quarter of its weights, with a share of the batch in each thread. PyTorch has the full net in both memory layouts, eager
and compiled, and the fastest one counts. The full nets' gradients are compared first, within the rounding of float64:
in float32 some of a million maxima fall to another pixel. The forward passes of the three convolutions alone follow, by
every way that was tried (`pp_ref.bench.convolutions`).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Real, blocks, contender, numbers_of_threads, share_of_largest
from pp_ref.bench.convolutions import convolutions
from pp_ref.bench.peers import assign, doubled, torch_modes
from pp_ref.bench.record import Record, goal, inverse, met, reached, record
from pp_ref.bench.tables import UNSTABLE, conditions, milliseconds
from pp_ref.bench.timing import Timing
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.models.convnet import ConvNet, paper_convnet, weight_spaces
from pp_ref.models.stages import Convolution
from pp_ref.records import markdown
from pp_ref.training import in_threads

__all__ = [
    "flops",
    "geometry",
    "goals",
    "measure",
    "predicted_net",
    "share_of_gradient",
    "share_of_loss",
    "steps",
    "table",
    "table_of_convolutions",
    "torch_net",
]

BATCH = 128
PROPORTION, COLUMNS = 0.25, (1, 1, 1, 5)  # of the three convolutions and the 500 units, as in Figure 5
FULL, PREDICTED = "pp_ref, full", "pp_ref, 25% learned"
GOAL_FULL, GOAL = 1.3, 1.3  # at most times PyTorch's seconds; at least times as fast as its full net
Geometry = list[tuple[tuple[int, ...], tuple[int, ...], int]]


def measure(timing: Timing, batch: int = BATCH) -> Record:
    """Return the record of a step of the nets, and of every way to convolve."""
    measured: list[Block] = []
    nets = {FULL: paper_convnet(), PREDICTED: predicted_net()}
    for number in numbers_of_threads():
        measured += steps(nets, batch, number, timing)
    for number in numbers_of_threads():
        for v, W, padding in geometry(nets[FULL], batch):
            measured += convolutions(v, W, padding, number, timing)
    return record("convnet_step", __doc__, timing, measured, goals, batch=batch)


def predicted_net() -> ConvNet:
    """Return the net with a quarter of every layer learned, as in Figure 5."""
    made, spaces = partial(make_dictionary, "se", proportion=PROPORTION, rng=np.random.default_rng(0)), weight_spaces()
    return paper_convnet([made(Grid(*space), n_columns=J) for space, J in zip(spaces, COLUMNS, strict=True)])


def geometry(model: ConvNet, batch: int) -> Geometry:
    """Return, for each convolution, the shapes of its images and filters, and its padding."""
    found, shape = Geometry(), model.shape
    for stage in model.stages:
        if isinstance(stage, Convolution):
            found.append(((batch, *shape), (*stage.filter_shape, shape[2], stage.weights.m), stage.padding))
        shape = stage.shape(shape)
    return found


def flops(model: ConvNet, batch: int) -> int:
    """Return the flops of a step by the definition: of forward, dW and, above the first layer, dv."""
    total = 0
    for number, (v, W, padding) in enumerate(geometry(model, batch)):
        pixels = (v[1] + 2 * padding - W[0] + 1) * (v[2] + 2 * padding - W[1] + 1)
        total += 2 * batch * pixels * int(np.prod(W)) * (3 if number else 2)
    return total + sum(6 * batch * count.total for name, count in model.count().items() if name in ("4", "softmax"))


def steps(nets: Mapping[str, ConvNet], batch: int, threads: int, timing: Timing) -> list[Block]:
    """Return a block of a step of each net. Gradients and losses are compared first."""
    torch = import_extra("torch", "torch")
    rng, full = np.random.default_rng(1), nets[FULL]
    x, y = rng.standard_normal((batch, *full.shape), np.float32), rng.integers(0, 10, batch)
    labels, images = torch.from_numpy(y), torch.from_numpy(x).permute(0, 3, 1, 2)
    starts = {name: model.init(np.random.default_rng(0), None, "float32") for name, model in nets.items()}

    def objective(model: ConvNet, params: Any, rows: Any, rng: Any) -> Any:
        return model.loss_and_gradient(params, x[rows], y[rows])

    def theirs(net: Any, loss: Any, there: Any) -> None:
        net.zero_grad()
        loss(there).backward()

    share, amount = share_of_gradient(full, starts[FULL], x, y), flops(full, batch)
    contenders = {}
    for name, model in nets.items():
        step = partial(in_threads(partial(objective, model), threads), starts[name], np.arange(batch), rng)
        shares = share, share_of_loss(model, starts[name], step()[0], images.double(), labels)
        contenders[name] = contender(step, float(np.max(shares)), amount if name == FULL else 0)
    layouts = {"PyTorch, full": torch.contiguous_format, "PyTorch, channels last, full": torch.channels_last}
    peers = {}
    for name, layout in layouts.items():
        net, there = torch_net(starts[FULL], layout), images.contiguous(memory_format=layout)
        modes = torch_modes(lambda there, net=net: torch.nn.functional.cross_entropy(net(there), labels))
        for mode, loss in modes.items():
            peers[name.replace("PyTorch", mode)] = contender(partial(theirs, net, loss, there), None, amount)
    return blocks({"part": "step"}, contenders | peers, list(peers), timing, [threads])


def torch_net(params: Mapping[str, Real], layout: Any) -> Any:
    """Return PyTorch's full net with the start ``params``, its filters in a memory layout."""
    nn, modules = import_extra("torch", "torch").nn, []
    for (_, (fh, fw, c, m), padding), pool, number in zip(geometry(paper_convnet(), 1), (4, 4, 2), "123", strict=True):
        W = params[f"{number}.W"].reshape(fh, fw, c, m).transpose(3, 2, 0, 1)
        convolution = assign(nn.Conv2d(c, m, (fh, fw), padding=padding), W, params[f"{number}.b"])
        modules += [convolution, nn.MaxPool2d(pool, 2, ceil_mode=True), nn.ReLU()]
    by_channel = params["4.W"].reshape(5, 5, 64, 500).transpose(3, 2, 0, 1).reshape(500, 1600)
    hidden = assign(nn.Linear(1600, 500), by_channel, params["4.b"])
    softmax = assign(nn.Linear(500, 10), params["softmax.W"].T, params["softmax.b"])
    return nn.Sequential(*modules, nn.Flatten(), hidden, nn.ReLU(), softmax).to(memory_format=layout)


def share_of_gradient(model: ConvNet, params: Mapping[str, Real], x: Real, y: Real, xp: Any = np) -> float:
    """Compare the full net's float64 gradient, by arrays of xp, with PyTorch's on the processor.

    returns  the largest error of dW in units of its bound; above 1 is a failure

    An entry of a gradient is a sum over images and pixels of sums of at most 3,072 products. If their roundings are
    independent, L of them add up to sqrt(L) u of the layer's largest entry (Higham, sec. 2.8), with L the terms of all
    sums; a factor of 10 allows for the largest of a million entries.
    """
    torch = import_extra("torch", "torch")
    _, gradient = model.loss_and_gradient(*doubled(xp, params, x), xp.asarray(y))
    double, images = doubled(np, params, x)
    net, there = torch_net(double, torch.contiguous_format).double(), torch.from_numpy(images).permute(0, 3, 1, 2)
    torch.nn.functional.cross_entropy(net(there), torch.from_numpy(y)).backward()
    theirs = [module.weight.grad for module in net if hasattr(module, "weight")]
    theirs[3] = theirs[3].reshape(500, 64, 5, 5)  # channels are first behind PyTorch's last pooling
    names = [name for name in gradient if name.endswith(".W")]
    want = {
        name: (g.permute(2, 3, 1, 0) if g.ndim == 4 else g.T).reshape(gradient[name].shape).numpy()
        for name, g in zip(names, theirs, strict=True)
    }
    L = 33 * 33 * len(y) + 192 + 3072 + 1600 + 1600 + 500
    return share_of_largest(gradient, want, 10 * np.sqrt(L) * np.finfo(np.float64).eps / 2)


def share_of_loss(model: ConvNet, params: Any, loss: Any, images: Any, labels: Any) -> float:
    """Compare a step's float32 loss with that of PyTorch's net with the same filters in float64.

    returns  the error in units of its bound

    A loss is continuous at maxima and kinks, so it hardly changes if some fall otherwise in float32. Its roundings add
    up to sqrt(L) u of it as in `share_of_gradient`, with L the terms of the sums on one path.
    """
    torch = import_extra("torch", "torch")
    filters = {f"{number}.W": W for number, W in enumerate(model.filters(params), start=1)}
    net = torch_net(params | filters, torch.contiguous_format).double()
    with torch.no_grad():
        want = torch.nn.functional.cross_entropy(net(images), labels).item()
    L = 192 + 3072 + 1600 + 1600 + 500 + len(labels)
    return float(abs(float(loss) - want) / (10 * np.sqrt(L) * np.finfo(np.float32).eps / 2 * abs(want)))


def goals(record: Record) -> Iterator[Record]:
    """Yield the goals: the full net and the predicted one, each against PyTorch's fastest full net."""
    full, ceiling = (inverse(reached(record, FULL, key, part="step")) for key in ("times_best_peer", "ceiling"))
    predicted = reached(record, PREDICTED, part="step")
    what = "training step of the CIFAR-10 net, 25% learned, against the full net"
    yield from goal("training step of the CIFAR-10 net, seconds, times PyTorch's", "at most", GOAL_FULL, full, ceiling)
    yield from goal(what, "at least", GOAL, predicted)


def table(record: Record) -> str:
    """Return the table of milliseconds a step, ours and PyTorch's fastest."""
    rows, missed = [], []
    for block in record["measured"]:
        if block["part"] == "step":
            full, predicted, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            for row in (full, predicted):
                cells = [row["name"].removeprefix("pp_ref, "), str(block["threads"])]
                ratio = f"{1 / row['times_best_peer']:.2f}" if "times_best_peer" in row else UNSTABLE
                rows.append([*cells, milliseconds(row, 0), milliseconds(best, 0), ratio])
    for each in record["goals"]:
        if not met(each):
            net, value = "full" if each["sense"] == "at most" else "predicted", each["reached"]
            at = UNSTABLE if value is None else f"at {value if net == 'full' else 1 / value:.2f}"
            missed.append(f"{net} with {each['threads']} threads, {at}")
    peaks = " and ".join(f"{limits['peak_gflops']:.0f}" for limits in record["limits"])
    note = (
        f"The goals of {GOAL_FULL:.2g} (full) and {1 / GOAL:.2g} (predicted) are "
        f"{'missed: ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) "
        f"of a step; {conditions(record)}; peak {peaks} Gflop/s with one thread and two."
    )
    return markdown(["net", "threads", "pp_ref, ms", "PyTorch's full net, ms", "ratio"], rows) + "\n\n" + note


def table_of_convolutions(record: Record) -> str:
    """Return the table of milliseconds of every way to convolve."""
    blocks = [block for block in record["measured"] if block["part"] == "convolution"]
    rows = [
        [block["filters"], str(block["threads"]), *(f"{1e3 * row['median_s']:.0f}" for row in block["rows"])]
        for block in blocks
    ]
    names = [row["name"] for row in blocks[0]["rows"]]
    return markdown(["filters, forward, ms", "threads", *names], rows)


TABLES = {"convnet-step": table, "convolutions": table_of_convolutions}
