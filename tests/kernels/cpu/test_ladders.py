"""Every rung of every ladder against the definition, and the checks of their arguments."""

import numba
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu import stencil
from pp_ref.kernels.cpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused
from pp_ref.kernels.cpu.ladders import LADDERS
from pp_ref.kernels.cpu.layer import layer_backward, layer_forward
from pp_ref.kernels.cpu.pool import compile_loops
from pp_ref.kernels.cpu.threads import blas_threads, share_rows
from pp_ref.kernels.operands import separable_operands
from tests.kernels.cpu import comparisons, convolutions
from tests.kernels.cpu.comparisons import made, weights

CHECKS = comparisons.CHECKS | convolutions.CHECKS
RUNGS = [(operation, rung) for operation, ladder in LADDERS.items() for rung in ladder]
POOL = LADDERS["pool"]


@pytest.mark.parametrize(("operation", "rung"), RUNGS, ids=[f"{operation}: {rung.name}" for operation, rung in RUNGS])
def test_a_rung_is_the_definition_within_its_bound(operation, rung):
    CHECKS[operation](rung.forward, rung.passes)


@pytest.mark.parametrize(("operation", "rung"), RUNGS, ids=[f"{operation}: {rung.name}" for operation, rung in RUNGS])
def test_a_thirtieth_of_the_bound_is_not_enough(operation, rung, monkeypatch):
    """The bounds are at most thirty times wider than the largest error."""
    within = comparisons.assert_within
    for module in (comparisons, convolutions):
        monkeypatch.setattr(module, "assert_within", lambda got, want, bound, what: within(got, want, bound / 30, what))
    with pytest.raises(AssertionError, match="outside, first at"):
        CHECKS[operation](rung.forward, rung.passes)


def test_a_rung_has_a_name_and_one_sentence():
    for ladder in LADDERS.values():
        assert len({rung.name for rung in ladder}) == len(ladder)
        for rung in ladder:
            assert rung.backend in ("numpy", "numba")
            assert rung.idea
            assert "." not in rung.idea


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_of_two_are_exact(dtype):
    """A length scale at which the only tap is k(0) = 1: v K is v, and every rung gathers it to the bit."""
    alpha = [np.array([0, 5, 6, 41]), np.array([1, 2, 40, 41])]
    dictionary = make_dictionary(
        "se", Grid(6, 7), alpha=alpha, n_columns=2, length_scale=0.1, form="atom", rng=np.random.default_rng(0)
    )
    o = separable_operands(dictionary, dtype)
    assert [axis.tolist() for axis in o.taps] == [[1.0], [1.0]]
    v = (2.0 ** np.random.default_rng(1).integers(-60, 60, (9, 42))).astype(dtype)
    # K's other entries are below 1e-21: no sum of powers of two between 2^-60 and 2^60 is safe from them, one alone is
    alone = np.zeros_like(v)
    alone[np.arange(9), np.arange(9) * 4] = v[:, 0]
    want = alone[:, np.concatenate(alpha)]
    for rung in POOL:
        got = rung.forward(alone, o)
        kept = want != 0
        np.testing.assert_array_equal(got[kept], want[kept])
    np.testing.assert_array_equal(pool_fused(v, o), v[:, np.concatenate(alpha)])


@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_any_strides_and_a_given_output(rung):
    o = made("7 x 12, ridge", "float32")
    v = np.random.default_rng(0).standard_normal((20, 2 * o.d)).astype("f4")
    out = np.full((10, o.ends[-1]), np.nan, "f4")
    strided = v[::2, ::-2]
    got = rung.forward(strided, o, out)
    assert got is out
    # BLAS may choose another kernel for other strides, so only up to rounding
    want = rung.forward(strided.copy(), o)
    assert np.allclose(got, want, rtol=0, atol=1e3 * np.finfo("f4").eps * abs(want).max())


@pytest.mark.parametrize("case", ["7 x 12, ridge", "9 x 5, atoms"])
def test_the_bits_do_not_depend_on_the_number_of_threads(case):
    o = made(case, "float32")
    rng = np.random.default_rng(0)
    v, g = (rng.standard_normal((301, size)).astype("f4") for size in (o.d, o.ends[-1]))
    w = weights(o)
    b, widths = np.zeros(sum(w_j.shape[1] for w_j in w), "f4"), [w_j.shape[1] for w_j in w]
    dy, G = (rng.standard_normal((size, b.size)).astype("f4") for size in (len(v), o.d))

    def everything(threads):
        y, cache = layer_forward(v, w, b, o, threads=threads)
        dv, dw, db = layer_backward(dy, cache, threads=threads)
        return [
            pool_fused(v, o, threads=threads),
            pool_adjoint_fused(g, o, threads=threads),
            expand_fused(w, o, threads=threads),
            *project_fused(G, o, widths, threads=threads),
            y,
            dv,
            *dw,
            db,
        ]

    with threadpool_limits(1):
        one = everything(1)
        for threads in (2, 3, 16):
            for got, want in zip(everything(threads), one, strict=True):
                np.testing.assert_array_equal(got, want)


def test_threads_are_those_of_the_blas():
    with threadpool_limits(1, user_api="blas"):
        assert blas_threads() == 1
    seen = []
    share_rows(seen.append, 40, 3)
    assert sorted((rows.start, rows.stop) for rows in seen) == [(0, 13), (13, 26), (26, 40)]
    seen.clear()
    share_rows(seen.append, 0, 4)
    assert seen == [slice(0, 0)]


def test_an_error_in_a_thread_is_raised():
    def work(rows):
        if rows.start:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        share_rows(work, 100, 2)


def test_the_passes_compile_where_no_cache_can_be_written(monkeypatch):
    njit = numba.njit

    def without_cache(function, *, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'gather_loops': no locator available")
        return njit(function, **options)

    monkeypatch.setattr(numba, "njit", without_cache)
    monkeypatch.setattr(stencil, "compiled_gather", compile_loops(stencil.gather_loops, nogil=True))
    o = made("9 x 5, atoms", "float32")
    v = np.random.default_rng(0).random((20, o.d), np.float32)
    got = pool_fused(v, o)
    monkeypatch.undo()
    np.testing.assert_array_equal(got, pool_fused(v, o))


def test_no_units_and_empty_tiles():
    o = made("7 x 12, ridge", "float64")
    w = [np.ones((U.shape[1], 0)) for U in o.U]
    assert expand_fused(w, o).shape == (o.d, 0)
    assert [part.shape for part in project_fused(np.ones((o.d, 0)), o, [0] * 3)] == [w_j.shape for w_j in w]
    y, cache = layer_forward(np.ones((4, o.d)), w, np.ones(0), o)
    dv, dw, db = layer_backward(np.ones((4, 0)), cache)
    assert y.shape == (4, 0)
    np.testing.assert_array_equal(dv, np.zeros((4, o.d)))
    assert [part.shape for part in dw] == [w_j.shape for w_j in w]
    assert db.shape == (0,)


@pytest.mark.parametrize("rung", POOL, ids=lambda rung: rung.name)
def test_messages_of_pool(rung):
    o = made("9 x 5, atoms", "float64")
    v = np.zeros((2, o.d))
    with pytest.raises(ShapeError, match=r"^axis d is 3 in v but 45 in the dictionary$"):
        rung.forward(np.zeros((2, 3)), o)
    with pytest.raises(ShapeError, match=r"^v has shape \(45,\), expected axes \(n, d\)$"):
        rung.forward(np.zeros(45), o)
    with pytest.raises(DomainError, match=r"^v is float32 but the dictionary float64: cast one with astype$"):
        rung.forward(v.astype("f4"), o)
    with pytest.raises(
        DomainError,
        match=r"^v is a list, expected an array of floating-point numbers: use np.asarray\(v, dtype=np.float64\)$",
    ):
        rung.forward([[0.0]], o)
    with pytest.raises(ShapeError, match=r"^out has shape \(2, 3\) and strides .* C-contiguous \(2, 44\): omit it"):
        rung.forward(v, o, np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="^out has shape"):
        rung.forward(v, o, np.zeros((2, 88))[:, ::2])
    with pytest.raises(DomainError, match=r"^out is float32 but the dictionary float64"):
        rung.forward(v, o, np.zeros((2, 44), "f4"))
    memory = np.zeros(2 * 45 + 2 * 44 - 1)
    with pytest.raises(DomainError, match=r"^out overlaps v in memory, expected another array: omit it"):
        rung.forward(memory[:90].reshape(2, 45), o, memory[89:].reshape(2, 44))


def test_messages_of_the_others():
    o = made("9 x 5, atoms", "float64")
    w = weights(o)
    with pytest.raises(ShapeError, match=r"^axis k is 3 in g but 44 in the dictionary$"):
        pool_adjoint_fused(np.zeros((2, 3)), o)
    memory = np.zeros((2, 45))
    with pytest.raises(DomainError, match=r"^out overlaps g in memory"):
        pool_adjoint_fused(memory.ravel()[:88].reshape(2, 44), o, memory)
    with pytest.raises(ShapeError, match=r"^w has 1 columns, but the dictionary 2: expected the same number$"):
        expand_fused(w[:1], o)
    with pytest.raises(ShapeError, match=r"^axis k is 22 in U\[1\] but 3 in w\[1\]$"):
        expand_fused([w[0], np.zeros((3, 1))], o)
    with pytest.raises(DomainError, match=r"^w\[0\] is float32 but the dictionary float64"):
        expand_fused([w[0].astype("f4"), w[1]], o)
    with pytest.raises(ShapeError, match=r"^widths are \[2\], expected 2, one per column, with the sum 5, the units"):
        project_fused(np.zeros((45, 5)), o, [2])
    with pytest.raises(ShapeError, match=r"^axis m is 5 in \[w_1, ..., w_J\] but 4 in b$"):
        layer_forward(np.zeros((2, 45)), w, np.zeros(4), o)
    _, cache = layer_forward(np.zeros((2, 45)), w, np.zeros(5), o)
    with pytest.raises(ShapeError, match=r"^axis n is 2 in v but 3 in dy$"):
        layer_backward(np.zeros((3, 5)), cache)


def test_messages_of_operands():
    rng = np.random.default_rng(0)
    with pytest.raises(DomainError, match=r"^dictionary is of kind randcon, expected kind se on a Grid or Frames"):
        separable_operands(make_dictionary("randcon", Units(5), n_alpha=2, rng=rng), "f4")
    with pytest.raises(DomainError, match=r"^dtype is complex64, expected float32 or float64$"):
        separable_operands(make_dictionary("se", Grid(2, 2), n_alpha=2, rng=rng), "c8")


def test_more_than_2_to_the_31_numbers():
    """Every row of v is the same row of memory."""
    rng = np.random.default_rng(0)
    o = separable_operands(
        make_dictionary("se", Grid(28, 28), alpha=[np.array([400])], n_columns=1, rng=rng), "float32"
    )
    image = rng.random((1, 784), np.float32)
    v = np.broadcast_to(image, (2**31 // 784 + 1000, 784))
    assert v.size > 2**31
    np.testing.assert_array_equal(pool_fused(v, o), np.broadcast_to(pool_fused(image, o), (len(v), 1)))
