import numpy as np


def limit_column_norms(W, limit):
    norms = np.sqrt(np.einsum("aj,aj->j", W, W))
    factor = np.divide(limit, norms, out=np.ones_like(norms), where=norms > 0)
    return W * factor
