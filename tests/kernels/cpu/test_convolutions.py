"""Each planted fault must fail one of the comparisons of convolutions. Then threads, strides, messages."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu import conv_layer
from pp_ref.kernels.cpu.conv_layer import conv_backward, conv_backward_weights, conv_dense_forward, conv_forward
from pp_ref.kernels.cpu.conv_pool import conv_pool_stencil
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.kernels.operands import FilterOperands, filter_operands, separable_operands
from pp_ref.oracle.faults.fault import Fault
from tests.kernels.cpu.comparisons import weights
from tests.kernels.cpu.convolutions import check_conv_layer, check_conv_pool, images, made
from tests.kernels.cpu.faults import without_R

CASE = "3 x 5 x 2, two columns"


def altered(f, down=lambda x: x, across=lambda x: x, row=lambda x: x, o=lambda x: x):
    """The filters with some of their parts replaced."""
    copy = FilterOperands(o(f.o), f.sites)
    vars(copy)["_axes"] = (down(f.down).copy(), across(f.across).copy(), row(f.row).copy())
    return copy


def late(taps):
    """Shift every filter by one place."""
    return np.roll(taps, 1, axis=1)


def last_tap_left_out(taps):
    return np.where(np.arange(taps.shape[1]) == taps.shape[1] - 1, 0, taps).astype(taps.dtype)


def neighbours_row(row):
    return np.where(row > 0, row - 1, row)


def transposed(f):
    """Take sites as (ix, iy)."""
    fh, fw, _ = f.shape
    sites = tuple(s % fh * fw + s // fh if s.max(initial=0) < fh * fw and fh != fw else s for s in f.sites)
    return FilterOperands(f.o, tuple(s % (fh * fw) for s in sites))


def sites_reversed(f):
    return altered(f, across=lambda x: x[::-1], row=lambda x: x[::-1])


def pool_with(change):
    return lambda v, f, stride, padding: conv_pool_stencil(v, change(f), stride, padding)


def channel_dropped(v, f, stride, padding):
    v = v.copy()
    v[..., 1:] = 0
    return conv_pool_stencil(v, f, stride, padding)


def channels_swapped(v, f, stride, padding):
    return conv_pool_stencil(v[..., ::-1], f, stride, padding)


def padding_repeats_the_edge(v, f, stride, padding):
    wide = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="edge")
    return conv_pool_stencil(wide, f, stride, 0)


def padding_on_one_side(v, f, stride, padding):
    wide = np.pad(v, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0)))
    return conv_pool_stencil(wide, f, stride, 0)


def stride_of_one(v, f, stride, padding):
    right = conv_pool_stencil(v, f, stride, padding)
    return conv_pool_stencil(v, f, 1, padding)[:, : right.shape[1], : right.shape[2]]


def rows_run_on(v, f, stride, padding):
    """Leave out the padding between the rows of a plane, so that a row runs into the next."""
    n, h, w, c = v.shape
    flat = np.concatenate([v.reshape(n, h * w, c), np.zeros((n, f.shape[1], c), v.dtype)], axis=1)
    ran = conv_pool_stencil(v, f, stride, padding)
    on = flat[:, w : w + 1] * f.across[0, -1] * f.down[0, 0]
    ran = ran.copy()
    ran[:, :1, -1, :1] += on[..., :1]
    return ran


def plane_stale(v, f, stride, padding):
    right = conv_pool_stencil(v, f, stride, padding).copy()
    right[1:] += 1e-3 * right[:-1].copy()
    return right


def layer_with(change):
    return lambda v, w, b, f, stride, padding: conv_forward(v, w, b, change(f), stride, padding)


def without_bias(v, w, b, f, stride, padding):
    return conv_forward(v, w, np.zeros_like(b), f, stride, padding)


def tail_stale(v, w, b, f, stride, padding):
    y, cache = conv_forward(v, w, b, f, stride, padding)
    y[16:] = y[: len(y[16:])].copy()
    return y, cache


def columns_swapped(v, w, b, f, stride, padding):
    y, cache = conv_forward(v, w, b, f, stride, padding)
    return np.roll(y, w[0].shape[1], axis=3) if len(w) > 1 else y, cache


KEPT: dict[tuple[int, ...], list] = {}


def scratch_shared(v, w, b, f, stride, padding):
    """Keep the gathered maps of all steps in one buffer."""
    y, cache = conv_forward(v, w, b, f, stride, padding)
    if not cache.gathered:
        return y, cache
    buffer = KEPT.setdefault((id(f), *cache.gathered[0].shape), cache.gathered)
    for one, other in zip(buffer, cache.gathered, strict=True):
        one[:] = other
    return y, cache._replace(gathered=buffer)


def not_folded_back(dy, cache):
    dv, dw, db = conv_backward(dy, cache)
    if cache.dense is not None:
        return dv, dw, db
    return dv, conv_backward_weights(dy, cache._replace(f=altered(cache.f, o=without_R)))[0], db


def dv_through_w(dy, cache):
    dv, dw, db = conv_backward(dy, cache)
    return (conv_backward(dy, cache._replace(folded=cache.w))[0] if cache.dense is None else dv), dw, db


def taps_not_reversed(dy, cache):
    """Do not reverse the adjoint's filters."""
    dv, dw, db = conv_backward(dy, cache)
    if cache.dense is not None:
        return dv, dw, db
    flipped = altered(cache.f, down=lambda x: x[:, ::-1], across=lambda x: x[:, ::-1])
    return conv_backward(dy, cache._replace(f=flipped))[0], dw, db


def last_image_without_gradient(dy, cache):
    dv, _, db = conv_backward(dy, cache)
    short = dy.copy()
    short[-1:] = 0
    return dv, conv_backward_weights(short, cache)[0], db


FAULTS = [
    Fault("halo", "pool", "filters one place late, down", pool_with(lambda f: altered(f, down=late))),
    Fault("halo across", "pool", "filters one place late, across", pool_with(lambda f: altered(f, across=late))),
    Fault("last tap", "pool", "leaves out a tap", pool_with(lambda f: altered(f, across=last_tap_left_out))),
    Fault("flipped", "pool", "convolves for correlates", pool_with(lambda f: altered(f, across=lambda x: x[:, ::-1]))),
    Fault("neighbour's row", "pool", "a site from another row", pool_with(lambda f: altered(f, row=neighbours_row))),
    Fault("sides swapped", "pool", "(ix, iy) for (iy, ix)", pool_with(transposed)),
    Fault("sites reversed", "pool", "sites in another order", pool_with(sites_reversed)),
    Fault("no R", "pool", "leaves out R", pool_with(lambda f: altered(f, o=without_R))),
    Fault("channel dropped", "pool", "reads the first channel alone", channel_dropped),
    Fault("channels swapped", "pool", "another channel's map", channels_swapped),
    Fault("edge repeated", "pool", "pads with the outermost pixels", padding_repeats_the_edge),
    Fault("one side", "pool", "pads on one side", padding_on_one_side),
    Fault("stride of one", "pool", "skips nothing", stride_of_one),
    Fault("rows run on", "pool", "reads the next row beyond an edge", rows_run_on),
    Fault("plane stale", "pool", "does not clear a plane between images", plane_stale),
    Fault("bias", "forward", "leaves out the bias", without_bias),
    Fault("tail stale", "forward", "leaves a last tile that is not full", tail_stale),
    Fault("columns swapped", "forward", "gives columns each other's units", columns_swapped),
    Fault("no R", "forward", "multiplies by w, not R w", layer_with(lambda f: altered(f, o=without_R))),
    Fault("one buffer", "forward", "keeps every step's maps in one buffer", scratch_shared),
    Fault("not folded back", "backward", "returns dw of R w", not_folded_back),
    Fault("dv through w", "backward", "pulls dv back through w in place of R w", dv_through_w),
    Fault("not reversed", "backward", "takes forward's taps", taps_not_reversed),
    Fault("last image", "backward", "leaves out the last image's dw", last_image_without_gradient),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.operation}: {fault.name}")
def test_some_comparison_catches_the_fault(fault):
    planted = {"forward": conv_forward} | {fault.operation: fault.wrong}
    check = (lambda: check_conv_pool(fault.wrong)) if fault.operation == "pool" else lambda: check_conv_layer(**planted)
    with pytest.raises(AssertionError):
        check()


@pytest.mark.parametrize("kept", [0, 1 << 30])
def test_the_bits_do_not_depend_on_the_number_of_threads_or_on_what_is_kept(kept, monkeypatch):
    f, v = made(CASE, "float32"), np.repeat(images(CASE, "float32"), 3, axis=0)
    w = weights(f.o)
    b = np.zeros(sum(w_j.shape[1] for w_j in w), "f4")
    dy = np.random.default_rng(0).standard_normal(conv_forward(v, w, b, f, 1, 1)[0].shape).astype("f4")
    monkeypatch.setattr(conv_layer, "TILE_BYTES", 1)  # four tiles

    def everything(threads):
        y, cache = conv_forward(v, w, b, f, 1, 1, threads=threads)
        dv, dw, db = conv_backward(dy, cache, threads=threads)
        return [conv_pool_stencil(v, f, 1, 1, threads=threads), y, dv, *dw, db]

    with threadpool_limits(1):
        one = everything(1)
        monkeypatch.setattr(conv_layer, "KEPT", kept)
        for threads in (2, 3, 16):
            for got, want in zip(everything(threads), one, strict=True):
                np.testing.assert_array_equal(got, want)


def test_no_units():
    f, v = made(CASE, "float64"), images(CASE, "float64")
    y, cache = conv_forward(v, [np.ones((U.shape[1], 0)) for U in f.o.U], np.ones(0), f, 1, 1)
    dv, dw, db = conv_backward(y, cache)
    assert y.shape == (*v.shape[:2], 4, 0)
    np.testing.assert_array_equal(dv, np.zeros_like(v))
    assert [dw_j.shape for dw_j in dw] == [(U.shape[1], 0) for U in f.o.U]
    assert db.shape == (0,)


def test_any_strides_of_memory():
    f, v = made(CASE, "float64"), images(CASE, "float64")
    wide = np.random.default_rng(0).standard_normal((*v.shape[:3], 2 * v.shape[3]))
    w = weights(f.o)
    b = np.zeros(sum(w_j.shape[1] for w_j in w))
    y, cache = conv_forward(wide[..., ::2], w, b, f, 1, 1)
    want, contiguous = conv_forward(np.ascontiguousarray(wide[..., ::2]), w, b, f, 1, 1)
    np.testing.assert_array_equal(y, want)
    dy = np.moveaxis(np.random.default_rng(1).standard_normal((y.shape[3], *y.shape[:3])), 0, 3)
    for got, other in zip(conv_backward(dy, cache), conv_backward(dy.copy(), contiguous), strict=True):
        for one, two in zip(got, other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("rung", LADDERS["conv_pool"], ids=lambda rung: rung.name)
def test_messages_of_pooling(rung):
    f = made(CASE, "float64")
    v = np.zeros((2, 7, 6, 2))
    with pytest.raises(ShapeError, match=r"^axis c is 3 in v, but 2 in the dictionary$"):
        rung.forward(np.zeros((2, 7, 6, 3)), f)
    with pytest.raises(ShapeError, match=r"^v has shape \(7, 6\), expected axes \(n, h, w, c\)$"):
        rung.forward(np.zeros((7, 6)), f)
    with pytest.raises(DomainError, match=r"^v is float32 but the dictionary float64: cast one with astype$"):
        rung.forward(v.astype("f4"), f)
    with pytest.raises(ShapeError, match="^filters are 3 x 5 but images 2 x 6 with padding 0"):
        rung.forward(v[:, :2], f)


@pytest.mark.parametrize("forward", [conv_forward, conv_dense_forward])
def test_messages_of_the_layer(forward):
    f = made(CASE, "float64")
    v, w = np.zeros((2, 7, 6, 2)), weights(f.o)
    m = sum(w_j.shape[1] for w_j in w)
    with pytest.raises(ShapeError, match=rf"^axis m is {m} in \[w_1, ..., w_J\] but 4 in b$"):
        forward(v, w, np.zeros(4), f)
    with pytest.raises(ShapeError, match=r"^w has 1 columns, but the dictionary 2: expected the same number$"):
        forward(v, w[:1], np.zeros(m), f)
    with pytest.raises(DomainError, match=r"^b is float32 but the dictionary float64: cast one with astype$"):
        forward(v, w, np.zeros(m, "f4"), f)
    with pytest.raises(ShapeError, match=r"^filters are 3 x 5 but images 7 x 2 with padding 1: pad more$"):
        forward(v[:, :, :2], w, np.zeros(m), f, 1, 1)
    with pytest.raises(DomainError, match=r"^stride is 0, expected an integer >= 1"):
        forward(v, w, np.zeros(m), f, 0)
    with pytest.raises(DomainError, match=r"^padding is -1, expected an integer >= 0"):
        forward(v, w, np.zeros(m), f, 1, -1)
    _, cache = forward(v, w, np.zeros(m), f)
    with pytest.raises(ShapeError, match=r"^dy has shape \(2, 5, 2, 1\), expected that of y, \(2, 5, 2, 5\)$"):
        conv_backward(np.zeros((2, 5, 2, 1)), cache)
    with pytest.raises(DomainError, match=r"^dy is float32 but the dictionary float64: cast one with astype$"):
        conv_backward_weights(np.zeros((2, 5, 2, 5), "f4"), cache)


def test_a_dictionary_that_is_not_tied():
    alpha = [np.array([0, 1, 2, 5])]
    dictionary = make_dictionary("se", Grid(2, 2, 2), alpha=alpha, n_columns=1, rng=np.random.default_rng(0))
    with pytest.raises(DomainError, match=r"^column 0 of the dictionary keeps other sites in one channel than in the"):
        filter_operands(separable_operands(dictionary, "f4"))
