"""Exact values: what they are, and a store that may be lost but never wrong."""

import multiprocessing
import sqlite3
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pp_ref.oracle import truth as module
from pp_ref.oracle.cases import case_of
from pp_ref.oracle.truth import ExactValues, cotangents_of, truth
from tests.odd_files import ODD

DENSE = case_of("dense/plain/float32/0")


def test_values_are_exact():
    y, dv, dW, db = truth(DENSE)
    v, W, b = (np.vectorize(Fraction, otypes=[object])(x) for x in DENSE.arguments.values())
    (dy,) = (np.vectorize(Fraction, otypes=[object])(x) for x in cotangents_of(DENSE))
    for found, exact in ((y, v @ W + b), (dv, dy @ W.T), (dW, v.T @ dy), (db, dy.sum(axis=0))):
        np.testing.assert_array_equal(found.exact, exact.astype(float))
        assert all(
            abs(Fraction(x) - e) <= Fraction(r)
            for x, e, r in zip(*(a.flat for a in (found.exact, exact, found.radius)), strict=True)
        )
        assert (found.radius <= found.spread).all()
        assert (found.spread <= found.bound).all()


def test_names_follow_the_lists():
    assert [each.name for each in truth(case_of("predicted/plain/float64/0"))] == [
        "y",
        "dv",
        "dw[0]",
        "dw[1]",
        "dw[2]",
        "db",
    ]
    names = [each.name for each in truth(case_of("mlp/plain/float64/0"))]
    assert names[0] == "y"
    assert "dw[1][0]" in names
    assert cotangents_of(case_of("mlp/plain/float64/0")) == [1.0]


def test_a_wild_case_has_a_pattern_and_no_bound():
    y, *_ = truth(case_of("dense/infinity in b/float64/0"))
    assert np.isinf(y.exact).any()
    assert np.isinf(y.bound).all()


def counted(monkeypatch):
    calls = []
    inner = module._enclosures
    monkeypatch.setattr(module, "_enclosures", lambda *arguments: calls.append(1) or inner(*arguments))
    return calls


def identical(a, b):
    for x, y in zip(a, b, strict=True):
        assert x.name == y.name
        for part in ("exact", "radius", "bound", "spread"):
            np.testing.assert_array_equal(getattr(x, part), getattr(y, part), strict=True)


def test_what_is_kept_has_the_same_bits(tmp_path, monkeypatch):
    calls, store = counted(monkeypatch), ExactValues(tmp_path / "deep" / "exact.sqlite")
    for case in (DENSE, case_of("mlp/no example/float64/0"), case_of("pool/tails/float64/0")):
        first = truth(case, store)
        identical(first, truth(case, store))
        identical(first, truth(case))
    assert len(calls) == 3 * 2
    store.close()
    again = ExactValues(tmp_path / "deep" / "exact.sqlite")
    identical(truth(DENSE, again), truth(DENSE))
    again.close()
    assert len(calls) == 7


def test_the_key_is_the_content(monkeypatch):
    first = module._key(DENSE)
    assert first == module._key(case_of(DENSE.id))
    v = DENSE.arguments["v"].copy()
    v[0, 0] = np.nextafter(v[0, 0], np.inf)
    others = [
        replace(DENSE, arguments=DENSE.arguments | {"v": v}),
        replace(DENSE, arguments=DENSE.arguments | {"v": v.reshape(-1)}),
        replace(DENSE, arguments={"u" if name == "v" else name: x for name, x in DENSE.arguments.items()}),
        replace(DENSE, seed=1),
        case_of("dense/plain/float64/0"),
    ]
    assert len({first, *map(module._key, others)}) == 6
    settings = case_of("conv2d/plain/float64/0")
    assert module._key(settings) != module._key(replace(settings, arguments=settings.arguments | {"stride": 7}))
    monkeypatch.setattr(module, "_sources", lambda: b"another definition")
    assert module._key(DENSE) != first


def test_the_sources_are_those_that_values_follow_from():
    sources = module._sources()
    assert all(
        text in sources for text in (b"def softmax_cross_entropy", b"def gradients", b"FIRST, LAST", b"OPERATIONS = (")
    )


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000], ids=["text", "noise"])
def test_a_corrupt_file_is_made_anew(tmp_path, content):
    path = tmp_path / "exact.sqlite"
    path.write_bytes(content)
    store = ExactValues(path)
    identical(truth(DENSE, store), truth(DENSE, store))
    store.close()
    assert sqlite3.connect(path).execute("SELECT count(*) FROM checked").fetchone() == (1,)


@pytest.mark.parametrize("blob", [b"", b"cut short", b"\xff" * 64], ids=["empty", "cut", "noise"])
def test_a_corrupt_entry_is_made_anew(tmp_path, blob):
    store = ExactValues(tmp_path / "exact.sqlite")
    wanted = truth(DENSE, store)
    store.connection.execute("UPDATE checked SET arrays = ?", [blob])
    identical(truth(DENSE, store), wanted)
    assert store.get(module._key(DENSE)) is not None
    store.close()


def test_a_flipped_bit_is_noticed(tmp_path):
    store = ExactValues(tmp_path / "exact.sqlite")
    wanted = truth(DENSE, store)
    ((blob,),) = store.connection.execute("SELECT arrays FROM checked").fetchall()
    store.connection.execute("UPDATE checked SET arrays = ?", [blob[:-1] + bytes([blob[-1] ^ 1])])
    identical(truth(DENSE, store), wanted)
    store.close()


@pytest.mark.parametrize("kind", ["FIFO", "folder", "link to itself", "link to an endless device"])
def test_what_cannot_be_a_store_costs_time_alone(tmp_path, kind):
    with ODD[kind][0](tmp_path / "exact.sqlite"):
        store = ExactValues(tmp_path / "exact.sqlite")
        identical(truth(DENSE, store), truth(DENSE))
        store.close()


def test_a_damaged_page_costs_time_alone(tmp_path):
    path, every = (
        tmp_path / "exact.sqlite",
        [case_of(f"{name}/tails/float64/0") for name in ("dense", "pool", "predicted")],
    )
    store = ExactValues(path)
    wanted = [truth(case, store) for case in every]
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page
    path.write_bytes(content)
    store = ExactValues(path)
    for case, want in zip(every, wanted, strict=True):
        identical(truth(case, store), want)
    store.close()


def _fill(path, barrier):
    barrier.wait()
    store = ExactValues(path)
    for name in ("dense", "pool", "sigmoid", "lowrank"):
        truth(case_of(f"{name}/plain/float64/0"), store)
    store.close()


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, path = context.Barrier(2), tmp_path / "exact.sqlite"
    workers = [context.Process(target=_fill, args=(path, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = ExactValues(path)
    assert store.connection.execute("SELECT count(*) FROM checked").fetchone() == (4,)
    identical(truth(case_of("lowrank/plain/float64/0"), store), truth(case_of("lowrank/plain/float64/0")))
    store.close()
