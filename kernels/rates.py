"""The rates of this machine, in seconds per unit of work: measured by `pp-ref bench calibrate`, or the defaults.

There is a set of rates for each number of threads. The measured rates are in the user's cache, in a file named by a
digest of the machine, so a home directory on several machines holds a file for each. A process reads its file once.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pp_ref.envelope import Format
from pp_ref.errors import DataError
from pp_ref.files import cache_folder
from pp_ref.machine import blas, machine, numba_absence

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
KEYS = {"machine", "seconds"}
RATES = Format("pp_ref.rates", "the rates of a machine", lambda content: content.keys() == KEYS)


class Rates(NamedTuple):
    """Seconds of a unit of work. Numbers and flops are of float32; float64 takes twice as long.

    The defaults are those of a server processor with AVX-512, on one thread.
    """

    flop: float = 1.1e-11  # a flop of a product
    pack: float = 2.8e-10  # a number of a matrix that BLAS rearranges before a product
    tap: float = 1.1e-10  # a pair of taps of a padded pixel
    gather: float = 6e-10  # a number gathered or scattered
    image: float = 3.2e-7  # padding the rows of an image
    product: float = 2.8e-6  # a call of a product
    call: float = 7.8e-5  # the checks of a kernel's arguments, and the loop over tiles
    copy: float = 1.3e-9  # an entry of an image's patch, copied and packed by BLAS
    theorem: float = 1.6e-11  # a flop of small transforms and of products at one frequency
    plane: float = 5e-11  # a tap of a pixel of a channel's padded plane
    pooled: float = 2e-10  # a number of a pooled map, written or read


BY_NUMBER = ("flop", "pack", "tap", "gather", "copy", "theorem", "plane", "pooled")  # proportional to the dtype's size
DIVIDED = ("flop", "pack", "tap", "gather", "image", "plane", "pooled")  # units of work that threads divide
HANDOVER = 5e-5  # seconds until a second thread of the kernels begins
# A CUDA device: computed from an A100's data sheet (19.5 Tflop/s, 1.6 TB/s) and 6 us a launch, not measured.
DEVICE = Rates(flop=6e-14, pack=2.5e-12, tap=4e-13, gather=2.5e-12, image=2e-9, product=6e-6, call=6e-5)


@cache
def default_rates(threads: int = 1) -> Rates:
    """The default rates for a number of threads: those of `DIVIDED` over threads; three handovers are added to a call
    if there are several."""
    rates = Rates()
    divided = {unit: getattr(rates, unit) / threads for unit in DIVIDED}
    return rates._replace(**divided, call=rates.call + 3 * HANDOVER * (threads > 1))


def machine_key() -> dict[str, Any]:
    """What rates depend on: processor, cores, BLAS and its kernels, NumPy and Numba."""
    described = {name: value for name, value in blas().items() if name != "threads"}
    numba = None if numba_absence() else version("numba")
    return machine() | {"blas": described, "numpy": version("numpy"), "numba": numba}


def rates_file() -> Path:
    """The path of this machine's rates in the user's cache; the file need not exist.

    raises  DataError if no home folder is known
    """
    digest = hashlib.sha256(json.dumps(machine_key(), sort_keys=True).encode()).hexdigest()
    return cache_folder() / "rates" / f"{digest[:16]}.json"


def write_rates(path: Path, rates: Mapping[int, Rates]) -> None:
    """Write the rates by number of threads, and the description of this machine, whole or not at all.

    raises  DataError if the file cannot be written
    """
    seconds = {str(threads): each._asdict() for threads, each in rates.items()}
    RATES.write_json(path, {"machine": machine_key(), "seconds": seconds})


def read_rates(path: Path) -> dict[int, Rates]:
    """Return the rates by number of threads from a file that `write_rates` wrote on this machine.

    raises  DataError if the file cannot be read, is damaged, of another format, or belongs to another machine
    """
    again = "run pp-ref bench calibrate, which writes it anew"
    content = RATES.read_json(path, again)
    if content.keys() != KEYS:
        raise DataError(f"{path} holds no rates, expected machine and seconds: {again}")
    if content["machine"] != (key := machine_key()):
        raise DataError(f"{path} holds the rates of {content['machine']}, but this is {key}: {again}")
    seconds = content["seconds"]
    if not isinstance(seconds, dict) or not seconds or not all(threads.isdecimal() for threads in seconds):
        raise DataError(f"{path} holds the rates {seconds}, expected some for each number of threads: {again}")
    with RATES.reading(path, again):
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
    """Return this machine's measured rates for a number of threads, or the defaults; and where they come from.

    The rates are those of the largest measured number of threads up to ``threads``, or of the smallest one above. A
    damaged file gives one warning.
    """
    measured = _measured()
    if not measured:
        return default_rates(threads), "default"
    return measured[max((t for t in measured if t <= threads), default=min(measured))], "calibrated"


@cache
def _measured() -> dict[int, Rates]:
    """The rates in the user's cache; {} if there is no valid file."""
    try:
        path = rates_file()
        return read_rates(path) if RATES.exists(path) else {}
    except DataError as error:
        warnings.warn(f"the default rates are used: {error}", RuntimeWarning, stacklevel=2)
        return {}
