"""Definitions are written once, in `Quantity`: forward alone. Their gradients follow from the chain rule.

A Quantity holds an array of some algebra: balls for exact values, `Rounded` for bounds, longdouble for where NaN goes.
It remembers how it was made, so that `gradients` pulls a cotangent back through a definition in that same algebra
(reverse mode; Griewank and Walther, *Evaluating Derivatives*, 2008, ch. 3). No hand-written backward pass is trusted.

Whatever moves entries (slices, transposes, patches of images, padding, maxima) is one operation, `take`: entries by
their flat index, with -1 for a zero.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.algebra import Algebra

__all__ = [
    "Algebra",
    "Quantity",
    "chained",
    "concat",
    "elementwise",
    "exp",
    "forget",
    "gradients",
    "log",
    "log_loss",
    "maximum",
    "quantity",
    "sigmoid",
    "sqrt",
    "work",
]

Pull = Callable[[Any], Any]


class Quantity:
    """An array of an algebra, and how it depends on others: (parent, cotangent of this -> cotangent of the parent)."""

    __array_ufunc__ = None

    def __init__(self, data: Any, algebra: Algebra, parents: Sequence[tuple["Quantity", Pull]] = ()) -> None:
        self.data, self.algebra, self.parents = _array(data), algebra, parents
        self.terms = 1  # in the sum of which an entry was made

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    @property
    def T(self) -> "Quantity":
        return self.take(self.places().T)

    def places(self) -> NDArray[np.int64]:
        """The flat index of every entry, in its shape."""
        return np.arange(self.data.size).reshape(self.shape)

    def _new(self, data: Any, *parents: tuple["Quantity", Pull]) -> "Quantity":
        return Quantity(data, self.algebra, parents)

    def _quantity(self, other: Any) -> "Quantity":
        return other if isinstance(other, Quantity) else Quantity(self.algebra.lifted(np.asarray(other)), self.algebra)

    def __add__(self, other: Any) -> "Quantity":
        other = self._quantity(other)
        return self._new(
            self.data + other.data,
            (self, lambda g: _unbroadcast(g, self)),
            (other, lambda g: _unbroadcast(g, other)),
        )

    def __mul__(self, other: Any) -> "Quantity":
        other = self._quantity(other)
        return self._new(
            self.data * other.data,
            (self, lambda g: _unbroadcast(g * other.data, self)),
            (other, lambda g: _unbroadcast(g * self.data, other)),
        )

    def __truediv__(self, other: Any) -> "Quantity":
        other = self._quantity(other)
        y = self.data / other.data
        return self._new(
            y,
            (self, lambda g: _unbroadcast(g / other.data, self)),
            (other, lambda g: _unbroadcast(-(g * y / other.data), other)),
        )

    def __matmul__(self, other: Any) -> "Quantity":
        product = self._new(
            self.data @ other.data,
            (self, lambda g: g @ other.data.T),
            (other, lambda g: self.data.T @ g),
        )
        product.terms = self.shape[-1]
        return product

    def __neg__(self) -> "Quantity":
        return self._new(-self.data, (self, lambda g: -g))

    def __sub__(self, other: Any) -> "Quantity":
        return self + -self._quantity(other)

    def __rsub__(self, other: Any) -> "Quantity":
        return self._quantity(other) + -self

    def __rtruediv__(self, other: Any) -> "Quantity":
        return self._quantity(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __getitem__(self, key: Any) -> "Quantity":
        return self.take(self.places()[key])

    def reshape(self, *shape: int) -> "Quantity":
        return self.take(self.places().reshape(shape))

    def take(self, index: NDArray[np.int64]) -> "Quantity":
        """Entries by flat index, in the index's shape; -1 is a zero."""
        algebra, size, shape = self.algebra, self.size, self.shape
        flat, inside = algebra.reshape(self.data, (size,)), index >= 0
        if inside.all():
            data = algebra.take(flat, index)
        else:
            data = algebra.take(algebra.concat([flat, algebra.lifted(np.zeros(1))]), np.where(inside, index, size))

        def pull(g: Any) -> Any:
            entries = algebra.take(algebra.reshape(g, (index.size,)), np.flatnonzero(inside))
            return algebra.reshape(algebra.scattered(entries, index[inside], size), shape)

        return self._new(data, (self, pull))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> "Quantity":
        algebra, shape = self.algebra, self.shape
        expanded = tuple(1 if axis in (None, i) else length for i, length in enumerate(shape))
        every = np.broadcast_to(np.arange(np.prod(expanded, dtype=int)).reshape(expanded), shape)
        return self._new(
            algebra.sum(self.data, axis=axis, keepdims=keepdims),
            (self, lambda g: algebra.take(algebra.reshape(g, (np.prod(expanded, dtype=int),)), every)),
        )

    def max(self, axis: int) -> "Quantity":
        """The largest; of equal ones the first, which alone has a gradient. The axis stays, with length 1."""
        first = np.argmax(self.algebra.compared(self.data), axis=axis, keepdims=True)
        winners = np.take_along_axis(self.places(), first, axis=axis)
        rivals, alone = np.moveaxis(self.places(), axis, -1), np.moveaxis(winners, axis, -1)
        return self.won(rivals, alone[..., 0]).reshape(*winners.shape)

    def won(self, rivals: NDArray[np.int64], winners: NDArray[np.int64]) -> "Quantity":
        """The winners. Where rounding may let another entry win, the gradient may go there.

        rivals   (..., k) flat indices, -1 for none
        winners  (...)
        """
        taken, algebra = self.take(winners), self.algebra
        ((_, back),) = taken.parents
        value = np.asarray(algebra.compared(self.data)).reshape(-1)
        error = np.broadcast_to(algebra.uncertainty(self.data), self.shape).reshape(-1)
        first = winners[..., None]
        may = (rivals >= 0) & (rivals != first) & (value[rivals] + error[rivals] > value[first] - error[first])
        unsure = may | ((rivals == first) & may.any(axis=-1, keepdims=True))
        if not unsure.any():
            return taken
        window = np.broadcast_to(taken.places()[..., None], rivals.shape)[unsure]

        def pull(g: Any) -> Any:
            return algebra.strayed(back(g), algebra.take(algebra.reshape(g, (g.size,)), window), rivals[unsure])

        # A rival that wins is larger than the winner by no more than what it may be off.
        windows, flat = (
            np.broadcast_to(taken.places()[..., None], rivals.shape),
            algebra.reshape(self.data, (self.size,)),
        )
        more = algebra.take(flat, rivals[may]) + -algebra.take(flat, np.broadcast_to(first, rivals.shape)[may])
        return self._new(algebra.strayed(taken.data, more, windows[may]), (self, pull))

    def where(self, condition: NDArray[Any], other: Any) -> "Quantity":
        """This where the condition holds, the other elsewhere."""
        algebra, other = self.algebra, self._quantity(other)
        zero = algebra.lifted(np.zeros(()))
        return self._new(
            algebra.where(condition, self.data, other.data),
            (self, lambda g: _unbroadcast(algebra.where(condition, g, zero), self)),
            (other, lambda g: _unbroadcast(algebra.where(condition, zero, g), other)),
        )

    def formed(self) -> "Quantity":
        """This, as an array that every implementation computes before it goes on, and its cotangent likewise.

        Bounds start from its own size.
        """
        return self._new(self.algebra.formed(self.data), (self, self.algebra.formed))


def quantity(x: Any, algebra: Algebra) -> Quantity:
    """An input: float64 numbers, lifted into the algebra."""
    return Quantity(algebra.lifted(np.asarray(x)), algebra)


def _array(data: Any) -> Any:
    """NumPy makes a bare number of a 0-d array of objects."""
    return data if hasattr(data, "shape") else np.asarray(data, object)


def _unbroadcast(g: Any, like: Quantity) -> Any:
    """The sum over the axes along which `like` was repeated."""
    g = _array(g)
    while g.ndim > like.ndim:
        g = like.algebra.sum(g, axis=0)
    for axis, length in enumerate(like.shape):
        if length == 1 != g.shape[axis]:
            g = like.algebra.sum(g, axis=axis, keepdims=True)
    return g


def elementwise(name: str, slope: Callable[[Any, Any], Any]) -> Callable[[Quantity], Quantity]:
    """The algebra's function of that name, whose derivative is slope(x, y)."""

    def function(x: Quantity) -> Quantity:
        y = getattr(x.algebra, name)(x.data)
        return Quantity(y, x.algebra, [(x, lambda g: g * slope(x.data, y))])

    return function


exp = elementwise("exp", lambda x, y: y)
log = elementwise("log", lambda x, y: 1 / x)
sqrt = elementwise("sqrt", lambda x, y: 1 / (2 * y))


def sigmoid(x: Quantity) -> Quantity:
    """The slope is computed from the output, as implementations do: it has absolute accuracy."""
    algebra = x.algebra
    y = algebra.sigmoid(x.data)
    return Quantity(y, algebra, [(x, lambda g: g * algebra.sigmoid_slope(y))])


def maximum(x: Quantity, least: float) -> Quantity:
    """max(x, least); no gradient in a tie. Where rounding may move x across, there may be the other gradient."""
    algebra, compared = x.algebra, np.asarray(x.algebra.compared(x.data))
    above = ~(compared <= least)  # or NaN
    unsure = np.flatnonzero(abs(compared - least) < algebra.uncertainty(x.data))
    chosen = x.where(above, least)
    if not unsure.size:
        return chosen
    back = chosen.parents[0][1]

    def pull(g: Any) -> Any:
        return algebra.strayed(back(g), algebra.take(algebra.reshape(g, (g.size,)), unsure), unsure)

    # A computed x may be above although x is not, and is then the larger one.
    below = unsure[~above.reshape(-1)[unsure]]
    over = algebra.take(algebra.reshape(x.data, (x.size,)), below) - least
    return Quantity(algebra.strayed(chosen.data, over, below), algebra, [(x, pull)])


def chained(a: Quantity, b: Quantity, c: Quantity) -> Quantity:
    """a b c, of which every implementation forms a b, or b c, and then the product; so do its gradients."""
    A, B, C, product = a.data, b.data, c.data, a.algebra.chained
    return Quantity(
        product(A, B, C),
        a.algebra,
        [
            (a, lambda g: product(g, C.T, B.T)),
            (b, lambda g: product(A.T, g, C.T)),
            (c, lambda g: product(B.T, A.T, g)),
        ],
    )


def log_sum_exp(z: Quantity) -> Quantity:
    """log sum_j exp z[n, j], whose gradient is the softmax."""
    algebra = z.algebra
    if algebra.softmax is not None and algebra.log_sum_exp is not None:
        p, n = algebra.softmax(z.data), z.shape[0]
        return Quantity(algebra.log_sum_exp(z.data), algebra, [(z, lambda g: algebra.reshape(g, (n, 1)) * p)])
    shift = largest(z)
    return log(exp(z - shift).sum(axis=1)) + shift[:, 0]


def log_loss(z: Quantity, labels: NDArray[np.int64]) -> Quantity:
    """log sum_j exp z[n, j] - z[n, labels[n]] of rows.

    In the label's place the gradient is p - 1, or minus the sum of the other p.
    """
    algebra, (n, classes) = z.algebra, z.shape
    own = np.arange(n) * classes + labels
    loss = log_sum_exp(z) - z.take(own)
    if algebra.softmax is None:
        return loss
    p, zero, label = algebra.softmax(z.data), algebra.lifted(np.zeros(())), np.arange(classes) == labels[:, None]

    def pull(g: Any) -> Any:
        each = algebra.reshape(g, (n, 1))
        others = algebra.sum(algebra.where(label, zero, p), axis=1, keepdims=True) * -each
        direct = each * p + algebra.where(label, -each, zero)
        return algebra.where(label, algebra.either(direct, others), direct)

    return Quantity(loss.data, algebra, [(z, pull)])


def largest(z: Quantity) -> NDArray[np.float64]:
    """Each row's maximum, as a constant: it cancels, whatever it is, and with it nothing overflows."""
    compared = np.asarray(z.algebra.compared(z.data), np.float64)
    return (
        np.max(compared, axis=1, keepdims=True, initial=-np.finfo(float).max)
        if compared.size
        else np.zeros((len(compared), 1))
    )


def concat(arrays: Sequence[Quantity], axis: int) -> Quantity:
    algebra = arrays[0].algebra
    ends = np.cumsum([array.shape[axis] for array in arrays])

    def pull(j: int) -> Pull:
        start = int(ends[j]) - arrays[j].shape[axis]
        key = (*(slice(None),) * axis, slice(start, int(ends[j])))
        return lambda g: g[key]

    data = algebra.concat([array.data for array in arrays], axis=axis)
    return Quantity(data, algebra, [(array, pull(j)) for j, array in enumerate(arrays)])


def gradients(y: Sequence[Quantity], dy: Sequence[Any], inputs: Sequence[Quantity]) -> list[Any]:
    """sum_i <dy_i, y_i> differentiated by every input, in the algebra's arrays.

    Nothing is pulled back to what depends on no input.
    """
    found: dict[int, Any] = {}

    def add(node: Quantity, g: Any) -> None:
        found[id(node)] = _array(g if id(node) not in found else found[id(node)] + g)

    for each, cotangent in zip(y, dy, strict=True):
        add(each, cotangent)
    order, depends = _parents_first(y), {id(each) for each in inputs}
    for node in order:
        if any(id(parent) in depends for parent, _ in node.parents):
            depends.add(id(node))
    for node in reversed(order):
        if id(node) in found:
            for parent, pull in node.parents:
                if id(parent) in depends:
                    add(parent, pull(found[id(node)]))
    none = [np.zeros(each.shape) for each in inputs]
    return [
        found[id(each)] if id(each) in found else each.algebra.lifted(zeros)
        for each, zeros in zip(inputs, none, strict=True)
    ]


def forget(y: Iterable[Quantity], of: set[int], use: int) -> bool:
    """Take one use of each of some arrays, by id, off the record of how y came about; whether any had as many, and
    more than one."""
    seen: dict[int, int] = {}
    found = []
    for node in _parents_first(y):
        for i, (parent, _) in enumerate(node.parents):
            if id(parent) in of:
                found += [(id(parent), node, i)] if seen.get(id(parent), 0) == use else []
                seen[id(parent)] = seen.get(id(parent), 0) + 1
    there = [(node, i) for parent, node, i in found if seen[parent] > 1]
    for node, i in sorted(there, key=lambda each: -each[1]):
        node.parents = [*node.parents[:i], *node.parents[i + 1 :]]
    return bool(there)


def work(y: Iterable[Quantity]) -> int:
    """How many products and sums it takes to compute y, nearly."""
    return sum(node.size * node.terms for node in _parents_first(y) if node.parents)


def _parents_first(y: Iterable[Quantity]) -> list[Quantity]:
    """y and all that it depends on, each once and after its parents."""
    order: list[Quantity] = []
    seen: set[int] = set()
    for each in y:
        if id(each) in seen:
            continue
        seen.add(id(each))
        stack = [(each, iter(each.parents))]
        while stack:
            _, left = stack[-1]
            parent = next((p for p, _ in left if id(p) not in seen), None)
            if parent is None:
                order.append(stack.pop()[0])
            else:
                seen.add(id(parent))
                stack.append((parent, iter(parent.parents)))
    return order
