"""Lesson 9's kernel with and without its barriers, under several orders of its threads."""

import shutil

import numpy as np
import pytest

from pp_ref.lessons.thread_orders import COMMITTED, ORDERS, SOURCES, sums


@pytest.fixture(autouse=True)
def _anew():
    sums.cache_clear()
    yield
    sums.cache_clear()


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
def test_what_is_committed_is_what_runs():
    found, here = sums()
    assert here
    assert found.keys() == COMMITTED.keys() == SOURCES.keys()
    for name, totals in found.items():
        np.testing.assert_array_equal(totals, COMMITTED[name])


def test_only_with_both_barriers_every_order_is_right():
    assert COMMITTED["both barriers"] == (36.0,) * ORDERS
    for name in COMMITTED.keys() - {"both barriers"}:
        assert 0 < COMMITTED[name].count(36.0) < ORDERS


def test_without_a_compiler_the_committed_run_is_shown(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert sums() == (COMMITTED, False)
