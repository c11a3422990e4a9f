"""Max-pooling in one pass against the layer: the same maxima to the bit, the same winners, and its error messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu.max_pool import max_pool_backward, max_pool_forward
from pp_ref.layers.pooling import max_pool2d_backward, max_pool2d_forward
from pp_ref.oracle.faults.fault import Fault
from tests.bounds import assert_within

SHAPES = [(9, 7, 6, 3), (2, 5, 9, 17), (1, 4, 4, 1), (0, 5, 6, 2)]


def check_max_pool(forward=max_pool_forward, backward=max_pool_backward):
    """forward(v, size, stride) -> y, cache; backward(dy, cache) -> dv"""
    for shape in SHAPES:
        for size, stride in ((1, 1), (2, 2), (3, 2), (4, 1), (3, 5)):
            for dtype in ("float32", "float64"):
                rng = np.random.default_rng(0)
                ties = rng.integers(0, 3, shape).astype(dtype)
                strange = np.where(rng.random(shape) < 0.1, np.nan, np.where(rng.random(shape) < 0.1, -np.inf, ties))
                for v in (rng.standard_normal(shape).astype(dtype), ties, strange.astype(dtype), ties - 9):
                    y, cache = forward(v, size, stride)
                    want, layer = max_pool2d_forward(v, size, stride)
                    assert y.dtype == dtype
                    np.testing.assert_array_equal(y, want)
                    forward(v[::-1], size, stride)  # of another step, in between
                    dy = rng.standard_normal(y.shape).astype(dtype)
                    wanted, magnitude = max_pool2d_backward(dy, layer), max_pool2d_backward(abs(dy), layer)
                    # A pixel wins at most size^2 windows: so many sums, in either order.
                    allowed = 2 * (size * size - 1) * float(np.finfo(dtype).eps) / 2 * magnitude
                    dv = backward(dy, cache)
                    assert dv.dtype == dtype
                    assert_within(dv, wanted, allowed, f"dv, {shape}, {size}, {stride}")


def test_the_layers_maxima_and_winners():
    check_max_pool()


def lambda_forward(change):
    return lambda v, size, stride: max_pool_forward(change(v), size, stride)


def last_row_left_out(v, size, stride):
    y, cache = max_pool_forward(v, size, stride)
    y[:, -1] = 0
    return y, cache


def edge_as_zero(v, size, stride):
    """Pixels beyond the edge are 0, not -inf."""
    y, cache = max_pool_forward(v, size, stride)
    beyond = (y.shape[1] - 1) * stride + size > v.shape[1]
    if beyond:
        y[:, -1] = np.maximum(y[:, -1], 0)
    return y, cache


def last_in_a_tie(v, size, stride):
    y, _ = max_pool_forward(v, size, stride)
    _, cache = max_pool_forward(v[:, ::-1, ::-1], size, stride)
    if (v.shape[1] - size) % stride or (v.shape[2] - size) % stride:
        return max_pool_forward(v, size, stride)
    size_of_image = v[0].size if len(v) else 0
    channel = cache.winner % v.shape[3]
    flipped = size_of_image - v.shape[3] - (cache.winner - channel) + channel
    return y, cache._replace(winner=flipped[:, ::-1, ::-1].astype(np.int32))


def winner_of_one_channel(v, size, stride):
    y, cache = max_pool_forward(v, size, stride)
    c = v.shape[3]
    place = cache.winner[..., :1] // c * c + np.arange(c, dtype=np.int32)
    return y, cache._replace(winner=place)


def stride_of_one(v, size, stride):
    y, cache = max_pool_forward(v, size, 1)
    height, width = max_pool_forward(v, size, stride)[0].shape[1:3]
    rows, columns = np.arange(height) % y.shape[1], np.arange(width) % y.shape[2]
    return y[:, rows][:, :, columns], cache._replace(winner=cache.winner[:, rows][:, :, columns])


def assigned(dy, cache):
    dv = np.zeros_like(max_pool_backward(dy, cache))
    for image, (places, values) in enumerate(zip(cache.winner, dy, strict=True)):
        dv[image].flat[places.ravel()] = values.ravel()
    return dv


def stale(dy, cache):
    dv = max_pool_backward(dy, cache)
    dv[1:] += dv[:-1].copy()
    return dv


FAULTS = [
    Fault("last row", "forward", "leaves out the last row of windows", last_row_left_out),
    Fault("edge as zero", "forward", "takes 0 for what lies beyond the edge", edge_as_zero),
    Fault("last wins", "forward", "gives a tie to the last pixel", last_in_a_tie),
    Fault("one channel", "forward", "takes the first channel's winner for all", winner_of_one_channel),
    Fault("stride of one", "forward", "steps from window to window by one pixel", stride_of_one),
    Fault("NaN loses", "forward", "takes NaN for -inf", lambda_forward(lambda v: np.nan_to_num(v, nan=-np.inf))),
    Fault("sides swapped", "forward", "rows for columns", lambda_forward(lambda v: v.swapaxes(1, 2))),
    Fault("assigned", "backward", "assigns where windows have to add", assigned),
    Fault("stale", "backward", "does not clear the image between examples", stale),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_some_comparison_catches_the_fault(fault):
    with pytest.raises(AssertionError):
        check_max_pool(**{fault.operation: fault.wrong})


def test_threads_change_no_bit_and_strides_do_not_matter():
    v = np.random.default_rng(0).standard_normal((37, 14, 6, 10), np.float32)[:, ::2, :, ::2]
    y, cache = max_pool_forward(v, 3, 2, threads=1)
    dv = max_pool_backward(y, cache, threads=1)
    np.testing.assert_array_equal(y, max_pool2d_forward(v, 3, 2)[0])
    for threads in (2, 3):
        again, cache = max_pool_forward(v, 3, 2, threads=threads)
        np.testing.assert_array_equal(again, y)
        np.testing.assert_array_equal(max_pool_backward(y, cache, threads=threads), dv)


def test_a_gradient_that_is_not_finite_reaches_the_winner_alone():
    y, cache = max_pool_forward(np.arange(4.0).reshape(1, 2, 2, 1), 2, 2)
    np.testing.assert_array_equal(max_pool_backward(np.full_like(y, np.nan), cache).ravel(), [0, 0, 0, np.nan])


def test_messages():
    v = np.zeros((2, 4, 5, 3))
    with pytest.raises(ShapeError, match=r"^images are 4 x 5, smaller than a window of 5 x 5: take a smaller size$"):
        max_pool_forward(v, 5, 1)
    with pytest.raises(ShapeError, match=r"^v has shape \(4, 5\), expected axes \(n, h, w, c\)$"):
        max_pool_forward(v[0, :, :, 0], 2, 2)
    with pytest.raises(DomainError, match="^stride is 0, expected an integer >= 1"):
        max_pool_forward(v, 2, 0)
    with pytest.raises(
        DomainError,
        match=r"^v is an array of int64, shape \(2, 4, 5, 3\), expected an array of float32 or float64: use",
    ):
        max_pool_forward(v.astype(int), 2, 2)
    with pytest.raises(
        DomainError,
        match=r"^v is a list, expected an array of float32 or float64: use np.asarray\(v, dtype=np.float64\)$",
    ):
        max_pool_forward([[0.0]], 2, 2)
    _, cache = max_pool_forward(v, 2, 2)
    with pytest.raises(ShapeError, match=r"^dy has shape \(2, 4, 5, 3\), expected that of y, \(2, 2, 3, 3\)$"):
        max_pool_backward(v, cache)
