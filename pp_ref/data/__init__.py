"""Data sets: found, read and checked; a data set is downloaded only if it is not on this machine."""

from pp_ref.data.cifar10 import load_cifar10
from pp_ref.data.dataset import Dataset, Images, Split
from pp_ref.data.idx import read_idx
from pp_ref.data.mnist import load_digits, load_mnist
from pp_ref.data.natural_images import load_natural_images
from pp_ref.data.photographs import load_photographs
from pp_ref.data.search import find_data
from pp_ref.data.stl10 import STL10, fold_splits, load_stl10, load_stl10_sample, load_stl10_unlabelled
from pp_ref.data.timit import Timit, Utterance, load_timit, load_timit_sample
from pp_ref.data.validation import HELD_OUT, hold_out

__all__ = [
    "HELD_OUT",
    "STL10",
    "Dataset",
    "Images",
    "Split",
    "Timit",
    "Utterance",
    "find_data",
    "fold_splits",
    "hold_out",
    "load_cifar10",
    "load_digits",
    "load_mnist",
    "load_natural_images",
    "load_photographs",
    "load_stl10",
    "load_stl10_sample",
    "load_stl10_unlabelled",
    "load_timit",
    "load_timit_sample",
    "read_idx",
]
