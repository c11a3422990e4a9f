"""A step of the convnet against PyTorch's, and its convolutions in every way."""

import pytest

from pp_ref.bench import convnet_step, convolutions
from pp_ref.errors import InaccurateError
from pp_ref.models.convnet import ConvNet

pytestmark = pytest.mark.torch


def test_steps_and_convolutions():
    record = convnet_step.measure(1, batch=2)
    steps = [block for block in record["measured"] if block["part"] == "step"]
    assert [row["name"] for row in steps[0]["rows"]][:2] == ["pp_ref, full", "pp_ref, 25% learned"]
    assert len(record["goals"]) == 2 * len(steps)
    ways = [block for block in record["measured"] if block["part"] == "convolution"]
    assert len(ways) == 3 * len(steps)
    assert ways[0]["filters"] == "8 x 8 x 3 x 48"
    assert ways[0]["rows"][0]["flops"] == 2 * 2 * 33 * 33 * 48 * 192
    assert "| 25% learned | 1 |" in convnet_step.table(record)
    headings = "| filters, forward, ms | threads | patches | cosines and sines | SciPy's FFT | Numba | PyTorch |"
    assert convnet_step.table_of_convolutions(record).startswith(headings)


def test_a_wrong_gradient_is_not_timed(monkeypatch):
    right = ConvNet.loss_and_gradient

    def wrong(model, params, x, y):
        loss, gradient = right(model, params, x, y)
        return loss, gradient | {"3.W": 1.1 * gradient["3.W"]} if "3.W" in gradient else gradient

    monkeypatch.setattr(ConvNet, "loss_and_gradient", wrong)
    with pytest.raises(InaccurateError, match="'pp_ref, full': .* nothing was timed"):
        convnet_step.measure(1, batch=2)


def test_a_wrong_convolution_is_not_timed(monkeypatch):
    monkeypatch.setattr(convolutions, "by_fft", lambda v, W, b, padding, workers: 0 * v[..., :1])
    with pytest.raises(InaccurateError, match=r'"SciPy.s FFT": .* nothing was timed'):
        convolutions.convolutions((2, 9, 9, 3), (3, 3, 3, 4), 1, 1, 1)
