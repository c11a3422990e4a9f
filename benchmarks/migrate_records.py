"""Give committed records of 0.1.0 their envelope (`pp_ref.envelope`). No number and no file name changes.

python -m benchmarks.migrate_records    a record with an envelope is left as it is
"""

import json
from pathlib import Path

from pp_ref.bench import record
from pp_ref.experiments.run_store import RunStore
from pp_ref.records import STUDY

FOLDER = Path(__file__).parent


def migrate(folder: Path) -> list[Path]:
    """Return the records that had no envelope and have one now."""
    changed = []
    for path in sorted(folder.rglob("*.json")):
        text = path.read_bytes()
        content = json.loads(text)
        if "checksum" in content:
            continue
        if path.parent.parent == folder / "figures":
            store = RunStore(path.parent)
            found = store.load(content["recipe"])
            assert found
            store.save(found)
        elif path.parent == folder / "speed":
            record.write(path, record.read(path))
        else:
            STUDY.write_json(path, content, indent=1 if text.count(b"\n") > 1 else None)
        changed.append(path)
    return changed


if __name__ == "__main__":
    print(*migrate(FOLDER), sep="\n")
