"""Lesson 6: filters along a line, their gradient, and the size of what they give."""

import numpy as np

from pp_ref.lessons.exercise import Exercise, Mistake, defined, numbers
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw
from pp_ref.oracle.operations.operation import Operation


def _count(length: Quantity, size: Quantity, stride: Quantity, padding: Quantity) -> Quantity:
    n, f, s, p = (float(x.algebra.compared(x.data)) for x in (length, size, stride, padding))
    return length._quantity((n + 2 * p - f) // max(s, 1.0) + 1)  # where shapes alone are asked for, numbers are 0


def _windows(v: Quantity, size: int) -> Quantity:
    places = np.lib.stride_tricks.sliding_window_view(v.places(), size, axis=1)
    return v.take(places)


def _correlated(v: Quantity, u: Quantity) -> Quantity:
    seen = _windows(v, u.shape[0])
    n, length, size = seen.shape
    return (seen.reshape(n * length, size) @ u).reshape(n, length, u.shape[1])


def _line(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"v": draw(s.n, s.d + 1), "u": draw(2 + s.seed % 2, s.k)}


def _predicted_line(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"v": draw(s.n, s.d + 1), "U": draw(2 + s.seed % 2, s.k), "w": draw(s.k, s.m)}


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "6.1",
        "Filters along a line",
        "A layer of a convnet is a correlation: **y[n, i, k] = Σ_p v[n, i + p] u[p, k]**. `v` is (n, length), `u` is "
        "(size, k), a column a filter. A window never reaches over the edge. Return y of shape "
        "(n, length - size + 1, k).",
        '''
def correlated(v, u):
    """Return y[n, i, k] = sum over p of v[n, i + p] u[p, k]."""
    return ...
''',
        defined("correlated", _correlated, _line),
        {"y": "v[n, i + p] u[p, k]: place and filter run in the same direction, i + p, and nothing is turned."},
        "One filter of size 2: y[0, 0] = v[0, 0] u[0] + v[0, 1] u[1].",
        (
            Mistake(
                "filter turned",
                "windows @ u",
                "windows @ u[::-1]",
                "The filters are turned round: this is a convolution, v[i - p].",
                "Take u in the order it has.",
            ),
            Mistake(
                "mean over the window",
                "windows @ u",
                "windows @ u / len(u)",
                "Every entry is a mean over the window, not a sum.",
                "Do not divide by the size.",
            ),
            Mistake(
                "last window left out",
                "windows @ u",
                "windows[:, :-1] @ u",
                "The last window is left out.",
                "There are length - size + 1 windows.",
            ),
            Mistake(
                "first tap alone",
                "windows @ u",
                "windows[..., :1] @ u[:1]",
                "Only the first tap of the filters counts.",
                "Sum over all p from 0 to size - 1.",
            ),
            Mistake(
                "one filter for all",
                "windows @ u",
                "windows @ (u[:, :1] + 0 * u)",
                "The first filter serves for all.",
                "Use column k of u for output k.",
            ),
            Mistake(
                "off by one",
                "windows @ u",
                "np.roll(windows, -1, axis=1) @ u",
                "Every output is its right neighbour's.",
                "Output i begins at place i.",
            ),
        ),
    ),
    Exercise(
        "6.2",
        "Pooling with the dictionary first",
        "Predicted filters are U w, with a fixed dictionary `U` (size, k) and learned `w` (k, m). As in a dense layer "
        "there are two orders: filters U w on v, or **the k atoms of U on v, then w**. Return the "
        "(n, length - size + 1, m) "
        "result; both orders are right.",
        '''
def predicted_correlated(v, U, w):
    """Return the correlation of v (n, length) with the filters U w."""
    return ...
''',
        defined("predicted_correlated", lambda v, U, w: _correlated(v, U @ w), _predicted_line),
        {"y": "Σ_p v[n, i + p] (U w)[p, m] = Σ_k (Σ_p v[n, i + p] U[p, k]) w[k, m]: the sums change places."},
        "Form the filters U @ w, correlate v with them, and compare.",
        (
            Mistake(
                "atoms alone",
                "windows @ U @ w",
                "windows @ U @ np.eye(*w.shape)",
                "These are the atoms' outputs: w is missing.",
                "Multiply by w.",
            ),
            Mistake(
                "filters turned",
                "windows @ U @ w",
                "windows @ U[::-1] @ w",
                "The filters are turned round: this is a convolution, v[i - p].",
                "Take U in the order it has.",
            ),
            Mistake(
                "mean over atoms",
                "windows @ U @ w",
                "windows @ U @ w / len(w)",
                "Every entry is k times too small: a mean over the atoms.",
                "Sum over the atoms.",
            ),
            Mistake(
                "first atom alone",
                "windows @ U @ w",
                "windows @ U[:, :1] @ w[:1]",
                "Only the first atom counts.",
                "Sum over all k atoms.",
            ),
            Mistake(
                "mean over the window",
                "windows @ U @ w",
                "windows @ U @ w / len(U)",
                "Every entry is a mean over the window, not a sum.",
                "Do not divide by the size.",
            ),
        ),
    ),
    Exercise(
        "6.3",
        "Backward through filters",
        "y = correlation of v with u, as in 6.1; `dy` has the shape of y. Return the derivatives with respect to v, "
        "(n, length), and u, (size, k). A place of v was in up to `size` windows.",
        '''
def correlation_backward(dy, cache):
    """Return dv and du, of the shapes of v and u."""
    v, u = cache
    dv = np.zeros_like(v)
    du = np.zeros_like(u)
    for p in range(len(u)):
        seen = v[:, p : p + dy.shape[1]]  # what tap p was multiplied by
        ...
    return dv, du
''',
        Operation("correlation", "", _correlated, _line, learned=("v", "u")),
        {
            "dv": "dv[n, i + p] gets dy[n, i, k] u[p, k], from every tap p and filter k.",
            "du": "du[p, k] = sum over examples and places of v[n, i + p] dy[n, i, k].",
            "y": "y is given; dv and du have the shapes of v and u.",
        },
        "Take a filter of one tap: then dv = dy uᵀ, and du = sum of v dy.",
        (
            Mistake(
                "last tap alone",
                "dv[:, p : p + dy.shape[1]] += dy @ u[p]",
                "dv[:, p : p + dy.shape[1]] = dy @ u[p]",
                "Where windows overlap, dv has the last tap's part alone.",
                "Add what every tap gives.",
            ),
            Mistake(
                "not shifted",
                "dv[:, p : p + dy.shape[1]] += dy @ u[p]",
                "dv[:, : dy.shape[1]] += dy @ u[p]",
                "Every tap's part goes to the beginning of dv.",
                "Tap p met the places from p on: add there.",
            ),
            Mistake(
                "filter turned",
                "dy @ u[p]",
                "dy @ u[-1 - p]",
                "dv is made with the filters turned round.",
                "Tap p gets back what tap p gave.",
            ),
            Mistake(
                "du divided by n",
                'np.einsum("ni,nik->k", seen, dy)',
                'np.einsum("ni,nik->k", seen, dy) / len(v)',
                "Every entry of du is n times too small: a mean over the examples, not a sum.",
                "Do not divide by n.",
            ),
            Mistake(
                "du divided by places",
                'np.einsum("ni,nik->k", seen, dy)',
                'np.einsum("ni,nik->k", seen, dy) / dy.shape[1]',
                "Every entry of du is a mean over the places, not a sum.",
                "A filter is used at every place: add up.",
            ),
            Mistake(
                "du not shifted",
                "seen = v[:, p : p + dy.shape[1]]",
                "seen = v[:, : dy.shape[1]]",
                "Every tap of du is made from the first places of v.",
                "Tap p saw v from place p on.",
            ),
        ),
        given="""
def correlation_forward(v, u):
    windows = np.lib.stride_tricks.sliding_window_view(v, len(u), axis=1)
    return windows @ u, (v, u)
""",
    ),
    Exercise(
        "6.4",
        "How many windows there are",
        "A line of `length` numbers gets `padding` zeros on both sides; a window of `size` places moves by `stride`. "
        "Return how many windows lie inside, as a float.",
        '''
def windows(length, size, stride, padding):
    """Return the number of windows."""
    return ...
''',
        defined(
            "windows",
            _count,
            numbers(
                length=(3, 4, 5, 6, 7, 32, 3),  # of the last, no window lies inside
                size=(2, 3, 2, 3, 3, 8, 4),
                stride=(1, 1, 2, 2, 3, 2, 2),
                padding=(0, 1, 0, 1, 0, 4, 0),
            ),
        ),
        {"y": "floor((length + 2 padding - size) / stride) + 1: the first window, and one more for every full stride."},
        "length 5, size 2, stride 2: windows begin at 0 and 2. Two.",
        (
            Mistake(
                "first window left out",
                "// stride + 1",
                "// stride",
                "One too few: the first window is not counted.",
                "Add 1.",
            ),
            Mistake(
                "padding once",
                "2 * padding",
                "padding",
                "The padding is added on one side alone.",
                "Both sides get it: 2 * padding.",
            ),
            Mistake(
                "rounded up",
                "(length + 2 * padding - size) // stride + 1",
                "-((size - length - 2 * padding) // stride) + 1",
                "Rounded upwards: a last window reaches over the edge.",
                "Round downwards.",
            ),
            Mistake(
                "stride ignored",
                "// stride + 1",
                "+ 1",
                "The stride is 1 in this formula.",
                "Divide by the stride, rounded downwards.",
            ),
            Mistake(
                "not rounded",
                "// stride",
                "/ stride",
                "The quotient is not rounded.",
                "Use //.",
            ),
            Mistake(
                "no padding",
                "length + 2 * padding",
                "length",
                "The padding is left out.",
                "Add it on both sides.",
            ),
        ),
        whole=False,
    ),
)
