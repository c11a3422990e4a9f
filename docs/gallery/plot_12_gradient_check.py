"""
The order of the remainder
==========================

f(x + h d) - f(x - h d) - 2 h <g, d> falls as h^3 if g is the gradient of f, and as h if it is not: a check that needs
no tolerance.
"""

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
v, W, d = rng.standard_normal((20, 6)), rng.standard_normal((6, 3)) / 6, rng.choice([-1.0, 1.0], (6, 3))


def f(W):
    return np.tanh(v @ W).sum()


right = v.T @ (1 - np.tanh(v @ W) ** 2)
wrong = right.copy()
wrong[0, 0] *= 1.001
steps = 2.0 ** np.arange(-20, 0)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for g, label in ((right, "the gradient"), (wrong, "one entry wrong by 0.1 %")):
    remainder = [abs(f(W + h * d) - f(W - h * d) - 2 * h * np.sum(g * d)) for h in steps]
    ax.loglog(steps, remainder, "o-", label=label)
ax.set(xlabel="h", ylabel="remainder")
ax.legend()
plt.show()
