"""A training step of the MNIST net on one rank and on two: bytes and time, full and predicted, on networks that count.

Two ranks of this machine share memory. For a network each rank gets a network namespace of its own, and a pair of
virtual interfaces between them, which `tc` limits; the interfaces count bytes. That takes Linux and root. Batch 100 in
eight parts, float32, one BLAS thread a rank; a round is some steps of SGD with momentum.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pp_ref.bench.contest import row
from pp_ref.bench.noise import unstable
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.scaling_rank import BATCH, PARTS
from pp_ref.bench.tables import conditions
from pp_ref.bench.timing import Timing, say
from pp_ref.errors import DeviceError, import_extra
from pp_ref.records import markdown

__all__ = ["TABLES", "goals", "measure", "networks_absence", "on_ranks", "table", "two_machines"]

NETWORKS = {"unlimited": None, "1 Gbit/s": "1gbit", "100 Mbit/s": "100mbit"}  # name: rate for tc
SHARED = "shared memory"
PATIENCE = 10.0  # seconds until both ends of the network are up
ADDRESSES = ("10.77.0.1", "10.77.0.2")
SMALL_SHARE, MOST_BYTES = 0.05, 0.06  # learned of the predicted layers; wanted of the full net's bytes


def measure(timing: Timing, proportions: Sequence[float] = (1.0, 0.25, 0.05), steps: int = 5) -> Record:
    """Return the record of a step for each network, number of ranks and proportion learned; at 1 the net is full."""
    absence = networks_absence()
    places: list[tuple[str, int]] = [(SHARED, 1), (SHARED, 2)]
    places += [] if absence else [(network, 2) for network in NETWORKS]
    measured = []
    for network, ranks in places:
        say(f"{network}, ranks {ranks}")
        found = on_ranks(ranks, network, [steps, timing.rounds, *proportions])
        rows = [row(**each, calls=[1] * timing.rounds, unstable=unstable(each)) for each in found]
        measured.append({"network": network, "ranks": ranks, "threads": 1, "rows": rows})
    settings: dict[str, Any] = {"batch": BATCH, "parts": PARTS, "steps": steps, "without_networks": absence}
    return record("scaling", __doc__, timing.of_single_calls(), measured, goals, **settings)


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal: the bytes of a step of the net that learns 5 % of its layers, as a share of the full net's."""
    block = next(block for block in record["measured"] if block["ranks"] == 2)
    sent = {each["proportion"]: each["bytes_a_step"] for each in block["rows"]}
    if {1.0, SMALL_SHARE} <= sent.keys():
        what = f"bytes a step, {SMALL_SHARE:.0%} learned, biases and softmax included, of the full net's"
        yield from goal(what, "at most", MOST_BYTES, {None: sent[SMALL_SHARE] / sent[1.0]})


def networks_absence() -> str | None:
    """None if this machine can be two machines with a network between them, else one sentence that says why not."""
    for program in ("ip", "tc", "unshare"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian's packages iproute2 and util-linux)"
    allowed = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
    return None if allowed else "this process may not make network namespaces: it takes root"


def on_ranks(ranks: int, network: str, arguments: Sequence[float]) -> list[dict[str, Any]]:
    """Run `scaling_rank` on ranks, and return the rows that rank 0 prints.

    raises  DeviceError if a rank fails
    """
    import_extra("mpi4py", "mpi")
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [shutil.which("mpiexec", path=beside) or "mpiexec", "-n", str(ranks)]
    program = [sys.executable, "-m", "mpi4py", "-m", "pp_ref.bench.scaling_rank", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if network == SHARED:
        return _output([*command, *program], environment)
    with two_machines(NETWORKS[network]) as (inside, launcher):
        remote = [
            "-launcher",
            "ssh",
            "-launcher-exec",
            launcher,
            "-localhost",
            ADDRESSES[0],
            "-hosts",
            ",".join(ADDRESSES),
        ]
        # MPICH's UCX would still find the memory that both share.
        return _output([*inside, *command, *remote, *program], environment | {"UCX_TLS": "tcp"})


def _output(command: list[str], environment: dict[str, str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DeviceError(f"a rank of the benchmark has failed: {(done.stderr or done.stdout).strip()[-500:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@contextmanager
def two_machines(rate: str | None) -> Iterator[tuple[list[str], str]]:
    """Make two network namespaces, and a pair of interfaces between them with this rate.

    returns  how a command runs in the first one, and a program in place of ssh
    """
    names = [f"pp-ref-{os.getpid()}-{side}" for side in "ab"]
    devices = [f"pp{os.getpid()}{side}" for side in "ab"]

    def ip(*arguments: str) -> str:
        return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout

    def up(name: str, device: str) -> bool:
        return bool(json.loads(ip("-n", name, "-json", "link", "show", device))[0]["operstate"] == "UP")

    try:
        for name in names:
            ip("netns", "add", name)
        ends = ["netns", names[0], "type", "veth", "peer", "name", devices[1], "netns", names[1]]
        ip("link", "add", devices[0], *ends)
        for name, device, address in zip(names, devices, ADDRESSES, strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            ip("-n", name, "link", "set", device, "gso_max_segs", "1", "up")  # packets as a cable carries them
            ip("-n", name, "link", "set", "lo", "up")
            if rate:
                limit = ["root", "tbf", "rate", rate, "burst", "32kb", "latency", "400ms"]
                inside = ["ip", "netns", "exec", name]
                subprocess.run([*inside, "tc", "qdisc", "add", "dev", device, *limit], check=True, capture_output=True)
        deadline = time.monotonic() + PATIENCE  # a rank that begins before finds no network, and the others wait for it
        while not all(map(up, names, devices)):
            if time.monotonic() > deadline:
                raise DeviceError(f"the network of two namespaces was not up after {PATIENCE:g} s")
            time.sleep(0.05)
        with TemporaryDirectory() as folder:
            launcher = Path(folder, "launcher")
            cases = "".join(f"{address}) name={name};;\n" for address, name in zip(ADDRESSES, names, strict=True))
            launcher.write_text(
                '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\n'
                f'case $1 in\n{cases}esac\nshift\nexec ip netns exec "$name" sh -c "$*"\n'
            )
            launcher.chmod(0o700)
            yield ["ip", "netns", "exec", names[0]], str(launcher)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def table(record: Record) -> str:
    """Return bytes and times of a step, a row for each network, number of ranks and proportion."""
    rows = []
    for block in record["measured"]:
        for each in block["rows"]:
            rows.append(
                [
                    f"{block['network']}, {block['ranks']} rank{'s' * (block['ranks'] > 1)}, {each['name']}",
                    f"{each['bytes_a_step']:,}",
                    f"{each['interface_bytes_a_step']:,}" if block["network"] != SHARED else "",
                    *(f"{1e3 * each[name]:.1f}" for name in ("computation_s", "communication_s")),
                    f"{1e3 * each['median_s']:.1f} ({1e3 * each['min_s']:.1f} to {1e3 * each['max_s']:.1f})",
                ]
            )
    heads = [
        "a step of 100 examples",
        "bytes sent",
        "bytes on the wire",
        "computing, ms",
        "communicating, ms",
        "step, ms",
    ]
    note = f"A turn is {record['settings']['steps']} steps; median (least to most); {conditions(record)}."
    return markdown(heads, rows) + "\n\n" + note


TABLES = {"scaling": table}
