"""The folding of 61 phones into 48 and 39 classes."""

import numpy as np

from pp_ref.data.phones import CLASSES, PHONES_39, PHONES_48, PHONES_61, SILENCE, folding


def test_the_numbers_of_classes():
    assert (len(PHONES_61), len(PHONES_48), len(PHONES_39)) == (61, 48, 39)
    assert np.unique(folding()).tolist() == [-1, *range(39)]
    assert np.unique(folding(48)).tolist() == [-1, *range(48)]
    assert [PHONES_61[i] for i in np.flatnonzero(folding() < 0)] == ["q"]
    assert len({phone for classes in CLASSES.values() for phone in classes}) == 48


def test_48_lies_between():
    """Two phones that are one class of 48 are one of 39."""
    for middle in range(48):
        assert np.unique(folding()[folding(48) == middle]).size == 1


def test_lee_and_hons_groups():
    """The groups of 1989 within which confusions are ignored, and the closures."""

    def together(*phones):
        return {PHONES_39[folding()[PHONES_61.index(phone)]] for phone in phones}

    groups = [
        ["sil", "pau", "epi", "h#", "bcl", "dcl", "gcl", "pcl", "tcl", "kcl"][1:],
        "el l",
        "en n nx",
        "sh zh",
        "ao aa",
        "ih ix",
        "ah ax ax-h",
    ]
    groups += ["er axr", "hh hv", "m em", "ng eng", "uw ux"]
    names = [together(*(group.split() if isinstance(group, str) else group)) for group in groups]
    assert names == [{"sil"}, {"l"}, {"n"}, {"sh"}, {"aa"}, {"ih"}, {"ah"}, {"er"}, {"hh"}, {"m"}, {"ng"}, {"uw"}]
    assert PHONES_39[SILENCE] == "sil"
    assert np.bincount(folding()[folding() >= 0]).sum() == 60
