"""What the plan's units of work cost on this machine: as `pp-ref bench calibrate` measured it, or the defaults.

The measured rates lie in the user's cache, in a file named by a digest of the machine, so that homes shared between
machines hold one each. They are read once a process.
"""

import hashlib
import json
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pp_ref.errors import DataError
from pp_ref.files import write_atomically
from pp_ref.machine import blas, machine

__all__ = [
    "DEFAULT",
    "DEVICE",
    "Origin",
    "Rates",
    "known_rates",
    "machine_key",
    "rates_file",
    "read_rates",
    "write_rates",
]

Origin = Literal["default", "calibrated", "given"]


class Rates(NamedTuple):
    """Seconds of a unit of work on one thread. Numbers and flops are of float32; those of float64 take twice as long.
    The defaults are those of a server processor with AVX-512."""

    flop: float = 1.1e-11  # of a product
    pack: float = 2.8e-10  # a number of an operand, which BLAS brings into its own order
    tap: float = 1.1e-10  # a pair of taps of a padded pixel
    gather: float = 6e-10  # a number gathered or scattered
    image: float = 3.2e-7  # an image padded, in its rows
    product: float = 2.8e-6  # a call of a product
    call: float = 7.8e-5  # what the kernels check, and how they cut tiles
    copy: float = 1.3e-9  # an entry of an image's patch made, and packed by BLAS
    theorem: float = 1.6e-11  # a flop of small transforms and of products at one frequency
    plane: float = 5e-11  # a tap of a pixel of a channel's padded plane
    pooled: float = 2e-10  # a number of a pooled map, written or read


DEFAULT = Rates()
# Of a CUDA device, reckoned from an A100's data sheet (19.5 Tflop/s, 1.6 TB/s) and 6 us a launch: nobody measured them.
DEVICE = Rates(flop=6e-14, pack=2.5e-12, tap=4e-13, gather=2.5e-12, image=2e-9, product=6e-6, call=6e-5)


def machine_key() -> dict[str, Any]:
    """What rates depend on: processor, cores, BLAS with the kernels that it chose, NumPy and Numba."""
    described = {name: value for name, value in blas().items() if name != "threads"}
    return machine() | {"blas": described, "numpy": version("numpy"), "numba": version("numba")}


def rates_file() -> Path:
    """Where this machine's rates lie in the user's cache; it need not exist."""
    import pooch

    digest = hashlib.sha256(json.dumps(machine_key(), sort_keys=True).encode()).hexdigest()
    return Path(pooch.os_cache("pp_ref")) / "rates" / f"{digest[:16]}.json"


def write_rates(path: Path, rates: Rates) -> None:
    """Keep the rates and the machine they hold for, whole or not at all.

    raises  DataError
    """
    content = {"machine": machine_key(), "seconds": rates._asdict()}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_rates(path: Path) -> Rates:
    """The rates in a file that `write_rates` wrote on this machine.

    raises  DataError for a file that cannot be read, or is broken, or another machine's
    """
    again = "delete it, or run pp-ref bench calibrate"
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON record of rates ({error}): {again}") from error
    if not isinstance(content, dict) or content.keys() != {"machine", "seconds"}:
        raise DataError(f"{path} holds no rates, expected machine and seconds: {again}")
    if content["machine"] != (key := machine_key()):
        raise DataError(f"{path} holds the rates of {content['machine']}, but this is {key}: {again}")
    seconds = content["seconds"]
    if not isinstance(seconds, dict) or seconds.keys() != set(Rates._fields):
        raise DataError(
            f"{path} holds the rates {seconds}, expected one for each of {', '.join(Rates._fields)}: {again}"
        )
    for name, rate in seconds.items():
        if type(rate) not in (int, float) or not 0 <= rate < 1:  # NaN compares false
            raise DataError(f"{path} has {name} = {rate!r}, expected seconds, at least 0 and less than 1: {again}")
    if not any(seconds.values()):
        raise DataError(f"{path} has only rates of 0, so every way would cost the same: {again}")
    return Rates(**seconds)


@cache
def known_rates() -> tuple[Rates, Origin]:
    """This machine's rates where they were measured, else the defaults; a file that is no good is warned of."""
    path = rates_file()
    if not path.exists():
        return DEFAULT, "default"
    try:
        return read_rates(path), "calibrated"
    except DataError as error:
        warnings.warn(f"the plan takes its default rates: {error}", RuntimeWarning, stacklevel=2)
        return DEFAULT, "default"
