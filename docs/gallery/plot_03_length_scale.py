"""
Length scale: what is lost, and how well the system is conditioned
==================================================================

A longer length scale predicts a smooth feature better, until K_alpha is nearly singular and the ridge decides.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary

y, x = np.mgrid[-3:3:20j, -3:3:20j]
W = (np.cos(2 * x + y) * np.exp(-(x**2 + y**2) / 3)).reshape(-1, 1)
scales = np.geomspace(0.3, 6, 15)
lost, condition = [], []
for scale in scales:
    rng = np.random.default_rng(0)
    (column,) = make_dictionary("se", Grid(20, 20), proportion=0.25, rng=rng, length_scale=scale).columns
    lost.append(np.sum((W - column.U @ W[column.alpha]) ** 2) / np.sum(W**2))
    condition.append(column.condition)

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.loglog(scales, lost, "o-", label="share of the feature that is lost")
ax.loglog(scales, condition, "s--", label="condition number of K_alpha + ridge I")
ax.set(xlabel="length scale, pixels")
ax.legend()
plt.show()
