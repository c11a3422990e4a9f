"""The files of this checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def files(root: Path, *endings: str) -> list[str]:
    """The files below ``root`` with one of these endings, links followed, as sorted names relative to it."""
    found = (Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names)
    return sorted(file.relative_to(root).as_posix() for file in found if file.name.endswith(endings))
