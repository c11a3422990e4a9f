"""What must hold of every operation: each property is a function of (operation, forward, backward, case).

`forward` and `backward` are the passes under test; `operation.forward` and `operation.backward` are the right ones and
serve only to derive bounds. A property returns nothing and raises AssertionError; every comparison is written so that
NaN fails. `docs/derivations.md#error-bounds` derives the tolerances.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import array_api_strict
import numpy as np

from pp_ref.kernels.choose import use_backend
from tests.properties.bounded import Exact
from tests.properties.operations import BY_NAME, Arguments, Case, Operation
from tests.properties.values import (
    Pass,
    assert_all_within,
    assert_same_bits,
    assert_small,
    both,
    bounds,
    converted,
    cotangent,
    defined,
    direction,
    dot,
    fresh,
    gradients,
    leaves,
    mapped,
    numbers,
    run,
    size,
    tangent,
)


@dataclass(frozen=True)
class Property:
    name: str
    applies: Callable[[Operation], bool]
    check: Callable[[Operation, Pass, Pass | None, Case], None]

    def __call__(self, operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.check(operation, forward, backward, case)


PROPERTIES: list[Property] = []


def holds_for(applies: Callable[[Operation], bool]) -> Callable[[Any], Property]:
    def register(check: Any) -> Property:
        PROPERTIES.append(Property(check.__name__.replace("_", " "), applies, check))
        return PROPERTIES[-1]

    return register


def always(operation: Operation) -> bool:
    return True


def differentiable(operation: Operation) -> bool:
    return operation.backward is not None


def violations(
    operation: Operation,
    forward: Pass,
    backward: Pass | None,
    cases: Iterable[Case],
    properties: Iterable[Property] = PROPERTIES,
) -> Iterator[tuple[str, str]]:
    """The properties that fail, one after another, each with the first line of its message."""
    for each in properties:
        if each.applies(operation):
            try:
                for case in cases:
                    each(operation, forward, backward, case)
            except Exception as error:  # a wrong function may raise anything
                yield each.name, f"{type(error).__name__}: {error}".splitlines()[0]


# The gradient is right.


@holds_for(lambda operation: differentiable(operation) and operation.analytic)
def complex_step(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """<dy, J dx_i> = <g_i, dx_i> for each argument alone, to 1e-12 of |g||dx|."""
    case = case.at(dtype="float64", scale=1.0)
    arguments, rng = operation.draw(case), case.rng
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    for name, gradient in gradients(operation, backward, dy, cache).items():
        dx = direction(arguments[name], rng)
        off = dot(dy, tangent(operation, forward, arguments, {name: dx})) - dot(gradient, dx)
        assert_small(off, 1e-12 * size(gradient) * size(dx), f"d{name} along a direction")


@holds_for(lambda operation: differentiable(operation) and not operation.analytic)
def taylor_order(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """The central remainder of sum dy sin(y) falls as h^3: the sine gives it a third derivative.

    In longdouble, so that steps can be small enough for a whole model and yet leave more than rounding.
    """
    case = case.at(dtype="longdouble", scale=1.0)
    arguments, rng = operation.draw(case), case.rng
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    pulled = gradients(operation, backward, mapped(lambda c, leaf: c * np.cos(leaf), dy, y), cache)
    steps, orders = Exact(2) ** -np.arange(8, 13), []
    for _ in range(3):
        dx = {name: direction(arguments[name], rng) for name in operation.learned}
        slope = sum(dot(pulled[name], dx[name]) for name in dx)

        def f(h: Any, dx: Arguments = dx) -> Any:
            moved = arguments | {name: mapped(lambda x, d: x + h * d, arguments[name], dx[name]) for name in dx}
            return dot(dy, mapped(np.sin, run(forward, moved)[0]))

        left = np.array([abs(f(h) - f(-h) - 2 * h * slope) for h in steps])
        # Every |dy sin| term, and the argument of every sine, is rounded a few times.
        rounding = 8 * np.finfo(Exact).eps * dot(mapped(abs, dy), mapped(lambda leaf: 1 + abs(leaf), y))
        if not (left <= rounding).all():
            orders.append(np.median(np.log2(left[:-1]) - np.log2(left[1:])))
    assert not orders or np.median(orders) > 2.8, f"the remainder falls with order {np.median(orders):.2f}, expected 3"


@holds_for(differentiable)
def central_difference(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """(f(x + h dx) - f(x - h dx)) / 2h in longdouble. Truncation is about a third of what doubling h changes."""
    case = case.at(dtype="longdouble", scale=1.0)
    arguments, rng, h = operation.draw(case), case.rng, Exact(2) ** -21  # eps^(1/3)
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    magnitude = mapped(abs, dy)
    error = dot(magnitude, bounds(operation, arguments, Exact)[0])
    for name, gradient in gradients(operation, backward, dy, cache).items():
        dx = direction(arguments[name], rng)

        def f(h: Any, name: str = name, dx: Any = dx) -> Any:
            return dot(dy, run(forward, arguments | {name: mapped(lambda x, d: x + h * d, arguments[name], dx)})[0])

        near, far = (f(h) - f(-h)) / (2 * h), (f(2 * h) - f(-2 * h)) / (4 * h)
        # Rounding: of f twice, with room for the step's effect on it; of x + h dx; of the gradient and of the dots.
        u = np.finfo(Exact).eps
        moved = size(gradient) * size(arguments[name]) + dot(magnitude, mapped(abs, y))
        allowed = abs(far - near) + (2 * error + 4 * (1 + case.n) * u * moved) / h + 1e-15 * size(gradient)
        assert_small(near - dot(gradient, dx), allowed, f"d{name} along a direction")


@holds_for(lambda operation: differentiable(operation) and bool(operation.linear or operation.analytic))
def adjoint(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """<dy, J dx> = <J^T dy, dx>. Where forward is affine it is its own J, exactly, in every dtype."""
    if not operation.linear:
        case = case.at(dtype="float64", scale=1.0)
    arguments, rng = operation.draw(case), case.rng
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    pulled, dtype = gradients(operation, backward, dy, cache), np.dtype(case.dtype)
    if not operation.linear:
        dx = {name: direction(arguments[name], rng) for name in operation.learned}
        left, right = dot(dy, tangent(operation, forward, arguments, dx)), [dot(pulled[name], dx[name]) for name in dx]
        assert_small(
            left - sum(right), 1e-12 * sum(size(pulled[name]) * size(dx[name]) for name in dx), "all arguments"
        )
        return
    magnitude, (_, pulled_bounds) = mapped(abs, dy), bounds(operation, arguments, dtype, dy)
    for name in operation.linear:
        dx = direction(arguments[name], rng)
        with_dx, without = arguments | {name: dx}, arguments | {name: mapped(np.zeros_like, dx)}
        Jdx = mapped(lambda a, b: a.astype(Exact) - b.astype(Exact), run(forward, with_dx)[0], run(forward, without)[0])
        allowed = sum(dot(magnitude, bounds(operation, at, dtype)[0]) for at in (with_dx, without))
        allowed += dot(mapped(abs, dx), pulled_bounds[name])
        assert_small(dot(dy, Jdx) - dot(pulled[name], dx), 1.01 * allowed, f"{name} alone")  # the dots round too


@holds_for(lambda operation: operation.ties is not None)
def ties(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """At a kink the documented subgradient is taken."""
    arguments, expected = operation.ties
    y, cache = run(forward, numbers(np.copy, arguments))  # a planted fault may write in what it is given
    assert_same_bits(backward(np.ones_like(y), cache), expected, "the gradient at a tie")


# The values are right, to the last bit that matters.


@holds_for(always)
def derived_bound(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """y against its definition, and the gradients against themselves, in longdouble: within the running error bound."""
    dtype = np.dtype("float64" if case.dtype == "longdouble" else case.dtype)
    arguments = operation.draw(case.at(dtype=dtype.name))
    exact = converted(arguments, Exact)
    y, cache = run(forward, arguments)
    dy = cotangent(y, case.rng)
    y_bound, bound = bounds(operation, arguments, dtype, dy)
    assert_all_within(y, defined(operation, exact), y_bound, "y")
    _, exact_gradients = both(operation, forward, backward, exact, mapped(lambda leaf: leaf.astype(Exact), dy))
    for name, gradient in gradients(operation, backward, dy, cache).items():
        assert_all_within(gradient, exact_gradients[name], bound[name], f"d{name}")


@holds_for(lambda operation: operation.twin is not None)
def both_orders_agree(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """The other order of evaluation, which is right, gives the same within the sum of the two bounds."""
    twin = BY_NAME[operation.twin]
    arguments, others = operation.draw(case), twin.draw(case)
    y, cache = run(forward, arguments)
    dy = cotangent(y, case.rng)
    other_y, other = both(twin, twin.forward, twin.backward, others, dy)
    allowed_y, allowed = bounds(operation, arguments, case.dtype, dy)
    other_allowed_y, other_allowed = bounds(twin, others, case.dtype, dy)
    assert_all_within(y, other_y, allowed_y + other_allowed_y, "y")
    for name, gradient in gradients(operation, backward, dy, cache).items():
        assert_all_within(gradient, other[name], mapped(np.add, allowed[name], other_allowed[name]), f"d{name}")


@holds_for(lambda operation: bool(operation.batch))
def batch_split(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """Two parts of a batch give the whole: rows side by side, sums added, means weighted by their examples."""
    reduced = not operation.per_example
    case = case.at(dtype="float64") if case.dtype == "longdouble" else case
    arguments, rng, dtype = operation.draw(case), case.rng, np.dtype(case.dtype)
    cut = int(rng.integers(0, case.n + 1))
    shared = fresh(arguments)  # one generator for both parts: the second draws on
    parts = [
        shared | {name: mapped(lambda rows, s=s: rows[s], arguments[name]) for name in operation.batch}
        for s in (slice(None, cut), slice(cut, None))
    ]
    weights = np.ones(2, Exact)
    if operation.mean:
        weights = np.array([cut, case.n - cut], Exact) / case.n if case.n else weights / 2
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    dys = [dy, dy] if reduced else [mapped(lambda rows, s=s: rows[s], dy) for s in (slice(None, cut), slice(cut, None))]
    results = [forward(*part.values()) for part in parts]
    ys, caches = zip(*results, strict=True)

    def joined(name: str, pair: Any) -> Any:
        scaled = [
            mapped(lambda leaf, f=f: f * np.asarray(leaf).astype(Exact), part)
            for f, part in zip(weights, pair, strict=True)
        ]
        if name in operation.batch:
            return mapped(lambda a, b: np.concatenate([a, b]), *scaled)
        return mapped(np.add, *scaled)

    drawn_afresh = any(isinstance(value, np.random.Generator) for value in arguments.values())
    whole_bounds = bounds(operation, arguments, dtype, dy)
    # A part's bound is drawn with its own mask, so take the whole's: elementwise operations split exactly.
    part_bounds = (
        [whole_bounds] * 2
        if drawn_afresh
        else [bounds(operation, p, dtype, d) for p, d in zip(parts, dys, strict=True)]
    )
    y_name = operation.batch[0] if not reduced else ""

    def allowed(name: str, whole: Any, pair: Any) -> Any:
        return whole if drawn_afresh else mapped(np.add, whole, joined(name, pair))

    assert_all_within(joined(y_name, ys), y, allowed(y_name, whole_bounds[0], [b[0] for b in part_bounds]), "y")
    whole = gradients(operation, backward, dy, cache)
    pulled = [gradients(operation, backward, d, c) for d, c in zip(dys, caches, strict=True)]
    for name, gradient in whole.items():
        bound = allowed(name, whole_bounds[1][name], [b[1][name] for b in part_bounds])
        assert_all_within(joined(name, [p[name] for p in pulled]), gradient, bound, f"d{name}")


@holds_for(lambda operation: bool(operation.units) or operation.y_units is not None)
def column_permutation(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """Columns in another order give the same columns in that order: none reads its neighbour's."""
    arguments, rng = operation.draw(case), case.rng
    order = rng.permutation(len(case.columns))
    widths = [m_j * operation.group for _, m_j in case.columns]
    blocks = np.split(np.arange(sum(widths)), np.cumsum(widths)[:-1])
    index = np.concatenate([blocks[j] for j in order])

    def moved(value: Any, axis: int | None, index: Any = index) -> Any:
        if isinstance(value, list):
            return [value[j] for j in order]
        return value if axis is None else np.take(value, index, axis=axis)

    rearranged = {name: moved(value, operation.units.get(name)) for name, value in arguments.items()}
    if "labels" in arguments:
        rearranged["labels"] = np.argsort(index)[arguments["labels"]]
    y, cache = run(forward, arguments)
    dy = cotangent(y, rng)
    y_index = index[:: operation.group] // operation.group if operation.group > 1 else index
    moved_y, moved_cache = run(forward, rearranged)
    y_bound, bound = bounds(operation, arguments, case.dtype, dy)
    double = lambda value: mapped(lambda leaf: 2 * leaf, value)  # noqa: E731
    y_axis = operation.y_units
    assert_all_within(moved_y, moved(y, y_axis, y_index), double(moved(y_bound, y_axis, y_index)), "y")
    pulled = gradients(operation, backward, dy, cache)
    for name, gradient in gradients(operation, backward, moved(dy, y_axis, y_index), moved_cache).items():
        axis = operation.units.get(name)
        assert_all_within(gradient, moved(pulled[name], axis), double(moved(bound[name], axis)), f"d{name}")


# The structure of a linear map.


@holds_for(differentiable)
def zero_cotangent(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """Zero in, zero out."""
    y, cache = run(forward, operation.draw(case))
    for name, gradient in gradients(operation, backward, mapped(np.zeros_like, y), cache).items():
        assert not any(np.any(leaf != 0) for leaf in leaves(gradient)), f"d{name} is not zero at dy = 0"


@holds_for(differentiable)
def linear_in_dy(operation: Operation, forward: Pass, backward: Pass, case: Case) -> None:
    """g(-2 dy) = -2 g(dy) to the bit, since that only moves exponents; g(dy + dz) = g(dy) + g(dz) within the bounds."""
    case = case.at(scale=1.0)
    arguments, rng = operation.draw(case), case.rng
    y, cache = run(forward, arguments)
    dy, dz = cotangent(y, rng), cotangent(y, rng)
    pull = lambda dy: gradients(operation, backward, dy, cache)  # noqa: E731
    first, second, scaled = pull(dy), pull(dz), pull(mapped(lambda leaf: -2 * leaf, dy))
    total = mapped(np.add, dy, dz)
    together, (_, *allowed) = pull(total), bounds(operation, arguments, case.dtype, dy, dz, total)
    for name, gradient in first.items():
        assert_same_bits(mapped(lambda leaf: -2 * leaf, gradient), scaled[name], f"d{name} of -2 dy")
        added = mapped(lambda a, b: a.astype(Exact) + b, gradient, second[name])
        bound = mapped(lambda a, b, c: 1.01 * (a + b + c), *(each[name] for each in allowed))  # the parts' sum rounds
        assert_all_within(together[name], added, bound, f"d{name} of a sum")


# What a careful implementation keeps.


@holds_for(always)
def dtype_and_shape(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """dtype in is dtype out; y has its definition's shape, a gradient its argument's."""
    arguments = operation.draw(case)
    y, cache = run(forward, arguments)
    like = mapped(lambda leaf: np.asarray(leaf, case.dtype), defined(operation, arguments))
    pulled = gradients(operation, backward, cotangent(y, case.rng), cache)
    pairs = {"y": (y, like)} | {f"d{name}": (gradient, arguments[name]) for name, gradient in pulled.items()}
    for name, (got, want) in pairs.items():
        for a, b in zip(leaves(got), leaves(want), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), (
                f"{name} is {a.dtype}{a.shape}, expected {b.dtype}{b.shape}"
            )


def _arrays(arguments: Arguments) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in arguments.items():
        for leaf in leaves(value):
            if isinstance(leaf, np.ndarray):
                yield name, leaf


@holds_for(always)
def inputs_untouched(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """No argument and no cotangent is written to: the arrays hold the same bits before and after."""
    arguments = operation.draw(case)
    before = [leaf.copy() for _, leaf in _arrays(arguments)]
    y, cache = run(forward, arguments)
    watched = list(_arrays(arguments))
    if backward:
        dy = cotangent(y, case.rng)
        before += [leaf.copy() for leaf in leaves(dy)]
        watched += [("dy", leaf) for leaf in leaves(dy)]
        backward(dy, cache)
    for (name, now), then in zip(watched, before, strict=True):
        assert_same_bits(now, then, f"{name} was written to")


@holds_for(always)
def repeatable(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """Two runs agree bit for bit, whatever ran between them: nothing is kept outside the cache, nor changed in it."""
    arguments, other = operation.draw(case), operation.draw(case.at(seed=case.seed + 1))
    y, cache = run(forward, arguments)
    dy = cotangent(y, case.rng)
    copy = mapped(np.copy, y)
    pulled = {name: mapped(np.copy, g) for name, g in gradients(operation, backward, dy, cache).items()}
    other_y, other_cache = run(forward, other)
    gradients(operation, backward, cotangent(other_y, case.rng), other_cache)
    assert_same_bits(y, copy, "an earlier y changed")
    assert_same_bits(run(forward, arguments)[0], copy, "y of a second run")
    for name, gradient in gradients(operation, backward, dy, cache).items():
        assert_same_bits(gradient, pulled[name], f"d{name} of a second run")


@holds_for(always)
def nan_propagates(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """NaN in an argument shows in y where the definition puts it, and in its gradient; in dy, in all it reaches."""
    arguments, rng = operation.draw(case), case.rng
    for name in operation.learned:
        spoilt = arguments | {name: mapped(np.copy, arguments[name])}
        leaf = leaves(spoilt[name])[0]
        if leaf.size:
            leaf[np.unravel_index(rng.integers(leaf.size), leaf.shape)] = np.nan
        want = defined(operation, spoilt)
        y, cache = run(forward, spoilt)
        for a, b in zip(leaves(y), leaves(want), strict=True):
            reached = np.isnan(b)
            if operation.mixes:  # an image's NaN may reach all of its outputs, a unit's all of that unit
                axes, shape = ((1, 2, 3), (-1, 1, 1, 1)) if name == "v" else (tuple(range(leaf.ndim - 1)), (-1,))
                reached = reached | (np.isnan(a) & np.isnan(leaf).any(axis=axes).reshape(shape))
            np.testing.assert_array_equal(np.isnan(a), reached, err_msg=f"NaN in {name}")
        if backward and any(np.isnan(leaf).any() for leaf in leaves(y)):
            dy = mapped(lambda leaf: np.where(np.isnan(leaf), leaf, np.ones_like(leaf)), y)  # what comes back from y
            pulled = gradients(operation, backward, dy, cache)[name]
            assert any(np.isnan(leaf).any() for leaf in leaves(pulled)), f"d{name} is finite though y is not"
    if backward:
        y, cache = run(forward, arguments)
        dy = cotangent(y, rng)
        finite, spoilt = (
            gradients(operation, backward, d, cache)
            for d in (dy, mapped(lambda leaf: leaf * leaf.dtype.type(np.nan), dy))
        )
        for name, gradient in finite.items():
            for a, b in zip(leaves(gradient), leaves(spoilt[name]), strict=True):
                assert np.isnan(b[a != 0]).all(), f"d{name} is finite where dy is NaN"


@holds_for(always)
def array_api(operation: Operation, forward: Pass, backward: Pass | None, case: Case) -> None:
    """On array-api-strict, which has nothing but the standard: the same bits as on NumPy."""
    case = case.at(layout="C", dtype="float64" if case.dtype == "longdouble" else case.dtype)
    arguments = operation.draw(case)
    to_strict = lambda leaf: array_api_strict.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf  # noqa: E731
    strict = {name: mapped(to_strict, value) for name, value in arguments.items()}
    with use_backend("numpy"):  # other libraries have no kernels
        y, cache = run(forward, arguments)
    strict_y, strict_cache = run(forward, strict)
    dy = cotangent(y, case.rng)
    plain = gradients(operation, backward, dy, cache)
    pulled = gradients(operation, backward, mapped(to_strict, dy), strict_cache)
    pairs = {"y": (strict_y, y)} | {f"d{name}": (pulled[name], gradient) for name, gradient in plain.items()}
    for name, (got, want) in pairs.items():
        for a, b in zip(leaves(got), leaves(want), strict=True):
            assert isinstance(a, type(array_api_strict.asarray(0))), f"{name} left the library: {type(a)}"
            assert_same_bits(a, np.asarray(b), name)
