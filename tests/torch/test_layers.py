"""Predicted layers of PyTorch: judged by the oracle, merged into plain layers, fitted to trained ones, and saved."""

import copy
import re

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.models import Count, Predicted
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.verdict.findings import Status
from tests.bounds import assert_within
from tests.processes import python
from tests.refused import refuses
from tests.tree import ROOT

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
nn = torch.nn

from pp_ref.torch import PredictedConv2d, PredictedLinear  # noqa: E402


def dictionary(space, n_columns=2, kind="se", proportion=0.5, **settings):
    return make_dictionary(
        kind, space, proportion=proportion, n_columns=n_columns, rng=np.random.default_rng(0), **settings
    )


def numbered(name, tensors):
    return {f"{name}{j}": tensor for j, tensor in enumerate(tensors)}


def stand_in(d, J):
    """A dictionary of J columns over d weights, whose U are replaced by those of a case."""
    return make_dictionary("own", Units(d), U=np.eye(d)[:, :1], n_columns=J, rng=np.random.default_rng(0))


def predicted_forward(v, U, w, b):
    layer = PredictedLinear(stand_in(v.shape[1], len(U)), max(len(U), 1), dtype=v.dtype)
    return torch.func.functional_call(layer, numbered("U", U) | numbered("w", w) | {"bias": b}, (v,))


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    """The oracle's images and results are channels-last."""
    own = stand_in(v.shape[3] * int(np.prod(filter_shape)), len(U))
    layer = PredictedConv2d(own, len(U), filter_shape, stride, padding, dtype=v.dtype)
    tensors = numbered("U", U) | numbered("w", w) | {"bias": b}
    return torch.func.functional_call(layer, tensors, (v.permute(0, 3, 1, 2),)).permute(0, 2, 3, 1)


FUNCTIONS = {"predicted_forward": predicted_forward, "predicted_conv2d_forward": predicted_conv2d_forward}


def judged(functions, arithmetic="float64"):
    candidate = InProcess(functions, arrays="torch", arithmetic=arithmetic, autodiff=True)
    return conform(candidate, only=["predicted", "predicted_conv2d"])


@pytest.mark.parametrize("arithmetic", ["float64", "float32"])
def test_the_oracle_finds_nothing(arithmetic):
    report = judged(FUNCTIONS, arithmetic)
    assert [finding for finding in report.findings if finding.status is Status.failed] == []
    assert report.exit_code == 0
    assert report.counts[Status.passed] > 40


def test_the_oracle_finds_a_mistake(monkeypatch):
    right = PredictedLinear.expand
    monkeypatch.setattr(PredictedLinear, "expand", lambda self: right(self).flip(1))
    monkeypatch.setattr(PredictedLinear, "_dictionary_first", lambda self, n: False)
    assert judged(FUNCTIONS).exit_code == 1


LAYERS = {
    "linear": lambda dtype: PredictedLinear(dictionary(Grid(6, 5)), 7, dtype=dtype),
    "linear, one column": lambda dtype: PredictedLinear(dictionary(Grid(6, 5), 1), 7, dtype=dtype),
    "linear, tied": lambda dtype: PredictedLinear(dictionary(Grid(3, 2, 5)), 7, dtype=dtype),
    "linear, gather": lambda dtype: PredictedLinear(dictionary(Units(30), kind="randcon"), 7, bias=False, dtype=dtype),
    "convolution": lambda dtype: PredictedConv2d(dictionary(Grid(3, 2)), 4, (3, 2), dtype=dtype),
    "convolution, tied": lambda dtype: PredictedConv2d(dictionary(Grid(3, 3, 4)), 6, 3, 2, 1, dtype=dtype),
    "convolution, same": lambda dtype: PredictedConv2d(
        dictionary(Grid(3, 3, 4), kind="randcon"), 6, 3, padding="same", bias=False, dtype=dtype
    ),
}


def inputs(layer, n=50):
    shape = (n, layer.in_channels, 6, 5) if isinstance(layer, PredictedConv2d) else (n, layer.in_features)
    return torch.randn(shape, dtype=layer.w0.dtype, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def assert_same_function(plain, layer, n):
    """Both results are within g(d + k + 1) of |v| |U| |w| + |b|, in any order: each sum has at most d or k terms."""
    x, size = inputs(layer, n), copy.deepcopy(layer).double()
    for tensor in (*size.parameters(), *size.buffers()):
        tensor.abs_()
    ku = (layer.predicted.d + layer.predicted.shapes["w0"][0] + 1) * torch.finfo(x.dtype).eps / 2
    bound = 2 * ku / (1 - ku) * size(x.double().abs())
    assert_within(plain(x).numpy(), layer(x).numpy(), bound.numpy(), "merged")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n", [1, 50])
def test_merged_is_unmerged(name, dtype, n):
    layer = LAYERS[name](dtype)
    if layer.bias is not None:
        nn.init.normal_(layer.bias)
    plain = layer.merge()
    assert type(plain) in (nn.Linear, nn.Conv2d)
    assert_same_function(plain, layer, n)


@pytest.mark.parametrize("name", LAYERS)
def test_another_function_is_noticed(name):
    layer = LAYERS[name](torch.float32)
    plain = layer.merge()
    with torch.no_grad():
        plain.weight[:1] *= 1.001
    with pytest.raises(AssertionError, match="outside, first at"):
        assert_same_function(plain, layer, 50)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_is_predicted_is_found_again(name):
    """The least squares solution for W = U w is w: its error is that of float64, times the condition number of U."""
    layer = LAYERS[name](torch.float64)
    again = type(layer).from_layer(layer.merge(), layer.predicted.dictionary)
    for column, (_, w), (_, found) in zip(
        layer.predicted.dictionary.columns, layer.columns(), again.columns(), strict=True
    ):
        condition = np.linalg.cond(column.U)
        error = np.linalg.norm((found - w).detach().numpy()) / np.linalg.norm(w.detach().numpy())
        assert error <= 100 * condition * len(column.U) * np.finfo(float).eps
    x = inputs(layer)
    torch.testing.assert_close(again(x), layer(x))


def test_least_squares_leaves_what_the_dictionary_cannot_reach():
    plain, space = nn.Linear(30, 7), Grid(6, 5)
    layer = PredictedLinear.from_layer(plain, dictionary(space))
    left = (layer.merge().weight - plain.weight).T.detach().numpy().astype(float)
    for column, rest in zip(layer.predicted.dictionary.columns, (left[:, :4], left[:, 4:]), strict=True):
        assert abs(column.U.T @ rest).max() <= 1e-5 < abs(rest).max()  # the rest is orthogonal, in float32
    torch.testing.assert_close(layer.bias, plain.bias)


def test_what_is_learned_and_what_is_fixed():
    layer = PredictedLinear(dictionary(Grid(28, 28), 10, proportion=0.1), 100)
    assert layer.count() == Predicted(layer.predicted.dictionary, 100).count() == Count(7800, 611520, 78400)
    assert sum(p.numel() for p in layer.parameters()) == 7800 + 100
    assert [*layer.state_dict()] == [*(f"w{j}" for j in range(10)), "bias", *(f"U{j}" for j in range(10))]
    before = copy.deepcopy(layer.state_dict())
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1)
    layer(torch.ones(3, 784)).square().sum().backward()
    optimiser.step()
    changed = {name for name, tensor in layer.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {*(f"w{j}" for j in range(10)), "bias"}


def test_a_state_dict_brings_its_dictionary(tmp_path):
    space = Grid(6, 5)
    layer, other = (PredictedLinear(dictionary(space, length_scale=scale), 7) for scale in (1.0, 2.0))
    x = inputs(layer)
    assert not torch.allclose(layer(x), other(x))
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(layer(x), other(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_dtype_is_that_of_every_tensor(dtype):
    layer = PredictedLinear(dictionary(Grid(6, 5)), 7, dtype=dtype)
    assert {tensor.dtype for tensor in (*layer.parameters(), *layer.buffers())} == {dtype}
    assert layer.merge().weight.dtype == dtype
    moved = PredictedLinear(dictionary(Grid(6, 5)), 7).to(dtype)
    assert moved(torch.ones(2, 30, dtype=dtype)).dtype == dtype


def test_the_start_is_drawn_by_torch():
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(PredictedLinear(dictionary(Grid(6, 5)), 7).w1)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_more_axes_and_no_example():
    layer = PredictedLinear(dictionary(Grid(6, 5)), 7)
    x = torch.randn(2, 3, 30)
    torch.testing.assert_close(layer(x), layer(x.reshape(6, 30)).reshape(2, 3, 7))
    assert layer(torch.ones(30)).shape == (7,)
    assert layer(torch.ones(0, 30)).shape == (0, 7)


def test_what_is_printed():
    said = "PredictedLinear(30 -> 7, se: 2 columns of 15, bias=True)"
    assert repr(PredictedLinear(dictionary(Grid(6, 5)), 7)) == said
    said = "PredictedConv2d(36 -> 6, se: 2 columns of 16, bias=True, kernel_size=(3, 3), stride=2, padding=1)"
    assert repr(LAYERS["convolution, tied"](None)) == said


SE = dictionary(Grid(3, 3, 2))
REFUSED = {
    ShapeError: [
        (
            lambda: PredictedLinear(SE, 7)(torch.ones(4, 17)),
            "x has shape (4, 17), expected (..., 18): one example per ro",
        ),
        (
            lambda: PredictedConv2d(SE, 7, 3)(torch.ones(4, 5, 5, 2)),
            "x has shape (4, 5, 5, 2), expected (n, 2, height, width), as of torch.nn.Conv2d",
        ),
        (
            lambda: PredictedConv2d(SE, 7, 2),
            f"dictionary is over {SE.space}, expected Grid(2, 2, in_channels)",
        ),
        (
            lambda: PredictedLinear.from_layer(nn.Linear(17, 7), SE),
            f"dictionary is over {SE.space}, but a unit of layer has 17 weights: expected as many",
        ),
        (
            lambda: PredictedConv2d.from_layer(nn.Conv2d(3, 7, 3), SE),
            f"dictionary is over {SE.space}, but a unit of layer has 27 weights: expected as many",
        ),
        (lambda: PredictedLinear(SE, 1), "the dictionary has 2 columns for 1 units; use fewer columns"),
    ],
    DomainError: [
        (lambda: PredictedLinear(18, 7), "dictionary is 18, expected a Dictionary, as make_dictionary returns it"),
        (lambda: PredictedLinear.from_layer(nn.ReLU(), SE), "layer is ReLU(), expected a torch.nn.Linear"),
        (lambda: PredictedConv2d.from_layer(nn.Linear(18, 7), SE), "layer is Linear(in_features=18, out_features=7"),
        (
            lambda: PredictedLinear.from_layer(nn.Linear(18, 7), 18),
            "dictionary is 18, expected a Dictionary, as make_di",
        ),
        (
            lambda: PredictedConv2d.from_layer(nn.Conv2d(2, 4, 3, groups=2), SE),
            "layer is Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), groups=2), expected one group, no dilation, and",
        ),
        (
            lambda: PredictedConv2d.from_layer(nn.Conv2d(2, 4, 3, dilation=2), SE),
            "layer is Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), dilation=(2, 2)), expected one group, no dilat",
        ),
    ],
}
test_messages = refuses(
    lambda call: call(),
    {error: [(call, f"^{re.escape(said)}") for call, said in rows] for error, rows in REFUSED.items()},
)


def test_torch_is_asked_for_only_here():
    code = (
        "import sys; sys.modules['torch'] = None; import pp_ref, pp_ref.models\n"
        "try: pp_ref.torch\n"
        "except ImportError as error: print(error)"
    )
    said = "torch is not installed, but this function needs it: pip install torch (the extra 'torch' of pp-ref)\n"
    assert python("-c", code).stdout == said


def test_the_example_trains_and_says_what_it_learned():
    text = (ROOT / "docs" / "examples" / "train_predicted_torch.py").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 35
    said = python(ROOT / "docs" / "examples" / "train_predicted_torch.py").stdout
    found = re.fullmatch(
        r"([\d,]+) of ([\d,]+) weights learned; ([\d.]+)% of 1,000 test digits are right; merged, ([\d.]+)%\n", said
    )
    learned, total, right, merged = (float(number.replace(",", "")) for number in found.groups())
    assert learned < total / 3
    assert right > 50  # guessing gives 10 ± 1
    assert abs(merged - right) <= 1
