"""Correct implementations in every arithmetic, emulated: arrays that round after every step, in several orders.

They are float64 arrays that hold numbers of the format. `algebra` runs the oracle's definitions on them.
"""

import numpy as np

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.algebras.tape import Algebra

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
        return Computed(np.asarray(x, float), self)


class Computed:
    """An array of such a machine."""

    __array_ufunc__ = None

    def __init__(self, value, machine):
        self.value, self.machine = np.asarray(value, float), machine

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: Computed(self.value.T, self.machine))

    def stored(self, value):
        return Computed(self.machine.store(value), self.machine)

    def other(self, x):
        return x if isinstance(x, Computed) else self.stored(x)

    def __getitem__(self, key):
        return Computed(self.value[key], self.machine)

    def __neg__(self):
        return Computed(-self.value, self.machine)

    def __add__(self, x):
        return self.stored(self.value + self.other(x).value)

    def __mul__(self, x):
        return self.stored(self.value * self.other(x).value)

    def __truediv__(self, x):
        return self.stored(self.value / self.other(x).value)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, x):
        return self.other(x) + -self

    def __rtruediv__(self, x):
        return self.other(x) / self

    def __matmul__(self, x):
        a, b = self.machine.operand(self.value), self.machine.operand(x.value)
        if self.machine.order == "native" and self.machine.arithmetic.bits == 53:
            return self.stored(a @ b)
        start = np.zeros((a.shape[0], b.shape[1]))
        return self.stored(self.machine.summed([np.outer(a[:, i], b[i]) for i in range(a.shape[1])], start))


def _sum(x, axis=None, keepdims=False):
    terms = x.value.reshape(-1) if axis is None else np.moveaxis(x.value, axis, 0)
    total = np.asarray(x.machine.summed(terms, np.zeros(terms.shape[1:])))
    kept = total.reshape((1,) * x.ndim) if axis is None else np.expand_dims(total, axis)
    return x.stored(kept if keepdims else total)


def _scattered(x, at, size):
    total = np.zeros(size)
    for place, entry in zip(at, x.value, strict=True):
        total[place] = x.machine.accumulate(total[place] + entry)
    return x.stored(total)


def _function(f):
    return lambda x: Computed(x.machine.function(f(x.value)), x.machine)


def _where(condition, x, y):
    machine = x.machine if isinstance(x, Computed) else y.machine
    return Computed(np.where(condition, *(each.value for each in (x, y))), machine)


def algebra(machine):
    return Algebra(
        exp=_function(np.exp),
        log=_function(np.log),
        sqrt=lambda x: x.stored(np.sqrt(x.value)),
        sigmoid=_function(lambda v: 1 / (1 + np.exp(-v))),
        sum=_sum,
        where=_where,
        concat=lambda arrays, axis=0: Computed(np.concat([x.value for x in arrays], axis=axis), machine),
        take=lambda x, index: Computed(np.take(x.value, index), machine),
        reshape=lambda x, shape: Computed(x.value.reshape(shape), machine),
        scattered=_scattered,
        chained=lambda a, b, c: a @ (b @ c) if machine.order in ("reversed", "blocked", "native") else (a @ b) @ c,
        solved=lambda A, B: A.stored(np.linalg.solve(A.value, B.value)),
        compared=lambda x: x.value,
        lifted=machine.lifted,
    )
