"""The cells of the tables of README and docs/speed.md."""

from pp_ref.bench.record import goal
from pp_ref.bench.tables import against_peers, goals_table, machine, times_best_peer


def block(threads, fused, dense, **more):
    rows = [
        {"name": name, "min_s": seconds, "median_s": seconds, "max_s": seconds, "times_best_peer": dense / seconds}
        | {"share_of_bound": 0.1, "share_of_peak": 0.2, "share_of_copy": 0.3}
        for name, seconds in (("fused", fused), ("dense", dense))
    ]
    return {"n": 10, "threads": threads, "rows": rows} | more


def test_a_peer_that_loses_by_a_second_thread_stands_with_one():
    record = {"measured": [block(1, 1.0, 4.0), block(2, 0.5, 8.0)]}
    assert times_best_peer(record, "fused", n=10) == {1: 4.0, 2: 8.0}
    assert times_best_peer(record, "fused", peer="dense", n=10) == {1: 4.0, 2: 8.0}
    assert times_best_peer(record, "fused", peer="torch", n=10) == times_best_peer(record, "fused", n=20) == {}


def test_the_way_that_was_chosen():
    described = {"processor": "abacus", "cores": 2, "blas": {"kernels": "beads"}}
    chosen = block(1, 1e-3, 4e-3, choice={"way": "dense"})
    record = {"measured": [chosen], "machine": described, "versions": {"numpy": "2"}}
    assert "| 10: dense | 1 | 4.00 (4.00 to 4.00) | 1.0x | 10% | 20% | 30% |" in against_peers(record, ("n",))
    assert machine(record) == "abacus, 2 cores, OpenBLAS kernels beads, NumPy 2"


def test_the_goals_table():
    goals = [
        *goal("v U", "at least", 10.0, {1: 12.0, 2: 9.0}),
        *goal("y", "at least", 2.0, {1: 3.0}),
        *goal("seconds", "at most", 2.0, {1: 3.0}),
    ]
    assert goals_table([{"goals": goals}]).splitlines()[2:] == [
        "| v U | 10x | 12.0x | 9.0x | no |",
        "| y | 2x | 3.0x |  | yes |",
    ]
