"""Pool, its adjoint, expand, project and a layer on a device: every rung against the definition, and the checks."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DeviceError, DomainError, ShapeError
from pp_ref.kernels.gpu import launching, operands
from pp_ref.kernels.gpu.defined import define
from pp_ref.kernels.gpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused
from pp_ref.kernels.gpu.grids import inverse, smooth_scatter
from pp_ref.kernels.gpu.ladders import LADDERS
from pp_ref.kernels.gpu.layer import layer_backward, layer_forward
from tests.kernels.cpu import comparisons
from tests.kernels.cpu.comparisons import made, weights
from tests.kernels.gpu.comparisons import to_numpy
from tests.kernels.gpu.operations import BEYOND, EXACT, IDS, RUNGS, OnDevice
from tests.kernels.gpu.test_launching import Foreign

OVER = pytest.mark.parametrize(("operation", "rung"), RUNGS, ids=IDS)


@OVER
def test_a_rung_is_the_definition_within_its_bound(xp, operation, rung):
    OnDevice(operation, rung, xp).check()


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("operation", LADDERS)
def test_it_is_in_other_orders_of_threads_too(processor, operation, order):
    processor.order = order
    OnDevice(operation, LADDERS[operation][-1], processor).check()


@OVER
def test_a_thirtieth_of_the_bound_is_not_enough(processor, operation, rung, monkeypatch):
    """The bounds are at most thirty times wider than the largest error."""
    within = comparisons.assert_within
    monkeypatch.setattr(
        comparisons, "assert_within", lambda got, want, bound, what: within(got, want, bound / 30, what)
    )
    with pytest.raises(AssertionError, match="outside, first at"):
        OnDevice(operation, rung, processor).check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_whole_numbers_are_exact(xp, name, dtype):
    EXACT[name](xp, dtype)


@pytest.mark.parametrize("name", BEYOND)
def test_counts_beyond_2_to_the_31(processor, name):
    BEYOND[name](processor)


def everything(xp, case, dtype):
    """All fused operations of a case."""
    o = operands.to_device(made(case, dtype))
    rng = np.random.default_rng(0)
    w = [xp.asarray(w_j) for w_j in weights(o.host)]
    widths = [w_j.shape[1] for w_j in w]
    v, g, dy, G = (
        xp.asarray(rng.standard_normal(shape).astype(dtype))
        for shape in ((21, o.host.d), (21, o.host.ends[-1]), (21, sum(widths)), (o.host.d, sum(widths)))
    )
    y, cache = layer_forward(v, w, xp.asarray(np.ones(sum(widths), dtype)), o)
    dv, dw, db = layer_backward(dy, cache)
    found = (pool_fused(v, o), pool_adjoint_fused(g, o), expand_fused(w, o), *project_fused(G, o, widths))
    return [to_numpy(array) for array in (*found, y, dv, *dw, db)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ["7 x 12, ridge", "9 x 5, atoms", "4 x 6 x 3"])
def test_the_bits_do_not_depend_on_the_order(processor, case, dtype):
    results = []
    for processor.order in range(5):
        results.append(everything(processor, case, dtype))
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(got, want, strict=True)


@pytest.mark.gpu
def test_two_runs_agree_to_the_bit(device):
    for got, want in zip(*(everything(device, "7 x 12, ridge", "float32") for _ in range(2)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_backward_pass_again_after_one_that_was_not_finite(xp):
    """The cache is then the definition's, and the result is still within its bound."""
    o = operands.to_device(made("7 x 12, ridge", "float64"))
    w = [xp.asarray(w_j) for w_j in weights(o.host)]
    rng = np.random.default_rng(0)
    v, dy = rng.standard_normal((5, o.host.d)), rng.standard_normal((5, sum(w_j.shape[1] for w_j in w)))
    _, cache = layer_forward(xp.asarray(v), w, xp.asarray(np.zeros(dy.shape[1])), o)
    first = layer_backward(xp.asarray(dy), cache)
    strange = dy.copy()
    strange[2, 1] = np.nan
    assert np.isnan(to_numpy(layer_backward(xp.asarray(strange), cache)[0])).any()
    again = layer_backward(xp.asarray(dy), cache)
    bounds = comparisons.Bounds(o.host).layer(v, [to_numpy(w_j) for w_j in w], np.zeros(dy.shape[1]), dy)
    comparisons.assert_within(to_numpy(again[0]), to_numpy(first[0]), 2 * bounds.dv, "dv")
    for got, want, bound in zip(again[1], first[1], bounds.dw, strict=True):
        comparisons.assert_within(to_numpy(got), to_numpy(want), 2 * bound, "dw")


@pytest.mark.parametrize("case", ["7 x 12, ridge", "9 x 5, atoms"])
def test_any_strides_and_a_given_output(xp, case):
    o = operands.to_device(made(case, "float32"))
    for run, length, width in (
        (pool_fused, o.host.d, o.host.ends[-1]),
        (pool_adjoint_fused, o.host.ends[-1], o.host.d),
    ):
        x = np.random.default_rng(0).standard_normal((20, 2 * length)).astype("f4")
        out = xp.empty((10, width), "f4")
        got = run(xp.asarray(x)[::2, ::-2], o, out)
        assert got is out
        np.testing.assert_array_equal(to_numpy(got), to_numpy(run(xp.asarray(x[::2, ::-2].copy()), o)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_of_anything(xp, dtype):
    o = operands.to_device(made("7 x 12, ridge", dtype))
    w = [xp.asarray(np.ones((U.shape[1], 0), dtype)) for U in o.host.U]
    none = xp.asarray(np.ones((0, o.host.d), dtype))
    assert pool_fused(none, o).shape == (0, o.host.ends[-1])
    assert pool_adjoint_fused(xp.asarray(np.ones((0, o.host.ends[-1]), dtype)), o).shape == (0, o.host.d)
    assert expand_fused(w, o).shape == (o.host.d, 0)
    projected = project_fused(xp.asarray(np.ones((o.host.d, 0), dtype)), o, [0] * len(w))
    assert [part.shape for part in projected] == [w_j.shape for w_j in w]
    y, cache = layer_forward(none, w, xp.asarray(np.ones(0, dtype)), o)
    dv, dw, db = layer_backward(y, cache)
    assert (y.shape, dv.shape, db.shape) == ((0, 0), (0, o.host.d), (0,))
    assert [part.shape for part in dw] == [w_j.shape for w_j in w]
    starts, entries = (xp.asarray(each) for each in inverse(np.zeros(0, int), 6))
    taps = xp.asarray(np.ones(1, dtype))
    out, _ = smooth_scatter(xp.asarray(np.ones((2, 0), dtype)), taps, taps, starts, entries, 2, 3)
    np.testing.assert_array_equal(to_numpy(out), np.zeros((2, 6)))


def test_arrays_of_other_libraries_come_in_through_dlpack(processor):
    o = operands.to_device(made("7 x 12, ridge", "float64"))
    w, rng = weights(o.host), np.random.default_rng(0)
    v, b = rng.standard_normal((3, o.host.d)), rng.standard_normal(sum(w_j.shape[1] for w_j in w))
    there = [Foreign(array, 2) for array in (v, b, *w)]
    y, cache = layer_forward(there[0], there[2:], there[1], o)
    want, same = layer_forward(processor.asarray(v), [processor.asarray(w_j) for w_j in w], processor.asarray(b), o)
    np.testing.assert_array_equal(y, want)
    for got, other in zip(layer_backward(Foreign(y.get(), 2), cache)[1], layer_backward(y, same)[1], strict=True):
        np.testing.assert_array_equal(got, other)
    np.testing.assert_array_equal(pool_fused(there[0], o), pool_fused(processor.asarray(v), o))


@pytest.mark.gpu
def test_the_current_stream_is_used(device):
    """The events enclose the layer's kernels only if these run on the same stream."""
    o = operands.to_device(made("7 x 12, ridge", "float32"))
    w = [device.asarray(w_j) for w_j in weights(o.host)]
    v, b = device.ones((100_000, o.host.d), "f4"), device.zeros(sum(w_j.shape[1] for w_j in w), "f4")
    layer_forward(v[:1], w, b, o)  # compiles, and moves the operands
    device.cuda.Device().synchronize()
    stream = device.cuda.Stream(non_blocking=True)
    with stream:
        y, cache = layer_forward(v, w, b, o)
        dv, *_ = layer_backward(y, cache)
        assert not stream.done
    stream.synchronize()
    assert bool(device.isfinite(dv).all())


def test_a_rung_has_a_name_and_one_sentence():
    for ladder in LADDERS.values():
        assert len({rung.name for rung in ladder}) == len(ladder)
        assert ladder[0].idea.startswith("the definition")
        assert {rung.backend for rung in ladder} == {"cupy"}
        assert not [rung for rung in ladder if not rung.idea or "." in rung.idea]


def test_the_inverse_of_an_alpha():
    starts, entries = inverse(np.array([3, 0, 3, 1, 0]), 5)
    assert starts.tolist() == [0, 2, 3, 3, 5, 5]
    assert entries.tolist() == [1, 4, 3, 0, 2]


def test_messages(processor):
    o = operands.to_device(made("9 x 5, atoms", "float64"))
    v, w = processor.asarray(np.zeros((2, 45))), [processor.asarray(w_j) for w_j in weights(o.host)]
    for run in (rung.forward for rung in LADDERS["pool"]):
        with pytest.raises(ShapeError, match=r"^axis d is 3 in v but 45 in the dictionary$"):
            run(processor.asarray(np.zeros((2, 3))), o)
        with pytest.raises(DomainError, match=r"^v is float32 and U is float64; expected both float32 or both float64"):
            run(processor.asarray(np.zeros((2, 45), "f4")), o)
        with pytest.raises(DeviceError, match=r"^v is a ndarray, not on the GPU: move it with cupy.asarray\(v\)$"):
            run(np.zeros((2, 45)), o)
    with pytest.raises(ShapeError, match=r"^axis k is 3 in g but 44 in the dictionary$"):
        pool_adjoint_fused(processor.asarray(np.zeros((2, 3))), o)
    with pytest.raises(ShapeError, match=r"^w has 1 columns, but the dictionary 2: expected the same number$"):
        expand_fused(w[:1], o)
    with pytest.raises(ShapeError, match=r"^axis k is 22 in U\[1\] but 3 in w\[1\]$"):
        expand_fused([w[0], processor.asarray(np.zeros((3, 1)))], o)
    with pytest.raises(DomainError, match=r"^w\[0\] is float32 and w\[1\] is float64 and U is float64; expected all"):
        expand_fused([w[0].astype("f4"), w[1]], o)
    with pytest.raises(ShapeError, match=r"^widths are \[2\], expected 2, one per column, with the sum 5, the units"):
        project_fused(processor.asarray(np.zeros((45, 5))), o, [2])
    with pytest.raises(ShapeError, match=r"^axis m is 5 in \[w_1, ..., w_J\] but 4 in b$"):
        layer_forward(v, w, processor.asarray(np.zeros(4)), o)
    _, cache = layer_forward(v, w, processor.asarray(np.zeros(5)), o)
    with pytest.raises(ShapeError, match=r"^axis n is 2 in v but 3 in dy$"):
        layer_backward(processor.asarray(np.zeros((3, 5))), cache)
    with pytest.raises(ShapeError, match=r"^axis n is 3 in a but 2 in finite$"):
        define(processor.empty((3, 1)), processor.empty((1, 2)), processor.empty(2, bool), processor.empty((3, 2)))
    starts, entries = map(processor.asarray, inverse(np.zeros(2, int), 4))
    with pytest.raises(ShapeError, match=r"^axis d is 4 in starts, but images of 2 x 3 x 2 have 12 pixels$"):
        smooth_scatter(processor.empty((1, 2)), *[processor.asarray(np.ones(1))] * 2, starts, entries, 2, 3, 2)
    with pytest.raises(DomainError, match=r"^entries is int64, expected int32: cast it with astype$"):
        smooth_scatter(
            processor.empty((1, 2)), *[processor.asarray(np.ones(1))] * 2, starts, entries.astype("i8"), 2, 2
        )


def test_messages_of_a_given_output(processor):
    o = operands.to_device(made("9 x 5, atoms", "float64"))
    v = processor.asarray(np.zeros((2, 45)))
    for ridge in (o, operands.to_device(made("7 x 12, ridge", "float64"))):
        v, width = processor.asarray(np.zeros((2, ridge.host.d))), ridge.host.ends[-1]
        with pytest.raises(ShapeError, match=r"^out is a DeviceArray of shape \(2, 3\), expected a C-contiguous CuPy"):
            pool_fused(v, ridge, processor.empty((2, 3)))
        with pytest.raises(ShapeError, match="^out is a DeviceArray"):
            pool_fused(v, ridge, processor.empty((2, 2 * width))[:, ::2])
        with pytest.raises(
            DomainError, match=r"^out is float32, expected float64: omit it, or make it with cupy.empty$"
        ):
            pool_fused(v, ridge, processor.empty((2, width), "f4"))
        with pytest.raises(DeviceError, match=r"^out is a ndarray, not on the GPU: move it with cupy.asarray\(out\)$"):
            pool_fused(v, ridge, np.empty((2, width)))
        memory = processor.empty(2 * ridge.host.d + 2 * width - 1)
        first, second = memory[: 2 * ridge.host.d].reshape(2, -1), memory[2 * ridge.host.d - 1 :].reshape(2, -1)
        with pytest.raises(DomainError, match=r"^out overlaps v in memory, expected another array: omit it, or pass a"):
            pool_fused(first, ridge, second)
        with pytest.raises(DomainError, match=r"^out overlaps g in memory"):
            pool_adjoint_fused(second, ridge, first)


def test_messages_of_the_device(processor, monkeypatch):
    o = operands.to_device(made("7 x 12, ridge", "float64"))
    v, w = processor.asarray(np.zeros((2, 84))), [processor.asarray(w_j) for w_j in weights(o.host)]
    b = processor.asarray(np.zeros(sum(w_j.shape[1] for w_j in w)))
    _, cache = layer_forward(v, w, b, o)

    def full(*_, **__):
        raise processor.cuda.memory.OutOfMemoryError("Out of memory allocating 24 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(processor, "concatenate", full)
        for run in (lambda: layer_forward(v, w, b, o), lambda: layer_backward(b[None][[0, 0]], cache)):
            with pytest.raises(DeviceError, match="^no room on the GPU for the layer's products: pass fewer rows"):
                run()
        with pytest.raises(DeviceError, match="^no room on the GPU for a product with R_j: pass fewer rows at a time$"):
            pool_adjoint_fused(pool_fused(v, o), o)
    with monkeypatch.context() as patch:
        patch.setattr(processor.cuda.runtime, "getDevice", lambda: 1)
        with pytest.raises(DeviceError, match="^v is on GPU 0, but GPU 1 is the current one: call under"):
            layer_forward(v, w, b, o)
    monkeypatch.setattr(launching, "gpu_absence", lambda: "the CUDA driver lists no device")
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use pp_ref.layers.predicted$"):
        layer_forward(v, w, b, o)


def test_messages_of_operands(processor, monkeypatch):
    rng = np.random.default_rng(0)
    with pytest.raises(DomainError, match=r"^dictionary is of kind randcon, expected kind se on a Grid or Frames"):
        operands.device_operands(make_dictionary("randcon", Units(5), n_alpha=2, rng=rng), "f4")
    monkeypatch.setattr(processor.cuda.runtime, "deviceGetAttribute", lambda attribute, device: 48 << 10)
    for grid, settings in ((Grid(1, 40), {"length_scale": 9.0}), (Grid(40, 60), {})):
        dictionary = make_dictionary("se", grid, alpha=[np.arange(3)], n_columns=1, rng=rng, **settings)
        size = f"{grid.height} x {grid.width} x 1"
        with pytest.raises(DomainError, match=f"^an image of {size} with its taps does not fit into the shared memory"):
            operands.device_operands(dictionary, "f8")
    small = make_dictionary("se", Grid(2, 2), n_alpha=2, rng=rng)
    assert operands.device_operands(small, "f4").dtype == np.float32
    monkeypatch.setattr(operands, "gpu_absence", lambda: "the CUDA driver lists no device")
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use pp_ref.layers.predicted$"):
        operands.device_operands(small, "f4")
