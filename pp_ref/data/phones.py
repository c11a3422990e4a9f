"""The 61 phones of TIMIT's transcriptions, and the 48 and 39 classes that they are folded into.

Source: Lee and Hon, Speaker-independent phone recognition using hidden Markov models, 1989: models are trained on 48
classes, and errors are counted on 39. The glottal stop q belongs to no class. The table is that of Kaldi's recipe
`egs/timit/s5`.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "DROPPED", "PHONES_39", "PHONES_48", "PHONES_61", "SILENCE", "folding"]

# The phones of each of the 39 classes, by the classes of 48 that lie between: 39 -> 48 -> 61.
CLASSES = {
    "aa": {"aa": "aa", "ao": "ao"},
    "ae": {"ae": "ae"},
    "ah": {"ah": "ah", "ax": "ax ax-h"},
    "aw": {"aw": "aw"},
    "ay": {"ay": "ay"},
    "b": {"b": "b"},
    "ch": {"ch": "ch"},
    "d": {"d": "d"},
    "dh": {"dh": "dh"},
    "dx": {"dx": "dx"},
    "eh": {"eh": "eh"},
    "er": {"er": "er axr"},
    "ey": {"ey": "ey"},
    "f": {"f": "f"},
    "g": {"g": "g"},
    "hh": {"hh": "hh hv"},
    "ih": {"ih": "ih", "ix": "ix"},
    "iy": {"iy": "iy"},
    "jh": {"jh": "jh"},
    "k": {"k": "k"},
    "l": {"l": "l", "el": "el"},
    "m": {"m": "m em"},
    "n": {"n": "n nx", "en": "en"},
    "ng": {"ng": "ng eng"},
    "ow": {"ow": "ow"},
    "oy": {"oy": "oy"},
    "p": {"p": "p"},
    "r": {"r": "r"},
    "s": {"s": "s"},
    "sh": {"sh": "sh", "zh": "zh"},
    "sil": {"cl": "pcl tcl kcl", "vcl": "bcl dcl gcl", "epi": "epi", "sil": "h# pau"},
    "t": {"t": "t"},
    "th": {"th": "th"},
    "uh": {"uh": "uh"},
    "uw": {"uw": "uw ux"},
    "v": {"v": "v"},
    "w": {"w": "w"},
    "y": {"y": "y"},
    "z": {"z": "z"},
}
DROPPED = "q"

_48 = {phone: middle for classes in CLASSES.values() for middle, phones in classes.items() for phone in phones.split()}
_39 = {phone: last for last, classes in CLASSES.items() for phones in classes.values() for phone in phones.split()}
PHONES_61: tuple[str, ...] = tuple(sorted([*_39, DROPPED]))
PHONES_48: tuple[str, ...] = tuple(sorted(set(_48.values())))
PHONES_39: tuple[str, ...] = tuple(CLASSES)
SILENCE = PHONES_39.index("sil")


def folding(classes: int = 39) -> NDArray[np.int64]:
    """Return the class of each of the 61 phones, (61,) int64 in 0..classes - 1, and -1 for q, which has none.

    classes  39 or 48: the names are those of `PHONES_39` and `PHONES_48`, in order
    """
    names, of = {39: (PHONES_39, _39), 48: (PHONES_48, _48)}[classes]
    return np.array([names.index(of[phone]) if phone in of else -1 for phone in PHONES_61])
