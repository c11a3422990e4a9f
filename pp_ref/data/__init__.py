"""Data sets: found, read, checked, and downloaded only when no place on this machine holds them."""

from pp_ref.data.idx import read_idx
from pp_ref.data.mnist import Dataset, Split, load_digits, load_mnist
from pp_ref.data.search import find_data

__all__ = ["Dataset", "Split", "find_data", "load_digits", "load_mnist", "read_idx"]
