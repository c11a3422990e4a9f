"""A name is true of the code, or it is not said: mistakes of each kind, and what looks like one and is another."""

import numpy as np
import pytest

from pp_ref.layers import sigmoid_backward
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.candidates import own
from pp_ref.oracle.faults.parts import in_place
from pp_ref.oracle.verdict.diagnosis import UNKNOWN

RIGHT = own.functions()


def found(operation, wrong, arithmetic="float64", seed=1):
    """The diagnosis and the identifier where these functions are put in the place of the right ones."""
    report = conform(InProcess(RIGHT | wrong, arithmetic=arithmetic), only=[operation], quick=True, seed=seed)
    assert report.exit_code
    return report.diagnoses[operation], report.mistakes[operation]


def value(name, change):
    """The right forward pass, of which y is put through change(y, *arguments)."""
    right = RIGHT[name]

    def forward(*arguments):
        result = right(*arguments)
        return (change(result[0], *arguments), result[1]) if name.endswith("_forward") else change(result, *arguments)

    return {name: forward}


VALUES = {
    "a factor": ("sigmoid_forward", lambda y, v: y * (1 + 3e-6), "y is 1.000003 times the right value", "factor"),
    "an offset": ("lowrank_forward", lambda y, *a: y + 0.001, "y is the right value plus 0.001,", "offset"),
    "a multiple of b": ("dense_forward", lambda y, v, W, b: y - 1e-7 * b, "y is the right value plus -1e-07", "plus b"),
    "cut off": ("dense_forward", lambda y, *a: np.clip(y, -5.5, 5.5), "y is cut off at 5.5:", "cut off"),
    "in no entry a number": ("sigmoid_forward", lambda y, v: y * np.nan, "y has NaN where numbers", "NaN"),
    "floor for ceil": (
        "average_pool2d_forward",
        lambda y, v, size, stride, ceil: RIGHT["average_pool2d_forward"](v, size, stride, False)[0],
        "y has the shape of windows counted by floor, where ceil is asked: y has shape",
        "shape/floor",
    ),
    "a lost axis": (
        "sigmoid_forward",
        lambda y, v: y[0] if len(y) == 1 else y,
        "y lacks an axis of length 1: y has shape (",
        "shape/squeezed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_pattern_that_holds_everywhere_is_said(name):
    function, change, said, identifier = VALUES[name]
    sentence, key = found(function.removesuffix("_forward"), value(function, change))
    assert sentence.startswith(said), sentence
    assert key == identifier


def log_of(kept):
    """Cross-entropy of a probability that is kept from zero."""

    def forward(z, labels):
        _, cache = RIGHT["softmax_cross_entropy_forward"](z, labels)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = (e / e.sum(axis=1, keepdims=True))[np.arange(len(z)), labels]
        return -np.log(kept(p)).sum() / max(len(z), 1), cache

    return {"softmax_cross_entropy_forward": forward}


@pytest.mark.parametrize(
    ("kept", "identifier"),
    [
        (lambda p: p + 1e-6, "softmax_cross_entropy/softmax_cross_entropy: log(p + 1e-06)"),
        (lambda p: np.maximum(p, 1e-3), "softmax_cross_entropy/softmax_cross_entropy: log(clip(p, 0.001))"),
    ],
)
def test_what_keeps_a_logarithm_finite_is_named_with_its_number(kept, identifier):
    sentence, key = found("softmax_cross_entropy", log_of(kept))
    assert key == identifier, sentence


def test_a_mistake_in_one_part_of_a_model_is_named():
    right = RIGHT["mlp_loss_and_gradient"]

    def wrong(dy, cache):
        return dy * cache.y

    def model(*arguments):
        with in_place(sigmoid_backward, wrong):
            return right(*arguments)

    sentence, key = found("mlp", {"mlp_loss_and_gradient": model})
    assert sentence.startswith("sigmoid_backward in the mlp multiplies by y where y (1 - y) belongs"), sentence
    assert key.startswith("mlp/sigmoid_backward: ")


def test_two_mistakes_are_both_named():
    """Forward and backward divide alike, and both wrongly."""

    def forward(v, size, stride, ceil):
        y, cache = RIGHT["average_pool2d_forward"](v, size, stride, ceil)
        return y * cache.pixels / size**2, cache

    def backward(dy, cache):
        return RIGHT["average_pool2d_backward"](dy * cache.pixels / cache.size**2, cache)

    sentence, _ = found("average_pool2d", {"average_pool2d_forward": forward, "average_pool2d_backward": backward})
    assert "average_pool2d_forward divides by size^2 at the edge too" in sentence
    assert "and average_pool2d_backward divides dy by size^2 at the edge too" in sentence
    assert "a window reaches over the edge" in sentence


def test_a_name_that_what_passes_contradicts_is_not_given():
    """Without the bias, but for the examples beyond the second: no bias is left out everywhere."""
    right = RIGHT["lowrank_forward"]

    def forward(v, U, w, b):
        y, cache = right(v, U, w, b)
        return (y - b if len(v) == 1 else y), cache

    sentence, _ = found("lowrank", {"lowrank_forward": forward})
    assert not sentence.startswith("lowrank_forward leaves out the bias"), sentence
    assert "; in 1 of 7 cases: one example" in sentence


def test_sums_of_a_symmetric_matrix_in_half_precision_are_no_transpose():
    def forward(v):
        _, cache = RIGHT["second_moment_forward"](v)
        y = np.zeros((v.shape[1],) * 2, np.float16)
        for row in v.astype(np.float16):
            y += np.outer(row, row)
        return y.astype(v.dtype), cache

    sentence, key = found("second_moment", {"second_moment_forward": forward}, "float32")
    assert "transposed" not in sentence
    assert "11 bits" in sentence or key == "coarser/float16", sentence


def test_an_infinity_tells_one_bit():
    from pp_ref.oracle.operations.truth import Expected
    from pp_ref.oracle.verdict.matching import told

    exact, bound = np.array([1.0, 2.0]), np.array([1e-16, 1e-16])
    expected = Expected("y", exact, 0 * bound, bound, bound)
    infinite = np.array([np.inf, np.nan])
    assert told(expected, infinite, infinite) == 2.0
    assert told(expected, exact + 1e-3, exact + 1e-3) > 80


def test_no_entry_is_off_by_up_to_nothing():
    def backward(dy, cache):
        dv = RIGHT["relu_backward"](dy, cache)
        return np.where(dv == 0, 0.125, dv)

    sentence, _ = found("relu", {"relu_backward": backward})
    assert "by up to 0 of" not in sentence
    assert sentence.startswith((UNKNOWN, "dv ", "relu_backward ")), sentence
