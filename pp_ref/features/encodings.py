"""Encodings of a filter's response z = v W: its size, or its two signs apart."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_not_negative, check_numpy
from pp_ref.errors import DomainError, check_known

__all__ = ["Encoding", "encode", "encoding_parts"]

Encoding = Literal["absolute", "rectified", "split", "soft"]
Part = Callable[[NDArray[Any], float, NDArray[Any]], NDArray[Any]]  # (z, threshold, out) -> out, of the shape of z


def _size(z: NDArray[Any], threshold: float, out: NDArray[Any]) -> NDArray[Any]:
    np.absolute(z, out=out)
    return out


def _above(z: NDArray[Any], threshold: float, out: NDArray[Any]) -> NDArray[Any]:
    np.maximum(np.subtract(z, threshold, out=out), 0, out=out)
    return out


def _below(z: NDArray[Any], threshold: float, out: NDArray[Any]) -> NDArray[Any]:
    np.maximum(np.subtract(-threshold, z, out=out), 0, out=out)
    return out


PARTS: dict[str, tuple[Part, ...]] = {
    "absolute": (_size,),
    "rectified": (_above,),
    "split": (_above, _below),
    "soft": (_above, _below),
}


def encoding_parts(encoding: Encoding, threshold: float) -> tuple[Part, ...]:
    """Return the functions (z, threshold, out) -> out whose results, side by side, are the code.

    raises  DomainError as `encode`
    """
    check_known("encoding", encoding, PARTS)
    check_not_negative(threshold=threshold)
    if threshold and encoding != "soft":
        raise DomainError(f"threshold is {threshold}, but the encoding {encoding!r} has none: take 'soft', or 0")
    return PARTS[encoding]


def encode(z: NDArray[Any], encoding: Encoding = "absolute", threshold: float = 0.0) -> NDArray[Any]:
    """Encode responses as features.

    z          (..., m) float32 or float64
    encoding   "absolute"   |z|: our choice for RICA, since it is RICA's penalty; the paper does not say
               "rectified"  max(0, z)
               "split"      [max(0, z), max(0, -z)]
               "soft"       [max(0, z - a), max(0, -z - a)], a = threshold
    threshold  finite, >= 0, in the unit of z; 0 for the other encodings. "soft" with 0 is "split"
    returns    (..., m), or (..., 2 m) for those with two parts; in the dtype of z
    raises     DomainError for another encoding, dtype or threshold

    Sources: split signs, Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011;
    soft threshold, Coates, Ng, The importance of encoding versus training with sparse coding and vector quantization,
    2011.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import encode
    >>> z = np.array([[-3.0, 2.0]])
    >>> encode(z)
    array([[3., 2.]])
    >>> encode(z, "split")
    array([[0., 2., 3., 0.]])
    >>> encode(z, "soft", threshold=2.5)
    array([[0. , 0. , 0.5, 0. ]])
    """
    parts = encoding_parts(encoding, threshold)
    check_numpy("float32 or float64", z=z)
    return np.concatenate([part(z, float(threshold), np.empty_like(z)) for part in parts], axis=-1)
