"""What a learner has done: an answer and a card of each exercise, as files in one folder."""

import json
import os
from pathlib import Path
from typing import Any

from pp_ref.errors import DataError
from pp_ref.files import write_atomically
from pp_ref.lessons.card import Card
from pp_ref.lessons.exercise import Exercise

__all__ = ["answer", "folder", "record", "records_in", "save"]

VARIABLE = "PP_REF_LESSONS"


def folder() -> Path:
    """Return the folder of answers: that which $PP_REF_LESSONS names, else one of the user's own.

    raises  DataError if no home folder is known
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    from platformdirs import user_data_dir

    try:
        return Path(user_data_dir("pp_ref")).expanduser() / "lessons"
    except RuntimeError as error:
        raise DataError(f"no home folder is known for answers: set {VARIABLE} to a folder") from error


def answer(asked: Exercise) -> str:
    """The text that was judged last, or the stub."""
    try:
        return (folder() / f"{asked.id}.py").read_text("utf-8")
    except (OSError, ValueError):
        return asked.begun


def record(identity: str) -> dict[str, Any]:
    """The record of the last card of an exercise; empty if there is none that can be read."""
    found = _read(folder() / f"{identity}.json")
    return found if isinstance(found, dict) else {}


def save(asked: Exercise, source: str, card: Card) -> int:
    """Keep an answer and its card. Return how many tries have failed, this one included, since one was right."""
    before = record(asked.id)
    failed = int(before.get("tries", 0)) if before.get("status") != "right" else 0
    tries = failed + (card.status == "wrong")
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    write_atomically(place / f"{asked.id}.py", source.encode())
    write_atomically(place / f"{asked.id}.json", json.dumps(card.record(tries), indent=1).encode())
    return tries


def records_in(place: Path) -> dict[str, list[dict[str, Any]]]:
    """The cards of many learners: of each folder or file of JSON in ``place``, by its name, those that can be read.

    A file holds one card, or a list of cards as `pp-ref lesson check --json` writes them.
    raises  DataError if there is none
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(place.glob("**/*.json")):
        read = _read(path)
        cards = read if isinstance(read, list) else [read]
        learner = path.relative_to(place).parts[0].removesuffix(".json")
        found.setdefault(learner, []).extend(each for each in cards if _is_card(each))
    found = {learner: cards for learner, cards in found.items() if cards}
    if not found:
        raise DataError(f"{place} has no cards: expected JSON of `pp-ref lesson check --json`, a file a learner")
    return found


def _is_card(read: Any) -> bool:
    texts = ("exercise", "status", "mistake")
    return isinstance(read, dict) and all(isinstance(read.get(name), str) for name in texts)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
