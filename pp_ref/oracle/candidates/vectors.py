"""Cases as files, for implementations in any language: `docs/candidates_files.md` describes them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DataError
from pp_ref.files import part_beside, read_regular, write_atomically
from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.operations.cases import Case, chosen
from pp_ref.oracle.operations.nested import is_number, named
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = [
    "MANIFEST",
    "SCHEMA",
    "Tensor",
    "dtype_due",
    "dtype_of",
    "due",
    "export",
    "numbers",
    "packed",
    "stored",
    "tensors_of",
]

SCHEMA = "pp_ref.vectors/1"
MANIFEST = "manifest.json"
LARGEST = 2**28  # bytes of one file that is read
DTYPES = {"float64": "F64", "float32": "F32", "bfloat16": "BF16", "float16": "F16"}
STORED = {"F64": "<f8", "F32": "<f4", "BF16": "<u2", "F16": "<f2", "I64": "<i8", "U8": "u1"}


class Tensor(NamedTuple):
    """dtype as safetensors calls it, shape, and little-endian numbers row by row."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    def described(self, name: str) -> dict[str, Any]:
        return {"name": name, "dtype": self.dtype, "shape": self.shape}


def export(
    folder: Path,
    arithmetic: str = "float64",
    only: Sequence[str] = (),
    seed: int = 0,
    quick: bool = False,
) -> dict[str, Any]:
    """Write the arguments and cotangents of every case, a file an operation, and what they are in `manifest.json`.

    arithmetic  whose dtype the tensors have
    only        names of operations; none: all
    seed        from which every case is drawn
    quick       the regimes that find most mistakes
    returns     the manifest: `schemas/vectors.schema.json`
    raises      DomainError for an unknown operation or arithmetic, DataError if folder holds something else or cannot
                be written; it is then as it was

    The same call writes the same bytes. Cases that differ from others in memory order alone are left out, for a file
    has one; so are those at the edges of tiles, which are large. Where folder holds vectors already, they are replaced,
    the manifest last, and answers beside them stay.
    """
    if folder.exists() and not (_is_ours(folder) or (folder.is_dir() and not any(folder.iterdir()))):
        raise DataError(f"{folder} holds something else than vectors: choose a new folder, or an empty one")
    files = {}
    manifest: dict[str, Any] = {"schema": SCHEMA, "arithmetic": arithmetic, "seed": seed, "quick": quick}
    manifest |= {"files": {}, "cases": []}
    for operation, drawn in chosen(arithmetic, only, seed, quick, large=False):
        exported = [case for case in drawn if case.layout == "C"]
        held = {f"{case.id}/{name}": tensor for case in exported for name, tensor in tensors_of(case).items()}
        file = f"{operation.name}.safetensors"
        files[file] = packed(held)
        manifest["files"][file] = hashlib.sha256(files[file]).hexdigest()
        manifest["cases"] += map(_described, exported)
    files[MANIFEST] = json.dumps(manifest, indent=1).encode("ascii") + b"\n"  # the last, which makes the others valid
    _write(folder, files)
    return manifest


def tensors_of(case: Case) -> dict[str, Tensor]:
    """Arguments and cotangents of a case by name: "v", "U[0]", "stride", "dy"."""
    given = {label: tensor for tensors in _arguments(case).values() for label, tensor in tensors.items()}
    return given | _cotangents(case)


def due(case: Case) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the answers to a case: "y" or "y[0]", ..., then the gradients "dv", "dw[0]", ...

    Where NaN or infinity is among the arguments, the value alone.
    """
    with np.errstate(all="ignore"):
        found = evaluated(case, plain.ALGEBRA, None if case.wild else cotangents_of(case))
    return [(name, np.shape(x)) for name, x in found.results.items()]


def dtype_of(arithmetic: Arithmetic) -> str:
    """As safetensors calls it."""
    return DTYPES[arithmetic.dtype]


def dtype_due(case: Case) -> str:
    """Of the answers to a case."""
    return "I64" if case.operation.indices else dtype_of(case.arithmetic)


def stored(x: NDArray[np.float64], arithmetic: Arithmetic) -> Tensor:
    """Numbers that the arithmetic stores, in its dtype."""
    dtype = dtype_of(arithmetic)
    if dtype == "BF16":  # the upper half of a float32
        halves: NDArray[Any] = (x.astype("<f4").view("<u4") >> 16).astype("<u2")
        return Tensor(dtype, x.shape, halves.tobytes())
    return Tensor(dtype, x.shape, x.astype(STORED[dtype]).tobytes())


def numbers(tensor: Tensor) -> NDArray[np.float64] | None:
    """In float64; None of a dtype that no vectors have."""
    if tensor.dtype not in STORED:
        return None
    x = np.frombuffer(tensor.data, STORED[tensor.dtype]).reshape(tensor.shape)
    return np.asarray((x.astype("<u4") << 16).view("<f4") if tensor.dtype == "BF16" else x, np.float64)


def packed(tensors: dict[str, Tensor]) -> bytes:
    """A safetensors file. Written here because it has to have the same bytes with every version of the library, and
    NumPy has no bfloat16. Wide numbers come first, so that all are aligned.
    """
    widest_first = sorted(tensors, key=lambda name: -np.dtype(STORED[tensors[name].dtype]).itemsize)
    header, end = {}, 0
    for name in widest_first:
        start, end = end, end + len(tensors[name].data)
        header[name] = {"dtype": tensors[name].dtype, "shape": tensors[name].shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(tensors[name].data for name in widest_first)


def _setting(value: Any) -> Tensor:
    """Whole numbers and truth values in int64, other numbers in float64, words as the bytes of their letters."""
    if isinstance(value, str):
        return Tensor("U8", (len(value),), value.encode("ascii"))
    x = np.asarray(value)
    dtype = "F64" if x.dtype.kind == "f" else "I64"
    return Tensor(dtype, x.shape, x.astype(STORED[dtype]).tobytes())


def _arguments(case: Case) -> dict[str, dict[str, Tensor]]:
    """The tensors of every argument; a tuple of whole numbers is one."""
    return {
        name: {
            label: stored(leaf, case.arithmetic) if is_number(leaf) else _setting(leaf)
            for label, leaf in named(name, value).items()
        }
        for name, value in case.arguments.items()
    }


def _cotangents(case: Case) -> dict[str, Tensor]:
    """What a layer's gradients are pulled back from: of every value one."""
    if case.operation.kind != "layer":
        return {}
    with np.errstate(all="ignore"):
        values = evaluated(case, plain.ALGEBRA).values
    pairs = zip(values, cotangents_of(case), strict=True)
    return {f"d{name}": stored(dy, case.arithmetic) for name, dy in pairs}


def _described(case: Case) -> dict[str, Any]:
    """A case in the manifest."""
    settings = {name: value for name, value in case.arguments.items() if not isinstance(value, list | np.ndarray)}
    return {
        "id": case.id,
        "operation": case.operation.name,
        "equation": case.operation.equation,
        "regime": case.regime,
        "bug": case.bug,
        "effect": case.effect,
        "wild": case.wild,
        "arguments": [
            {"name": name, "tensors": [tensor.described(label) for label, tensor in tensors.items()]}
            | ({"value": settings[name]} if name in settings else {})
            for name, tensors in _arguments(case).items()
        ],
        "cotangents": [tensor.described(label) for label, tensor in _cotangents(case).items()],
        "answers": [{"name": name, "dtype": dtype_due(case), "shape": shape} for name, shape in due(case)],
    }


def _is_ours(folder: Path) -> bool:
    try:
        return str(json.loads(read_regular(folder / MANIFEST, LARGEST))["schema"]).startswith("pp_ref.vectors/")
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return False


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Everything is written beside the folder before anything in it changes."""
    beside = part_beside(folder.absolute())
    try:
        try:
            for name, content in files.items():
                write_atomically(beside / name, content)
            if not folder.exists():
                beside.rename(folder)
                return
            for name in files:
                (beside / name).replace(folder / name)
            for name in BY_NAME:
                if f"{name}.safetensors" not in files:
                    (folder / f"{name}.safetensors").unlink(missing_ok=True)
        finally:
            rmtree(beside, ignore_errors=True)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{folder} could not be written ({error.strerror}): free some space or choose another folder, and run again"
        ) from error
