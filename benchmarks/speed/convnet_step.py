"""A training step of the convnet of sec. 4.2 (batch 128, float32): pp_ref against PyTorch on the CPU.

    python benchmarks/speed/convnet_step.py [--rounds 9] [--out FILE]

Loss and gradient of the same net with the same start on the same batch, in turns in one process with the same number of
threads: pp_ref's full net and the one that learns a quarter of its weights, each thread with a share of the batch;
PyTorch's full net in both memory layouts, of which the faster counts. First the full nets' gradients must agree within
the rounding of float64: in float32 some of a million maxima fall to another pixel. Then each of the three convolutions
alone, forward, in every way that was tried: patches in a matrix (im2col), cosines and sines as matrix products, SciPy's
FFT, direct loops compiled by Numba, and PyTorch's (oneDNN). The machine's limit stands beside: the rate of a large
float32 product.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy.fft
import torch
from threadpoolctl import threadpool_limits
from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU

from pp_ref.bench.timing import interleaved, peak_rate, row
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.experiments.figure5 import COLUMNS, SE_SETTINGS
from pp_ref.layers import conv2d_forward, fourier_conv2d_forward
from pp_ref.models.convnet import ConvNet, paper_convnet, weight_spaces
from pp_ref.models.stages import Convolution
from pp_ref.records import circumstances
from pp_ref.training import in_threads

BATCH = 128
PROPORTION = 0.25
GOALS = {"full": 1.3, "predicted": 1 / 1.3}  # times PyTorch's full net


def predicted_net() -> ConvNet:
    rng = np.random.default_rng(0)
    return paper_convnet(
        [
            make_dictionary("se", Grid(*space), proportion=PROPORTION, n_columns=J, rng=rng, **SE_SETTINGS)
            for space, J in zip(weight_spaces(), COLUMNS, strict=True)
        ]
    )


def geometry(model: ConvNet) -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Of each convolution: the shapes of its images and filters, and its padding."""
    found, shape = [], model.shape
    for stage in model.stages:
        if isinstance(stage, Convolution):
            found.append(((BATCH, *shape), (*stage.filter_shape, shape[2], stage.weights.m), stage.padding))
        shape = stage.shape(shape)
    return found


def flops(model: ConvNet) -> int:
    """Of a step's convolutions and products as they are defined: forward, dW and, above the first layer, dv."""
    total, first = 0, True
    for v, W, padding in geometry(model):
        pixels = (v[1] + 2 * padding - W[0] + 1) * (v[2] + 2 * padding - W[1] + 1)
        total += 2 * BATCH * pixels * int(np.prod(W)) * (2 if first else 3)
        first = False
    return total + sum(6 * BATCH * count.total for name, count in model.count().items() if name in ("4", "softmax"))


def torch_net(params: dict[str, np.ndarray], layout: torch.memory_format) -> torch.nn.Sequential:
    """The full net with the same start."""
    modules: list[torch.nn.Module] = []
    for (_, (fh, fw, c, m), padding), pool, number in zip(geometry(paper_convnet()), (4, 4, 2), "123", strict=True):
        convolution = Conv2d(c, m, (fh, fw), padding=padding)
        W = params[f"{number}.W"].reshape(fh, fw, c, m).transpose(3, 2, 0, 1)
        assign(convolution, W, params[f"{number}.b"])
        modules += [convolution, MaxPool2d(pool, 2, ceil_mode=True), ReLU()]
    hidden, softmax = Linear(1600, 500), Linear(500, 10)
    by_channel = params["4.W"].reshape(5, 5, 64, 500).transpose(3, 2, 0, 1).reshape(500, 1600)
    assign(hidden, by_channel, params["4.b"])
    assign(softmax, params["softmax.W"].T, params["softmax.b"])
    return torch.nn.Sequential(*modules, Flatten(), hidden, ReLU(), softmax).to(memory_format=layout)


def assign(module: Any, W: np.ndarray, b: np.ndarray) -> None:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(W.copy()))
        module.bias.copy_(torch.from_numpy(b))


def share_of_bound(gradient: dict[str, np.ndarray], net: torch.nn.Sequential) -> float:
    """How far the float64 gradients lie apart, as the largest share of a rounding bound; above 1 is a failure.

    A gradient's entry is a sum over images and pixels behind sums of at most 3,072 products; where the net's terms are
    independent, sqrt(L) u of the layer's largest entries is what L roundings come to (Higham, sec. 2.8), with L the
    terms of all those sums, and a factor of 10 for what chance may do to one of a million entries.
    """
    L = 33 * 33 * BATCH + 192 + 3072 + 1600 + 1600 + 500
    mine = [name for name in gradient if name.endswith(".W")]
    theirs = [module.weight.grad for module in net if isinstance(module, Conv2d | Linear)]
    shares = []
    for name, g in zip(mine, theirs, strict=True):
        want = g.permute(2, 3, 1, 0) if g.ndim == 4 else g.T
        if name == "4.W":
            want = g.reshape(500, 64, 5, 5).permute(2, 3, 1, 0)
        want = want.reshape(gradient[name].shape).numpy()
        allowed = 10 * np.sqrt(L) * np.finfo(np.float64).eps / 2 * np.max(np.abs(want))
        shares.append(np.max(np.abs(gradient[name] - want)) / allowed)
    return float(np.max(shares))  # NaN stays NaN and fails the comparison


def share_of_loss(model: ConvNet, params: Any, loss: Any, images: torch.Tensor, labels: torch.Tensor) -> float:
    """How far a timed step's float32 loss is from that of PyTorch's net with the same filters in float64.

    A loss moves smoothly through maxima and kinks, so that those that fall otherwise in float32 do not show. Its
    roundings come to sqrt(L) u of it as in `share_of_bound`, with L the terms of the sums on one path.
    """
    filters = {f"{number}.W": W for number, W in enumerate(model.filters(params), start=1)}
    net = torch_net(params | filters, torch.contiguous_format).double()
    with torch.no_grad():
        want = torch.nn.functional.cross_entropy(net(images), labels).item()
    L = 192 + 3072 + 1600 + 1600 + 500 + BATCH
    return float(abs(float(loss) - want) / (10 * np.sqrt(L) * np.finfo(np.float32).eps / 2 * abs(want)))


def steps(threads: int, rounds: int, full: ConvNet, predicted: ConvNet) -> dict[str, Any]:
    """Interleaved steps with this many threads."""
    torch.set_num_threads(threads)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((BATCH, *full.shape), np.float32), rng.integers(0, 10, BATCH)
    params, quarter = (model.init(np.random.default_rng(0), None, "float32") for model in (full, predicted))
    layouts = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}
    nets = {name: torch_net(params, layout) for name, layout in layouts.items()}
    images = {
        name: torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for name, layout in layouts.items()
    }
    labels = torch.from_numpy(y)

    def theirs(name: str) -> None:
        nets[name].zero_grad()
        torch.nn.functional.cross_entropy(nets[name](images[name]), labels).backward()

    batch = np.arange(BATCH)

    def ours(model: ConvNet) -> Callable[..., Any]:
        return in_threads(lambda params, rows, _: model.loss_and_gradient(params, x[rows], y[rows]), threads)

    full_step, predicted_step = ours(full), ours(predicted)
    contenders: dict[str, Callable[[], Any]] = {
        "pp_ref, full": lambda: full_step(params, batch, rng),
        "pp_ref, 25% learned": lambda: predicted_step(quarter, batch, rng),
        **{f"{name}, full": lambda name=name: theirs(name) for name in layouts},
    }
    with threadpool_limits(threads):
        double = {name: array.astype(np.float64) for name, array in params.items()}
        _, gradient = full.loss_and_gradient(double, x.astype(np.float64), y)
        net = torch_net(double, torch.contiguous_format).double()
        images64 = images["PyTorch"].double()
        torch.nn.functional.cross_entropy(net(images64), labels).backward()
        share = max(
            share_of_bound(gradient, net),
            *(
                share_of_loss(model, start, step(start, batch, rng)[0], images64, labels)
                for model, start, step in ((full, params, full_step), (predicted, quarter, predicted_step))
            ),
        )
        if not share <= 1:
            sys.exit(f"gradients differ from PyTorch's by {share:.1f} times the bound: nothing was timed")
        peak = peak_rate()
        seconds = interleaved(contenders, rounds)
    rows = [row(name, times) for name, times in seconds.items()]
    best = min(float(each["median_s"]) for each in rows[2:])
    ratios = {kind: float(each["median_s"]) / best for kind, each in zip(GOALS, rows, strict=False)}
    return {"threads": threads, "share_of_bound": share, "peak_gflops": peak, "rows": rows, "ratio_of_medians": ratios}


# The ways that were tried and are not in the library.


@numba.njit(parallel=True)
def direct(padded: np.ndarray, W: np.ndarray, y: np.ndarray) -> None:
    """A thread owns whole images; the units of a pixel are innermost, where filters and outputs are contiguous."""
    fh, fw, c, m = W.shape
    for n in numba.prange(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for p in range(fh):
                    for q in range(fw):
                        for k in range(c):
                            for u in range(m):
                                y[n, i, j, u] += padded[n, i + p, j + q, k] * W[p, q, k, u]


def numba_forward(v: np.ndarray, W: np.ndarray, b: np.ndarray, padding: int) -> np.ndarray:
    padded = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n, height, width, _ = padded.shape
    y = np.empty((n, height - W.shape[0] + 1, width - W.shape[1] + 1, W.shape[3]), v.dtype)
    y[...] = b
    direct(padded, W, y)
    return y


def fft_forward(v: np.ndarray, W: np.ndarray, b: np.ndarray, padding: int, workers: int) -> np.ndarray:
    size = tuple(scipy.fft.next_fast_len(extent + 2 * padding, real=True) for extent in v.shape[1:3])
    X = scipy.fft.rfft2(v, size, axes=(1, 2), workers=workers)
    K = scipy.fft.rfft2(W, size, axes=(0, 1), workers=workers).conj()
    Y = np.moveaxis(np.moveaxis(X, 0, 2) @ K, 2, 0)  # (frequencies, n, c) (frequencies, c, m)
    y = scipy.fft.irfft2(Y, size, axes=(1, 2), workers=workers)
    y = np.roll(y, (padding, padding), (1, 2))
    height, width = (v.shape[1 + axis] + 2 * padding - W.shape[axis] + 1 for axis in (0, 1))
    return y[:, :height, :width] + b


def ways(threads: int, rounds: int, full: ConvNet) -> list[dict[str, Any]]:
    """Every way to convolve, forward, for each layer's shapes, after each agreed with the patches'."""
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    rng, measured = np.random.default_rng(2), []
    for v_shape, W_shape, padding in geometry(full):
        v, W = rng.standard_normal(v_shape, np.float32), rng.standard_normal(W_shape, np.float32)
        b = np.zeros(W_shape[3], np.float32)
        tv = torch.from_numpy(v).permute(0, 3, 1, 2)
        tW = torch.from_numpy(W).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        contenders: dict[str, Callable[[], np.ndarray]] = {
            "patches": lambda v=v, W=W, b=b, p=padding: conv2d_forward(v, W, b, 1, p)[0],
            "cosines and sines": lambda v=v, W=W, b=b, p=padding: fourier_conv2d_forward(v, W, b, 1, p)[0],
            "SciPy's FFT": lambda v=v, W=W, b=b, p=padding: fft_forward(v, W, b, p, threads),
            "Numba": lambda v=v, W=W, b=b, p=padding: numba_forward(v, W, b, p),
            "PyTorch": lambda tv=tv, tW=tW, p=padding: (
                torch.nn.functional.conv2d(tv, tW, padding=p).permute(0, 2, 3, 1).numpy()
            ),
        }
        with threadpool_limits(threads):
            want = contenders["patches"]()
            # Roundings of independent terms: sqrt(L) u of the norms, with 10 for chance, L the products of an output.
            allowed = 10 * np.sqrt(W[..., 0].size) * np.finfo(np.float32).eps / 2
            allowed *= np.sqrt(np.max(np.sum(v**2, axis=(1, 2, 3))) * np.max(np.sum(W**2, axis=(0, 1, 2))))
            shares = {name: float(np.max(np.abs(run() - want)) / allowed) for name, run in contenders.items()}
            if not max(shares.values()) <= 1:
                sys.exit(f"the ways differ, in shares of the bound: {shares}: nothing was timed")
            seconds = interleaved(contenders, rounds)
        operations = 2 * want.size * W[..., 0].size
        measured.append(
            {
                "images": v_shape,
                "filters": W_shape,
                "flops": operations,
                "rows": [row(name, times, share_of_bound=shares[name]) for name, times in seconds.items()],
            }
        )
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments = parser.parse_args()
    full, predicted = paper_convnet(), predicted_net()
    record = {
        "what": __doc__.splitlines()[0],
        "goals": GOALS,
        "batch": BATCH,
        "flops": flops(full),
        "rounds": arguments.rounds,
        "steps": [steps(threads, arguments.rounds, full, predicted) for threads in (1, 2)],
        "ways": [
            {"threads": threads, "layers": ways(threads, max(3, arguments.rounds // 2), full)} for threads in (1, 2)
        ],
    } | circumstances()
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")
    for block in record["steps"]:
        print("threads {threads}: peak {peak_gflops:.0f} Gflop/s, ratios {ratio_of_medians}".format(**block))
        for each in block["rows"]:
            print("  {name:30} median {median_s:.3f} s, {min_s:.3f} to {max_s:.3f}".format(**each))
    for block in record["ways"]:
        for layer in block["layers"]:
            said = ", ".join(f"{each['name']} {1e3 * each['median_s']:.0f}" for each in layer["rows"])
            print(f"threads {block['threads']}: {layer['filters']} forward, ms: {said}")


if __name__ == "__main__":
    main()
