"""
How wrong may a right sum be
============================

Errors of float32 sums of n products, as a share of the sum of magnitudes, against gamma_n and against sqrt(n)
roundings. The bound grows with n, so a fixed tolerance is too strict for long sums or too loose for short ones.
"""

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
lengths = 2 ** np.arange(1, 17)
u = 2.0**-24
errors = []
for n in lengths:
    a, b = rng.standard_normal((2, 20, n)).astype(np.float32)
    sums = np.cumsum(a * b, axis=1, dtype=np.float32)[:, -1]  # from left to right
    exact = np.sum(a.astype(np.float64) * b, axis=1)
    errors.append(np.max(np.abs(sums - exact) / np.sum(np.abs(a.astype(np.float64) * b), axis=1)))
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.loglog(lengths, errors, "o", label="largest relative error of 20 sums")
ax.loglog(lengths, lengths * u / (1 - lengths * u), "-", label="gamma_n")
ax.loglog(lengths, np.sqrt(lengths) * u, "--", label="sqrt(n) u")
ax.set(xlabel="n", ylabel="error / sum of magnitudes")
ax.legend()
plt.show()
