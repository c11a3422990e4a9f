"""Imports a helper that lies beside it, as programs in one folder do."""

from products_of_mine import product


def dense_forward(v, W, b):
    return product(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return product(dy, W.T), product(v.T, dy), dy.sum(axis=0)
