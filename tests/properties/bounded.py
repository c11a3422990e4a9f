"""Running error analysis: a layer's own code, run on arrays that carry a bound of their rounding error.

A `Bounded` array stands for the result that `dtype` arithmetic would compute: `value` is the exact result (held in
longdouble) and `error` bounds |computed - value| entry by entry, for any order of summation and with or without fused
multiply-add. Every operation adds what it inherits from its operands to what it rounds itself (Higham, *Accuracy and
Stability of Numerical Algorithms*, sec. 2.2, 3.3 and 3.5). Since the layers ask their arrays for a namespace, a bound
of any composition needs no formula of its own; `docs/derivations.md#error-bounds` gives the rules.
"""

import operator
from types import SimpleNamespace
from typing import Any

import numpy as np

Exact = np.longdouble
FLOATS = (np.float32, np.float64, Exact)
FUNCTION_ULPS = 4  # what NumPy promises for its vectorised exp, log and powers in float32, and more than in float64


class Bounded:
    """Array-API array, as far as the layers use it."""

    __array_ufunc__ = None  # ndarray @ Bounded must ask Bounded

    def __init__(self, value: Any, error: Any, dtype: np.dtype) -> None:
        self.value = np.asarray(value, Exact)
        self.error = np.broadcast_to(np.asarray(error, Exact), self.value.shape)
        self.dtype = np.dtype(dtype)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    T = property(lambda self: Bounded(self.value.T, self.error.T, self.dtype))
    magnitude = property(lambda self: abs(self.value) + self.error)  # bounds what was computed

    def __getitem__(self, key: Any) -> "Bounded":
        return Bounded(self.value[key], self.error[key], self.dtype)

    def __setitem__(self, key: Any, other: Any) -> None:
        other = self._lift(other)
        self.value[key] = other.value
        self.error = self.error.copy()  # a broadcast array cannot be written to
        self.error[key] = other.error

    def _lift(self, other: Any) -> "Bounded":
        """An operand that is no Bounded is exact, unless it is a scalar that dtype cannot hold."""
        if isinstance(other, Bounded):
            return other
        rounding = 0 if np.ndim(other) else abs(Exact(self.dtype.type(other)) - Exact(other))
        return Bounded(other, rounding, self.dtype)

    def _rounded(self, value: Any, inherited: Any, units: int = 1) -> "Bounded":
        """One rounding: |fl(z) - z| <= u |z| + tiny. The reference's own rounding is below 2^-10 of u."""
        limits = np.finfo(self.dtype)
        u = units * Exact(limits.eps) / 2 * (1 + Exact(2) ** -10)
        return Bounded(value, inherited + u * (abs(value) + inherited) + limits.tiny, self.dtype)

    def _summed(self, value: Any, inherited: Any, magnitude: Any, length: int) -> "Bounded":
        """A sum of `length` terms, each perhaps a product: g = length u / (1 - length u) of the sum of magnitudes."""
        limits = np.finfo(self.dtype)
        lu = length * Exact(limits.eps) / 2 * (1 + Exact(2) ** -10)
        return Bounded(value, inherited + lu / (1 - lu) * magnitude + length * Exact(limits.tiny), self.dtype)

    def __neg__(self) -> "Bounded":
        return Bounded(-self.value, self.error, self.dtype)

    def __add__(self, other: Any) -> "Bounded":
        other = self._lift(other)
        return self._rounded(self.value + other.value, self.error + other.error)

    def __mul__(self, other: Any) -> "Bounded":
        other = self._lift(other)
        inherited = self.magnitude * other.error + self.error * abs(other.value)
        return self._rounded(self.value * other.value, inherited)

    def __truediv__(self, other: Any) -> "Bounded":
        other = self._lift(other)
        value = self.value / other.value
        return self._rounded(value, (self.error + abs(value) * other.error) / (abs(other.value) - other.error))

    def __matmul__(self, other: Any) -> "Bounded":
        other = self._lift(other)
        inherited = self.magnitude @ other.error + self.error @ abs(other.value)
        return self._summed(self.value @ other.value, inherited, self.magnitude @ other.magnitude, self.shape[-1])

    def __pow__(self, power: float) -> "Bounded":
        """Of a positive number: a relative error of r makes one of at most (1 - r)^-|power| - 1."""
        value = self.value**power
        relative = np.expm1(-abs(power) * np.log1p(-self.error / self.value))
        exponent = abs(Exact(self.dtype.type(power)) - Exact(power)) * abs(np.log(self.value))
        return self._rounded(value, value * (relative + exponent * (1 + relative)), units=2 * FUNCTION_ULPS)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> "Bounded":
        return self + -self._lift(other)

    def __rsub__(self, other: Any) -> "Bounded":
        return self._lift(other) + -self

    def __rtruediv__(self, other: Any) -> "Bounded":
        return self._lift(other) / self

    def __rmatmul__(self, other: Any) -> "Bounded":
        return self._lift(other) @ self

    def __eq__(self, other: Any) -> Any:
        return self.value == self._lift(other).value

    def __gt__(self, other: Any) -> Any:
        return self.value > self._lift(other).value

    def __ge__(self, other: Any) -> Any:
        return self.value >= self._lift(other).value

    def __le__(self, other: Any) -> Any:
        return self.value <= self._lift(other).value


def _exp(x: Bounded) -> Bounded:
    value = np.exp(x.value)
    return x._rounded(value, value * np.expm1(x.error), units=2 * FUNCTION_ULPS)  # an ulp is at most 2 u


def _log(x: Bounded) -> Bounded:
    return x._rounded(np.log(x.value), x.error / (x.value - x.error), units=2 * FUNCTION_ULPS)


def _log1p(x: Bounded) -> Bounded:
    return x._rounded(np.log1p(x.value), x.error / (1 + x.value - x.error), units=2 * FUNCTION_ULPS)


def _tanh(x: Bounded) -> Bounded:
    slope = 1 - np.tanh(np.maximum(abs(x.value) - x.error, 0)) ** 2  # the largest between x and what was computed
    return x._rounded(np.tanh(x.value), x.error * slope, units=2 * FUNCTION_ULPS)


def _sqrt(x: Bounded) -> Bounded:
    value = np.sqrt(x.value)  # |sqrt a - sqrt b| = |a - b| / (sqrt a + sqrt b), and at most sqrt |a - b|
    inherited = np.where(value > 0, x.error / np.where(value > 0, value, 1), np.sqrt(x.error))
    return x._rounded(value, inherited)


def _sum(x: Bounded, axis: int | None = None, keepdims: bool = False) -> Bounded:
    value, inherited, magnitude = (
        np.sum(part, axis=axis, keepdims=keepdims) for part in (x.value, x.error, x.magnitude)
    )
    return x._summed(value, inherited, magnitude, x.value.size if axis is None else x.shape[axis])


def _max(x: Bounded, axis: int, keepdims: bool = False) -> Bounded:
    """|max a - max b| <= max |a - b|."""
    return Bounded(x.value.max(axis, keepdims=keepdims), x.error.max(axis, keepdims=keepdims), x.dtype)


def _maximum(x: Bounded, y: Bounded) -> Bounded:
    return -_minimum(-x, -y)


def _minimum(x: Bounded, y: Bounded) -> Bounded:
    """The smaller one's error; where rounding could exchange them, the larger: |min a - min b| <= max |a - b|."""
    smaller = np.where(x.value < y.value, x.error, y.error)
    apart = abs(x.value - y.value) > x.error + y.error
    return Bounded(np.minimum(x.value, y.value), np.where(apart, smaller, np.maximum(x.error, y.error)), x.dtype)


def _where(condition: Any, x: Bounded, y: Bounded) -> Bounded:
    """The reference's branch. Branches of a continuous function agree where rounding could choose the other one."""
    return Bounded(np.where(condition, x.value, y.value), np.where(condition, x.error, y.error), x.dtype)


def _concat(arrays: list[Bounded], axis: int = 0) -> Bounded:
    value, error = (np.concat([getattr(x, part) for x in arrays], axis=axis) for part in ("value", "error"))
    return Bounded(value, error, arrays[0].dtype)


def _stack(arrays: list[Bounded], axis: int = 0) -> Bounded:
    value, error = (np.stack([getattr(x, part) for x in arrays], axis=axis) for part in ("value", "error"))
    return Bounded(value, error, arrays[0].dtype)


def _reshape(x: Bounded, shape: tuple[int, ...]) -> Bounded:
    return Bounded(x.value.reshape(shape), x.error.reshape(shape), x.dtype)


def _permute_dims(x: Bounded, axes: tuple[int, ...]) -> Bounded:
    return Bounded(x.value.transpose(axes), x.error.transpose(axes), x.dtype)


def _asarray(x: Any, dtype: Any = None) -> Any:
    """A table that is cast to the dtype carries what the cast rounds, and 2 u of longdouble; anything else is exact."""
    x = np.asarray(x)
    if dtype not in FLOATS or x.dtype != Exact:
        return np.asarray(x, dtype)
    return Bounded(x, abs(x - x.astype(dtype)) + np.finfo(Exact).eps, dtype)


def _full(shape: tuple[int, ...], fill: float, dtype: Any) -> Any:
    """Bounded, unless of integers, which are exact."""
    full = np.full(shape, fill, Exact if np.isdtype(dtype, "real floating") else dtype)
    return Bounded(full, 0, dtype) if np.isdtype(dtype, "real floating") else full


def _astype(x: Any, dtype: Any) -> Any:
    """A wider dtype holds the same number. Labels and masks are exact."""
    if not isinstance(x, Bounded):
        return Bounded(x, 0, dtype) if np.isdtype(dtype, "real floating") else np.astype(x, dtype)
    moved = Bounded(x.value, x.error, dtype)
    return moved if np.finfo(dtype).eps <= np.finfo(x.dtype).eps else moved._rounded(x.value, x.error)


NAMESPACE = SimpleNamespace(
    __name__="bounded",
    exp=_exp,
    log=_log,
    log1p=_log1p,
    tanh=_tanh,
    sqrt=_sqrt,
    sum=_sum,
    max=_max,
    minimum=_minimum,
    maximum=_maximum,
    where=_where,
    concat=_concat,
    stack=_stack,
    reshape=_reshape,
    permute_dims=_permute_dims,
    full=_full,
    empty=lambda shape, dtype: _full(shape, 0, dtype),
    eye=lambda n, dtype: Bounded(np.eye(n), 0, dtype),
    matmul=operator.matmul,
    multiply=operator.mul,
    negative=operator.neg,
    result_type=lambda *parts: np.result_type(*(part.dtype if isinstance(part, Bounded) else part for part in parts)),
    isnan=lambda x: np.isnan(x.value),
    argmax=lambda x, axis: np.argmax(x.value if isinstance(x, Bounded) else x, axis=axis),
    zeros_like=lambda x: Bounded(np.zeros_like(x.value), 0, x.dtype),
    ones_like=lambda x: Bounded(np.ones_like(x.value), 0, x.dtype),
    zeros=lambda shape, dtype: _full(shape, 0, dtype),
    astype=_astype,
    asarray=_asarray,
    finfo=np.finfo,
    arange=np.arange,
    any=np.any,
    isdtype=np.isdtype,
    bool=np.bool,
    float64=np.dtype(np.float64),
    int16=np.int16,
    int64=np.int64,
)
