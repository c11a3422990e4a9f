"""Convolution: exact sums, blocks of the batch, SciPy's correlate, the shapes of the paper's net, the messages."""

import numpy as np
import pytest
from scipy.signal import correlate

from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu.conv2d import conv2d_loops
from pp_ref.layers import conv2d
from pp_ref.layers.conv2d import conv2d_backward, conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from tests.bounds import assert_within

GEOMETRIES = [(1, 0), (1, 2), (2, 0), (2, 1), (3, 4)]  # stride, padding


def integers(*shape, seed=0):
    """Return small integers: every product and sum is exact, in every order."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


def layer(n=3, h=6, w=5, c=2, fh=3, fw=2, m=4):
    return integers(n, h, w, c), integers(fh, fw, c, m, seed=1), integers(m, seed=2)


@pytest.mark.parametrize("dtype", ["f4", "f8", "g", "c16"])
@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_bits_spell_the_pixels_read(dtype, stride, padding):
    mask = np.random.default_rng(0).integers(0, 2, (2, 5, 6, 2))
    W = np.repeat(2.0 ** np.arange(18).reshape(3, 3, 2, 1), 3, axis=3)
    b = np.arange(3) / 4
    y, _ = conv2d_forward(mask.astype(dtype), W.astype(dtype), b.astype(dtype), stride, padding)
    padded = np.pad(mask, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    assert y.dtype == dtype
    for i, j in np.ndindex(y.shape[1:3]):
        patch = padded[:, i * stride : i * stride + 3, j * stride : j * stride + 3].reshape(2, -1)
        np.testing.assert_array_equal(y[:, i, j], (patch @ (1 << np.arange(18)))[:, None] + b)


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_the_loops_give_the_same_integers(stride, padding):
    y, _ = conv2d_forward(*layer(), stride, padding)
    np.testing.assert_array_equal(y, conv2d_loops(*layer(), stride, padding))


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_scipy_correlates_to_the_same(stride, padding):
    rng = np.random.default_rng(3)
    v, W, b = rng.standard_normal((2, 7, 6, 3)), rng.standard_normal((4, 2, 3, 5)), rng.standard_normal(5)
    y, _ = conv2d_forward(v, W, b, stride, padding)

    def by_scipy(v, W, b):
        padded = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        each = [[correlate(image, W[..., m], "valid", "direct")[..., 0] for m in range(5)] for image in padded]
        return np.moveaxis(np.array(each), 1, 3)[:, ::stride, ::stride] + b

    # Both sum 24 products and a bias, in different orders: Higham, sec. 3.1.
    ku = 26 * np.finfo(float).eps / 2
    bound = 2 * ku / (1 - ku) * by_scipy(abs(v), abs(W), abs(b))
    assert_within(y, by_scipy(v, W, b), bound, "y")


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
def test_blocks_of_the_batch_change_nothing(stride, padding, monkeypatch):
    v, W, b = layer(n=7)
    y, cache = conv2d_forward(v, W, b, stride, padding)
    dy = integers(*y.shape, seed=3)
    whole = (y, *conv2d_backward(dy, cache))
    images = y.shape[1] * y.shape[2] * W[..., 0].size
    for entries in (1, 3 * images):  # one image per block; blocks of three, the last of one
        monkeypatch.setattr(conv2d, "COLUMN_ENTRIES", entries)
        y, cache = conv2d_forward(v, W, b, stride, padding)
        for part, want in zip((y, *conv2d_backward(dy, cache)), whole, strict=True):
            np.testing.assert_array_equal(part, want)


def test_dv_at_stride_1_correlates_with_the_filters_turned_by_half_a_turn():
    v, W, b = layer()
    y, cache = conv2d_forward(v, W, b, 1, 0)
    dy = integers(*y.shape, seed=3)
    padded = np.pad(dy, ((0, 0), (2, 2), (1, 1), (0, 0)))
    turned = np.swapaxes(W[::-1, ::-1], 2, 3)
    np.testing.assert_array_equal(conv2d_backward_input(dy, cache), conv2d_loops(padded, turned, np.zeros(2)))


def test_overlapping_patches_add():
    v, W = np.zeros((1, 3, 4, 1)), np.ones((2, 2, 1, 1))
    y, cache = conv2d_forward(v, W, np.zeros(1))
    counts = np.array([[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]])
    np.testing.assert_array_equal(conv2d_backward_input(np.ones_like(y), cache)[0, :, :, 0], counts)


def test_pixels_that_no_patch_reads_have_no_gradient():
    v, W = np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1))
    y, cache = conv2d_forward(v, W, np.zeros(1), stride=3)
    want = np.zeros((4, 4))
    want[:2, :2] = 1
    np.testing.assert_array_equal(conv2d_backward_input(np.ones_like(y), cache)[0, :, :, 0], want)


def test_filters_of_one_pixel_are_a_dense_layer():
    v, W, b = layer(fh=1, fw=1)
    np.testing.assert_array_equal(conv2d_forward(v, W, b)[0], v @ W[0, 0] + b)


def test_parts_of_the_backward_pass_are_the_whole():
    y, cache = conv2d_forward(*layer(), 2, 1)
    parts = (conv2d_backward_input(y, cache), *conv2d_backward_weights(y, cache))
    for part, whole in zip(parts, conv2d_backward(y, cache), strict=True):
        np.testing.assert_array_equal(part, whole)


def test_no_images_have_zero_gradients():
    v, W, b = layer(n=0)
    y, cache = conv2d_forward(v, W, b, 2, 1)
    dv, dW, db = conv2d_backward(y, cache)
    assert (y.shape, dv.shape) == ((0, 3, 3, 4), v.shape)
    np.testing.assert_array_equal(dW, np.zeros_like(W))
    np.testing.assert_array_equal(db, np.zeros_like(b))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4, 4, 3), (2, 2, 4, 5), (5,)), r"^axis c is 3 in v but 4 in W$"),
        (((3, 4, 4, 3), (2, 2, 3, 5), (4,)), r"^axis m is 5 in W but 4 in b$"),
        (((4, 4, 3), (2, 2, 3, 5), (5,)), r"^v has shape \(4, 4, 3\), expected axes \(n, h, w, c\)$"),
        (((3, 4, 4, 3), (12, 5), (5,)), r"^W has shape \(12, 5\), expected axes \(fh, fw, c, m\)$"),
        (
            ((3, 2, 4, 3), (5, 2, 3, 5), (5,)),
            r"^filters are 5 x 2 but images 2 x 4 with padding 1 on each side; expected filters of at least 1 x 1 and "
            r"at most 4 x 6: pad more or take smaller filters$",
        ),
        (((3, 2, 4, 3), (2, 7, 3, 5), (5,)), r"^filters are 2 x 7 but images 2 x 4 with padding 1 on each side; "),
        (((3, 2, 4, 3), (2, 0, 3, 5), (5,)), r"^filters are 2 x 0 but images 2 x 4 with padding 1 on each side; "),
    ],
)
def test_messages_for_shapes(shapes, message):
    with pytest.raises(ShapeError, match=message):
        conv2d_forward(*map(np.zeros, shapes), padding=1)


@pytest.mark.parametrize(
    ("stride", "padding", "message"),
    [
        (0, 0, r"^stride is 0, expected an integer >= 1$"),
        (-2, 0, r"^stride is -2, expected an integer >= 1$"),
        (1, -1, r"^padding is -1, expected an integer >= 0$"),
        (1, 0.5, r"^padding is 0.5, expected an integer >= 0$"),
    ],
)
def test_messages_for_stride_and_padding(stride, padding, message):
    with pytest.raises(DomainError, match=message):
        conv2d_forward(*layer(), stride, padding)
