"""
A feature from a quarter of its weights
=======================================

A smooth feature is kept at random places alpha. Kernel ridge regression predicts the rest, W = U w_alpha (sec. 3.1).
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary

y, x = np.mgrid[-3:3:28j, -3:3:28j]
W = (np.cos(2 * x + y) * np.exp(-(x**2 + y**2) / 3)).reshape(-1, 1)
dictionary = make_dictionary("se", Grid(28, 28), proportion=0.25, rng=np.random.default_rng(0), length_scale=2.0)
(column,) = dictionary.columns
kept = np.full(784, np.nan)
kept[column.alpha] = W[column.alpha, 0]
predicted = column.U @ W[column.alpha]
error = np.sum((W - predicted) ** 2) / np.sum(W**2)

figure, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for ax, image, title in zip(axes, (W, kept, predicted), ("learned", "a quarter kept", f"predicted, {error:.2%} lost")):
    ax.imshow(np.reshape(image, (28, 28)), cmap="gray", vmin=-1, vmax=1)
    ax.set(title=title, xticks=[], yticks=[])
plt.show()
