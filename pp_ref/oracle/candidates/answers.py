"""A candidate that has written its answers beside exported vectors: `docs/candidates_files.md` says where and how."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors

from pp_ref.errors import DataError, DomainError
from pp_ref.files import read_regular, reason
from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.candidates.declared import announced
from pp_ref.oracle.candidates.vectors import LARGEST, MANIFEST, SCHEMA, Tensor, dtype_due, due, numbers, tensors_of
from pp_ref.oracle.operations.cases import Case, case_of

__all__ = ["Answers"]

AGAIN = "export the vectors anew with `pp-ref vectors export`, and answer those"


class Answers:
    """What is in the folder `answers` of a folder of vectors.

    folder  that `pp_ref.oracle.candidates.vectors.export` wrote
    raises  DataError if the vectors are not as they were exported, are of another version, or the answers' files
            cannot be read

    Each file is read whole, and once. How functions behave besides numbers (state between calls, arguments that
    are written to) cannot be seen in files.

    forward_only  no: every result is asked of files
    ids         of the cases that were exported
    seed        that they were drawn from
    """

    def __init__(self, folder: Path) -> None:
        manifest = _vectors(folder)
        self.forward_only, self.later, self.algorithms = False, dict[str, str](), dict[str, str]()
        self.time_limit: float | None = None
        self.arithmetic: str = manifest["arithmetic"]
        self.seed: int = manifest["seed"]
        self.ids: list[str] = [case["id"] for case in manifest["cases"]]
        about = _about(folder / "answers" / MANIFEST)
        self.name: str = about.get("name", str(folder))
        self.expected: dict[str, str] = about.get("expected", {})
        if about.get("arithmetic", self.arithmetic) != self.arithmetic:
            raise DataError(
                f"{folder / 'answers' / MANIFEST} says that the arithmetic is {about['arithmetic']!r}, but the vectors "
                f"are of {self.arithmetic}: export them with `--arithmetic {about['arithmetic']}`, and answer those"
            )
        self.answers = _answers(folder, list(manifest["files"]))

    def begin(self, case: Case) -> None:
        """Nothing: all answers are there."""

    def observe(self, case: Case) -> Observation:
        answers = self.answers.get(case.operation.name)
        if answers is None:
            return Observation(provided=False)
        seen, expected = Observation(), dtype_due(case)
        for name, tensor in answers.get(case.id, {}).items():
            if tensor.dtype != expected:
                seen.messages.append(f"{name} is {tensor.dtype}, expected {expected}, as the manifest says")
            read = numbers(tensor)
            if read is not None:
                seen.results[name] = read
        if not seen.results:
            names = ", ".join(name for name, _ in due(case))
            seen.messages.append(f"the answers to this case are missing: expected {names}")
        if case.id == next(each for each in self.ids if each.startswith(f"{case.operation.name}/")):
            strange = [each for each in answers if each not in self.ids]
            seen.messages += [f"there are answers to {each!r}, which nobody asked for" for each in strange]
        return seen

    def expects(self, case: Case, seen: Observation) -> str | None:
        return announced(self.expected, case, seen.raised)


def _vectors(folder: Path) -> dict[str, Any]:
    """The manifest, once it and the files are what this version exports."""
    path = folder / MANIFEST
    manifest = _json(path, "a folder that `pp-ref vectors export` wrote")
    version = manifest.get("schema") if isinstance(manifest, dict) else None
    if not str(version).startswith("pp_ref.vectors/"):
        raise DataError(f"{path} is no manifest of vectors: expected one that `pp-ref vectors export` wrote")
    if version != SCHEMA:
        raise DataError(f"{path} is of version {version!r}, but this pp_ref reads {SCHEMA!r}: {AGAIN}")
    try:
        drawn: dict[str, list[Case]] = {}
        for case in manifest["cases"]:
            drawn.setdefault(f"{case['id'].partition('/')[0]}.safetensors", []).append(case_of(case["id"]))
        if not drawn or drawn.keys() != manifest["files"].keys():
            raise ValueError("its cases are not those of its files")
        if {(case.arithmetic.name, case.seed) for cases in drawn.values() for case in cases} != {
            (manifest["arithmetic"], manifest["seed"])
        }:
            raise ValueError("its cases are of another arithmetic or seed")
        for file, digest in manifest["files"].items():
            _check(folder / file, digest, drawn[file])
        return dict(manifest)
    except (AttributeError, DomainError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not as it was exported, or of another version of pp_ref ({error}): {AGAIN}"
        ) from error


def _check(path: Path, digest: str, drawn: list[Case]) -> None:
    content = _read(path, "the vectors of an operation")
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{path} is not what was exported, by its SHA-256 in {MANIFEST}: {AGAIN}")
    held = _tensors(path, content)
    for case in drawn:
        for name, tensor in tensors_of(case).items():
            if held.get(f"{case.id}/{name}") != tensor:
                raise DataError(
                    f"{path} holds another {name} of {case.id} than this version of pp_ref and NumPy draws: {AGAIN}"
                )


def _about(path: Path) -> dict[str, Any]:
    """What the candidate says of itself, if it does."""
    if not path.exists():
        return {}
    about = _json(path, "JSON")
    expected: dict[str, Callable[[Any], bool]] = {
        "name": lambda x: isinstance(x, str),
        "arithmetic": lambda x: isinstance(x, str),
        "expected": lambda x: isinstance(x, dict) and all(isinstance(each, str) for each in x.values()),
    }
    if not isinstance(about, dict) or any(key not in expected or not expected[key](x) for key, x in about.items()):
        raise DataError(
            f"{path} is {about!r}, expected at most name and arithmetic, which are strings, and expected, an object of "
            "patterns of case ids and reasons"
        )
    return about


def _answers(folder: Path, asked: list[str]) -> dict[str, dict[str, dict[str, Tensor]]]:
    """operation -> case id -> name -> tensor."""
    files = sorted((folder / "answers").glob("*.safetensors"))
    if not files:
        raise DataError(
            f"{folder / 'answers'} holds no answers: expected {asked[0]}, or another file of the names in {folder}"
        )
    found: dict[str, dict[str, dict[str, Tensor]]] = {}
    for path in files:
        if path.name not in asked:
            raise DataError(
                f"{path} answers what nobody asked: expected {asked[0]}, or another file of the names in {folder}"
            )
        cases = found.setdefault(path.stem, {})
        for label, tensor in _tensors(path, _read(path, "answers")).items():
            identity, _, name = label.rpartition("/")
            cases.setdefault(identity, {})[name] = tensor
    return found


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
    try:
        return {
            name: Tensor(tensor["dtype"], tuple(tensor["shape"]), bytes(tensor["data"]))
            for name, tensor in read(content)
        }
    except safetensors.SafetensorError as error:
        raise DataError(f"{path} is truncated, or no safetensors file ({error}): write it anew") from error


def _json(path: Path, expected: str) -> Any:
    try:
        return json.loads(_read(path, expected))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}): expected {expected}") from error


def _read(path: Path, expected: str) -> bytes:
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}): expected {expected}") from error
