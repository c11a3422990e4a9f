"""Every property of every operation and model, on drawn shapes, dtypes, layouts and scales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pp_ref.errors import ShapeError
from pp_ref.oracle.operations.cases import LAYOUTS
from tests.properties.checks import PROPERTIES, Property
from tests.properties.models import MODELS
from tests.properties.operations import IMAGES, OPERATIONS, Case, Operation

sizes = st.integers(1, 6)
CASES = st.builds(
    Case,
    n=st.integers(0, 6),
    d=sizes,
    columns=st.lists(st.tuples(sizes, sizes), min_size=1, max_size=4).map(tuple),
    dtype=st.sampled_from(["float32", "float64", "longdouble"]),
    layout=st.sampled_from(LAYOUTS),
    scale=st.sampled_from([1.0, 64.0]),
    seed=st.integers(0, 2**32 - 1),
)
PAIRS = [
    pytest.param(operation, each, id=f"{operation.name}: {each.name}")
    for operation in (*OPERATIONS, *IMAGES, *MODELS)
    for each in PROPERTIES
    if each.applies(operation)
]


@pytest.mark.parametrize(("operation", "each"), PAIRS)
@settings(max_examples=25)
@given(case=CASES)
def test_property(operation: Operation, each: Property, case: Case) -> None:
    each(operation, operation.forward, operation.backward, case)


@pytest.mark.parametrize("operation", [each for each in (*OPERATIONS, *IMAGES) if each.backward], ids=str)
def test_a_gradient_of_another_shape_is_refused(operation: Operation) -> None:
    case = Case(3, 4, ((2, 2), (2, 2)), seed=1)
    y, cache = operation.forward(**operation.draw(case))
    first = y[0] if isinstance(y, list) else y
    shapes = [(*first.shape, 2)]  # an axis too many
    if first.ndim:
        n, size, *rest = first.shape
        shapes.append((n, size + 1, *rest))
    message = r"^d[\w\[\]]+ has shape \(.*\), expected \(.*\), the shape of forward's \w"
    for dy in map(np.ones, shapes):
        with pytest.raises(ShapeError, match=message):
            operation.backward([dy, *y[1:]] if isinstance(y, list) else dy, cache)
