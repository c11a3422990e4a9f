"""
Sparse features of photographs
==============================

Reconstruction ICA (sec. 4.3) on whitened patches of two photographs.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.data import load_photographs
from pp_ref.features import fit_whitening, sample_patches
from pp_ref.models import RICA, Full
from pp_ref.training import fit_lbfgs

rng = np.random.default_rng(0)
pictures = load_photographs().x.mean(axis=-1, keepdims=True)
patches = sample_patches(pictures, (10, 10), 8000, rng)
whitened = fit_whitening(patches - patches.mean(axis=1, keepdims=True)).transform(patches)
model = RICA(Full(100, 32))
prepared = model.prepare(whitened)
fit = fit_lbfgs(
    lambda params: model.loss_and_gradient(params, prepared), model.init(rng, dtype=np.float64), iterations=60
)

figure, axes = plt.subplots(2, 16, figsize=(10, 1.6), layout="constrained")
for ax, w in zip(axes.ravel(), model.filters(fit.params)[0].T):
    ax.imshow(w.reshape(10, 10), cmap="gray")
    ax.set(xticks=[], yticks=[])
plt.show()
