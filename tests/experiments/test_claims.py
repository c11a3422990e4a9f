"""Claims: one process has a run, and another gets it as soon as that one has ended, or has been silent for long."""

import fcntl
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pp_ref.errors import DataError
from pp_ref.experiments import claims
from pp_ref.experiments.claims import Claim, Claims, highest, this_machine
from tests.processes import running, wait_for

NAME = "SE-Emp-p0.026-s0-062bc6d900"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "unfinished"


@pytest.fixture
def quick(monkeypatch):
    """Minutes last a fraction of a second."""
    monkeypatch.setattr(claims, "RENEWED", 0.05)
    monkeypatch.setattr(claims, "ABANDONED", 0.25)


def elsewhere(folder, n=1, owner="another-machine its-boot 7 2026-01-01T00:00:00+00:00\n"):
    """A claim that a process of another machine has made, of which this one sees no lock."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}.{n}.claim"
    path.write_text(owner)
    return path


def taken_after(seconds, folder):
    """Poll for a claim; return when it was made, in seconds from now."""
    mine, began = Claims(folder), time.monotonic()
    while not (claim := mine.take(NAME)):
        assert time.monotonic() < began + seconds
        time.sleep(0.01)
    with claim:
        return time.monotonic() - began


def test_one_process_has_a_run_until_it_releases_it(folder):
    mine, other = Claims(folder), Claims(folder)
    with mine.take(NAME) as claim:
        assert claim.valid()
        assert other.take(NAME) is None
        host, boot = this_machine()
        assert claim.path.read_text().split()[:3] == [host, boot, str(os.getpid())]
        assert other.owner(NAME).startswith(f"process {os.getpid()} on {host} since 20")
        with mine.take(NAME.replace("s0", "s1")) as another:
            assert another.valid()
    assert list(folder.iterdir()) == []
    assert other.owner(NAME) == "another process"
    with other.take(NAME) as claim:
        assert claim.valid()


def test_the_claim_of_a_process_that_was_killed_is_free_at_once(folder):
    with running("tests.experiments.test_claims", folder) as owner:
        wait_for(lambda: highest(folder, NAME) and Claims(folder).owner(NAME) != "another process", owner)
        assert Claims(folder).take(NAME) is None
        os.kill(owner.pid, signal.SIGSTOP)
        assert Claims(folder).take(NAME) is None
        owner.kill()
        owner.communicate()
    with Claims(folder).take(NAME) as claim:
        assert claim.path.name == f"{NAME}.2.claim"


def test_of_many_that_find_an_abandoned_claim_one_succeeds(folder):
    for _ in range(20):
        elsewhere(folder, owner=" ".join((*this_machine(), "7", "2026-01-01T00:00:00+00:00")))  # nobody has its lock
        start = threading.Barrier(8)

        def take(start=start):
            start.wait()
            return Claims(folder).take(NAME)

        with ThreadPoolExecutor(8) as pool:
            made = [claim for claim in pool.map(lambda _: take(), range(8)) if claim]
        assert len(made) == 1
        made[0].release()
        for left in folder.iterdir():
            left.unlink()


def test_many_processes_that_hurry_and_die_do_each_run_once(folder):
    """Threads stand for the processes: each has locks of its own. One claim in five is left by a death."""
    names = [f"{NAME}{number:02}" for number in range(60)]
    busy, done, dead = set(), [], []

    def process(seed):
        rng, mine = random.Random(seed), Claims(folder)
        while left := sorted(set(names) - set(done)):
            if not (claim := mine.take(rng.choice(left))):
                continue
            name = claim.path.name.rsplit(".", 2)[0]
            if name not in done:
                assert name not in busy
                busy.add(name)
                time.sleep(rng.uniform(0, 0.002))
                busy.remove(name)
                if rng.random() < 0.2:
                    claim._released.set()
                    os.close(claim._file)
                    dead.append(name)
                    continue
                done.append(name)
                for path in folder.glob(f"{name}.*"):
                    path.unlink(missing_ok=True)
            claim.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(process, range(8)))
    assert sorted(done) == names
    assert dead
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_a_claim_of_another_machine_is_taken_over_when_it_is_not_renewed(folder):
    path = elsewhere(folder)
    assert taken_after(20, folder) > claims.ABANDONED
    assert path.exists()  # nothing is moved or removed before the run has a record


@pytest.mark.usefixtures("quick")
def test_a_claim_of_another_machine_is_left_alone_while_it_is_renewed(folder):
    path, mine = elsewhere(folder), Claims(folder)
    for _ in range(40):
        os.utime(path)
        assert mine.take(NAME) is None
        time.sleep(0.02)
    assert 2 * claims.ABANDONED < 40 * 0.02


@pytest.mark.parametrize("owner", ["", "another-mach", "\0\xff"], ids=repr)
@pytest.mark.usefixtures("quick")
def test_a_claim_that_was_cut_short_is_free_after_a_while(folder, owner):
    elsewhere(folder, owner=owner)
    assert Claims(folder).owner(NAME) == "another process"
    assert taken_after(20, folder) > claims.ABANDONED


@pytest.mark.usefixtures("quick")
def test_an_owner_renews_its_claim_and_sees_that_it_was_taken_over(folder):
    with Claims(folder).take(NAME) as claim:
        first = claim.path.stat().st_mtime_ns
        end = time.monotonic() + 20
        while claim.path.stat().st_mtime_ns == first:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert claim.valid()
        with Claim(folder / f"{NAME}.2.claim") as successor:
            assert not claim.valid()
            assert successor.valid()


def test_a_process_that_comes_late_gives_its_claim_up(folder, monkeypatch):
    """It has looked before the second claim was made, and makes the first one after that."""
    second = elsewhere(folder, 2)
    found = [None]
    monkeypatch.setattr(claims, "highest", lambda *given: found.pop() if found else highest(*given))
    assert Claims(folder).take(NAME) is None
    assert list(folder.iterdir()) == [second]


def test_a_file_system_without_locks_leaves_it_to_the_time(folder, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with Claims(folder).take(NAME) as claim:
        assert claim.path.read_text().split()[1] == "unlocked"
        monkeypatch.undo()
        assert Claims(folder).take(NAME) is None


def test_a_pipe_in_the_place_of_a_claim_is_not_waited_for(folder):
    folder.mkdir()
    os.mkfifo(folder / f"{NAME}.1.claim")
    assert Claims(folder).take(NAME) is None
    assert Claims(folder).owner(NAME) == "another process"


def test_a_claim_that_cannot_be_written(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(DataError, match=r"\.1\.claim could not be written: No space left .*: free some space or"):
        Claims(folder).take(NAME)
    monkeypatch.undo()
    assert list(folder.iterdir()) == []


if __name__ == "__main__":  # a process that holds a claim until it is killed
    import sys
    from pathlib import Path

    with Claims(Path(sys.argv[1])).take(NAME):
        time.sleep(600)
