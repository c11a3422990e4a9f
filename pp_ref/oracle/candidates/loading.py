"""A candidate's module, imported from a file, from a package's folder, or by name."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pp_ref.errors import DataError

__all__ = ["imported", "located"]


def imported(path: str) -> ModuleType:
    """The module of a Python file, of a package's folder, or of a name.

    Its folder comes first on the path for modules, as of a program that is run, so that it can import what lies beside
    it. A file in a package (its folder has ``__init__.py``) is imported as the package's module, relative imports and
    all.
    raises  DataError if it cannot be imported
    """
    try:
        file = located(path)
        return importlib.import_module(path) if file is None else _from_file(file)
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        raise DataError(
            f"{path} cannot be imported ({type(error).__name__}: {error}); expected a Python file or the name of a "
            "module with functions of the documented names"
        ) from error


def located(path: str) -> Path | None:
    """The file that is meant, None if it is a module's name."""
    if not path.endswith(".py") and not (Path(path) / "__init__.py").is_file():
        return None
    return Path(path).absolute() if path.endswith(".py") else Path(path).absolute() / "__init__.py"


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise FileNotFoundError("no such file")
    folder, names = file.parent, [] if file.stem == "__init__" else [file.stem]
    _put_first(folder)
    if not (folder / "__init__.py").is_file():
        return _alone(file)
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    _put_first(folder)
    module = importlib.import_module(".".join(names))
    if Path(module.__file__ or "").resolve() != file.resolve():
        raise ImportError(f"{'.'.join(names)} is the module in {module.__file__}: rename one of the two packages")
    return module


def _alone(file: Path) -> ModuleType:
    """Under a name of its own: json.py would be everybody's json."""
    spec = importlib.util.spec_from_file_location(f"candidate_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError("no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _put_first(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
