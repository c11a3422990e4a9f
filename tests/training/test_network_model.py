"""The model of a network against messages that are sent one by one."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.training import (
    layer_bytes,
    message_seconds,
    ring_allreduce_seconds,
    speed_up,
    tree_allreduce_seconds,
)

LATENCY, BANDWIDTH = 2.0**-10, 2.0**20


def ring(ranks):
    """Messages one after another on every machine, of a ring that really adds numbers up."""
    parts = np.arange(ranks * ranks, dtype=float).reshape(ranks, ranks)
    total, messages = parts.sum(axis=0), 0
    for step in range(2 * (ranks - 1)):
        adding = step < ranks - 1
        sent = [(rank, (rank - step) % ranks) for rank in range(ranks)]
        values = [parts[at] for at in sent]
        for (rank, part), value in zip(sent, values, strict=True):
            after = (rank + 1) % ranks
            parts[after, part] = parts[after, part] + value if adding else value
        messages += 1
    assert (parts == total).all()
    return messages


def tree(ranks):
    """Rounds of a binomial tree that really adds numbers up, and of the way down."""
    values, rounds, step = np.arange(ranks, dtype=float), 0, 1
    while step < ranks:
        for rank in range(0, ranks - step, 2 * step):
            values[rank] += values[rank + step]
        step, rounds = 2 * step, rounds + 1
    assert values[0] == ranks * (ranks - 1) / 2
    return 2 * rounds


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 8, 9, 81, 128])
def test_seconds_are_those_of_the_messages(ranks):
    size = ranks * 2.0**12
    each = message_seconds(LATENCY, BANDWIDTH, 2.0**12)
    assert ring_allreduce_seconds(LATENCY, BANDWIDTH, size, ranks) == ring(ranks) * each
    whole = message_seconds(LATENCY, BANDWIDTH, size)
    assert tree_allreduce_seconds(LATENCY, BANDWIDTH, size, ranks) == tree(ranks) * whole


def test_a_ring_sends_the_fewest_bytes_and_a_tree_the_fewest_messages():
    assert ring_allreduce_seconds(0.0, 1.0, 1e6, 64) < tree_allreduce_seconds(0.0, 1.0, 1e6, 64)
    assert tree_allreduce_seconds(1.0, 1.0, 0.0, 64) < ring_allreduce_seconds(1.0, 1.0, 0.0, 64)


def test_one_machine_sends_nothing():
    assert ring_allreduce_seconds(1.0, 1.0, 1.0, 1) == tree_allreduce_seconds(1.0, 1.0, 1.0, 1) == 0
    assert speed_up(3.0, 0.0, 1) == 1


def test_bytes_are_those_of_the_arrays():
    U, w, b = [np.zeros((7, 3), "f4")] * 2, [np.zeros((3, 4), "f4"), np.zeros((3, 2), "f4")], np.zeros(6, "f4")
    found = layer_bytes(d=7, k=3, m=6, columns=2)
    assert found.dynamic == sum(x.nbytes for x in w) + b.nbytes
    assert found.static == sum(x.nbytes for x in U)
    assert found.full == np.zeros((7, 6), "f4").nbytes + b.nbytes
    assert layer_bytes(7, 3, 6, 2, itemsize=8) == tuple(2 * x for x in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: message_seconds(-1.0, 1.0, 1.0), "latency is -1.0"),
        (lambda: message_seconds(0.0, 0.0, 1.0), "bandwidth is 0.0"),
        (lambda: ring_allreduce_seconds(0.0, 1.0, -1.0, 2), "size is -1.0"),
        (lambda: ring_allreduce_seconds(0.0, 1.0, 1.0, 0), "ranks is 0"),
        (lambda: tree_allreduce_seconds(0.0, 1.0, 1.0, 0), "ranks is 0"),
        (lambda: layer_bytes(3, 4, 1), "k is 4, expected at most d, 3"),
        (lambda: speed_up(0.0, 1.0, 1), "compute is 0.0"),
        (lambda: speed_up(1.0, float("nan"), 1), "allreduce is nan"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(DomainError, match=message):
        call()
