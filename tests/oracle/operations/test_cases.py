"""Cases: the same bits from the same id, numbers that the arithmetic stores, a bug that each is there to catch."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations.cases import LAYOUTS, case_of, cases, every_case, names, random_case
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS

HALF = ARITHMETICS["float16"]


def same(a, b):
    pairs = zip(a.arguments.items(), b.arguments.items(), strict=True)
    return all(
        m == n and all(np.array_equal(p, q, equal_nan=True) for p, q in zip(leaves_of(x), leaves_of(y), strict=True))
        for (m, x), (n, y) in pairs
    )


def leaves_of(value):
    """Of floats; settings may be strings, which have no NaN."""
    return [np.asarray(leaf, float) for leaf in leaves(value) if not isinstance(leaf, str)]


def test_an_id_names_its_case():
    for case in every_case(ARITHMETICS["float32"], seed=2):
        again = case_of(case.id)
        assert (again.id, again.layout, again.wild, again.bug) == (case.id, case.layout, case.wild, case.bug)
        assert same(again, case), case.id


def test_ids_are_distinct_and_every_case_says_what_it_is_for():
    every = list(every_case(ARITHMETICS["float64"]))
    assert len({case.id for case in every}) == len(every)
    assert all(case.bug and case.effect for case in every)


def test_another_seed_draws_other_numbers():
    assert not same(case_of("dense/plain/float64/0"), case_of("dense/plain/float64/1"))


@pytest.mark.parametrize("arithmetic", ARITHMETICS.values(), ids=lambda each: each.name)
def test_arguments_are_numbers_that_the_arithmetic_stores(arithmetic):
    for case in every_case(arithmetic):
        for name, value in case.arguments.items():
            arrays = (
                list(leaves(value)) if is_number(value) else [np.float64(value)] if isinstance(value, float) else []
            )
            for array in arrays:
                stored = arithmetic.representable(array)
                if name not in ("eps", "length_scale", "nu", "alpha", "beta", "k", "rate", "trade_off"):
                    np.testing.assert_array_equal(stored, array, err_msg=f"{case.id}: {name}")
                assert array.dtype == float
        if case.layout != "C":
            assert case.layout in LAYOUTS


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_quick_is_a_subset(operation):
    quick = names(operation, quick=True)
    assert set(quick) < set(names(operation))
    assert {"plain", "square", "tails"} <= set(quick)
    assert [case.regime for case in cases(operation, HALF, quick=True)] == quick


def test_wild_cases_hold_one_wild_number_and_no_others_do():
    for case in every_case(ARITHMETICS["float64"]):
        wild = sum(int((~np.isfinite(leaf)).sum()) for v in case.arguments.values() for leaf in leaves_of(v))
        if case.regime != "minus infinity":
            assert wild == (1 if case.wild else 0), case.id


def test_regimes_do_what_they_say():
    whole = case_of("dense/whole numbers/float16/0").arguments
    assert all(np.array_equal(x, np.rint(x)) for x in whole.values())
    v = case_of("dense/cancellation/float64/0").arguments["v"]
    half = v.shape[1] // 2
    np.testing.assert_allclose(v[:, half : 2 * half], -v[:, :half] * (1 - 2.0**-6))
    assert case_of("conv2d/geometry 2/float64/0").arguments["stride"] == 2


def test_shapes_are_drawn_from_the_seed_within_the_regime():
    shapes = {regime: set() for regime in ("plain", "tails", "square", "one unit", "no example")}
    for regime, found in shapes.items():
        for seed in range(12):
            case = case_of(f"dense/{regime}/float64/{seed}")
            found.add((*case.arguments["v"].shape, case.arguments["W"].shape[1]))
    assert len(shapes["plain"]) > 6
    assert all(n > 32 and d > 16 and n % 4 and d % 4 for n, d, _ in shapes["tails"])
    assert len(shapes["tails"]) > 6
    assert {len(set(each)) for each in shapes["square"]} == {1}
    assert len(shapes["square"]) > 1
    assert {m for *_, m in shapes["one unit"]} == {1}
    assert {n for n, *_ in shapes["no example"]} == {0}


@pytest.mark.parametrize("seed", [0, 3, 2**64 - 1])
def test_widths_are_equal_in_two_regimes_and_differ_in_two(seed):
    widths = [[w.shape[1] for w in case.arguments["w"]] for case in cases(BY_NAME["predicted"], HALF, seed)]
    alike = [len(set(each)) == 1 for each in widths if len(each) > 1]
    assert sum(alike) >= 1
    assert sum(not each for each in alike) >= 2


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_random_cases_are_drawn_from_their_seed(operation):
    first, again, other = (random_case(operation, HALF, seed) for seed in (7, 7, 8))
    assert same(first, again)
    assert first.id == f"{operation}/random/float16/7"
    assert not same(first, other)
    assert same(case_of(first.id), first)


def test_cotangents_are_odd_multiples_of_an_eighth():
    dy, empty = case_of("dense/plain/float16/0").cotangent([(50, 3), (0, 2)])
    assert set(np.unique(abs(dy * 8) % 2)) == {1}
    assert len(np.unique(dy)) > 8
    assert empty.shape == (0, 2)
    np.testing.assert_array_equal(HALF.representable(dy), dy)


@pytest.mark.parametrize(
    "identity", ["", "dense", "dense/plain/float64", "nothing/plain/float64/0", "dense/plain/float64/x"]
)
def test_an_id_that_is_none(identity):
    with pytest.raises(
        DomainError, match=f"^id is {identity!r}, expected OPERATION/REGIME/ARITHMETIC/SEED, as a report"
    ):
        case_of(identity)


def test_an_unknown_regime_or_arithmetic():
    with pytest.raises(
        DomainError, match="^id is 'dense/ties/float64/0', but dense has no regime 'ties': it has plain, "
    ):
        case_of("dense/ties/float64/0")
    with pytest.raises(DomainError, match="^arithmetic is 'double', expected one of float64"):
        case_of("dense/plain/double/0")


def test_every_operation_is_named_once():
    assert len(BY_NAME) == len(OPERATIONS)
