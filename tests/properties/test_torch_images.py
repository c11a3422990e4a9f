"""Values and all gradients of the operations on images against PyTorch's automatic differentiation, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings

from pp_ref.oracle.operations.nested import is_number
from tests.properties.operations import IMAGES, Case, Operation
from tests.properties.test_properties import CASES
from tests.properties.values import assert_all_within, both, bounds, cotangent, mapped, run

pytestmark = pytest.mark.torch


def channels_first(v):
    return v.permute(0, 3, 1, 2)


def channels_last(y):
    return y.permute(0, 2, 3, 1)


def conv2d(torch, v, W, b, stride, padding):
    filters = W.permute(3, 2, 0, 1).contiguous()  # PyTorch's slow path refuses others
    return channels_last(torch.nn.functional.conv2d(channels_first(v), filters, b, stride, padding))


def depthwise_conv2d(torch, v, u, stride, padding):
    k = u.shape[2]
    filters = u.permute(2, 0, 1)[:, None].repeat(v.shape[3], 1, 1, 1)  # (c k, 1, fh, fw)
    y = torch.nn.functional.conv2d(channels_first(v), filters, None, stride, padding, groups=v.shape[3])
    return channels_last(y).unflatten(3, (v.shape[3], k)).transpose(3, 4)


def dense(torch, U_j, filter_shape, c):
    tied = c > 1 and len(U_j) == filter_shape[0] * filter_shape[1]
    return torch.kron(U_j, torch.eye(c, dtype=U_j.dtype)) if tied else U_j


def dictionary_conv2d(torch, v, U, filter_shape, stride, padding):
    c = v.shape[3]
    filters = [dense(torch, U_j, filter_shape, c).unflatten(0, (*filter_shape, c)) for U_j in U]
    return [conv2d(torch, v, each, None, stride, padding) for each in filters]


def expand_filters(torch, U, w, filter_shape, channels):
    W = [dense(torch, U_j, filter_shape, channels) @ w_j for U_j, w_j in zip(U, w, strict=True)]
    return torch.cat(W, dim=1).unflatten(0, (*filter_shape, channels))


def predicted_conv2d(torch, v, U, w, b, filter_shape, stride, padding, order):
    return conv2d(torch, v, expand_filters(torch, U, w, filter_shape, v.shape[3]), b, stride, padding)


def max_pool2d(torch, v, size, stride, ceil):
    return channels_last(torch.nn.functional.max_pool2d(channels_first(v), size, stride, ceil_mode=ceil))


def average_pool2d(torch, v, size, stride, ceil):
    pool = torch.nn.functional.avg_pool2d
    return channels_last(pool(channels_first(v), size, stride, ceil_mode=ceil, count_include_pad=False))


def flatten(torch, v):
    return v.flatten(1)


def local_response(torch, v, size, alpha, beta, k):
    return channels_last(torch.nn.functional.local_response_norm(channels_first(v), size, alpha, beta, k))


THEIRS = {
    each.__name__: each
    for each in (
        conv2d,
        depthwise_conv2d,
        dictionary_conv2d,
        expand_filters,
        predicted_conv2d,
        max_pool2d,
        average_pool2d,
        flatten,
        local_response,
    )
}
THEIRS["fourier_conv2d"] = conv2d


@pytest.mark.parametrize("operation", IMAGES, ids=repr)
@settings(max_examples=20)
@given(case=CASES)
def test_values_and_gradients_are_those_of_pytorch(operation: Operation, case: Case) -> None:
    torch = pytest.importorskip("torch")
    case = case.at(dtype="float64", layout="C", n=case.n + 1)  # some of PyTorch's operations refuse an empty batch
    arguments = operation.draw(case)
    dy = cotangent(run(operation.forward, arguments)[0], case.rng)
    y, gradients = both(operation, operation.forward, operation.backward, arguments, dy)

    def tensors(name, value):
        grad = name in operation.learned
        array = lambda x: torch.tensor(x, requires_grad=grad) if isinstance(x, np.ndarray) else x  # noqa: E731
        return mapped(array, value)

    theirs = {name: tensors(name, value) for name, value in arguments.items()}
    their_y = THEIRS[operation.name.split(",")[0]](torch, *theirs.values())
    each_y, each_dy = (their_y, dy) if isinstance(dy, list) else ([their_y], [dy])
    torch.autograd.backward(each_y, mapped(torch.tensor, each_dy))
    # PyTorch may add in any order, so the bound is that of the magnitudes, where no partial sum cancels. And it may add
    # one after another the fh fw m terms of at most 3 x 3 pixels, where we add m, then fh, then fw: 9 times as many.
    magnitudes = {name: mapped(abs, value) if is_number(value) else value for name, value in arguments.items()}
    y_bound, bound = bounds(operation, magnitudes, np.float64, mapped(abs, dy))
    both_sides = lambda value: mapped(lambda leaf: (1 + 9) * leaf, value)  # noqa: E731
    assert_all_within(y, mapped(lambda leaf: leaf.detach().numpy(), their_y), both_sides(y_bound), "y")
    for name, gradient in gradients.items():
        their_gradient = mapped(lambda leaf: leaf.grad.numpy(), theirs[name])
        assert_all_within(gradient, their_gradient, both_sides(bound[name]), f"d{name}")
