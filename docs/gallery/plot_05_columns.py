"""
Why columns
===========

One column keeps the same pixels for all units. Ten columns with a tenth of the units each look at more of them
together, with as many learned weights (sec. 3.4).
"""

import matplotlib.pyplot as plt
import numpy as np

from pp_ref.dictionaries import Grid, make_dictionary

columns = (1, 2, 5, 10, 25, 50)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for proportion in (0.025, 0.05, 0.1):
    seen = []
    for J in columns:
        rng = np.random.default_rng(0)
        made = make_dictionary("se", Grid(28, 28), proportion=proportion, n_columns=J, rng=rng)
        seen.append(len(np.unique(np.concatenate([column.alpha for column in made.columns]))) / 784)
    ax.plot(columns, seen, "o-", label=f"{proportion:.1%} learned")
ax.set(xlabel="columns", ylabel="share of the pixels that some column keeps", xscale="log", ylim=(0, 1))
ax.set_xticks(columns, columns)
ax.legend()
plt.show()
