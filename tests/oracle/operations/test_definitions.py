"""The oracle's definitions against witnesses written by other means, in longdouble."""

import inspect
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations import definitions, models, speech
from pp_ref.oracle.operations.cases import cases
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.oracle.operations.truth import evaluated
from tests.oracle.mutants import mutant
from tests.oracle.operations.witnesses import WITNESSES

Exact = np.longdouble
# What is computed in float64, by either side, and what its condition takes.
LOOSER = {"covariance": 2.0**-40, "ridge_dictionary": 2.0**-30, "mel_filters": 2.0**-40}


def found_in(those, operation):
    """Both objectives of RICA are one definition; some are defined beside their operation."""
    return those.get(operation.name) or those.get(operation.definition.__name__, operation.definition)


@cache
def witnessed(name):
    """Every case of the operation without NaN, and its witness's value."""
    operation, found = BY_NAME[name], []
    for case in cases(operation, ARITHMETICS["float64"]):
        if not case.wild:
            # The oracle draws a symmetric R, but the definitions are right for any.
            given = {name: mapped(np.tril, value) if name == "R" else value for name, value in case.arguments.items()}
            exact = (mapped(Exact, value) if is_number(value) else value for value in given.values())
            wanted = leaves(found_in(WITNESSES, operation)(*exact))
            found.append((replace(case, arguments=given), [np.asarray(want, Exact) for want in wanted]))
    return found


def agree(operation, module):
    """Within 2^-48 of the largest number, and of the same shape."""
    judged = replace(operation, definition=found_in(vars(module), operation))
    for case, wanted in witnessed(operation.name):
        with np.errstate(over="ignore", invalid="ignore"):  # exp(-v) of a saturated sigmoid; -inf less -inf
            found = evaluated(replace(case, operation=judged), plain.ALGEBRA).values
        for (what, got), want in zip(found.items(), wanted, strict=True):
            assert got.shape == want.shape, f"{case.id}: {what}"
            finite = abs(want[np.isfinite(want)])
            allowed = LOOSER.get(operation.name, 2.0**-48) * float(np.max(finite, initial=0))
            with np.errstate(invalid="ignore"):  # -inf less -inf
                off = abs(got - want)
            assert ((got == want) | (off <= allowed)).all(), f"{case.id}: {what} is {got}, not {want}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_two_witnesses(operation):
    agree(operation, definitions)


MUTANTS = {
    "dense without a bias": ("return v @ W + b\n", "return v @ W + b * 0.0\n"),
    "low rank without a bias": ("(v @ U) @ w + b", "(v @ U) @ w"),
    "columns exchanged": ("return [v @ U_j for U_j in U]", "return [v @ U_j for U_j in U[::-1]]"),
    "the adjoint of the first column": ("sum(parts[1:], parts[0])\n\n\ndef expand", "parts[0]\n\n\ndef expand"),
    "pieces strided": ("v.reshape(n, units // pieces, pieces).max(axis=2)", "v.reshape(n, pieces, -1).max(axis=1)"),
    "another mean": ("log_loss(z, labels).sum() / float(max(z.shape[0], 1))",
                     "log_loss(z, labels).sum() / float(z.shape[0] + 1)"),
    "a sum for a mean": ("log_loss(z, labels).sum() / float(max(z.shape[0], 1))", "log_loss(z, labels).sum()"),
    "a true convolution": ("transpose(0, 1, 2, 4, 5, 3))", "transpose(0, 1, 2, 4, 5, 3)[:, :, :, ::-1])"),
    "the stride of rows alone": ("[:, ::stride, ::stride]", "[:, ::stride]"),
    "no padding of columns": ("(padding, padding), (padding, padding)", "(padding, padding), (0, 0)"),
    "channels before filters": (".transpose(0, 2, 3, 4, 1))", ".reshape(n, rows, columns, k, channels))"),
    "tied filters of one channel": ("copies, m = sites * channels // U_j.shape[0]", "copies, m = 1"),
    "the divisor counts the outside": ("sum(axis=4) / count.astype(float)", "sum(axis=4) / float(size * size)"),
    "windows that begin outside": ("ceil and i - stride + size < extent", "ceil"),
    "alpha undivided": ("* alpha / float(size) + k", "* alpha + k"),
    "neighbours on one side": ("np.arange(-(size // 2), (size + 1) // 2)", "np.arange(0, size)"),
    "beta positive": ("* -beta", "* beta"),
    "untied": ("h = sigmoid(((v @ W).formed() + b).formed())", "h = v @ W + b"),
    "columns of length n": ("W / sqrt((W * W).sum(axis=0))", "W / sqrt((W * W).sum())"),
    "eps outside the root": ("sqrt(z * z + eps)", "sqrt(z * z) + eps"),
    "log 2 forgotten": ("+ 1.0) / 2.0)", "+ 1.0))"),
    "no identity": ("W @ W.T - np.eye(W.shape[0])", "W @ W.T"),
    "half a reconstruction": ("(v @ W) @ W.T - v", "(v @ W) @ W.T - v / 2.0"),
    "weights once": ("(W * W).sum() * rate", "W.sum() * rate"),
    "le2011 with unit columns": ('if objective == "ufldl":  #', 'if True:  #'),
    "a sum over patches": ("* trade_off / float(max(x.shape[0], 1))", "* trade_off"),
    "a linear hidden layer": ("h = sigmoid((_predicted(h, U_l", "h = ((_predicted(h, U_l"),
    "W does not decay": ("loss + weight_decay(W, decay)", "loss"),
    "no ReLU": ("max_pool2d(relu(", "max_pool2d(("),
    "twice the exponent": ("* -0.5 / (length_scale", "* -1.0 / (length_scale"),
    "nu for 2 nu": ("(2 * nu)", "nu"),
    "another polynomial": ("z * z / 3.0", "z * z / 2.0"),
    "divided by n": ("float(V.shape[0] - 1)", "float(V.shape[0])"),
    "not centred": ("(V - V.sum(axis=0) / float(V.shape[0]))", "V"),
    "the ridge once more": ("atoms[alpha] + ridge", "atoms[alpha] + 2 * ridge"),
    "every column scaled": ("norms.where(too_long, limit)", "norms"),
    "axes of the grid exchanged": ("np.divmod(a, sizes[1])", "np.divmod(a, sizes[0])"),
    "R forgotten": ("v @ K_j @ R_j for", "v @ K_j for"),
    "R transposed": ("g_j @ R_j.T @", "g_j @ R_j @"),
    "a wider filter": ("at - e[:-2]", "at - e[1:-1]"),
    "a mel of 100 Hz": ("27.0 / _log_6_4(f)", "25.0 / _log_6_4(f)"),
    "no width": ("2.0 / (f[2:] - f[:-2])", "2.0 / (f[2:] - f[1:-1])"),
    "another cosine transform": ("2 * np.arange(m)[:, None] + 1", "2 * np.arange(m)[:, None]"),
    "coefficient 0": ("(np.arange(count) + 1)", "np.arange(count)"),
    "frames that wrap": ("np.clip(np.arange(x.shape[0])[:, None] + steps, 0, x.shape[0] - 1)",
                         "(np.arange(x.shape[0])[:, None] + steps) % x.shape[0]"),
    "no end": ("zip([phones, *sequence], [*sequence, phones], strict=True)",
               "zip([phones, *sequence], sequence, strict=False)"),
    "smoothed by nothing": ("counts.sum(axis=0) + 1", "counts.sum(axis=0)"),
    "no final scores": ("best = best + final", "best = best + final * 0.0"),
    "transitions transposed": ("best.reshape(states, 1) + transitions", "best.reshape(states, 1) + transitions.T"),
    "the last of equal paths": ("np.argmax(np.asarray(x.algebra.compared(x.data)), axis=0)",
        "len(x.data) - 1 - np.argmax(np.asarray(x.algebra.compared(x.data))[::-1], axis=0)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_definition_is_caught(name):
    old, new = MUTANTS[name]
    defining = next((each for each in (definitions, speech) if old in inspect.getsource(each)), models)
    module = mutant(defining, old, new)

    def caught(operation):
        try:
            agree(operation, module)
        except Exception:  # another shape, as likely as another number
            return True
        return False

    defined = [operation for operation in OPERATIONS if operation.definition.__module__ == defining.__name__]
    assert any(map(caught, defined)), f"{name}: no witness disagrees"
