"""
Filters of a full and of a predicted net
========================================

First-layer filters after a short training on 4,000 digits, everything learned and a tenth learned.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.data import load_digits
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.models import MLP, Full, Predicted
from pp_ref.training import SGD, fit_sgd

digits = load_digits()
x, y = digits.train.x, digits.train.y
dictionary = make_dictionary("se", Grid(28, 28), proportion=0.1, n_columns=4, rng=np.random.default_rng(0))
figure, axes = plt.subplots(2, 8, figsize=(9, 2.8), layout="constrained")
for row, layer, title in zip(axes, (Full(784, 64), Predicted(dictionary, 64)), ("full", "10 %")):
    model = MLP((layer,), classes=10, weight_decay=5e-5)

    def objective(params, rows, rng, model=model):
        return model.loss_and_gradient(params, x[rows], y[rows])

    rng = np.random.default_rng(1)
    fit = fit_sgd(objective, model.init(rng), len(x), SGD(epochs=8, learning_rate=0.3, momentum=0.5), rng)
    for ax, w in zip(row, model.filters(fit.params)[0].T):
        ax.imshow(w.reshape(28, 28), cmap="gray")
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(title)
plt.show()
