"""Who takes part in a layer, and what is counted."""

from importlib.util import find_spec

from pp_ref.bench.layer import measure


def test_layer():
    record = measure(1, batches=(9,), proportions=(0.05,))
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    assert {"dictionary first", "weights first", "separable", "pooled once", "full, numpy"} <= rows.keys()
    for library in ("torch", "jax"):
        assert (f"full, {library}" in rows) == (find_spec(library) is not None)
    assert rows["full, numpy"]["flops"] == 4 * 9 * 784 * 500
    assert rows["pooled once"]["flops"] == 4 * 9 * 39 * 500
