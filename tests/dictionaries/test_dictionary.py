"""A Dictionary on disk, from its recipe, and cast: the same bits each time."""

import json
import re
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import save_file

from pp_ref.dictionaries import Dictionary, Frames, Grid, Recipe, Units, dictionary_from_recipe, make_dictionary
from pp_ref.dictionaries.dictionary import DICTIONARY, flush_subnormals
from pp_ref.errors import DataError, DomainError
from pp_ref.generators import BIT_GENERATORS
from tests.disk import full_disk
from tests.refused import refuses

X = np.random.default_rng(7).random((40, 24))
SPACE = Grid(4, 6)


def my_covariance(a, b):
    return np.exp(-abs(a[:, None] - b[None, :]).sum(-1))


# What to ask for, by name; each is made with the generator that the test chooses.
ASKED = {
    "se": ("se", {"proportion": 0.3, "n_columns": 3}),
    "se atom strided": ("se", {"n_alpha": 6, "alpha": "strided", "form": "atom"}),
    "se windowed": ("se", {"n_alpha": 6, "alpha": "windowed", "n_columns": 2, "window": 0.3}),
    "se farthest": ("se", {"n_alpha": 6, "alpha": "farthest", "n_columns": 2}),
    "matern cholesky": ("matern", {"proportion": 0.3, "alpha": "cholesky", "nu": 0.7, "n_columns": 2}),
    "emp leverage": ("emp", {"proportion": 0.3, "alpha": "leverage", "data": X}),
    "emp2": ("emp2", {"proportion": np.float32(0.25), "n_columns": np.int64(2), "data": X.astype(np.float32)}),
    "explicit": ("se", {"alpha": [[3, 1, 7], np.array([0, 2, 23])], "n_columns": 2, "ridge": 0}),
    "se variance": ("se", {"n_alpha": 6, "alpha": "variance", "n_columns": 2, "data": X}),
    "emp of unit norm": ("emp", {"proportion": 0.3, "data": X, "unit_norm": True}),
    "ae": ("ae", {"n_alpha": 3, "iterations": 4, "examples": 20, "data": X}),
    "ae shared": ("ae", {"n_alpha": 3, "iterations": 4, "examples": 20, "atoms": 7, "n_columns": 2, "data": X}),
    "randcon": ("randcon", {"proportion": 0.3, "n_columns": 2}),
    "randfixu": ("randfixu", {"proportion": 0.3, "n_columns": 2, "distribution": "uniform"}),
    "lowrank": ("lowrank", {"n_alpha": 5}),
    "dct": ("dct", {"n_alpha": 5, "n_columns": 2}),
    "fourier uniform": ("fourier", {"n_alpha": 5, "alpha": "uniform"}),
    "pca": ("pca", {"n_alpha": 5, "data": X}),
    "kmeans": ("kmeans", {"n_alpha": 5, "data": X, "whitening": 0.1, "n_columns": 2}),
    "downsample": ("downsample", {"n_alpha": 6}),
    "nokernel": ("nokernel", {"proportion": 1, "n_columns": 2}),
    "callable": (my_covariance, {"n_alpha": 5}),
    "own": ("own", {"U": [np.eye(24)[:, :3], np.ones((24, 3))], "n_columns": 2}),
}


def ask(name, rng=None):
    kind, settings = ASKED[name]
    return make_dictionary(kind, SPACE, rng=np.random.default_rng(0) if rng is None else rng, **settings)


def assert_same_bits(a, b):
    assert (a.space, a.recipe, a.n_columns) == (b.space, b.recipe, b.n_columns)
    for left, right in zip(a.columns, b.columns, strict=True):
        assert (left.structure, left.condition, left.rank) == (right.structure, right.condition, right.rank)
        assert left.alpha.dtype == right.alpha.dtype
        assert left.U.dtype == right.U.dtype
        assert left.alpha.tobytes() == right.alpha.tobytes()
        assert left.U.tobytes() == right.U.tobytes()
        assert left.U.shape == right.U.shape


@pytest.mark.parametrize("name", ASKED)
def test_one_seed_one_dictionary(name):
    assert_same_bits(ask(name), ask(name))


# No chance enters these, nor the first column of a strided or greedy choice.
FIXED = {"explicit", "own", "nokernel", "downsample", "pca", "dct", "se atom strided", "matern cholesky"}


@pytest.mark.parametrize("name", ASKED)
def test_another_seed_is_another_draw_where_something_is_drawn(name):
    first, second = (ask(name, np.random.default_rng(seed)).columns[0].U.tobytes() for seed in (0, 1))
    assert (first == second) == (name in FIXED)


@pytest.mark.parametrize("name", ASKED)
def test_saved_and_loaded(name, tmp_path):
    made = ask(name)
    made.save(tmp_path / "U.safetensors")
    assert_same_bits(Dictionary.load(tmp_path / "U.safetensors"), made)
    assert [path.name for path in tmp_path.iterdir()] == ["U.safetensors"]


@pytest.mark.parametrize("name", ASKED)
def test_made_again_from_its_recipe(name):
    made = ask(name)
    recipe = Recipe.from_json(json.loads(json.dumps(made.recipe.to_json(), allow_nan=False)))
    assert recipe == made.recipe
    _, settings = ASKED[name]
    covariance = my_covariance if name == "callable" else None
    again = dictionary_from_recipe(recipe, settings.get("data"), covariance=covariance, U=settings.get("U"))
    assert_same_bits(again, made)


def test_wavelets_come_back_too(tmp_path):
    pytest.importorskip("pywt")
    made = make_dictionary("wavelet", SPACE, n_alpha=5, rng=np.random.default_rng(0))
    made.save(tmp_path / "U")
    assert_same_bits(Dictionary.load(tmp_path / "U"), made)
    assert_same_bits(dictionary_from_recipe(made.recipe), made)


@pytest.mark.parametrize("bits", BIT_GENERATORS)
def test_every_bit_generator_goes_into_a_recipe(bits):
    rng = np.random.Generator(getattr(np.random, bits)(5))
    rng.integers(0, 9, 7, dtype=np.uint32)  # leaves half a word buffered
    made = ask("se", rng)
    recipe = Recipe.from_json(json.loads(json.dumps(made.recipe.to_json())))
    assert_same_bits(dictionary_from_recipe(recipe), made)


def test_the_recipe_holds_every_default():
    recipe = ask("se").recipe
    assert recipe.settings == {"length_scale": 1.0, "ridge": 1e-3, "form": "ridge", "alpha": "uniform"}
    assert (recipe.kind, recipe.proportion, recipe.n_alpha, recipe.n_columns) == ("se", 0.3, None, 3)
    assert ask("emp2").recipe.data["shape"] == [40, 24]
    assert ask("emp2").recipe.data["dtype"] == "<f4"


def test_a_recipe_as_json():
    """Neither keys nor order may change: files that were saved have to load, and records hold such settings."""
    rng = np.random.default_rng(0)
    recipe = ask("callable", rng).recipe
    assert list(recipe.to_json().items()) == [
        ("kind", "callable"),
        ("space", {"type": "Grid", "height": 4, "width": 6, "channels": 1}),
        ("proportion", None),
        ("n_alpha", 5),
        ("n_columns", 1),
        ("settings", {"ridge": 1e-3, "form": "ridge", "alpha": "uniform"}),
        ("rng", np.random.default_rng(0).bit_generator.state),
        ("data", None),
        ("U", None),
        ("kernel", f"{my_covariance.__module__}.my_covariance"),
    ]


def scaled(a, b, length, power=1):
    return np.exp(-((abs(a[:, None] - b[None, :]) / np.asarray(length)) ** power).sum(-1))


@pytest.mark.parametrize("length", [2.0, [2.0, 3.0, 4.0], np.array([2.0, 3.0, 4.0])])
def test_a_recipe_has_the_settings_that_partial_binds(length):
    made = make_dictionary(partial(scaled, length=length), SPACE, n_alpha=5, rng=np.random.default_rng(0))
    assert made.recipe.covariance.startswith(f"{scaled.__module__}.scaled(length=")
    recipe = Recipe.from_json(json.loads(json.dumps(made.recipe.to_json())))
    assert_same_bits(dictionary_from_recipe(recipe, covariance=partial(scaled, length=length)), made)
    other = np.multiply(length, 1.5)
    for changed in (partial(scaled, length=other), partial(scaled, length=length, power=2), my_covariance):
        with pytest.raises(DomainError, match="^covariance is .*, but the recipe was made from .*: pass the same"):
            dictionary_from_recipe(recipe, covariance=changed)


PASSED = [
    ("callable", {}, "^covariance is missing: the recipe was made with .*my_covariance, pass that function$"),
    ("own", {}, "^U is missing: a recipe of kind own holds only its digest"),
    ("own", {"U": [np.ones((24, 3))] * 2}, "^U is .*, but the recipe was made from .*: pass the same U$"),
    (
        *("callable", {"covariance": lambda a, b: my_covariance(a, b)}),
        "^covariance is .*, but the recipe was made from .*: pass the same covariance$",
    ),
    ("emp leverage", {"data": X[::-1]}, "^data is .*, but the recipe was made from .*: pass the same data$"),
    ("emp leverage", {}, "^data is missing: kind emp needs the layer's input"),
]
test_what_json_cannot_hold_has_to_be_passed = refuses(
    lambda name, passed: dictionary_from_recipe(ask(name).recipe, **passed), {DomainError: PASSED}
)


def test_files_that_are_no_dictionary(tmp_path):
    path = tmp_path / "U"
    with pytest.raises(DataError, match=r"U cannot be read \(No such file or directory\): expected a dictionary$"):
        Dictionary.load(path)
    ask("se").save(path)
    whole = path.read_bytes()
    message = r"U is not a dictionary, or it is damaged \(.*\): save it again, or make it again from its recipe$"
    for content in (whole[:-10], b"not safetensors at all", whole + b"more"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            Dictionary.load(path)
    for metadata in (None, {"format": "pp_ref.Dictionary 1"}, {"format": "pp_ref.Dictionary 9"}):
        save_file({"a": np.zeros(3)}, path, metadata)
        with pytest.raises(DataError, match=message):
            Dictionary.load(path)


@pytest.mark.parametrize("name", ["se", "nokernel"])
def test_no_flipped_bit_is_believed(name, tmp_path):
    path = tmp_path / "U"
    ask(name).save(path)
    whole = path.read_bytes()
    for bit in np.random.default_rng(1).choice(8 * len(whole), 200, replace=False):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(DataError, match="U (is not a dictionary|was written by a newer)"):
            Dictionary.load(path)


def tensors_of(made):
    """What `save` writes of a dictionary with one column."""
    return {
        "condition": np.array([column.condition for column in made.columns]),
        "rank": np.array([column.rank for column in made.columns]),
        "alpha.0": made.columns[0].alpha.copy(),
        "U.0": made.columns[0].U.copy(),
    }


UNFIT = {
    "a tensor more": (lambda t: {"U.1": t["U.0"]}, "it has the tensors U.0, U.1, alpha.0, .* expected U.0, alpha.0"),
    "float32": (lambda t: {"U.0": t["U.0"].astype("f4")}, r"U.0 is float32 \(24, 6\), expected finite float64"),
    "other axes": (lambda t: {"U.0": t["U.0"].T}, r"U.0 is float64 \(6, 24\), expected finite float64 \(24, 6\)"),
    "NaN": (lambda t: {"U.0": t["U.0"] * np.nan}, "U.0 is float64 .*, expected finite float64"),
    "fewer kept": (lambda t: {"alpha.0": t["alpha.0"][1:]}, r"U.0 is float64 \(24, 6\), expected .* \(24, 5\)"),
    "none kept": (lambda t: {"alpha.0": t["alpha.0"][:0]}, r"alpha.0 is int64 \(0,\), expected int64 \(k,\)"),
    "alpha in int32": (lambda t: {"alpha.0": t["alpha.0"].astype("i4")}, "alpha.0 is int32"),
    "kept twice": (lambda t: {"alpha.0": t["alpha.0"][[0, 0, 2, 3, 4, 5]]}, "alpha.0 is not sorted and distinct"),
    "below 0": (lambda t: {"alpha.0": t["alpha.0"] - 24}, "alpha.0 is not sorted and distinct from 0 on"),
    "two ranks": (lambda t: {"rank": np.array([1, 2])}, "condition and rank are not a float64 and an int64 for each"),
    "no rank": (lambda t: {"rank": np.array([7])}, "the rank of column 0 is 7, expected 0 to 6"),
    "no condition": (lambda t: {"condition": np.array([np.nan])}, "a condition is NaN"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_checksum_makes_no_dictionary_of_what_is_none(case, tmp_path):
    change, said = UNFIT[case]
    made = make_dictionary("se", SPACE, n_alpha=6, rng=np.random.default_rng(0))
    tensors = tensors_of(made)
    metadata = {"recipe": made.recipe.to_json(), "structure": [column.structure for column in made.columns]}
    DICTIONARY.write_tensors(tmp_path / "U", tensors, metadata)
    assert_same_bits(Dictionary.load(tmp_path / "U"), made)
    DICTIONARY.write_tensors(tmp_path / "U", tensors | change(tensors), metadata)
    with pytest.raises(DataError, match=rf"U is not a dictionary, or it is damaged \({said}.*\): save it again"):
        Dictionary.load(tmp_path / "U")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"structure": ["sparse"]}, "structure is 'sparse', expected one of dense, gather, separable, channel-tied"),
        ({"structure": ["dense"] * 2}, "it has 2 columns, but its recipe 1"),
        ({"structure": 1}, "TypeError"),
        ({"recipe": {"kind": "se"}}, "KeyError\\('space'\\)"),
    ],
    ids=str,
)
def test_metadata_that_describe_no_dictionary(changes, said, tmp_path):
    made = make_dictionary("se", SPACE, n_alpha=6, rng=np.random.default_rng(0))
    metadata = {"recipe": made.recipe.to_json(), "structure": ["dense"]}
    DICTIONARY.write_tensors(tmp_path / "U", tensors_of(made), metadata | changes)
    with pytest.raises(DataError, match=rf"U is not a dictionary, or it is damaged \({said}"):
        Dictionary.load(tmp_path / "U")


def test_a_gathered_column_keeps_weights_that_are_there(tmp_path):
    made = make_dictionary("nokernel", SPACE, proportion=1, rng=np.random.default_rng(0))
    tensors = {name: array for name, array in tensors_of(made).items() if name != "U.0"}
    tensors["alpha.0"][-1] = 24
    metadata = {"recipe": made.recipe.to_json(), "structure": ["gather"]}
    DICTIONARY.write_tensors(tmp_path / "U", tensors, metadata)
    with pytest.raises(DataError, match="alpha.0 has 24, expected less than 24"):
        Dictionary.load(tmp_path / "U")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "U"
    ask("se").save(path)
    before = path.read_bytes()
    with full_disk(), pytest.raises(DataError, match="could not be written: No space left on device"):
        ask("randfixu").save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["U"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_no_subnormals_in_any_format(dtype):
    made = make_dictionary("se", Grid(28, 28), proportion=0.1, form="atom", rng=np.random.default_rng(0))
    (U,), (column,) = made.U(dtype), made.columns
    tiny = np.finfo(dtype).tiny
    assert U.dtype == dtype
    assert U.flags.c_contiguous
    assert U.flags.writeable
    assert ((U == 0) | (abs(U) >= tiny)).all()
    near = column.U.astype(np.longdouble)
    # Rounded to the format, or flushed: off by half an ulp, or by less than the smallest normal number.
    assert (abs(U.astype(np.longdouble) - near) <= np.maximum(np.finfo(dtype).eps * near, tiny)).all()
    if dtype == np.float32:
        raw = column.U.astype(dtype)
        assert ((raw != 0) & (abs(raw) < tiny)).any(), "there was something to flush"


def test_the_smallest_normal_number_stays():
    tiny = np.finfo(np.float32).tiny
    got = flush_subnormals(np.array([tiny, -tiny, tiny / 2, -tiny / 2, 0, 1], dtype=np.float32))
    np.testing.assert_array_equal(got, np.array([tiny, -tiny, 0, 0, 0, 1], dtype=np.float32))


def test_a_dictionary_cannot_be_changed_by_accident():
    made = ask("se")
    for array in (made.columns[0].U, made.alpha[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    made.U()[0][:] = 0
    assert made.U()[0].any()


def test_the_callers_arrays_are_left_alone():
    U, alpha = np.eye(24)[:, :3], np.array([5, 1, 3])
    make_dictionary("own", SPACE, U=U, rng=np.random.default_rng(0))
    make_dictionary("se", SPACE, alpha=[alpha], rng=np.random.default_rng(0))
    U[0], alpha[0] = 2, 2
    assert alpha.tolist() == [2, 1, 3]


def test_static_counts_follow_the_columns():
    made = (make_dictionary("se", SPACE, n_alpha=6, n_columns=j, rng=np.random.default_rng(0)) for j in (1, 4))
    assert [dictionary.static_count for dictionary in made] == [24 * 6, 4 * 24 * 6]


@pytest.mark.parametrize("space", [Frames(5, 3), Units(15)], ids=str)
def test_other_spaces_are_saved_too(space, tmp_path):
    made = make_dictionary("emp", space, proportion=0.3, data=X[:, :15], rng=np.random.default_rng(0))
    made.save(tmp_path / "U")
    assert Dictionary.load(tmp_path / "U").space == space
    assert re.match(r"^(Frames|Units)\(", str(space))
