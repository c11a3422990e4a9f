"""
One column of every kind of dictionary
======================================

Six atoms U[:, i] of each kind, for 8 x 8 digits. Atoms of smooth kinds are bumps in the image; those made from data follow what
pixels do together; those of RandCon are single pixels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from pp_ref.dictionaries import KINDS, Grid, make_dictionary

data = load_digits().data / 16
kinds = [name for name in KINDS if name not in ("nokernel", "wavelet")]
figure, axes = plt.subplots(len(kinds), 6, figsize=(6, len(kinds)), layout="constrained")
for row, name in zip(axes, kinds):
    needs = {"data": data} if KINDS[name].data else {}
    dictionary = make_dictionary(name, Grid(8, 8), proportion=0.25, rng=np.random.default_rng(0), **needs)
    for ax, atom in zip(row, dictionary.columns[0].U.T):
        limit = np.abs(atom).max()
        ax.imshow(atom.reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
