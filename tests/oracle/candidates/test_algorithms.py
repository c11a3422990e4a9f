"""Candidates that declare an algorithm are held to its own bounds: right ones agree, wrong ones do not."""

from functools import partial

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.algorithms import strassen as strassen_bound
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates.declared import CONVOLUTIONS, algorithms
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.truth import truth
from pp_ref.oracle.verdict.judge import judge
from tests.oracle.candidates import by_algorithm as right

REGIMES = ("plain", "no example", "cancellation", "edges 8", "NaN in v")
CANDIDATES = {
    "FFT": ("conv2d", {"conv2d_forward": right.fft_forward, "conv2d_backward": right.fft_backward}),
    "Winograd": ("conv2d", {"conv2d_forward": lambda *given: (right.winograd_forward(*given), None)}),
    "Strassen": ("dense", {"dense_forward": right.strassen_forward, "dense_backward": right.strassen_backward}),
}


def judged(word, functions, arithmetic, declared=True, regimes=REGIMES):
    """The statuses of some cases; filters are 3 x 3 and strides 1 in the last two of a convolution."""
    operation = CANDIDATES[word][0]
    candidate = InProcess(functions, arithmetic=arithmetic, forward_only=True)
    more = ["geometry 5", "edges 34"] if operation == "conv2d" else ["infinity in W"]
    cases = (case_of(f"{operation}/{regime}/{arithmetic}/3") for regime in (*regimes, *more))
    held = [case.by(word if declared else None) for case in cases]
    return {judge(case, truth(case), candidate.observe(case)).status for case in held}


@pytest.mark.parametrize("arithmetic", ["float64", "float32"])
@pytest.mark.parametrize("word", CANDIDATES)
def test_a_right_one_agrees(word, arithmetic):
    assert judged(word, CANDIDATES[word][1], arithmetic) == {"passed"}


@pytest.mark.parametrize("word", ["FFT", "Strassen"])
def test_the_same_is_reported_if_it_does_not_declare_it(word):
    assert "failed" in judged(word, CANDIDATES[word][1], "float32", declared=False)


def circular(v, W, b, stride, padding):
    """Without zeros beyond the edge: what leaves an image comes back on its other side."""
    y, _ = right.fft_forward(v, W, b, stride, padding)
    y[:, -1] += right.fft_forward(v, W, b * 0, stride, padding)[0][:, 0] * (y.shape[1] > 2)
    return y, None


def coarse(v, W, b, stride, padding):
    """In half precision within float32."""
    return right.fft_forward(v.astype(np.float16).astype(v.dtype), W, b, stride, padding)


SIGN = right.A * np.array([[1, 1, 1, 1], [1, 1, 1, -1]])
WRONG = {
    "the edge comes back": ("FFT", {"conv2d_forward": circular}),
    "in half precision": ("FFT", {"conv2d_forward": coarse}),
    "a sign": ("Winograd", {"conv2d_forward": lambda *given: (right.winograd_forward(*given, A=SIGN), None)}),
    "a product left out": ("Strassen", {"dense_forward": lambda v, W, b: (right.strassen(v * (v > 0), W) + b, None)}),
    "a row of an odd extent": (
        "Strassen",
        {
            "dense_forward": lambda v, W, b: (
                right.strassen(v[:, : v.shape[1] // 2 * 2], W[: len(W) // 2 * 2]) + b,
                None,
            )
        },
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_reported_although_it_declares_it(name):
    word, functions = WRONG[name]
    assert "failed" in judged(word, functions, "float32", regimes=("plain", "columns of one shape", "edges 8"))


def test_one_entry_of_a_large_case_that_is_off_by_one():
    """In whole numbers, an algorithm's result is judged once it is rounded to one."""

    def shifted(v, W, b, by):
        y, cache = right.strassen_forward(v, W, b)
        y.flat[-1] += by
        return y, cache

    case = case_of("dense/edges 8/float64/3").by("Strassen")
    expected = truth(case)
    assert (expected[0].step, expected[0].bound.max()) == (1.0, 0.0)
    for by, status in ((0.25, "passed"), (1.0, "failed")):
        seen = InProcess({"dense_forward": partial(shifted, by=by)}, forward_only=True).observe(case)
        assert judge(case, expected, seen).status == status


def test_a_run_holds_a_candidate_to_what_it_declares():
    candidate = InProcess(CANDIDATES["FFT"][1], algorithm={"conv2d": "FFT"})
    report = conform(candidate, replay="conv2d/cancellation/float64/0")
    assert report.environment["algorithms"] == {"conv2d": "FFT"}
    assert report.exit_code == 0


def test_the_bound_of_one_step():
    """18 (n0^2 + 6 n0) u, a little more where operands or results are rounded besides."""
    double = ARITHMETICS["float64"]
    assert float(strassen_bound(16, double)) == pytest.approx(18 * (64 + 7 * 8) * 2.0**-53, rel=0.001)
    assert float(strassen_bound(128, double)) == pytest.approx(18**2 * (32**2 + 7 * 32) * 2.0**-53, rel=0.001)


def test_words():
    assert algorithms(None) == {}
    assert algorithms("FFT") == dict.fromkeys(CONVOLUTIONS, "FFT")
    assert algorithms({"dense": "Strassen", "conv2d": "Winograd"}) == {"dense": "Strassen", "conv2d": "Winograd"}
    assert algorithms("Strassen")["mlp"] == "Strassen"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Winogard", "ALGORITHM is 'Winogard', expected one of FFT, Winograd, Strassen: did you mean 'Winograd'?"),
        ({"conv2": "FFT"}, "ALGORITHM is 'conv2', expected one of "),
        ({"dense": "FFT"}, "ALGORITHM is 'FFT' for dense, expected Strassen, or one of conv2d, "),
        ({"dense": ["FFT"]}, "ALGORITHM is ['FFT'], expected one of FFT, Winograd, Strassen"),
    ],
)
def test_words_that_there_are_not(said, words):
    with pytest.raises(DomainError) as raised:
        algorithms(said)
    assert words in str(raised.value)
