"""What a case's results have to be: exact values, each with the bound that its arithmetic is held to."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from pp_ref.oracle import balls, definitions, draws, operations, plain, rounded, tape
from pp_ref.oracle.cases import Case
from pp_ref.oracle.nested import is_number, leaves, mapped

__all__ = ["ExactValues", "Expected", "evaluated", "truth"]

Real = NDArray[np.float64]
DIGEST = hashlib.sha256().digest_size
Named = tuple[str, Real, Real]  # of a result: its name, exact value and radius


@dataclass(frozen=True)
class Expected:
    """One result: "y", "y[1]", "dv", "dw[0][1]", ...

    exact    float64, nearest to the exact value
    radius   |true - exact| is at most this
    bound    |computed - exact| is at most this, or there is a fault: derived for the arithmetic, radius included
    spread   what independent roundings rarely exceed, radius included
    """

    name: str
    exact: Real
    radius: Real
    bound: Real
    spread: Real


def evaluated(case: Case, algebra: Any, cotangents: list[Real] | None = None) -> list[tuple[str, Any]]:
    """The value of the case's operation, and with cotangents its gradients, in an algebra's arrays, by name."""
    operation = case.operation
    lifted = {
        name: mapped(lambda x: tape.quantity(x, algebra), value) if is_number(value) else value
        for name, value in case.arguments.items()
    }
    y = operation.definition(*lifted.values())
    outputs = list(leaves(y))
    found = [(name, each.data) for name, each in zip(_names("y", y), outputs, strict=True)]
    if cotangents is None or not operation.learned:
        return found
    learned = [each for name in operation.learned for each in leaves(lifted[name])]
    labels = [label for name in operation.learned for label in _names(f"d{name}", lifted[name])]
    pulled = tape.gradients(outputs, [algebra.lifted(dy) for dy in cotangents], learned)
    return found + list(zip(labels, pulled, strict=True))


def truth(case: Case, store: "ExactValues | None" = None) -> list[Expected]:
    """The value first, then every gradient, pulled back from `case.cotangent` (from 1 of a model).

    store  where exact values are kept; None: nowhere
    """
    cotangents = cotangents_of(case)
    if case.wild:
        with np.errstate(all="ignore"):
            patterns = [(name, np.asarray(x, np.float64)) for name, x in evaluated(case, plain.NAMESPACE, cotangents)]
        return [Expected(name, x, *(np.full(x.shape, np.inf) for _ in range(3))) for name, x in patterns]
    enclosures = _kept(store, case, lambda: _enclosures(case, cotangents))
    algebra = rounded.algebra(case.arithmetic)
    with np.errstate(all="ignore"):  # a bound may be infinite: then it proves nothing
        bounds = evaluated(case, algebra, cotangents)
    return [
        Expected(name, exact, radius, _up(error) + radius, _up(np.minimum(spread, error)) + radius)
        for (name, exact, radius), error, spread in zip(enclosures, *_allowed(bounds, algebra.doubts), strict=True)
    ]


def _allowed(bounds: list[tuple[str, Any]], doubts: list[bool]) -> tuple[list[Any], list[Any]]:
    """Errors and spreads. Where rounding may let another pixel win a maximum, or a unit pass its kink, a gradient is
    another's: it has no bound."""
    infinite = {name: np.full(x.shape, np.inf) for name, x in bounds if doubts and name.startswith("d")}
    return [infinite.get(name, x.error) for name, x in bounds], [infinite.get(name, x.spread) for name, x in bounds]


def cotangents_of(case: Case) -> list[Real]:
    """Of the shapes of the value."""
    if case.operation.kind == "model":
        return [np.ones(())]
    with np.errstate(all="ignore"):
        return case.cotangent([x.shape for _, x in evaluated(case, plain.NAMESPACE)])


def _enclosures(case: Case, cotangents: list[Real]) -> list[Named]:
    names: list[str] = []

    def run() -> list[Any]:
        found = evaluated(case, balls.NAMESPACE, cotangents)
        names[:] = [name for name, _ in found]
        return [x for _, x in found]

    return [(name, each.value, each.radius) for name, each in zip(names, balls.enclosed(run), strict=True)]


def _up(x: Any) -> Real:
    """Rounded to float64, upwards. NaN, of infinities that cancel, is no bound either."""
    return np.nextafter(np.nan_to_num(np.asarray(x, np.float64), nan=np.inf, posinf=np.inf), np.inf)


def _names(name: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [label for i, each in enumerate(value) for label in _names(f"{name}[{i}]", each)]
    return [name]


@cache
def _sources() -> bytes:
    """What the exact values follow from, besides the case."""
    modules = (balls, definitions, draws, operations, tape)
    return b"".join(Path(str(module.__file__)).read_bytes() for module in modules)


def _kept(store: "ExactValues | None", case: Case, compute: Callable[[], list[Named]]) -> list[Named]:
    if store is None:
        return compute()
    key = _key(case)
    found = store.get(key)
    if found is None:
        found = compute()
        store.put(key, found)
    return found


def _key(case: Case) -> str:
    digest = hashlib.sha256(_sources() + case.id.encode())
    for name, value in case.arguments.items():
        digest.update(name.encode())
        for leaf in leaves(value):
            is_array = isinstance(leaf, np.ndarray)
            digest.update(repr((leaf.shape, leaf.dtype.str) if is_array else leaf).encode())
            digest.update(np.ascontiguousarray(leaf).tobytes() if is_array else b"")
    return digest.hexdigest()


def _checksum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


class ExactValues:
    """A file of exact values, by the content of what they are the values of. It may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_file():
                raise OSError("it is no regular file")
            try:
                self._open(path)
            except sqlite3.DatabaseError:  # no such file of ours: begin anew
                path.unlink()
                self._open(path)
        except (OSError, sqlite3.DatabaseError):  # it cannot be kept
            self._open(":memory:")

    def _open(self, path: Path | str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        try:
            self.connection.execute("PRAGMA synchronous = OFF")
            self.connection.execute("CREATE TABLE IF NOT EXISTS checked (key TEXT PRIMARY KEY, arrays BLOB)")
        except BaseException:
            self.connection.close()
            raise

    def get(self, key: str) -> "list[Named] | None":
        """None if there are none, or none that can be read."""
        try:
            row = self.connection.execute("SELECT arrays FROM checked WHERE key = ?", [key]).fetchone()
        except sqlite3.DatabaseError:
            return None
        if row is None or not isinstance(row[0], bytes) or row[0][:DIGEST] != _checksum(key, row[0][DIGEST:]):
            return None
        arrays = safetensors.numpy.load(row[0][DIGEST:])
        names = [name for name in arrays if not name.endswith("+-")]
        return [(name.partition(" ")[2], arrays[name], arrays[name + "+-"]) for name in sorted(names)]

    def put(self, key: str, found: "list[Named]") -> None:
        arrays = {}
        for i, (name, exact, radius) in enumerate(found):
            arrays[f"{i:04} {name}"], arrays[f"{i:04} {name}+-"] = exact, radius
        with suppress(sqlite3.DatabaseError):  # damaged, locked, or full: then they are computed again
            content = safetensors.numpy.save(arrays)
            row = [key, _checksum(key, content) + content]
            self.connection.execute("INSERT OR REPLACE INTO checked VALUES (?, ?)", row)

    def close(self) -> None:
        self.connection.close()
