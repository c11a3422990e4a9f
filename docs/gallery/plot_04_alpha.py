"""
Choices of alpha
================

Which weights are kept: uniform at random (the paper's), far from each other, in strides, or where the data vary.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.data import load_digits
from pp_ref.dictionaries import Grid, make_dictionary

x = load_digits().train.x
figure, axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")
for ax, choice in zip(axes, ("uniform", "windowed", "strided", "farthest", "variance")):
    needs = {"data": x} if choice == "variance" else {}
    rng = np.random.default_rng(0)
    dictionary = make_dictionary("se", Grid(28, 28), proportion=0.1, rng=rng, alpha=choice, **needs)
    kept = np.zeros(784)
    kept[dictionary.columns[0].alpha] = 1
    ax.imshow(x.mean(axis=0).reshape(28, 28), cmap="gray")
    ax.scatter(*np.argwhere(kept.reshape(28, 28)).T[::-1], s=6, color="tab:orange")
    ax.set(title=choice, xticks=[], yticks=[])
plt.show()
