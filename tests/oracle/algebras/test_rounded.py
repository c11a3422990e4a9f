"""Bounds that no correct implementation exceeds, and that wrong ones do. Their rules: `tests.oracle.algebras.rules`."""

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pp_ref.oracle.algebras import chains, elementary, logistic, rounded, systems
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations.cases import case_of, cases
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import cotangents_of, evaluated, truth
from tests.oracle.algebras import rules
from tests.oracle.algebras.emulated import ORDERS, Machine, algebra
from tests.oracle.mutants import mutant


@pytest.mark.parametrize("check", rules.CHECKS, ids=lambda check: check.__name__)
def test_rule(check):
    check(rounded)


@pytest.mark.parametrize("arithmetic", ARITHMETICS.values(), ids=lambda each: each.name)
@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_no_correct_implementation_exceeds_bound_or_spread(operation, arithmetic):
    """Every definition and its gradients, emulated; the order of the sums changes with the case."""
    for number, case in enumerate(cases(operation, arithmetic, quick=True)):
        if case.wild:
            continue
        dy = cotangents_of(case)
        machine = Machine(arithmetic, ORDERS[number % len(ORDERS)], number, truncates=number % 2 == 1)
        with np.errstate(all="ignore"):
            bounds = evaluated(case, rounded.algebra(arithmetic), dy).results
            computed = evaluated(case, algebra(machine), dy).results
        for name, bound in bounds.items():
            got = computed[name]
            with np.errstate(invalid="ignore"):
                error = np.where(got.value == bound.value, 0, abs(got.value - bound.value))  # of equal infinities too
            assert not np.isnan(error).any(), f"{case.id}: {name}"
            assert (error <= bound.error).all(), f"{case.id}: {name}"
            assert (error <= bound.spread).all(), f"{case.id}: {name} is unlikely"


def test_a_sum_may_begin_with_the_bias():
    """Sixteen products of half an ulp of b: added to b one by one each is lost, added up first they are eight ulps."""
    v, W, b = np.full((1, 16), 2.0**-12), np.full((16, 1), 2.0**-12), np.ones(1)
    y = rules.lifted(rounded, v) @ rules.lifted(rounded, W) + rules.lifted(rounded, b)
    begun = np.float32(b[0])
    for product in (v[0] * W[:, 0]).astype(np.float32):
        begun += product
    missed = abs(float(begun) - float(y.value[0, 0]))
    assert missed == 16 * 2.0**-24
    assert missed <= y.error[0, 0] <= 2 * missed
    assert y.terms == 17


def test_a_bound_is_never_nan():
    """Two layers of bfloat16 whose errors explode: this was NaN, which nobody's result is within."""
    for expected in truth(case_of("mlp/large numbers/bfloat16/0")):
        assert not np.isnan(expected.bound).any()


# Wrong rules: what is written, what stands there instead.
# Lines of `rounded` that go wrong in more than one way.
PRODUCT = "(self.majorant + self.error) * other.error + self.error * other.majorant"
MATRIX_PRODUCT = "error = (self.majorant + self.error) @ other.error + self.error @ other.majorant"
QUOTIENT = "(self.error + majorant * other.error) / least"
COLUMN = "first + most / (1 - most) * first.max(axis=0, initial=0)"
MUTANTS = {
    "a product forgets its second operand's error": (PRODUCT, "self.error * other.majorant"),
    "a product forgets its first operand's error": (PRODUCT, "(self.majorant + self.error) * other.error"),
    "a product's errors are of first order": (PRODUCT, "self.majorant * other.error + self.error * other.majorant"),
    "a product's spread forgets an operand": (
        "(abs(self.value) + self.spread) * other.spread + self.spread * abs(other.value)",
        "self.spread * abs(other.value)",
    ),
    "a matrix product forgets its second operand's error": (MATRIX_PRODUCT, "error = self.error @ other.majorant"),
    "a matrix product forgets its first operand's error": (MATRIX_PRODUCT, "error = self.majorant @ other.error"),
    "a matrix product's spread forgets an operand": (
        "spread = (abs(self.value) + self.spread) @ other.spread + self.spread @ abs(other.value)",
        "spread = self.spread @ abs(other.value)",
    ),
    "the majorant is the value's magnitude": (
        "majorant = self.majorant @ other.majorant\n",
        "majorant = abs(self.value @ other.value)\n",
    ),
    "k - 1 for k": ("lu = length * Exact", "lu = (length - 1) * Exact"),
    "the root of k for k": ("lu = length * Exact", "lu = length**0.5 * Exact"),
    "half a unit roundoff": ("u = units * (Exact(a.unit) *", "u = units / 2 * (Exact(a.unit) *"),
    "no rounding of what is stored": (
        "        return self.stored(\n            value, majorant, error, spread, terms=terms, likely=",
        "        return Rounded(\n            value, error, a, majorant, spread, terms) or (",
    ),
    "sums in the format that is stored": ("lu = length * Exact(a.sums)", "lu = length * Exact(a.unit)"),
    "what was computed is no larger than what is exact": (
        "fresh = lu / (1 - lu) * (majorant + error) + lost",
        "fresh = lu / (1 - lu) * majorant + lost",
    ),
    "no underflow in sums": ("* (majorant + error) + lost", "* (majorant + error)"),
    "no underflow": ("error = error + u * (majorant + error) + tiny", "error = error + u * (majorant + error)"),
    "no overflow": ("over = np.where(majorant + error > a.largest, np.inf, 0)", "over = 0"),
    "a sum forgets errors": (
        "return x.summed(value, majorant, error, spread, np.sqrt(squares)",
        "return x.summed(value, majorant, 0 * error, spread, np.sqrt(squares)",
    ),
    "operands of TF32 are exact": ("if operand := self.arithmetic.operand:", "if operand := 0:"),
    "one operand of TF32 is exact": ("(2 * operand + operand**2)", "operand"),
    "TF32 rounds exact operands": ("(2 * operand + operand**2) * (majorant + error)", "2 * operand * majorant"),
    "a quotient forgets the denominator's error": (QUOTIENT, "self.error / least"),
    "a quotient by the exact denominator": (QUOTIENT, "(self.error + majorant * other.error) / abs(other.value)"),
    "a denominator that may be negative": ("return np.maximum(abs(value) - error, 0)", "return abs(value) - error"),
    "NaN for no bound": ("np.fmin(bound, np.inf)", "bound"),
    "the bias is added last": (
        "merged = u * (b * (self.majorant + self.error) + a * (other.majorant + other.error))",
        "merged = u * b * (self.majorant + self.error)",
    ),
    "moving forgets the terms": ("move(self.spread), self.terms", "move(self.spread), 1"),
    "exp without its own growth": ("lambda e: value * np.expm1(e)", "lambda e: value * e"),
    "the slope of tanh at its value": ("np.maximum(abs(x.value) - e, 0)", "abs(x.value)"),
    "one unit for an elementary function": ("units=2 * self.arithmetic.ulps", "units=1"),
    "a root at zero is exact": ("value + smallest, 1), np.sqrt(e))", "value + smallest, 1), 0 * e)"),
    "half of a root's error": ("return np.where(value > 0, e / ", "return np.where(value > 0, e / 2 / "),
    "sigmoid is exact": ("return _odds_moved(value, less, e)", "return 0 * e"),
    "odds that move one way": ("np.minimum(rest + p * factor, rest * factor + p)", "(rest + p * factor)"),
    "odds that move by half": ("p * rest * (factor - 1)", "p * rest * (factor - 1) / 2"),
    "a slope forgets that y errs": ("return e * (abs(1 - 2 * y.value) + e) +", "return 0 * e +"),
    "a slope's errors are of first order": ("(abs(1 - 2 * y.value) + e)", "abs(1 - 2 * y.value)"),
    "exponents move alone": ("_odds_moved(value, rest, moved + most)", "_odds_moved(value, rest, moved)"),
    "a logarithm of the exact sum": ("np.expm1(np.minimum(e(error), 11000))", "(0 * e(error))"),
    "what is formed is exact": ("error = error + u * (size + moved + error)", "error = error"),
    "what is formed does not move": ("u * (size + moved + error)", "u * (size + error)"),
    "what is formed is likely not to move": ("u * (size + likely + spread)", "u * (size + spread)"),
    "what is formed never overflows": (
        "over = np.where(size + moved + error > self.arithmetic.largest, np.inf, 0)",
        "over = 0",
    ),
    "one order of two": ("np.maximum(*(getattr(way, name) for way in ways))", "getattr(ways[1], name)"),
    "the other order of two": ("np.maximum(*(getattr(way, name) for way in ways))", "getattr(ways[0], name)"),
    "a chain forgets its first operand's error": ("first = e_a @ abs(y @ z) + ", "first = "),
    "a chain forgets its second operand's error": (" + abs(x) @ e_b @ abs(z) + ", " + "),
    "a chain forgets its third operand's error": (" + abs(x @ y) @ e_c\n", "\n"),
    "a chain's errors are of first order": ("return first + e_a @ e_b", "return first + 0 * e_a @ e_b"),
    "another branch costs nothing": ("abs(entries.value) + getattr(entries, name)", "0 * getattr(entries, name)"),
    "log of the exact number": ("np.log, lambda e: e / least(x.value, e)", "np.log, lambda e: e / x.value"),
    "a power of one": ("np.expm1(-abs(power) *", "np.expm1(-1 *"),
    "scalars are exact": ("Rounded(other, rounding if", "Rounded(other, 0 if"),
    "the smaller one wins always": ("apart = abs(x.value - y.value) > x.error + y.error", "apart = True"),
    "entries that meet are one": ("np.sqrt(sums(x.value**2)), most, ", "np.sqrt(sums(x.value**2)), 1, "),
    "a system forgets its right side's error": ("(dA @ size + wrong)", "(dA @ size)"),
    "a system forgets its matrix's error": ("dA = g * np.outer(diagonal, diagonal) + error", "dA = g * abs(inverse)"),
    "an error that does not come back": (COLUMN, "first"),
    "a norm for every entry": (COLUMN, "first / (1 - most)"),
    "a spread of a sum that is exact": ("spread + np.minimum(fresh, likely + a.tiny)", "spread"),
    "one for the root of k": ("root**2 + length * (abs", "root**2 + (abs"),
    "spread is the bound": ("np.minimum(fresh, likely + a.tiny)", "fresh"),
    "0 underflows": ("np.where(most == 0, 0, self.arithmetic.tiny)", "self.arithmetic.tiny"),
    "a sum of zeros underflows": ("np.where(majorant + error == 0, 0, length * tiny)", "length * tiny"),
    "a sum with 0 rounds": ("(x.majorant == 0) & (x.error == 0)", "(x.majorant == 0) & (x.error < 0)"),
    "what is inexact is 0": ("(x.majorant == 0) & (x.error == 0)", "(x.majorant == 0)"),
    "one way of two": ("np.maximum(*np.broadcast_arrays(", "np.minimum(*np.broadcast_arrays("),
    "a spread that is one sigma": ("LIKELY = 8.0", "LIKELY = 0.5"),
}


def wrong_rules(old: str, new: str) -> Any:
    """`rounded` with a mistake in it, or in the rules of other modules that it uses."""
    module = next(each for each in (rounded, systems, logistic, chains, elementary) if old in inspect.getsource(each))
    wrong = mutant(module, old, new)
    if module is rounded:
        return wrong
    functions = {name: getattr(wrong, name) for name in getattr(module, "__all__", ())}
    if module is elementary:  # which quotients use as well
        same = mutant(rounded, "LIKELY = 8.0", "LIKELY = 8.0")
        same.elementary = wrong  # type: ignore[attr-defined]
        return SimpleNamespace(**vars(same) | {"NAMESPACE": SimpleNamespace(**vars(same.NAMESPACE) | functions)})
    if module is systems:
        functions = {"solved": lambda A, B: wrong.solved(A, B, rounded.LIKELY)}
    return SimpleNamespace(**vars(rounded) | {"NAMESPACE": SimpleNamespace(**vars(rounded.NAMESPACE) | functions)})


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_caught(name):
    wrong = wrong_rules(*MUTANTS[name])

    def caught(check):
        try:
            with np.errstate(all="ignore"):
                check(wrong)
        except AssertionError:
            return True
        return False

    assert any(map(caught, rules.CHECKS)), f"{name}: no check notices"


def test_the_right_rules_pass_as_a_mutant_of_themselves():
    same = mutant(rounded, "LIKELY = 8.0", "LIKELY = 8.0")
    for check in rules.CHECKS:
        check(same)
