"""Every public function refuses what is no plain array of the numbers it takes, in the same words everywhere."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from inspect import getmembers, isfunction, signature
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from pp_ref import dictionaries, features, layers, models, training
from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.errors import DomainError
from pp_ref.features import estimators
from pp_ref.kernels.cpu import combine, conv_layer, conv_pool, max_pool, shared_layer
from pp_ref.kernels.cpu.conv2d import conv2d_loops
from pp_ref.kernels.cpu.pool import pool
from pp_ref.kernels.cpu.shared import pool_shared
from pp_ref.kernels.cpu.slices import pool_slices
from pp_ref.kernels.cpu.stencil import pool_stencil
from pp_ref.kernels.gpu import grids, naive, tiled
from pp_ref.kernels.gpu.cuda_on_cpu import DeviceArray
from pp_ref.kernels.gpu.operands import DeviceOperands
from pp_ref.kernels.operands import SeparableOperands, filter_operands, separable_operands
from pp_ref.models import MLP, RICA, Autoencoder, Full, LowRank, Predicted
from pp_ref.models.network import Network
from pp_ref.training import SGD, Layout
from tests.kernels.gpu.standing_in import standing_in
from tests.properties.operations import IMAGES, OPERATIONS, Case
from tests.tree import ROOT, files

BAD: dict[str, Callable[[np.ndarray], Any]] = {
    "uint8": lambda array: None if array.dtype.kind in "iu" else array.astype(np.uint8),
    "bool": lambda array: array.astype(bool),
    "object": lambda array: array.astype(object),
    "masked": np.ma.masked_array,
    "matrix": lambda array: array.view(np.matrix) if array.ndim == 2 else None,
    "list": lambda array: array.tolist() if array.ndim else [array.item()],
}
REAL = ("uint8", "bool")


class Edge(NamedTuple):
    """A public function, arguments that it takes, and the kinds of `BAD` that some of them may be."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    good: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@cache
def drawn(*shape: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(0).standard_normal(shape))


def layer_edges() -> Iterator[Edge]:
    """Forward, backward and the backward passes of weights or input alone, of every operation of the property suite."""
    yield Edge(layers.softmax, {"z": drawn(3, 2)})
    for operation in (*OPERATIONS, *IMAGES):
        names = signature(operation.forward).parameters
        arguments = dict(zip(names, operation.draw(Case()).values(), strict=False))
        yield Edge(operation.forward, arguments)
        if operation.backward:
            y, kept = operation.forward(**arguments)
            named = vars(import_module(operation.backward.__module__))
            for part in ("", "_input", "_weights"):
                if function := named.get(operation.backward.__name__ + part):
                    pulled, cache = signature(function).parameters
                    yield Edge(function, {pulled: y, cache: kept})


@cache
def grid_operands() -> SeparableOperands:
    return separable_operands(make_dictionary("se", Grid(3, 2, 2), proportion=0.5, rng=np.random.default_rng(0)), float)


def of_a_dictionary(room: str, o: Any, drawn: Callable[..., Any]) -> Iterator[Edge]:
    """What the processor's and a device's kernels have under the same names."""
    v, w, b = drawn(3, 12), [drawn(6, 4)], drawn(4)
    for module in ("dense", "fused"):
        of = vars(import_module(f"pp_ref.kernels.{room}.{module}"))
        yield Edge(of[f"pool_{module}"], {"v": v, "o": o})
        yield Edge(of[f"pool_adjoint_{module}"], {"g": drawn(3, 6), "o": o})
        yield Edge(of[f"expand_{module}"], {"w": w, "o": o})
        yield Edge(of[f"project_{module}"], {"G": drawn(12, 4), "o": o, "widths": (4,)})
    of = vars(import_module(f"pp_ref.kernels.{room}.layer"))
    for forward in {"layer_forward", "layer_dense_forward"} & of.keys():
        yield Edge(of[forward], {"v": v, "w": w, "b": b, "o": o})
    for backward in ("layer_backward", "layer_backward_weights"):
        yield Edge(of[backward], {"dy": drawn(3, 4), "cache": SimpleNamespace(o=o, v=v, w=w)})


def kernel_edges() -> Iterator[Edge]:
    o = grid_operands()
    v, w, b, image, dy = drawn(3, 12), [drawn(6, 4)], drawn(4), drawn(2, 4, 4, 2), drawn(3, 4)
    yield from of_a_dictionary("cpu", o, drawn)
    pooled, pixels = combine.PooledCache(o, drawn(3, 6), w), {"v": image, "f": filter_operands(o)}
    for arguments, functions in (
        ({"v": v, "o": o}, (pool_shared, pool_slices, pool_stencil)),
        ({"v": v, "U": o.U[0]}, (pool,)),
        ({"v": v, "w": w, "b": b, "o": o}, (combine.columns_forward, shared_layer.shared_forward)),
        ({"pooled": drawn(3, 6), "w": w, "b": b, "o": o}, (combine.pooled_forward,)),
        ({"dy": dy, "cache": pooled}, (combine.columns_backward, combine.columns_backward_weights)),
        ({"dy": dy, "cache": pooled}, (shared_layer.shared_backward, shared_layer.shared_backward_weights)),
        (pixels, (conv_pool.conv_pool_loops, conv_pool.conv_pool_patches, conv_pool.conv_pool_stencil)),
        (pixels | {"w": w, "b": b}, (conv_layer.conv_forward, conv_layer.conv_dense_forward)),
        ({"v": image, "W": drawn(3, 2, 2, 4), "b": b}, (conv2d_loops,)),
        ({"v": image, "size": 2, "stride": 1}, (max_pool.max_pool_forward,)),
        ({"dy": image, "cache": None}, (max_pool.max_pool_backward,)),
    ):
        yield from (Edge(function, arguments) for function in functions)
    y, cache = conv_layer.conv_dense_forward(**pixels, w=w, b=b)
    for function in (conv_layer.conv_backward, conv_layer.conv_backward_weights):
        yield Edge(function, {"dy": y, "cache": cache})


def device_edges() -> Iterator[Edge]:
    def moved(*shape: int) -> DeviceArray:
        return drawn(*shape).view(DeviceArray)

    yield from of_a_dictionary("gpu", DeviceOperands(grid_operands()), moved)
    v, U, taps = moved(3, 12), moved(12, 6), {"taps_y": moved(3), "taps_x": moved(3), "height": 4, "width": 3}
    places = np.arange(3, dtype=np.int32).view(DeviceArray)
    for function in (naive.pool, tiled.pool_tiled):
        yield Edge(function, {"v": v, "U": U})
    yield Edge(grids.pool_separable, {"v": v} | taps)
    for function in (grids.pool_gathered, grids.gather_smooth):
        yield Edge(function, {"v": v, "alpha": places} | taps, {"alpha": REAL})
    of_columns = {"v": v, "alpha": places, "F": [moved(3, 4)], "b": moved(4)}
    yield Edge(grids.pool_combined, of_columns | taps, {"alpha": REAL})
    of_images = {"g": moved(3, 3), "starts": places, "entries": places}
    yield Edge(grids.smooth_scatter, of_images | taps, {"starts": REAL, "entries": REAL})


def model_edges() -> Iterator[Edge]:
    x, y, rng = drawn(5, 12), np.arange(5) % 3, np.random.default_rng(0)
    predicted = Predicted(make_dictionary("se", Grid(3, 2, 2), proportion=0.5, n_columns=2, rng=rng), 4)
    for weights in (predicted, Full(12, 4), LowRank(12, 4, 2)):
        kind, params = type(weights), weights.init(rng, 0.5, float)
        learned = {name: params[name] for name in weights.shapes}
        z, kept = weights.forward(params, x)
        W, expanded = weights.expand(params)
        yield Edge(kind.forward, {"self": weights, "params": params, "v": x})
        for wrt_input in (True, False):
            yield Edge(kind.backward, {"self": weights, "dy": z, "cache": kept, "wrt_input": wrt_input})
        yield Edge(kind.prepare, {"self": weights, "v": x})
        yield Edge(kind.expand, {"self": weights, "params": learned})
        yield Edge(kind.expand_backward, {"self": weights, "dW": W, "cache": expanded})
    yield Edge(Predicted.pool, {"self": predicted, "v": x})
    for model, labels in ((MLP((predicted,), 3), {"y": y}), (Autoencoder(predicted), {}), (RICA(predicted), {})):
        kind = vars(type(model)) | vars(Network) if labels else vars(type(model))
        of = {"self": model, "params": model.init(rng, 0.5, float)}
        yield Edge(kind["filters"], of)
        yield Edge(type(model).check_params, of)
        yield Edge(type(model).save, of | {"path": "never written"})
        for name in ("loss", "loss_and_gradient", "error"):
            if name in kind:
                yield Edge(kind[name], of | {"x": x} | labels)
        for name in ("predict", "logits"):
            if name in kind:
                yield Edge(kind[name], of | {"x": x})
        if "prepare" in kind:
            yield Edge(kind["prepare"], {"self": model, "x": x})
    yield Edge(models.pretrain, {"x": x, "choose": (lambda _: predicted,), "settings": SGD(0, 0.1), "rng": rng})


def training_edges() -> Iterator[Edge]:
    params, rng = {"W": drawn(2, 3), "b": drawn(3)}, np.random.default_rng(0)
    vector, layout = training.flatten(params)
    yield Edge(training.flatten, {"params": params})
    yield Edge(Layout.views, {"self": layout, "vector": vector})
    yield Edge(Layout.vector, {"self": layout, "named": params})
    yield Edge(training.fit_lbfgs, {"objective": None, "params": params})
    yield Edge(training.fit_sgd, {"objective": None, "params": params, "n": 4, "settings": SGD(1, 0.1), "rng": rng})


def feature_edges() -> Iterator[Edge]:
    x, images, rng = drawn(6, 4), drawn(2, 4, 5, 3), np.random.default_rng(0)
    patch, any_dtype = {"images": images, "patch_shape": (2, 2)}, {"images": REAL}
    yield Edge(features.encode, {"z": x})
    yield Edge(features.quadrant_sums, {"z": images})
    for fit in (features.fit_standardisation, features.fit_whitening):
        yield Edge(fit, {"x": x})
        yield Edge(type(fit(x)).transform, {"self": fit(x), "x": x})
    yield Edge(estimators.random_patches, {"patches": x, "m": 2, "rng": rng})
    yield Edge(estimators.learn_filters, {"patches": x, "filters": 2, "rng": rng})
    yield Edge(features.normalise_contrast, {"x": images}, {"x": ("uint8",)})
    yield Edge(features.extract_features, patch | {"W": drawn(12, 2)}, {"images": ("uint8",)})
    yield Edge(features.every_patch, patch, any_dtype)
    yield Edge(features.sample_patches, patch | {"n_patches": 3, "rng": rng}, any_dtype)
    yield Edge(features.random_crops, {"images": images, "height": 2, "width": 2, "rng": rng}, any_dtype)
    yield Edge(features.random_flips, {"images": images, "rng": rng}, any_dtype)
    yield Edge(features.as_floats, {"images": np.zeros((2, 3), np.uint8)}, any_dtype)  # it takes nothing but uint8
    svm = {"x": x, "y": np.arange(6) % 2, "Cs": (1.0,), "held_out": 0.5, "rng": rng}
    yield Edge(features.fit_linear_svm, svm, {"y": ("bool", "object")})


def speech_edges() -> Iterator[Edge]:
    x, log, n, targets = drawn(6, 4), np.zeros((3, 3)), np.arange(3), np.array([0, 2, 1])
    yield Edge(features.mfcc, {"sound": drawn(500)}, {"sound": REAL})
    yield Edge(features.dct, {"x": x, "n": 2})
    yield Edge(features.deltas, {"x": x})
    yield Edge(features.context_windows, {"x": x, "frames": 3})
    yield Edge(features.frame_targets, {"centres": n, "begin": 0, "ends": n + 1, "phones": targets})
    yield Edge(features.log_priors, {"targets": targets, "classes": 3})
    yield Edge(features.bigram, {"sequences": [targets], "phones": 3})
    given = {"emissions": log, "initial": log[0], "transitions": log, "final": log[0]}
    yield Edge(features.viterbi, given)
    yield Edge(features.phones_of, {"path": targets})
    yield Edge(features.fold_phones, {"phones": targets, "classes": n})
    yield Edge(features.confusions, {"reference": targets, "said": n, "classes": 3})
    yield Edge(features.count_errors, {"found": np.eye(3, dtype=np.int64)})


def dictionary_edges() -> Iterator[Edge]:
    of, data, U = {"space": Units(4), "rng": np.random.default_rng(0)}, drawn(6, 4), drawn(4, 2)
    yield Edge(make_dictionary, {"kind": "emp", "n_alpha": 2, "data": data} | of, {"data": REAL})
    yield Edge(make_dictionary, {"kind": "own", "U": [U]} | of, {"U": REAL})
    emp, own = make_dictionary("emp", **of, n_alpha=2, data=data), make_dictionary("own", **of, U=U)
    yield Edge(dictionaries.dictionary_from_recipe, {"recipe": emp.recipe, "data": data}, {"data": REAL})
    yield Edge(dictionaries.dictionary_from_recipe, {"recipe": own.recipe, "U": [U]}, {"U": REAL})
    yield Edge(dictionaries.choose_covariance, {"kind": "se", "space": Grid(3, 2), "weights": drawn(6, 2)})


ROOMS = {
    "layers": layer_edges,
    "kernels": kernel_edges,
    "device": device_edges,
    "models": model_edges,
    "training": training_edges,
    "features": feature_edges,
    "speech": speech_edges,
    "dictionaries": dictionary_edges,
}


@cache
def edges(room: str) -> list[Edge]:
    return list(ROOMS[room]())


def spoilt(edge: Edge, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each argument with arrays: what a message calls the first of them, and the arguments with that one spoilt."""
    for name, value in edge.arguments.items():
        if name == "cache" or kind in edge.good.get(name, ()):
            continue
        if isinstance(value, np.ndarray | np.generic):
            said, array, around = name, np.asarray(value), lambda bad: bad
        elif isinstance(value, list):
            said, array, around = f"{name}[0]", value[0], lambda bad, value=value: [bad, *value[1:]]
        elif isinstance(value, dict):
            said = next(iter(value))
            array, around = value[said], lambda bad, value=value, said=said: value | {said: bad}
        else:
            continue
        if (bad := BAD[kind](array)) is not None:
            yield said, edge.arguments | {name: around(bad)}


def outcome(function: Callable[..., Any], arguments: dict[str, Any]) -> str:
    try:
        function(**arguments)
    except DomainError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing is raised"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[None]:
    """The stand-in for CuPy. No kernel is launched."""
    with standing_in(tmp_path):
        yield


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("room", ROOMS)
def test_what_is_no_plain_array_is_refused(room: str, kind: str, device: None) -> None:
    wrong = {}
    for edge in edges(room):
        for name, arguments in spoilt(edge, kind):
            said = outcome(edge.function, arguments)
            if not re.match(rf"{re.escape(name)} is an? .*, expected an array of ", said):
                wrong[f"{edge.function.__qualname__}({name})"] = said
    assert wrong == {}


# Public functions whose arguments are no arrays, or which leave the check to another library.
WITHOUT_ARRAYS = [
    "layers.windows.count_windows",
    "models.*.count",
    "models.*.init",
    "models.load.load",
    "models.rica.RICA.of_share",
    "models.model.Model.restore",
    "models.predicted.Predicted.plan",
    "dictionaries.dictionary.*.*",
    "dictionaries.spaces.*.*",
    "features.cepstra.MFCC.*",
    "features.cepstra.mel_filters",
    "features.phone_decoding.phone_states",
    "features.phone_errors.trn_lines",
    "features.estimators.*.fit",
    "features.estimators.*.transform",
    "training.sgd.SGD.*",
    "training.checkpoint.*",
    "training.distributed.Group.*",
    "training.link.*",
    "training.network_model.*",
    "training.parallel.in_threads",
]
# Functions of the kernels that are called once per tile, by functions that have checked.
TRUSTING = [
    "kernels.cpu.combine.check_*",
    "kernels.cpu.combine.combine*",
    "kernels.cpu.combine.fit",
    "kernels.cpu.conv_stencil.*",
    "kernels.cpu.fused.tiles",
    "kernels.cpu.loop_cache.*",
    "kernels.cpu.shared.pool_smoothed",
    "kernels.cpu.slices.smooth_slices",
    "kernels.cpu.stencil.gather_smooth",
    "kernels.cpu.stencil.positions",
    "kernels.cpu.stencil.smooth_scatter",
    "kernels.cpu.threads.*",
    "kernels.gpu.cuda_on_cpu.*",
    "kernels.gpu.defined.define",
    "kernels.gpu.launching.*",
    "kernels.gpu.nvrtc.*",
    "kernels.gpu.operands.*",
]


def public() -> dict[str, Callable[..., Any]]:
    """The functions and methods that rooms export, and those of every file of kernels, by their names in pp_ref."""
    names = [file.removesuffix(".py").replace("/", ".") for file in files(ROOT / "kernels", ".py")]
    modules = [import_module(f"pp_ref.kernels.{name}") for name in names if re.match(r"[cg]pu\.(?!__)", name)]
    found = [
        function
        for module in (layers, features, estimators, training, dictionaries, models, *modules)
        for exported in (getattr(module, name) for name in module.__all__)
        for name, function in (getmembers(exported, isfunction) if isinstance(exported, type) else [("", exported)])
        if not name.startswith("_") and isfunction(function) and function.__module__.startswith("pp_ref.")
    ]
    return {f"{each.__module__.removeprefix('pp_ref.')}.{each.__qualname__}": each for each in found}


def test_every_public_function_is_in_the_table() -> None:
    tested = {edge.function for room in ROOMS for edge in edges(room)}
    others = {
        name
        for name, function in public().items()
        if function not in tested and not getattr(function, "__isabstractmethod__", False)
    }
    left_out = {
        pattern: {name for name in others if fnmatchcase(name, pattern)} for pattern in WITHOUT_ARRAYS + TRUSTING
    }
    assert others - set().union(*left_out.values()) == set()
    assert [pattern for pattern, names in left_out.items() if not names] == []
