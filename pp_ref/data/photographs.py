"""Two colour photographs from an installed package, for a first run without any download."""

import hashlib

import numpy as np

from pp_ref.data.dataset import Images
from pp_ref.errors import DataError, import_extra
from pp_ref.files import reason

__all__ = ["load_photographs"]


def load_photographs() -> Images:
    """Load scikit-learn's sample images, a temple in China and a flower.

    returns  Images; x uint8 (2, 427, 640, 3), RGB
    raises   MissingExtraError if scikit-learn is not installed; DataError if its files are missing or damaged

    The files are JPEG, and decoders may differ in a bit: the digest is that of the decoded pixels. The licence is
    CC BY 2.0, according to scikit-learn's documentation.

    Examples
    --------
    >>> from pp_ref.data import load_photographs
    >>> load_photographs().x.shape
    (2, 427, 640, 3)
    """
    datasets = import_extra("sklearn.datasets", "features")
    try:
        x = np.stack(datasets.load_sample_images().images)
    except Exception as error:  # decoders raise errors of many kinds
        raise DataError(
            f"scikit-learn's china.jpg and flower.jpg cannot be read ({type(error).__name__}: {reason(error)}); "
            "expected two images: reinstall it, pip install --force-reinstall scikit-learn"
        ) from error
    digest = hashlib.sha256(x.data).hexdigest()
    return Images("photographs", x, f"scikit-learn's china.jpg and flower.jpg (SHA-256 of pixels {digest})", digest)
