"""Mistakes that can be computed: of pp_ref's functions and of the definitions, and what is named after them."""

import numpy as np

from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates import own
from pp_ref.oracle.faults.mistakes import Mistake, known, unheard_of
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.table import BY_NAME

RIGHT = own.functions()


def said(operation: str, functions: dict, declared: str = "float64") -> str:
    report = conform(InProcess(RIGHT | functions, arithmetic=declared), only=[operation])
    assert report.exit_code == 1
    return report.diagnoses[operation]


def test_a_changed_sign_in_a_gradient_is_named():
    def backward(dloss, cache):
        dr = 2 * dloss * cache.error
        dz = dr @ cache.W
        return dz @ cache.W.T - dr, cache.v.T @ dz - dr.T @ cache.z

    found = said("reconstruction", {"reconstruction_backward": backward})
    assert found.startswith(
        "reconstruction_backward gives what pp_ref's gives with `-(derror.T @ z)` in place of `derror.T @ z`"
    ), found


def test_a_wrong_value_with_the_right_gradient_of_it_is_named():
    """What an automatic gradient of a wrong forward pass gives, and what finite differences pass."""

    def forward(W, rate):
        return W.dtype.type(rate) * (W + W).sum(), (W, rate)

    def backward(dloss, cache):
        W, rate = cache
        return np.full_like(W, 2 * rate) * dloss

    found = said("weight_decay", {"weight_decay_forward": forward, "weight_decay_backward": backward})
    assert found.startswith("weight_decay gives what its definition gives with `W + W` in place of `W * W`"), found


def test_of_two_mistakes_the_first_is_named_and_where_the_other_is():
    def backward(dloss, cache):
        dz = 2 * dloss * cache.error @ cache.W
        _, dW = RIGHT["reconstruction_backward"](dloss, cache)
        return dz @ cache.W.T, 2 * dW

    found = said("reconstruction", {"reconstruction_backward": backward})
    assert found.startswith("reconstruction_backward forgets that v is also the target; wrong besides: dW"), found


def test_a_mistake_that_raises_has_no_results():
    def run(case):
        raise ValueError

    assert Mistake("raises", run, "raises").results(case_of("dense/plain/float64/0")) == {}


def test_bfloat16_is_tried_in_float32():
    case = case_of("dense/plain/bfloat16/0")
    assert case.arithmetic is arithmetic("bfloat16")
    wrong = next(
        x for x in unheard_of(BY_NAME["dense"]) if x.sentence.endswith("with `v @ W - b` in place of `v @ W + b`")
    )
    v, W, b = case.arguments.values()
    np.testing.assert_allclose(wrong.results(case)["y"], v @ W - b, rtol=1e-4, atol=1e-4)


def test_a_mistake_in_the_backward_pass_does_not_show_in_the_value():
    """NumPy adds up columns in float16: pp_ref's y is as wrong as a candidate's, with every mistake elsewhere."""
    case = case_of("unit_columns/edges 0/float16/3")
    mistakes = [mistake for mistake in known(BY_NAME["unit_columns"]) if "_backward/" in mistake.identifier]
    assert mistakes
    assert not any(mistake.shows_in("y", mistake.results(case)["y"], case) for mistake in mistakes)
    assert any(mistake.shows_in("dW", mistake.results(case)["dW"], case) for mistake in mistakes)
