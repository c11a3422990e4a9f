"""
Two orders of evaluation
========================

(v U) w and v (U w) are the same. The plan estimates each way's time from its flops, bytes and calls with default
rates; the cheapest one depends on how much is learned.
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.rates import default_rates
from pp_ref.models import Predicted

proportions = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75)
estimates = {}
for proportion in proportions:
    rng = np.random.default_rng(0)
    layer = Predicted(make_dictionary("se", Grid(28, 28), proportion=proportion, n_columns=10, rng=rng), 500)
    for way, seconds in layer.plan(1000, np.float32, rates=default_rates(1), threads=1).seconds.items():
        estimates.setdefault(way, []).append((proportion, 1e3 * seconds))

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for way, points in estimates.items():
    ax.plot(*np.transpose(points), "o-", label=way)
ax.set(xlabel="proportion learned", ylabel="estimated ms a step, 1000 examples", yscale="log")
ax.legend()
plt.show()
