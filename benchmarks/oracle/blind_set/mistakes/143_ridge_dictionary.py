import numpy as np


def ridge_dictionary(K, alpha, ridge, form):
    columns = K.take(alpha, axis=1)
    if form == "ridge":
        inverse = np.linalg.inv(columns.take(alpha, axis=0) + ridge)
        return columns @ inverse
    return columns
