"""The cells of the tables of README and docs/speed.md."""

from pp_ref.bench.contest import row
from pp_ref.bench.record import goal
from pp_ref.bench.tables import against_peers, conditions, goals_table, times_best_peer


def block(threads, fused, dense, **more):
    rows = [
        row(name, [seconds] * 2, times_best_peer=dense / seconds, limit_s=seconds / 3)
        | {"share_of_bound": 0.1, "share_of_peak": 0.2, "share_of_copy": 0.3}
        for name, seconds in (("fused", fused), ("dense", dense))
    ]
    return {"n": 10, "threads": threads, "rows": rows, "peers": ["dense"]} | more


def test_a_peer_that_loses_by_a_second_thread_stands_with_one():
    record = {"measured": [block(1, 1.0, 4.0), block(2, 0.5, 8.0)]}
    assert times_best_peer(record, "fused", n=10) == {1: 4.0, 2: 8.0}
    assert times_best_peer(record, "fused", key="limit_s", n=10) == {1: 12.0, 2: 24.0}
    assert times_best_peer(record, "fused", n=20) == {}


def test_what_is_unstable_gives_no_ratio():
    loose, peer = block(1, 1.0, 4.0), block(1, 1.0, 4.0)
    loose["rows"][0]["seconds"], peer["rows"][1]["seconds"] = [1.0, 2.0], [4.0, 8.0]
    assert times_best_peer({"measured": [loose, block(2, 0.5, 8.0)]}, "fused", n=10) == {1: None, 2: 8.0}
    # With two threads the peer is counted with the better of two times, and one is not known.
    assert times_best_peer({"measured": [peer, block(2, 0.5, 8.0)]}, "fused", n=10) == {1: None, 2: None}


def test_the_way_that_was_chosen():
    described = {"processor": "abacus", "cores": 2, "blas": {"kernels": "beads"}}
    chosen = block(1, 1e-3, 4e-3, choice={"way": "dense"})
    record = {"rounds": 3, "measured": [chosen], "machine": described, "versions": {"numpy": "2"}}
    assert "| 10: dense | 1 | 4.00 (4.00 to 4.00) | 1.0x | 10% | 20% | 30% |" in against_peers(record, ("n",))
    where = "abacus, 2 cores, OpenBLAS kernels beads, NumPy 2"
    assert conditions(record) == f"{where}; 3 turns of a single call"
    chosen["rows"][0]["unstable"] = True
    assert conditions(record).endswith("; 1 of 2 rows are unstable")
    del chosen["rows"][1]["times_best_peer"], chosen["rows"][1]["share_of_peak"]
    assert "| 4.00 (4.00 to 4.00) | unstable | 10% | unstable | 30% |" in against_peers(record, ("n",))


def test_the_goals_table():
    goals = [
        *goal("v U", "at least", 10.0, {1: 12.0, 2: 9.0}),
        *goal("y", "at least", 2.0, {1: 3.0}),
        *goal("z", "at least", 2.0, {1: None, 2: 3.0}, {2: 4.0}),
        *goal("seconds", "at most", 2.0, {1: 3.0}),
    ]
    assert goals_table([{"goals": goals}]).splitlines()[2:] == [
        "| v U | 10x | 12.0x | 9.0x | no |",
        "| y | 2x | 3.0x |  | yes |",
        "| z | 2x | unstable | 3.0x (ceiling 4.0x) | no |",
    ]
