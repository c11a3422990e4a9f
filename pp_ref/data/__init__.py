"""Data sets: found, read, checked, and downloaded only when no place on this machine holds them."""

from pp_ref.data.cifar10 import load_cifar10
from pp_ref.data.dataset import Dataset, Split
from pp_ref.data.idx import read_idx
from pp_ref.data.mnist import load_digits, load_mnist
from pp_ref.data.search import find_data

__all__ = ["Dataset", "Split", "find_data", "load_cifar10", "load_digits", "load_mnist", "read_idx"]
