"""Errors of phone strings: classes that are not told apart, the edit distance, and files for NIST's scoring program."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_integer, check_numpy
from pp_ref.errors import DomainError, import_extra

__all__ = ["Errors", "confusions", "count_errors", "fold_phones", "trn_lines"]

Indices = NDArray[np.int64]


class Errors(NamedTuple):
    """Substitutions, deletions and insertions, and the phones of the reference; `+` adds utterances up.

    Examples
    --------
    >>> from pp_ref.features import Errors
    >>> total = Errors(substitutions=1, deletions=0, insertions=0, phones=5) + Errors(0, 1, 1, 5)
    >>> total
    Errors(substitutions=1, deletions=1, insertions=1, phones=10)
    >>> total.rate
    0.3
    """

    substitutions: int
    deletions: int
    insertions: int
    phones: int

    @property
    def rate(self) -> float:
        """(substitutions + deletions + insertions) / phones, which insertions can take above 1.

        raises  DomainError if the reference has no phone
        """
        if not self.phones:
            raise DomainError("the reference has no phone, so it has no error rate: expected at least one")
        return (self.substitutions + self.deletions + self.insertions) / self.phones

    def __add__(self, other: tuple[Any, ...]) -> "Errors":
        """Add each number to its own."""
        return Errors(*(a + b for a, b in zip(self, other, strict=True)))


def fold_phones(phones: NDArray[np.integer[Any]], classes: Indices) -> Indices:
    """Return the class of each phone, without the phones that have none.

    phones   (k,)
    classes  (phones,) by phone: its class, or -1 for none
    returns  (<= k,) int64; neighbours of one class remain two
    raises   DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import fold_phones
    >>> fold_phones(np.array([0, 2, 1, 2]), classes=np.array([0, -1, 1]))  # phone 1 has no class
    array([0, 1, 1])
    """
    check_numpy("integers", phones=phones, classes=classes)
    folded = classes[phones]
    made: Indices = folded[folded >= 0].astype(np.int64)
    return made


def confusions(reference: NDArray[np.integer[Any]], said: NDArray[np.integer[Any]], classes: int) -> Indices:
    """Return how often each class of the reference is said to be which, in an alignment with the fewest errors.

    reference, said  (k,), (l,) in 0..classes - 1
    returns          (classes + 1, classes + 1) int64: rows are the reference; the last column counts deletions, the
                     last row insertions. Substitution, deletion and insertion cost the same; of several such alignments
                     one is taken, so that only the number of errors is unique
    raises           DomainError; MissingExtraError without rapidfuzz

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import confusions
    >>> confusions(np.array([0, 1]), np.array([0, 0, 1]), 2)  # both are right, and a 0 is inserted
    array([[1, 0, 0],
           [0, 1, 0],
           [1, 0, 0]])
    """
    levenshtein = import_extra("rapidfuzz.distance", "speech").Levenshtein
    check_integer(1, classes=classes)
    check_numpy("integers", reference=reference, said=said)
    for name, phones in (("reference", reference), ("said", said)):
        if len(phones) and not 0 <= phones.min() <= phones.max() < classes:
            raise DomainError(f"{name} has {phones.min()} to {phones.max()}, expected 0 to {classes - 1}")
    found = np.zeros((classes + 1, classes + 1), np.int64)
    for tag, a0, a1, b0, b1 in levenshtein.opcodes(reference.tolist(), said.tolist()):
        rows = reference[a0:a1] if tag != "insert" else np.full(b1 - b0, classes)
        columns = said[b0:b1] if tag != "delete" else np.full(a1 - a0, classes)
        np.add.at(found, (rows, columns), 1)
    return found


def count_errors(found: Indices) -> Errors:
    """Return the numbers of errors in counts of `confusions`.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import confusions, count_errors
    >>> count_errors(confusions(np.array([0, 1, 1]), np.array([0, 0]), 2))
    Errors(substitutions=1, deletions=1, insertions=0, phones=3)
    """
    check_numpy("integers", found=found)
    inner, deleted, inserted = found[:-1, :-1], found[:-1, -1], found[-1, :-1]
    right = int(np.trace(inner))
    return Errors(int(inner.sum()) - right, int(deleted.sum()), int(inserted.sum()), int(found[:-1].sum()))


def trn_lines(strings: dict[str, Sequence[str]]) -> str:
    """The text of a file in NIST's trn form, which sclite reads: "sh iy (fvmh0-sx206)", a line an utterance.

    strings  by utterance, names of phones; an utterance is SPEAKER-SENTENCE, so that sclite can score speakers

    Examples
    --------
    >>> from pp_ref.features import trn_lines
    >>> print(trn_lines({"fvmh0-sx206": ["sh", "iy"]}), end="")
    sh iy (fvmh0-sx206)
    """
    return "".join(f"{' '.join([*names, f'({utterance})'])}\n" for utterance, names in strings.items())
