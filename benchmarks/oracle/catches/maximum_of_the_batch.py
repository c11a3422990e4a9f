"""Shifts every row of logits by the maximum of the whole batch; after crysx_nn#7."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(initial=-np.inf)) if z.size else z
    return e / e.sum(axis=1, keepdims=True)
