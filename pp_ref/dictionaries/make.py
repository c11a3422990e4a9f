"""`make_dictionary`: the check of its arguments, and the dictionary of a kind in the table of `kinds`."""

import operator
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_finite, check_fraction, check_numpy
from pp_ref.brief import brief_value
from pp_ref.dictionaries import ridge
from pp_ref.dictionaries.columns import Request, column_of, of_unit_norm
from pp_ref.dictionaries.dictionary import Dictionary, Recipe
from pp_ref.dictionaries.index_sets import CHOICES
from pp_ref.dictionaries.kinds import BY_K, BY_RIDGE, KINDS, RIDGE, Kind
from pp_ref.dictionaries.settings import check_settings
from pp_ref.dictionaries.spaces import Frames, Grid, Space, Units
from pp_ref.errors import DomainError, ShapeError, meant
from pp_ref.generators import check_generator, generator_from_state, generator_state

__all__ = ["dictionary_from_recipe", "digest", "make_dictionary"]


def make_dictionary(
    kind: str | Callable[..., Any],
    space: Space,
    *,
    proportion: float | None = None,
    n_alpha: int | None = None,
    n_columns: int = 1,
    rng: np.random.Generator,
    data: NDArray[Any] | None = None,
    U: Any = None,
    unit_norm: bool = False,
    **settings: Any,
) -> Dictionary:
    """The static half of a predicted layer: J dictionaries U_j with ``W_j = U_j w_j`` (sec. 3.1, 3.4, 3.5).

    kind        one of `KINDS`, "own" with ``U`` the caller's array or list of arrays (d, k), or a covariance function
                ``k(points_i (n, p), points_j (m, p)) -> (n, m)`` of rows of ``space.points()``; its settings go into
                `functools.partial`, whose arguments the recipe records
    space       Grid, Frames or Units: d = space.size
    proportion  in (0, 1]: n_alpha = max(1, round(proportion d)). If alpha is tied across channels (se, matern,
                downsample, and alpha windowed, strided or farthest), n_alpha = channels max(1, round(proportion d /
                channels))
    n_alpha     1 to d; give this or proportion. Neither is needed for own, nokernel and an explicit alpha, which set it
    n_columns   J >= 1
    rng         Generator; the recipe holds its state before the first draw
    data        (n, d) real, finite: the layer's input, for the data-driven kinds and for alpha variance
    U           the caller's arrays of kind own
    unit_norm   True divides every atom U[:, i] by its norm, so that one learning rate suits every kind. The fast ways
                through K are then not possible
    settings    those of the kind (see `KINDS`), e.g. length_scale (pixels or frames), ridge (absolute for emp, emp2 and
                the caller's covariance; relative to a unit diagonal for se and matern), form "ridge" or "atom", nu,
                wavelet; and alpha: a name of `CHOICES`, with its settings, or a list of J index arrays
    returns     Dictionary, float64
    raises      DomainError, ShapeError: each names the argument and what to pass instead

    A ridge of 0 makes U[alpha] the identity, but U is rounding noise if K_alpha is nearly singular: look at
    ``condition`` and ``rank`` of each column.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, make_dictionary
    >>> rng = np.random.default_rng(0)
    >>> dictionary = make_dictionary("se", Grid(1, 3), alpha=[[0, 2]], rng=rng)
    >>> dictionary.U()[0].round(2)  # the middle weight is predicted from its two neighbours
    array([[1.  , 0.  ],
           [0.53, 0.53],
           [0.  , 1.  ]])
    >>> make_dictionary("se", Grid(28, 28), proportion=0.25, n_columns=5, rng=rng).alpha[0].shape
    (196,)
    """
    if not isinstance(space, Grid | Frames | Units):
        raise DomainError(f"space is {space!r}, expected a Grid, Frames or Units")
    check_generator(rng)
    n_columns = _integer("n_columns", n_columns)
    if n_columns < 1:
        raise DomainError(f"n_columns is {n_columns}, expected an integer >= 1")
    state = generator_state(rng)

    name, entry = _look_up(kind, U)
    if not isinstance(unit_norm, bool):
        raise DomainError(f"unit_norm is {unit_norm!r}, expected True or False")
    choice, explicit = _check_alpha(name, entry, settings.pop("alpha", None), space, n_columns)
    needs, extra = (CHOICES[choice].needs, CHOICES[choice].settings) if choice else ("nothing", {})
    settings = check_settings(name, {**entry.settings, **extra}, settings)
    by_site = needs == "positions"
    if (entry.smooth or by_site) and isinstance(space, Units):
        what = f"alpha {choice}" if by_site else f"kind {name}"
        raise DomainError(
            f"{what} needs positions, but {space} has none: use a Grid or Frames, or kind emp, alpha uniform"
        )
    reader = f"kind {name}" if entry.data else f"alpha {choice}" if needs == "data" else None
    _check_data(name, reader, space, data)
    arrays = None if U is None else _check_own(U, space, n_columns)
    known = (
        explicit[0].size if explicit else arrays[0].shape[1] if arrays else space.size if name == "nokernel" else None
    )
    tied = (entry.tied and not explicit) or by_site
    count = _count(name, space, proportion, n_alpha, tied, known)

    request = Request(space, count, n_columns, tied, explicit or choice, rng, settings, data)
    columns = [column_of(np.arange(count), u) for u in arrays] if arrays else entry.build(request)
    if unit_norm:
        columns = [of_unit_norm(column, space.channels) for column in columns]
    alpha = {"alpha": [a.tolist() for a in explicit]} if explicit else {"alpha": choice} if choice else {}
    recipe = Recipe(
        kind=name,
        space=space,
        proportion=None if proportion is None else float(proportion),
        n_alpha=None if n_alpha is None else int(n_alpha),
        n_columns=n_columns,
        settings=settings | alpha | ({"unit_norm": True} if unit_norm else {}),
        rng=state,
        data=None if data is None else digest(data),
        U=None if arrays is None else [digest(u) for u in arrays],
        covariance=_function_name(kind) if name == "callable" else None,
    )
    return Dictionary(tuple(columns), recipe)


def dictionary_from_recipe(
    recipe: Recipe, data: NDArray[Any] | None = None, *, covariance: Callable[..., Any] | None = None, U: Any = None
) -> Dictionary:
    """Make a dictionary again from its recipe: the same bits on one machine, with the same libraries and threads.

    data        the array of a data-driven kind; its digest must be the recipe's
    covariance  the function of kind "callable"
    U           the arrays of kind "own"
    raises      DomainError if one of these is missing or is not what the recipe was made from

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, dictionary_from_recipe, make_dictionary
    >>> dictionary = make_dictionary("se", Grid(4, 4), proportion=0.5, rng=np.random.default_rng(0))
    >>> again = dictionary_from_recipe(dictionary.recipe)
    >>> bool((again.U()[0] == dictionary.U()[0]).all())
    True
    """
    kind: str | Callable[..., Any] = recipe.kind
    if kind == "callable":
        if covariance is None:
            raise DomainError(
                f"covariance is missing: the recipe was made with {recipe.covariance}, pass that function"
            )
        kind = covariance
    if kind == "own" and U is None:
        raise DomainError("U is missing: a recipe of kind own holds only its digest, pass the arrays or load a file")
    again = make_dictionary(
        kind,
        recipe.space,
        proportion=recipe.proportion,
        n_alpha=recipe.n_alpha,
        n_columns=recipe.n_columns,
        rng=generator_from_state(recipe.rng),
        data=data,
        U=U,
        **recipe.settings,
    )
    for name in ("data", "U", "covariance"):
        given, expected = getattr(again.recipe, name), getattr(recipe, name)
        if given != expected:
            raise DomainError(f"{name} is {given}, but the recipe was made from {expected}: pass the same {name}")
    return again


def digest(array: NDArray[Any]) -> dict[str, Any]:
    """The shape of an array, its dtype, and the SHA-256 of its bytes in C order: enough to recognise it."""
    content = np.ascontiguousarray(array)
    return {"shape": list(content.shape), "dtype": content.dtype.str, "sha256": sha256(content.data).hexdigest()}


def _function_name(function: Any) -> str:
    if isinstance(function, partial):
        bound = [*map(_recorded, function.args), *(f"{name}={_recorded(x)}" for name, x in function.keywords.items())]
        return f"{_function_name(function.func)}({', '.join(bound)})"
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def _recorded(value: Any) -> str:
    """An argument of a caller's function, as a recipe records it: an array by its digest, a function by its name."""
    if isinstance(value, np.ndarray):
        return str(digest(value))
    return _function_name(value) if callable(value) else repr(value)


def _integer(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise DomainError(f"{name} is {value!r}, expected an integer") from None


def _look_up(kind: str | Callable[..., Any], U: Any) -> tuple[str, Kind]:
    if callable(kind):
        function = kind
        formula = f"{BY_RIDGE}, k is given"
        return "callable", Kind(formula, "sec. 3.1", lambda ask: ridge.callable_columns(ask, function), RIDGE, BY_K)
    name = kind if isinstance(kind, str) else None
    if (name == "own") != (U is not None):
        raise DomainError(f"kind is {kind!r} and U is {'missing' if U is None else 'given'}: kind own goes with U")
    if name == "own":
        return "own", Kind("U is given", "sec. 3.1", lambda request: [])
    if name not in KINDS:
        among = f"{', '.join(KINDS)}, own, or a covariance function"
        raise DomainError(f"kind is {kind!r}, expected one of {among}{meant(kind, KINDS)}")
    return name, KINDS[name]


def _check_alpha(
    name: str, entry: Kind, alpha: Any, space: Space, n_columns: int
) -> tuple[str, list[NDArray[np.int64]] | None]:
    """The name of a choice and None, or "" and the caller's index arrays, sorted; "" and None if there is no choice."""
    if not entry.choices:
        if alpha is not None:
            raise DomainError(f"alpha is given, but kind {name} has no larger set to choose its elements from: omit it")
        return "", None
    if alpha is None:
        # With `leading` every column would keep the same elements; several columns take `interleaved` instead.
        return entry.choices[1 if entry.choices[0] == "leading" and n_columns > 1 else 0], None
    if isinstance(alpha, str):
        if alpha not in entry.choices:
            raise DomainError(
                f"alpha is {alpha!r}, expected one of {', '.join(entry.choices)} for kind {name}, or index arrays"
            )
        return alpha, None
    if not hasattr(alpha, "__len__") or any(np.ndim(entries) == 0 for entries in alpha):
        raise DomainError(
            f"alpha is {brief_value(alpha)}, expected a name, or a list of index arrays, one a column: for one column "
            "pass [indices]"
        )
    if len(alpha) != n_columns:
        raise ShapeError(f"alpha has {len(alpha)} index arrays, but n_columns is {n_columns}: expected one a column")
    checked: list[NDArray[np.int64]] = []
    for j, entries in enumerate(alpha):
        indices = np.asanyarray(entries)
        check_arrays("numbers", **{f"alpha[{j}]": indices})
        if indices.ndim != 1 or indices.size == 0 or indices.dtype.kind not in "iu":
            raise ShapeError(
                f"alpha[{j}] has shape {indices.shape} and dtype {indices.dtype}, expected (k,) integers, k >= 1"
            )
        if indices.min() < 0 or indices.max() >= space.size:
            raise DomainError(
                f"alpha[{j}] spans {indices.min()} to {indices.max()}, expected indices in [0, {space.size})"
            )
        if np.unique(indices).size != indices.size:
            raise DomainError(f"alpha[{j}] repeats an index, expected distinct ones")
        if checked and indices.size != checked[0].size:
            raise ShapeError(f"alpha[{j}] has {indices.size} indices but alpha[0] {checked[0].size}: expected the same")
        checked.append(np.sort(indices).astype(np.int64))
    return "", checked


def _check_own(U: Any, space: Space, n_columns: int) -> list[NDArray[np.float64]]:
    given = U if isinstance(U, list | tuple) else [U] * n_columns
    check_numpy("real numbers", **{f"U[{j}]": u for j, u in enumerate(given)})
    arrays = [np.array(u, dtype=np.float64, order="C") for u in given]
    if len(arrays) != n_columns:
        raise ShapeError(f"U has {len(arrays)} arrays, but n_columns is {n_columns}: expected one a column")
    for j, u in enumerate(arrays):
        if u.ndim != 2 or u.shape[0] != space.size or not 1 <= u.shape[1] <= space.size:
            raise ShapeError(
                f"U[{j}] has shape {u.shape}, expected (d, k) with d = {space.size} and 1 <= k <= d for {space}"
            )
        if u.shape != arrays[0].shape:
            raise ShapeError(
                f"U[{j}] has shape {u.shape} but U[0] {arrays[0].shape}: expected the same for every column"
            )
        check_finite(**{f"U[{j}]": u})
    return arrays


def _check_data(name: str, reader: str | None, space: Space, data: NDArray[Any] | None) -> None:
    """``reader``: the kind or the choice of alpha that reads the data, or None."""
    if reader is None:
        if data is not None:
            raise DomainError(f"data is given, but kind {name} does not read any: omit it")
        return
    if data is None:
        raise DomainError(f"data is missing: {reader} needs the layer's input, (n, {space.size})")
    check_numpy("real numbers", data=data)
    if data.ndim != 2 or data.shape[1] != space.size:
        raise ShapeError(f"data has shape {data.shape}, expected (n, d) with d = {space.size} for {space}")
    if len(data) < 2:
        raise ShapeError(f"data has {len(data)} rows, expected at least 2: a covariance divides by n - 1")
    if data.dtype.kind == "f":
        check_finite(data=data)


def _count(
    name: str, space: Space, proportion: float | None, n_alpha: int | None, tied: bool, known: int | None
) -> int:
    """n_alpha, from proportion or n_alpha, or from the count that is ``known``, with which they have to agree."""
    d, channels = space.size, space.channels if tied else 1
    if proportion is not None and n_alpha is not None:
        raise DomainError(f"proportion is {proportion} and n_alpha is {n_alpha}: expected exactly one of them")
    if proportion is not None:
        check_fraction(proportion=proportion)
        count = channels * max(1, round(float(proportion) * (d // channels)))
    elif n_alpha is not None:
        count = _integer("n_alpha", n_alpha)
        if not 1 <= count <= d:
            raise DomainError(f"n_alpha is {count}, expected 1 to d = {d} for {space}")
        if count % channels:
            raise DomainError(
                f"n_alpha is {count}, but alpha is tied across {channels} channels: expected a multiple of {channels}, "
                f"e.g. {channels * max(1, round(count / channels))}"
            )
    elif known is not None:
        return known
    else:
        raise DomainError("neither proportion nor n_alpha is given: expected exactly one of them")
    if known is not None and count != known:
        asked = f"proportion is {proportion}" if n_alpha is None else f"n_alpha is {n_alpha}"
        reason = "nothing is predicted: expected proportion 1" if name == "nokernel" else f"omit both for kind {name}"
        raise DomainError(f"{asked}, which keeps {count} of {d}, but {known} are kept here; {reason}")
    return count
