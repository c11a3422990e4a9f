"""Correct implementations in every arithmetic, emulated: arrays that round after every step, in several orders.

They are float64 arrays that hold numbers of the format. `algebra` runs the oracle's definitions on them.
"""

from dataclasses import replace

import numpy as np

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS

ORDERS = ("forward", "reversed", "pairwise", "blocked", "fused", "native")


class Machine:
    """How a processor computes: its arithmetic, the order of its sums, and how much of an ulp its functions lose."""

    def __init__(self, arithmetic, order="forward", seed=0, truncates=False):
        self.arithmetic, self.order, self.truncates = arithmetic, order, truncates
        self.rng = np.random.default_rng(seed)

    def store(self, x):
        return np.asarray(x) if self.arithmetic.bits == 53 else self.arithmetic.representable(np.asarray(x))

    def accumulate(self, x):
        return np.asarray(x) if self.arithmetic.sums == 2.0**-53 else ARITHMETICS["float32"].representable(x)

    def operand(self, x):
        """11 bits of TF32, by rounding or by cutting off."""
        if not self.arithmetic.operand:
            return x
        significand, exponent = np.frexp(x)
        return np.ldexp((np.trunc if self.truncates else np.rint)(np.ldexp(significand, 11)), exponent - 11)

    def function(self, value):
        """A result anywhere within the units in the last place that are allowed."""
        ulps = 2 * self.arithmetic.unit * self.arithmetic.ulps * self.rng.uniform(-0.8, 0.8, np.shape(value))
        return self.store(value * (1 + ulps))

    def summed(self, terms, start=0.0):
        """The sum over the first axis of exact terms: each is rounded by itself unless it is fused."""
        terms = list(terms if self.order == "fused" else self.accumulate(terms))
        if self.order == "reversed":
            terms.reverse()
        if self.order == "pairwise":
            while len(terms) > 1:
                terms = [self.accumulate(sum(terms[i : i + 2])) for i in range(0, len(terms), 2)]
        if self.order == "blocked":
            terms = [self.chain(terms[i : i + 4]) for i in range(0, len(terms), 4)]
        return self.chain(terms, start)

    def chain(self, terms, start=0.0):
        total = start
        for term in terms:
            total = self.accumulate(total + term)
        return total

    def lifted(self, x):
        made = np.asarray(x, float).view(Computed)
        made.machine = self
        return made


class Computed(np.ndarray):
    """An array of such a machine: what it computes of arrays and scalars of its format is rounded to that format."""

    value = property(lambda self: self.view(np.ndarray))

    def __array_finalize__(self, other):
        self.machine = getattr(other, "machine", None)

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        machine = next(x.machine for x in inputs if isinstance(x, Computed))
        plain = [x.value if isinstance(x, Computed) else machine.store(x) for x in inputs]
        if ufunc is np.matmul:
            a, b = map(machine.operand, plain)
            if machine.order != "native" or machine.arithmetic.bits != 53:
                start = np.zeros((a.shape[0], b.shape[1]))
                return machine.lifted(
                    machine.store(machine.summed([np.outer(a[:, i], b[i]) for i in range(a.shape[1])], start))
                )
            plain = a, b
        return machine.lifted(machine.store(getattr(ufunc, method)(*plain, **settings)))


def algebra(machine):
    def stored(x):
        return machine.lifted(machine.store(x))

    def function(f):
        return lambda x: machine.lifted(machine.function(f(x.value)))

    def summed(x, axis=None, keepdims=False):
        terms = x.value.reshape(-1) if axis is None else np.moveaxis(x.value, axis, 0)
        total = np.asarray(machine.summed(terms, np.zeros(terms.shape[1:])))
        kept = total.reshape((1,) * x.ndim) if axis is None else np.expand_dims(total, axis)
        return stored(kept if keepdims else total)

    def scattered(x, at, size):
        total = np.zeros(size)
        for place, entry in zip(at, x.value, strict=True):
            total[place] = machine.accumulate(total[place] + entry)
        return stored(total)

    return replace(
        plain.ALGEBRA,
        exp=function(np.exp),
        log=function(np.log),
        sigmoid=function(lambda v: 1 / (1 + np.exp(-v))),
        sum=summed,
        where=lambda condition, *xs: machine.lifted(np.where(condition, *(x.value for x in xs))),
        concat=lambda arrays, axis=0: machine.lifted(np.concat([x.value for x in arrays], axis=axis)),
        take=lambda x, index: machine.lifted(np.take(x.value, index)),
        scattered=scattered,
        chained=lambda a, b, c: a @ (b @ c) if machine.order in ("reversed", "blocked", "native") else (a @ b) @ c,
        solved=lambda A, B: stored(np.linalg.solve(A.value, B.value)),
        compared=lambda x: x.value,
        lifted=machine.lifted,
        cos_pi=lambda p, q: stored(np.cos(machine.accumulate(np.pi * p) / q)),
    )
