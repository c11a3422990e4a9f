"""Records as they come back from their files."""

from pp_ref.experiments.run_store import RunStore


def stored(records, folder):
    store = RunStore(folder / "records")
    for record in records:
        store.save(record)
    return [store.load(record["recipe"]) for record in records]
