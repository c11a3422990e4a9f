"""The predicted layer: only w is learned, the dictionary U is fixed (paper, sec. 2, 3.3 and 3.4).

A columnar layer has J columns. All read the same input v; column j has its own dictionary U_j and its own block of
units, and the blocks stand side by side in the output: W = [U_1 w_1, ..., U_J w_J]. There are two orders of
evaluation with the same result:

    dictionary first   y = [(v U_1) w_1, ..., (v U_J) w_J]    `pool`, then `combine`   (sec. 3.3, "pooling")
    weights first      y = v [U_1 w_1, ..., U_J w_J]          `expand`, then `dense`   (sec. 3.1, "prediction")

The fixed linear maps are operations of their own, because models use them alone: the pooled input of a first layer
never changes during training, and an autoencoder ties its decoder through the expanded weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MethodType
from typing import Any, Literal, NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of
from pp_ref.brief import brief_value
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.dense import DenseCache, dense_backward_input, dense_backward_weights, dense_forward

__all__ = [
    "Arrays",
    "CombineCache",
    "DictionaryFirstCache",
    "ExpandCache",
    "Order",
    "PoolCache",
    "WeightsFirstCache",
    "check_columns",
    "combine_backward",
    "combine_backward_weights",
    "combine_forward",
    "expand_backward",
    "expand_forward",
    "pool_backward",
    "pool_forward",
    "predicted_backward",
    "predicted_backward_weights",
    "predicted_forward",
    "split",
]

Arrays = Sequence[Array]
Order = Literal["dictionary", "weights"]


class PoolCache(NamedTuple):
    U: Arrays  # J of (d, k_j)


class CombineCache(NamedTuple):
    pooled: Arrays  # J of (n, k_j)
    w: Arrays  # J of (k_j, m_j)


class ExpandCache(NamedTuple):
    U: Arrays  # J of (d, k_j)
    widths: tuple[int, ...]  # m_1, ..., m_J: where dW is cut


class DictionaryFirstCache(NamedTuple):
    pool: PoolCache
    combine: CombineCache


class WeightsFirstCache(NamedTuple):
    expand: ExpandCache
    dense: DenseCache


PredictedCache = DictionaryFirstCache | WeightsFirstCache


def pool_forward(v: Array, U: Arrays) -> tuple[list[Array], PoolCache]:
    """pooled_j = v U_j for every column: v_alpha of sec. 3.3.

    v        (n, d) input batch
    U        J arrays (d, k_j), the fixed dictionaries
    returns  J arrays (n, k_j), cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import pool_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])  # the middle weight is the mean of the two that are kept
    >>> pooled, cache = pool_forward(np.array([[1.0, 2.0, 3.0]]), [U])
    >>> pooled[0]
    array([[2., 4.]])
    """
    check_columns(U=U)
    for j, U_j in enumerate(U):
        check_axes("n d, d k", v=v, **{f"U[{j}]": U_j})
    return [v @ U_j for U_j in U], PoolCache(U)  # (n, d) (d, k) -> (n, k)


def pool_backward(dpooled: Arrays, cache: PoolCache) -> Array:
    """dv = sum_j dpooled_j U_j^T: the columns share their input, so their gradients add.

    Derived in docs/derivations.md#pool.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import pool_backward, pool_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> pooled, cache = pool_forward(np.array([[1.0, 2.0, 3.0]]), [U])
    >>> pool_backward([np.array([[2.0, 4.0]])], cache)
    array([[2., 3., 4.]])
    """
    check_columns(dpooled=dpooled, U=cache.U)
    n: int | str = "n"
    for j, (dpooled_j, U_j) in enumerate(zip(dpooled, cache.U, strict=True)):
        check_gradient_of((n, U_j.shape[1]), **{f"dpooled[{j}]": dpooled_j})
        n = dpooled_j.shape[0]
    dv = dpooled[0] @ cache.U[0].T  # (n, k) (k, d) -> (n, d)
    for dpooled_j, U_j in zip(dpooled[1:], cache.U[1:], strict=True):
        dv += dpooled_j @ U_j.T
    return dv


def combine_forward(pooled: Arrays, w: Arrays, b: Array) -> tuple[Array, CombineCache]:
    """y = [pooled_1 w_1, ..., pooled_J w_J] + b: an ordinary layer on each column's pooled input (sec. 3.3).

    pooled   J arrays (n, k_j)
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias, m = sum of m_j
    returns  y (n, m), cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import combine_forward
    >>> pooled, w = [np.array([[2.0, 4.0]])], [np.array([[2.0], [4.0]])]
    >>> y, cache = combine_forward(pooled, w, np.zeros(1))
    >>> y
    array([[20.]])
    """
    check_columns(pooled=pooled, w=w)
    for j, (pooled_j, w_j) in enumerate(zip(pooled, w, strict=True)):
        check_axes("n k, k m", **{f"pooled[{j}]": pooled_j, f"w[{j}]": w_j})
    xp = array_namespace(pooled[0])
    y = xp.concat([pooled_j @ w_j for pooled_j, w_j in zip(pooled, w, strict=True)], axis=1)
    check_axes("n m, m", **{"[w_1, ..., w_J]": y, "b": b})
    return y + b, CombineCache(pooled, w)


def combine_backward(dy: Array, cache: CombineCache) -> tuple[list[Array], list[Array], Array]:
    """Pull dy (n, m) back to dpooled (J of (n, k_j)), dw (J of (k_j, m_j)), db (m,).

    Derived in docs/derivations.md#combine.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import combine_backward, combine_forward
    >>> pooled, w = [np.array([[1.0, 3.0]])], [np.array([[2.0], [4.0]])]
    >>> y, cache = combine_forward(pooled, w, np.zeros(1))
    >>> dpooled, dw, db = combine_backward(np.array([[1.0]]), cache)
    >>> dpooled[0]
    array([[2., 4.]])
    >>> dw[0]
    array([[1.],
           [3.]])
    """
    blocks = _blocks(dy, cache)
    dpooled = [dy_j @ w_j.T for dy_j, w_j in zip(blocks, cache.w, strict=True)]  # (n, m_j) (m_j, k) -> (n, k)
    return dpooled, *combine_backward_weights(dy, cache)


def combine_backward_weights(dy: Array, cache: CombineCache) -> tuple[list[Array], Array]:
    """Return dw and db alone, for a first layer: its pooled input is fixed and needs no gradient."""
    blocks, xp = _blocks(dy, cache), array_namespace(dy)
    dw = [pooled_j.T @ dy_j for pooled_j, dy_j in zip(cache.pooled, blocks, strict=True)]  # (k, n) (n, m_j) -> (k, m_j)
    return dw, xp.sum(dy, axis=0)


def expand_forward(U: Arrays, w: Arrays) -> tuple[Array, ExpandCache]:
    """W = [U_1 w_1, ..., U_J w_J]: all weights, predicted from the kept ones (sec. 3.1 and 3.4).

    U        J arrays (d, k_j)
    w        J arrays (k_j, m_j)
    returns  W (d, m), cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import expand_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])  # the middle weight is the mean of the two that are kept
    >>> W, cache = expand_forward([U], [np.array([[2.0], [4.0]])])
    >>> W
    array([[2.],
           [3.],
           [4.]])
    """
    _check_products(U, w)
    xp = array_namespace(w[0])
    W = xp.concat([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)  # (d, k) (k, m_j) -> (d, m_j)
    return W, ExpandCache(U, tuple(w_j.shape[1] for w_j in w))


def expand_backward(dW: Array, cache: ExpandCache) -> list[Array]:
    """dw_j = U_j^T dW_j, where dW_j (d, m_j) is the block of column j.

    Derived in docs/derivations.md#expand.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import expand_backward, expand_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> W, cache = expand_forward([U], [np.array([[2.0], [4.0]])])
    >>> expand_backward(np.ones_like(W), cache)[0]
    array([[1.5],
           [1.5]])
    """
    check_gradient_of((cache.U[0].shape[0], sum(cache.widths)), dW=dW)
    return [U_j.T @ dW_j for U_j, dW_j in zip(cache.U, split(dW, cache.widths), strict=True)]


def predicted_forward(
    v: Array, U: Arrays, w: Arrays, b: Array, order: Order = "dictionary"
) -> tuple[Array, PredictedCache]:
    """y = v [U_1 w_1, ..., U_J w_J] + b (sec. 3.3 and 3.4).

    v        (n, d) input batch
    U        J arrays (d, k_j), fixed
    w        J arrays (k_j, m_j), dynamic
    b        (m,) bias
    order    "dictionary": 2 n k (J d + m) flops for J equal columns; "weights": 2 d m (k + n)
    returns  y (n, m), cache
    raises   ShapeError, DomainError for another order

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import predicted_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> v, w = np.array([[1.0, 2.0, 3.0]]), np.array([[2.0], [4.0]])  # so W = U w = 2, 3, 4
    >>> y, cache = predicted_forward(v, [U], [w], np.zeros(1))
    >>> y
    array([[20.]])
    """
    _check_products(U, w)
    if order == "dictionary":
        pooled, pool_cache = pool_forward(v, U)
        y, combine_cache = combine_forward(pooled, w, b)
        return y, DictionaryFirstCache(pool_cache, combine_cache)
    if order == "weights":
        W, expand_cache = expand_forward(U, w)
        y, dense_cache = dense_forward(v, W, b)
        return y, WeightsFirstCache(expand_cache, dense_cache)
    raise DomainError(f"order is {order!r}, expected 'dictionary' or 'weights'")


def predicted_backward(dy: Array, cache: PredictedCache) -> tuple[Array, list[Array], Array]:
    """Pull dy (n, m) back to dv (n, d), dw (J of (k_j, m_j)), db (m,).

    Derived in docs/derivations.md#predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import predicted_backward, predicted_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> v, w = np.array([[1.0, 2.0, 3.0]]), np.array([[2.0], [4.0]])
    >>> y, cache = predicted_forward(v, [U], [w], np.zeros(1))
    >>> dv, dw, db = predicted_backward(np.array([[1.0]]), cache)
    >>> dv
    array([[2., 3., 4.]])
    >>> dw[0]
    array([[2.],
           [4.]])
    """
    if isinstance(cache, DictionaryFirstCache):
        dpooled, dw, db = combine_backward(dy, cache.combine)
        return pool_backward(dpooled, cache.pool), dw, db
    dW, db = dense_backward_weights(dy, cache.dense)
    return dense_backward_input(dy, cache.dense), expand_backward(dW, cache.expand), db


def predicted_backward_weights(dy: Array, cache: PredictedCache) -> tuple[list[Array], Array]:
    """Return dw and db alone, for a first layer: its input is data and needs no gradient."""
    if isinstance(cache, DictionaryFirstCache):
        return combine_backward_weights(dy, cache.combine)
    dW, db = dense_backward_weights(dy, cache.dense)
    return expand_backward(dW, cache.expand), db


def check_columns(**lists: Arrays) -> None:
    """Check that these are lists of arrays, as many in each.

    raises  DomainError for another object in place of the list, and for a dictionary, its column, or a list of arrays
            in place of one array; ShapeError for other lengths
    """
    for name, arrays in lists.items():
        if not hasattr(arrays, "__len__") or isinstance(arrays, Mapping | str) or _ndim(arrays) < 3:
            inside = f"[{name}] if it is the only column" if _ndim(arrays) < 3 else _list_in(name, arrays)
            remedy = inside and f": pass {inside}"
            raise DomainError(f"{name} is {brief_value(arrays)}, expected a list of arrays, one a column{remedy}")
        for j, array in enumerate(arrays):
            item = f"{name}[{j}]"
            if inside := _list_in(item, array):
                remedy = f"{inside} is a list of them: pass that list, or a sum of such lists, as {name}"
            elif hasattr(array, "U"):
                remedy = f"pass {item}.U"
            else:
                continue
            raise DomainError(f"{item} is {brief_value(array)}, expected the array of a column: {remedy}")
    lengths = {name: len(arrays) for name, arrays in lists.items()}
    if min(lengths.values()) == 0 or len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ShapeError(f"{said} columns; expected the same number, at least one, in each")


def _ndim(given: Any) -> int:
    """The number of axes of an array, 3 for anything else: arrays of columns may be stacked."""
    return getattr(given, "ndim", 3)


def _list_in(name: str, given: Any) -> str:
    """An expression for the list of columns' arrays that an object makes or holds, or "" if it is none of these."""
    if isinstance(given, MethodType):
        return f"{name}(v.dtype)"
    if callable(getattr(given, "U", None)):
        return f"{name}.U(v.dtype)"
    if isinstance(given, Mapping):
        return f"list({name}.values())"
    if isinstance(given, Iterator):
        return f"list({name})"
    return name if type(given) in (list, tuple) and any(hasattr(each, "ndim") for each in given) else ""


def _check_products(U: Arrays, w: Arrays) -> None:
    check_columns(U=U, w=w)
    for j, (U_j, w_j) in enumerate(zip(U, w, strict=True)):
        check_axes("d k, k m", **{f"U[{j}]": U_j, f"w[{j}]": w_j})


def _blocks(dy: Array, cache: CombineCache) -> list[Array]:
    widths = [w_j.shape[1] for w_j in cache.w]
    check_gradient_of((cache.pooled[0].shape[0], sum(widths)), dy=dy)
    return split(dy, widths)


def split(y: Array, widths: Sequence[int]) -> list[Array]:
    """Cut y (n, m) into blocks of the given widths."""
    blocks, start = [], 0
    for width in widths:
        blocks.append(y[:, start : start + width])
        start += width
    return blocks
