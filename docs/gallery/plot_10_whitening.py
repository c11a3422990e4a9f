"""
Contrast and whitening of patches
=================================

Raw patches, patches with mean 0 and variance 1, and the same whitened by ZCA.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.data import load_photographs
from pp_ref.features import fit_whitening, normalise_contrast, sample_patches

pictures = load_photographs().x.mean(axis=-1, keepdims=True)
patches = sample_patches(pictures, (12, 12), 3000, np.random.default_rng(0))
even = normalise_contrast(patches)
rows = {"raw": patches, "contrast": even, "whitened": fit_whitening(even).transform(even)}
figure, axes = plt.subplots(3, 10, figsize=(9, 3), layout="constrained")
for row, (title, shown) in zip(axes, rows.items()):
    for ax, patch in zip(row, shown):
        ax.imshow(patch.reshape(12, 12), cmap="gray")
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(title)
plt.show()
