"""Every way of a layer and every dense peer does the same step."""

import pytest

from pp_ref.bench.layer import dense_steps, layer_arrays, layer_shares, ways
from pp_ref.bench.pooling import se_dictionary, se_operands
from pp_ref.kernels.operands import OperandCache


@pytest.mark.parametrize("order", ["dictionary", "weights"])
@pytest.mark.parametrize(
    "library", [pytest.param("torch", marks=pytest.mark.torch), pytest.param("jax", marks=pytest.mark.jax)]
)
def test_peers_do_the_same_step(library, order):
    o = se_operands(7, 0.3, 3, "float64")
    arrays = layer_arrays(5, o, 12)
    share = layer_shares(o, *arrays)
    assert all(share(step()) <= 1 for step, _ in ways(OperandCache(se_dictionary(7, 0.3, 3)), *arrays).values())
    y, dv, dw, db = dense_steps(o, *arrays)[f"{library}, {order}"]()
    assert share((y, dv, dw, db)) <= 1
    assert share((y, dv, [dw[0], dw[2], dw[1]], db)) > 1
    assert share((y, 2 * dv, dw, db)) > 1
