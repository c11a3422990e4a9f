"""The functions by which definitions compute: a namespace of one kind of arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pp_ref.oracle.algebras import cosines

__all__ = ["Algebra"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Algebra:
    """The functions by which definitions compute on arrays of one kind, beside the arrays' own operators.

    exp, log, sqrt, sigmoid, sum, where, concat, take, reshape   as NumPy has them, sigmoid(x) = 1 / (1 + exp(-x))
    scattered    (x, at, size) -> out (size,) with out[at[i]] += x[i]; x and at are flat
    solved       (A, B) -> A^-1 B
    lifted       float64 numbers -> an array without error
    compared     array -> the numbers that comparisons see
    formed       array -> the same, as numbers that every implementation computes before it goes on
    chained      (a, b, c) -> a b c, of which every implementation forms a b, or b c, before it goes on
    strayed      (x, entries, at) -> x, where computed numbers may lack entries[i] at the flat place at[i], or have it
                 besides: another branch's gradient
    either       (x, y) -> x, which implementations compute as x is, or as y is
    sigmoid_slope  s(x) -> s'(x)
    softmax, log_sum_exp  of rows; None: by exp, sum and log
    tanh         an elementary function; None: by exp
    uncertainty  array -> how far computed numbers may be from those that are compared
    cos_pi       (whole numbers p, q) -> cos(pi p / q)
    max          (array, axis) -> the largest, of which no gradient is asked
    convolved    of `pp_ref.oracle.algebras.algorithms`; None: a convolution is the sum of its terms
    """

    exp: Function
    log: Function
    sqrt: Function
    sigmoid: Function
    sum: Function
    where: Function
    concat: Function
    take: Function
    reshape: Function
    scattered: Function
    solved: Function
    lifted: Function
    compared: Function
    formed: Function = lambda x: x
    chained: Function = lambda a, b, c: a @ b @ c
    strayed: Function = lambda x, entries, at: x
    either: Function = lambda x, y: x
    softmax: Function | None = None
    log_sum_exp: Function | None = None
    tanh: Function | None = None
    sigmoid_slope: Function = lambda y: y * (1 - y)
    uncertainty: Function = lambda x: 0.0
    cos_pi: Function = cosines.cos_pi
    max: Function = np.max
    convolved: Function | None = None
