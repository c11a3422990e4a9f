"""The rates of this machine: seconds of a unit of work, as `pp-ref bench calibrate` measured them, or the defaults.

There is a set of rates for each number of threads. The measured ones lie in the user's cache, in a file named by a
digest of the machine, so that homes shared between machines hold one each. They are read once a process.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pp_ref.errors import DataError
from pp_ref.files import write_atomically
from pp_ref.machine import blas, machine

__all__ = [
    "BY_NUMBER",
    "DEVICE",
    "Origin",
    "Rates",
    "default_rates",
    "known_rates",
    "machine_key",
    "rates_file",
    "read_rates",
    "write_rates",
]

Origin = Literal["default", "calibrated", "given"]


class Rates(NamedTuple):
    """Seconds of a unit of work. Numbers and flops are of float32; those of float64 take twice as long.

    The defaults are those of a server processor with AVX-512, on one thread.
    """

    flop: float = 1.1e-11  # of a product
    pack: float = 2.8e-10  # a number of an operand, which BLAS brings into its own order
    tap: float = 1.1e-10  # a pair of taps of a padded pixel
    gather: float = 6e-10  # a number gathered or scattered
    image: float = 3.2e-7  # an image padded, in its rows
    product: float = 2.8e-6  # a call of a product
    call: float = 7.8e-5  # the checks of a kernel, and the cutting of tiles
    copy: float = 1.3e-9  # an entry of an image's patch made, and packed by BLAS
    theorem: float = 1.6e-11  # a flop of small transforms and of products at one frequency
    plane: float = 5e-11  # a tap of a pixel of a channel's padded plane
    pooled: float = 2e-10  # a number of a pooled map, written or read


BY_NUMBER = ("flop", "pack", "tap", "gather", "copy", "theorem", "plane", "pooled")  # rates of a number in float32
SHARED_OUT = ("flop", "pack", "tap", "gather", "image", "plane", "pooled")  # rates of what threads divide
HANDOVER = 5e-5  # seconds until a second thread of the kernels begins
# Of a CUDA device, reckoned from an A100's data sheet (19.5 Tflop/s, 1.6 TB/s) and 6 us a launch: nobody measured them.
DEVICE = Rates(flop=6e-14, pack=2.5e-12, tap=4e-13, gather=2.5e-12, image=2e-9, product=6e-6, call=6e-5)


@cache
def default_rates(threads: int = 1) -> Rates:
    """The rates of `Rates` for a number of threads: what they divide takes a share of the time, calls take it all."""
    rates = Rates()
    divided = {unit: getattr(rates, unit) / threads for unit in SHARED_OUT}
    return rates._replace(**divided, call=rates.call + 3 * HANDOVER * (threads > 1))


def machine_key() -> dict[str, Any]:
    """What rates depend on: processor, cores, BLAS with the kernels that it chose, NumPy and Numba."""
    described = {name: value for name, value in blas().items() if name != "threads"}
    return machine() | {"blas": described, "numpy": version("numpy"), "numba": version("numba")}


def rates_file() -> Path:
    """Where this machine's rates lie in the user's cache; it need not exist."""
    import pooch

    digest = hashlib.sha256(json.dumps(machine_key(), sort_keys=True).encode()).hexdigest()
    return Path(pooch.os_cache("pp_ref")) / "rates" / f"{digest[:16]}.json"


def write_rates(path: Path, rates: Mapping[int, Rates]) -> None:
    """Keep the rates, by number of threads, and the machine they hold for, whole or not at all.

    raises  DataError
    """
    seconds = {str(threads): each._asdict() for threads, each in rates.items()}
    content = {"machine": machine_key(), "seconds": seconds}
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_rates(path: Path) -> dict[int, Rates]:
    """The rates, by number of threads, in a file that `write_rates` wrote on this machine.

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
    if not isinstance(seconds, dict) or not seconds or not all(threads.isdecimal() for threads in seconds):
        raise DataError(f"{path} holds the rates {seconds}, expected some for each number of threads: {again}")
    return {int(threads): _checked(path, each, again) for threads, each in seconds.items()}


def _checked(path: Path, seconds: Any, again: str) -> Rates:
    """The rates for one number of threads; raises DataError."""
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


def known_rates(threads: int) -> tuple[Rates, Origin]:
    """This machine's rates for a number of threads if they were measured, else the defaults.

    Between two numbers that were measured the lower one's rates hold. A file that is no good gives one warning.
    """
    measured = _measured()
    if not measured:
        return default_rates(threads), "default"
    return measured[max((t for t in measured if t <= threads), default=min(measured))], "calibrated"


@cache
def _measured() -> dict[int, Rates]:
    """The rates in the user's cache; none if there is no sound file."""
    path = rates_file()
    if not path.exists():
        return {}
    try:
        return read_rates(path)
    except DataError as error:
        warnings.warn(f"the default rates are used: {error}", RuntimeWarning, stacklevel=2)
        return {}
