"""What all models have in common: their file, and the parameters that a checkpoint of a fit holds."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from pp_ref.arrays import check_arrays, to_numpy
from pp_ref.brief import brief_value
from pp_ref.dictionaries import Dictionary
from pp_ref.envelope import Format
from pp_ref.errors import DataError, DomainError, ShapeError
from pp_ref.models.weights import Params
from pp_ref.training.checkpoint import read_checkpoint
from pp_ref.training.flat import Layout

__all__ = ["MODEL", "Model"]

MODEL = Format("pp_ref.model", "a model")


class Model(ABC):
    """A model: settings, and functions of its parameters, which are a dict of arrays."""

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all parameters by name, in the order of `init`."""

    @abstractmethod
    def init(self, rng: np.random.Generator) -> Params:
        """Return parameters drawn at random."""

    @property
    def static(self) -> Params:
        """The arrays that are never learned, by name: those of all dictionaries.

        raises  DomainError for a stage of the caller's own
        """
        found: list[Dictionary] = []
        _described(self, found)
        return {
            f"{number}.{name}": array
            for number, each in enumerate(found)
            for name, array in each.to_tensors()[0].items()
        }

    def check_params(self, params: Params, unread: str | None = None) -> None:
        """raises DomainError unless params is a dict of plain arrays; ShapeError for other names or shapes

        unread  name of a parameter that may be missing
        """
        if not isinstance(params, Mapping):
            raise DomainError(f"params is {brief_value(params)}, expected a dict of arrays, as model.init returns it")
        check_arrays(**params)
        shapes = self.shapes
        for name in shapes | params:
            if name == unread and name not in params:
                continue
            found = tuple(params[name].shape) if name in params else "missing"
            if found != (expected := shapes.get(name, "no such parameter")):
                raise ShapeError(
                    f"params[{name!r}] is {found}, but this model has {expected}: expected what model.init returns"
                )

    def save(self, path: str | os.PathLike[str], params: Params) -> None:
        """Write the model and its parameters to one safetensors file, whole or not at all; `load` reads it.

        path    of the file
        params  as `init` returns them, float32 or float64, of any library
        raises  ShapeError if these are no parameters of this model; DomainError for a stage of the caller's own, or for
                a dtype that safetensors does not have; DataError if the file cannot be written

        The tensors are the parameters under their names, and of each dictionary "dictionary.0.alpha.0",
        "dictionary.0.U.0", ... The metadata are the settings ("model") and the recipes of the dictionaries.

        Examples
        --------
        >>> import numpy as np
        >>> from pp_ref.models import MLP, Full, load
        >>> model = MLP((Full(6, 8),), classes=3)
        >>> model.save("model.safetensors", model.init(np.random.default_rng(0)))
        >>> again, params = load("model.safetensors")
        >>> again.predict(params, np.ones((2, 6), np.float32)).shape
        (2,)
        """
        self.check_params(params)
        found: list[Dictionary] = []
        model = _described(self, found)
        tensors, recipes = {name: to_numpy(array) for name, array in params.items()}, []
        for number, dictionary in enumerate(found):
            own, recipe = dictionary.to_tensors()
            tensors |= {f"dictionary.{number}.{name}": array for name, array in own.items()}
            recipes.append(recipe)
        try:
            MODEL.write_tensors(Path(path), tensors, {"model": model, "dictionaries": recipes})
        except SafetensorError as error:
            dtypes = ", ".join(sorted({str(array.dtype) for array in params.values()}))
            raise DomainError(f"params hold {dtypes}, which a file cannot: expected float32 or float64") from error

    def restore(self, path: str | os.PathLike[str]) -> Params:
        """Return the parameters in a checkpoint that `fit_sgd` wrote for this model, as views of one vector.

        path    of the checkpoint, of any recipe
        raises  DataError if it cannot be read, is damaged, or holds no parameters; ShapeError if they are another
                model's

        Examples
        --------
        >>> import numpy as np
        >>> from pp_ref.models import MLP, Full
        >>> from pp_ref.training import SGD, Checkpoint, fit_sgd
        >>> rng, x, y = np.random.default_rng(0), np.eye(3, dtype=np.float32), np.arange(3)
        >>> model = MLP((Full(3, 2),), classes=3)
        >>> def objective(params, rows, rng):
        ...     return model.loss_and_gradient(params, x[rows], y[rows])
        >>> fit = fit_sgd(objective, model.init(rng), 3, SGD(2, 0.1), rng, checkpoint=Checkpoint("fit.safetensors", {}))
        >>> params = model.restore("fit.safetensors")
        >>> bool((params["1.W"] == fit.params["1.W"]).all())
        True
        """
        vectors = read_checkpoint(path).vectors
        if "params" not in vectors:
            raise DataError(
                f"{os.fspath(path)} holds {', '.join(vectors)} and no parameters: fit_lbfgs keeps its gradients alone; "
                "run the fit again, and save what it returns by model.save"
            )
        layout = Layout(self.shapes)
        if vectors["params"].shape != (layout.size,):
            raise ShapeError(
                f"{os.fspath(path)} holds {vectors['params'].size:,} parameters, but this model has {layout.size:,}: "
                "expected a checkpoint of its own fit"
            )
        return layout.views(vectors["params"])


def _described(value: Any, found: list[Dictionary]) -> Any:
    """The value for JSON; dictionaries go to ``found``, and their numbers there stand for them.

    raises  DomainError for an object of another package
    """
    if isinstance(value, Dictionary):
        if value not in found:
            found.append(value)
        return {"type": "Dictionary", "number": found.index(value)}
    if is_dataclass(value) and type(value).__module__.startswith("pp_ref.models."):
        named = {field.name: _described(getattr(value, field.name), found) for field in fields(value)}
        return {"type": type(value).__name__} | named
    if isinstance(value, tuple | list):
        return [_described(each, found) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DomainError(
        f"the model has {value!r}, which its file cannot describe: expected the weights and stages of pp_ref.models"
    )
