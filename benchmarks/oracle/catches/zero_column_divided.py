"""0 / 0 for a column of zeros; after pytorch#2421 and keras#23075."""

import numpy as np


def limit_column_norms(W, limit):
    with np.errstate(invalid="ignore", divide="ignore"):
        norms = np.sqrt((W * W).sum(axis=0))
        shorter = W * (np.minimum(norms, limit) / norms)
    return np.where(np.isnan(norms), W, shorter)
