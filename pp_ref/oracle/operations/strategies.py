"""Cases as a Hypothesis strategy: for tests of one's own, which shrink what fails."""

from typing import TYPE_CHECKING

from pp_ref.errors import check_known, import_extra
from pp_ref.oracle.algebras.arithmetic import arithmetic as arithmetic_of
from pp_ref.oracle.operations.cases import LAYOUTS, Case, drawn_case
from pp_ref.oracle.operations.draws import Sizes
from pp_ref.oracle.operations.table import BY_NAME

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["cases_of"]


def cases_of(operation: str, arithmetic: str = "float64") -> "SearchStrategy[Case]":
    """Return a Hypothesis strategy for cases of an operation.

    It draws sizes (also no example), scale, geometry, memory layout and numbers.

    operation   its name
    arithmetic  whose numbers are drawn
    raises      DomainError for a name there is not; MissingExtraError without Hypothesis

    They shrink to one input, one column of one unit, a scale of 1, the first geometry, C order and seed 0.

    Examples
    --------
    >>> from hypothesis import HealthCheck, given, settings
    >>> from pp_ref import layers
    >>> from pp_ref.oracle import InProcess, cases_of, judge, truth
    >>> candidate = InProcess(layers, arithmetic="float32")
    >>> @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    ... @given(cases_of("relu", "float32"))
    ... def test_relu(case):
    ...     finding = judge(case, truth(case), candidate.observe(case))
    ...     assert finding.status.value == "passed", finding
    >>> test_relu()
    """
    st = import_extra("hypothesis.strategies", "test")
    check_known("operation", operation, BY_NAME)
    known = BY_NAME[operation]
    sizes = st.builds(
        Sizes,
        n=st.integers(0, 8),
        d=st.integers(1, 9),
        columns=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=3).map(tuple),
        scale=st.integers(-4, 2).map(lambda power: 2.0**power),
        geometry=st.integers(0, known.geometries - 1),
        seed=st.integers(0, 2**32 - 1),
    )
    found: SearchStrategy[Case] = st.builds(
        drawn_case, st.just(known), st.just(arithmetic_of(arithmetic)), sizes, st.sampled_from(LAYOUTS)
    )
    return found
