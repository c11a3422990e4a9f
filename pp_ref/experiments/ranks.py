"""Runs whose batches are divided between the ranks of an MPI program: how it is started, and how all ranks end."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from rich.console import Console
from threadpoolctl import threadpool_limits

from pp_ref.errors import EXPECTED, DomainError, MissingExtraError, import_extra
from pp_ref.experiments.claims import Claims
from pp_ref.experiments.needs import check_needs
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweep import Sweep
from pp_ref.experiments.workers import Recipe, Run
from pp_ref.machine import cores
from pp_ref.records import versions
from pp_ref.training.distributed import Group
from pp_ref.training.link import MPILink, world

__all__ = ["DECIDING", "check_cores", "group_of", "launch", "started_on", "sweep_on_ranks"]

DECIDING = ("pp_ref", "numpy", "scipy", "numba")  # packages on which the bits of a run depend
TURN = 0.5  # seconds that a rank leaves to the rank before it to say why it ends: an error of all ranks is said once
PROCESSES = "PP_REF_RANKS"  # the folder in which each rank says which process it is
# What mpiexec itself says of an end that a rank has explained, or that `launch` explains.
NOISE = re.compile(
    r"=|Abort\(|\[mpiexec@|YOUR APPLICATION TERMINATED|This typically refers|Please see the FAQ|Intel\(R\) MPI"
)
KILLED = re.compile(r"=\s+PID (\d+) RUNNING AT (\S+)")


def group_of(recipe: Mapping[str, Any]) -> Group:
    """The parts into which the batches of a run are cut, "parts" of its recipe, and the ranks that share them.

    raises  DomainError for fewer parts than ranks
    """
    return Group(recipe["parts"], world()) if "parts" in recipe else Group()


def sweep_on_ranks(
    run: Run,
    recipes: Sequence[Recipe],
    store: RunStore,
    link: MPILink,
    *,
    check: Callable[[Recipe], None] = check_needs,
    crowded: bool = False,
) -> Sweep:
    """Do every run that has no record yet, one after the other, each on all ranks.

    run      (recipe, store, report) -> record, as for `sweep`; it divides its batches by `group_of`
    recipes  as for `sweep`, with "parts"
    store    only rank 0 reads and writes it
    crowded  True allows more ranks than cores
    returns  Sweep, an empty one except on rank 0; a run that another process is doing is a failure. An error ends all
             ranks, with one message that names the rank
    """
    with _ending_all(link), threadpool_limits(1):
        if folder := os.environ.get(PROCESSES):
            Path(folder, str(os.getpid())).write_text(str(link.rank))
        check_cores(link.neighbours, crowded)
        first, group = link.rank == 0, Group(link.size, link)
        found = versions()
        group.agree(lambda: {name: found.get(name) for name in DECIDING} | {"recipes": list(recipes)})
        todo = group.shared([recipe for recipe in recipes if store.load(recipe) is None] if first else None)
        for recipe in todo:
            check(recipe)
        console = Console(stderr=True, quiet=not first)
        console.print(f"{len(todo)} of {len(recipes)} runs to do on {link.size} ranks", highlight=False)
        if first and todo:
            store.check_writable()
        claims, failures = Claims(store.unfinished), []
        for recipe in todo:
            name = store.name(recipe)
            claim = claims.take(name) if first else None
            if owner := group.shared(None if claim else claims.owner(name)):
                failures.append(f"{name}: {owner} is doing it")
                continue
            with claim or nullcontext():
                record = run(recipe, store, lambda text: None)
                group.agree(partial(dict, losses=[each["loss"] for each in record["history"]]))
                if first:
                    store.save(record)
            console.print(f"{name}: {record['summary']}", markup=False, highlight=False)
        return Sweep([store.load(recipe) for recipe in recipes] if first else [], failures if first else [])


@contextmanager
def _ending_all(link: MPILink) -> Iterator[None]:
    """Let any error end all ranks, with one message that names this rank."""
    try:
        yield
    except BaseException as error:
        time.sleep(TURN * link.rank)
        if not isinstance(error, (*EXPECTED, KeyboardInterrupt)):
            traceback.print_exc()
        said = str(error) or type(error).__name__
        print(f"pp-ref: rank {link.rank} of {link.size}: {said}", file=sys.stderr, flush=True)
        link.abort(130 if isinstance(error, KeyboardInterrupt) else 1)


def check_cores(ranks: int, crowded: bool) -> None:
    """raises DomainError for more ranks than cores on this machine, unless they may be ``crowded``"""
    if ranks > cores() and not crowded:
        raise DomainError(
            f"ranks is {ranks}, expected at most {cores()}, the cores that this process may use: ranks that wait "
            "keep a core busy. Start fewer, or give --crowded"
        )


def started_on(ranks: int | None) -> MPILink | None:
    """Return the ranks of this program, as `world` does, of which ``ranks`` were asked for; None: any number.

    raises  DomainError if there is another number of them
    """
    link = world()
    if ranks and link and link.size != ranks:
        raise DomainError(f"ranks is {ranks}, but mpiexec has started {link.size}: leave --ranks out")
    if link is None and PROCESSES in os.environ:
        raise DomainError(
            "mpiexec has started a rank that mpi4py takes for the only one: expected both of one MPI. Install mpi4py "
            "for the MPI whose mpiexec comes first on the path"
        )
    return link


def launch(ranks: int, arguments: Sequence[str], crowded: bool) -> int:
    """Run `pp-ref` with these arguments on ranks of this machine, under mpiexec, to its end.

    returns  the exit code: 0, 130 after Ctrl-C, else 1
    raises   DomainError for more ranks than cores, unless they may be ``crowded``; MissingExtraError without mpi4py or
             mpiexec
    """
    check_cores(ranks, crowded)
    import_extra("mpi4py", "mpi")
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if (mpiexec := shutil.which("mpiexec", path=beside)) is None:
        raise MissingExtraError(
            "mpiexec is neither beside Python nor on the path, but --ranks starts it: pip install mpich (the extra "
            "'mpi' of pp-ref), or load your cluster's MPI"
        )
    command = [mpiexec, "-n", str(ranks), sys.executable, "-m", "mpi4py", "-m", "pp_ref", *arguments]
    with TemporaryDirectory() as folder:
        environment = os.environ | {PROCESSES: folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        started = partial(subprocess.Popen, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        with started(command, env=environment) as process:
            streams = ((process.stdout or (), sys.stdout), (process.stderr or (), sys.stderr))
            tellers = [threading.Thread(target=_tell, args=(*stream, Path(folder))) for stream in streams]
            for teller in tellers:
                teller.start()
            while any(teller.is_alive() for teller in tellers) or process.poll() is None:
                with suppress(KeyboardInterrupt):  # mpiexec has it too, and passes it on to the ranks
                    for teller in tellers:
                        teller.join()
                    process.wait()
        return process.returncode if process.returncode in (0, 130) else 1


def _tell(lines: Iterable[str], to: TextIO, folder: Path) -> None:
    """Pass on what the ranks say; say which rank was killed."""
    for line in lines:
        if match := KILLED.match(line):
            rank = (folder / match[1]).read_text() if (folder / match[1]).exists() else "unknown"
            sys.stderr.write(
                f"pp-ref: rank {rank} (process {match[1]} on {match[2]}) was killed, and all others were ended: give "
                "the same command again to go on from the last checkpoint\n"
            )
        elif not NOISE.match(line):
            to.write(line)
            to.flush()
