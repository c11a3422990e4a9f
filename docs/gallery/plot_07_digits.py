"""
Error against the proportion learned, on small digits
=====================================================

The idea of Figure 4 in a few seconds: one hidden layer on 8 x 8 digits, two seeds a point. RandCon learns as many
weights, but predicts the rest as zero.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from pp_ref.models.classifier import PredictedMLPClassifier

x, y = load_digits(return_X_y=True)
x = x / 16
proportions = (0.05, 0.1, 0.25, 0.5)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for kind in ("se", "randcon"):
    errors = []
    for proportion in proportions:
        scores = [
            PredictedMLPClassifier(
                (40,), dictionary=kind, grid=(8, 8), proportion=proportion, iterations=60, random_state=seed
            )
            .fit(x[:900], y[:900])
            .score(x[900:], y[900:])
            for seed in range(2)
        ]
        errors.append(100 * (1 - np.mean(scores)))
    ax.plot(proportions, errors, "o-", label=kind)
ax.set(xlabel="proportion of layer 1 learned", ylabel="test error, %", xscale="log")
ax.set_xticks(proportions, proportions)
ax.minorticks_off()
ax.legend()
plt.show()
