"""A training step of the convnet of sec. 4.2 (batch 128, float32): pp_ref against PyTorch on the CPU.

Loss and gradient of the same net with the same start on the same batch: pp_ref's full net and the one that learns a
quarter of its weights, each thread with a share of the batch; PyTorch's full net in both memory layouts, of which the
faster counts. First the full nets' gradients must agree within the rounding of float64: in float32 some of a million
maxima fall to another pixel. Then each of the three convolutions alone, forward, in every way that was tried
(`pp_ref.bench.convolutions`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pp_ref.bench.contest import Block, Real, blocks, contender, numbers_of_threads
from pp_ref.bench.convolutions import convolutions
from pp_ref.bench.record import Record, goal, met, reached, record
from pp_ref.bench.tables import machine, milliseconds
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import import_extra
from pp_ref.models.convnet import ConvNet, paper_convnet, weight_spaces
from pp_ref.models.stages import Convolution
from pp_ref.records import markdown
from pp_ref.training import in_threads

__all__ = ["TABLES", "measure", "predicted_net", "share_of_bound", "torch_net"]

BATCH = 128
PROPORTION, COLUMNS = 0.25, (1, 1, 1, 5)  # of the three convolutions and the 500 units, as in Figure 5
FULL, PREDICTED = "pp_ref, full", "pp_ref, 25% learned"
GOAL_FULL, GOAL = 1.3, 1.3  # at most times PyTorch's seconds; at least times as fast as its full net
Geometry = list[tuple[tuple[int, ...], tuple[int, ...], int]]


def measure(rounds: int, batch: int = BATCH) -> Record:
    """A step of the whole nets, and every way to convolve, which takes half of the rounds."""
    measured: list[Block] = []
    nets = {FULL: paper_convnet(), PREDICTED: predicted_net()}
    for number in numbers_of_threads():
        measured += steps(nets, batch, number, rounds)
    for number in numbers_of_threads():
        for v, W, padding in geometry(nets[FULL], batch):
            measured += convolutions(v, W, padding, number, max(3, rounds // 2))
    return record("convnet_step", __doc__, rounds, measured, goals, batch=batch)


def predicted_net() -> ConvNet:
    """Of every layer a quarter is learned, as in Figure 5."""
    settings: dict[str, Any] = {"proportion": PROPORTION, "length_scale": 1.0, "ridge": 1e-3}
    rng = np.random.default_rng(0)
    return paper_convnet(
        [
            make_dictionary("se", Grid(*space), n_columns=J, rng=rng, **settings)
            for space, J in zip(weight_spaces(), COLUMNS, strict=True)
        ]
    )


def geometry(model: ConvNet, batch: int) -> Geometry:
    """Of each convolution: the shapes of its images and filters, and its padding."""
    found, shape = Geometry(), model.shape
    for stage in model.stages:
        if isinstance(stage, Convolution):
            found.append(((batch, *shape), (*stage.filter_shape, shape[2], stage.weights.m), stage.padding))
        shape = stage.shape(shape)
    return found


def flops(model: ConvNet, batch: int) -> int:
    """Of a step's convolutions and products as they are defined: forward, dW and, above the first layer, dv."""
    total, first = 0, True
    for v, W, padding in geometry(model, batch):
        pixels = (v[1] + 2 * padding - W[0] + 1) * (v[2] + 2 * padding - W[1] + 1)
        total += 2 * batch * pixels * int(np.prod(W)) * (2 if first else 3)
        first = False
    return total + sum(6 * batch * count.total for name, count in model.count().items() if name in ("4", "softmax"))


def steps(nets: Mapping[str, ConvNet], batch: int, threads: int, rounds: int) -> list[Block]:
    """A step of each net, after their gradients and losses agreed."""
    torch = import_extra("torch", "torch")
    rng, full = np.random.default_rng(1), nets[FULL]
    x, y = rng.standard_normal((batch, *full.shape), np.float32), rng.integers(0, 10, batch)
    labels, images = torch.from_numpy(y), torch.from_numpy(x).permute(0, 3, 1, 2)
    starts = {name: model.init(np.random.default_rng(0), None, "float32") for name, model in nets.items()}

    def ours(name: str) -> Callable[[], Any]:
        def objective(params: Any, rows: Any, rng: Any) -> Any:
            return nets[name].loss_and_gradient(params, x[rows], y[rows])

        step = in_threads(objective, threads)
        return lambda: step(starts[name], np.arange(batch), rng)

    def theirs(layout: Any) -> Callable[[], Any]:
        net, there = torch_net(starts[FULL], layout), images.contiguous(memory_format=layout)

        def step() -> None:
            net.zero_grad()
            torch.nn.functional.cross_entropy(net(there), labels).backward()

        return step

    share, amount = share_of_gradient(full, starts[FULL], x, y), flops(full, batch)
    contenders = {}
    for name, model in nets.items():
        step = ours(name)
        shares = share, share_of_loss(model, starts[name], step()[0], images.double(), labels)
        contenders[name] = contender(step, float(np.max(shares)), amount if name == FULL else 0)
    peers = {
        "PyTorch, full": contender(theirs(torch.contiguous_format), None, amount),
        "PyTorch, channels last, full": contender(theirs(torch.channels_last), None, amount),
    }
    return blocks({"part": "step"}, contenders | peers, list(peers), rounds, [threads])


def torch_net(params: Mapping[str, Real], layout: Any) -> Any:
    """The full net with the same start."""
    torch = import_extra("torch", "torch")
    nn, modules = torch.nn, []
    for (_, (fh, fw, c, m), padding), pool, number in zip(geometry(paper_convnet(), 1), (4, 4, 2), "123", strict=True):
        convolution = nn.Conv2d(c, m, (fh, fw), padding=padding)
        W = params[f"{number}.W"].reshape(fh, fw, c, m).transpose(3, 2, 0, 1)
        assign(convolution, W, params[f"{number}.b"])
        modules += [convolution, nn.MaxPool2d(pool, 2, ceil_mode=True), nn.ReLU()]
    hidden, softmax = nn.Linear(1600, 500), nn.Linear(500, 10)
    by_channel = params["4.W"].reshape(5, 5, 64, 500).transpose(3, 2, 0, 1).reshape(500, 1600)
    assign(hidden, by_channel, params["4.b"])
    assign(softmax, params["softmax.W"].T, params["softmax.b"])
    return nn.Sequential(*modules, nn.Flatten(), hidden, nn.ReLU(), softmax).to(memory_format=layout)


def assign(module: Any, W: Real, b: Real) -> None:
    torch = import_extra("torch", "torch")
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(W.copy()))
        module.bias.copy_(torch.from_numpy(b))


def share_of_gradient(model: ConvNet, params: Mapping[str, Real], x: Real, y: Real) -> float:
    """Of the full net's gradient in float64."""
    torch = import_extra("torch", "torch")
    double = {name: array.astype(np.float64) for name, array in params.items()}
    _, gradient = model.loss_and_gradient(double, x.astype(np.float64), y)
    net, images = torch_net(double, torch.contiguous_format).double(), torch.from_numpy(x).permute(0, 3, 1, 2).double()
    torch.nn.functional.cross_entropy(net(images), torch.from_numpy(y)).backward()
    return share_of_bound(gradient, net, len(y))


def share_of_bound(gradient: Mapping[str, Real], net: Any, batch: int) -> float:
    """How far the float64 gradients lie apart, as the largest share of a rounding bound; above 1 is a failure.

    A gradient's entry is a sum over images and pixels behind sums of at most 3,072 products; where the net's terms are
    independent, sqrt(L) u of the layer's largest entries is what L roundings come to (Higham, sec. 2.8), with L the
    terms of all those sums, and a factor of 10 for what chance may do to one of a million entries.
    """
    L = 33 * 33 * batch + 192 + 3072 + 1600 + 1600 + 500
    mine = [name for name in gradient if name.endswith(".W")]
    theirs = [module.weight.grad for module in net if hasattr(module, "weight")]
    shares = []
    for name, g in zip(mine, theirs, strict=True):
        want = g.permute(2, 3, 1, 0) if g.ndim == 4 else g.T
        if name == "4.W":
            want = g.reshape(500, 64, 5, 5).permute(2, 3, 1, 0)
        want = want.reshape(gradient[name].shape).numpy()
        allowed = 10 * np.sqrt(L) * np.finfo(np.float64).eps / 2 * np.max(np.abs(want))
        shares.append(np.max(np.abs(gradient[name] - want)) / allowed)
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def share_of_loss(model: ConvNet, params: Any, loss: Any, images: Any, labels: Any) -> float:
    """How far a timed step's float32 loss is from that of PyTorch's net with the same filters in float64.

    A loss moves smoothly through maxima and kinks, so that those that fall otherwise in float32 do not show. Its
    roundings come to sqrt(L) u of it as in `share_of_bound`, with L the terms of the sums on one path.
    """
    torch = import_extra("torch", "torch")
    filters = {f"{number}.W": W for number, W in enumerate(model.filters(params), start=1)}
    net = torch_net(params | filters, torch.contiguous_format).double()
    with torch.no_grad():
        want = torch.nn.functional.cross_entropy(net(images), labels).item()
    L = 192 + 3072 + 1600 + 1600 + 500 + len(labels)
    return float(abs(float(loss) - want) / (10 * np.sqrt(L) * np.finfo(np.float32).eps / 2 * abs(want)))


def goals(record: Record) -> list[Record]:
    """The full net against PyTorch's better layout, and the predicted one against its full net."""
    full, predicted = (reached(record, name, part="step") for name in (FULL, PREDICTED))
    seconds = {number: 1 / times for number, times in full.items()}
    what = "training step of the CIFAR-10 net, 25% learned, against the full net"
    return [
        *goal("training step of the CIFAR-10 net, seconds, times PyTorch's", "at most", GOAL_FULL, seconds),
        *goal(what, "at least", GOAL, predicted),
    ]


def table(record: Record) -> str:
    """Seconds a training step, ours against PyTorch's better layout."""
    rows, missed = [], []
    for block in record["measured"]:
        if block["part"] == "step":
            full, predicted, *theirs = block["rows"]
            best = min(theirs, key=lambda row: row["median_s"])
            for row in (full, predicted):
                cells = [row["name"].removeprefix("pp_ref, "), str(block["threads"])]
                ratio = f"{1 / row['times_best_peer']:.2f}"
                rows.append([*cells, milliseconds(row, 0), milliseconds(best, 0), ratio])
    for each in record["goals"]:
        if not met(each):
            kind = ("full", each["reached"]) if each["sense"] == "at most" else ("predicted", 1 / each["reached"])
            missed.append("{} with {threads} threads, at {:.2f}".format(*kind, **each))
    peaks = " and ".join(f"{limits['peak_gflops']:.0f}" for limits in record["limits"])
    note = (
        f"The goals of {GOAL_FULL:.2g} (full) and {1 / GOAL:.2g} (predicted) are "
        f"{'missed: ' + '; '.join(missed) if missed else 'met'}. Median (minimum to maximum) "
        f"of {record['rounds']} interleaved steps; {machine(record)}; peak {peaks} Gflop/s with one thread and two."
    )
    return markdown(["net", "threads", "pp_ref, ms", "PyTorch's full net, ms", "ratio"], rows) + "\n\n" + note


def table_of_convolutions(record: Record) -> str:
    """Milliseconds of every way to convolve that was tried."""
    blocks = [block for block in record["measured"] if block["part"] == "convolution"]
    rows = [
        [block["filters"], str(block["threads"]), *(f"{1e3 * row['median_s']:.0f}" for row in block["rows"])]
        for block in blocks
    ]
    names = [row["name"] for row in blocks[0]["rows"]]
    return markdown(["filters, forward, ms", "threads", *names], rows)


TABLES = {"convnet-step": table, "convolutions": table_of_convolutions}
